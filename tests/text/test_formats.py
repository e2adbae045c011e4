import bz2
import functools
import gzip
import hashlib
import http.server
import io
import json
import lzma
import tarfile
import threading
import zipfile
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import sentences

from stages.core.errors import StageError
from stages.text.sources import documents as sources
from stages.text.sources.decode import detect_encoding

TEXTS = sentences(10)
ROWS = [{"text": text, "label": "ab"[n % 2], "id": f"r{n}"} for n, text in enumerate(TEXTS)]
COLUMNS = {"label_column": "label", "id_column": "id"}


def compressed(kind: str, content: bytes) -> bytes:
    match kind:
        case ".gz":
            return gzip.compress(content)
        case ".bz2":
            return bz2.compress(content)
        case ".xz":
            return lzma.compress(content)
        case ".zst":
            return pa.compress(content, "zstd", asbytes=True)
    return content


def table(kind: str) -> bytes:
    frame = pd.DataFrame(ROWS)
    match kind:
        case "csv":
            return frame.to_csv(index=False).encode()
        case "tsv":
            return frame.to_csv(index=False, sep="\t").encode()
        case "jsonl":
            return "".join(json.dumps(row) + "\n" for row in ROWS).encode()
        case "parquet":
            return frame.to_parquet()
    raise AssertionError(kind)


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_table_in_every_compression(collect, kind, suffix):
    source = collect.write(f"m.{kind}{suffix}", compressed(suffix, table(kind)))
    documents, metrics = collect({**source, **COLUMNS})
    assert [(d["doc_id"], d["text"], d["label"]) for d in documents] == [
        (row["id"], row["text"], row["label"]) for row in ROWS
    ]
    assert metrics["labels"] == 2


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_truncated_file_is_reported(collect, suffix):
    noise = "\n".join(hashlib.sha256(bytes([n])).hexdigest() * 4 for n in range(250))
    content = compressed(suffix, noise.encode())
    source = collect.write(f"m.txt{suffix}", content[: len(content) // 2])
    with pytest.raises(StageError, match=rf"raw/m\.txt\{suffix} is damaged"):
        collect({**source, "unit": "line"}, corpus={"min_words": 1})
    assert not list(collect.out.iterdir())


def test_paths_in_archives_give_split_label_and_id(collect):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for n, text in enumerate(TEXTS):
            split, label = ("test" if n > 7 else "train"), ("pos" if n % 2 else "neg")
            info = tarfile.TarInfo(f"top/{split}/{label}/{n}.txt")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
        archive.addfile(tarfile.TarInfo("top/README"), io.BytesIO())
    pattern = r"top/(?P<id>(?P<split>train|test)/(?P<label>\w+)/\d+)\.txt"
    source = collect.write("m.tar.gz", buffer.getvalue())
    documents, _ = collect({**source, "files": pattern, "unit": "file"})
    assert documents[1] == {
        "doc_id": "train/pos/1", "split": "train", "text": TEXTS[1], "label": "pos"
    }  # fmt: skip
    assert [d["split"] for d in documents].count("test") == 2


def test_table_without_a_header_in_a_zip(collect):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Messages", "".join(f"{r['label']}\t{r['text']}\n" for r in ROWS))
        archive.writestr("readme", "no document")
    source = collect.write("m.zip", buffer.getvalue())
    documents, _ = collect(
        {**source, "files": "Messages", "format": "tsv", "columns": ["label", "text"],
         "label_column": "label"}
    )  # fmt: skip
    assert [d["label"] for d in documents] == [row["label"] for row in ROWS]


def test_texts_of_several_columns_are_joined(collect):
    rows = "".join(f'{n},"Title {n}","{text}"\n' for n, text in enumerate(TEXTS))
    documents, _ = collect(
        {**collect.write("m.csv", rows), "columns": ["c", "title", "body"],
         "text_column": ["title", "body"]}
    )  # fmt: skip
    assert documents[0]["text"] == f"Title 0 {TEXTS[0]}"


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_two_columns_of_one_name_are_reported(collect, kind):
    names = ["text", "label", "text"]
    delimiter = "," if kind == "csv" else "\t"
    rows = [names, *([text, "a", "b"] for text in TEXTS)]
    content = "\n".join(map(delimiter.join, rows)).encode()
    if kind == "parquet":
        buffer = io.BytesIO()
        pq.write_table(pa.table([TEXTS, ["a"] * 10, ["b"] * 10], names=names), buffer)
        content = buffer.getvalue()
    with pytest.raises(StageError, match=rf"m\.{kind} has 2 columns 'text' \(it has: text, label"):
        collect(collect.write(f"m.{kind}", content))


LABELS = [1, 0, 1.0, 0.0, float("nan"), None, True, 0.5, "x", ""]
READ_LABELS = ["1", "0", "1", "0", None, None, "True", "0.5", "x", None]


def test_labels_of_json(collect):
    rows = [{"text": t, "label": label} for t, label in zip(TEXTS, LABELS, strict=True)]
    del rows[0]["label"]
    lines = "\n".join(map(json.dumps, rows))
    documents, _ = collect({**collect.write("m.jsonl", lines), "label_column": "label"})
    assert [d["label"] for d in documents] == [None, *READ_LABELS[1:]]


def test_labels_as_pandas_writes_them(collect):
    labels = ["nan", "None", "NaN", "<NA>", "1", "1.0", " 1", "none", "1.50", "-2.00"]
    frame = pd.DataFrame({"text": TEXTS, "label": labels})
    source = collect.write("m.csv", frame.to_csv(index=False))
    documents, metrics = collect({**source, "label_column": "label"})
    expected = [None, None, None, None, "1", "1", "1", "none", "1.50", "-2"]
    assert [d["label"] for d in documents] == expected
    assert metrics["changed"]["no_label"] == 4


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (pa.array([1.0, None, float("nan"), 0.0, 2.5] * 2), ["1", None, None, "0", "2.5"]),
        (pa.array([1, None, 3, 0, 2] * 2, pa.int8()), ["1", None, "3", "0", "2"]),
        (pa.array([True, None, False, True, True] * 2), ["True", None, "False", "True", "True"]),
        (pa.array(["a", None, "", "b", "a"] * 2).dictionary_encode(), ["a", None, None, "b", "a"]),
        (pa.array([b"a", None, b"", b"b", b"c"] * 2), ["a", None, None, "b", "c"]),
        (pa.array([Decimal("1.0"), None, Decimal("0.0"), Decimal("2.5"), Decimal("1.0")] * 2),
         ["1", None, "0", "2.5", "1"]),
    ],
)  # fmt: skip
def test_labels_of_parquet(collect, labels, expected):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS, "label": labels}), buffer)
    source = {**collect.write("m.parquet", buffer.getvalue()), "label_column": "label"}
    assert [d["label"] for d in collect(source)[0]] == expected * 2


