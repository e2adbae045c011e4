"""The page of the text room."""

import numpy as np
import pandas as pd

from stages.report.charts import rank_frequency
from stages.report.content import Chart, Page, Quote, Section, Table, Text, not_run, number, percent
from stages.report.inputs import Inputs

TITLE = "Text"
SPLITS = ["train", "validation", "test"]
REASONS = {
    "too_short": "fewer words than text.collect.min_words",
    "duplicate": "the same as one before",
    "near_duplicate": "nearly the same as one before",
    "no_token": "without a token",
}


def build(inputs: Inputs) -> Page:
    """Return the page."""
    collected, tokenized = inputs.metric("collect"), inputs.metric("tokenize")
    vocabulary = inputs.table("text", "vocabulary")
    documents = inputs.table("text", "documents")
    tokens = inputs.table("text", "tokens", ["doc_id", "tokens"])
    if not (collected and tokenized) or vocabulary is None or documents is None or tokens is None:
        return not_run("text", TITLE)
    drawn = {
        "paragraph": "drawn within each article",
        "article": "drawn as whole articles",
    }[collected["split_unit"]]
    return Page(
        "text",
        TITLE,
        f"{number(collected['documents']['total'])} documents of the corpus "
        f"“{collected['corpus']}” became {number(tokenized['tokens']['total'])} tokens and a "
        f"vocabulary of {number(tokenized['vocabulary'])} words.",
        [
            Section(
                "Corpus",
                ["collect", "tokenize"],
                [
                    _splits(collected, tokenized, drawn),
                    Table(
                        "Paragraphs that are not in the documents, and why.",
                        ["reason", "paragraphs"],
                        [
                            [REASONS[reason], number(n)]
                            for metrics in (collected, tokenized)
                            for reason, n in metrics["dropped"].items()
                        ],
                    ),
                ],
            ),
            Section("Words", ["tokenize"], _words(vocabulary, tokenized)),
            Section("Before and after", ["tokenize"], _examples(documents, tokens)),
        ],
    )


def _splits(collected: dict, tokenized: dict, drawn: str) -> Table:
    rows = []
    for split in SPLITS:
        coverage = tokenized["coverage"].get(split)
        rows.append(
            [
                split,
                number(collected["documents"][split]),
                number(tokenized["tokens"][split]),
                percent(coverage) if coverage is not None else "–",
            ]
        )
    caption = (
        f"The splits, {drawn} ({number(collected['articles'])} articles, "
        f"{number(collected['labels'])} labels); a word is covered when the vocabulary of the "
        "training split has it."
    )
    return Table(caption, ["split", "documents", "tokens", "covered"], rows)


def _words(vocabulary: pd.DataFrame, tokenized: dict) -> list:
    n = len(vocabulary)
    ranks = np.unique(np.geomspace(1, n, 120).round().astype(int))
    shown = vocabulary.iloc[ranks - 1][["token", "count"]].assign(rank=ranks)
    top = vocabulary.head(10)
    share = top["count"].sum() / tokenized["tokens"]["train"]
    return [
        Chart(
            f"Words by rank and number of occurrences, both in powers of ten: the first ten of "
            f"{number(n)} words are {percent(share)} of the training text.",
            rank_frequency(shown, "Number of occurrences of each word over its rank."),
        ),
        Table(
            "The most frequent words of the training split.",
            ["word", "occurrences", "documents"],
            [
                [token, number(int(count)), number(int(in_documents))]
                for token, count, in_documents in zip(
                    top["token"], top["count"], top["document_count"], strict=True
                )
            ],
        ),
    ]


def _examples(documents: pd.DataFrame, tokens: pd.DataFrame) -> list:
    tokens_of = dict(zip(tokens["doc_id"], tokens["tokens"], strict=True))
    readable = documents[documents["text"].str.len().between(60, 260)]
    chosen = readable.iloc[np.linspace(0, len(readable) - 1, min(4, len(readable))).astype(int)]
    blocks: list = [Text("Four documents as collected, and their tokens set apart by a dot.")]
    for document in chosen.itertuples():
        if document.doc_id in tokens_of:
            together = " · ".join(tokens_of[document.doc_id])
            blocks.append(Quote(document.text, f"{document.doc_id}, {document.split}"))
            blocks.append(Quote(together, f"tokens of {document.doc_id}"))
    return blocks
