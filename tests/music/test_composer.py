import random
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from music_files import midi

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.music import collect_notes, compose, harmonize, score_composer, train_composer
from stages.music.adversarial.losses import critic_loss, generator_loss
from stages.music.composer.drawing import draw, plan, write
from stages.music.composer.networks import (
    Critic,
    Generator,
    Intervals,
    Shape,
    conditions,
    decode,
    encode,
    phrase_ends,
)
from stages.music.composer.weights import read_composer, read_shape, save_composer
from stages.music.notes.keys import Key
from stages.music.notes.pianoroll import REST, Grid, Roll, ends_on
from stages.music.sources.midi import read_midi

GRID = Grid(parts=4, bars=2, beats_per_bar=4.0, steps_per_beat=2)
SHAPE = Shape(GRID, 1, (60, 55, 50, 40), (72, 67, 62, 55), 4, 8)
TRAINING = {
    "bars": 2,
    "context_bars": 1,
    "steps_per_beat": 2,
    "latent_size": 4,
    "hidden_size": 8,
    "dropout": 0.1,
    "batch_size": 4,
    "learning_rate": 0.004,
    "rounds": 9,
    "adversarial_from": 0.5,
    "loss": "non_saturating",
    "adversarial_weight": 0.1,
    "critic_batch_size": 4,
    "critic_learning_rate": 0.001,
    "gradient_penalty": 0.1,
    "validation_passages": 6,
    "rounds_per_checkpoint": 3,
    "device": "cpu",
    "seed": 1,
}
COMPOSING = {
    "samples": 6, "pieces": 4, "bars": 5, "key": "G minor", "drafts": 2, "temperature": 1.0,
    "tempo_bpm": 120, "seed": 1,
}  # fmt: skip
HARMONIZING = {"melody": None, "drafts": 2, "temperature": 1.0, "tempo_bpm": 120, "seed": 1}
BELOW = (0, 4, 9, 16)  # semitones below the melody


def random_roll(n=5):
    draw = np.random.default_rng(0)
    low, high = np.array(SHAPE.lowest)[:, None], np.array(SHAPE.highest)[:, None]
    pitches = draw.integers(low, high, (n, 4, GRID.steps), endpoint=True)
    pitches[draw.random(pitches.shape) < 0.2] = REST
    changes = np.diff(pitches, prepend=REST, axis=2) != 0
    return Roll(pitches, ((draw.random(pitches.shape) < 0.5) | changes) & (pitches != REST))


def told(n=3, bars=2):
    none = np.zeros(n, dtype=int)
    return conditions(SHAPE, none > 0, none, none, none + 8, np.zeros((n, bars), dtype=bool))


def noise(n=3):
    return torch.randn(n, SHAPE.latent_size, generator=torch.Generator().manual_seed(3))


def test_passages_are_encoded_without_loss():
    roll = random_roll()
    again = decode(encode(roll, SHAPE), SHAPE)
    np.testing.assert_array_equal(again.pitches, roll.pitches)
    np.testing.assert_array_equal(again.onsets, roll.onsets)


def test_pitches_beyond_the_range_move_by_octaves():
    pitches = np.tile(np.array([[[59], [80], [50], [40]]]), (1, 1, 2))
    moved = decode(encode(Roll(pitches, pitches > 0), SHAPE), SHAPE).pitches
    assert moved[0, :, 0].tolist() == [71, 56, 50, 40]


def test_a_choice_depends_only_on_what_was_written_before_it():
    # The melody does not see the other parts, and parts see the melody ahead up to a bar.
    torch.manual_seed(0)
    generator = Generator(SHAPE, dropout=0.0).eval()
    choices = encode(random_roll(3), SHAPE)
    first = generator(choices, told(), noise())
    changed = choices.clone()
    changed[:, 2, 6:] = 0
    second = generator(changed, told(), noise())
    torch.testing.assert_close(first[0], second[0])
    torch.testing.assert_close(first[:, :6], second[:, :6])
    assert not torch.equal(first[1:, 7:], second[1:, 7:])


