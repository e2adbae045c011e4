"""How often words stand near each other, counted row by row of the matrix."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse
from numba import njit

from stages.core.progress import progress
from stages.embedding.models.training_text import TrainingText

# Between two documents, where a window ends.
BREAK = -1
# Counts that a block of rows may hold before it is put away; times eight bytes is its memory.
BLOCK_COUNTS = 1 << 22


def cooccurrence(
    text: TrainingText, n_words: int, window: int, is_symmetric: bool, workers: int
) -> scipy.sparse.csr_array:
    """Return how often word j stands near word i, near weighing more, of shape (words, words).

    A pair that is d words apart counts 1 / d, as in GloVe (Pennington et al. 2014, section 3.1).
    Words outside the vocabulary are taken out first, so that a window reaches over them.

    Each row is summed up in an array as long as the vocabulary, over the places where its word
    stands: memory is that of the text and of the counts that are not zero. Rows depend on nothing
    but the text, so any number of threads gives the same bytes.

    Args:
        text: what is counted.
        n_words: size of the vocabulary.
        window: words on a side that count.
        is_symmetric: whether words on the right count as well as those on the left.
        workers: threads.
    """
    ids = _with_breaks(text)
    starts = np.concatenate([[0], np.cumsum(np.bincount(ids[ids >= 0], minlength=n_words))])
    places = np.empty(starts[-1], np.int32 if len(ids) < 1 << 31 else np.int64)
    _sort_places(ids, starts[:-1].copy(), places)
    # A place brings at most this many counts; a row at most as many as there are words.
    most = np.minimum(np.diff(starts) * window * (1 + is_symmetric), n_words)
    blocks = _blocks(most)

    def count(bounds: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first, last = bounds
        capacity = int(most[first:last].sum())
        columns, counts = np.empty(capacity, np.int32), np.empty(capacity, np.float32)
        lengths = np.empty(last - first, np.int64)
        n = _count_rows(
            ids,
            starts,
            places,
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
    """Return the known words of a text, and BREAK behind each document."""
    parts = []
    for batch in text.batches():
        ends = np.cumsum(batch.lengths)
        ids = np.insert(batch.ids, ends, BREAK)
        is_break = np.zeros(len(ids), dtype=bool)
        is_break[ends + np.arange(len(ends))] = True
        parts.append(ids[(ids >= 0) | is_break])
    return np.concatenate(parts) if parts else np.array([], np.int32)


def _blocks(most: np.ndarray) -> list[tuple[int, int]]:
    """Cut rows into runs that hold at most BLOCK_COUNTS counts, or one row."""
    bounds, total = [0], 0
    for row, n in enumerate(most.tolist()):
        if total and total + n > BLOCK_COUNTS:
            bounds.append(row)
            total = 0
        total += n
    bounds.append(len(most))
    return list(itertools.pairwise(bounds))


@njit(nogil=True, cache=True)
def _sort_places(ids, next_place, places):
    """Write the places of each word into `places`, word after word."""
    for place, word in enumerate(ids):
        if word >= 0:
            places[next_place[word]] = place
            next_place[word] += 1


@njit(nogil=True, cache=True, error_model="numpy")
def _count_rows(
    ids, starts, places, first, last, window, is_symmetric, n_words, columns, counts, lengths
):
    """Count the rows from `first` to `last`; return how many counts were written."""
    row = np.zeros(n_words, np.float32)
    touched = np.empty(n_words, np.int32)
    written = 0
    for word in range(first, last):
        n = 0
        for at in range(starts[word], starts[word + 1]):
            place = places[at]
            for distance in range(1, min(window, place) + 1):
                other = ids[place - distance]
                if other < 0:
                    break
                if row[other] == 0:
                    touched[n] = other
                    n += 1
                row[other] += np.float32(1.0 / distance)
            if is_symmetric:
                for distance in range(1, min(window, len(ids) - 1 - place) + 1):
                    other = ids[place + distance]
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
