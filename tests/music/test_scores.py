import itertools
from functools import partial

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.stats import gaussian_kde

from stages.music.composer.networks import Shape
from stages.music.notes.pianoroll import REST, Grid, Roll
from stages.music.scores import baselines, novelty
from stages.music.scores.distributions import (
    densities,
    kullback_leibler,
    mean_overlap,
    overlap_area,
)
from stages.music.scores.features import features, note_lengths
from stages.music.scores.frechet import frechet_distance
from stages.music.scores.judge import shuffled, train_judge

GRID = Grid(parts=2, bars=1, beats_per_bar=2.0, steps_per_beat=2)


def roll_of(*parts):
    """Return one passage; a note begins wherever the pitch changes."""
    pitches = np.array([parts])
    return Roll(pitches, (pitches != REST) & (np.diff(pitches, axis=2, prepend=REST) != 0))


def walks(n=40, steps=16, seed=0):
    """Return passages of two parts that move by steps of C major, the lower one slower."""
    draw = np.random.default_rng(seed)
    scale = np.array([48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67, 69, 71, 72])
    high = np.clip(10 + draw.integers(-1, 2, (n, steps)).cumsum(1), 5, 14)
    low = np.repeat(np.clip(4 + draw.integers(-1, 2, (n, steps // 2)).cumsum(1), 0, 7), 2, axis=1)
    pitches = scale[np.stack([high, low], axis=1)]
    onsets = np.diff(pitches, axis=2, prepend=REST) != 0
    return Roll(pitches, onsets)


def test_features_by_hand():
    own = features(roll_of([72, 71, 71, 73], [67, 67, 65, REST]), GRID)
    own = {name: value.item() for name, value in own.items()}
    assert own["empty_bars"] == 0
    assert own["pitch_classes_per_bar"] == (3 + 2) / 2
    assert own["notes_per_bar"] == 5
    assert own["note_length_beats"] == pytest.approx(7 / 5 / 2)
    assert own["qualified_notes"] == pytest.approx(2 / 5)
    assert own["on_beat"] == pytest.approx(3 / 5)  # 72, 67 and 65
    assert own["in_key"] == pytest.approx(6 / 7)
    assert own["range_semitones"] == 2
    assert own["polyphony"] == (2 + 2 + 2 + 1) / 4
    # C over G is a fourth, B over G a third, B over F a tritone.
    assert own["consonance"] == pytest.approx(1 / 3)
    assert own["crossings"] == 0


def test_parallel_fifths_are_moves_in_the_same_direction():
    fifths = features(roll_of([67, 69, 71, 71], [60, 62, 64, 62]), GRID)
    assert fifths["parallels"].item() == 1  # the last step moves one part
    contrary = features(roll_of([67, 74, 74, 74], [60, 55, 55, 55]), GRID)
    assert contrary["parallels"].item() == 0


def test_crossed_parts_move_in_parallel_fifths_not_in_fourths():
    fifths = features(roll_of([60, 62, 64, 64], [67, 69, 71, 71]), GRID)
    assert fifths["parallels"].item() == 1
    fourths = features(roll_of([60, 62, 64, 64], [65, 67, 69, 69]), GRID)
    assert fourths["parallels"].item() == 0
    # A fifth below the highest part and then one above it.
    crossing = features(roll_of([67, 69, 69, 69], [60, 76, 76, 76]), GRID)
    assert crossing["parallels"].item() == 1


def test_crossed_voices_are_counted_where_both_sound():
    own = features(roll_of([60, 60, REST, 60], [55, 64, 64, REST]), GRID)
    assert own["crossings"].item() == 1 / 2


def test_tonal_distance_of_equal_pitch_classes_is_0_and_grows():
    octave = features(roll_of([72] * 4, [60] * 4), GRID)["tonal_distance"].item()
    fifth = features(roll_of([67] * 4, [60] * 4), GRID)["tonal_distance"].item()
    tritone = features(roll_of([66] * 4, [60] * 4), GRID)["tonal_distance"].item()
    assert octave == pytest.approx(0)
    assert 0 < fifth < tritone


def test_silence_gives_numbers():
    silence = features(roll_of([REST] * 4, [REST] * 4), GRID)
    assert all(np.isfinite(value).all() for value in silence.values())
    assert silence["empty_bars"].item() == 1


def test_one_part_has_no_features_between_parts():
    assert "consonance" not in features(roll_of([60, 62, 64, 65]), GRID._replace(parts=1))


def test_lengths_stand_where_notes_begin():
    assert note_lengths(roll_of([60, 60, REST, 62])).tolist() == [[[2, 0, 0, 1]]]


def once(points):
    return np.ones((1, len(points)))


def measure(one, other):
    """Return overlap area and divergence."""
    pair = densities(one, other, once(one), once(other))
    return overlap_area(*pair).item(), kullback_leibler(*pair).item()


def test_overlap_is_1_for_equal_sets_and_0_for_sets_far_apart():
    draw = np.random.default_rng(0)
    one, same, far = draw.normal(size=200), draw.normal(size=200), draw.normal(50, 1, 200)
    overlap, divergence = measure(one, same)
    assert overlap > 0.95
    assert divergence < 0.05
    overlap, divergence = measure(one, far)
    assert overlap < 0.05
    assert divergence > 1
    assert mean_overlap({"a": one, "constant": np.zeros(9)}, {"a": same, "constant": far}) > 0.95


def test_sets_of_equal_values_have_a_density_of_one_point():
    assert measure(np.ones(5), np.ones(7)) == pytest.approx((1, 0))
    overlap, divergence = measure(np.ones(5), np.full(7, 2.0))
    assert overlap == pytest.approx(0)
    assert np.isfinite(divergence)


def test_densities_of_samples_are_those_of_repeated_passages():
    draw = np.random.default_rng(0)
    one, other = draw.normal(size=40), draw.normal(0.8, 1.5, 60)
    counts = draw.integers(0, 3, (4, 40)), draw.integers(0, 3, (4, 60))
    sampled = overlap_area(*densities(one, other, *counts))
    points = np.linspace(-3, 12, 2000)
    for overlap, drawn, others in zip(sampled, *counts, strict=True):
        passages = np.repeat(np.arange(40), drawn)
        first, second = np.triu_indices(len(passages), 1)
        different = passages[first] != passages[second]  # a passage and its copy are no pair
        distances = (
            np.abs(one[passages[first]] - one[passages[second]])[different],
            np.abs(one[passages][:, None] - np.repeat(other, others)).ravel(),
        )
        kernels = [gaussian_kde(values, 1000**-0.2)(points) for values in distances]
        area = np.minimum(*kernels).sum() * (points[1] - points[0])
        assert overlap == pytest.approx(area, abs=0.003)


def test_a_sample_of_one_passage_has_no_overlap():
    counts = np.array([[2, 0], [1, 1]])
    overlap = overlap_area(*densities(np.array([0.0, 1.0]), np.ones(3), counts, np.ones((2, 3))))
    assert np.isnan(overlap).tolist() == [True, False]


def test_novelty():
    training = walks()
    assert novelty.seen_share(training, training, 16) == 1
    other = walks(seed=1)
    assert novelty.seen_share(other, training, 16) == 0
    assert novelty.longest_run(training.take(slice(0, 1)), training) >= 4
    moved = Roll(other.pitches + 40, other.onsets)
    assert novelty.longest_run(moved, training) == 0
    # One run of three notes that the training contains: 72, 71 and the first 69.
    known = roll_of([72, 71, 69, 67, 72, 72])
    assert novelty.longest_run(roll_of([72, 71, 69, 65, 64, 62]), known) == 3


def test_markov_chains_keep_to_what_they_have_seen():
    training = walks()
    chords = baselines.markov_chords(training, 30, 20, seed=1)
    assert chords.pitches.shape == (30, 2, 20)
    known = {tuple(chord) for chord in training.pitches.transpose(0, 2, 1).reshape(-1, 2)}
    drawn = {tuple(chord) for chord in chords.pitches.transpose(0, 2, 1).reshape(-1, 2)}
    assert drawn <= known
    parts = baselines.markov_parts(training, 30, 20, seed=1)
    pairs = {p for t in training.pitches[:, 0].tolist() for p in itertools.pairwise(t)}
    made = {p for t in parts.pitches[:, 0].tolist() for p in itertools.pairwise(t)}
    assert len(made & pairs) > 0.9 * len(made)  # a chain without a successor starts anew
    assert {tuple(chord) for chord in parts.pitches.transpose(0, 2, 1).reshape(-1, 2)} - known
    again = baselines.markov_chords(training, 30, 20, seed=1)
    np.testing.assert_array_equal(again.pitches, chords.pitches)


def test_random_notes_keep_to_the_ranges_and_the_density():
    training = walks()
    drawn = baselines.random_notes(training, 60, 32, 8, seed=1)
    for part in (0, 1):
        pitches = drawn.pitches[:, part][drawn.pitches[:, part] != REST]
        assert pitches.min() == training.pitches[:, part].min()
        assert pitches.max() == training.pitches[:, part].max()
    assert drawn.onsets.sum() / 60 <= 2 * training.onsets.sum((1, 2)).max()
    assert drawn.onsets.sum() / 60 > training.onsets.sum((1, 2)).min()


def test_frechet_distance_of_normal_distributions():
    draw = np.random.default_rng(0)
    one = draw.normal(size=(4000, 3))
    assert frechet_distance(one, one, once(one), once(one)) == pytest.approx(0, abs=1e-9)
    moved = draw.normal(size=(4000, 3)) * 2 + np.array([3.0, 0, 0])
    distance = frechet_distance(one, moved, once(one), once(moved))
    assert distance == pytest.approx(9 + 3 * (2 - 1) ** 2, rel=0.1)


def test_frechet_distances_of_samples_are_those_of_repeated_passages():
    draw = np.random.default_rng(0)
    one, other = draw.normal(size=(40, 3)), draw.normal(1, 2, (60, 3))
    counts = draw.integers(0, 3, (4, 40)), draw.integers(0, 3, (4, 60))
    sampled = frechet_distance(one, other, *counts)
    for distance, *drawn in zip(sampled, *counts, strict=True):
        means, covariances = zip(
            *(
                (points.mean(0), np.cov(points, rowvar=False))
                for points in map(partial(np.repeat, axis=0), (one, other), drawn)
            ),
            strict=True,
        )
        root = sqrtm(covariances[0] @ covariances[1]).real
        apart = np.square(means[0] - means[1]).sum()
        assert distance == pytest.approx(apart + np.trace(sum(covariances) - 2 * root))


def test_shuffling_takes_each_bar_of_each_part_from_its_own_place():
    choices = torch.arange(5)[:, None, None].expand(5, 2, 8).clone()
    torch.manual_seed(0)
    mixed = shuffled(choices, 4)
    assert mixed.shape == choices.shape
    assert (mixed[:, :, 0] == mixed[:, :, 3]).all()  # bars stay whole
    assert sorted(mixed[:, 0, 0].tolist()) == list(range(5))
    assert (mixed[:, 0] != mixed[:, 1]).any()


def test_the_judge_tells_other_music_farther_than_the_same():
    training = walks(200)
    shape = Shape(GRID._replace(bars=4), 1, (57, 48), (72, 60), 4, 8)
    judge = train_judge(training, shape, seed=1)
    reference = judge(walks(100, seed=2))
    near, far = (
        frechet_distance(reference, judge(roll), once(reference), np.ones((1, 100)))
        for roll in (walks(100, seed=3), baselines.random_notes(training, 100, 16, 4, 1))
    )
    assert near < far / 3
