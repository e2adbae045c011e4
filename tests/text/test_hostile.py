"""Two thousand hostile corpora: no traceback, no lost document, everything else is counted."""

import contextlib
import csv
import gzip
import io
import json
import os
import re
import shutil
import tarfile
import unicodedata
import warnings
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from corpora import CORPUS, PARAMS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.core.contracts import Contract
from stages.core.errors import StageError
from stages.core.losses import Losses
from stages.text import collect
from stages.text.cleaning.batches import batches, clean_batch
from stages.text.cleaning.params import CollectParams
from stages.text.sources.corpus import Corpus
from stages.text.sources.decode import detect_encoding
from stages.text.sources.documents import read_documents
from stages.text.tokens import english

EXAMPLES = 500  # of each of the four kinds of files
EXAMPLES_OF_NAMES = 500  # of each of four kinds of names, archives and encodings

ODD = ["\u202e", "\u200f", "\u200b", "\ufeff", "\x00", "\x1b", "\x85", "\u2028", "\ud800", "\udfff",
       "\U0010ffff", "e\u0301", "\u0301" * 50, "\r", "\\", "'", '"', '""', ",", "\t", "ㅋㅋ", "한",
       "<b>", "<!--", "&#0;", "&lt;", "Ã©", "\x96", "https://", "@", "\ufffd"]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=5)), max_size=8).map("".join)
raw_bytes = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"\xff\xfe\xfa",
            b"\x00" * 9,
            b"\xed\xa0\x80",
            b"\xc3",
            b'"',
            b'a,"b',
            b"{",
            b"\xf8\x88\x80\x80\x80",
            b"[" * 2000,
        ]
    ),
    # Rarely something huge: a line of 10 MB, or a million empty lines.
    st.integers(0, 999).map(
        lambda n: {317: b"x y " * 2_500_000, 717: b"\n" * 1_000_000}.get(n, b"none")
    ),
)
hostile = st.one_of(raw_bytes, texts.map(lambda t: t.encode("utf-8", "surrogatepass")))


def valid(number: int) -> str:
    return f"valid{number}a valid{number}b stands in document {number} as word{number}"


# Content to insert between the ten valid documents of a corpus, with its index.
between = st.lists(st.tuples(st.integers(0, 10), hostile), max_size=5)


