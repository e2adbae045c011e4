import csv
import io

import pytest
from corpora import sentences

from stages.core.losses import Losses
from stages.text.sources.rows import read_rows

TEXTS = sentences(10)
COLUMNS = {"label_column": "label", "id_column": "id"}


def tsv(rows, **how) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter="\t", lineterminator="\n", **how).writerows(rows)
    return buffer.getvalue()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("before", "special", "how"),
    [
        (0, ["one line\nand a second", "tab\tand\nbreak", 'a "quoted" word\tand a tab'], {}),
        (3, ['said "no" to all'], {}),
        (4, ["last row with\na break"], {}),
        (0, ["plain words alone"], {"quoting": csv.QUOTE_ALL}),
        (0, ["plain words alone"], {"quoting": csv.QUOTE_NONNUMERIC}),
    ],
)
def test_quoted_tsv(collect, before, special, how, ending):
    texts = [*TEXTS[:before], *special, *TEXTS[before:]]
    rows = [["text", "label"], *([text, n % 2] for n, text in enumerate(texts))]
    content = tsv(rows, **how).replace("\n", ending)
    documents, metrics = collect({**collect.write("m.tsv", content), "label_column": "label"})
    assert [(d["text"], d["label"]) for d in documents] == [
        (" ".join(text.split()), str(n % 2)) for n, text in enumerate(texts)
    ]
    assert metrics["dropped"]["malformed"] == 0


def test_tsv_with_quoted_first_and_last_columns(collect):
    rows = [["text", "label", "note"]]
    rows += [[f"{t}\nin two lines", "ab"[n % 2], f"{n}\n\nnotes"] for n, t in enumerate(TEXTS)]
    documents, _ = collect({**collect.write("m.tsv", tsv(rows)), "label_column": "label"})
    assert [d["text"] for d in documents] == [f"{text} in two lines" for text in TEXTS]
    assert {d["label"] for d in documents} == {"a", "b"}


@pytest.mark.parametrize(
    "texts",
    [
        ['the "best" film of all', '"open and never closed again', 'closed only" at the end here'],
        ['"best" film of them all', '"a whole line in marks"'],
        ['ends with a single "', '"', 'so "" nothing said here'],
        ['"only a whole line in marks"'],
        ['"begins a mark here', 'and another one ends it"'],
    ],
)
def test_tsv_with_literal_quotation_marks(collect, texts):
    texts = [*TEXTS[:5], *texts, *TEXTS[5:]]
    content = "".join(f"{n}\t{text}\t{n % 2}\n" for n, text in enumerate(texts))
    documents, metrics = collect(
        {**collect.write("m.tsv", content), "columns": ["n", "text", "label"], "id_column": "n",
         "label_column": "label"},
        corpus={"min_words": 1},
    )  # fmt: skip
    assert [(d["doc_id"], d["text"]) for d in documents] == [
        (str(n), text) for n, text in enumerate(texts)
    ]
    assert sum(metrics["dropped"].values()) == metrics["changed"]["repaired_row"] == 0


def test_quoting_of_tsv_is_decided_where_the_marks_begin(collect, monkeypatch):
    monkeypatch.setattr("stages.text.sources.rows.WINDOW_CHARACTERS", 300)
    texts = [*TEXTS, '"marks that say nothing"', *sentences(20, "more"), "a cell\nof two lines"]
    rows = "".join(f"{text}\ta\n" for text in texts[:-1]) + tsv([[texts[-1], "a"]])
    documents, _ = collect(collect.write("m.tsv", "text\tlabel\n" + rows), duplicates="keep")
    assert [d["text"] for d in documents] == [*texts[:-1], "a cell of two lines"]


def test_backslash_escaped_marks(collect):
    lines = ["id,text,label"]
    lines += [f'r{n},"he said \\"{t}\\", twice",a' for n, t in enumerate(TEXTS)]
    lines += [r'path,"it lies in C:\dir\",b', r'open,"a mark \" and' + '\na line break",b']
    documents, metrics = collect({**collect.write("m.csv", "\n".join(lines)), **COLUMNS})
    texts = {d["doc_id"]: d["text"] for d in documents}
    assert [texts[f"r{n}"] for n in range(10)] == [f'he said "{t}", twice' for t in TEXTS]
    assert texts["path"] == "it lies in C:\\dir\\"
    assert texts["open"] == 'a mark " and a line break'
    assert metrics["dropped"]["malformed"] == metrics["changed"]["repaired_row"] == 0


def test_unclosed_mark_does_not_swallow_rows(collect):
    lines = ["id,label,text"] + [f"r{n},a,{text}" for n, text in enumerate(TEXTS)]
    lines.insert(4, 'bad1,a,"never closed but readable')
    lines.insert(7, 'bad2,"never closed')
    lines.insert(9, 'r99,a,"closed, with ""quotes"" and\na line break"')
    documents, metrics = collect({**collect.write("m.csv", "\n".join(lines)), **COLUMNS})
    texts = {d["doc_id"]: d["text"] for d in documents}
    assert {f"r{n}" for n in range(10)} <= texts.keys()
    assert texts["r99"] == 'closed, with "quotes" and a line break'
    assert texts["bad1"] == "never closed but readable"
    assert metrics["changed"]["repaired_row"] == 1
    assert metrics["dropped"]["malformed"] == 1
    assert any("m.csv line 8" in example for example in metrics["examples"])


def test_many_unclosed_marks_take_linear_time():
    lines = ['a,"open'] * 3000 + ["b,c"]
    note = Losses().of_lines("m.csv")
    rows = list(read_rows(io.StringIO("\n".join(lines)), ",", note))
    assert rows[-1] == (3001, ["b", "c"])
