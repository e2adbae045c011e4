import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from tiny import SHARED_DATA

from stages.core.errors import StageError
from stages.sequence import read_digits
from stages.sequence.images import SCIKIT_LEARN, read_idx, read_images
from stages.sequence.read_digits import DigitModel, ReadDigitsParams, log_odds, split
from stages.sequence.recurrent.model_files import load_model

SECTION = {
    "source": "stripes",
    "validation_share": 0.1,
    "test_share": 0.2,
    "hidden_size": 16,
    "layers": 1,
    "dropout": {"before": 0.0, "between": 0.0, "after": 0.0},
    "batch_size": 10,
    "learning_rate": 0.01,
    "learning_rate_decay": "linear",
    "gradient_norm": 1.0,
    "epochs": 8,
    "patience": 8,
    "device": "cpu",
    "seed": 1,
}
OUTPUTS = {
    "model": "model.safetensors",
    "confusion": "confusion.parquet",
    "curve": "curve.csv",
    "metrics": "metrics.json",
    "validation": "validation.json",
}


def idx(values, magic=None):
    values = np.asarray(values, np.uint8)
    magic = magic or {1: 2049, 3: 2051}[values.ndim]
    return struct.pack(f">{1 + values.ndim}I", magic, *values.shape) + values.tobytes()


