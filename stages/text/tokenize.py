"""Tokenize the documents and count the vocabulary of the training split."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from stages.core.command import Input, Workers, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table, staged
from stages.core.parallel import map_in_order
from stages.core.params import Params
from stages.core.progress import progress
from stages.core.vocabulary import SPECIAL
from stages.metrics.tokenize import TokenizeMetrics
from stages.text.contracts import SPLITS, TOKENS, VOCABULARY
from stages.text.sources.corpus import Corpus
from stages.text.tokens import english, korean
from stages.text.tokens.batch import TokenizedBatch, count


class KoreanParams(Params):
    """The section `text.tokenize.korean`."""

    morphemes: Literal["content", "all"]
    part_of_speech: bool
    correct_typos: bool
    correct_spacing: bool


class TokenizeParams(Params):
    """The section `text.tokenize`."""

    lowercase: bool
    keep_punctuation: bool
    korean: KoreanParams
    min_count: int = Field(ge=1)
    max_words: int = Field(ge=1)


class Counts:
    """Counts of each token, summed over batches."""

    def __init__(self) -> None:
        self._row: dict[str, int] = {}
        self._counts = np.zeros((len(SPLITS) + 1, 1 << 12), dtype=np.int64)

    def add(self, batch: TokenizedBatch) -> None:
        """Add a batch."""
        row = self._row
        token, *counts = batch.counts.columns
        rows = [row.setdefault(text, len(row)) for text in token.to_pylist()]
        while len(row) > self._counts.shape[1]:
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)], axis=1)
        self._counts[:, rows] += counts

    def types(self) -> int:
        """Return the number of distinct tokens in the training split."""
        return int((self._counts[SPLITS.index("train")] > 0).sum())

    def vocabulary(
        self, min_count: int, max_words: int, sentences: int, documents: int
    ) -> tuple[pa.Table, dict[str, float]]:
        """Return the table `vocabulary` and the share of each split's tokens that it covers.

        Words are sorted by descending count, ties alphabetically.

        Args:
            min_count: minimum count of a word in the training split.
            max_words: maximum number of words; the rarest are left out.
            sentences: number of sentences in the training split, the count of <bos> and <eos>.
            documents: number of documents in the training split.
        """
        train = self._counts[SPLITS.index("train")]
        frequent = np.flatnonzero(train[: len(self._row)] >= min_count)
        alphabetical = sorted(
            zip(np.array(list(self._row), object)[frequent], frequent, strict=True)
        )
        by_count = sorted(alphabetical, key=lambda pair: -train[pair[1]])[:max_words]
        words, rows = [word for word, _ in by_count], [row for _, row in by_count]
        totals = self._counts[: len(SPLITS)].sum(axis=1)
        known = self._counts[: len(SPLITS), rows].sum(axis=1)
        unknown = int(totals[SPLITS.index("train")] - known[SPLITS.index("train")])
        columns = [
            range(len(SPECIAL) + len(words)),
            [*SPECIAL, *words],
            [unknown, sentences, sentences, *train[rows].tolist()],
            [None, documents, documents, *self._counts[-1, rows].tolist()],
        ]
        coverage = {
            split: float(part / total) if total else None
            for split, part, total in zip(SPLITS, known, totals, strict=True)
        }
        return pa.table(columns, schema=VOCABULARY.schema), coverage


def tokenized(
    documents: Path,
    dictionary: Path,
    language: str,
    params: TokenizeParams,
    workers: int,
    folder: Path,
) -> Iterator[TokenizedBatch]:
    """Yield the tokens of the documents by row group; `folder` is for temporary files."""
    groups = range(pq.ParquetFile(documents).metadata.num_row_groups)
    if language == "english":
        work = functools.partial(
            _english_row_group, documents, params.lowercase, params.keep_punctuation
        )
        yield from map_in_order(work, groups, workers, folder)
        return
    tokenizer = korean.Tokenizer(
        dictionary,
        lowercase=params.lowercase,
        keep_punctuation=params.keep_punctuation,
        workers=workers,
        **params.korean.model_dump(),
    )
    pending: list[pa.Table] = []

    def texts() -> Iterator[pa.ChunkedArray]:
        for group in groups:
            pending.append(_read(documents, group))
            yield pending[-1]["text"]

    for tokens in tokenizer(texts()):
        yield count(pending.pop(0), tokens)


def _english_row_group(
    documents: Path, lowercase: bool, keep_punctuation: bool, group: int
) -> TokenizedBatch:
    rows = _read(documents, group)
    tokenizer = _english_tokenizer(lowercase, keep_punctuation)
    return count(rows, tokenizer(rows["text"].combine_chunks()))


@functools.cache
def _english_tokenizer(lowercase: bool, keep_punctuation: bool) -> english.Tokenizer:
    """Return the tokenizer of this process, which caches the strings it has seen."""
    return english.Tokenizer(lowercase, keep_punctuation)


def _read(documents: Path, group: int) -> pa.Table:
    with pq.ParquetFile(documents) as file:
        return file.read_row_group(group)


@command
def main(
    *,
    params: TokenizeParams,
    workers: Workers,
    corpus: Corpus,
    korean_words: Input,
    documents: Input,
    tokens: Table[TOKENS],
    vocabulary: Table[VOCABULARY],
    metrics: Output,
) -> None:
    """Tokenize the documents and count the vocabulary of the training split.

    Args:
        corpus: file in conf/corpus, for its language
        korean_words: user dictionary of Korean: word, tab, part of speech
    """
    metadata = pq.ParquetFile(documents).metadata
    counts = Counts()
    totals = np.zeros((3, len(SPLITS)), dtype=np.int64)
    # .dvcignore contains the pattern of this name.
    folder = staged(tokens.target.with_suffix(""))
    batches = tokenized(documents, korean_words, corpus.language, params, workers, folder)
    with tokens.writer() as writer:
        for batch in progress(batches, "tokenizing row groups", metadata.num_row_groups):
            writer.write_table(batch.rows)
            counts.add(batch)
            totals += [batch.tokens, batch.sentences, batch.documents]
    n_tokens, n_sentences, n_documents = (
        dict(zip(SPLITS, row, strict=True)) for row in totals.tolist()
    )
    words, coverage = counts.vocabulary(
        params.min_count, params.max_words, n_sentences["train"], n_documents["train"]
    )
    if len(words) == len(SPECIAL):
        raise StageError(
            f"no word of {documents} occurs {params.min_count} times in the training "
            f"split: lower {params.section}.min_count or add text"
        )
    vocabulary.write(words)
    metrics.write_json(
        TokenizeMetrics(
            language=corpus.language,
            tokens={"total": sum(n_tokens.values()), **n_tokens},
            sentences={"total": sum(n_sentences.values()), **n_sentences},
            types=counts.types(),
            vocabulary=len(words) - len(SPECIAL),
            dropped={"no_token": metadata.num_rows - sum(n_documents.values())},
            coverage=coverage,
        )
    )
