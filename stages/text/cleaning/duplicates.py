"""Find duplicates and near-duplicates in corpora of any size.

Two documents are near-duplicates if the Jaccard similarity of their sets of three-word shingles
reaches a threshold (Broder 1997). Candidates are documents with an equal band (Leskovec, Rajaraman
and Ullman, Mining of Massive Datasets, section 3.4) in their one-permutation MinHash sketches (Li,
Owen and Zhang 2012), whose empty bins are filled by rotation (Shrivastava and Li 2014). Each
candidate is then verified, first on one bit of every bin (Li and König 2010, b-bit minwise
hashing), then on the sets themselves. Data that grows with the corpus is on disk, except about 130
bytes per document.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

SHINGLE_WORDS = 3
BINS = 128
DOCUMENTS_AT_ONCE = 128
SHINGLES_AT_ONCE = 1_000_000
# 128 distinct shingles fill about this many of 128 bins.
ENOUGH_BINS = 80
# Maximum share of pairs exactly at the threshold that are missed.
MISSED = 0.001


def band_rows(similarity: float) -> int:
    """Return the number of bins in a band: the most that still find pairs at the threshold."""
    rows = range(BINS, 1, -1)
    return next((r for r in rows if (1 - similarity**r) ** (BINS // r) <= MISSED), 1)


def sketch(texts: pa.Array, rows: int) -> pa.Table:
    """Return the sketches of documents, which ignore case and punctuation.

    The columns are `key`, the hash of a document's words; `bands`, the hash of each band of its
    sketch, 0 in a document of fewer words than a shingle; `bits`, one bit of each bin; `full`, the
    number of bins that were not filled by rotation; `size`, the number of shingles.

    Args:
        texts: texts, large_string, (documents,).
        rows: number of bins in a band, from `band_rows`.
    """
    hashes, ends = _hashed_words(texts)
    # A few documents at a time, so that intermediate arrays fit the processor's cache.
    pieces = []
    for start in range(0, len(texts), DOCUMENTS_AT_ONCE):
        part = ends[start : start + DOCUMENTS_AT_ONCE + 1]
        pieces.append(_sketch_words(hashes[part[0] : part[-1]], part - part[0], rows))
    return pa.concat_tables(pieces).combine_chunks()


def _hashed_words(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of all words, and `ends`: document n has hashes[ends[n] : ends[n + 1]]."""
    # Each distinct string is reduced to its letters, digits and symbols (emoji) once.
    parts = pc.split_pattern(texts, " ")
    distinct = parts.flatten().dictionary_encode()
    lower = pc.utf8_lower(distinct.dictionary)
    letters = pc.replace_substring_regex(lower, r"[^\pL\pM\pN\p{So}]+", "")
    is_word = pc.match_substring_regex(letters, r"[^\pM]").to_numpy(zero_copy_only=False)
    hash_of = pd.util.hash_array(letters.to_numpy(zero_copy_only=False), categorize=False)
    ids = distinct.indices.to_numpy()
    in_words = is_word[ids]
    offsets = parts.offsets.to_numpy()
    ends = np.concatenate([[0], np.cumsum(in_words)])[offsets]
    hashes = hash_of[ids]
    if (wordless := np.diff(ends) == 0).any():
        # A text of punctuation alone, such as ^^ or :(, is hashed as it is.
        whole = np.repeat(wordless, np.diff(offsets))
        hash_whole = pd.util.hash_array(lower.to_numpy(zero_copy_only=False), categorize=False)
        hashes[whole] = hash_whole[ids[whole]]
        in_words |= whole
        ends = np.concatenate([[0], np.cumsum(in_words)])[offsets]
    return hashes[in_words], ends


