"""Vectors that somebody else has trained: word2vec's, GloVe's and fastText's files.

Words are compared as bytes and only those of the corpus are kept, so that memory does not grow with
the file and a word that is not UTF-8 spoils no other one.
"""

import hashlib
import mmap
import re
import struct
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import numpy as np
from gensim.models.fasttext import load_facebook_vectors
from pydantic import Field

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.core.progress import progress
from stages.embedding.models.model import Model, ModelParams
from stages.embedding.models.training_text import TrainingText, Vocabulary

SUFFIXES = (".vec", ".txt", ".bin")
FASTTEXT_MAGIC = struct.pack("<i", 793712314)
FASTTEXT_VERSIONS = (11, 12)
FASTTEXT_SUPERVISED = 3
# What people bring instead of a file of vectors, by its first bytes.
OTHER_FILES = {
    b"\x1f\x8b": "is compressed by gzip: unpack it (gunzip)",
    b"BZh": "is compressed by bzip2: unpack it (bunzip2)",
    b"\xfd7zXZ": "is compressed by xz: unpack it (unxz)",
    b"PK\x03\x04": "is a zip archive: unpack it",
    b"\xff\xfe": "is in UTF-16: save it as UTF-8",
    b"\xfe\xff": "is in UTF-16: save it as UTF-8",
    b"\x80": "is a Python pickle, which may run code: bring the vectors in word2vec's format",
    b"version https://git-lfs": "is a pointer of Git LFS: fetch the file itself (git lfs pull)",
    b"<!doctype": "is a web page: fetch the file itself",
    b"<html": "is a web page: fetch the file itself",
}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Lines that tell the number of dimensions where no header does.
SAMPLE_LINES = 1000
NUMBER = re.compile(rb"[-+]?\d*\.?\d+(e[-+]?\d+)?", re.IGNORECASE)
# What is counted beside the words, and told where there is some.
NOTES = {
    "words_with_spaces": "contain spaces",
    "words_not_utf8": "are not UTF-8 and equal no word of the corpus",
    "repeated_words": "repeat a word of the corpus, of which the first counts",
}


class PretrainedParams(ModelParams):
    """A section of `embedding.train_embedding` for `kind: pretrained`."""

    kind: Literal["pretrained"]
    workers: Literal[1]
    path: Path
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


def word_in_file(word: str) -> str:
    """Return `word` as files of vectors spell it: with `_` for each space, which ends a word."""
    return re.sub(r"\s", "_", word)


