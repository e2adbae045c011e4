from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from stages.music.notes.chorales import chorale_files

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.music import collect_notes, compose, score_composer, train_composer
from stages.music.composer.networks import (
    Discriminator,
    Generator,
    Shape,
    decode,
    draw_noise,
    encode,
)
from stages.music.contracts import PARTS
from stages.music.notes.pianoroll import REST, Roll

SHAPE = Shape(
    bars=2, beats_per_bar=4, steps_per_beat=2, lowest=(60, 55, 50, 40), highest=(72, 67, 62, 55),
    latent_size=4, channels=8,
)  # fmt: skip
WIDE = SHAPE._replace(lowest=(40,) * 4, highest=(72,) * 4)
TRAINING = {
    "bars": 2,
    "beats_per_bar": 4,
    "steps_per_beat": 2,
    "latent_size": 4,
    "channels": 8,
    "batch_size": 4,
    "critic_steps": 2,
    "gradient_penalty": 10.0,
    "learning_rate": 0.001,
    "rounds": 9,
    "rounds_per_checkpoint": 3,
    "seed": 1,
}
COMPOSING = {"samples": 12, "passages": 2, "temperature": 0.5, "tempo_bpm": 120, "seed": 1}


def random_roll(n=5):
    draw = np.random.default_rng(0)
    low, high = np.array(SHAPE.lowest)[:, None], np.array(SHAPE.highest)[:, None]
    pitches = draw.integers(low, high, (n, 4, SHAPE.steps), endpoint=True)
    pitches[draw.random(pitches.shape) < 0.2] = REST
    return Roll(pitches, (draw.random(pitches.shape) < 0.5) & (pitches != REST))


def test_passages_are_encoded_without_loss():
    roll = random_roll()
    encoded = encode(roll, SHAPE)
    assert encoded.shape == (5, SHAPE.rows, SHAPE.steps)
    again = decode(encoded, SHAPE)
    np.testing.assert_array_equal(again.pitches, roll.pitches)
    np.testing.assert_array_equal(again.onsets, roll.onsets)


def test_generator_makes_one_choice_per_part_and_passes_a_gradient():
    torch.manual_seed(0)
    generator = Generator(SHAPE)
    passages = generator(*draw_noise(3, SHAPE, None))
    assert passages.shape == (3, SHAPE.rows, SHAPE.steps)
    start = 0
    for n in SHAPE.classes:
        torch.testing.assert_close(passages[:, start : start + n].sum(1), torch.ones(3, 16))
        start += n
    (passages * torch.randn_like(passages)).sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in generator.parameters())