def test_likelihood_and_drawing_agree():
    # Drawing takes the likeliest choices of the same probabilities that training raises.
    torch.manual_seed(0)
    generator = Generator(SHAPE, dropout=0.0).eval()
    drawn = generator.draw(told(), noise(), 0.0, torch.Generator().manual_seed(1))
    likeliest = generator(drawn, told(), noise()).argmax(3)  # (parts, steps, batch)
    torch.testing.assert_close(likeliest.permute(2, 0, 1), drawn)


def test_drawing_keeps_what_is_given():
    torch.manual_seed(0)
    generator = Generator(SHAPE, dropout=0.0).eval()
    given = encode(random_roll(3), SHAPE)
    drawn = generator.draw(
        told(), noise(), 1.0, torch.Generator().manual_seed(1), given[:, :, :5], given[:, 0]
    )
    assert torch.equal(drawn[:, :, :5], given[:, :, :5])
    assert torch.equal(drawn[:, 0], given[:, 0])
    assert not torch.equal(drawn[:, 1:, 5:], given[:, 1:, 5:])


def test_intervals_tell_a_parallel_move_from_a_still_part():
    intervals = Intervals(SHAPE, 3, 0)
    fifth = (48 - 67) % 12
    low, high = SHAPE.lowest[3], SHAPE.lowest[0]
    own, other, up = (torch.tensor([n + 1]) for n in (48 - low, 67 - high, 69 - high))
    with torch.no_grad():
        intervals.table[3 * fifth + intervals.motion[other, up], fifth] = -7.0
    moved, still = intervals(own, other, up)[0], intervals(own, other, other)[0]
    assert moved[50 - low + 1] == moved[50 - low + 1 + SHAPE.pitches] == -7
    assert moved[48 - low + 1] == 0
    assert still.abs().sum() == 0


def test_phrases_end_on_long_notes_of_the_highest_part():
    pitches = np.array([[[60, 60, 60, 60, 60, 62, 64, 65], [50] * 8]])
    onsets = np.diff(pitches, prepend=REST, axis=2) != 0
    assert phrase_ends(Roll(pitches, onsets), 4).tolist() == [[True, False]]


def test_a_long_piece_is_written_on_its_past_and_prefers_to_end_on_the_tonic():
    torch.manual_seed(0)
    generator, critic = Generator(SHAPE, 0.0).eval(), Critic(SHAPE).eval()
    minor = np.arange(20) % 2 == 1
    for drafts, least in ((1, 0), (12, 10)):
        conditions_of_all = plan(SHAPE, minor, 5, 4)
        roll = write(
            generator,
            critic,
            conditions_of_all,
            1.0,
            drafts,
            torch.Generator().manual_seed(1),
            minor,
        )
        assert roll.pitches.shape == (20, 4, 40)
        ends = ends_on(roll, np.where(minor, 9, 0)).sum()
        assert ends >= least
        if drafts == 1:
            alone = ends
    assert ends > alone


def test_the_critic_chooses_among_drafts():
    torch.manual_seed(0)
    generator, critic = Generator(SHAPE, 0.0).eval(), Critic(SHAPE).eval()
    with torch.no_grad():
        for weight in critic.parameters():
            weight *= 6
    random_state = torch.Generator().manual_seed(1)
    chosen = draw(generator, critic, told(40), 1.0, 8, random_state)
    first = draw(generator, critic, told(40), 1.0, 1, random_state)
    score = [
        critic(torch.nn.functional.one_hot(c, SHAPE.choices).float(), told(40)).mean()
        for c in (chosen, first)
    ]
    assert score[0] > score[1]


def test_the_file_of_a_composer_gives_it_back(tmp_path):
    torch.manual_seed(0)
    generator, critic = Generator(SHAPE, 0.3), Critic(SHAPE)
    save_composer(generator, critic, tmp_path / "c.safetensors")
    assert read_shape(tmp_path / "c.safetensors") == SHAPE
    again, critic_again = read_composer(tmp_path / "c.safetensors")
    choices = encode(random_roll(3), SHAPE)
    torch.testing.assert_close(
        again(choices, told(), noise()), generator.eval()(choices, told(), noise())
    )
    drawn = torch.nn.functional.one_hot(choices, SHAPE.choices).float()
    torch.testing.assert_close(critic_again(drawn, told()), critic(drawn, told()))


