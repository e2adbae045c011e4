import pytest
from corpora import sentences
from tiny import ROOT, SHARED_DATA

from stages.core.errors import StageError
from stages.core.losses import Losses
from stages.core.params import load
from stages.text import collect as stage
from stages.text.sources.corpus import Corpus
from stages.text.sources.documents import read_documents

SENTENCE = "the quick brown fox jumps over the lazy dog near the river bank in early spring"


def test_paragraphs_of_a_text_become_documents(collect):
    text = "\n\n".join(s.replace(" ", "\n", 1) for s in sentences(10))
    documents, metrics = collect(collect.write("mine.txt", f"\ufeff{text}\n\nshort\n\n\n"))
    assert [d["doc_id"] for d in documents] == [f"mine#{n}" for n in range(1, 11)]
    assert documents[3]["text"] == sentences(10)[3]
    assert {d["label"] for d in documents} == {None}
    assert metrics["documents"] == {"total": 10, "train": 6, "validation": 2, "test": 2}
    assert metrics["dropped"]["too_short"] == 1
    assert metrics["corpus"]["name"] == "mine"


@pytest.mark.parametrize(("unit", "n_documents"), [("line", 20), ("paragraph", 10), ("file", 2)])
def test_units_of_a_text(collect, unit, n_documents):
    for name in ("emma", "persuasion"):
        lines = sentences(10, name)
        pairs = [f"{a}\n{b}" for a, b in zip(lines[::2], lines[1::2], strict=True)]
        collect.write(f"novels/{name}.txt", "\n\n".join(pairs))
    source = {"path": "novels", "unit": unit}
    documents = list(
        read_documents(
            Corpus.model_validate(
                {"title": "t", "licence": "l", "language": "english", "min_words": 1,
                 "markup": "none", "sources": [source]}
            ),
            collect.raw, 100_000, Losses(),
        )
    )  # fmt: skip
    assert len(documents) == n_documents
    assert {d.label for d in documents} == {"emma", "persuasion"}
    assert len({d.doc_id for d in documents}) == n_documents


def test_duplicates_and_near_duplicates_are_counted_and_dropped(collect):
    texts = [SENTENCE, *sentences(9), SENTENCE.upper() + "!", SENTENCE.replace("early", "late")]
    documents, metrics = collect(
        {**collect.write("mine.txt", "\n".join(texts)), "unit": "line"},
        near_duplicate_similarity=0.6,
    )
    assert [d["text"] for d in documents] == texts[:10]
    assert metrics["dropped"]["duplicate"] == 1
    assert metrics["dropped"]["near_duplicate"] == 1


def test_duplicates_can_be_kept(collect):
    texts = [SENTENCE] * 3 + sentences(9)
    source = {**collect.write("mine.txt", "\n".join(texts)), "unit": "line"}
    documents, metrics = collect(source, duplicates="keep")
    assert len(documents) == 12
    assert metrics["dropped"]["duplicate"] == 0


def test_of_duplicates_in_train_and_test_the_test_document_is_kept(collect):
    rows = [("train", s) for s in [SENTENCE, *sentences(9)]] + [("test", SENTENCE + ".")]
    rows += [("test", s) for s in sentences(4, "other")]
    text = "split,text\n" + "".join(f"{split},{s}\n" for split, s in rows)
    documents, metrics = collect({**collect.write("m.csv", text), "split_column": "split"})
    assert [d["split"] for d in documents if d["text"].startswith("the quick")] == ["test"]
    assert metrics["given_splits"] == ["train", "test"]
    assert metrics["documents"]["test"] == 5
    assert metrics["documents"]["validation"] == 1  # drawn from the rest of train


@pytest.mark.parametrize("ids", [{}, {"id_column": "id"}])
def test_ids_are_unique_over_all_sources(collect, ids):
    sources = []
    for n, split in enumerate(("train", "test", "validation")):
        rows = "".join(f"{i},{s}\n" for i, s in enumerate(sentences(6, f"in{n}x"), start=1))
        sources.append({**collect.write(f"{split}/data.csv", f"id,text\n{rows}"), "split": split})
    documents, metrics = collect(*({**source, **ids} for source in sources))
    name = "{}" if ids else "data#{}"
    assert [d["doc_id"] for d in documents] == [
        name.format(n) + again for again in ("", "~2", "~3") for n in range(1, 7)
    ]
    assert [d["split"] for d in documents[::6]] == ["train", "test", "validation"]
    assert metrics["changed"]["repeated_id"] == 12


def test_ids_of_dropped_documents_can_be_used(collect):
    rows = [("a", SENTENCE), ("b", SENTENCE), *((f"r{n}", s) for n, s in enumerate(sentences(9)))]
    rows += [
        ("b", "another text of some words that is kept"),
        ("a", "and one more text with an id"),
    ]
    text = "id,text\n" + "".join(f"{i},{s}\n" for i, s in rows)
    documents, metrics = collect({**collect.write("m.csv", text), "id_column": "id"})
    assert [d["doc_id"] for d in documents if d["doc_id"][0] != "r"] == ["a", "b", "a~2"]
    assert metrics["changed"]["repeated_id"] == 1


