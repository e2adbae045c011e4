"""The stages of the player, on a few notes of the soundfont."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from midi_files import midi_file, note
from page_inputs import write_table
from sound_files import tone, write_wav
from tiny import SHARED_DATA

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.core.metrics import read_metrics
from stages.core.params import Variants
from stages.metrics.collect_sounds import CollectSoundsMetrics
from stages.metrics.perform import PerformMetrics
from stages.metrics.score_player import KINDS, ScorePlayerMetrics
from stages.music import (
    analyze_sounds,
    collect_sounds,
    contracts,
    name_timbres,
    perform,
    score_player,
    train_player,
)
from stages.music.notes import synthesis
from stages.music.player.loudness import true_peak
from stages.music.player.networks import Generator, Shape, read_player
from stages.music.player.representations import REPRESENTATIONS
from stages.music.sources.midi import read_midi
from stages.music.sources.piece import UnreadableError

PIANO, FLUTE, ALTO_SAX = 0, 73, 65
COLLECTING = {
    "source": None, "programs": [PIANO, FLUTE, ALTO_SAX], "lowest_key": 46, "highest_key": 75,
    "velocities": [100], "new_timbres": 1, "seed": 1,
}  # fmt: skip
TRAINING = {
    "latent_size": 4, "hidden_size": 16, "components": 8, "batch_size": 8, "learning_rate": 0.001,
    "rounds": 9, "loss": "hinge", "gradient_penalty": 1.0, "averaging": 0.9,
    "rounds_per_checkpoint": 3, "device": "cpu", "seed": 1,
}  # fmt: skip
HARMONIC = "players/harmonic/player.safetensors"
PERFORMING = {
    "piece": None, "timbres": ["Flute"], "arrangement": "glide", "drums": "soundfont",
    "release_seconds": 0.1, "loudness_lufs": -20.0, "seed": 1,
}  # fmt: skip


def collect(raw="raw", **changes):
    Path(raw).mkdir(exist_ok=True)
    collect_sounds.main(
        params=collect_sounds.CollectSoundsParams(**{**COLLECTING, **changes}),
        raw=raw,
        sounds="sounds.parquet",
        metrics="sounds.json",
        validation="validation.json",
    )
    return pq.read_table("sounds.parquet").to_pandas()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with sounds, their curves, a player and its timbres."""
    folder = tmp_path_factory.mktemp("player")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        collect()
        analyze_sounds.main(sounds="sounds.parquet", curves="curves.safetensors")
        train()
        train(representation="spectrogram")
        name_timbres.main(
            params=name_timbres.NameTimbresParams(candidates=16, starts=2, steps=5, seed=1),
            sounds="sounds.parquet",
            curves="curves.safetensors",
            player=HARMONIC,
            timbres="timbres.parquet",
            validation="validation.json",
        )
    return folder


def train(source=Path(), representation="harmonic", **changes):
    folder = f"players/{representation}"
    outputs = {
        "player": f"{folder}/player.safetensors", "heard": f"{folder}/heard.parquet",
        "curve": "curve.csv",
    }  # fmt: skip
    train_player.main(
        params=train_player.TrainPlayerParams(**{**TRAINING, **changes}),
        representation=representation,
        sounds=source / "sounds.parquet",
        curves=source / "curves.safetensors",
        validation="validation.json",
        **outputs,
    )
    return b"".join(Path(path).read_bytes() for path in outputs.values())


