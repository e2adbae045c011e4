"""Describe the corpus: lengths, growth of the vocabulary, words of each label, examples."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from stages.core.command import Input, command
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.vocabulary import read_words
from stages.metrics.profile_corpus import ProfileCorpusMetrics
from stages.text.contracts import EXAMPLES, GROWTH, LABEL_WORDS, LENGTHS

GROWTH_POINTS = 60
# Characters of example documents; longer ones are shown only if there are too few of these.
SHORTEST_EXAMPLE, LONGEST_EXAMPLE = 20, 300


class ProfileCorpusParams(Params):
    """The section `text.profile_corpus`."""

    examples: int = Field(ge=1)
    labels: int = Field(ge=2)
    words_per_label: int = Field(ge=1)
    prior: float = Field(gt=0)


def fit_power(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return exponent and factor of y = factor * x ** exponent, least squares on logarithms.

    The exponent of fewer than two points is 0.
    """
    if len(x) < 2:
        return 0.0, float(y[0])
    exponent, logarithm = np.polyfit(np.log(x), np.log(y), 1)
    return float(exponent), float(np.exp(logarithm))


def fit_zipf(counts: np.ndarray) -> tuple[float, float]:
    """Return exponent and factor of frequency over rank (Zipf 1949).

    The ranks are evenly spaced on a logarithmic scale, because the many rare words would otherwise
    dominate the fit.

    Args:
        counts: word counts in descending order, (words,).
    """
    ranks = np.unique(np.geomspace(1, len(counts), 200).astype(int))
    return fit_power(ranks, counts[ranks - 1])


def specific_words(counts: np.ndarray, prior: float) -> np.ndarray:
    """Return how specific each word is to each label, in standard errors, (labels, words).

    The score is the log-odds ratio of a label to all others with an informative Dirichlet prior
    (Monroe, Colaresi and Quinn 2008, equations 15, 16 and 22).

    Args:
        counts: word counts by label, (labels, words).
        prior: size of the prior in words, distributed like the words of all labels.
    """
    total = counts.sum(axis=0)
    scores = np.zeros(counts.shape)
    occurs = total > 0
    total = total[occurs]
    alpha = prior * total / total.sum()
    for label, in_label in enumerate(counts[:, occurs]):
        in_others = total - in_label
        a, b = in_label + alpha, in_others + alpha
        log_odds_ratio = np.log(a / (in_label.sum() + prior - a)) - np.log(
            b / (in_others.sum() + prior - b)
        )
        scores[label, occurs] = log_odds_ratio / np.sqrt(1 / a + 1 / b)
    return scores


class Profile:
    """Counts of one pass over the tokens.

    Args:
        words: words of the vocabulary.
        labels: labels whose words are counted.
        n_tokens: number of tokens of the training split.
    """

    def __init__(self, words: pa.Array, labels: list[str], n_tokens: int):
        self._words = words
        self._labels = pa.array(labels, pa.string())
        self.lengths: Counter[tuple[str, int]] = Counter()
        self.label_counts = np.zeros((len(labels), len(words)), dtype=np.int64)
        self._growth_points = np.unique(
            np.geomspace(min(100, n_tokens), n_tokens, GROWTH_POINTS).astype(int)
        )
        self._seen: set[str] = set()
        self._n_read = 0
        self.growth: list[tuple[int, int]] = []

    def add(self, batch: pa.Table) -> None:
        """Count a batch of the table `tokens`."""
        lengths = np.diff(batch["tokens"].combine_chunks().offsets.to_numpy())
        splits = batch["split"].to_pylist()
        self.lengths.update(zip(splits, lengths.tolist(), strict=True))
        train = batch.filter(pc.equal(batch["split"], "train"))
        if not len(train):
            return
        column = train["tokens"].combine_chunks()
        flat = column.flatten()
        self._grow(flat)
        if len(self._labels):
            lengths = np.diff(column.offsets.to_numpy())
            label = pc.index_in(train["label"], self._labels).to_numpy()
            word = pc.index_in(flat, self._words).to_numpy(zero_copy_only=False)
            label = np.repeat(np.asarray(label, dtype=float), lengths)
            known = ~(np.isnan(label) | np.isnan(word.astype(float)))
            label, word = label[known].astype(np.int64), word[known].astype(np.int64)
            counts = np.bincount(label * len(self._words) + word, minlength=self.label_counts.size)
            self.label_counts += counts.reshape(self.label_counts.shape)

    def _grow(self, flat: pa.Array) -> None:
        points, end = self._growth_points, self._n_read + len(flat)
        for point in points[(points > self._n_read) & (points <= end)].tolist():
            part = flat.slice(0, point - self._n_read)
            self._seen.update(part.unique().to_pylist())
            self.growth.append((point, len(self._seen)))
        self._seen.update(flat.unique().to_pylist())
        self._n_read = end


