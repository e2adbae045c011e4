"""The metrics of a stage as typed values: written and read through one model for each stage."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from stages.core.errors import StageError


class Metrics(BaseModel):
    """Metrics or a part of them: read-only and closed to keys it does not know.

    `Output.write_json` writes the keys that were given, so a key that only some runs have is a
    field with a default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class AccuracyMetrics(Metrics):
    """How well classes are predicted on the test split.

    Attributes:
        accuracy: share of right predictions.
        accuracy_interval: 95 % interval of the accuracy (Wilson), lower and upper bound.
        macro_f1: mean F1 of all classes.
    """

    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float


class TrainingMetrics(Metrics):
    """Size and training of a recurrent model.

    Attributes:
        weights: trained numbers of the model.
        recurrent_multiply_adds_per_step: multiplications of the recurrent layers in one step of
            one sequence.
        steps_seen: steps of all sequences that the model was trained on, repeated ones included.
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
        StageError: The file does not exist, is not JSON, or has other keys or values than the
            model; the sentence names the key.
    """
    again = "run the stage that writes it again"
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise StageError(f"{path} does not exist: run the stage that writes it") from None
    except ValidationError as error:
        problems = "; ".join(map(_describe, error.errors(include_url=False)))
        raise StageError(f"{path} is damaged or of another version: {problems}; {again}") from None


def _describe(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{key}'"
    if problem["type"] == "missing":
        return f"key '{key}' is missing"
    if problem["type"] == "json_invalid":
        return f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
    return f"'{key}' is {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
