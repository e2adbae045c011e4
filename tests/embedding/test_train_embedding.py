import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.sparse
import yaml

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.embedding.models.model import read_model
from stages.embedding.train_embedding import TRAINERS

from .conftest import SECTIONS

TRAINED = [kind for kind in TRAINERS if kind != "pretrained"]


def test_every_kind_has_a_section_here():
    assert set(TRAINED) == set(SECTIONS)


@pytest.mark.parametrize("kind", TRAINED)
def test_stage_writes_equal_bytes_and_reads_them_back(train, folder, kind):
    assert train(kind) == train(kind)
    model = read_model(folder / kind / "vectors.parquet", folder / kind / "model.safetensors")
    vocabulary = pq.read_table("vocabulary.parquet")["token"].to_pylist()[3:]
    assert model.words == vocabulary
    assert model.facts["kind"] == kind
    assert model.vectors.shape == (len(vocabulary), model.facts["dimensions"])
    assert not list(folder.rglob("*.partial")) + list(folder.rglob("*.checkpoint"))


@pytest.mark.parametrize("kind", [k for k in TRAINED if "seed" in SECTIONS[k]])
def test_another_seed_gives_other_vectors(train, kind):
    # The SVD of LSA finds the same axes from any seed, up to rounding.
    first, other = train(kind)[0], train(kind, seed=6)[0]
    assert (first != other) or kind == "lsa"


def test_onehot_stays_sparse(train, folder):
    train("onehot")
    model = read_model(folder / "onehot/vectors.parquet", folder / "onehot/model.safetensors")
    assert scipy.sparse.issparse(model.vectors)
    np.testing.assert_array_equal(model.vectors.toarray(), np.eye(len(model.words)))


class Killed(BaseException):
    """An exception that no stage catches."""


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("kind", ["cbow", "skipgram", "fasttext", "glove"])
def test_killed_training_resumes_with_the_same_bytes(train, folder, monkeypatch, kind, epoch):
    uninterrupted = train(kind)
    save, saved = Checkpoint.save_arrays, []

    def save_and_die(self, *args):
        save(self, *args)
        saved.append(args)
        if len(saved) == epoch:
            raise Killed

    monkeypatch.setattr(Checkpoint, "save_arrays", save_and_die)
    for path in (folder / kind).iterdir():
        path.unlink()
    with pytest.raises(Killed):
        train(kind)
    assert [path.name for path in (folder / kind).iterdir()] == ["model.safetensors.checkpoint"]
    saved.clear()
    monkeypatch.setattr(Checkpoint, "save_arrays", lambda *args: saved.append(1) or save(*args))
    assert train(kind) == uninterrupted
    assert len(saved) == 3 - epoch, "epochs that were done are not repeated"


def test_a_checkpoint_of_other_params_is_ignored(train, folder, monkeypatch):
    expected = train("glove", learning_rate=0.02)
    monkeypatch.setattr(Checkpoint, "remove", lambda self: None)
    train("glove")
    assert (folder / "glove/model.safetensors.checkpoint").exists()
    assert train("glove", learning_rate=0.02) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"kind": "glov"},
            r"embedding\.train_embedding\.mine\.kind is 'glov'; there are: onehot, lsa, cbow",
        ),
        ({"dimensons": 5}, r"unknown parameter 'dimensons' \(did you mean 'dimensions'\?\)"),
        ({"epochs": 0}, "'epochs' is 0"),
        ({"context": "right"}, "'context' is 'right'"),
    ],
)
def test_invalid_parameters_are_an_error(train, changes, message):
    with pytest.raises(StageError, match=message):
        train("glove", **changes)


@pytest.mark.parametrize("kind", ["lsa", "glove"])
def test_more_workers_give_the_same_bytes(train, kind):
    assert train(kind, workers=3) == train(kind)


def test_more_threads_than_the_stage_has_are_an_error(train, monkeypatch):
    section = {**SECTIONS["cbow"], "workers": 2}
    monkeypatch.setitem(SECTIONS, "cbow", section)
    with pytest.raises(StageError, match=r"mine\.workers is 2, but conf/execution.yaml gives"):
        train("cbow")


def test_projects_own_sections_are_valid():
    from tiny import ROOT

    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for section in params["embedding"]["train_embedding"].values():
        TRAINERS[section["kind"]][0].model_validate(section)


def test_facts_are_json(train, folder):
    train("glove")
    train("lsa")
    glove = read_model(folder / "glove/vectors.parquet", folder / "glove/model.safetensors")
    assert len(json.loads(json.dumps(glove.facts))["cost"]) == 3
