"""Draw the validation and test splits."""

import numpy as np

TRAIN, VALIDATION, TEST = range(3)  # the order of contracts.SPLITS
NOT_GIVEN = -1


def draw_splits(
    given: np.ndarray,
    units: np.ndarray | None,
    strata: np.ndarray,
    validation_share: float,
    test_share: float,
    seed: int,
) -> np.ndarray:
    """Return the split of each document, (documents,).

    Splits that the source gives are kept; if it gives train without validation or test, the
    missing split is drawn from train. Every stratum is sampled in proportion, however small it is.

    Args:
        given: split that the source gives or NOT_GIVEN, (documents,).
        units: unit of each document, (documents,); documents of a unit stay together. None draws
            each document separately.
        strata: stratum of each document, such as its label, (documents,).
        validation_share: share of the units for validation.
        test_share: share of the units for test.
        seed: seed of the draw.
    """
    splits = given.copy()
    generator = np.random.default_rng(seed)
    is_open = given == NOT_GIVEN
    _draw(splits, is_open, units, strata, validation_share, test_share, generator)
    missing_validation, missing_test = (not (given == split).any() for split in (VALIDATION, TEST))
    if (given == TRAIN).any() and (missing_validation or missing_test):
        shares = validation_share * missing_validation, test_share * missing_test
        _draw(splits, given == TRAIN, units, strata, *shares, generator)
    return splits


def _draw(
    splits: np.ndarray,
    among: np.ndarray,
    units: np.ndarray | None,
    strata: np.ndarray,
    validation_share: float,
    test_share: float,
    generator: np.random.Generator,
) -> None:
    rows = np.flatnonzero(among)
    first = unit = np.arange(len(rows))
    if units is not None:
        _, first, unit = np.unique(units[rows], return_index=True, return_inverse=True)
    # Sort the units by stratum, in random order within each, and hold out every n-th unit.
    order = np.lexsort((generator.random(len(first)), strata[rows][first]))
    held_out = validation_share + test_share
    step = np.floor(np.arange(len(first) + 1) * held_out + 1e-9)
    is_held_out = np.diff(step) > 0
    n_held_out = np.cumsum(is_held_out)
    total = n_held_out[-1] if len(n_held_out) else 0
    test_step = np.floor(np.arange(total + 1) * test_share / held_out + 1e-9)
    is_test = np.concatenate([[False], np.diff(test_step) > 0])
    split_of_unit = np.full(len(first), TRAIN, dtype=splits.dtype)
    held_out_split = np.where(is_test[n_held_out], TEST, VALIDATION)
    split_of_unit[order] = np.where(is_held_out, held_out_split, TRAIN)
    splits[rows] = split_of_unit[unit]