def test_sounds_are_checked_and_split(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sounds = collect(velocities=[64, 112])
    metrics = read_metrics(Path("sounds.json"), CollectSoundsMetrics)
    # The only silent note of the default soundfont is the alto saxophone at pitch 64.
    assert metrics.dropped == {"silent": 2}
    assert "program 65, Alto Sax, key 64, velocity 64: it is silent" in metrics.examples[0]
    assert len(sounds) == metrics.sounds["total"] == 3 * 30 * 2 - 2
    assert len(metrics.new_timbres) == 1
    assert set(sounds.loc[sounds["is_new_timbre"], "timbre"]) == set(metrics.new_timbres)
    splits = sounds.groupby("pitch_midi")["split"].unique()
    assert all(len(own) == 1 for own in splits)  # a held-out pitch is held out everywhere
    assert set(sounds["split"]) == {"train", "validation", "test"}
    first = Path("sounds.parquet").read_bytes()
    collect(velocities=[64, 112])
    assert Path("sounds.parquet").read_bytes() == first


def test_organs_that_sound_an_octave_lower_are_heard(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sounds = collect(programs=[16, FLUTE], new_timbres=0)
    organ = sounds[sounds["timbre"] == "Drawbar Organ"]
    assert (organ["pitch_midi"] == organ["key"] - 12).all()
    assert read_metrics(Path("sounds.json"), CollectSoundsMetrics).octaves == {"Drawbar Organ": -1}


def test_a_folder_of_wav_files_is_a_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for pitch in range(54, 68):
        write_wav(Path(f"raw/mine/reed-{pitch}.wav"), tone(pitch))
    Path("raw/mine/readme.txt").write_text("mine")
    sounds = collect(source="mine", new_timbres=0)
    assert sounds["key"].tolist() == list(range(54, 68))
    assert read_metrics(Path("sounds.json"), CollectSoundsMetrics).dropped == {"not_wav": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"source": "one"},
            r"one has sounds of 1 timbres .*and 1 are held out: bring more, or low",
        ),
        ({"source": "one", "new_timbres": 0}, r"one has too few notes for three splits"),
        ({"source": "text.sf2"}, r"text\.sf2 is not a soundfont: give a file in the SF2 format"),
        ({"source": "gone.sf2"}, r"there is no raw/gone\.sf2: put it there, or name another"),
        ({"lowest_key": 80}, r"highest_key is below lowest_key: exchange them"),
    ],
)
def test_sources_that_do_not_suffice_are_explained(tmp_path, monkeypatch, changes, message):
    monkeypatch.chdir(tmp_path)
    write_wav(Path("raw/one/oboe_C4.wav"), tone(60))
    Path("raw/text.sf2").write_text("no soundfont")
    with pytest.raises(StageError, match=message):
        collect(**changes)
    assert not Path("sounds.parquet").exists()


def test_training_has_equal_bytes_a_curve_and_what_can_be_heard(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = train(trained)
    assert Path(HARMONIC).read_bytes() == (trained / HARMONIC).read_bytes()
    curve = pd.read_csv("curve.csv")
    assert curve["round"].tolist() == [3, 6, 9]
    assert np.isfinite(curve.to_numpy()).all()
    heard = pq.read_table("players/harmonic/heard.parquet").to_pandas()
    assert 100 in set(heard["percent"])
    assert train(trained, seed=2) != first


def test_representations_are_checked():
    message = "no representation is called 'wave'; there are: harmonic, spectrogram"
    with pytest.raises(StageError, match=message):
        train_player.check(representation="wave")
    with pytest.raises(StageError, match="lacks harmonic, the player that performs: add it"):
        score_player.check(representations=Variants(["spectrogram"]))


def test_the_classifier_learns_the_pitch_of_real_notes():
    shape = Shape("spectrogram", 4, 16, 8, pitches=(48, 55), velocities=(64, 112))
    pitch = torch.arange(48, 56)
    told = shape.conditions(pitch, torch.full_like(pitch, 64))
    notes = train_player.Notes(3 * torch.eye(8), told, pitch, torch.zeros(8, dtype=torch.long))
    params = train_player.TrainPlayerParams(**{**TRAINING, "learning_rate": 0.01})
    torch.manual_seed(0)
    training = train_player.Training(Generator(shape, 8), params, torch.device("cpu"))
    before = training.classifier(notes.components).argmax(1)
    for number in range(100):
        training.round(notes, number % params.rounds)
    assert (before != pitch).any()
    assert (training.classifier(notes.components).argmax(1) == pitch).all()


@pytest.mark.parametrize("loss", ["wasserstein", "non_saturating"])
def test_other_losses_train(trained, tmp_path, monkeypatch, loss):
    monkeypatch.chdir(tmp_path)
    train(trained, loss=loss)
    assert np.isfinite(pd.read_csv("curve.csv").to_numpy()).all()


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_killed_and_started_again_ends_with_the_same_bytes(
    trained, tmp_path, monkeypatch, representation
):
    monkeypatch.chdir(tmp_path)
    expected = train(trained, representation)
    player = Path(f"players/{representation}/player.safetensors")
    player.unlink()
    save = Checkpoint.save

    def save_and_die(self, parts, progress):
        save(self, parts, progress)
        if progress["curve"][-1]["round"] == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoint, "save", save_and_die)
        train(trained, representation)
    assert not player.exists()
    rounds = []
    train_round = train_player.Training.round
    monkeypatch.setattr(
        train_player.Training, "round", lambda *a: (rounds.append(1), train_round(*a))[1]
    )
    assert train(trained, representation) == expected
    assert len(rounds) == 3