def test_split_in_a_path_has_several_names(collect):
    for n, name in enumerate(("training", "dev", "test")):
        rows = "\n".join(["text", *sentences(6, f"in{n}x")])
        collect.write(f"c/{name}.csv", rows)
    source = {"path": "c", "files": r"(?P<split>\w+)\.csv"}
    _, metrics = collect(source)
    assert metrics["documents"] == {"total": 18, "train": 6, "validation": 6, "test": 6}
    assert metrics["drawn_splits"] == []
    collect.write("c/more.csv", "text\na few words more")
    with pytest.raises(StageError, match=r"raw/c/more\.csv: 'more' is not a split; use train"):
        collect(source)


def test_split_of_a_source_has_several_names(collect):
    source = collect.write("m.csv", "\n".join(["text", *sentences(10)]))
    more = collect.write("more.csv", "\n".join(["text", *sentences(10, "more")]))
    _, metrics = collect({**source, "split": "training"}, {**more, "split": "val"})
    assert metrics["documents"] == {"total": 20, "train": 8, "validation": 10, "test": 2}
    assert metrics["given_splits"] == ["train", "validation"]
    assert metrics["drawn_splits"] == ["test"]
    with pytest.raises(StageError, match=r"mine\.yaml: .*'heldout' is not a split; use train"):
        collect({**source, "split": "heldout"})


def test_corpus_without_training_documents_is_reported(collect):
    source = collect.write("m.csv", "\n".join(["text", *sentences(10)]))
    with pytest.raises(StageError, match="only test documents, none to train on"):
        collect({**source, "split": "test"})


def test_split_of_an_empty_cell_is_drawn(collect):
    splits = ["train"] * 10 + ["dev"] * 5 + ["", "nan"]
    rows = zip(splits, sentences(17), strict=True)
    text = "split,text\n" + "".join(f"{split},{s}\n" for split, s in rows)
    _, metrics = collect({**collect.write("m.csv", text), "split_column": "split"})
    assert metrics["documents"]["total"] == 17
    assert metrics["documents"]["test"] == 2
    assert metrics["drawn_splits"] == ["train", "validation", "test"]


def test_news_with_the_faults_of_ag_news(collect):
    described = load(ROOT / "conf" / "corpus" / "ag_news.yaml", Corpus).model_dump()
    sources = [source | {"url": None, "sha256": None} for source in described.pop("sources")]
    for number, source in enumerate(sources):
        rows = "".join(
            f'"{n % 4 + 1}","Owner{n} #39;s plan is quot;new quot; ","&lt;b&gt;AP&lt;/b&gt; - The '
            f"world{number}x{n} #39;s band\\of traders met on\\Thursday\\\\at #36;5.{n} amp; "
            f'left. &lt;A HREF=""http://a.b/?c=1&amp;amp;d""&gt;Full text{n}&lt;/A&gt;"\n'
            for n in range(20)
        )
        source |= collect.write(f"{number}.csv", rows)
    documents, metrics = collect(*sources, corpus=described, near_duplicate_similarity=1.0)
    assert documents[0]["text"] == (
        "Owner0's plan is \"new \" AP - The world0x0's band of traders met on Thursday at $5.0 & "
        "left. Full text0"
    )
    assert documents[0]["label"] == "1"
    assert metrics["changed"]["markup"] == metrics["changed"]["line_break"] == 40


def test_splits_by_group_keep_files_whole(collect):
    for n in range(10):
        collect.write(f"novels/n{n}.txt", "\n\n".join(sentences(7, f"n{n}w")))
    documents, _ = collect({"path": "novels"}, split_unit="group")
    of_file = {}
    for d in documents:
        of_file.setdefault(d["label"], set()).add(d["split"])
    assert all(len(splits) == 1 for splits in of_file.values())
    assert sum(d["split"] == "test" for d in documents) == 14


def test_language_filter_counts_what_it_drops(collect):
    german = "Das ist ein ganz anderer Satz in einer anderen Sprache, die hier niemand spricht."
    english = "This is a perfectly normal sentence in the English language number"
    texts = [f"{english} {n}{n}{n} with more" for n in range(8)] + [german]
    source = {**collect.write("m.txt", "\n".join(texts)), "unit": "line"}
    documents, metrics = collect(source, language_filter=True, near_duplicate_similarity=1)
    assert len(documents) == 8
    assert metrics["dropped"]["other_language"] == 1


def test_changes_are_counted(collect):
    texts = sentences(7)
    texts += ["bold <b>words</b> here &amp; there", "zero\u200bwidth spaces are gone", "a \x00 b c"]
    source = {**collect.write("m.txt", "\n".join(texts)), "unit": "line"}
    documents, metrics = collect(source)
    changed = {kind: n for kind, n in metrics["changed"].items() if n}
    assert changed == {"markup": 1, "invisible": 1, "control": 1}
    assert documents[7]["text"] == "bold words here & there"
    assert documents[8]["text"] == "zerowidth spaces are gone"


