"""GloVe: vectors whose dot products approximate the logarithms of co-occurrence counts."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np
import scipy.sparse
from numba import njit
from pydantic import Field

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.core.progress import progress
from stages.embedding.models.cooccurrence import cooccurrence
from stages.embedding.models.model import Model, ModelParams
from stages.embedding.models.training_text import TrainingText, Vocabulary

# The word and context vectors of a group of this size roughly fit into a processor's L2 cache. At
# most one thread per group can train at a time.
GROUP_WORDS = 4096
MIN_GROUPS, MAX_GROUPS = 8, 64
# Number of counts saved with the vectors, to compare them with the dot products.
SAMPLED_COUNTS = 20_000


class GloveParams(ModelParams):
    """A section of `embedding.train_embedding` for `kind: glove`."""

    kind: Literal["glove"]
    dimensions: int = Field(ge=2)
    window: int = Field(ge=1)
    context: Literal["symmetric", "left"]
    x_max: float = Field(gt=0)
    alpha: float = Field(gt=0, le=1)
    learning_rate: float = Field(gt=0)
    epochs: int = Field(ge=1)
    seed: int


class Entries(NamedTuple):
    """Nonzero counts in training order: block by block.

    With B groups, word i belongs to group i % B, so every group has words of all frequencies. Block
    (r, c) contains the counts of words of group r with context words of group c, so training on it
    touches few vectors. For a fixed s, the blocks (r, (r + s) % B) share neither rows nor columns.
    Within a block the rows are in random order, and so are the counts of each row.

    Attributes:
        rows: indices of the words, (counts,).
        columns: indices of the context words, (counts,).
        logs: logarithms of the counts, (counts,).
        scales: weights in the cost, (counts,).
        bounds: start of block (r, c) at index r * B + c, then the end, (B * B + 1,).
    """

    rows: np.ndarray
    columns: np.ndarray
    logs: np.ndarray
    scales: np.ndarray
    bounds: np.ndarray


class Weights(NamedTuple):
    """Vectors and biases, each paired with the sum of its squared gradients, for AdaGrad.

    Attributes:
        main: word vectors and sums, (words, 2, dimensions).
        context: context vectors and sums, (words, 2, dimensions).
        main_bias: word biases and sums, (words, 2).
        context_bias: context biases and sums, (words, 2).
    """

    main: np.ndarray
    context: np.ndarray
    main_bias: np.ndarray
    context_bias: np.ndarray


def groups_for(n_words: int) -> int:
    """Return the number of groups of words, chosen so that the vectors of a block fit a cache."""
    return min(max(n_words // GROUP_WORDS, MIN_GROUPS), MAX_GROUPS, n_words)


def arrange(
    counts: scipy.sparse.csr_array, x_max: float, alpha: float, n_groups: int, seed: int
) -> Entries:
    """Arrange counts in training order, with their weights (equation 9 of the paper).

    Args:
        counts: co-occurrence counts, (words, contexts).
        x_max: smallest count of weight 1.
        alpha: exponent of the weight of smaller counts.
        n_groups: number of groups, B.
        seed: seed of the order within the blocks.
    """
    sizes = np.zeros(n_groups * n_groups, np.int64)
    _count_blocks(counts.indptr, counts.indices, n_groups, sizes)
    entries = Entries(
        np.empty(counts.nnz, np.int32),
        np.empty(counts.nnz, np.int32),
        np.empty(counts.nnz, np.float32),
        np.empty(counts.nnz, np.float32),
        np.concatenate([[0], np.cumsum(sizes)]),
    )
    order = np.random.default_rng(seed).permutation(counts.shape[0])
    ends = entries.bounds[:-1].copy()
    _fill_blocks(
        counts.indptr, counts.indices, counts.data, n_groups, order, seed, x_max, alpha, ends,
        *entries[:4],
    )  # fmt: skip
    return entries


@njit(cache=True)
def _count_blocks(offsets, indices, n_groups, sizes):
    for row in range(len(offsets) - 1):
        for column in indices[offsets[row] : offsets[row + 1]]:
            sizes[row % n_groups * n_groups + column % n_groups] += 1


@njit(cache=True)
def _fill_blocks(
    offsets, indices, data, n_groups, order, seed, x_max, alpha, ends,
    rows, columns, logs, scales,
):  # fmt: skip
    np.random.seed(seed % (1 << 32))
    for row in order:
        shuffled = offsets[row] + np.random.permutation(offsets[row + 1] - offsets[row])
        for source in shuffled:
            block = row % n_groups * n_groups + indices[source] % n_groups
            target = ends[block]
            ends[block] += 1
            rows[target] = row
            columns[target] = indices[source]
            logs[target] = math.log(data[source])
            scales[target] = min(1.0, (data[source] / x_max) ** alpha)


def initial_weights(n_words: int, dimensions: int, seed: int) -> Weights:
    """Return small random vectors and biases, with gradient sums of 1."""
    draw = np.random.default_rng(seed)

    def values(*shape: int) -> np.ndarray:
        pairs = np.ones((n_words, 2, *shape), np.float32)
        pairs[:, 0] = (draw.random((n_words, *shape), np.float32) - 0.5) / dimensions
        return pairs

    return Weights(values(dimensions), values(dimensions), values(), values())


def train_epoch(
    entries: Entries,
    weights: Weights,
    learning_rate: float,
    seed: int,
    pool: ThreadPoolExecutor,
    workers: int,
) -> float:
    """Train on every count once and return the mean cost per count (equation 8 of the paper).

    The counts are stratified (Gemulla et al. 2011): threads work at the same time only on blocks
    that share no row or column, so any number of threads gives the same bytes.

    Args:
        entries: counts in training order.
        weights: vectors and biases, changed in place.
        learning_rate: learning rate of AdaGrad.
        seed: seed of the order of the strata.
        pool: thread pool.
        workers: number of threads.
    """
    sizes = np.diff(entries.bounds)
    n_groups = math.isqrt(len(sizes))
    rows = np.arange(n_groups)
    costs = np.zeros(len(sizes))
    for stratum in np.random.default_rng(seed).permutation(n_groups):
        blocks = rows * n_groups + (rows + stratum) % n_groups
        # Give each thread blocks with roughly the same number of counts in total.
        share = np.cumsum(sizes[blocks]) / max(sizes[blocks].sum(), 1)
        cuts = np.searchsorted(share, np.arange(1, workers) / workers) + 1
        jobs = [
            pool.submit(_update, part, *entries, *weights, np.float32(learning_rate), costs)
            for part in np.split(blocks, cuts)
        ]
        for job in jobs:
            job.result()
    return float(costs.sum() / max(len(entries.logs), 1))


# Without "arcp" and "afn", which turn roots and quotients into estimates that differ by processor.
FAST = {"reassoc", "contract", "nnan", "ninf", "nsz"}


@njit(nogil=True, fastmath=FAST, cache=True, error_model="numpy")
def _update(
    blocks, rows, columns, logs, scales, bounds,
    main, context, main_bias, context_bias, learning_rate, costs,
):  # fmt: skip
    dimensions = main.shape[2]
    for block in blocks:
        cost = 0.0
        for i in range(bounds[block], bounds[block + 1]):
            row, column = rows[i], columns[i]
            w, sum_w = main[row, 0], main[row, 1]
            c, sum_c = context[column, 0], context[column, 1]
            b, d = main_bias[row], context_bias[column]
            dot = np.float32(0)
            for k in range(dimensions):
                dot += w[k] * c[k]
            difference = dot + b[0] + d[0] - logs[i]
            slope = scales[i] * difference
            cost += np.float64(slope * difference)
            for k in range(dimensions):
                w_k, c_k = w[k], c[k]
                slope_w, slope_c = slope * c_k, slope * w_k
                w[k] = w_k - learning_rate * slope_w / np.sqrt(sum_w[k])
                c[k] = c_k - learning_rate * slope_c / np.sqrt(sum_c[k])
                sum_w[k] += slope_w * slope_w
                sum_c[k] += slope_c * slope_c
            b[0] -= learning_rate * slope / np.sqrt(b[1])
            d[0] -= learning_rate * slope / np.sqrt(d[1])
            b[1] += slope * slope
            d[1] += slope * slope
        costs[block] = cost


def train_glove(
    text: TrainingText,
    vocabulary: Vocabulary,
    params: GloveParams,
    workers: int,
    checkpoint: Checkpoint,
) -> Model:
    """Train by AdaGrad on the weighted least squares of Pennington et al. 2014, equation 8.

    The vector of a word is the sum of its word and context vectors, as in the paper.

    Raises:
        StageError: no two words co-occur, or the cost is not finite.
    """
    n_words = len(vocabulary.words)
    counts = cooccurrence(text, n_words, params.window, params.context == "symmetric", workers)
    if not counts.nnz:
        raise StageError(f"in {text.path} no two words occur near each other: bring more text")
    entries = arrange(counts, params.x_max, params.alpha, groups_for(n_words), params.seed)
    sample = _sample(counts, params.seed)
    del counts
    weights = initial_weights(n_words, params.dimensions, params.seed)
    costs: list[float] = []
    if saved := checkpoint.restore_arrays():
        arrays, costs = saved
        weights = Weights(**arrays)
    with ThreadPoolExecutor(workers) as pool:
        for epoch in progress(range(len(costs), params.epochs), "glove epochs", params.epochs):
            seed = params.seed + epoch
            cost = train_epoch(entries, weights, params.learning_rate, seed, pool, workers)
            if not math.isfinite(cost):
                raise StageError(f"the cost is {cost} in epoch {epoch + 1}: lower learning_rate")
            costs.append(cost)
            checkpoint.save_arrays(weights._asdict(), costs)
    main, context, main_bias, context_bias = (pairs[:, 0].copy() for pairs in weights)
    return Model(
        vocabulary.words,
        main + context,
        # log P(word | context) is the dot product plus the word's bias, up to a constant.
        {
            "context": context,
            "output": main,
            "bias": main_bias,
            "context_bias": context_bias,
            **sample,
        },
        {"counts": len(entries.logs), "cost": costs},
    )


def _sample(counts: scipy.sparse.csr_array, seed: int) -> dict[str, np.ndarray]:
    """Return a random sample of the nonzero counts."""
    draw = np.random.default_rng(seed)
    chosen = np.sort(draw.choice(counts.nnz, min(counts.nnz, SAMPLED_COUNTS), replace=False))
    return {
        "sample_row": (np.searchsorted(counts.indptr, chosen, side="right") - 1).astype(np.int32),
        "sample_column": counts.indices[chosen].astype(np.int32),
        "sample_count": counts.data[chosen],
    }
