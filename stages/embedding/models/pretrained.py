"""Pretrained vectors, read from files of word2vec, GloVe and fastText.

Words are compared as bytes, so a word that is not UTF-8 does not affect the others. Only the words
of the corpus are kept, so memory does not grow with the file.
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
# Files that people often give instead, by their first bytes.
OTHER_FILES = {
    b"\x1f\x8b": "is compressed by gzip: unpack it (gunzip)",
    b"BZh": "is compressed by bzip2: unpack it (bunzip2)",
    b"\xfd7zXZ": "is compressed by xz: unpack it (unxz)",
    b"PK\x03\x04": "is a zip archive: unpack it",
    b"\xff\xfe": "is in UTF-16: save it as UTF-8",
    b"\xfe\xff": "is in UTF-16: save it as UTF-8",
    b"\x80": "is a Python pickle, which can run code: bring the vectors in word2vec's format",
    b"version https://git-lfs": "is a Git LFS pointer: fetch the file itself (git lfs pull)",
    b"<!doctype": "is a web page: fetch the file itself",
    b"<html": "is a web page: fetch the file itself",
}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Number of lines from which to infer the dimensions if the file has no header.
SAMPLE_LINES = 1000
NUMBER = re.compile(rb"[-+]?\d*\.?\d+(e[-+]?\d+)?", re.IGNORECASE)
# Counts besides the number of words, and how to report those that are not 0.
NOTES = {
    "words_with_spaces": "contain spaces",
    "words_not_utf8": "are not UTF-8 and equal no word of the corpus",
    "repeated_words": "repeat a word of the corpus (the first one is used)",
}


class PretrainedParams(ModelParams):
    """A section of `embedding.train_embedding` for `kind: pretrained`."""

    kind: Literal["pretrained"]
    path: Path
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


def word_in_file(word: str) -> str:
    """Return `word` with `_` for each space, because a space ends a word in files of vectors."""
    return re.sub(r"\s", "_", word)


def read_vectors(path: Path, words: list[str]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Read the vectors of `words` from a file; its name and first bytes determine the format.

    `.vec` and `.txt` are text with a header (word2vec, fastText) or without one (GloVe). `.bin` is
    the binary format of word2vec or fastText. A word with a space is also looked up as
    `word_in_file`.

    Returns:
        The vector of each word that the file contains; the number of words in the file and of the
        irregular ones.

    Raises:
        StageError: the file has another format or is incomplete, or a vector is not numeric.
    """
    with path.open("rb") as file:
        start = file.read(64)
    for first_bytes, problem in OTHER_FILES.items():
        if start.lower().startswith(first_bytes.lower()):
            raise StageError(f"{path} {problem}")
    if not start.strip():
        raise StageError(f"{path} is empty: bring the whole file")

    forms = {word: (word.encode(), word_in_file(word).encode()) for word in words}
    targets = set(chain.from_iterable(forms.values()))
    if start.startswith(FASTTEXT_MAGIC):
        found, counts = _read_fasttext(path, targets)
    elif path.suffix not in SUFFIXES:
        raise StageError(f"{path}: the name of a file of vectors must end in {', '.join(SUFFIXES)}")
    elif path.suffix == ".bin":
        found, counts = _collect(_binary_entries(path, targets))
    else:
        found, counts = _collect(_text_entries(path, targets))

    vectors = {}
    for word, (exact, spelled) in forms.items():
        name = exact if exact in found else spelled
        if name not in found:
            continue
        if not np.isfinite(found[name]).all():
            raise StageError(
                f"{path}: the vector of '{word}' has a value that is not finite: remove or fix it"
            )
        vectors[word] = found[name]
    return vectors, counts


# A word as the file spells it, and its vector if the word is one of the targets.
Entry = tuple[bytes, np.ndarray | None]


def _collect(entries: Iterator[Entry]) -> tuple[dict[bytes, np.ndarray], dict[str, int]]:
    """Return the first vector of each target word, and counts of all entries."""
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
    """Return the numbers of words and dimensions in a header; None if the line is not a header."""
    fields = line.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    return int(fields[0]), int(fields[1])


