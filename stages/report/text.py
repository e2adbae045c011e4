"""The page of the text room."""

import numpy as np
import pandas as pd

from stages.report.charts import fitted, histogram
from stages.report.content import (
    Block,
    Chart,
    Page,
    Quote,
    Section,
    Table,
    Text,
    not_run,
    number,
    percent,
)
from stages.report.inputs import Inputs

TITLE = "Text"
SPLITS = ["train", "validation", "test"]
DROPPED = {
    "empty": "without text",
    "too_short": "fewer words than min_words of the corpus",
    "other_language": "in another language",
    "duplicate": "the same as another one",
    "near_duplicate": "nearly the same as another one",
    "malformed": "rows or lines that could not be read",
    "no_token": "without a token",
    "hidden_file": "hidden files, and those of editors and systems",
    "other_ending": "files whose ending is not known",
    "inner_archive": "archives inside a folder or archive",
    "link": "links inside an archive",
}
CHANGED = {
    "cut": "pieces cut off documents that were too long",
    "repaired_row": "rows read without their quotation marks, which did not match",
    "other_encoding": "lines in another encoding than their file, read as what they are",
    "undecodable_line": "lines of which a part cannot be decoded",
    "inner_mark": "byte order marks amid a file taken out",
    "no_label": "labels such as nan or None left out",
    "repeated_id": "ids that another document has already, told apart by a number behind them",
    "undecodable": "bytes that are no text taken out",
    "mojibake": "letters read in a wrong encoding repaired",
    "line_break": "line breaks written as characters turned into line breaks",
    "markup": "markup taken out",
    "ligature": "letters joined by typesetting (such as \ufb01) written out",
    "mark_flood": "heaps of combining marks cut to three",
    "invisible": "invisible format characters taken out",
    "not_nfc": "letters and their marks put together (NFC)",
    "control": "control characters taken out",
    "urls": "addresses of pages taken out or replaced",
    "emails": "e-mail addresses taken out or replaced",
    "numbers": "numbers taken out or replaced",
}
DRAWN = {"document": "drawn one by one", "group": "drawn as whole articles or files"}
FREQUENT = 20


def build(inputs: Inputs) -> Page:
    """Return the page."""
    collected, tokenized, described = map(inputs.metric, ("collect", "tokenize", "describe"))
    names = ("vocabulary", "lengths", "growth", "label_words", "examples")
    tables = {name: inputs.table("text", name) for name in names}
    if not (collected and tokenized and described) or any(t is None for t in tables.values()):
        return not_run("text", TITLE)
    words = tables["vocabulary"].iloc[3:]  # after <unk>, <bos> and <eos>
    sections = [
        Section(
            "Corpus", ["collect"], [_card(collected, tokenized), *_losses(collected, tokenized)]
        ),
        Section("Splits", ["collect", "tokenize"], [_splits(collected, tokenized)]),
        Section("Lengths", ["describe"], [_lengths(tables["lengths"])]),
        Section(
            "Words",
            ["tokenize", "describe"],
            [_zipf(words, described), _heaps(tables["growth"], described),
             _frequent(words, tokenized)],
        ),
    ]  # fmt: skip
    if len(tables["label_words"]):
        table = _label_words(tables["label_words"], described)
        sections.append(Section("Words of each label", ["describe"], [table]))
    sections.append(Section("Before and after", ["describe"], _examples(tables["examples"])))
    return Page(
        "text",
        TITLE,
        f"{number(collected['documents']['total'])} documents of “{collected['corpus']['title']}” "
        f"became {number(tokenized['tokens']['total'])} tokens and a vocabulary of "
        f"{number(tokenized['vocabulary'])} words.",
        sections,
    )


def _card(collected: dict, tokenized: dict) -> Table:
    corpus = collected["corpus"]
    given = collected["given_splits"]
    facts = {
        "corpus": f"{corpus['title']} (conf/corpus/{corpus['name']}.yaml)",
        "source": "; ".join(corpus["sources"]),
        "homepage": corpus["homepage"] or "–",
        "licence": corpus["licence"],
        "language": corpus["language"],
        "documents": number(collected["documents"]["total"]),
        "sentences": number(tokenized["sentences"]["total"]),
        "tokens": number(tokenized["tokens"]["total"]),
        "articles or files": number(collected["groups"]),
        "labels": number(collected["labels"]),
        "splits": f"{' and '.join(given)} as the corpus brings them; the rest "
        f"{DRAWN[collected['split_unit']]}"
        if given
        else DRAWN[collected["split_unit"]],
    }
    return Table("The corpus.", ["", "what it is"], [[k, v] for k, v in facts.items()])


