"""Two thousand hostile corpora: no traceback, no valid document lost, everything else counted."""

import contextlib
import csv
import gzip
import io
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from corpora import CORPUS, PARAMS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.core.errors import StageError
from stages.core.outputs import Outputs
from stages.text import collect, english

EXAMPLES = 500  # of each of the four kinds of files

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
    # Once in a while something huge: a line of 10 MB, or a million empty ones.
    st.integers(0, 999).map(
        lambda n: {317: b"x y " * 2_500_000, 717: b"\n" * 1_000_000}.get(n, b"none")
    ),
)
hostile = st.one_of(raw_bytes, texts.map(lambda t: t.encode("utf-8", "surrogatepass")))


def valid(number: int) -> str:
    return f"valid{number}a valid{number}b stands in document {number} as word{number}"


# What may stand between the ten valid documents of a corpus, at which places.
between = st.lists(st.tuples(st.integers(0, 10), hostile), max_size=5)


class Run:
    """The stage in a folder of its own, without the checks of tables, which other tests test."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "raw").mkdir()
        (folder / "params.yaml").write_text(yaml.safe_dump({"text": {"collect": PARAMS}}))

    def __call__(self, name: str, content: bytes, **source: str) -> tuple[list[str], dict]:
        (self.folder / "raw" / name).write_bytes(content)
        described = {**CORPUS, "sources": [{"path": name, **source}]}
        (self.folder / "mine.yaml").write_text(yaml.safe_dump(described))
        paths = ["mine.yaml", "raw", "out/documents.parquet", "out/metrics.json", "out/check.json"]
        collect.main([*paths, "--params", "text.collect"])
        documents = pq.read_table("out/documents.parquet")["text"]
        english.Tokenizer(True, False)(documents.combine_chunks())
        return documents.to_pylist(), json.loads(Path("out/metrics.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outputs, "_check", lambda self: None)
        yield Run(folder)


def mixed(rows: list[bytes], insertions: list[tuple[int, bytes]]) -> list[bytes]:
    rows = list(rows)
    for place, content in sorted(insertions, reverse=True, key=lambda pair: pair[0]):
        rows.insert(place, content)
    return rows


def check(documents: list[str], metrics: dict) -> None:
    everything = " ".join(documents)
    for number in range(10):
        assert f"valid{number}a valid{number}b" in everything
    kept = metrics["documents"]
    assert kept["total"] == len(documents) == sum(kept[s] for s in ("train", "validation", "test"))


def check_all_accounted_for(content: bytes, newline: str, documents: list, metrics: dict) -> None:
    """Every line that is not blank is a document or counted as dropped."""
    lines = [line for line in re.split(newline, content.decode("utf-8", "replace")) if line.strip()]
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
    content = b"\n".join(mixed(rows, [(max(1, place), line) for place, line in insertions]))
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
    """Truncated, overwritten and wrongly named files: a sentence, or what is valid in them."""
    content = "\n".join(["text", *(valid(n) for n in range(10))]).encode()
    packing = data.draw(st.sampled_from(["", ".gz", ".bz2", ".xz", ".zst"]))
    if packing == ".gz" and data.draw(st.booleans()):
        content = gzip.compress(content, mtime=0)
    content = content[: data.draw(st.integers(0, len(content)))]
    place = data.draw(st.integers(0, len(content)))
    content = content[:place] + data.draw(hostile) + content[place:]
    kind = data.draw(
        st.sampled_from(["txt", "csv", "tsv", "jsonl", "parquet", "xml", "zip", "tar"])
    )
    before = sorted(Path("out").iterdir()) if Path("out").exists() else []
    with contextlib.suppress(StageError):
        documents, _ = run(f"m.{kind}{packing}", content)
        assert documents
    assert sorted(Path("out").iterdir()) in (before, sorted(map(Path, WRITTEN)))


WRITTEN = ["out/documents.parquet", "out/metrics.json", "out/check.json"]
