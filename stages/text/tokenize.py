"""Tokenize the documents and count the vocabulary of the training split."""

import argparse
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from stages.errors import StageError
from stages.outputs import Outputs
from stages.params import Params, load
from stages.progress import progress
from stages.text.contracts import SPLITS, TOKENS, VOCABULARY
from stages.text.english import tokenize

ROWS_PER_GROUP = 2_000


class TokenizeParams(Params):
    """The section `text.tokenize`."""

    lowercase: bool
    keep_punctuation: bool
    min_count: int = Field(ge=1)


def tokenize_batch(documents: pa.RecordBatch, params: TokenizeParams) -> pa.Table:
    """Return the `tokens` table of some rows of `documents`, without those that have no token."""
    rows = []
    for row in documents.to_pylist():
        text = row.pop("text")
        tokens = tokenize(text.lower() if params.lowercase else text, params.keep_punctuation)
        if tokens:
            rows.append({**row, "tokens": tokens})
    return pa.Table.from_pylist(rows, TOKENS.schema)


def vocabulary_table(
    counts: Counter[str], document_counts: Counter[str], min_count: int
) -> pa.Table:
    """Return the `vocabulary` table: most frequent first, equal counts in alphabetical order."""
    words = sorted((w for w in counts if counts[w] >= min_count), key=lambda w: (-counts[w], w))
    columns = [
        range(len(words)),
        words,
        [counts[word] for word in words],
        [document_counts[word] for word in words],
    ]
    return pa.table(columns, schema=VOCABULARY.schema)


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, tokenize row group by row group, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, TokenizeParams)

    source = pq.ParquetFile(args.documents)
    counts: Counter[str] = Counter()
    document_counts: Counter[str] = Counter()
    tokens_in: Counter[str] = Counter(dict.fromkeys(SPLITS, 0))
    documents_in: Counter[str] = Counter(dict.fromkeys(SPLITS, 0))
    # Tokens of validation and test, to tell how many of them the training vocabulary covers.
    held_out: dict[str, Counter[str]] = {"validation": Counter(), "test": Counter()}
    with Outputs(args.validation) as outputs:
        with outputs.table_writer(args.tokens, TOKENS) as writer:
            batches = source.iter_batches(batch_size=ROWS_PER_GROUP)
            n_batches = -(-source.metadata.num_rows // ROWS_PER_GROUP)
            for batch in progress(batches, "tokenizing", n_batches):
                table = tokenize_batch(batch, params)
                writer.write_table(table)
                for split, tokens in zip(
                    table["split"].to_pylist(), table["tokens"].to_pylist(), strict=True
                ):
                    documents_in[split] += 1
                    tokens_in[split] += len(tokens)
                    if split == "train":
                        counts.update(tokens)
                        document_counts.update(set(tokens))
                    else:
                        held_out[split].update(tokens)
        vocabulary = vocabulary_table(counts, document_counts, params.min_count)
        words = set(vocabulary["token"].to_pylist())
        if not words:
            raise StageError(
                f"no word of {args.documents} occurs {params.min_count} times in the training "
                f"split: lower {args.params}.min_count or bring more text"
            )
        outputs.table(args.vocabulary, VOCABULARY, vocabulary)
        outputs.json(
            args.metrics,
            {
                "tokens": {"total": sum(tokens_in.values()), **tokens_in},
                "types": len(counts),
                "vocabulary": len(words),
                "dropped": {"no_token": source.metadata.num_rows - sum(documents_in.values())},
                "coverage": {
                    split: sum(n for word, n in seen.items() if word in words)
                    / max(1, sum(seen.values()))
                    for split, seen in held_out.items()
                },
            },
        )