@pytest.mark.parametrize("loss", ["non_saturating", "hinge", "wasserstein"])
def test_a_critic_learns_to_tell_music_from_silence(loss):
    torch.manual_seed(0)
    critic = Critic(SHAPE)
    optimizer = torch.optim.Adam(critic.parameters(), 0.01)
    real = torch.nn.functional.one_hot(encode(random_roll(8), SHAPE), SHAPE.choices).float()
    silent = torch.nn.functional.one_hot(torch.zeros(8, 4, 16, dtype=torch.long), SHAPE.choices)
    distances = []
    for _ in range(40):
        loss_value, distance = critic_loss(
            lambda examples: critic(examples, told(8)), real, silent.float(), loss, 0.1
        )
        optimizer.zero_grad()
        loss_value.backward()
        optimizer.step()
        distances.append(distance)
    assert distances[-1] > distances[0] + 0.5
    raised = generator_loss(critic(real, told(8)), loss)
    assert raised < generator_loss(critic(silent.float(), told(8)), loss)


def collect(folder, below):
    """Write the tables of 24 songs, each with a melody of its own and parts some way below it."""
    (folder / "raw/music").mkdir(parents=True)
    draw = random.Random(5)
    scale = [67, 69, 71, 72, 74, 76, 77, 79]
    for number in range(24):
        melody, at = [], 3
        for beat in range(20):
            at = min(max(at + draw.choice([-2, -1, 1, 2]), 0), 7)
            melody.append((beat, 1, scale[at]))
        tracks = [[(on, long, pitch - semitones) for on, long, pitch in melody]
                  for semitones in below]  # fmt: skip
        (folder / f"raw/music/{number}.mid").write_bytes(midi(*tracks))
    described = {"title": "Songs", "licence": "CC0", "sources": [{"path": "music"}]}
    (folder / "songs.yaml").write_text(yaml.safe_dump(described))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        collect_notes.main(
            params=collect_notes.CollectNotesParams(validation_share=0.2, test_share=0.3, seed=1),
            music="songs.yaml",
            raw="raw",
            notes="notes.parquet",
            pieces="pieces.parquet",
            metrics="metrics.json",
            validation="validation.json",
        )


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """Tables of songs in four parts."""
    folder = tmp_path_factory.mktemp("collection")
    collect(folder, BELOW)
    return folder


@pytest.fixture
def room(collection, tmp_path, monkeypatch):
    """A folder, and a way to train on the songs there."""
    monkeypatch.chdir(tmp_path)

    def train(**changes):
        section = {"music": {"train_composer": {**TRAINING, **changes}}}
        Path("params.yaml").write_text(yaml.safe_dump(section))
        outputs = {
            "composer": "composer.safetensors", "progress": "progress.parquet",
            "curve": "curve.csv", "validation": "validation.json",
        }  # fmt: skip
        train_composer.main(
            params="music.train_composer",
            notes=collection / "notes.parquet",
            pieces=collection / "pieces.parquet",
            **outputs,
        )
        return b"".join(Path(path).read_bytes() for path in outputs.values())

    return train


def test_training_has_equal_bytes_a_curve_and_what_can_be_heard(room):
    first = room()
    curve = pd.read_csv("curve.csv")
    assert curve["round"].tolist() == [3, 6, 9]
    assert np.isfinite(curve.drop(index=0).to_numpy()).all()
    assert curve.loc[0, ["critic_loss", "generator_loss"]].isna().all()
    heard = pq.read_table("progress.parquet").to_pandas()
    assert set(heard["percent"]) <= {1, 10, 50, 100}
    assert 100 in set(heard["percent"])
    assert room() == first
    assert room(seed=2) != first


def test_killed_and_started_again_ends_with_the_same_bytes(room, monkeypatch):
    expected = room()
    Path("composer.safetensors").unlink()
    save = Checkpoint.save

    def save_and_die(self, parts, progress):
        save(self, parts, progress)
        if progress["curve"][-1]["round"] == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoint, "save", save_and_die)
        room()
    assert not Path("composer.safetensors").exists()
    rounds = []
    train_round = train_composer.Training.round
    monkeypatch.setattr(
        train_composer.Training, "round", lambda *a: (rounds.append(1), train_round(*a))[1]
    )
    assert room() == expected
    assert len(rounds) == 3
    assert not Path("composer.safetensors.checkpoint").exists()