def test_gumbel_noise_draws_by_the_probabilities():
    logits = torch.tensor([0.0, 1.0, 2.0])
    _, gumbel = draw_noise(4000, SHAPE._replace(latent_size=1), torch.Generator().manual_seed(0))
    drawn = (logits[:, None] + gumbel[:, :3]).argmax(1).flatten()
    shares = torch.bincount(drawn, minlength=3) / len(drawn)
    torch.testing.assert_close(shares, logits.softmax(0), atol=0.01, rtol=0)


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder with the notes of 12 real chorales, and a way to train on them."""
    monkeypatch.chdir(tmp_path)

    def train(**changes):
        section = {"music": {"train_composer": {**TRAINING, **changes}}}
        Path("params.yaml").write_text(yaml.safe_dump(section))
        train_composer.main(
            params="music.train_composer",
            notes="notes.parquet",
            pieces="pieces.parquet",
            composer="composer.safetensors",
            curve="curve.csv",
        )
        return Path("composer.safetensors").read_bytes() + Path("curve.csv").read_bytes()

    with monkeypatch.context() as patch:
        patch.setattr(collect_notes, "chorale_files", lambda: chorale_files()[40:52])
        collect_notes.main(
            params=collect_notes.CollectNotesParams(validation_share=0.2, test_share=0.3, seed=1),
            notes="notes.parquet",
            pieces="pieces.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )
    return train


def test_training_has_equal_bytes_and_a_curve(room):
    first = room()
    curve = pd.read_csv("curve.csv")
    assert curve["round"].tolist() == [3, 6, 9]
    assert np.isfinite(curve.to_numpy()).all()
    assert room() == first
    assert room(seed=2) != first


def test_killed_and_started_again_ends_with_the_same_bytes(room, monkeypatch):
    expected = room()
    Path("composer.safetensors").unlink()
    save = Checkpoint.save

    def save_and_die(self, parts, progress):
        save(self, parts, progress)
        if progress[-1]["round"] == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoint, "save", save_and_die)
        room()
    assert not Path("composer.safetensors").exists()
    rounds = []
    train_round = train_composer.train_round
    monkeypatch.setattr(
        train_composer, "train_round", lambda *a: (rounds.append(1), train_round(*a))[1]
    )
    assert room() == expected
    assert len(rounds) == 3
    assert not Path("composer.safetensors.checkpoint").exists()


def test_discriminator_learns_to_tell_music_from_a_generator_that_stands_still():
    torch.manual_seed(0)
    music = encode(Roll(np.full((8, 4, 16), 60), np.ones((8, 4, 16), dtype=bool)), WIDE)
    generator, discriminator = Generator(WIDE), Discriminator(WIDE)
    optimizers = {
        "generator": torch.optim.SGD(generator.parameters(), lr=0.0),
        "discriminator": torch.optim.Adam(discriminator.parameters(), lr=0.002),
    }
    params = train_composer.TrainComposerParams(**TRAINING)
    rounds = [
        train_composer.train_round(generator, discriminator, optimizers, music, params)
        for _ in range(60)
    ]
    assert rounds[-1]["wasserstein_distance"] > rounds[0]["wasserstein_distance"] + 1


def test_metre_without_pieces_and_odd_grids_are_explained(room):
    with pytest.raises(
        StageError, match=r"no passage of 2 bars of 8 beats .* lower music\.train_composer\.bars"
    ):
        room(beats_per_bar=8)
    with pytest.raises(StageError, match=r"music\.train_composer: .* is 6, which is not a power"):
        room(beats_per_bar=3)


def test_loss_that_is_not_a_number_stops_the_stage(room, monkeypatch):
    monkeypatch.setattr(train_composer, "train_round", lambda *a: {"generator_loss": float("nan")})
    with pytest.raises(StageError, match=r"in round 1: lower music\.train_composer\.learning_rate"):
        room()
    assert not Path("composer.safetensors").exists()


def test_composition_is_scored(room):
    room()
    files = {
        "samples": "samples.parquet",
        "composition": "composition.parquet",
        "mid": "c.mid",
        "wav": "c.wav",
        "validation": "validation.json",
    }
    params = compose.ComposeParams(**COMPOSING)
    compose.main(params=params, composer="composer.safetensors", **files)
    first = [Path(name).read_bytes() for name in files.values()]
    compose.main(params=params, composer="composer.safetensors", **files)
    assert [Path(name).read_bytes() for name in files.values()] == first
    samples = pq.read_table("samples.parquet").to_pandas()
    assert set(samples["passage"]) == set(range(12))
    piece = pq.read_table("composition.parquet").to_pandas()
    assert len(piece) == (samples["passage"] < 2).sum()
    assert (piece["onset_beats"] + piece["duration_beats"]).max() <= 16

    score_composer.main(
        params=score_composer.ScoreComposerParams(seed=1),
        notes="notes.parquet",
        pieces="pieces.parquet",
        composer="composer.safetensors",
        samples="samples.parquet",
        metrics="metrics.json",
    )
    scores = yaml.safe_load(Path("metrics.json").read_text())["scores"]
    assert set(scores) == {
        "pitch_class_distance", "in_key_share", "empty_bar_share", "consonance", "polyphony",
        "notes_per_bar",
    }  # fmt: skip


def roll_of(*parts):
    """Return one passage of one bar of 4 steps; a note begins wherever the pitch changes."""
    pitches = np.array([parts])
    return Roll(pitches, (pitches != REST) & (np.diff(pitches, axis=2, prepend=REST) != 0))


def test_scores_by_hand():
    roll = roll_of([72, 72, 71, 71], [67, 67, 67, 67], [64, 64, 65, REST], [REST] * 4)
    assert score_composer.empty_bar_share(roll, 4) == 0.25
    assert score_composer.polyphony(roll) == (3 + 3 + 3 + 2) / 4
    # C-G fourth, C-E sixth, G-E third twice each; B-G third; B-F tritone, G-F second; B-G third.
    assert score_composer.consonance(roll) == (2 + 2 + 1 + 1) / 10
    assert score_composer.notes_per_bar(roll, 4) == 5
    notes = pd.DataFrame({"pitch_midi": [60, 62, 61, 72]})
    assert score_composer.in_key_share(notes) == 0.75
    assert score_composer.pitch_class_histogram(notes)[:3].tolist() == [0.5, 0.25, 0.25]


def test_silence_scores_zero_and_not_nan():
    silence = roll_of(*[[REST] * 4] * 4)
    values = score_composer.score(
        silence, SHAPE._replace(bars=1, steps_per_beat=1), np.full(12, 1 / 12)
    )
    assert values == {
        "pitch_class_distance": 0.5,
        "in_key_share": 0.0,
        "empty_bar_share": 1.0,
        "consonance": 0.0,
        "polyphony": 0.0,
        "notes_per_bar": 0.0,
    }


def test_random_notes_keep_to_the_ranges():
    random = score_composer.random_passages(random_roll(20), 50, SHAPE, seed=1)
    for part in range(len(PARTS)):
        pitches = random.pitches[:, part][random.pitches[:, part] != REST]
        assert pitches.min() >= SHAPE.lowest[part]
        assert pitches.max() <= SHAPE.highest[part]
        assert len(np.unique(pitches)) == SHAPE.highest[part] - SHAPE.lowest[part] + 1


def test_comparison_names_who_is_nearer_and_ties():
    table = score_composer.compare(
        {
            "real": {"a": 0.5, "b": 0.5, "c": 0.0},
            "composer": {"a": 0.6, "b": 0.9, "c": 0.0},
            "random": {"a": 0.3, "b": 0.6, "c": 0.0},
        }
    )
    assert {name: row["nearer"] for name, row in table.items()} == {
        "a": "composer",
        "b": "random",
        "c": "tie",
    }
