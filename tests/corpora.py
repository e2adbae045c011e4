"""Run the collecting stage on files that a test writes."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from stages.core.vocabulary import SPECIAL
from stages.text.collect import main
from stages.text.contracts import VOCABULARY

PARAMS = {
    "max_characters": 100_000,
    "urls": "keep",
    "emails": "keep",
    "numbers": "keep",
    "language_filter": False,
    "duplicates": "drop",
    "near_duplicate_similarity": 0.8,
    "split_unit": "document",
    "validation_share": 0.2,
    "test_share": 0.2,
    "seed": 1,
}
CORPUS = {
    "title": "test",
    "licence": "none",
    "language": "english",
    "min_words": 3,
    "markup": "html",
}


class Collecting:
    """The stage in a folder of its own: corpora go to `raw`, results to `out`."""

    def __init__(self, folder: Path):
        self.folder, self.raw, self.out = folder, folder / "raw", folder / "out"
        self.raw.mkdir(exist_ok=True)

    def __call__(self, *sources: dict, corpus: dict | None = None, workers: int = 1, **changes):
        """Collect `sources` and return the documents and the metrics."""
        section = {"text": {"collect": {**PARAMS, **changes}}}
        (self.folder / "params.yaml").write_text(yaml.safe_dump(section))
        described = {**CORPUS, **(corpus or {}), "sources": list(sources)}
        (self.folder / "mine.yaml").write_text(yaml.safe_dump(described))
        main(
            params="text.collect",
            workers=workers,
            corpus="mine.yaml",
            raw="raw",
            documents="out/documents.parquet",
            metrics="out/metrics.json",
            validation="out/check.json",
        )
        metrics = json.loads((self.out / "metrics.json").read_text())
        return pq.read_table(self.out / "documents.parquet").to_pylist(), metrics

    def write(self, name: str, content: bytes | str) -> dict:
        """Write a file of the corpus and return the source that names it."""
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return {"path": name}


def vocabulary(counts: dict[str, int]) -> pa.Table:
    """Return a table `vocabulary` of some words."""
    words, numbers = [*SPECIAL, *counts], [0, 0, 0, *counts.values()]
    columns = [range(len(words)), words, numbers, [None] * len(words)]
    return pa.table(columns, schema=VOCABULARY.schema)


def sentences(n: int, word: str = "word") -> list[str]:
    """Return `n` texts that are no duplicates of each other."""
    return [f"{word}{i} and {word}{i}x stand in text number {i} of them" for i in range(n)]