def _shingles(hashes: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of the shingles of consecutive documents, and the number for each."""
    lengths = np.diff(ends)
    sizes = np.maximum(lengths - SHINGLE_WORDS + 1, 0)
    with np.errstate(over="ignore"):
        rolling = _mixed(_mixed(hashes[:-2] * np.uint64(3) + hashes[1:-1]) + hashes[2:])
    begins = np.repeat(ends[:-1] - np.cumsum(sizes) + sizes, sizes)
    return rolling[begins + np.arange(len(begins))], sizes


def _sketch_words(hashes: np.ndarray, ends: np.ndarray, rows: int) -> pa.Table:
    """Sketch documents from the hashes of words; document n has hashes[ends[n] : ends[n + 1]]."""
    position = np.arange(len(hashes)) - np.repeat(ends[:-1], np.diff(ends))
    with np.errstate(over="ignore"):
        summed = np.cumsum(_mixed(hashes + _mixed(position.astype(np.uint64))), dtype=np.uint64)
        summed = np.concatenate([[np.uint64(0)], summed])
        keys = summed[ends[1:]] - summed[ends[:-1]]
    shingles, sizes = _shingles(hashes, ends)
    document = np.repeat(np.arange(len(sizes)), sizes)

    # The type of the shingles makes `minimum.at` 20 times faster.
    bins = np.full(len(sizes) * BINS, np.iinfo(np.uint64).max, dtype=np.uint64)
    index = document * BINS + (shingles & np.uint64(BINS - 1)).astype(np.int64)
    np.minimum.at(bins, index, shingles)
    bins = bins.reshape(-1, BINS)  # (documents, bins)
    full = (bins != np.iinfo(np.uint64).max).sum(axis=1, dtype=np.int16)
    filled = _fill(bins)
    n_bands = BINS // rows
    bands = np.zeros((n_bands, len(sizes)), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for row in range(rows):
            bands = _mixed(bands + filled[:, row : n_bands * rows : rows].T)
    bands[:, sizes == 0] = 0
    # The lower bits of a hash select its bin, and the upper bits of a minimum are mostly 0.
    bits = np.packbits(filled & np.uint64(BINS) != 0, axis=1)
    return pa.table(
        {
            "key": keys,
            "bands": pa.FixedSizeListArray.from_arrays(bands.T.ravel(), n_bands),
            "bits": pa.FixedSizeListArray.from_arrays(bits.ravel(), BINS // 8),
            "full": full,
            "size": sizes.astype(np.int32),
        }
    )


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Return 64-bit numbers mixed by the finalizer of SplitMix64 (Steele et al. 2014)."""
    numbers = numbers ^ (numbers >> np.uint64(30))
    numbers *= np.uint64(0xBF58476D1CE4E5B9)
    numbers ^= numbers >> np.uint64(27)
    numbers *= np.uint64(0x94D049BB133111EB)
    numbers ^= numbers >> np.uint64(31)
    return numbers


def _fill(bins: np.ndarray) -> np.ndarray:
    """Return `bins` with empty ones filled from the nearest full one to the left, cyclically."""
    full = bins != np.iinfo(np.uint64).max
    index = np.arange(BINS, dtype=np.int16)
    none = np.int16(-1)
    rounds = [np.where(full, index, none), np.where(full, index + np.int16(BINS), none)]
    nearest = np.maximum.accumulate(np.concatenate(rounds, axis=1), axis=1)  # (documents, 2 bins)
    return np.take_along_axis(bins, nearest[:, BINS:] % BINS, axis=1)


class Index:
    """Sketches of all documents: bands in files, the rest in memory.

    Args:
        folder: empty folder for the files.
        similarity: minimum Jaccard similarity of near-duplicates.
    """

    def __init__(self, folder: Path, similarity: float):
        self._similarity = similarity
        self.rows = band_rows(similarity)
        self._bands = [(folder / f"band{n}").open("w+b") for n in range(BINS // self.rows)]
        self._keys: list[np.ndarray] = []
        self._bits: list[np.ndarray] = []
        self._full: list[np.ndarray] = []
        self._sizes: list[np.ndarray] = []

    def add(self, sketches: pa.Table) -> None:
        """Append the sketches of a batch."""
        self._keys.append(np.array(sketches["key"]))
        self._full.append(np.array(sketches["full"]))
        self._sizes.append(np.array(sketches["size"]))
        bits = np.array(pc.list_flatten(sketches["bits"])).view(np.uint64)
        self._bits.append(bits.reshape(len(sketches), -1))
        bands = pc.list_flatten(sketches["bands"]).to_numpy().reshape(-1, len(self._bands))
        for file, hashes in zip(self._bands, np.ascontiguousarray(bands.T), strict=True):
            hashes.tofile(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._bands:
            file.close()

    def repeated(
        self, rank: np.ndarray, texts: Callable[[np.ndarray], pa.Array]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which documents are duplicates, and which near-duplicates, of one of lower rank.

        Args:
            rank: rank, (documents,); the duplicate of lowest rank is kept.
            texts: function that returns the texts of documents, given their sorted indices.
        """
        keys = np.concatenate(self._keys)
        duplicate = np.zeros(len(keys), dtype=bool)
        order, is_first = _repetitions(keys, rank)
        duplicate[order[~is_first]] = True

        near = np.zeros(len(keys), dtype=bool)
        bits, full, sizes = map(np.concatenate, (self._bits, self._full, self._sizes))
        # Half of the differing bins differ in their bit; allow seven standard deviations more.
        share = (1 - self._similarity) / 2
        most = BINS * share + 7 * np.sqrt(BINS * share * (1 - share))
        rejected: set[tuple[int, int]] = set()
        for pairs in (pairs for file in self._bands for pairs in _pairs(file, rank, duplicate)):
            differing = np.bitwise_count(bits[pairs[0]] ^ bits[pairs[1]]).sum(axis=1)
            # If many bins are filled from others, a single shingle changes many bits.
            is_candidate = (differing <= most) | (full[pairs].min(axis=0) < ENOUGH_BINS)
            pairs = pairs[:, is_candidate & ~near[pairs[1]]]
            pairs = pairs[:, [(a, b) not in rejected for a, b in pairs.T.tolist()]]
            part = sizes[pairs].sum(axis=0).cumsum() // SHINGLES_AT_ONCE
            for batch in np.split(pairs, np.flatnonzero(np.diff(part)) + 1, axis=1):
                is_near = self._are_similar(batch, texts)
                near[batch[1, is_near]] = True
                rejected.update(map(tuple, batch[:, ~is_near].T.tolist()))
        return duplicate, near

    def _are_similar(
        self, pairs: np.ndarray, texts: Callable[[np.ndarray], pa.Array]
    ) -> np.ndarray:
        """Return which pairs of documents reach the minimum similarity, (pairs,)."""
        documents, index = np.unique(pairs, return_inverse=True)
        if not len(documents):
            return np.zeros(0, dtype=bool)
        shingles, sizes = _shingles(*_hashed_words(texts(documents)))
        sets = [np.unique(part) for part in np.split(shingles, np.cumsum(sizes)[:-1])]
        pairs_of_sets = [(sets[a], sets[b]) for a, b in index.reshape(2, -1).T]
        shared = [len(np.intersect1d(*both, assume_unique=True)) for both in pairs_of_sets]
        total = [len(a) + len(b) for a, b in pairs_of_sets]
        return np.array(shared) >= self._similarity * (np.array(total) - shared)


def _pairs(file: BinaryIO, rank: np.ndarray, duplicate: np.ndarray) -> Iterator[np.ndarray]:
    """Yield pairs of documents with an equal band, (2, pairs).

    Each document is paired with the first such document, then with the previous one; the number
    of all pairs would be quadratic.
    """
    file.flush()
    file.seek(0)
    hashes = np.fromfile(file, dtype=np.uint64)
    documents = np.flatnonzero((hashes != 0) & ~duplicate)
    order, is_first = _repetitions(hashes[documents], rank[documents])
    candidates = documents[order]
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))
    later = np.flatnonzero(~is_first)
    for earlier in (first[later], later - 1):
        yield np.stack([candidates[earlier], candidates[later]])


def _repetitions(values: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of repeated values, sorted by value and `rank`.

    The second array marks the first index of each value.
    """
    repeated = np.flatnonzero(pd.Series(values).duplicated(keep=False))
    order = repeated[np.lexsort((rank[repeated], values[repeated]))]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = values[order[1:]] != values[order[:-1]]
    return order, is_first