@pytest.mark.parametrize(
    "kind",
    [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()), pa.binary(),
     pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int8(), pa.binary())],
    ids=str,
)  # fmt: skip
def test_texts_of_parquet(collect, kind):
    texts = [f"{text} 영화" for text in TEXTS]
    buffer = io.BytesIO()
    encoded = pa.array([text.encode() for text in texts])
    if pa.types.is_dictionary(kind):
        column = encoded.cast(kind.value_type).dictionary_encode().cast(kind)
    else:
        column = encoded.cast(kind)
    pq.write_table(pa.table({"text": column}), buffer)
    documents, _ = collect(collect.write("m.parquet", buffer.getvalue()))
    assert [d["text"] for d in documents] == texts


def test_bytes_of_parquet_in_another_encoding(collect):
    texts = [f"{text} 영화" for text in TEXTS]
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": [text.encode("cp949") for text in texts]}), buffer)
    source = collect.write("m.parquet", buffer.getvalue())
    with pytest.raises(
        StageError, match=r"m\.parquet row 1: column 'text' contains bytes that are not UTF-8"
    ):
        collect(source)
    documents, _ = collect({**source, "encoding": "cp949"})
    assert [d["text"] for d in documents] == texts


def test_column_of_parquet_that_is_not_text_is_reported(collect):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": [["a", "b"]] * 10}), buffer)
    source = collect.write("m.parquet", buffer.getvalue())
    with pytest.raises(StageError, match=r"column 'text' of raw/m\.parquet has the type list<"):
        collect(source)


