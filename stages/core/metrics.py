"""Typed metrics: those of a stage are written and read through one model."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from stages.core.errors import StageError


class Metrics(BaseModel):
    """Metrics or a part of them: read-only, without unknown keys.

    `Output.write_json` writes only the keys that were given, so a key that only some runs have is
    a field with a default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class AccuracyMetrics(Metrics):
    """How well classes are predicted on the test split.

    Attributes:
        accuracy: share of correct predictions.
        accuracy_interval: 95 % interval of the accuracy (Wilson), lower and upper bound.
        macro_f1: mean of the F1 scores of the classes.
    """

    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float


class TrainingMetrics(Metrics):
    """Size and training of a recurrent model.

    Attributes:
        weights: number of trained weights.
        recurrent_multiply_adds_per_step: number of multiply-adds of the recurrent layers in one
            step of one sequence.
        steps_seen: number of training steps of all sequences, over all epochs.
        epochs: number of epochs.
        best_epoch: number of the epoch with the lowest validation loss, from 1.
    """

    weights: int
    recurrent_multiply_adds_per_step: int
    steps_seen: int
    epochs: int
    best_epoch: int


Model = TypeVar("Model", bound=BaseModel)


def read_metrics(path: Path, model: type[Model]) -> Model:
    """Read the metrics that a stage wrote through `model`.

    Raises:
        StageError: the file does not exist, is not JSON or does not fit the model; the message
            names the key.
    """
    rerun = "run the stage that writes it again"
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise StageError(f"{path} does not exist: run the stage that writes it") from None
    except ValidationError as error:
        problems = "; ".join(map(_describe, error.errors(include_url=False)))
        message = f"{path} is damaged or from another version: {problems}; {rerun}"
        raise StageError(message) from None


def _describe(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{key}'"
    if problem["type"] == "missing":
        return f"key '{key}' is missing"
    if problem["type"] == "json_invalid":
        return f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
    return f"'{key}' is {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
