from pathlib import Path

import pytest
from page_inputs import HOSTILE, METRICS, content, write_metrics

from stages.core.errors import StageError
from stages.core.metrics import read_metrics
from stages.metrics.collect import CollectMetrics


def test_the_page_says_what_became_of_the_corpus(inputs):
    page = content("render_text")
    assert page.summary == (
        f"2 documents of “{HOSTILE}” became 5 tokens and a vocabulary of 3 words."
    )
    corpus, splits, lengths, words, labels, examples = page.sections
    card, dropped, changed, _, first = corpus.blocks
    given = "test as the corpus brings them; the rest drawn one by one"
    assert ["splits", given] in card.rows
    assert [row[1] for row in dropped.rows] == ["4", "0", "2"]
    assert dropped.rows[2][0] == "links inside an archive"
    assert changed.rows == [["markup removed", "3"]]
    assert first.text == f"m.csv line 2: {HOSTILE}"
    assert [row[-1] for row in splits.blocks[0].rows] == ["100.0%", "–", "50.0%"]
    assert lengths.blocks[0].caption.endswith("half have at most 1, the longest 9.")
    # <unk>, <bos> and <eos> are not words.
    assert words.blocks[2].rows == [[HOSTILE, "3", "2"], ["is", "2", "1"], ["so", "1", "1"]]
    assert labels.blocks[0].rows == [["a", f"{HOSTILE}, so"], ["b", "is"]]
    assert examples.blocks[2].text == f"{HOSTILE} · is | so"


def test_a_corpus_that_brings_all_splits_has_no_rest_to_draw(inputs):
    path = METRICS / "collect.json"
    splits = {"given_splits": ["train", "validation", "test"], "drawn_splits": []}
    write_metrics(path, read_metrics(path, CollectMetrics).model_copy(update=splits))
    card = content("render_text").sections[0].blocks[0]
    assert ["splits", "train, validation and test as the corpus brings them"] in card.rows


def test_a_corpus_without_changes_says_so(inputs):
    path = METRICS / "collect.json"
    metrics = read_metrics(path, CollectMetrics)
    write_metrics(path, metrics.model_copy(update={"changed": {"cut": 0}, "examples": []}))
    *_, last = content("render_text").sections[0].blocks
    assert last.text.startswith("No document was changed")


def test_damaged_inputs_are_named(inputs):
    (METRICS / "collect.json").write_text("{")
    with pytest.raises(StageError, match=r"collect\.json is damaged"):
        content("render_text")
    Path("data/text/lengths.parquet").write_bytes(b"PAR1")
    with pytest.raises(StageError, match=r"lengths\.parquet is not a readable table"):
        content("render_text")