def test_objects_may_lack_keys(collect):
    rows = [{"id": f"r{n}", "title": "Title", "text": t, "label": "a"} for n, t in enumerate(TEXTS)]
    del rows[0]["label"], rows[0]["id"], rows[1]["title"], rows[2]["text"], rows[3]["title"]
    rows[3]["text"] = None
    source = {**collect.write("m.jsonl", "\n".join(map(json.dumps, rows))), **COLUMNS}
    documents, metrics = collect({**source, "text_column": ["title", "text"]},
                                 corpus={"min_words": 1})  # fmt: skip
    assert [(d["doc_id"], d["label"]) for d in documents[:3]] == [
        ("m#1", None), ("r1", "a"), ("r2", "a")
    ]  # fmt: skip
    assert [d["text"] for d in documents[:3]] == [f"Title {TEXTS[0]}", TEXTS[1], "Title"]
    assert metrics["dropped"]["malformed"] == 1
    with pytest.raises(StageError, match=r"m\.jsonl has no column 'lable' \(it has: .*label"):
        collect({**source, "label_column": "lable"})


def dump(pages: str, siteinfo: str) -> bytes:
    return (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="ko">'
        f"<siteinfo>{siteinfo}</siteinfo>{pages}</mediawiki>"
    ).encode()


def page(title: str, text: str, ns: int = 0, more: str = "") -> str:
    return (
        f"<page><title>{title}</title><ns>{ns}</ns><id>1</id>{more}"
        f"<revision><id>1</id><text>{text}</text></revision></page>"
    )


NAMESPACES = (
    '<namespaces><namespace key="0" /><namespace key="6">Datei</namespace>'
    '<namespace key="14">분류 모음</namespace></namespaces>'
)


@pytest.mark.parametrize("siteinfo", ["", NAMESPACES])
def test_dump_with_namespaces_and_redirects_in_its_language(collect, siteinfo):
    pages = page("옛 이름", "#넘겨주기 [[새 이름]] {{R}}") + page(
        "Old", "#REDIRECT[[New name here]]"
    )
    pages += page("Alt", "#WEITERLEITUNG [[Neu und alt]]", more='<redirect title="Neu" />')
    pages += page("분류:마을", "분류에 대한 글 하나", ns=14)
    for n, text in enumerate(TEXTS):
        end = "[[분류:오래된 마을들의 목록]]\n[[Category:Old places of it]]"
        if siteinfo:
            end += "\n[[분류_모음:오래된 마을 모두]]\n[[Datei:a.jpg|thumb|caption of it]]"
        pages += page(f"마을{n}", f"'''{text}'''\n\n[[파일:b.jpg|섬네일|]]\n{end}")
    documents, _ = collect(collect.write("kowiki.xml", dump(pages, siteinfo)))
    texts = [d["text"] for d in documents if d["text"] != "caption of it"]
    assert texts == TEXTS
    assert len(documents) == len(TEXTS) + bool(siteinfo)  # equal captions are duplicates
    assert documents[0]["label"] == "마을0"


def test_rows_with_a_wrong_number_of_columns_are_dropped_and_reported(collect):
    lines = ["text,label", *(f"{text},a" for text in TEXTS), "one two three", "a b c,d,e"]
    documents, metrics = collect(collect.write("m.csv", "\n".join(lines)))
    assert len(documents) == 10
    assert metrics["dropped"]["malformed"] == 2
    assert metrics["examples"][0] == "raw/m.csv line 12: 1 columns instead of 2"


def test_lines_that_are_not_objects_are_dropped_and_reported(collect):
    lines = [json.dumps(row) for row in ROWS]
    lines[3:3] = ["{broken", "[1, 2]", '{"text": 5, "label": "a", "id": "x"}', "", "null"]
    documents, metrics = collect({**collect.write("m.jsonl", "\n".join(lines)), **COLUMNS})
    assert len(documents) == 10
    assert metrics["dropped"]["malformed"] == 4