def test_the_checkpoint_with_the_best_validation_score_is_kept(room, monkeypatch):
    scores = iter([0.2, 0.9, 0.1])
    kept = {}

    def validation(passages, shape):
        def score(generator):
            overlap = next(scores)
            kept[overlap] = {k: v.clone() for k, v in generator.state_dict().items()}
            return {"validation_loss": 1.0, "overlap": overlap}

        return score

    monkeypatch.setattr(train_composer, "validation", validation)
    room()
    generator, _ = read_composer(Path("composer.safetensors"))
    for name, weight in generator.state_dict().items():
        assert torch.equal(weight, kept[0.9][name])
    assert not all(torch.equal(kept[0.9][name], kept[0.1][name]) for name in kept[0.9])


def test_music_without_long_enough_pieces_is_explained(room):
    with pytest.raises(
        StageError,
        match=r"no training piece in 4 parts of 41 bars of 4 quarter notes: lower music\.train_com",
    ):
        room(bars=40)


def test_loss_that_is_not_a_number_stops_the_stage(room, monkeypatch):
    monkeypatch.setattr(train_composer.Training, "round", lambda *a: {"loss": float("nan")})
    with pytest.raises(StageError, match=r"in round 1: lower music\.train_composer\.learning_rate"):
        room()
    assert not Path("composer.safetensors").exists()


def test_a_missing_gpu_is_explained(room):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(StageError, match=r"music\.train_composer\.device is cuda, but"):
        room(device="cuda")


def test_music_is_composed_harmonized_and_scored(room, collection):
    room()
    tables = {"notes": collection / "notes.parquet", "pieces": collection / "pieces.parquet"}

    def run(stage, params, **files):
        files = {**files, "validation": f"{stage.__name__}.json"}
        stage.main(params=params, composer="composer.safetensors", **tables, **files)
        return [Path(files[name]).read_bytes() for name in files if name != "raw"]

    composed = {
        "samples": "s.parquet", "compositions": "cs.parquet", "composition": "c.parquet",
        "mid": "c.mid", "wav": "c.wav",
    }  # fmt: skip
    params = compose.ComposeParams(**COMPOSING)
    assert run(compose, params, **composed) == run(compose, params, **composed)
    whole = pq.read_table("cs.parquet").to_pandas()
    assert set(whole["passage"]) == set(range(4))
    assert whole.groupby("passage")["minor"].first().tolist() == [False, True, False, True]
    piece = pq.read_table("c.parquet").to_pandas()
    minor = whole[whole["passage"] == 1]
    assert (minor["pitch_midi"].sort_values().to_numpy() - 2 ==
            piece["pitch_midi"].sort_values().to_numpy()).all()  # fmt: skip
    (midi_file,) = read_midi(Path("c.mid").read_bytes())
    assert len(midi_file.notes) == len(piece)

    harmonized = {
        "harmonizations": "hs.parquet", "harmonization": "h.parquet", "mid": "h.mid",
        "wav": "h.wav",
    }  # fmt: skip
    run(harmonize, harmonize.HarmonizeParams(**HARMONIZING), raw=collection / "raw", **harmonized)
    pieces = pd.read_parquet(tables["pieces"])
    notes = pd.read_parquet(tables["notes"])
    first = pieces[pieces["split"] == "test"].iloc[0]["piece_id"]
    given = notes[(notes["piece_id"] == first) & (notes["part"] == 1)]
    back = pd.read_parquet("h.parquet").query("part == 1")
    for column in ("onset_beats", "duration_beats", "pitch_midi"):
        assert back[column].tolist() == given[column].tolist()

    for path in ("metrics.json", "again.json"):
        score_composer.main(
            params=score_composer.ScoreComposerParams(bootstrap_samples=20, seed=1),
            composer="composer.safetensors",
            samples="s.parquet",
            compositions="cs.parquet",
            harmonizations="hs.parquet",
            metrics=path,
            **tables,
        )
    assert Path("metrics.json").read_bytes() == Path("again.json").read_bytes()
    scored = yaml.safe_load(Path("metrics.json").read_text())
    for row in (*scored["scores"].values(), *scored["overlap"].values()):
        assert row["composer_interval"][0] <= row["composer_interval"][1]
    assert scored["melodies_returned"] == 1
    assert {"ends_on_tonic", "frechet_distance", "mean_overlap"} < set(scored["scores"])
    assert scored["piece_bars"] == 5


