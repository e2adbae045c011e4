"""Tokenize the documents and count the vocabulary of the training split."""

import argparse
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from stages.errors import StageError
from stages.outputs import Outputs, aside
from stages.params import Params, load
from stages.progress import progress
from stages.text import english, korean
from stages.text.contracts import SPLITS, TOKENS, VOCABULARY
from stages.text.corpus import read_corpus_file
from stages.text.parallel import map_in_order
from stages.text.tokens import TokenizedBatch, count
from stages.vocabulary import SPECIAL


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
    workers: int = Field(ge=1)


class Counts:
    """How often each token occurs, added up over batches."""

    def __init__(self) -> None:
        """Start with no token."""
        self._row: dict[str, int] = {}
        self._counts = np.zeros((len(SPLITS) + 1, 1 << 12), dtype=np.int64)

    def add(self, batch: TokenizedBatch) -> None:
        """Add the counts of a batch."""
        row = self._row
        token, *counts = batch.counts.columns
        rows = [row.setdefault(text, len(row)) for text in token.to_pylist()]
        while len(row) > self._counts.shape[1]:
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)], axis=1)
        self._counts[:, rows] += counts

    def types(self) -> int:
        """Return how many tokens of the training split are distinct."""
        return int((self._counts[SPLITS.index("train")] > 0).sum())

    def vocabulary(
        self, min_count: int, max_words: int, sentences: int, documents: int
    ) -> tuple[pa.Table, dict[str, float]]:
        """Return the table `vocabulary` and the share of each split's tokens that it covers.

        Words stand in the order of their counts, equal ones in that of the alphabet.

        Args:
            min_count: occurrences in the training split that a word needs.
            max_words: of more words, the rarest are left out.
            sentences: of the training split, each of which begins and ends once.
            documents: of the training split.
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
    documents: Path, dictionary: Path, language: str, params: TokenizeParams, folder: Path
) -> Iterator[TokenizedBatch]:
    """Yield the tokens of the documents, row group by row group; `folder` is for what passes."""
    groups = range(pq.ParquetFile(documents).metadata.num_row_groups)
    if language == "english":
        work = functools.partial(
            _english_row_group, documents, params.lowercase, params.keep_punctuation
        )
        yield from map_in_order(work, groups, params.workers, folder)
        return
    tokenizer = korean.Tokenizer(
        dictionary,
        lowercase=params.lowercase,
        keep_punctuation=params.keep_punctuation,
        workers=params.workers,
        **params.korean.model_dump(),
    )
    waiting: list[pa.Table] = []

    def texts() -> Iterator[pa.ChunkedArray]:
        for group in groups:
            waiting.append(_read(documents, group))
            yield waiting[-1]["text"]

    for tokens in tokenizer(texts()):
        yield count(waiting.pop(0), tokens)


def _english_row_group(
    documents: Path, lowercase: bool, keep_punctuation: bool, group: int
) -> TokenizedBatch:
    rows = _read(documents, group)
    tokenizer = _english_tokenizer(lowercase, keep_punctuation)
    return count(rows, tokenizer(rows["text"].combine_chunks()))


@functools.cache
def _english_tokenizer(lowercase: bool, keep_punctuation: bool) -> english.Tokenizer:
    """Return the tokenizer of this process, which remembers what it has seen."""
    return english.Tokenizer(lowercase, keep_punctuation)


def _read(documents: Path, group: int) -> pa.Table:
    with pq.ParquetFile(documents) as file:
        return file.read_row_group(group)


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, tokenize row group by row group, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path, help="file of conf/corpus, for its language")
    parser.add_argument("dictionary", type=Path, help="Korean words to know: word, tab, tag")
    parser.add_argument("documents", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, TokenizeParams)
    language = read_corpus_file(args.corpus).language

    metadata = pq.ParquetFile(args.documents).metadata
    counts = Counts()
    totals = np.zeros((3, len(SPLITS)), dtype=np.int64)
    with Outputs(args.validation) as outputs:
        with outputs.table_writer(args.tokens, TOKENS) as writer:
            # DVC does not look at what is called so.
            folder = aside(args.tokens.with_suffix(""))
            batches = tokenized(args.documents, args.dictionary, language, params, folder)
            for batch in progress(batches, "tokenizing row groups", metadata.num_row_groups):
                writer.write_table(batch.rows)
                counts.add(batch)
                totals += [batch.tokens, batch.sentences, batch.documents]
        tokens, sentences, documents = (
            dict(zip(SPLITS, row, strict=True)) for row in totals.tolist()
        )
        vocabulary, coverage = counts.vocabulary(
            params.min_count, params.max_words, sentences["train"], documents["train"]
        )
        if len(vocabulary) == len(SPECIAL):
            raise StageError(
                f"no word of {args.documents} occurs {params.min_count} times in the training "
                f"split: lower {args.params}.min_count or bring more text"
            )
        outputs.table(args.vocabulary, VOCABULARY, vocabulary)
        outputs.json(
            args.metrics,
            {
                "language": language,
                "tokens": {"total": sum(tokens.values()), **tokens},
                "sentences": {"total": sum(sentences.values()), **sentences},
                "types": counts.types(),
                "vocabulary": len(vocabulary) - len(SPECIAL),
                "dropped": {"no_token": metadata.num_rows - sum(documents.values())},
                "coverage": coverage,
            },
        )