def write(folder, name, pixels, labels, suffix=""):
    """Write a pair of IDX files."""
    pack = gzip.compress if suffix else bytes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(pixels)))
    (folder / f"{name}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(labels)))


def stripes(n, size=6):
    """Return images with one bright row, whose label says which."""
    labels = np.arange(n) % 3 + 4
    pixels = np.random.default_rng(0).integers(0, 60, (n, size, size))
    pixels[np.arange(n), labels - 3] = 255
    return pixels, labels


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Run the stage on images with one bright row, which says the label."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "raw/stripes", "train", *stripes(150))

    def run(cell="gru", **changes):
        section = {"sequence": {"read_digits": {**SECTION, **changes}}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(section))
        read_digits.main(params="sequence.read_digits", cell=cell, raw="raw", **OUTPUTS)
        return {option: (tmp_path / name).read_bytes() for option, name in OUTPUTS.items()}

    return run


def test_stripes_are_read_in_equal_bytes(stage):
    first = stage()
    metrics = json.loads(first["metrics"])
    assert metrics["accuracy"] > 0.9
    assert metrics["images"] == {"train": 105, "validation": 15, "test": 30}
    assert (metrics["rows"], metrics["columns"]) == (6, 6)
    confusion = pq.read_table("confusion.parquet").to_pandas()
    assert confusion["count"].sum() == 30
    assert set(confusion["truth"]) == {"4", "5", "6"}
    assert stage() == first


def test_saved_model_gives_the_same_predictions(stage):
    stage("lstm_peephole", epochs=2)
    model = load_model(Path("model.safetensors"), DigitModel)
    splits, labels = split(read_images("stripes", Path("raw")), ReadDigitsParams(**SECTION))
    test = splits["test"]
    pairs = pd.DataFrame(
        {
            "truth": [str(labels[c]) for c in test.classes],
            "prediction": [str(labels[c]) for c in log_odds(model, test.rows).argmax(1)],
        }
    )
    expected = pairs.groupby(["truth", "prediction"]).size().rename("count").reset_index()
    pd.testing.assert_frame_equal(
        pq.read_table("confusion.parquet").to_pandas(), expected, check_dtype=False
    )


def test_a_model_reads_from_top_to_bottom():
    torch.manual_seed(0)
    model = DigitModel("rnn", 3, [0, 1], 4, 1, (0.0, 0.0, 0.0)).eval()
    image = torch.rand(1, 5, 3)
    state = torch.zeros(4)
    cell = model.recurrent.layers[0]
    for row in image[0]:
        state = torch.tanh(
            cell.weight_ih_l0 @ row + cell.bias_ih_l0 + cell.weight_hh_l0 @ state + cell.bias_hh_l0
        )
    torch.testing.assert_close(log_odds(model, image)[0], model.output(state).detach())


def test_a_given_test_set_stays_and_a_label_may_occur_once(stage, tmp_path):
    pixels, labels = stripes(20)
    labels[7] = 9
    write(tmp_path / "raw/both", "t10k", pixels, labels, ".gz")
    write(tmp_path / "raw/both", "train", *stripes(100), ".gz")
    stage(source="both", epochs=1)
    metrics = json.loads(Path("metrics.json").read_text())
    assert metrics["images"] == {"train": 88, "validation": 12, "test": 20}


@pytest.mark.parametrize(
    ("image_bytes", "label_bytes", "message"),
    [
        (idx(np.zeros((2, 3, 3)), 2052), idx([1, 2]), "images-idx3-ubyte begins with the number "
         "2052 instead of 2051"),
        (idx(np.zeros((2, 3, 3))), idx(np.zeros((1, 1, 1))), "labels-idx1-ubyte begins with"),
        (idx(np.zeros((2, 3, 3)))[:-1], idx([1, 2]), "declares 2 x 3 x 3 values, but has 17"),
        (idx(np.zeros((2, 3, 3))), idx([1, 2]) + b"x", "declares 2 values, but has 3"),
        (idx(np.zeros((2, 3, 3))), idx([1]), "has 2 images, but d-labels-idx1-ubyte has 1 labels"),
        (idx(np.zeros((0, 3, 3))), idx([]), "declares 0 x 3 x 3 values"),
        (b"\0\0", idx([1, 2]), "has 2 bytes, too few"),
        (idx(np.ones((5, 3, 3))), idx([1] * 5), "only images of one label"),
        (idx(np.ones((3, 3, 3))), idx([1, 2, 3]), "too few images to split"),
    ],
)  # fmt: skip
def test_bad_files_are_named(stage, tmp_path, image_bytes, label_bytes, message):
    folder = tmp_path / "raw/bad"
    folder.mkdir()
    (folder / "d-images-idx3-ubyte").write_bytes(image_bytes)
    (folder / "d-labels-idx1-ubyte").write_bytes(label_bytes)
    with pytest.raises(StageError, match=message):
        stage(source="bad")
    assert not any((tmp_path / name).exists() for name in OUTPUTS.values())


def test_what_is_missing_or_damaged_is_named(stage, tmp_path):
    with pytest.raises(StageError, match="there is no raw/mnist: put it there"):
        stage(source="mnist")
    folder = tmp_path / "raw/mnist"
    folder.touch()
    with pytest.raises(StageError, match="raw/mnist is not a folder"):
        stage(source="mnist")
    folder.unlink()
    folder.mkdir()
    with pytest.raises(StageError, match="has no file called NAME-images-idx3-ubyte"):
        stage(source="mnist")
    packed = folder / "train-images-idx3-ubyte.gz"
    packed.write_bytes(gzip.compress(idx(stripes(9)[0])))
    with pytest.raises(
        StageError, match=r"has no labels: put train-labels-idx1-ubyte\.gz next to it"
    ):
        stage(source="mnist")
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(StageError, match="is damaged or cut short"):
        read_idx(packed, 3)
    write(folder, "train", *stripes(9), ".gz")
    write(folder, "t10k", *stripes(9, 7), ".gz")
    with pytest.raises(StageError, match=r"unequal size: t10k-\S+ of 7 x 7, train-\S+ of 6 x 6"):
        stage(source="mnist")


def test_a_missing_gpu_is_an_error(stage):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(StageError, match="device is cuda, but torch sees no GPU"):
        stage(device="cuda")


def test_scikit_learns_digits_are_scaled():
    digits = read_images(SCIKIT_LEARN, Path("nowhere"))
    assert digits.pixels.shape == (1797, 8, 8)
    assert (digits.pixels.min(), digits.pixels.max()) == (0, 1)


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the images are not part of the project")
def test_mnist_is_read():
    images = read_images("mnist_t10k", SHARED_DATA)
    assert images.pixels.shape == (10000, 28, 28)
    assert images.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert images.is_test is None