def test_the_checkpoint_nearest_to_validation_notes_is_kept(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    distances = iter([3.0, 1.0, 2.0])
    kept = []

    def validation(*_):
        def distance(generator):
            kept.append({k: v.clone() for k, v in generator.state_dict().items()})
            return next(distances)

        return distance

    monkeypatch.setattr(train_player, "validation", validation)
    train(trained)
    weights = read_player(Path(HARMONIC)).state_dict()
    assert all((weights[name] == kept[1][name]).all() for name in weights)
    assert not all((weights[name] == kept[2][name]).all() for name in weights)


def test_named_latents_are_nearer_than_random_ones(trained):
    timbres = pq.read_table(trained / "timbres.parquet").to_pandas()
    assert timbres["timbre"].tolist() == ["Acoustic Grand Piano", "Alto Sax", "Flute"]
    assert timbres["is_new_timbre"].sum() == 1
    assert {len(latent) for latent in timbres["latent"]} == {4}


def performances(trained, midi, player=HARMONIC, **changes):
    """Perform a MIDI file, and return the sound of the player and of the soundfont."""
    Path("raw").mkdir(exist_ok=True)
    Path("composition.mid").write_bytes(midi)
    held_out = {
        "piece_id": "a", "split": "test", "track": 1, "part": 1, "channel": 0, "program": 0,
        "is_drum": False, "onset_beats": [0.0], "duration_beats": 1.0, "onset_seconds": 0.0,
        "duration_seconds": 0.5, "pitch_midi": 60, "velocity": 80,
    }  # fmt: skip
    write_table(Path("notes.parquet"), contracts.NOTES, held_out)
    pieces = pa.table({"piece_id": ["a"], "split": ["test"], "title": ["Hymn"]})
    pq.write_table(pieces, "pieces.parquet")
    outputs = ("performance", "reference", "real_performance", "real_reference")
    perform.main(
        params=perform.PerformParams(**{**PERFORMING, **changes}),
        raw="raw",
        composition="composition.mid",
        notes="notes.parquet",
        pieces="pieces.parquet",
        player=trained / player,
        timbres=trained / "timbres.parquet",
        **{name: f"{name}.wav" for name in outputs},
        metrics="metrics.json",
    )
    return [soundfile.read(f"{name}.wav")[0] for name in outputs]


def test_a_piece_is_performed_twice_with_the_same_bytes(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    midi = midi_file(note(60) + note(64), note(48) + note(52))
    played, reference, real, _ = performances(trained, midi)
    assert len(played) == pytest.approx(1.1 * 32_000, abs=2000)
    assert len(reference) > len(played)
    for sound in (played, reference, real):
        assert 0 < true_peak(sound) <= 10 ** (-1 / 20) + 0.001
    performed = read_metrics(Path("metrics.json"), PerformMetrics)
    assert performed.performance.notes == 4
    assert performed.performance.loudness_lufs == pytest.approx(-20, abs=0.1)
    assert performed.real_performance.name == "Hymn"
    first = Path("performance.wav").read_bytes()
    performances(trained, midi)
    assert Path("performance.wav").read_bytes() == first


def test_timbres_glide_or_belong_to_tracks(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    midi = midi_file(note(60) + note(64), note(48) + note(52))
    names = ["flute", "ACOUSTIC GRAND PIANO"]  # in any case
    glide, *_ = performances(trained, midi, timbres=names)
    tracks, *_ = performances(trained, midi, timbres=names, arrangement="tracks")
    one, *_ = performances(trained, midi, timbres=names[:1])
    assert len({sound.tobytes() for sound in (glide, tracks, one)}) == 3


def test_drums_are_those_of_the_soundfont_or_left_out(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    midi = midi_file(note(60), note(38, channel=9))
    with_drums, *_ = performances(trained, midi)
    without, *_ = performances(trained, midi, drums="none")
    assert len(with_drums) > len(without)  # they die away more slowly
    assert not np.array_equal(with_drums[: len(without)], without)


@pytest.mark.parametrize(
    ("midi", "changes", "message"),
    [
        (midi_file(note(38, channel=9)), {}, r"composition\.mid has only drums: give a piece"),
        (
            midi_file(note(60)),
            {"timbres": ["Flut"]},
            r"timbres: 'Flut' is not a known timbre \(did you mean 'Flute'\? known are Acoustic Gr",
        ),
        (midi_file(note(60)), {"piece": "none.mid"}, r"there is no raw/none\.mid: put it there"),
        (midi_file(note(60)), {"piece": "text.txt"}, r"text\.txt is not a file of notes"),
        (midi_file(b"\xff\xff\xff\x7f" + note(60)[1:]), {}, r"lasts|a note ends after"),
    ],
)
def test_pieces_that_cannot_be_performed_are_explained(
    trained, tmp_path, monkeypatch, midi, changes, message
):
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    Path("raw/text.txt").write_text("text")
    with pytest.raises(StageError, match=message):
        performances(trained, midi, **changes)
    assert not Path("performance.wav").exists()


def test_the_player_of_spectrograms_is_neither_named_nor_performed(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    player = "players/spectrogram/player.safetensors"
    message = "makes notes of a fixed length: give the harmonic player"
    with pytest.raises(StageError, match=message):
        performances(trained, midi_file(note(60)), player)
    with pytest.raises(StageError, match=message):
        name_timbres.main(
            params=name_timbres.NameTimbresParams(candidates=16, starts=2, steps=5, seed=1),
            sounds=trained / "sounds.parquet",
            curves=trained / "curves.safetensors",
            player=trained / player,
            timbres="timbres.parquet",
            validation="validation.json",
        )


@pytest.mark.skipif(not (SHARED_DATA / "midi_wild").is_dir(), reason="needs the shared data")
def test_every_readable_file_is_performed(trained, monkeypatch):
    timbres = pq.read_table(trained / "timbres.parquet").to_pandas()
    params = perform.PerformParams(**{**PERFORMING, "timbres": ["Flute", "Alto Sax"]})
    monkeypatch.setattr(synthesis, "play", lambda notes, rate_hz: np.zeros(1, np.float32))
    generator, done = read_player(trained / HARMONIC), 0
    for path in sorted((SHARED_DATA / "midi_wild").glob("*.mid")):
        try:
            score = perform.score_of(read_midi(path.read_bytes())[0], path.name)
        except UnreadableError:
            continue
        try:
            played, _ = perform.perform(score, timbres, generator, params)
        except StageError as error:
            assert "only drums" in str(error) or "lasts" in str(error)
            continue
        assert np.isfinite(played).all()
        assert np.abs(played).max() > 0.01
        done += 1
    assert done > 10


def test_the_player_is_scored(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def score(*representations):
        score_player.main(
            params=score_player.ScorePlayerParams(draws=1, bootstrap_samples=20, seed=1),
            representations=Variants(representations),
            sounds=trained / "sounds.parquet",
            curves=trained / "curves.safetensors",
            train_player=trained / "players",
            timbres=trained / "timbres.parquet",
            gallery="gallery.parquet",
            spectrograms="spectrograms.png",
            metrics="metrics.json",
            validation="validation.json",
        )
        names = ("gallery.parquet", "spectrograms.png", "metrics.json")
        return [Path(name).read_bytes() for name in names]

    first = score("harmonic", "spectrogram")
    scored = read_metrics(Path("metrics.json"), ScorePlayerMetrics)
    assert set(scored.qualities) == set(KINDS)
    real, resynthesis, mean = (scored.qualities[k] for k in ("real", "resynthesis", "mean"))
    assert resynthesis.spectral_distance < mean.spectral_distance
    assert resynthesis.pitch_accuracy > 0.8
    assert scored.qualities["spectrogram_resynthesis"].pitch_accuracy > 0.8
    assert mean.diversity < real.diversity
    assert mean.inception_score < resynthesis.inception_score
    groups = pq.read_table("gallery.parquet").to_pandas().groupby("group").size()
    assert groups.to_dict() == {"nearest": 10, "player": 10, "timbre": 3, "walk": 8}
    assert score("harmonic", "spectrogram") == first
    score("harmonic")
    alone = read_metrics(Path("metrics.json"), ScorePlayerMetrics)
    assert alone.qualities == {
        kind: own for kind, own in scored.qualities.items() if "spectrogram" not in kind
    }
    assert alone.range_accuracy == {
        kind: scored.range_accuracy[kind] for kind in ("harmonic", "real")
    }
