"""Words guessed from the words around them, and the other way round."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.special import log_expit, log_softmax

from stages.embedding.contracts import BLANKS, LIKELY
from stages.embedding.model import Model
from stages.embedding.space import Space, to_table

# A blank stands in a sentence of at least so many words; shown are those of at most so many.
SHORTEST, LONGEST_SHOWN = 6, 20
# Words with a greater share of the text stand near everything, and are not worth showing.
COMMON_SHARE = 0.001
AT_ONCE = 128


class Blank(NamedTuple):
    """A sentence and the place of the word that is taken out of it."""

    sentence: list[str]
    place: int


def draw_blanks(tokens: Path, vocabulary: list[str], split: str, n: int, seed: int) -> list[Blank]:
    """Draw `n` words of the vocabulary from the sentences of a split, in the order of the text.

    Args:
        tokens: the table.
        vocabulary: the words that may be taken out.
        split: where from.
        n: how many; all of them where there are fewer.
        seed: of the draw.
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
        blanks, before = [], 0
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
                blanks.append(Blank(text, place - start))
    return blanks


def _sentences(
    file: pq.ParquetFile, group: int, split: str
) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Return the words of a row group, and where sentences start and how long they are."""
    rows = file.read_row_group(group, columns=["split", "tokens", "sentence_lengths"])
    rows = rows.filter(pc.equal(rows["split"], split)).combine_chunks()
    lengths = pc.list_flatten(rows["sentence_lengths"]).to_numpy().astype(np.int64)
    words = pc.list_flatten(rows["tokens"])
    flat = words.combine_chunks() if isinstance(words, pa.ChunkedArray) else words
    return flat, np.cumsum(lengths) - lengths, lengths


class Predictor:
    """Guesses a word from the words around it.

    Where a model has `output` and `bias`, the logarithm of a word's probability is, but for a
    constant, its output vector times the mean of the vectors around it, and its bias: the mean of
    what each of them says. The vectors around it are `context`, or the model's own where there is
    none. With `nodes` in place of `output` it is the sum over the path to the word in the tree of a
    hierarchical softmax. A model with neither guesses the words nearest to the mean.

    Args:
        model: the model.
        space: its words as directions.
    """

    def __init__(self, model: Model, space: Space):
        self._space = space
        self._tensors = model.tensors
        self.has_probabilities = "output" in model.tensors or "nodes" in model.tensors
        own = model.vectors if self.has_probabilities else space.units
        self._context = model.tensors.get("context", own)

    def scores(self, contexts: list[list[str]]) -> np.ndarray:
        """Return the score of each word in each of some contexts, of shape (contexts, words)."""
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


def context_of(blank: Blank, window: int) -> list[str]:
    """Return the words within `window` of the blank, in its sentence."""
    before = blank.sentence[max(0, blank.place - window) : blank.place]
    return before + blank.sentence[blank.place + 1 : blank.place + 1 + window]


def chance_among_first(scores: np.ndarray, answers: np.ndarray, k: int) -> np.ndarray:
    """Return the probability that each answer is among the `k` best, equal scores at random.

    Args:
        scores: of shape (questions, words).
        answers: the right word of each question, of shape (questions,).
        k: how many guesses there are.
    """
    own = scores[np.arange(len(answers)), answers][:, None]
    better = (scores > own).sum(axis=1)
    equal = (scores == own).sum(axis=1)
    return np.clip((k - better) / equal, 0, 1)


def fill_blanks(
    blanks: list[Blank], window: int, first: list[int], predictor: Predictor, space: Space
) -> np.ndarray:
    """Return for each blank the chance of the answer to be among the first k guesses.

    Args:
        blanks: sentences without a word.
        window: words on each side that are looked at.
        first: the values of k.
        predictor: makes the guesses.
        space: has the words.

    Returns:
        An array of shape (blanks, values of k); 0 where the model has no such word.
    """
    hits = np.zeros((len(blanks), len(first)))
    for start in range(0, len(blanks), AT_ONCE):
        part = blanks[start : start + AT_ONCE]
        answers = np.array([space.row_of.get(b.sentence[b.place], -1) for b in part])
        scores = predictor.scores([context_of(blank, window) for blank in part])
        for column, k in enumerate(first):
            hit = chance_among_first(scores, np.maximum(answers, 0), k)
            hits[start : start + len(part), column] = np.where(answers >= 0, hit, 0)
    return hits


def shown_blanks(
    blanks: list[Blank],
    n: int,
    window: int,
    guesses: int,
    predictor: Predictor,
    space: Space,
    common: set[str],
) -> pa.Table:
    """Return the table `blanks`: short sentences and what was guessed.

    Args:
        blanks: sentences without a word.
        n: how many are shown.
        window: words on each side that are looked at.
        guesses: how many are shown of each.
        predictor: makes them.
        space: has the words.
        common: words that are not worth guessing.
    """
    short = [
        blank
        for blank in blanks
        if len(blank.sentence) <= LONGEST_SHOWN and blank.sentence[blank.place] not in common
    ]
    places = np.unique(np.linspace(0, len(short) - 1, n).astype(int)) if short else []
    rows = []
    for place in places:
        blank = short[place]
        text = [*blank.sentence[: blank.place], "___", *blank.sentence[blank.place + 1 :]]
        scores = predictor.scores([context_of(blank, window)])[0]
        for rank, row in enumerate(np.argsort(-scores, kind="stable")[:guesses], start=1):
            rows.append((" ".join(text), blank.sentence[blank.place], rank, space.words[row]))
    return to_table(rows, BLANKS.schema)


def likely_words(
    words: list[str], n: int, predictor: Predictor, space: Space, common: set[str]
) -> pa.Table:
    """Return the table `likely`: the words that are most probable near each of some words.

    Args:
        words: whose neighbours are named; those without a vector are passed over.
        n: how many.
        predictor: knows the probabilities; one that does not gives an empty table.
        space: has the words.
        common: words that stand near everything, and are not named.
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
    return to_table(rows, LIKELY.schema)
