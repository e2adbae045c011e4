"""Find documents that are the same as another one, or nearly the same, in any number of them.

Two documents are nearly the same when the Jaccard similarity of their sets of three consecutive
words reaches a threshold (Broder 1997, resemblance of shingles). Candidates come from MinHash
sketches by one permutation (Li, Owen and Zhang 2012), empty bins filled by rotation (Shrivastava
and Li 2014), whose bands are compared (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets,
section 3.4). Each candidate is then verified, first on one bit of every bin (Li and König 2010,
b-bit minwise hashing), then on the sets themselves. What grows with the corpus is on disk, but for
some 130 bytes a document.
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
# About so many of 128 bins are filled by 128 different shingles.
ENOUGH_BINS = 80
# Of two documents exactly at the threshold, at most this share is missed.
MISSED = 0.001


def band_rows(similarity: float) -> int:
    """Return how many bins make a band: as many as still find what is just similar enough."""
    rows = range(BINS, 1, -1)
    return next((r for r in rows if (1 - similarity**r) ** (BINS // r) <= MISSED), 1)


def sketch(texts: pa.Array, rows: int) -> pa.Table:
    """Return what is compared of some documents; case and punctuation do not count.

    The columns are `key`, the hash of a document's words; `bands`, the hash of each band of its
    sketch, 0 in a document of fewer words than a shingle; `bits`, one of each bin; `full`, how many
    bins have a shingle of their own; `size`, the number of its shingles.

    Args:
        texts: the documents, of type large_string.
        rows: bins in a band, as `band_rows` says.
    """
    hashes, ends = _hashed_words(texts)
    # A few documents at a time: what is computed on the way stays in the processor's cache.
    pieces = []
    for start in range(0, len(texts), DOCUMENTS_AT_ONCE):
        place = ends[start : start + DOCUMENTS_AT_ONCE + 1]
        pieces.append(_sketch_words(hashes[place[0] : place[-1]], place - place[0], rows))
    return pa.concat_tables(pieces).combine_chunks()


def _hashed_words(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of all words, document n from place ends[n] to ends[n + 1], and `ends`."""
    # Each distinct string is brought to its letters, digits and symbols (emoji) once.
    parts = pc.split_pattern(texts, " ")
    distinct = parts.flatten().dictionary_encode()
    lower = pc.utf8_lower(distinct.dictionary)
    letters = pc.replace_substring_regex(lower, r"[^\pL\pM\pN\p{So}]+", "")
    is_word = pc.match_substring_regex(letters, r"[^\pM]").to_numpy(zero_copy_only=False)
    hash_of = pd.util.hash_array(letters.to_numpy(zero_copy_only=False), categorize=False)
    which = distinct.indices.to_numpy()
    in_words = is_word[which]
    offsets = parts.offsets.to_numpy()
    ends = np.concatenate([[0], np.cumsum(in_words)])[offsets]
    hashes = hash_of[which]
    if (wordless := np.diff(ends) == 0).any():
        # A text of punctuation alone, such as ^^ or :(, is what it is.
        whole = np.repeat(wordless, np.diff(offsets))
        hash_whole = pd.util.hash_array(lower.to_numpy(zero_copy_only=False), categorize=False)
        hashes[whole] = hash_whole[which[whole]]
        in_words |= whole
        ends = np.concatenate([[0], np.cumsum(in_words)])[offsets]
    return hashes[in_words], ends


