"""Render the page of the text room."""

import numpy as np
import pandas as pd

from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output
from stages.core.vocabulary import read_words
from stages.metrics.collect import CollectMetrics
from stages.metrics.profile_corpus import ProfileCorpusMetrics
from stages.metrics.tokenize import TokenizeMetrics
from stages.report.page.charts import fitted, histogram
from stages.report.page.content import (
    Block,
    Chart,
    Page,
    Quote,
    Section,
    Table,
    Text,
    number,
    percent,
)
from stages.report.page.html import write_page
from stages.report.page.inputs import read_table

SPLITS = ["train", "validation", "test"]
DROPPED = {
    "empty": "without text",
    "too_short": "fewer words than min_words of the corpus",
    "other_language": "in another language",
    "duplicate": "the same as another document",
    "near_duplicate": "nearly the same as another document",
    "malformed": "unreadable rows or lines",
    "no_token": "without a token",
    "hidden_file": "hidden files, and those of editors and systems",
    "other_ending": "files with an unknown ending",
    "inner_archive": "archives inside a folder or archive",
    "link": "links inside an archive",
}
CHANGED = {
    "cut": "pieces of documents that were too long",
    "repaired_row": "rows with unbalanced quotation marks, read without them",
    "other_encoding": "lines in another encoding than their file, decoded as what they are",
    "undecodable_line": "lines that cannot be decoded completely",
    "inner_mark": "byte order marks in the middle of a file removed",
    "no_label": "labels such as nan or None left out",
    "repeated_id": "ids of an earlier document, numbered",
    "undecodable": "undecodable bytes removed",
    "mojibake": "letters in a wrong encoding repaired",
    "line_break": "line breaks written as characters turned into line breaks",
    "markup": "markup removed",
    "ligature": "typographic ligatures (such as \ufb01) replaced by letters",
    "mark_flood": "long runs of combining marks cut to three",
    "invisible": "invisible format characters removed",
    "not_nfc": "letters and their marks composed (NFC)",
    "control": "control characters removed",
    "urls": "web addresses removed or replaced",
    "emails": "e-mail addresses removed or replaced",
    "numbers": "numbers removed or replaced",
}
DRAWN = {"document": "drawn one by one", "group": "drawn as whole articles or files"}
FREQUENT = 20


def text_page(
    collected: CollectMetrics,
    tokenized: TokenizeMetrics,
    profile: ProfileCorpusMetrics,
    words: pd.DataFrame,
    lengths: pd.DataFrame,
    growth: pd.DataFrame,
    label_words: pd.DataFrame,
    examples: pd.DataFrame,
) -> Page:
    """Return the page.

    Args:
        collected: metrics of `collect`.
        tokenized: metrics of `tokenize`.
        profile: metrics of `profile_corpus`.
        words: rows of `vocabulary` that are words, most frequent first.
        lengths: table of that name.
        growth: table of that name.
        label_words: table of that name.
        examples: table of that name.
    """
    sections = [
        Section(
            "Corpus", ["collect"], [_card(collected, tokenized), *_losses(collected, tokenized)]
        ),
        Section("Splits", ["collect", "tokenize"], [_splits(collected, tokenized)]),
        Section("Lengths", ["profile_corpus"], [_lengths(lengths)]),
        Section(
            "Words",
            ["tokenize", "profile_corpus"],
            [_zipf(words, profile), _heaps(growth, profile), _frequent(words, tokenized)],
        ),
    ]
    if len(label_words):
        table = _label_words(label_words, profile)
        sections.append(Section("Words of each label", ["profile_corpus"], [table]))
    sections.append(Section("Before and after", ["profile_corpus"], _examples(examples)))
    return Page(
        "text",
        f"{number(collected.documents['total'])} documents of “{collected.corpus.title}” "
        f"became {number(tokenized.tokens['total'])} tokens and a vocabulary of "
        f"{number(tokenized.vocabulary)} words.",
        sections,
    )


@command
def main(
    *,
    collect_metrics: Input,
    tokenize_metrics: Input,
    profile_corpus_metrics: Input,
    vocabulary: Input,
    lengths: Input,
    growth: Input,
    label_words: Input,
    examples: Input,
    page: Output,
    headline: Output,
) -> None:
    """Render the page of the text room."""
    content = text_page(
        read_metrics(collect_metrics, CollectMetrics),
        read_metrics(tokenize_metrics, TokenizeMetrics),
        read_metrics(profile_corpus_metrics, ProfileCorpusMetrics),
        read_words(vocabulary).to_pandas(),
        *map(read_table, (lengths, growth, label_words, examples)),
    )
    write_page(content, page, headline)


def _card(collected: CollectMetrics, tokenized: TokenizeMetrics) -> Table:
    corpus = collected.corpus
    facts = {
        "corpus": f"{corpus.title} (conf/corpus/{corpus.name}.yaml)",
        "source": "; ".join(corpus.sources),
        "homepage": corpus.homepage or "–",
        "licence": corpus.licence,
        "language": corpus.language,
        "documents": number(collected.documents["total"]),
        "sentences": number(tokenized.sentences["total"]),
        "tokens": number(tokenized.tokens["total"]),
        "articles or files": number(collected.groups),
        "labels": number(collected.labels),
        "splits": _origin_of_splits(collected),
    }
    return Table("The corpus.", ["", "what it is"], [[k, v] for k, v in facts.items()])


def _origin_of_splits(collected: CollectMetrics) -> str:
    drawn = DRAWN[collected.split_unit]
    if not collected.given_splits:
        return drawn
    *others, last = collected.given_splits
    given = f"{', '.join(others)} and {last}" if others else last
    rest = f"; the rest {drawn}" if collected.drawn_splits else ""
    return f"{given} as the corpus brings them{rest}"


