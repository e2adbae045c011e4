"""Draw validation and test documents."""

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
    """Return the split of each document, of shape (documents,).

    Splits that the source gives stay, but that validation and test are drawn from train where it
    gives train without them. Every stratum is drawn from in proportion, however small it is.

    Args:
        given: the split that the source says or NOT_GIVEN, of shape (documents,).
        units: documents of the same unit stay together, of shape (documents,); None draws each by
            itself.
        strata: what is to be found in every split alike, such as labels, of shape (documents,).
        validation_share: of the units that go to validation.
        test_share: of those that go to test.
        seed: of the draw.
    """
    splits = given.copy()
    generator = np.random.default_rng(seed)
    open_ = given == NOT_GIVEN
    _draw(splits, open_, units, strata, validation_share, test_share, generator)
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
    # In order of the strata, and by chance within each, every n-th unit is held out.
    order = np.lexsort((generator.random(len(first)), strata[rows][first]))
    held_out = validation_share + test_share
    step = np.floor(np.arange(len(first) + 1) * held_out + 1e-9)
    is_held_out = np.diff(step) > 0
    number = np.cumsum(is_held_out)
    test_step = np.floor(np.arange(number[-1] + 1 if len(number) else 1) * test_share / held_out
                         + 1e-9)  # fmt: skip
    is_test = np.concatenate([[False], np.diff(test_step) > 0])
    split_of_unit = np.full(len(first), TRAIN, dtype=splits.dtype)
    split_of_unit[order] = np.where(is_held_out, np.where(is_test[number], TEST, VALIDATION), TRAIN)
    splits[rows] = split_of_unit[unit]