def read_vectors(path: Path, words: list[str]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Read the vectors of `words` from a file, whose format its name and first bytes tell.

    `.vec` and `.txt` are text with a header (word2vec, fastText) or without (GloVe); `.bin` is the
    binary format of word2vec or of fastText. A word with a space is also found as `word_in_file`.

    Returns:
        The vector of each word that the file has; and how many words are in the file, with counts
        of what is odd about them.

    Raises:
        StageError: the file has another format or is not whole, or a vector is not of numbers.
    """
    with path.open("rb") as file:
        start = file.read(64)
    for first_bytes, what in OTHER_FILES.items():
        if start.lower().startswith(first_bytes.lower()):
            raise StageError(f"{path} {what}")
    if not start.strip():
        raise StageError(f"{path} is empty: bring the whole file")

    forms = {word: (word.encode(), word_in_file(word).encode()) for word in words}
    wanted = set(chain.from_iterable(forms.values()))
    if start.startswith(FASTTEXT_MAGIC):
        found, counts = _read_fasttext(path, wanted)
    elif path.suffix not in SUFFIXES:
        raise StageError(f"{path}: the name of a file of vectors ends in {', '.join(SUFFIXES)}")
    elif path.suffix == ".bin":
        found, counts = _pick(_binary_entries(path, wanted))
    else:
        found, counts = _pick(_text_entries(path, wanted))

    vectors = {}
    for word, (exact, spelled) in forms.items():
        name = exact if exact in found else spelled
        if name not in found:
            continue
        if not np.isfinite(found[name]).all():
            raise StageError(
                f"{path}: the vector of '{word}' has a number that is not finite: remove or mend it"
            )
        vectors[word] = found[name]
    return vectors, counts


# A word as the file spells it, and its vector if that is wanted.
Entry = tuple[bytes, np.ndarray | None]


def _pick(entries: Iterator[Entry]) -> tuple[dict[bytes, np.ndarray], dict[str, int]]:
    """Return the first vector of each wanted word, and counts of all entries."""
    found: dict[bytes, np.ndarray] = {}
    counts = {"words_in_file": 0, **dict.fromkeys(NOTES, 0)}
    for name, vector in progress(entries, "reading vectors"):
        counts["words_in_file"] += 1
        counts["words_with_spaces"] += b" " in name
        counts["words_not_utf8"] += not _is_utf8(name)
        counts["repeated_words"] += name in found
        if vector is not None:
            found.setdefault(name, vector)
    return found, counts


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _header(line: bytes) -> tuple[int, int] | None:
    """Return the numbers of words and of dimensions that a first line says, if it says them."""
    numbers = line.split()
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        return None
    return int(numbers[0]), int(numbers[1])


def _text_entries(path: Path, wanted: set[bytes]) -> Iterator[Entry]:
    """Yield each line. The vector is its last numbers; all before them, with spaces, is the word.

    Lines end in LF or CRLF, a byte order mark goes. Bytes are not decoded: GloVe's own words have
    no-break spaces and other characters at which Python would break text into words or lines.
    """
    with path.open("rb") as file:
        if file.read(3) != BYTE_ORDER_MARK:
            file.seek(0)
        start = file.tell()
        header = _header(file.readline())
        if header is None:
            file.seek(start)
            fields = Counter(len(line.split()) for line in islice(file, SAMPLE_LINES))
            del fields[0]
            dimensions = min(fields, key=lambda n: (-fields[n], n), default=0) - 1
            file.seek(start)
        else:
            dimensions = header[1]
        if dimensions < 1:
            raise StageError(f"{path} is not a file of vectors: it has no numbers behind the words")

        said = "most lines have" if header is None else "the first line says"
        n = 0
        for number, line in enumerate(file, start=1 if header is None else 2):
            if not line.strip():
                continue
            name, *numbers = line.rsplit(None, min(dimensions, len(line)))
            if len(numbers) == dimensions - 1 and line[:1].isspace():
                name, numbers = b" ", [name, *numbers]  # the word is a space
            ending = name.rsplit(None, 1)[-1] if b" " in name.strip() else b""
            # `windows 10` is a word before fractions; one fraction more is not part of one.
            surplus = NUMBER.fullmatch(ending) and (
                b"." in ending or not any(b"." in value for value in numbers)
            )
            if len(numbers) != dimensions or surplus:
                found = len(line.split()) - 1
                raise StageError(
                    f"{path}: line {number} has {found} numbers, where {said} {dimensions}: "
                    "bring the whole file, or mend the line"
                )
            vector = None
            if name in wanted:
                try:
                    vector = np.array([float(value) for value in numbers], dtype=np.float32)
                except ValueError:
                    raise StageError(
                        f"{path}: line {number} has something else than {dimensions} numbers "
                        f"behind '{name.decode()}': bring a file of vectors, or mend the line"
                    ) from None
            n += 1
            yield name, vector
    if header is not None and n != header[0]:
        raise StageError(
            f"{path} says {header[0]} words in its first line and holds {n}: bring the whole file, "
            "or mend the line"
        )


def _binary_entries(path: Path, wanted: set[bytes]) -> Iterator[Entry]:
    """Yield each word of word2vec's binary format, with or without line ends between them."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = data.find(b"\n") + 1
        header = _header(data[:place])
        if header is None or header[1] < 1:
            raise StageError(
                f"{path} is not a binary file of vectors: it begins neither with the numbers of "
                "words and dimensions, as word2vec's, nor with the mark of fastText's (those from "
                "before 2017 have none)"
            )
        words, dimensions = header
        size = 4 * dimensions
        for n in range(words):
            end = data.find(b" ", place)
            if end == -1 or end + 1 + size > len(data):
                raise StageError(
                    f"{path} says {words} words of {dimensions} dimensions in its first line and "
                    f"ends in number {n + 1}: bring the whole file"
                )
            name = data[place:end].lstrip(b"\n")
            if not _is_utf8(name) and _is_shifted(data[place - size : place]):
                raise StageError(
                    f"{path}: word {n} has a space, which this format cannot hold, or numbers of "
                    "another kind than float32: bring the vectors as text (.vec, .txt)"
                )
            place = end + 1 + size
            yield name, np.frombuffer(data[end + 1 : place], "<f4") if name in wanted else None
        if data[place:].strip(b"\n"):
            raise StageError(
                f"{path} says {words} words in its first line and holds more: bring the whole "
                "file, or mend the line"
            )


def _is_shifted(numbers: bytes) -> bool:
    """Tell whether bytes are not those of a vector, as letters read as numbers are not."""
    sizes = np.abs(np.frombuffer(numbers, "<f4"))
    return not np.all((sizes == 0) | (sizes > 1e-30) & (sizes < 1e10))


def _read_fasttext(
    path: Path, wanted: set[bytes]
) -> tuple[dict[bytes, np.ndarray], dict[str, int]]:
    """Return the wanted words of fastText's own format, each with the n-grams it is made of."""
    try:
        _check_fasttext(path)
    except (struct.error, IndexError):
        raise StageError(f"{path} is cut off: bring the whole file") from None
    loaded = load_facebook_vectors(path)
    names = [name for name in wanted if name.decode() in loaded.key_to_index]
    found = {name: np.asarray(loaded[name.decode()], dtype=np.float32) for name in names}
    return found, {"words_in_file": len(loaded)}


def _check_fasttext(path: Path) -> None:
    """Check what gensim takes for granted: version, kind of model, and that the file is whole.

    The format is that of `FastText::saveModel` and `Dictionary::save` in fastText's source.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _, version, dimensions, *_ = arguments = struct.unpack_from("<14i", data)
        if version not in FASTTEXT_VERSIONS:
            raise StageError(
                f"{path} has version {version} of fastText's format; "
                f"{' and '.join(map(str, FASTTEXT_VERSIONS))} are read: save it by a fastText of "
                "2017 or later"
            )
        words, _, labels, _, pruned = struct.unpack_from("<3i2q", data, 64)
        if arguments[9] == FASTTEXT_SUPERVISED or labels:
            raise StageError(
                f"{path} is a classifier (fastText supervised), not word vectors: bring a model "
                "that fastText trained by skipgram or cbow"
            )
        place = 92
        for _ in range(words):
            end = data.find(b"\0", place)
            if end == -1:
                raise IndexError
            place = end + 10  # behind the word are its count and its type
        place += 8 * max(0, pruned)
        for _ in ("input", "output"):
            if data[place]:
                raise StageError(
                    f"{path} is a quantised model (.ftz), which is not read: bring the model from "
                    "before `fasttext quantize` (.bin)"
                )
            rows, columns = struct.unpack_from("<2q", data, place + 1)
            if rows < 0 or columns != dimensions:
                raise StageError(f"{path} is damaged: bring the whole file")
            place += 17 + 4 * rows * columns
        if place > len(data):
            raise IndexError


def check_file(params: PretrainedParams) -> None:
    """Check that the file of vectors is there."""
    if not params.path.exists():
        raise StageError(f"{params.path} does not exist: put the file of vectors into data/raw")


def load_pretrained(
    text: TrainingText, vocabulary: Vocabulary, params: PretrainedParams, checkpoint: Checkpoint
) -> Model:
    """Return the vectors of the words of the corpus that the file has.

    Raises:
        StageError: the file is not the one that `sha256` names, or knows no word of the corpus.
    """
    check_file(params)
    with params.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != params.sha256:
        raise StageError(
            f"{params.path} has the SHA-256 {sha256}, not {params.sha256}: if this is the file you "
            "mean, write it into params.yaml"
        )
    found, counts = read_vectors(params.path, vocabulary.words)
    if not found:
        raise StageError(
            f"{params.path} has none of the {len(vocabulary.words)} words of the corpus: is it of "
            "another language, or in capital letters?"
        )
    print(
        f"{params.path}: {len(found)} of the corpus's {len(vocabulary.words)} words have a vector; "
        f"of {counts['words_in_file']} in the file"
        + "".join(f", {counts[key]} {what}" for key, what in NOTES.items() if counts.get(key))
    )
    facts = {"file": params.path.name, **counts}
    return Model(list(found), np.array(list(found.values())), {}, facts)