def _losses(collected: CollectMetrics, tokenized: TokenizeMetrics) -> list[Block]:
    dropped = {**collected.dropped, **tokenized.dropped}
    dropped |= {reason: n for reason, n in collected.left_out.items() if n}
    blocks: list[Block] = [
        Table(
            "What the sources contain that did not become a document, and why.",
            ["dropped", "number"],
            [[DROPPED[reason], number(n)] for reason, n in dropped.items()],
        )
    ]
    changed = {kind: n for kind, n in collected.changed.items() if n}
    if changed:
        rows = [[CHANGED[kind], number(n)] for kind, n in changed.items()]
        blocks.append(Table("Documents that were changed, and how.", ["changed", "number"], rows))
    else:
        blocks.append(Text("No document was changed, except for its white space."))
    if collected.examples:
        blocks.append(Text("The first rows with problems:"))
        blocks += [Quote(example, "as read") for example in collected.examples]
    return blocks


def _splits(collected: CollectMetrics, tokenized: TokenizeMetrics) -> Table:
    return Table(
        "The splits. A token is covered if the vocabulary of the training split has it.",
        ["split", "documents", "sentences", "tokens", "covered"],
        [
            [
                split,
                number(collected.documents[split]),
                number(tokenized.sentences[split]),
                number(tokenized.tokens[split]),
                percent(coverage) if (coverage := tokenized.coverage[split]) is not None else "–",
            ]
            for split in SPLITS
        ],
    )


def _lengths(lengths: pd.DataFrame) -> Chart:
    total = lengths.groupby("tokens")["documents"].sum()
    values, counts = total.index.to_numpy(), total.to_numpy()
    edges = np.unique(np.geomspace(1, values.max() + 1, 40).round().astype(int))
    heights, _ = np.histogram(values, bins=edges, weights=counts)
    rows = pd.DataFrame({"left": edges[:-1], "right": edges[1:], "count": heights.astype(int)})
    cumulative = counts.cumsum()
    median = int(values[np.searchsorted(cumulative, cumulative[-1] / 2)])
    return Chart(
        f"Documents by their number of tokens, in powers of ten: half have at most "
        f"{number(median)}, the longest {number(int(values.max()))}.",
        histogram(
            rows,
            "tokens in a document",
            "documents",
            "Number of documents over their length.",
            logarithmic=True,
        ),
    )


def _zipf(words: pd.DataFrame, profile: ProfileCorpusMetrics) -> Chart:
    n = len(words)
    ranks = np.unique(np.geomspace(1, n, 120).round().astype(int))
    shown = words.iloc[ranks - 1][["token", "count"]].assign(rank=ranks)
    shown["fit"] = profile.zipf_factor * ranks**profile.zipf_exponent
    return Chart(
        f"Words by rank and number of occurrences, in powers of ten, with a fitted line: "
        f"occurrences fall with the power {number(profile.zipf_exponent, 2)} of the rank "
        "(Zipf's law says −1).",
        fitted(
            shown, "rank", "count", ("rank", "occurrences"),
            "Number of occurrences of each word over its rank.",
        ),
    )  # fmt: skip


def _heaps(growth: pd.DataFrame, profile: ProfileCorpusMetrics) -> Chart:
    exponent, factor = profile.heaps_exponent, profile.heaps_factor
    return Chart(
        "Distinct words by words read, in powers of ten, with a fitted line: their number "
        f"grows with the power {number(exponent, 2)} of the text (Heaps' law).",
        fitted(
            growth.assign(fit=factor * growth["tokens"] ** exponent), "tokens", "types",
            ("tokens read", "distinct words"), "Growth of the vocabulary.",
        ),
    )  # fmt: skip


def _frequent(words: pd.DataFrame, tokenized: TokenizeMetrics) -> Table:
    top = words.head(FREQUENT)
    share = top["count"].sum() / tokenized.tokens["train"]
    return Table(
        f"The most frequent words of the training split: these {len(top)} of "
        f"{number(len(words))} are {percent(share)} of its text.",
        ["word", "occurrences", "documents"],
        [
            [token, number(int(count)), number(int(documents))]
            for token, count, documents in zip(
                top["token"], top["count"], top["document_count"], strict=True
            )
        ],
    )


def _label_words(rows: pd.DataFrame, profile: ProfileCorpusMetrics) -> Table:
    shown = rows.groupby("label", sort=False)["token"].agg(", ".join)
    of = number(profile.labels)
    which = (
        f"the {len(shown)} largest of {of} labels" if len(shown) < profile.labels else "each label"
    )
    return Table(
        f"The most typical words of {which}, by log-odds against the others with a Dirichlet "
        "prior (Monroe et al. 2008).",
        ["label", "words"],
        [[label, words] for label, words in shown.items()],
    )


def _examples(examples: pd.DataFrame) -> list[Block]:
    blocks: list[Block] = [
        Text(
            f"{len(examples)} cleaned documents and their tokens: a dot separates tokens, a bar "
            "separates sentences."
        )
    ]
    for row in examples.itertuples():
        ends = np.cumsum(row.sentence_lengths)[:-1]
        sentences = (" · ".join(part) for part in np.split(np.asarray(row.tokens), ends))
        blocks.append(Quote(row.text, f"{row.doc_id}, {row.split}"))
        blocks.append(Quote(" | ".join(sentences), f"tokens of {row.doc_id}"))
    return blocks