def draw_examples(documents: Path, tokens: Path, n: int) -> pa.Table:
    """Return `n` short documents, spread over the corpus, with their tokens."""
    batches = pq.ParquetFile(documents).iter_batches(columns=["text"])
    lengths = np.concatenate([pc.utf8_length(batch["text"]).to_numpy() for batch in batches])
    shortest = np.sort(lengths[lengths >= SHORTEST_EXAMPLE])[:n]
    longest = max(LONGEST_EXAMPLE, shortest.max(initial=0))
    rows = np.flatnonzero((lengths >= SHORTEST_EXAMPLE) & (lengths <= longest))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, n).astype(int))] if len(rows) else rows
    chosen = pq.read_table(documents, columns=["doc_id"])["doc_id"].take(rows).to_pylist()
    if not chosen:
        return EXAMPLES.schema.empty_table()
    wanted = [("doc_id", "in", chosen)]
    words = pq.read_table(tokens, filters=wanted).sort_by("doc_id")
    texts = pq.read_table(documents, filters=wanted).sort_by("doc_id")
    texts = texts.filter(pc.is_in(texts["doc_id"], words["doc_id"]))
    return words.append_column("text", texts["text"]).select(EXAMPLES.schema.names)


@command
def main(
    *,
    params: ProfileCorpusParams,
    documents: Input,
    tokens: Input,
    vocabulary: Input,
    lengths: Table[LENGTHS],
    growth: Table[GROWTH],
    label_words: Table[LABEL_WORDS],
    examples: Table[EXAMPLES],
    metrics: Output,
) -> None:
    """Describe the corpus: lengths, growth of the vocabulary, words of each label, examples."""
    known = read_words(vocabulary)
    labels: Counter[str] = Counter()
    n_tokens = 0
    file = pq.ParquetFile(tokens)
    for batch in file.iter_batches(columns=["split", "tokens", "label"]):
        train = batch.filter(pc.equal(batch["split"], "train"))
        n_tokens += pc.sum(pc.list_value_length(train["tokens"])).as_py() or 0
        labels.update(label for label in train["label"].to_pylist() if label is not None)
    largest = sorted(labels, key=lambda label: (-labels[label], label))[: params.labels]
    profile = Profile(known["token"].combine_chunks(), largest if len(labels) > 1 else [], n_tokens)
    for group in range(file.metadata.num_row_groups):
        profile.add(file.read_row_group(group, columns=["split", "tokens", "label"]))

    words, scores = known["token"].to_pylist(), []
    if profile.label_counts.size:
        scored = specific_words(profile.label_counts, params.prior)
        for label, row, counts in zip(largest, scored, profile.label_counts, strict=True):
            best = np.argsort(-row, kind="stable")[: params.words_per_label]
            scores += [(label, words[i], float(row[i]), int(counts[i])) for i in best if row[i] > 0]
    n_documents = sorted(profile.lengths.items())
    read, types = (np.array(values) for values in zip(*profile.growth, strict=True))
    heaps_exponent, heaps_factor = fit_power(read, types)
    zipf_exponent, zipf_factor = fit_zipf(known["count"].to_numpy())
    columns = [
        [split for (split, _), _ in n_documents],
        [length for (_, length), _ in n_documents],
        [n for _, n in n_documents],
    ]
    lengths.write(pa.table(columns, schema=lengths.schema))
    growth.write(pa.table([read, types], schema=growth.schema))
    columns = list(zip(*scores, strict=True)) or [[]] * len(label_words.schema)
    label_words.write(pa.table(columns, schema=label_words.schema))
    examples.write(draw_examples(documents, tokens, params.examples))
    metrics.write_json(
        ProfileCorpusMetrics(
            zipf_exponent=zipf_exponent,
            zipf_factor=zipf_factor,
            heaps_exponent=heaps_exponent,
            heaps_factor=heaps_factor,
            labels_described=len(largest) if len(labels) > 1 else 0,
            labels=len(labels),
        )
    )
