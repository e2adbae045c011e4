"""Vectors that somebody else has trained: word2vec's, GloVe's and fastText's files."""

import hashlib
import struct
from pathlib import Path
from typing import Literal

import numpy as np
from gensim.models import KeyedVectors
from gensim.models.fasttext import load_facebook_vectors
from pydantic import Field

from stages.core.checkpoint import Checkpoint
from stages.embedding.corpus import Text, Vocabulary
from stages.embedding.model import Model, ModelParams
from stages.core.errors import StageError

FASTTEXT_MAGIC = struct.pack("<i", 793712314)
SUFFIXES = (".vec", ".txt", ".bin")


class PretrainedParams(ModelParams):
    """A section of `embedding.models` for `kind: pretrained`."""

    kind: Literal["pretrained"]
    workers: Literal[1]
    path: Path
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


def read_vectors(path: Path) -> KeyedVectors:
    """Read a file of vectors, whose format its name and first bytes tell.

    `.vec` and `.txt` are text with a header (word2vec, fastText) or without (GloVe); `.bin` is the
    binary format of word2vec or of fastText.

    Raises:
        StageError: it has another format, or does not hold what its header says.
    """
    if path.suffix not in SUFFIXES:
        raise StageError(f"{path}: the name of a file of vectors ends in {', '.join(SUFFIXES)}")
    try:
        with path.open("rb") as file:
            start = file.readline()
        if start.startswith(FASTTEXT_MAGIC):
            return load_facebook_vectors(path)
        first = start.split()
        has_header = len(first) == 2 and all(word.isdigit() for word in first)
        if not first:
            raise ValueError("the file is empty")
        if path.suffix == ".bin" and not has_header:
            raise ValueError("a binary file begins with the numbers of words and dimensions")
        vectors = KeyedVectors.load_word2vec_format(
            path, binary=path.suffix == ".bin", no_header=not has_header
        )
    except (ValueError, EOFError, struct.error, AssertionError, StopIteration) as error:
        raise StageError(
            f"{path} is no file of vectors, or does not hold what its first line says "
            f"({' '.join(str(error).split()) or type(error).__name__}): bring the whole file"
        ) from None
    if has_header and len(vectors.key_to_index) != int(first[0]):
        raise StageError(
            f"{path} says {int(first[0])} words in its first line and holds "
            f"{len(vectors.key_to_index)} "
            "different ones: bring the whole file, or mend the line"
        )
    return vectors


def load_pretrained(
    text: Text, vocabulary: Vocabulary, params: PretrainedParams, checkpoint: Checkpoint
) -> Model:
    """Return the vectors of the words of the corpus that the file has.

    Raises:
        StageError: the file is not the one that `sha256` names, or knows no word of the corpus.
    """
    if not params.path.exists():
        raise StageError(f"{params.path} is not there: put the file of vectors into data/raw")
    with params.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != params.sha256:
        raise StageError(
            f"{params.path} has the SHA-256 {sha256}, not {params.sha256}: if this is the file you "
            "mean, write it into params.yaml"
        )
    loaded = read_vectors(params.path)
    words = [word for word in vocabulary.words if word in loaded.key_to_index]
    if not words:
        raise StageError(
            f"{params.path} has none of the {len(vocabulary.words)} words of the corpus: is it of "
            "another language, or in capital letters?"
        )
    vectors = np.array([loaded[word] for word in words], dtype=np.float32)
    facts = {"file": params.path.name, "words_in_file": len(loaded)}
    return Model(words, vectors, {}, facts)
