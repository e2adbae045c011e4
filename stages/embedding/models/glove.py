"""GloVe: vectors whose dot products are the logarithms of co-occurrence counts."""

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

# Vectors of this many words, of both kinds, about fit a processor's second cache. As many threads
# as there are groups can learn at a time.
GROUP_WORDS = 4096
FEWEST_GROUPS, MOST_GROUPS = 8, 64
# Counts kept beside the vectors, to be held against the dot products.
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
    """Counts in the order in which they are learned from: block by block.

    Word i belongs to group i % B, so that every group has words of all frequencies. Block (r, c)
    holds the counts of words of group r near words of group c, so that few vectors are touched at a
    time, and the blocks (r, (r + s) % B) of one s share neither rows nor columns. Within a block
    rows come in random order, and so do the counts of a row.

    Attributes:
        rows: the word, of shape (counts,).
        columns: the word near it, of shape (counts,).
        logs: logarithm of the count, of shape (counts,).
        scales: how much it weighs, of shape (counts,).
        bounds: where block (r, c) begins, at r * B + c, and the end, of shape (B * B + 1,).
    """

    rows: np.ndarray
    columns: np.ndarray
    logs: np.ndarray
    scales: np.ndarray
    bounds: np.ndarray


class Weights(NamedTuple):
    """Vectors and biases, each with the sum of its squared gradients, which AdaGrad divides by.

    Attributes:
        main: of shape (words, 2, dimensions): value and sum.
        context: likewise, of the words near.
        main_bias: of shape (words, 2).
        context_bias: likewise.
    """

    main: np.ndarray
    context: np.ndarray
    main_bias: np.ndarray
    context_bias: np.ndarray


