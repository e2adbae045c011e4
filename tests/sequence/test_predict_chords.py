import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.sequence import predict_chords
from stages.sequence.predict_chords import (
    ChordModel,
    chords,
    evaluate,
    interval,
    per_frame,
    read,
    transposition,
)
from stages.sequence.recurrent.batching import pad
from stages.sequence.recurrent.model_files import load_model

SECTION = {
    "embedding_size": 16,
    "hidden_size": 24,
    "layers": 1,
    "dropout": {"before": 0.0, "between": 0.0, "after": 0.1},
    "batch_size": 4,
    "learning_rate": 0.02,
    "learning_rate_decay": "linear",
    "gradient_norm": 1.0,
    "epochs": 20,
    "patience": 20,
    "device": "cpu",
    "seed": 1,
}
OUTPUTS = {"model": "model.safetensors", "curve": "curve.csv", "metrics": "metrics.json"}
C_MAJOR, F_MAJOR, G_MAJOR = [48, 55, 64, 72], [53, 57, 60, 65], [55, 59, 62, 67]


def piece(steps, shift=0, duration=1.0):
    """Return chords of equal duration as rows of the table `notes`."""
    rows = [(i * duration, duration, pitch + shift) for i, step in enumerate(steps)
            for pitch in step]  # fmt: skip
    notes = pd.DataFrame(rows, columns=["onset_beats", "duration_beats", "pitch_midi"])
    return notes.assign(is_drum=False)


