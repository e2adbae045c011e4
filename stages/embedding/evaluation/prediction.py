"""Words predicted from their context, and contexts predicted from words."""

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

# Words of the shortest sentence that is asked about, and of the longest that is shown.
SHORTEST, LONGEST_SHOWN = 6, 20
# Words with a greater share of the text occur near every other word and are not shown.
COMMON_SHARE = 0.001
AT_ONCE = 128


class ClozeQuestion(NamedTuple):
    """A sentence, and the index of the word that has to be guessed."""

    sentence: list[str]
    gap: int


def draw_cloze(
    tokens: Path, vocabulary: list[str], split: str, n: int, seed: int
) -> list[ClozeQuestion]:
    """Draw `n` cloze questions from the sentences of a split, in the order of the text.

    Args:
        tokens: table `tokens`.
        vocabulary: words that may be asked for.
        split: name of the split.
        n: number of questions; all of them where the split has fewer.
        seed: seed of the draw.
    """
    known = pa.array(vocabulary, pa.string())
    candidates: list[tuple[int, np.ndarray]] = []
    with pq.ParquetFile(tokens) as file:
        for group in range(file.metadata.num_row_groups):
            words, starts, lengths = _sentences(file, group, split)
            may = pc.is_in(words, value_set=known).to_numpy(zero_copy_only=False)
            may &= np.repeat(lengths >= SHORTEST, lengths)
            candidates.append((group, np.flatnonzero(may)))
        total = sum(len(places) for _, places in candidates)
        draw = np.random.default_rng(seed)
        chosen = np.sort(draw.choice(total, min(n, total), replace=False))
        questions, before = [], 0
        for group, places in candidates:
            own = chosen[(chosen >= before) & (chosen < before + len(places))] - before
            before += len(places)
            if not len(own):
                continue
            words, starts, lengths = _sentences(file, group, split)
            for place in places[own].tolist():
                sentence = int(np.searchsorted(starts, place, side="right")) - 1
                start = int(starts[sentence])
                text = words.slice(start, int(lengths[sentence])).to_pylist()
                questions.append(ClozeQuestion(text, place - start))
    return questions


def _sentences(
    file: pq.ParquetFile, group: int, split: str
) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Return the words of a row group, and the start and the length of each sentence."""
    rows = file.read_row_group(group, columns=["split", "tokens", "sentence_lengths"])
    rows = rows.filter(pc.equal(rows["split"], split)).combine_chunks()
    lengths = pc.list_flatten(rows["sentence_lengths"]).to_numpy().astype(np.int64)
    words = pc.list_flatten(rows["tokens"])
    flat = words.combine_chunks() if isinstance(words, pa.ChunkedArray) else words
    return flat, np.cumsum(lengths) - lengths, lengths


class Predictor:
    """Predicts a word from the words around it.

    If a model has `output` and `bias`, the log-probability of a word is, up to a constant, the
    product of its output vector and the mean vector of the context, plus its bias. The context
    vectors are `context`, or the word vectors themselves if the model has none. If a model has
    `nodes`, the log-probability is the sum over the path to the word in the tree of a hierarchical
    softmax. A model without either predicts the words nearest to the mean.

    Args:
        model: trained model.
        space: its words as unit vectors.
    """

    def __init__(self, model: Model, space: Space):
        self._space = space
        self._tensors = model.tensors
        self.has_probabilities = "output" in model.tensors or "nodes" in model.tensors
        own = model.vectors if self.has_probabilities else space.units
        self._context = model.tensors.get("context", own)

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
        along = log_expit(steps[:, self._tensors["path_nodes"]] * sign)
        return np.add.reduceat(along, np.concatenate([[0], ends[:-1]]), axis=1)


def context_of(question: ClozeQuestion, window: int) -> list[str]:
    """Return the words of the sentence within `window` words of the gap."""
    before = question.sentence[max(0, question.gap - window) : question.gap]
    return before + question.sentence[question.gap + 1 : question.gap + 1 + window]


def chance_among_first(scores: np.ndarray, answers: np.ndarray, k: int) -> np.ndarray:
    """Return the probability that each answer is among the `k` best, with ties broken at random.

    Args:
        scores: score of each word, (questions, words).
        answers: row of the right word, (questions,).
        k: number of guesses.
    """
    own = scores[np.arange(len(answers)), answers][:, None]
    better = (scores > own).sum(axis=1)
    equal = (scores == own).sum(axis=1)
    return np.clip((k - better) / equal, 0, 1)


def answer_cloze(
    questions: list[ClozeQuestion],
    window: int,
    first: list[int],
    predictor: Predictor,
    space: Space,
) -> np.ndarray:
    """Return the chance that the answer to each question is among the first k guesses.

    Args:
        questions: cloze questions.
        window: words of context on each side.
        first: values of k.
        predictor: model that guesses.
        space: its words.

    Returns:
        Chances, (questions, values of k); 0 for an answer that the model does not know.
    """
    hits = np.zeros((len(questions), len(first)))
    for start in range(0, len(questions), AT_ONCE):
        part = questions[start : start + AT_ONCE]
        answers = np.array([space.row_of.get(b.sentence[b.gap], -1) for b in part])
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
    """Return the table `cloze`: some questions in short sentences, with the first guesses.

    Args:
        questions: cloze questions.
        n: number of questions to show.
        window: words of context on each side.
        guesses: number of guesses to show.
        predictor: model that guesses.
        space: its words.
        common: words that no shown question asks for.
    """
    short = [
        question
        for question in questions
        if len(question.sentence) <= LONGEST_SHOWN and question.sentence[question.gap] not in common
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
    """Return the table `context_words`: the most probable words near each of some words.

    Args:
        words: words to look at; those without a vector are left out.
        n: number of context words.
        predictor: model; one without probabilities gives an empty table.
        space: its words.
        common: words that are not shown, since they occur near every word.
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
