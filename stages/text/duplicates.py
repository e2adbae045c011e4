"""Find documents that are the same as another one, or nearly the same, in any number of them.

Two documents are nearly the same when the Jaccard similarity of their sets of three consecutive
words reaches a threshold (Broder 1997, resemblance of shingles). Candidates come from MinHash
sketches by one permutation (Li, Owen and Zhang 2012), empty bins filled by rotation (Shrivastava
and Li 2014), whose bands are compared (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets,
section 3.4). Each candidate is then verified on the sets themselves. What grows with the corpus is
on disk, but for some 30 bytes a document.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

SHINGLE_WORDS = 3
BINS = 128
DOCUMENTS_AT_ONCE = 128
# Of two documents exactly at the threshold, at most this share is missed.
MISSED = 0.001


class Sketches(NamedTuple):
    """What is compared of some documents.

    Attributes:
        keys: hash of the words of each, of shape (documents,).
        bands: hash of each band of its sketch, of shape (bands, documents); 0 for a document of
            fewer words than a shingle.
        shingles: hashes of the shingles, of one document after another; of 32 bits, which between
            two documents all but never meet by chance.
        sizes: number of shingles of each document, of shape (documents,).
    """

    keys: np.ndarray
    bands: np.ndarray
    shingles: np.ndarray
    sizes: np.ndarray


def band_rows(similarity: float) -> int:
    """Return how many bins make a band: as many as still find what is just similar enough."""
    rows = range(BINS, 1, -1)
    return next((r for r in rows if (1 - similarity**r) ** (BINS // r) <= MISSED), 1)


def sketch(texts: list[str], rows: int) -> Sketches:
    """Sketch some documents; case and what is neither letter nor digit do not count.

    Args:
        texts: the documents.
        rows: bins in a band, as `band_rows` says.
    """
    # Each distinct string is brought to its letters and digits once.
    parts = pc.split_pattern(pa.array(texts, pa.large_string()), " ")
    distinct = parts.flatten().dictionary_encode()
    letters = pc.replace_substring_regex(pc.utf8_lower(distinct.dictionary), r"[^\pL\pM\pN]+", "")
    is_word = pc.greater(pc.binary_length(letters), 0).to_numpy(zero_copy_only=False)
    hash_of = pd.util.hash_array(letters.to_numpy(zero_copy_only=False), categorize=False)
    which = distinct.indices.to_numpy()
    in_words = is_word[which]
    hashes = hash_of[which[in_words]]
    ends = np.concatenate([[0], np.cumsum(in_words)])[parts.offsets.to_numpy()]
    # A few documents at a time: what is computed on the way stays in the processor's cache.
    pieces = []
    for start in range(0, len(texts), DOCUMENTS_AT_ONCE):
        place = ends[start : start + DOCUMENTS_AT_ONCE + 1]
        pieces.append(_sketch_words(hashes[place[0] : place[-1]], place - place[0], rows))
    keys, bands, shingles, sizes = zip(*pieces, strict=True)
    return Sketches(
        np.concatenate(keys),
        np.concatenate(bands, axis=1),
        np.concatenate(shingles),
        np.concatenate(sizes),
    )


def _sketch_words(hashes: np.ndarray, ends: np.ndarray, rows: int) -> Sketches:
    """Sketch documents whose words have some hashes, document n from ends[n] to ends[n + 1]."""
    starts, lengths = ends[:-1], np.diff(ends)
    place = np.arange(len(hashes)) - np.repeat(starts, lengths)
    with np.errstate(over="ignore"):
        summed = np.cumsum(_mixed(hashes + _mixed(place.astype(np.uint64))), dtype=np.uint64)
        summed = np.concatenate([[np.uint64(0)], summed])
        keys = summed[ends[1:]] - summed[starts]
        rolling = _mixed(_mixed(hashes[:-2] * np.uint64(3) + hashes[1:-1]) + hashes[2:])
    sizes = np.maximum(lengths - SHINGLE_WORDS + 1, 0)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    inside = place < np.repeat(sizes, lengths)
    shingles = rolling[np.flatnonzero(inside)]

    # Of exactly the type of the shingles: `minimum.at` is 20 times quicker so.
    bins = np.full(len(sizes) * BINS, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(bins, owner * BINS + (shingles & np.uint64(BINS - 1)).astype(np.int64), shingles)
    filled = _fill(bins.reshape(-1, BINS))  # (documents, bins)
    n_bands = BINS // rows
    bands = np.zeros((n_bands, len(sizes)), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for row in range(rows):
            bands = _mixed(bands + filled[:, row : n_bands * rows : rows].T)
    bands[:, sizes == 0] = 0
    return Sketches(keys, bands, shingles.astype(np.uint32), sizes)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Return 64-bit numbers scattered, by the finalizer of SplitMix64 (Steele et al. 2014)."""
    numbers = numbers ^ (numbers >> np.uint64(30))
    numbers *= np.uint64(0xBF58476D1CE4E5B9)
    numbers ^= numbers >> np.uint64(27)
    numbers *= np.uint64(0x94D049BB133111EB)
    numbers ^= numbers >> np.uint64(31)
    return numbers