def test_music_in_one_part_goes_all_the_way(tmp_path, monkeypatch):
    collect(tmp_path, (0,))
    monkeypatch.chdir(tmp_path)
    tables = {"notes": "notes.parquet", "pieces": "pieces.parquet"}
    made = {**tables, "composer": "composer.safetensors", "validation": "v.json"}
    train_composer.main(
        params=train_composer.TrainComposerParams(**TRAINING),
        progress="progress.parquet",
        curve="curve.csv",
        **made,
    )
    heard = {"mid": "c.mid", "wav": "c.wav"}
    compose.main(
        params=compose.ComposeParams(**COMPOSING),
        samples="s.parquet",
        compositions="cs.parquet",
        composition="c.parquet",
        **heard,
        **made,
    )
    harmonize.main(
        params=harmonize.HarmonizeParams(**HARMONIZING),
        raw="raw",
        harmonizations="hs.parquet",
        harmonization="h.parquet",
        **heard,
        **made,
    )
    assert set(pd.read_parquet("cs.parquet")["part"]) == {1}
    score_composer.main(
        params=score_composer.ScoreComposerParams(bootstrap_samples=20, seed=1),
        composer="composer.safetensors",
        samples="s.parquet",
        compositions="cs.parquet",
        harmonizations="hs.parquet",
        metrics="metrics.json",
        **tables,
    )
    scored = yaml.safe_load(Path("metrics.json").read_text())
    assert scored["melodies_returned"] is None
    assert "consonance" not in scored["scores"]


def test_a_melody_of_ones_own_is_harmonized_note_for_note(room, collection, tmp_path):
    room()
    raw = tmp_path / "raw"
    raw.mkdir()
    tune = [(0.0, 1.0, 71), (1.0, 1.3, 72), (2.5, 1.0, 74), (4.0, 4.0, 96), (8.0, 2.0, 67)]
    (raw / "mine.mid").write_bytes(midi(tune, [(on, long, 40) for on, long, _ in tune]))
    (raw / "drums.mid").write_bytes(midi(tune, channel=9))
    (raw / "waltz.abc").write_bytes(b"X:1\nT:W\nM:3/4\nL:1/4\nK:C\nCDE|FGA|\n")
    (raw / "text.txt").write_text("no music")
    grid = Grid(4, 2, 4.0, 2)
    melody = harmonize.read_melody("mine.mid", raw, grid)
    assert list(melody.notes.itertuples(index=False, name=None)) == [
        (on, pytest.approx(long, abs=0.002), pitch) for on, long, pitch in tune
    ]
    generator, critic = read_composer(Path("composer.safetensors"))
    params = harmonize.HarmonizeParams(**{**HARMONIZING, "melody": "mine.mid"})
    for own in (melody, melody._replace(pickup_beats=1.0, key=Key(7, "minor"))):
        whole = harmonize.harmonize(own, generator, critic, params)
        back = whole[whole["part"] == 1]
        for column in melody.notes:
            assert back[column].tolist() == melody.notes[column].tolist()
        assert set(whole["part"]) > {1}
        assert (whole["onset_beats"] >= 0).all()
    for name, message in (
        ("drums.mid", r"drums\.mid has no note with a pitch"),
        ("waltz.abc", r"waltz\.abc is in 3/4, but the composer writes bars of 4 quarter"),
        ("text.txt", r"text\.txt is not a file of notes"),
        ("gone.mid", r"there is no .*gone\.mid"),
    ):
        with pytest.raises(StageError, match=message):
            harmonize.read_melody(name, raw, grid)


@pytest.mark.parametrize(
    ("name", "key"),
    [("C major", (0, "major")), ("F# minor", (6, "minor")), ("Cb major", (11, "major"))],
)
def test_keys_have_names(name, key):
    assert Key.named(name) == Key(*key)
