"""Labelled images from scikit-learn or from files in the IDX format of MNIST."""

import gzip
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.errors import StageError
from stages.raw import find

SCIKIT_LEARN = "scikit-learn"
# "0, 0, unsigned bytes, number of dimensions": what a file of labels or of images begins with.
MAGIC = {1: 2049, 3: 2051}
IMAGES = "-images-idx3-ubyte"
LABELS = "-labels-idx1-ubyte"


class Images(NamedTuple):
    """Images with their labels.

    Attributes:
        pixels: from 0 to 1, of shape (images, rows, columns).
        labels: of shape (images,).
        is_test: whether the source holds an image out for the test split, of shape (images,);
            None where it does not say.
    """

    pixels: np.ndarray
    labels: np.ndarray
    is_test: np.ndarray | None


def read_images(source: str, raw: Path) -> Images:
    """Read scikit-learn's digits, or all pairs of IDX files in the folder `source` of `raw`.

    A pair is called NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte, each perhaps with .gz.
    Beside others the pair called t10k or test is the test split, as in MNIST.

    Raises:
        StageError: the folder has no pair, or a file is not what its name says.
    """
    if source == SCIKIT_LEARN:
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Images((digits.images / 16).astype(np.float32), digits.target, None)
    folder = find(raw, source)
    if not folder.is_dir():
        raise StageError(
            f"{folder} is not a folder: put the IDX files there, or set {SCIKIT_LEARN}"
        )
    files = sorted([*folder.glob(f"*{IMAGES}"), *folder.glob(f"*{IMAGES}.gz")])
    if not files:
        raise StageError(f"{folder} has no file called NAME{IMAGES} or NAME{IMAGES}.gz")
    parts = [_read_pair(file) for file in files]
    sizes = {file: pixels.shape[1:] for file, (pixels, _) in zip(files, parts, strict=True)}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{file.name} of {h} x {w}" for file, (h, w) in sizes.items())
        raise StageError(f"{folder} has images of unequal size: {told}; leave one size there")
    is_test = np.concatenate(
        [np.full(len(labels), file.name.startswith(("t10k", "test")))
         for file, (_, labels) in zip(files, parts, strict=True)]
    )  # fmt: skip
    return Images(
        (np.concatenate([pixels for pixels, _ in parts]) / 255).astype(np.float32),
        np.concatenate([labels for _, labels in parts]),
        is_test if 0 < is_test.sum() < len(is_test) else None,
    )


def _read_pair(images: Path) -> tuple[np.ndarray, np.ndarray]:
    labels = images.with_name(images.name.replace(IMAGES, LABELS))
    if not labels.exists():
        raise StageError(f"{images} has no labels beside it: {labels.name} is missing")
    pixels, numbers = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(numbers):
        raise StageError(f"{images} has {len(pixels)} images, but {labels.name} has "
                         f"{len(numbers)} labels: they are not of the same set")  # fmt: skip
    return pixels, numbers.astype(np.int64)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read unsigned bytes from an IDX file (LeCun, Cortes and Burges 1998), perhaps gzipped.

    The format: a magic number, the size of each dimension, all as big-endian 32-bit integers,
    then the values, the last dimension first.

    Raises:
        StageError: the file is damaged, of another kind, empty, or longer or shorter than it says.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StageError(f"{path} is damaged or cut short ({error}): fetch it anew") from None
    header = struct.calcsize(f">{1 + dimensions}I")
    if len(content) < header:
        raise StageError(f"{path} has {len(content)} bytes, too few for the head of an IDX file")
    magic, *shape = struct.unpack(f">{1 + dimensions}I", content[:header])
    if magic != MAGIC[dimensions]:
        raise StageError(
            f"{path} begins with the number {magic} instead of {MAGIC[dimensions]}: it is no IDX "
            f"file of {'images' if dimensions == 3 else 'labels'}"
        )
    there, promised = len(content) - header, int(np.prod(shape, dtype=object))
    if there != promised or not promised:
        raise StageError(
            f"{path} says it has {' x '.join(map(str, shape))} values, and has {there}: "
            "fetch it anew"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
