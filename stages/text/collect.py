"""Collect a corpus: paragraphs, cleaned, without repetition, drawn into three splits."""

import argparse
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import pyarrow as pa
from pydantic import Field

from stages.errors import StageError
from stages.outputs import Outputs
from stages.params import Params, load
from stages.text.contracts import DOCUMENTS, SPLITS
from stages.text.sources import Paragraph, read_corpus

SHINGLE_WORDS = 3

Share = Annotated[float, Field(gt=0, lt=0.5)]


class CollectParams(Params):
    """The section `text.collect`."""

    corpus: str
    min_words: int = Field(ge=1)
    near_duplicate_similarity: float = Field(gt=0, le=1)
    split_unit: Literal["paragraph", "article"]
    validation_share: Share
    test_share: Share
    seed: int


class Kept(NamedTuple):
    """The paragraphs that stay, and how many do not by reason."""

    paragraphs: list[Paragraph]
    dropped: dict[str, int]


def clean(text: str) -> str:
    """Return `text` in Unicode form NFC, without control characters, white space folded."""
    text = unicodedata.normalize("NFC", text)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def select(paragraphs: Iterable[Paragraph], min_words: int, similarity: float) -> Kept:
    """Clean the paragraphs and drop those too short, the same or nearly the same as one before.

    Two paragraphs are nearly the same when the Jaccard similarity of their sets of three
    consecutive words is at least `similarity` (Broder 1997, resemblance of shingles).
    """
    kept: list[Paragraph] = []
    dropped = Counter({"too_short": 0, "duplicate": 0, "near_duplicate": 0})
    seen: set[str] = set()
    sizes: list[int] = []
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for paragraph in paragraphs:
        text = clean(paragraph.text)
        words = re.findall(r"\w+", text.lower())
        key = " ".join(words)
        if len(words) < min_words:
            # A blank line is no paragraph, and nothing is lost with it.
            dropped["too_short"] += bool(text)
        elif key in seen:
            dropped["duplicate"] += 1
        else:
            seen.add(key)
            shingles = set(zip(*(words[i:] for i in range(SHINGLE_WORDS)), strict=False))
            shared = Counter(holder for s in shingles for holder in holders.get(s, ()))
            if any(
                count >= similarity * (len(shingles) + sizes[holder] - count)
                for holder, count in shared.items()
            ):
                dropped["near_duplicate"] += 1
                continue
            for shingle in shingles:
                holders[shingle].append(len(kept))
            sizes.append(len(shingles))
            kept.append(paragraph._replace(text=text))
    return Kept(kept, dict(dropped))


def draw_splits(
    articles: list[str], unit: str, validation_share: float, test_share: float, seed: int
) -> list[str]:
    """Return the split of each paragraph, given the article of each.

    Args:
        articles: one name per paragraph.
        unit: `paragraph` draws within each article; `article` draws whole articles.
        validation_share: share of the paragraphs (or articles) that go to validation.
        test_share: share that go to test.
        seed: of the draw.
    """
    draw = random.Random(seed)
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, article in enumerate(articles):
        rows_of[article].append(row)
    groups = (
        [[[row] for row in rows] for rows in rows_of.values()]
        if unit == "paragraph"
        else [list(rows_of.values())]
    )
    splits = ["train"] * len(articles)
    for group in groups:
        draw.shuffle(group)
        n_test = round(test_share * len(group))
        n_validation = round(validation_share * len(group))
        for position, rows in enumerate(group[: n_test + n_validation]):
            for row in rows:
                splits[row] = "test" if position < n_test else "validation"
    return splits


def documents_table(paragraphs: list[Paragraph], splits: list[str]) -> pa.Table:
    """Return the `documents` table; an id is the article and the paragraph's number in it."""
    number: Counter[str] = Counter()
    ids = []
    for paragraph in paragraphs:
        number[paragraph.article] += 1
        ids.append(f"{paragraph.article}#{number[paragraph.article]}")
    columns = [ids, splits, [p.text for p in paragraphs], [p.label for p in paragraphs]]
    return pa.table(columns, schema=DOCUMENTS.schema)


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, collect, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("raw", type=Path, help="folder of people's own corpora")
    parser.add_argument("documents", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, CollectParams)

    kept = select(
        read_corpus(params.corpus, args.raw), params.min_words, params.near_duplicate_similarity
    )
    if not kept.paragraphs:
        raise StageError(
            f"corpus '{params.corpus}' is empty: no paragraph of at least {params.min_words} words "
            f"(dropped: {kept.dropped})"
        )
    splits = draw_splits(
        [p.article for p in kept.paragraphs],
        params.split_unit,
        params.validation_share,
        params.test_share,
        params.seed,
    )
    counts = {split: splits.count(split) for split in SPLITS}
    if not all(counts.values()):
        raise StageError(
            f"corpus '{params.corpus}' is too small to split by {params.split_unit} ({counts}): "
            "bring more text, raise the shares or set split_unit: paragraph"
        )
    with Outputs(args.validation) as outputs:
        outputs.table(args.documents, DOCUMENTS, documents_table(kept.paragraphs, splits))
        outputs.json(
            args.metrics,
            {
                "corpus": params.corpus,
                "split_unit": params.split_unit,
                "documents": {"total": len(splits), **counts},
                "articles": len({p.article for p in kept.paragraphs}),
                "labels": len({p.label for p in kept.paragraphs} - {None}),
                "dropped": kept.dropped,
            },
        )