def _fill(bins: np.ndarray) -> np.ndarray:
    """Return `bins` with the nearest value to the left, going round, in each empty one."""
    full = bins != np.iinfo(np.uint64).max
    place = np.arange(BINS, dtype=np.int16)
    none = np.int16(-1)
    rounds = [np.where(full, place, none), np.where(full, place + np.int16(BINS), none)]
    nearest = np.maximum.accumulate(np.concatenate(rounds, axis=1), axis=1)  # (documents, 2 bins)
    return np.take_along_axis(bins, nearest[:, BINS:] % BINS, axis=1)


class Index:
    """Every document's key, sketch and shingles: keys in memory, the rest in files.

    Args:
        folder: an empty one for the files.
        similarity: from which two documents are nearly the same.
    """

    def __init__(self, folder: Path, similarity: float):
        """Open the files."""
        self._similarity = similarity
        self.rows = band_rows(similarity)
        self._bands = [(folder / f"band{n}").open("w+b") for n in range(BINS // self.rows)]
        self._shingles = (folder / "shingles").open("w+b")
        self._keys: list[np.ndarray] = []
        self._sizes: list[np.ndarray] = []

    def add(self, sketches: Sketches) -> None:
        """Append some documents."""
        self._keys.append(sketches.keys)
        self._sizes.append(sketches.sizes.astype(np.int32))
        for file, hashes in zip(self._bands, sketches.bands, strict=True):
            hashes.tofile(file)
        sketches.shingles.tofile(self._shingles)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        for file in (*self._bands, self._shingles):
            file.close()

    def repeated(self, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which documents are the same as one of lower rank, and which nearly the same.

        Args:
            rank: a number for each document, of shape (documents,); of several that are the same
                the one with the lowest stays.
        """
        keys = np.concatenate(self._keys)
        same = np.zeros(len(keys), dtype=bool)
        order, is_first = _repetitions(keys, rank)
        same[order[~is_first]] = True

        near = np.zeros(len(keys), dtype=bool)
        sizes = np.concatenate(self._sizes)
        ends = np.cumsum(sizes, dtype=np.int64)
        self._shingles.flush()
        refused: set[tuple[int, int]] = set()
        for file in self._bands:
            for kept, other in _pairs(file, rank, same):
                if near[other] or (kept, other) in refused:
                    continue
                if self._similar(kept, other, sizes, ends):
                    near[other] = True
                else:
                    refused.add((kept, other))
        return same, near

    def _similar(self, a: int, b: int, sizes: np.ndarray, ends: np.ndarray) -> bool:
        both = [self._read(n, sizes, ends) for n in (a, b)]
        ordered = np.sort(np.concatenate(both))
        # What occurs again, between the two or within one of them.
        again = np.count_nonzero(ordered[1:] == ordered[:-1])
        union = len(ordered) - again
        if again < self._similarity * union:
            return False
        shared = again - sum(len(shingles) - len(np.unique(shingles)) for shingles in both)
        return shared >= self._similarity * union

    def _read(self, document: int, sizes: np.ndarray, ends: np.ndarray) -> np.ndarray:
        size = int(sizes[document])
        data = os.pread(self._shingles.fileno(), 4 * size, 4 * (int(ends[document]) - size))
        return np.frombuffer(data, dtype=np.uint32)


def _pairs(file: BinaryIO, rank: np.ndarray, same: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield pairs of documents with an equal band: each with the first of them and with the last.

    All pairs would grow with the square of how many documents are alike.
    """
    file.flush()
    file.seek(0)
    hashes = np.fromfile(file, dtype=np.uint64)
    documents = np.flatnonzero((hashes != 0) & ~same)
    order, is_first = _repetitions(hashes[documents], rank[documents])
    candidates = documents[order]
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))
    later = np.flatnonzero(~is_first)
    for before in (first[later], later - 1):
        yield from zip(candidates[before].tolist(), candidates[later].tolist(), strict=True)


def _repetitions(values: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of values that occur again, equal ones together in the order of `rank`.

    The second array says which of them is the first of its value.
    """
    order = np.argsort(values)
    is_first = _begins(values[order])
    # By rank only what repeats: to sort by two keys takes many times as long.
    order = order[~(is_first & np.append(is_first[1:], True))]
    order = order[np.lexsort((rank[order], values[order]))]
    return order, _begins(values[order])


def _begins(ordered: np.ndarray) -> np.ndarray:
    """Return where values that are in order are the first of their kind."""
    is_first = np.ones(len(ordered), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return is_first
