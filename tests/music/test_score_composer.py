import numpy as np
import pytest

from stages.metrics.score_composer import BASELINES
from stages.music import score_composer
from stages.music.scores.comparison import compare, compare_means, resample
from stages.music.scores.frechet import frechet_distance

KINDS = ("real", "composer", *BASELINES)
PIECES = np.arange(100) // 5  # of real passages


def counts_of(values):
    return {kind: resample(np.arange(len(own)), 300, 1) for kind, own in values.items()}


def sets(seed=0, columns=1, **means):
    """Return normal points by kind, 100 of each; the mean is 0 unless it is given."""
    draw = np.random.default_rng(seed)
    return {kind: draw.normal(means.get(kind, 0), 1, (100, columns)) for kind in KINDS}


def overlap_and_divergence(reference, others):
    """Return the comparisons of the means over two features."""
    return score_composer.compare_distributions(
        dict(enumerate(reference.T)),
        {kind: dict(enumerate(points.T)) for kind, points in others.items()},
        resample(PIECES, 300, 1),
        counts_of(others),
    )[1].values()


def frechet(reference, others):
    """Return the comparison of Frechet distances."""
    counts, reference_counts = counts_of(others), resample(PIECES, 300, 1)
    distances = {
        kind: frechet_distance(reference, points, reference_counts, counts[kind])
        for kind, points in others.items()
    }
    return [compare(distances, 0.0)]


def test_samples_draw_whole_pieces_and_start_with_the_set_itself():
    pieces = np.array(["b", "a", "b", "c"], dtype=object)
    counts = resample(pieces, 500, 1)
    assert counts.shape == (501, 4)
    assert counts[0].tolist() == [1, 1, 1, 1]
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, [0, 1, 3]].sum(1) == 3).all()
    assert counts[1:].mean(0) == pytest.approx(1, abs=0.15)
    np.testing.assert_array_equal(counts, resample(pieces, 500, 1))
    assert (counts != resample(pieces, 500, 2)).any()


def test_the_interval_of_a_mean_is_that_of_its_pieces():
    # Passages of a piece are equal, so that there is as much to know as there are pieces.
    of_pieces = np.random.default_rng(0).normal(size=50)
    values = dict.fromkeys(KINDS, np.repeat(of_pieces, 8))
    counts = dict.fromkeys(KINDS, resample(np.arange(400) // 8, 2000, 1))
    low, high = compare_means(values, counts)["composer_interval"]
    margin = 1.96 * of_pieces.std() / np.sqrt(50)
    assert (low, high) == pytest.approx(
        (of_pieces.mean() - margin, of_pieces.mean() + margin), abs=0.15 * margin
    )


def test_comparison_names_who_is_nearer_and_ties():
    draw = np.random.default_rng(0)
    values = {
        "real": draw.normal(0, 0.1, 100), "composer": draw.normal(0.5, 0.1, 100),
        "markov_parts": draw.normal(5, 0.1, 100), "markov_chords": draw.normal(0.0, 0.1, 100),
        "random": draw.normal(-0.5, 0.1, 100),
    }  # fmt: skip
    row = compare_means(values, counts_of(values) | {"real": resample(PIECES, 300, 1)})
    assert row["nearer"] == {
        "markov_parts": "composer", "markov_chords": "baseline", "random": "tie",
    }  # fmt: skip
    low, high = row["composer_interval"]
    assert low < row["composer"] < high


@pytest.mark.parametrize("comparisons", [overlap_and_divergence, frechet])
@pytest.mark.parametrize("seed", range(3))
def test_sets_that_are_alike_tie_and_sets_that_differ_do_not(comparisons, seed):
    others = sets(seed, 2, composer=2, markov_chords=2, random=6)
    reference = np.random.default_rng(seed + 10).normal(size=(100, 2))
    for row in comparisons(reference, others):
        assert row["nearer"] == {
            "markov_parts": "baseline", "markov_chords": "tie", "random": "composer",
        }  # fmt: skip
        low, high = row["composer_interval"]
        assert low < row["composer"] < high


@pytest.mark.parametrize("comparisons", [overlap_and_divergence, frechet])
def test_equal_draws_pair_the_composer_with_a_baseline(comparisons):
    # The baseline is farther by much less than either interval is wide.
    others = sets(columns=2, composer=2)
    others |= {"random": others["composer"] + 0.1, "markov_chords": others["composer"]}
    reference = np.random.default_rng(10).normal(size=(100, 2))
    for row in comparisons(reference, others):
        low, high = row["composer_interval"]
        assert low < row["random"] < high
        assert row["nearer"]["random"] == "composer"
        assert row["nearer"]["markov_chords"] == "tie"
