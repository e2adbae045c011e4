"""Co-occurrence counts of words, computed row by row."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse
from numba import njit

from stages.core.progress import progress
from stages.embedding.models.training_text import TrainingText

# Separates documents, so that no window crosses their boundary.
BREAK = -1
# Maximal number of counts in a block of rows, eight bytes each.
BLOCK_COUNTS = 1 << 22


def cooccurrence(
    text: TrainingText, n_words: int, window: int, is_symmetric: bool, workers: int
) -> scipy.sparse.csr_array:
    """Return the distance-weighted co-occurrence counts of words, (words, contexts).

    A pair of words at distance d counts 1 / d (Pennington et al. 2014, section 3.1). Words outside
    the vocabulary are removed first, so they do not count towards the distance.

    Each row is summed over the occurrences of its word in a dense array as long as the vocabulary,
    so memory grows with the text and the nonzero counts only. Rows are independent of each other,
    so any number of threads gives the same bytes.

    Args:
        text: text to count.
        n_words: size of the vocabulary.
        window: number of context words on each side.
        is_symmetric: whether to count words on the right as well as words on the left.
        workers: number of threads.
    """
    ids = _with_breaks(text)
    starts = np.concatenate([[0], np.cumsum(np.bincount(ids[ids >= 0], minlength=n_words))])
    occurrences = np.empty(starts[-1], np.int32 if len(ids) < 1 << 31 else np.int64)
    _sort_occurrences(ids, starts[:-1].copy(), occurrences)
    # Upper bounds on the nonzero counts of each row, to allocate memory.
    bounds = np.minimum(np.diff(starts) * window * (1 + is_symmetric), n_words)
    blocks = _blocks(bounds)

    def count(block: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first, last = block
        capacity = int(bounds[first:last].sum())
        columns, counts = np.empty(capacity, np.int32), np.empty(capacity, np.float32)
        lengths = np.empty(last - first, np.int64)
        n = _count_rows(
            ids,
            starts,
            occurrences,
            first,
            last,
            window,
            is_symmetric,
            n_words,
            columns,
            counts,
            lengths,
        )
        return columns[:n].copy(), counts[:n].copy(), lengths

    with ThreadPoolExecutor(workers) as pool:
        parts = list(progress(pool.map(count, blocks), "counting blocks of rows", len(blocks)))
    columns, counts, lengths = (np.concatenate(part) for part in zip(*parts, strict=True))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return scipy.sparse.csr_array((counts, columns, offsets), shape=(n_words, n_words))


def _with_breaks(text: TrainingText) -> np.ndarray:
    """Return the word indices of a text without unknown words, and BREAK after each document."""
    parts = []
    for batch in text.batches():
        ends = np.cumsum(batch.lengths)
        ids = np.insert(batch.ids, ends, BREAK)
        is_break = np.zeros(len(ids), dtype=bool)
        is_break[ends + np.arange(len(ends))] = True
        parts.append(ids[(ids >= 0) | is_break])
    return np.concatenate(parts) if parts else np.array([], np.int32)


def _blocks(bounds: np.ndarray) -> list[tuple[int, int]]:
    """Split rows into blocks of at most BLOCK_COUNTS counts, or of one row.

    Args:
        bounds: upper bounds on the counts of each row, (rows,).
    """
    edges, total = [0], 0
    for row, n in enumerate(bounds.tolist()):
        if total and total + n > BLOCK_COUNTS:
            edges.append(row)
            total = 0
        total += n
    edges.append(len(bounds))
    return list(itertools.pairwise(edges))


@njit(nogil=True, cache=True)
def _sort_occurrences(ids, ends, occurrences):
    """Write the text positions of each word into `occurrences`, grouped by word.

    `ends` starts as the first slot of each word, and counts up as its slots are filled.
    """
    for position, word in enumerate(ids):
        if word >= 0:
            occurrences[ends[word]] = position
            ends[word] += 1


@njit(nogil=True, cache=True, error_model="numpy")
def _count_rows(
    ids, starts, occurrences, first, last, window, is_symmetric, n_words, columns, counts, lengths
):
    """Count the rows from `first` up to `last` and return the number of counts written."""
    row = np.zeros(n_words, np.float32)
    touched = np.empty(n_words, np.int32)
    written = 0
    for word in range(first, last):
        n = 0
        for position in occurrences[starts[word] : starts[word + 1]]:
            for distance in range(1, min(window, position) + 1):
                other = ids[position - distance]
                if other < 0:
                    break
                if row[other] == 0:
                    touched[n] = other
                    n += 1
                row[other] += np.float32(1.0 / distance)
            if is_symmetric:
                for distance in range(1, min(window, len(ids) - 1 - position) + 1):
                    other = ids[position + distance]
                    if other < 0:
                        break
                    if row[other] == 0:
                        touched[n] = other
                        n += 1
                    row[other] += np.float32(1.0 / distance)
        touched[:n].sort()
        for i in range(n):
            other = touched[i]
            columns[written] = other
            counts[written] = row[other]
            row[other] = 0
            written += 1
        lengths[word - first] = n
    return written