def _text_entries(path: Path, targets: set[bytes]) -> Iterator[Entry]:
    """Yield the entry of each line: its last fields are the vector, the rest is the word.

    A word may contain spaces. Lines end in LF or CRLF; a byte order mark is skipped. Bytes are not
    decoded, because GloVe's vocabulary contains no-break spaces and other characters at which
    Python would split words or lines.
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
            raise StageError(f"{path} is not a file of vectors: it has no numbers after the words")

        expected = "most lines have" if header is None else "the first line says"
        n = 0
        for line_number, line in enumerate(file, start=1 if header is None else 2):
            if not line.strip():
                continue
            name, *numbers = line.rsplit(None, min(dimensions, len(line)))
            if len(numbers) == dimensions - 1 and line[:1].isspace():
                name, numbers = b" ", [name, *numbers]  # the word is a space
            ending = name.rsplit(None, 1)[-1] if b" " in name.strip() else b""
            # Before fractions, `windows 10` is a word; a fraction before them is a surplus value.
            surplus = NUMBER.fullmatch(ending) and (
                b"." in ending or not any(b"." in value for value in numbers)
            )
            if len(numbers) != dimensions or surplus:
                found = len(line.split()) - 1
                raise StageError(
                    f"{path}: line {line_number} has {found} numbers, but {expected} {dimensions}: "
                    "bring the whole file, or fix the line"
                )
            vector = None
            if name in targets:
                try:
                    vector = np.array([float(value) for value in numbers], dtype=np.float32)
                except ValueError:
                    raise StageError(
                        f"{path}: line {line_number} does not have {dimensions} numbers after "
                        f"'{name.decode()}': bring a file of vectors, or fix the line"
                    ) from None
            n += 1
            yield name, vector
    if header is not None and n != header[0]:
        raise StageError(
            f"{path} says {header[0]} words in its first line but contains {n}: bring the whole "
            "file, or fix the line"
        )


def _binary_entries(path: Path, targets: set[bytes]) -> Iterator[Entry]:
    """Yield each entry of word2vec's binary format, with or without line ends between entries."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        offset = data.find(b"\n") + 1
        header = _header(data[:offset])
        if header is None or header[1] < 1:
            raise StageError(
                f"{path} is not a binary file of vectors: it starts neither with the numbers of "
                "words and dimensions, like word2vec's, nor with fastText's signature (which files "
                "from before 2017 lack)"
            )
        words, dimensions = header
        size = 4 * dimensions
        for n in range(words):
            end = data.find(b" ", offset)
            if end == -1 or end + 1 + size > len(data):
                raise StageError(
                    f"{path} says {words} words of {dimensions} dimensions in its first line but "
                    f"ends in word {n + 1}: bring the whole file"
                )
            name = data[offset:end].lstrip(b"\n")
            if not _is_utf8(name) and _is_misaligned(data[offset - size : offset]):
                raise StageError(
                    f"{path}: word {n} contains a space, which this format does not allow, or its "
                    "numbers are not float32: bring the vectors as text (.vec, .txt)"
                )
            offset = end + 1 + size
            yield name, np.frombuffer(data[end + 1 : offset], "<f4") if name in targets else None
        if data[offset:].strip(b"\n"):
            raise StageError(
                f"{path} says {words} words in its first line but contains more: bring the whole "
                "file, or fix the line"
            )


def _is_misaligned(data: bytes) -> bool:
    """Return whether bytes are not a vector: letters read as float32 are too large or small."""
    magnitudes = np.abs(np.frombuffer(data, "<f4"))
    return not np.all((magnitudes == 0) | (magnitudes > 1e-30) & (magnitudes < 1e10))


def _read_fasttext(
    path: Path, targets: set[bytes]
) -> tuple[dict[bytes, np.ndarray], dict[str, int]]:
    """Return the vectors of the target words in a fastText model, with their n-grams added."""
    try:
        _check_fasttext(path)
    except (struct.error, IndexError):
        raise StageError(f"{path} is cut off: bring the whole file") from None
    loaded = load_facebook_vectors(path)
    names = [name for name in targets if name.decode() in loaded.key_to_index]
    found = {name: np.asarray(loaded[name.decode()], dtype=np.float32) for name in names}
    return found, {"words_in_file": len(loaded)}


def _check_fasttext(path: Path) -> None:
    """Check what gensim does not: the version, the kind of model, and that the file is complete.

    `FastText::saveModel` and `Dictionary::save` in fastText's source define the format.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _, version, dimensions, *_ = arguments = struct.unpack_from("<14i", data)
        if version not in FASTTEXT_VERSIONS:
            raise StageError(
                f"{path} has version {version} of fastText's format; "
                f"{' and '.join(map(str, FASTTEXT_VERSIONS))} are supported: save it with a "
                "fastText of 2017 or later"
            )
        words, _, labels, _, pruned = struct.unpack_from("<3i2q", data, 64)
        if arguments[9] == FASTTEXT_SUPERVISED or labels:
            raise StageError(
                f"{path} is a classifier (fastText supervised), not word vectors: bring a model "
                "that fastText trained with skipgram or cbow"
            )
        offset = 92
        for _ in range(words):
            end = data.find(b"\0", offset)
            if end == -1:
                raise IndexError
            offset = end + 10  # the count and the type follow the word
        offset += 8 * max(0, pruned)
        for _ in ("input", "output"):
            if data[offset]:
                raise StageError(
                    f"{path} is a quantized model (.ftz), which is not supported: bring the model "
                    "from before `fasttext quantize` (.bin)"
                )
            rows, columns = struct.unpack_from("<2q", data, offset + 1)
            if rows < 0 or columns != dimensions:
                raise StageError(f"{path} is damaged: bring the whole file")
            offset += 17 + 4 * rows * columns
        if offset > len(data):
            raise IndexError


def check_file(params: PretrainedParams) -> None:
    """Check that the file of vectors exists.

    Raises:
        StageError: the file does not exist.
    """
    if not params.path.exists():
        raise StageError(f"{params.path} does not exist: put the file of vectors into data/raw")


def load_pretrained(
    text: TrainingText,
    vocabulary: Vocabulary,
    params: PretrainedParams,
    workers: int,
    checkpoint: Checkpoint,
) -> Model:
    """Return the words of the corpus that the file contains, with their vectors.

    Raises:
        StageError: the file does not match `sha256`, or contains no word of the corpus.
    """
    check_file(params)
    with params.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != params.sha256:
        raise StageError(
            f"{params.path} has the SHA-256 {sha256}, not {params.sha256}: if this is the right "
            "file, put its hash into params.yaml"
        )
    found, counts = read_vectors(params.path, vocabulary.words)
    if not found:
        raise StageError(
            f"{params.path} has none of the {len(vocabulary.words)} words of the corpus: is it in "
            "another language, or in upper case?"
        )
    print(
        f"{params.path}: {len(found)} of the corpus's {len(vocabulary.words)} words have a vector; "
        f"of {counts['words_in_file']} in the file"
        + "".join(f", {counts[key]} {note}" for key, note in NOTES.items() if counts.get(key))
    )
    facts = {"file": params.path.name, **counts}
    return Model(list(found), np.array(list(found.values())), {}, facts)