class Run:
    """The stage in its own folder, without the checks of tables, which have other tests."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "raw").mkdir()
        (folder / "params.yaml").write_text(yaml.safe_dump({"text": {"collect": PARAMS}}))

    def read(self, name: str, content: bytes | None, **source: str) -> tuple[list[str], Losses]:
        """Read and clean a file, or a folder if `content` is None."""
        if content is not None:
            (self.folder / "raw" / name).write_bytes(content)
        corpus = Corpus.model_validate({**CORPUS, "sources": [{"path": name, **source}]})
        losses = Losses()
        params = CollectParams.model_validate(PARAMS)
        found = read_documents(corpus, Path("raw"), params.max_characters, losses)
        rows = [clean_batch(b, corpus, params).rows for b in batches(found)]
        return [text for table in rows for text in table["text"].to_pylist()], losses

    def __call__(self, name: str, content: bytes, **source: str) -> tuple[list[str], dict]:
        (self.folder / "raw" / name).write_bytes(content)
        described = {**CORPUS, "sources": [{"path": name, **source}]}
        (self.folder / "mine.yaml").write_text(yaml.safe_dump(described))
        collect.main(
            params="text.collect",
            workers=1,
            corpus="mine.yaml",
            raw="raw",
            documents="out/documents.parquet",
            metrics="out/metrics.json",
            validation="out/check.json",
        )
        documents = pq.read_table("out/documents.parquet")["text"]
        english.Tokenizer(True, False)(documents.combine_chunks())
        return documents.to_pylist(), json.loads(Path("out/metrics.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Contract, "check", lambda self, path: {"success": True})
        patch.setattr("stages.core.losses.EXAMPLES", 1_000)  # so that all are named
        yield Run(folder)


def mixed(rows: list[bytes], insertions: list[tuple[int, bytes]]) -> list[bytes]:
    rows = list(rows)
    for index, content in sorted(insertions, reverse=True, key=lambda pair: pair[0]):
        rows.insert(index, content)
    return rows


def check_valid(documents: list[str]) -> None:
    everything = " ".join(documents)
    for number in range(10):
        assert f"valid{number}a valid{number}b" in everything


def check(documents: list[str], metrics: dict) -> None:
    check_valid(documents)
    kept = metrics["documents"]
    assert kept["total"] == len(documents) == sum(kept[s] for s in ("train", "validation", "test"))


def check_all_accounted_for(content: bytes, newline: str, documents: list, metrics: dict) -> None:
    """Every line that is not blank is a document or counted as dropped."""
    lines = re.split(newline, content.decode("utf-8", "replace"))
    lines = [line for line in lines if line.lstrip("\ufeff").strip()]
    accounted = len(documents) + sum(metrics["dropped"].values())
    assert accounted == len(lines) + metrics["changed"]["cut"]


fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@fuzz
@given(between)
def test_text(run, insertions):
    lines = mixed([valid(n).encode() for n in range(10)], insertions)
    content = b"\n".join(lines)
    documents, metrics = run("m.txt", content, unit="line", encoding="utf-8")
    check(documents, metrics)
    check_all_accounted_for(content, r"\r\n|\r|\n", documents, metrics)


@fuzz
@given(between)
def test_jsonl(run, insertions):
    rows = [json.dumps({"text": valid(n)}).encode() for n in range(10)]
    content = b"\n".join(mixed(rows, [(max(1, index), line) for index, line in insertions]))
    documents, metrics = run("m.jsonl", content, encoding="utf-8")
    check(documents, metrics)
    check_all_accounted_for(content, r"\n", documents, metrics)


@fuzz
@given(between)
def test_csv(run, insertions):
    buffer = io.StringIO()
    csv.writer(buffer).writerows([[f"r{n}", valid(n)] for n in range(10)])
    rows = [row.encode() for row in buffer.getvalue().split("\r\n")[:-1]]
    content = b"id,text\n" + b"\n".join(mixed(rows, insertions))
    documents, metrics = run("m.csv", content, encoding="utf-8")
    check(documents, metrics)
    if metrics["dropped"]["malformed"] or metrics["changed"]["repaired_row"]:
        assert all("raw/m.csv line" in example for example in metrics["examples"])
        assert metrics["examples"]


@fuzz
@given(st.data())
def test_broken_files_of_any_kind(run, data):
    """Truncated, overwritten and misnamed files give a StageError or their valid documents."""
    content = "\n".join(["text", *(valid(n) for n in range(10))]).encode()
    packing = data.draw(st.sampled_from(["", ".gz", ".bz2", ".xz", ".zst"]))
    if packing == ".gz" and data.draw(st.booleans()):
        content = gzip.compress(content, mtime=0)
    content = content[: data.draw(st.integers(0, len(content)))]
    index = data.draw(st.integers(0, len(content)))
    content = content[:index] + data.draw(hostile) + content[index:]
    kind = data.draw(
        st.sampled_from(["txt", "csv", "tsv", "jsonl", "parquet", "xml", "zip", "tar"])
    )
    before = sorted(Path("out").iterdir()) if Path("out").exists() else []
    with contextlib.suppress(StageError):
        documents, _ = run(f"m.{kind}{packing}", content)
        assert documents
    assert sorted(Path("out").iterdir()) in (before, sorted(map(Path, WRITTEN)))


WRITTEN = ["out/documents.parquet", "out/metrics.json", "out/check.json"]


# --- names, archives and encodings --------------------------------------------------------------


KOREAN = "오늘 영화 정말 재미있게 보았습니다"
line_endings = st.sampled_from(["\n", "\r\n", "\r"])
encodings = st.sampled_from(["utf-8", "cp949", "cp1252", "broken"])


def encoded(number: int, encoding: str) -> tuple[str, bytes]:
    """Return the text of a line and its bytes."""
    if encoding == "cp1252":
        text = f"{valid(number)} – “naïve café” número {number}"
        return text, text.encode("cp1252")
    text = f"{valid(number)} {KOREAN} {number}번째"
    if encoding == "broken":
        return text, text.encode()[:-1]
    return text, text.encode(encoding)


@settings(fuzz, max_examples=EXAMPLES_OF_NAMES)
@given(st.lists(encodings, min_size=10, max_size=30), line_endings, st.integers(0, 5), st.data())
def test_lines_of_mixed_encodings(run, kinds, end, marks, data):
    """Every line is decoded correctly; lines of another encoding and broken ones are named."""
    lines = [encoded(number, kind) for number, kind in enumerate(kinds)]
    contents = [content for _, content in lines]
    for _ in range(marks):
        index = data.draw(st.integers(0, len(lines) - 1))
        if not contents[index].startswith(b"\xef\xbb\xbf"):
            contents[index] = b"\xef\xbb\xbf" + contents[index]
    content = end.encode().join(contents)
    documents, losses = run.read("m.txt", content, unit="line")
    check_valid(documents)
    assert len(documents) == len(lines)
    for (text, _), kind, document in zip(lines, kinds, documents, strict=True):
        assert document == text if kind != "broken" else document.startswith(text[:-3])
        main = detect_encoding(content)
    is_utf8 = ["utf-8" if kind == "broken" else kind for kind in kinds]
    expected = {
        "other_encoding": [n for n, kind in enumerate(is_utf8, 1) if kind != main],
        "undecodable_line": [n for n, kind in enumerate(kinds, 1) if kind == "broken"],
        "inner_mark": [n for n, c in enumerate(contents, 1) if n > 1 and c[:3] == b"\xef\xbb\xbf"],
    }
    for reason, numbers in expected.items():
        assert losses.counts[reason] == len(numbers)
    named = named_lines(losses.examples)
    assert all(set(numbers) <= named for numbers in expected.values())


def named_lines(examples: list[str]) -> set[int]:
    found = [re.match(r"raw/m\.txt lines? (\d+)(?:-(\d+))?: ", example) for example in examples]
    return {n for m in found for n in range(int(m[1]), int(m[2] or m[1]) + 1)}


@settings(fuzz, max_examples=EXAMPLES_OF_NAMES)
@given(st.sampled_from(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be",
                        "utf-8-sig", "cp949", "utf-8"]), st.booleans(), line_endings,
       st.binary(max_size=3))  # fmt: skip
def test_whole_files_of_every_encoding(run, encoding, korean, end, rest):
    lines = [encoded(n, "utf-8")[0] if korean else valid(n) for n in range(10)]
    documents, _ = run.read("m.txt", end.join([*lines, ""]).encode(encoding) + rest, unit="line")
    assert documents[:10] == lines
    check_valid(documents)


NAMES = ["가", "각.txt", "é", "긍정", "뷁", "a b", "x.txt",
         "._x", ".hidden", "__MACOSX", "~$x", "..",
         "Thumbs.db", "한\u200b글", "\u202e", "b.CSV", "c.Txt.GZ", "d.zip", "e.7z", "\\",
         "con", "~",
         "\x01", "\ud8ff", "\udcb1", "🎬", "f.parquet", ""]  # fmt: skip
parts = st.lists(st.one_of(st.sampled_from(NAMES), st.text(max_size=4)), min_size=1, max_size=3)
paths = parts.map(
    lambda names: "/".join(
        name.replace("/", "").replace("\0", "").encode("utf-8", "replace").decode()[:40]
        for name in names
    )
)
members = st.lists(
    st.tuples(paths, st.sampled_from(["NFC", "NFD"]), st.sampled_from(["utf-8", "cp949", "cp437"]),
              hostile), max_size=5)  # fmt: skip


class Named(zipfile.ZipInfo):
    """An entry whose name is in some encoding and not marked as UTF-8."""

    encoding = "utf-8"

    def _encodeFilenameFlags(self):
        return self.filename.encode(self.encoding, "replace"), self.flag_bits & ~0x800


def zip_of(files: list) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings(action="ignore"):
        for name, encoding, content in files:
            info = Named("x")
            info.filename, info.encoding = name, encoding
            archive.writestr(info, content)
    return buffer.getvalue()


def tar_of(files: list, packing: str, links: list) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{packing}") as archive:
        for name, _, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target, kind in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return buffer.getvalue()


@settings(fuzz, max_examples=EXAMPLES_OF_NAMES)
@given(members, st.sampled_from(["zip", "ZIP", "tar", "tar.gz", "TGZ"]), st.data())
def test_members_of_archives(run, more, ending, data):
    """Valid documents are read from any archive; a damaged archive gives a StageError."""
    files = [(f"good/{n}.txt", "utf-8", valid(n).encode()) for n in range(10)]
    files += [(unicodedata.normalize(form, name), code, text) for name, form, code, text in more]
    if ending.lower() == "zip":
        content = zip_of(files)
    else:
        linked = st.sampled_from(["good/1.txt", "l.txt", "nowhere", "good", "."])
        kinds = st.sampled_from([tarfile.SYMTYPE, tarfile.LNKTYPE])
        links = data.draw(st.lists(st.tuples(linked, linked, kinds), max_size=2))
        content = tar_of(files, "" if ending == "tar" else "gz", links)
    damage = data.draw(st.integers(0, 3)) == 0
    if damage:
        index = data.draw(st.integers(0, len(content) - 1))
        bad = data.draw(st.binary(min_size=1, max_size=8))
        cut = data.draw(st.booleans())
        content = content[:index] + bad + (b"" if cut else content[index + len(bad) :])
    try:
        documents, _ = run.read(f"m.{ending}", content, unit="file")
    except StageError as error:
        assert f"raw/m.{ending}" in str(error)
    else:
        if not damage:
            check_valid(documents)


@settings(fuzz, max_examples=EXAMPLES_OF_NAMES)
@given(
    members,
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(
                ["a", "b", "c", ".", "..", "sub", "../../elsewhere", "nowhere", "0.txt"]
            ),
        ),
        max_size=4,
    ),
)
def test_folders_with_links_and_names_of_all_kinds(run, more, links):
    folder = Path("raw/m")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "sub").mkdir(parents=True)
    Path("elsewhere").mkdir(exist_ok=True)
    Path("elsewhere/other.txt").write_text(f"{valid(77)} elsewhere")
    for n in range(10):
        (folder / ("sub" if n % 2 else "") / f"{n}.txt").write_text(valid(n))
    for name, form, encoding, content in more:
        raw = unicodedata.normalize(form, name).encode(encoding, "replace")
        with contextlib.suppress(OSError, ValueError):
            path = os.path.join(b"raw/m/sub", *[p for p in raw.split(b"/") if p.strip(b".")])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as file:
                file.write(content)
    for name, target in links:
        with contextlib.suppress(FileExistsError):
            (folder / name).symlink_to(target)
    try:
        documents, _ = run.read("m", None, unit="file")
    except StageError as error:
        assert re.search(r"raw/m/\S+ ", str(error))
    else:
        check_valid(documents)
        assert valid(77) not in " ".join(documents)