def test_two_workers_write_the_same_bytes(collect, monkeypatch):
    monkeypatch.setattr("stages.text.cleaning.batches.BATCH_DOCUMENTS", 5)
    source = {**collect.write("m.txt", "\n".join(sentences(40) + sentences(3))), "unit": "line"}
    one = collect(source)
    bytes_of_one = (collect.out / "documents.parquet").read_bytes()
    assert collect(source, workers=2) == one
    assert (collect.out / "documents.parquet").read_bytes() == bytes_of_one


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("mine.csv", b"a,b\n1,2\n", "mine.csv has no column 'text' (it has: a, b)"),
        ("mine.doc", b"abc", "mine.doc has no known ending"),
        ("mine.txt", b"", "corpus 'test' is empty"),
        ("mine.txt", b"one\n\ntwo", "no document of at least 3 words (left out: {'too_short': 2"),
        ("mine.txt", b"only one paragraph here", "too small to split by document"),
        ("mine.parquet", b"PAR1 nonsense", "mine.parquet is damaged or cut short"),
        ("mine.txt.gz", b"\x1f\x8b nonsense", "mine.txt.gz is damaged"),
        ("mine.xml", b"<a>b</a><c>", "mine.xml is not a MediaWiki dump"),
        ("mine.zip", b"PK nonsense", "mine.zip is damaged or cut short"),
        ("mine.csv", b"text,split\na b c,evaluation\n", "'evaluation' is not a split; use train"),
    ],
)
def test_bad_corpus_is_reported_in_one_sentence_and_nothing_is_written(
    collect, name, content, sentence
):
    source = collect.write(name, content)
    if b"evaluation" in content:
        source["split_column"] = "split"
    with pytest.raises(StageError) as error:
        collect(source)
    assert sentence in str(error.value)
    assert not collect.out.exists() or not list(collect.out.iterdir())


def test_missing_file_and_empty_folder_are_reported(collect):
    with pytest.raises(StageError, match="there is no raw/novels: put it there"):
        collect({"path": "novels"})
    (collect.raw / "novels").mkdir()
    with pytest.raises(StageError, match=r"raw/novels contains no file \(\.txt"):
        collect({"path": "novels"})


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"path": "a.txt", "url": "http://b"}, "a source needs either a path or a url"),
        ({"url": "http://b/c.txt"}, "url and sha256 must be given together"),
        ({"path": "a.txt", "encoding": "klingon"}, "'klingon' is not an encoding"),
        ({"path": "a", "files": "("}, "it is not a regular expression"),
        ({"path": "a.txt", "text_colum": "b"}, "unknown parameter"),
    ],
)
def test_bad_description_of_a_corpus_is_reported(collect, source, sentence):
    with pytest.raises(StageError, match=r"mine\.yaml: ") as error:
        collect(source)
    assert sentence in str(error.value)


def test_every_corpus_of_the_project_has_title_and_licence():
    names = {path.stem for path in (ROOT / "conf/corpus").glob("*.yaml")}
    assert names >= {"embedded", "kiwi_manual", "own", "nsmc", "imdb", "ag_news", "sms_spam",
                     "newsgroups", "text8"}  # fmt: skip
    for path in (ROOT / "conf/corpus").glob("*.yaml"):
        corpus = load(path, Corpus)
        assert corpus.title
        assert corpus.licence


def test_embedded_corpus_has_no_markup(tmp_path):
    corpus = load(ROOT / "conf/corpus/embedded.yaml", Corpus)
    found = list(read_documents(corpus, tmp_path, 100_000, Losses()))
    titles = {d.label for d in found} - {None}
    assert len(titles) == 106
    assert {"Anarchism", "Apollo", "Achilles"} <= titles
    assert sum(d.label is None for d in found) == 300
    text = " ".join(d.text for d in found)
    for markup in ("[[", "]]", "'''", "{{", "<ref", "=="):
        assert text.count(markup) < 10, markup
    assert 450_000 < len(text.split()) < 600_000


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="needs the data beside the project")
def test_real_reviews(collect):
    table = SHARED_DATA / "imdb_sample.csv"
    collect.write(table.name, table.read_bytes())
    documents, metrics = collect(
        {"path": table.name, "label_column": "label", "split_column": "split"}
    )
    assert metrics["documents"]["total"] + metrics["dropped"]["duplicate"] == 5000
    assert metrics["changed"]["markup"] == 2875
    assert metrics["changed"]["mojibake"] == 155
    assert not any("<br" in d["text"] for d in documents)
    assert {d["label"] for d in documents} == {"pos", "neg"}


def test_full_disk_leaves_nothing(collect, monkeypatch):
    source = {**collect.write("m.txt", "\n".join(sentences(10))), "unit": "line"}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage.Index, "add", full)
    with pytest.raises(OSError, match="No space left"):
        collect(source)
    assert not list(collect.out.iterdir())