def groups_for(n_words: int) -> int:
    """Return into how many groups words go: so many that a block's vectors about fit a cache."""
    return min(max(n_words // GROUP_WORDS, FEWEST_GROUPS), MOST_GROUPS, n_words)


def arrange(
    counts: scipy.sparse.csr_array, x_max: float, alpha: float, n_groups: int, seed: int
) -> Entries:
    """Put counts in the order in which they are learned from.

    Args:
        counts: how often word j stands near word i, of shape (words, words).
        x_max: a count from which on all weigh 1 (equation 9 of the paper).
        alpha: the power by which smaller ones weigh less.
        n_groups: B.
        seed: of the order within the blocks.
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
    free = entries.bounds[:-1].copy()
    _fill_blocks(
        counts.indptr, counts.indices, counts.data, n_groups, order, seed, x_max, alpha, free,
        *entries[:4],
    )  # fmt: skip
    return entries


@njit(cache=True)
def _count_blocks(offsets, indices, n_groups, sizes):
    for row in range(len(offsets) - 1):
        for at in range(offsets[row], offsets[row + 1]):
            sizes[row % n_groups * n_groups + indices[at] % n_groups] += 1


@njit(cache=True)
def _fill_blocks(
    offsets, indices, data, n_groups, order, seed, x_max, alpha, free,
    rows, columns, logs, scales,
):  # fmt: skip
    np.random.seed(seed % (1 << 32))
    for row in order:
        own = offsets[row] + np.random.permutation(offsets[row + 1] - offsets[row])
        for at in own:
            block = row % n_groups * n_groups + indices[at] % n_groups
            place = free[block]
            free[block] += 1
            rows[place] = row
            columns[place] = indices[at]
            logs[place] = math.log(data[at])
            scales[place] = min(1.0, (data[at] / x_max) ** alpha)


def initial_weights(n_words: int, dimensions: int, seed: int) -> Weights:
    """Return small random vectors and biases, with sums of 1."""
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
    """Learn from every count once and return the mean cost (equation 8 of the paper) per count.

    Stratified as in Gemulla et al. 2011: blocks that share no row or column are learned by
    different threads at a time, and the result is that of one thread, to the byte.

    Args:
        entries: the counts.
        weights: changed in place.
        learning_rate: of AdaGrad.
        seed: of the order of the strata.
        pool: runs the threads.
        workers: how many they are.
    """
    sizes = np.diff(entries.bounds)
    n_groups = math.isqrt(len(sizes))
    rows = np.arange(n_groups)
    costs = np.zeros(len(sizes))
    for stratum in np.random.default_rng(seed).permutation(n_groups):
        blocks = rows * n_groups + (rows + stratum) % n_groups
        # Each thread takes blocks with about as many counts.
        share = np.cumsum(sizes[blocks]) / max(sizes[blocks].sum(), 1)
        cuts = np.searchsorted(share, np.arange(1, workers) / workers) + 1
        jobs = [
            pool.submit(_update, part, *entries, *weights, np.float32(learning_rate), costs)
            for part in np.split(blocks, cuts)
        ]
        for job in jobs:
            job.result()
    return float(costs.sum() / max(len(entries.logs), 1))


@njit(nogil=True, fastmath=True, cache=True, error_model="numpy")
def _update(
    blocks, rows, columns, logs, scales, bounds,
    main, context, main_bias, context_bias, learning_rate, costs,
):  # fmt: skip
    dimensions = main.shape[2]
    for block in blocks:
        cost = 0.0
        for at in range(bounds[block], bounds[block + 1]):
            row, column = rows[at], columns[at]
            w, sum_w = main[row, 0], main[row, 1]
            c, sum_c = context[column, 0], context[column, 1]
            b, d = main_bias[row], context_bias[column]
            dot = np.float32(0)
            for k in range(dimensions):
                dot += w[k] * c[k]
            difference = dot + b[0] + d[0] - logs[at]
            slope = scales[at] * difference
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
    text: TrainingText, vocabulary: Vocabulary, params: GloveParams, checkpoint: Checkpoint
) -> Model:
    """Train by AdaGrad on the weighted squares of Pennington et al. 2014.

    Word and context vectors are added up, as the paper does.

    Raises:
        StageError: no two words stand near each other, or the cost is no number any more.
    """
    n_words = len(vocabulary.words)
    counts = cooccurrence(
        text, n_words, params.window, params.context == "symmetric", params.workers
    )
    if not counts.nnz:
        raise StageError(f"in {text.path} no two words stand near each other: bring more text")
    entries = arrange(counts, params.x_max, params.alpha, groups_for(n_words), params.seed)
    sample = _sample(counts, params.seed)
    del counts
    weights = initial_weights(n_words, params.dimensions, params.seed)
    costs: list[float] = []
    if saved := checkpoint.restore_arrays():
        arrays, costs = saved
        weights = Weights(**arrays)
    with ThreadPoolExecutor(params.workers) as pool:
        for epoch in progress(range(len(costs), params.epochs), "glove epochs", params.epochs):
            seed = params.seed + epoch
            cost = train_epoch(entries, weights, params.learning_rate, seed, pool, params.workers)
            if not math.isfinite(cost):
                raise StageError(f"the cost is {cost} in epoch {epoch + 1}: lower learning_rate")
            costs.append(cost)
            checkpoint.save_arrays(weights._asdict(), costs)
    main, context, main_bias, context_bias = (pairs[:, 0].copy() for pairs in weights)
    return Model(
        vocabulary.words,
        main + context,
        # log P(word | context) is the dot product and the word's bias, but for a constant.
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
    """Return some counts that are not zero, drawn at random."""
    draw = np.random.default_rng(seed)
    chosen = np.sort(draw.choice(counts.nnz, min(counts.nnz, SAMPLED_COUNTS), replace=False))
    return {
        "sample_row": (np.searchsorted(counts.indptr, chosen, side="right") - 1).astype(np.int32),
        "sample_column": counts.indices[chosen].astype(np.int32),
        "sample_count": counts.data[chosen],
    }
