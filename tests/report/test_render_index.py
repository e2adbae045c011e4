import json
import re
from pathlib import Path

from page_inputs import render

from stages.core import environment
from stages.report.page.content import TITLES

PAGES = [name for name in TITLES if name != "index"]


def links(html: str) -> set[str]:
    return set(re.findall(r'<a href="pages/(\w+)\.html"><strong>', html))


def test_the_overview_links_to_every_page_and_lists_stages_and_parameters(report):
    html = report["index"].read_text()
    assert links(html) == set(PAGES)
    assert "glove is ahead in WordSim-353." in html
    assert "collect, tokenize, profile_corpus" in html
    assert "embedding.train_embedding.cbow" not in html  # it has no parameters
    assert "<td>[&#39;rnn&#39;, &#39;gru&#39;]</td>" in html
    assert "alert(&#39;caught&#39;)" in html


def test_pages_that_were_not_run_are_named_and_not_linked(report):
    Path("reports/headlines/music.json").unlink()
    Path("reports/headlines/text.json").unlink()
    render("render_index")
    html = report["index"].read_text()
    assert links(html) == set(PAGES) - {"music", "text"}
    assert "<strong>Music</strong><span>Not run yet: <code>python -m flows music</code>" in html
    assert "<strong>Text</strong><span>Not run yet: <code>python -m flows text</code>" in html
    rendered = Path("reports/pages/rendered.js").read_text()
    assert json.loads(re.search(r"\[.*?\]", rendered)[0]) == [
        name for name in PAGES if name not in ("music", "text")
    ]


def test_a_headline_of_no_page_is_ignored(report):
    before = report["index"].read_bytes()
    Path("reports/headlines/removed.json").write_text("{}")
    render("render_index")
    assert report["index"].read_bytes() == before


def test_the_overview_says_which_instruction_sets_were_used(report, monkeypatch):
    for name, value in environment.INSTRUCTION_SETS.items():
        monkeypatch.setenv(name, value)
    render("render_index")
    assert "each of these processors gives the same bytes" in report["index"].read_text()
    monkeypatch.delenv("ATEN_CPU_CAPABILITY")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "SkylakeX")
    render("render_index")
    html = report["index"].read_text()
    assert "other bytes: ATEN_CPU_CAPABILITY=native, OPENBLAS_CORETYPE=SkylakeX." in html
