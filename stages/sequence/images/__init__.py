"""Labelled images from scikit-learn or from files in the IDX format of MNIST."""

import gzip
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.core.errors import StageError
from stages.core.raw import find

SCIKIT_LEARN = "scikit-learn"
# First number of a file of labels and of images, by dimensions: the bytes 0, 0, 8 for unsigned
# bytes, and the number of dimensions.
MAGIC = {1: 2049, 3: 2051}
IMAGES = "-images-idx3-ubyte"
LABELS = "-labels-idx1-ubyte"


class Images(NamedTuple):
    """Images with their labels.

    Attributes:
        pixels: brightness from 0 to 1, (images, rows, columns)
        labels: labels, (images,)
        is_test: whether the source assigns an image to the test split, (images,); None where it
            assigns none
    """

    pixels: np.ndarray
    labels: np.ndarray
    is_test: np.ndarray | None


def read_images(source: str, raw: Path) -> Images:
    """Read scikit-learn's digits, or all pairs of IDX files in the folder `source` of `raw`.

    A pair is called NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte, each perhaps with .gz.
    If there are other pairs, one whose name begins with t10k or test is the test split, as in
    MNIST.

    Raises:
        StageError: the folder has no pair, or a file is not what its name says
    """
    if source == SCIKIT_LEARN:
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Images((digits.images / 16).astype(np.float32), digits.target, None)
    folder = find(raw, source)
    if not folder.is_dir():
        raise StageError(
            f"{folder} is not a folder: put the IDX files there, or set source to {SCIKIT_LEARN}"
        )
    files = sorted([*folder.glob(f"*{IMAGES}"), *folder.glob(f"*{IMAGES}.gz")])
    if not files:
        raise StageError(f"{folder} has no file called NAME{IMAGES} or NAME{IMAGES}.gz")
    parts = [_read_pair(file) for file in files]
    sizes = {file: pixels.shape[1:] for file, (pixels, _) in zip(files, parts, strict=True)}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{file.name} of {h} x {w}" for file, (h, w) in sizes.items())
        raise StageError(f"{folder} has images of unequal size: {found}; keep one size there")
    is_test = np.concatenate(
        [np.full(len(labels), file.name.startswith(("t10k", "test")))
         for file, (_, labels) in zip(files, parts, strict=True)]
    )  # fmt: skip
    return Images(
        (np.concatenate([pixels for pixels, _ in parts]) / 255).astype(np.float32),
        np.concatenate([labels for _, labels in parts]),
        is_test if 0 < is_test.sum() < len(is_test) else None,
    )


def image_files(source: str, raw: Path) -> list[Path]:
    """Return the files that the images of a source are read from."""
    return [] if source == SCIKIT_LEARN else sorted((raw / source).glob("*-ubyte*"))


def _read_pair(images: Path) -> tuple[np.ndarray, np.ndarray]:
    labels = images.with_name(images.name.replace(IMAGES, LABELS))
    if not labels.exists():
        raise StageError(f"{images} has no labels: put {labels.name} next to it")
    pixels, numbers = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(numbers):
        raise StageError(f"{images} has {len(pixels)} images, but {labels.name} has "
                         f"{len(numbers)} labels: bring files of the same set")  # fmt: skip
    return pixels, numbers.astype(np.int64)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read unsigned bytes from an IDX file (LeCun, Cortes and Burges 1998), gzipped or not.

    The file contains a magic number and the size of each dimension, as big-endian 32-bit integers,
    and then the values, the last dimension varying fastest.

    Raises:
        StageError: the file is damaged, of another kind, empty, or longer or shorter than its
            header says
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StageError(f"{path} is damaged or cut short ({error}): download it again") from None
    header = struct.calcsize(f">{1 + dimensions}I")
    if len(content) < header:
        raise StageError(
            f"{path} has {len(content)} bytes, too few for the header of an IDX file: "
            "download it again"
        )
    magic, *shape = struct.unpack(f">{1 + dimensions}I", content[:header])
    if magic != MAGIC[dimensions]:
        raise StageError(
            f"{path} begins with the number {magic} instead of {MAGIC[dimensions]}: replace it by "
            f"an IDX file of {'images' if dimensions == 3 else 'labels'}"
        )
    found, declared = len(content) - header, int(np.prod(shape, dtype=object))
    if found != declared or not declared:
        raise StageError(
            f"{path} declares {' x '.join(map(str, shape))} values, but has {found}: "
            "download it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
