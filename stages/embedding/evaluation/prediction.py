"""Predict words from their context, and context words from a word."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.special import log_expit, log_softmax

from stages.embedding.contracts import CLOZE, CONTEXT_WORDS
from stages.embedding.evaluation.space import Space, to_table
from stages.embedding.models.model import Model

# Lengths in words of the shortest sentence to ask about and the longest to show.
MIN_WORDS, MAX_SHOWN = 6, 20
# Words with a greater share of the text are not shown, because they occur near every word.
COMMON_SHARE = 0.001
BATCH_QUESTIONS = 128


class ClozeQuestion(NamedTuple):
    """A sentence with a gap.

    Attributes:
        sentence: words of the sentence.
        gap: index of the word to guess.
    """

    sentence: list[str]
    gap: int


def draw_cloze(
    tokens: Path, vocabulary: list[str], split: str, n: int, seed: int
) -> list[ClozeQuestion]:
    """Draw `n` cloze questions from the sentences of a split, in the order of the text.

    Args:
        tokens: path of the table `tokens`.
        vocabulary: possible answers.
        split: name of the split.
        n: number of questions; if the split has fewer, all of them.
        seed: seed of the draw.
    """
    known = pa.array(vocabulary, pa.string())
    candidates: list[tuple[int, np.ndarray]] = []
    with pq.ParquetFile(tokens) as file:
        for group in range(file.metadata.num_row_groups):
            words, starts, lengths = _sentences(file, group, split)
            is_candidate = pc.is_in(words, value_set=known).to_numpy(zero_copy_only=False)
            is_candidate &= np.repeat(lengths >= MIN_WORDS, lengths)
            candidates.append((group, np.flatnonzero(is_candidate)))
        total = sum(len(indices) for _, indices in candidates)
        draw = np.random.default_rng(seed)
        chosen = np.sort(draw.choice(total, min(n, total), replace=False))
        questions, before = [], 0
        for group, indices in candidates:
            in_group = chosen[(chosen >= before) & (chosen < before + len(indices))] - before
            before += len(indices)
            if not len(in_group):
                continue
            words, starts, lengths = _sentences(file, group, split)
            for index in indices[in_group].tolist():
                sentence = int(np.searchsorted(starts, index, side="right")) - 1
                start = int(starts[sentence])
                text = words.slice(start, int(lengths[sentence])).to_pylist()
                questions.append(ClozeQuestion(text, index - start))
    return questions


def _sentences(
    file: pq.ParquetFile, group: int, split: str
) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Return the words of a row group, and the starts and lengths of its sentences."""
    rows = file.read_row_group(group, columns=["split", "tokens", "sentence_lengths"])
    rows = rows.filter(pc.equal(rows["split"], split)).combine_chunks()
    lengths = pc.list_flatten(rows["sentence_lengths"]).to_numpy().astype(np.int64)
    words = pc.list_flatten(rows["tokens"])
    flat = words.combine_chunks() if isinstance(words, pa.ChunkedArray) else words
    return flat, np.cumsum(lengths) - lengths, lengths


class Predictor:
    """Predicts a word from the words around it.

    If the model has `output` and `bias`, the log-probability of a word is, up to a constant, the
    dot product of its output vector and the mean context vector, plus its bias. Context vectors are
    `context`, or else the word vectors. If the model has `nodes`, the log-probability is the sum
    along the path to the word in the tree of the hierarchical softmax. Any other model predicts the
    words nearest to the mean.

    Args:
        model: trained model.
        space: unit vectors of its words.
    """

    def __init__(self, model: Model, space: Space):
        self._space = space
        self._tensors = model.tensors
        self.has_probabilities = "output" in model.tensors or "nodes" in model.tensors
        word_vectors = model.vectors if self.has_probabilities else space.units
        self._context = model.tensors.get("context", word_vectors)

    def scores(self, contexts: list[list[str]]) -> np.ndarray:
        """Return the score of each word in each context, (contexts, words)."""
        rows = [[self._space.row_of[w] for w in c if w in self._space.row_of] for c in contexts]
        mean = np.zeros((len(rows), len(self._space.words)), dtype=np.float32)
        for n, row in enumerate(rows):
            np.add.at(mean[n], row, 1 / max(len(row), 1))
        hidden = mean @ self._context  # (contexts, dimensions)
        if "output" in self._tensors:
            return hidden @ self._tensors["output"].T + self._tensors["bias"]
        if "nodes" not in self._tensors:
            return self._space.cosines(hidden)
        steps = hidden @ self._tensors["nodes"].T  # (contexts, nodes)
        ends = self._tensors["path_ends"]
        sign = 1 - 2 * self._tensors["path_codes"].astype(np.float32)
        logs = log_expit(steps[:, self._tensors["path_nodes"]] * sign)
        return np.add.reduceat(logs, np.concatenate([[0], ends[:-1]]), axis=1)