def write(folder: Path, pieces: list[tuple[str, pd.DataFrame, int]]) -> None:
    """Write both tables, given the split, the notes and the tonic of each piece."""
    splits, notes, tonics = map(list, zip(*pieces, strict=True))
    names = [f"piece {i}" for i in range(len(pieces))]
    notes = [table.assign(piece_id=name) for name, table in zip(names, notes, strict=True)]
    pd.concat(notes).to_parquet(folder / "notes.parquet")
    columns = {"piece_id": names, "split": splits, "tonic_pitch_class": tonics, "mode": "major"}
    pd.DataFrame(columns).to_parquet(folder / "pieces.parquet")


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Run the stage on cadences in many keys, of which every chord follows from the one before."""
    monkeypatch.chdir(tmp_path)
    splits = ["train"] * 12 + ["validation"] * 3 + ["test"] * 3
    steps = [C_MAJOR, F_MAJOR, G_MAJOR]
    write(
        tmp_path,
        [
            (split, piece([*steps * (4 + i % 3), C_MAJOR], i % 12), i % 12)
            for i, split in enumerate(splits)
        ],
    )

    def run(cell="lstm", **changes):
        section = {"sequence": {"predict_chords": {**SECTION, **changes}}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(section))
        inputs = {"notes": "notes.parquet", "pieces": "pieces.parquet"}
        predict_chords.main(params="sequence.predict_chords", cell=cell, **inputs, **OUTPUTS)
        return {option: (tmp_path / name).read_bytes() for option, name in OUTPUTS.items()}

    return run


@pytest.mark.parametrize("tonic", range(12))
def test_major_is_moved_to_c_and_minor_to_a(tonic):
    for mode, target in (("major", 0), ("minor", 9)):
        shift = transposition(tonic, mode)
        assert -6 <= shift <= 5
        assert (tonic + shift) % 12 == target


def test_pieces_are_transposed_by_the_key_that_the_table_says(tmp_path):
    chord = [60, 64, 67]
    write(tmp_path, [(split, piece([chord] * 2), 2) for split in ("train", "validation", "test")])
    tables = (tmp_path / "notes.parquet", tmp_path / "pieces.parquet")
    in_d_major = read(*tables)[0]["test"][0][0].nonzero().flatten() + 21
    assert in_d_major.tolist() == [pitch - 2 for pitch in chord]
    pieces = pd.read_parquet(tables[1])
    pieces.assign(mode="minor").to_parquet(tables[1])
    in_d_minor = read(*tables)[0]["test"][0][0].nonzero().flatten() + 21
    assert in_d_minor.tolist() == [pitch - 5 for pitch in chord]


def test_chords_are_what_sounds_at_each_quarter_note():
    notes = pd.DataFrame(
        {"onset_beats": [0.0, 0.5, 1.0, 3.5], "duration_beats": [0.5, 0.5, 2.5, 1.0],
         "pitch_midi": [60, 62, 64, 65]}
    )  # fmt: skip
    sounding = [[39], [43], [43], [43], [44]]
    assert [row.nonzero().flatten().tolist() for row in chords(notes)] == sounding


def test_nats_are_those_of_independent_pitches_whatever_the_padding():
    torch.manual_seed(0)
    model = ChordModel("gru", 8, 6, 1, (0.0, 0.0, 0.0)).eval()
    pieces = [(torch.rand(n, 88) < 0.1).float() for n in (9, 4, 6)]
    expected = []
    for own in pieces:
        logits = model(own[:-1].unsqueeze(1)).squeeze(1)
        expected.append(
            -torch.distributions.Bernoulli(logits=logits).log_prob(own[1:]).sum().item()
        )
    together = evaluate(model, pieces, 3)
    assert together[:, 0] == pytest.approx(expected, rel=1e-5)
    assert together[:, 1].tolist() == [8, 3, 5]
    loss, frames, _ = predict_chords.loss(model, pad(pieces), None)
    assert frames == 16
    assert loss.item() == pytest.approx(sum(expected) / 16, rel=1e-5)


def test_interval_widens_with_how_unlike_pieces_are():
    like, unlike = np.tile([80.0, 10], (20, 1)), np.tile([[20.0, 10], [140.0, 10]], (10, 1))
    assert interval(like, 1) == (8, 8)
    low, high = interval(unlike, 1)
    # 20 draws of 2 or 14 nats: a standard error of 6 / sqrt(20).
    assert [low, high] == pytest.approx([8 - 2.63, 8 + 2.63], abs=0.5)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_cadences_are_learned_in_equal_bytes(stage, cell):
    first = stage(cell)
    metrics = json.loads(first["metrics"])
    assert metrics["nats_per_frame"]["test"] < 1
    assert metrics["pitch_frequency_nats_per_frame"]["test"] > 3
    assert metrics["pieces"] == {"train": 12, "validation": 3, "test": 3}
    assert len(pd.read_csv("curve.csv")) == metrics["epochs"]
    assert stage(cell) == first


def test_saved_model_gives_the_reported_score(stage):
    metrics = json.loads(stage("lstm_peephole", epochs=2)["metrics"])
    model = load_model(Path("model.safetensors"), ChordModel)
    pieces = read(Path("notes.parquet"), Path("pieces.parquet"))[0]["test"]
    assert per_frame(evaluate(model, pieces, 4)) == metrics["nats_per_frame"]["test"]


def test_a_killed_run_goes_on_to_the_same_bytes(stage, tmp_path, monkeypatch):
    whole = stage(epochs=4)
    for name in OUTPUTS.values():
        (tmp_path / name).unlink()
    save = Checkpoint.save

    def killed_at_the_third(self, parts, progress):
        if len(progress["history"]) == 3:
            raise KeyboardInterrupt
        save(self, parts, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", killed_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            stage(epochs=4)
    assert [path.name for path in tmp_path.glob("model*")] == ["model.safetensors.checkpoint"]
    assert stage(epochs=4) == whole
    assert not (tmp_path / "model.safetensors.checkpoint").exists()


def test_drums_and_pitches_without_a_key_are_left_out_and_counted(tmp_path):
    drum = piece([[60]]).assign(is_drum=True)
    extreme = pd.concat([drum, piece([[12, 60, 106], [24, 106]])])
    chord, nothing = piece([C_MAJOR]), piece([[0], [1]])
    pieces = [("test", extreme, 9), ("test", chord, 0), ("test", nothing, 0)]
    pieces += [(split, piece([C_MAJOR, G_MAJOR]), 0) for split in ("train", "validation")]
    write(tmp_path, pieces)
    splits, left_out = read(tmp_path / "notes.parquet", tmp_path / "pieces.parquet")
    # Moved by 3 semitones, 12 and 106 are below and above the keys of a piano.
    (roll,) = splits["test"]
    assert [row.nonzero().flatten().tolist() for row in roll] == [[63 - 21], [27 - 21]]
    assert left_out == {"drums": 1, "outside_piano": 5, "single_chord": 2}


def test_a_split_without_a_piece_is_an_error(tmp_path):
    write(tmp_path, [(split, piece([C_MAJOR, G_MAJOR]), 0) for split in ("train", "validation")])
    with pytest.raises(StageError, match="no piece of two chords or more in the test split"):
        read(tmp_path / "notes.parquet", tmp_path / "pieces.parquet")


def test_long_pieces_are_cut_for_training_without_loss(monkeypatch):
    monkeypatch.setattr(predict_chords, "LONGEST", 4)
    long, short = torch.rand(10, 88), torch.rand(3, 88)
    cut = predict_chords.passages([long, short])
    assert [len(part) for part in cut] == [4, 4, 2, 3]
    assert torch.equal(torch.cat(cut[:3]), long)


def test_pieces_longer_than_memory_are_an_error(stage, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    with pytest.raises(StageError, match="4 sequences of 19 steps need about"):
        stage()