def test_long_documents_are_cut_at_white_space(collect):
    long = " ".join(f"word{n}" for n in range(2000))
    content = "\n".join([*TEXTS, long, "no" * 3000])
    documents, metrics = collect(
        {**collect.write("m.txt", content), "unit": "line"},
        corpus={"min_words": 1},
        max_characters=1_000,
    )
    assert max(len(d["text"]) for d in documents) <= 1_000
    assert metrics["changed"]["cut"] >= 16
    joined = " ".join(d["text"] for d in documents)
    assert all(f"word{n}" in joined.split() for n in range(2000))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("영화가 정말 재미있었다. 배우들의 연기도 훌륭했다. " * 9, "utf-8"),
        ("영화가 정말 재미있었다. 배우들의 연기도 훌륭했다. " * 9, "cp949"),
        ("naïve café déjà vu, the crème brûlée was very good " * 9, "cp1252"),
        ("영화 and words " * 9, "utf-16"),
        ("plain words " * 9, "utf-8"),
    ],
)
def test_encodings_are_detected(collect, text, encoding):
    assert text.encode(encoding).decode(detect_encoding(text.encode(encoding))) == text
    content = "\n".join(f"{text}{n} {n}x" for n in range(8)).encode(encoding)
    source = {**collect.write("m.txt", content), "unit": "line"}
    documents, _ = collect(source, duplicates="keep")
    assert documents[0]["text"] == f"{text}0 0x"


def test_undecodable_bytes_are_counted_and_the_rest_is_kept(collect):
    content = "\n".join(TEXTS).encode().replace(b"word3 ", b"word3\xff\xfe\xff ")
    documents, metrics = collect({**collect.write("m.txt", content), "unit": "line",
                                  "encoding": "utf-8"})  # fmt: skip
    assert documents[3]["text"] == TEXTS[3]
    assert metrics["changed"]["undecodable"] == 1


# --- the network ----------------------------------------------------------------------------------


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path.endswith(".txt") and self.server.breaks > 0:
            self.server.breaks -= 1
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"the beginning ")
            return
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A server of the files in a folder, which breaks off the first `breaks` transfers."""
    folder = tmp_path / "web"
    folder.mkdir()
    monkeypatch.setenv(sources.CACHE_VARIABLE, str(tmp_path / "cache"))
    handler = functools.partial(_Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked, server.breaks, server.folder = [], 0, folder
        server.cache = tmp_path / "cache"
        server.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def published(web, name: str, content: bytes) -> dict:
    (web.folder / name).write_bytes(content)
    return {"url": f"{web.address}/{name}", "sha256": hashlib.sha256(content).hexdigest()}


def test_fetched_file_is_kept(collect, web):
    source = {**published(web, "m.txt", "\n".join(TEXTS).encode()), "unit": "line"}
    first = collect(source)
    assert [d["text"] for d in first[0]] == TEXTS
    assert collect(source) == first
    assert web.asked == ["/m.txt"]


def test_wrong_file_is_refused_and_not_kept(collect, web):
    source = published(web, "m.txt", b"another file")
    source["sha256"] = "0" * 64
    with pytest.raises(StageError, match=r"m\.txt has changed \(its SHA-256 is not 0"):
        collect(source)
    assert not list(web.cache.iterdir())
    assert not list(collect.out.iterdir())


def test_broken_transfer_is_reported_and_the_next_run_continues(collect, web):
    head, rest = "\n".join(TEXTS[:4]).encode(), "\n".join(TEXTS[4:]).encode()
    both = [
        {**published(web, "first.csv", b"text\n" + head)},
        {**published(web, "second.txt", rest), "unit": "line"},
    ]
    web.breaks = 1
    with pytest.raises(StageError, match=r"could not fetch .*second\.txt .*try again"):
        collect(*both)
    assert not list(collect.out.iterdir())
    documents, _ = collect(*both)
    assert [d["text"] for d in documents] == TEXTS
    assert web.asked == ["/first.csv", "/second.txt", "/second.txt"]


def test_unreachable_server_is_reported(collect, monkeypatch, tmp_path):
    monkeypatch.setenv(sources.CACHE_VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(StageError, match=r"could not fetch http://127\.0\.0\.1:9/m\.txt"):
        collect({"url": "http://127.0.0.1:9/m.txt", "sha256": "0" * 64})