def _losses(collected: dict, tokenized: dict) -> list[Block]:
    dropped = {**collected["dropped"], **tokenized["dropped"]}
    dropped |= {reason: n for reason, n in collected["left_out"].items() if n}
    blocks: list[Block] = [
        Table(
            "What the source holds that is no document here, and why.",
            ["dropped", "number"],
            [[DROPPED[reason], number(n)] for reason, n in dropped.items()],
        )
    ]
    changed = {kind: n for kind, n in collected["changed"].items() if n}
    if changed:
        rows = [[CHANGED[kind], number(n)] for kind, n in changed.items()]
        blocks.append(Table("Documents that were changed, and how.", ["changed", "number"], rows))
    else:
        blocks.append(Text("No document was changed, but for white space."))
    if collected["examples"]:
        blocks.append(Text("The first files and rows that made trouble:"))
        blocks += [Quote(example, "as read") for example in collected["examples"]]
    return blocks


def _splits(collected: dict, tokenized: dict) -> Table:
    return Table(
        "The splits; a token is covered when the vocabulary of the training split has it.",
        ["split", "documents", "sentences", "tokens", "covered"],
        [
            [
                split,
                number(collected["documents"][split]),
                number(tokenized["sentences"][split]),
                number(tokenized["tokens"][split]),
                percent(coverage)
                if (coverage := tokenized["coverage"][split]) is not None
                else "–",
            ]
            for split in SPLITS
        ],
    )


def _lengths(lengths: pd.DataFrame) -> Chart:
    total = lengths.groupby("tokens")["documents"].sum()
    values, counts = total.index.to_numpy(), total.to_numpy()
    edges = np.unique(np.geomspace(1, values.max() + 1, 40).round().astype(int))
    heights, _ = np.histogram(values, bins=edges, weights=counts)
    rows = pd.DataFrame({"left": edges[:-1], "right": edges[1:], "documents": heights.astype(int)})
    cumulative = counts.cumsum()
    median = int(values[np.searchsorted(cumulative, cumulative[-1] / 2)])
    return Chart(
        f"Documents by their number of tokens, in powers of ten: half have at most "
        f"{number(median)}, the longest {number(int(values.max()))}.",
        histogram(rows, "tokens in a document", "Number of documents over their length."),
    )


def _zipf(words: pd.DataFrame, described: dict) -> Chart:
    n = len(words)
    ranks = np.unique(np.geomspace(1, n, 120).round().astype(int))
    shown = words.iloc[ranks - 1][["token", "count"]].assign(rank=ranks)
    shown["fit"] = described["zipf_factor"] * ranks ** described["zipf_exponent"]
    return Chart(
        f"Words by rank and number of occurrences, in powers of ten, and the line through them: "
        f"occurrences fall with the power {number(described['zipf_exponent'], 2)} of the rank "
        "(Zipf's law says −1).",
        fitted(
            shown, "rank", "count", ("rank", "occurrences"),
            "Number of occurrences of each word over its rank.",
        ),
    )  # fmt: skip


def _heaps(growth: pd.DataFrame, described: dict) -> Chart:
    exponent, factor = described["heaps_exponent"], described["heaps_factor"]
    return Chart(
        "Distinct words over words read, in powers of ten, and the line through them: their number "
        f"grows with the power {number(exponent, 2)} of the text (Heaps' law).",
        fitted(
            growth.assign(fit=factor * growth["tokens"] ** exponent), "tokens", "types",
            ("tokens read", "distinct words"), "Growth of the vocabulary.",
        ),
    )  # fmt: skip


def _frequent(words: pd.DataFrame, tokenized: dict) -> Table:
    top = words.head(FREQUENT)
    share = top["count"].sum() / tokenized["tokens"]["train"]
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


def _label_words(rows: pd.DataFrame, described: dict) -> Table:
    shown = rows.groupby("label", sort=False)["token"].agg(", ".join)
    of = number(described["labels"])
    which = (
        f"the {len(shown)} largest of {of} labels"
        if len(shown) < described["labels"]
        else "each label"
    )
    return Table(
        f"The words that belong most to {which}, by log-odds against the others with a Dirichlet "
        "prior (Monroe et al. 2008).",
        ["label", "words"],
        [[label, words] for label, words in shown.items()],
    )


def _examples(examples: pd.DataFrame) -> list[Block]:
    blocks: list[Block] = [
        Text(
            f"{len(examples)} documents as cleaned, and their tokens: a dot stands between tokens, "
            "a bar between sentences."
        )
    ]
    for row in examples.itertuples():
        ends = np.cumsum(row.sentence_lengths)[:-1]
        sentences = (" · ".join(part) for part in np.split(np.asarray(row.tokens), ends))
        blocks.append(Quote(row.text, f"{row.doc_id}, {row.split}"))
        blocks.append(Quote(" | ".join(sentences), f"tokens of {row.doc_id}"))
    return blocks