def _shingles(hashes: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of the shingles of documents one after another, and how many each has."""
    lengths = np.diff(ends)
    sizes = np.maximum(lengths - SHINGLE_WORDS + 1, 0)
    with np.errstate(over="ignore"):
        rolling = _mixed(_mixed(hashes[:-2] * np.uint64(3) + hashes[1:-1]) + hashes[2:])
    begins = np.repeat(ends[:-1] - np.cumsum(sizes) + sizes, sizes)
    return rolling[begins + np.arange(len(begins))], sizes


def _sketch_words(hashes: np.ndarray, ends: np.ndarray, rows: int) -> pa.Table:
    """Sketch documents whose words have some hashes, document n from ends[n] to ends[n + 1]."""
    place = np.arange(len(hashes)) - np.repeat(ends[:-1], np.diff(ends))
    with np.errstate(over="ignore"):
        summed = np.cumsum(_mixed(hashes + _mixed(place.astype(np.uint64))), dtype=np.uint64)
        summed = np.concatenate([[np.uint64(0)], summed])
        keys = summed[ends[1:]] - summed[ends[:-1]]
    shingles, sizes = _shingles(hashes, ends)
    owner = np.repeat(np.arange(len(sizes)), sizes)

    # Of exactly the type of the shingles: `minimum.at` is 20 times quicker so.
    bins = np.full(len(sizes) * BINS, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(bins, owner * BINS + (shingles & np.uint64(BINS - 1)).astype(np.int64), shingles)
    bins = bins.reshape(-1, BINS)  # (documents, bins)
    full = (bins != np.iinfo(np.uint64).max).sum(axis=1, dtype=np.int16)
    filled = _fill(bins)
    n_bands = BINS // rows
    bands = np.zeros((n_bands, len(sizes)), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for row in range(rows):
            bands = _mixed(bands + filled[:, row : n_bands * rows : rows].T)
    bands[:, sizes == 0] = 0
    # The lower bits of a hash say which bin it is in, and the upper ones of the least are mostly 0.
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
    """Sketches of every document: their bands in files, the rest in memory.

    Args:
        folder: an empty one for the files.
        similarity: from which two documents are nearly the same.
    """

    def __init__(self, folder: Path, similarity: float):
        """Open the files."""
        self._similarity = similarity
        self.rows = band_rows(similarity)
        self._bands = [(folder / f"band{n}").open("w+b") for n in range(BINS // self.rows)]
        self._keys: list[np.ndarray] = []
        self._bits: list[np.ndarray] = []
        self._full: list[np.ndarray] = []
        self._sizes: list[np.ndarray] = []

    def add(self, sketches: pa.Table) -> None:
        """Append the sketches of some documents."""
        self._keys.append(np.array(sketches["key"]))
        self._full.append(np.array(sketches["full"]))
        self._sizes.append(np.array(sketches["size"]))
        bits = np.array(pc.list_flatten(sketches["bits"])).view(np.uint64)
        self._bits.append(bits.reshape(len(sketches), -1))
        bands = pc.list_flatten(sketches["bands"]).to_numpy().reshape(-1, len(self._bands))
        for file, hashes in zip(self._bands, np.ascontiguousarray(bands.T), strict=True):
            hashes.tofile(file)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        for file in self._bands:
            file.close()

    def repeated(
        self, rank: np.ndarray, texts: Callable[[np.ndarray], pa.Array]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which documents are the same as one of lower rank, and which nearly the same.

        Args:
            rank: a number for each document, of shape (documents,); of several that are the same
                the one with the lowest stays.
            texts: returns the texts of some documents, whose numbers it is given in order.
        """
        keys = np.concatenate(self._keys)
        same = np.zeros(len(keys), dtype=bool)
        order, is_first = _repetitions(keys, rank)
        same[order[~is_first]] = True

        near = np.zeros(len(keys), dtype=bool)
        bits, full, sizes = map(np.concatenate, (self._bits, self._full, self._sizes))
        # Bits differ in half of the bins that do; seven standard deviations more are too many.
        share = (1 - self._similarity) / 2
        most = BINS * share + 7 * np.sqrt(BINS * share * (1 - share))
        refused: set[tuple[int, int]] = set()
        for pairs in (pairs for file in self._bands for pairs in _pairs(file, rank, same)):
            differing = np.bitwise_count(bits[pairs[0]] ^ bits[pairs[1]]).sum(axis=1)
            # Where many bins repeat what is in another, one shingle changes many bits.
            may_be = (differing <= most) | (full[pairs].min(axis=0) < ENOUGH_BINS)
            pairs = pairs[:, may_be & ~near[pairs[1]]]
            pairs = pairs[:, [(a, b) not in refused for a, b in pairs.T.tolist()]]
            part = sizes[pairs].sum(axis=0).cumsum() // SHINGLES_AT_ONCE
            for few in np.split(pairs, np.flatnonzero(np.diff(part)) + 1, axis=1):
                is_near = self._are_similar(few, texts)
                near[few[1, is_near]] = True
                refused.update(map(tuple, few[:, ~is_near].T.tolist()))
        return same, near

    def _are_similar(
        self, pairs: np.ndarray, texts: Callable[[np.ndarray], pa.Array]
    ) -> np.ndarray:
        """Return which pairs of documents share enough of their shingles, of shape (pairs,)."""
        documents, place = np.unique(pairs, return_inverse=True)
        if not len(documents):
            return np.zeros(0, dtype=bool)
        shingles, sizes = _shingles(*_hashed_words(texts(documents)))
        sets = [np.unique(part) for part in np.split(shingles, np.cumsum(sizes)[:-1])]
        pairs_of_sets = [(sets[a], sets[b]) for a, b in place.reshape(2, -1).T]
        shared = [len(np.intersect1d(*both, assume_unique=True)) for both in pairs_of_sets]
        total = [len(a) + len(b) for a, b in pairs_of_sets]
        return np.array(shared) >= self._similarity * (np.array(total) - shared)


def _pairs(file: BinaryIO, rank: np.ndarray, same: np.ndarray) -> Iterator[np.ndarray]:
    """Yield documents with an equal band, of shape (2, pairs): with the first, then the last one.

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
        yield np.stack([candidates[before], candidates[later]])


def _repetitions(values: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of values that occur again, equal ones together in the order of `rank`.

    The second array says which of them is the first of its value.
    """
    again = np.flatnonzero(pd.Series(values).duplicated(keep=False))
    order = again[np.lexsort((rank[again], values[again]))]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = values[order[1:]] != values[order[:-1]]
    return order, is_first