def context_of(question: ClozeQuestion, window: int) -> list[str]:
    """Return the words of the sentence within `window` words of the gap."""
    before = question.sentence[max(0, question.gap - window) : question.gap]
    return before + question.sentence[question.gap + 1 : question.gap + 1 + window]


def chance_among_first(scores: np.ndarray, answers: np.ndarray, k: int) -> np.ndarray:
    """Return the probability that each answer is among the `k` best if ties are broken at random.

    Args:
        scores: scores of the words, (questions, words).
        answers: rows of the right words, (questions,).
        k: number of guesses.

    Returns:
        Probabilities, (questions,).
    """
    answer_scores = scores[np.arange(len(answers)), answers][:, None]
    better = (scores > answer_scores).sum(axis=1)
    equal = (scores == answer_scores).sum(axis=1)
    return np.clip((k - better) / equal, 0, 1)


def answer_cloze(
    questions: list[ClozeQuestion],
    window: int,
    first: list[int],
    predictor: Predictor,
    space: Space,
) -> np.ndarray:
    """Return the probability that the answer to each question is among the first k guesses.

    Args:
        questions: cloze questions.
        window: words of context on each side.
        first: values of k.
        predictor: predictor of the model.
        space: unit vectors of its words.

    Returns:
        Probabilities, (questions, values of k); 0 if the model does not know the answer.
    """
    hits = np.zeros((len(questions), len(first)))
    for start in range(0, len(questions), BATCH_QUESTIONS):
        part = questions[start : start + BATCH_QUESTIONS]
        answers = np.array([space.row_of.get(q.sentence[q.gap], -1) for q in part])
        scores = predictor.scores([context_of(question, window) for question in part])
        for column, k in enumerate(first):
            hit = chance_among_first(scores, np.maximum(answers, 0), k)
            hits[start : start + len(part), column] = np.where(answers >= 0, hit, 0)
    return hits


def cloze_examples(
    questions: list[ClozeQuestion],
    n: int,
    window: int,
    guesses: int,
    predictor: Predictor,
    space: Space,
    common: set[str],
) -> pa.Table:
    """Return the table `cloze`: a few questions in short sentences, with the first guesses.

    Args:
        questions: cloze questions.
        n: number of questions to show.
        window: words of context on each side.
        guesses: number of guesses to show.
        predictor: predictor of the model.
        space: unit vectors of its words.
        common: words that are not shown as answers.
    """
    short = [
        question
        for question in questions
        if len(question.sentence) <= MAX_SHOWN and question.sentence[question.gap] not in common
    ]
    shown = np.unique(np.linspace(0, len(short) - 1, n).astype(int)) if short else []
    rows = []
    for question in (short[index] for index in shown):
        text = [*question.sentence[: question.gap], "___", *question.sentence[question.gap + 1 :]]
        scores = predictor.scores([context_of(question, window)])[0]
        for rank, row in enumerate(np.argsort(-scores, kind="stable")[:guesses], start=1):
            rows.append((" ".join(text), question.sentence[question.gap], rank, space.words[row]))
    return to_table(rows, CLOZE.schema)


def likely_context(
    words: list[str], n: int, predictor: Predictor, space: Space, common: set[str]
) -> pa.Table:
    """Return the table `context_words`: the most probable context words of some words.

    Args:
        words: words to query; words without a vector are left out.
        n: number of context words per word.
        predictor: predictor of the model; without probabilities, the table is empty.
        space: unit vectors of its words.
        common: words that are not shown, because they occur near every word.
    """
    rows = []
    for word in words if predictor.has_probabilities else []:
        if word not in space.row_of:
            continue
        logarithms = log_softmax(predictor.scores([[word]])[0].astype(np.float64))
        order = np.argsort(-logarithms, kind="stable")
        rare = (row for row in order if space.words[row] not in {*common, word})
        for rank, row in enumerate(itertools.islice(rare, n), start=1):
            rows.append((word, rank, space.words[row], float(np.exp(logarithms[row]))))
    return to_table(rows, CONTEXT_WORDS.schema)
