"""Models as safetensors files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

Model = TypeVar("Model", bound=nn.Module)


def save_model(model: nn.Module, arguments: dict[str, Any], path: Path) -> None:
    """Write the weights, with the arguments that build the model in the header of the file."""
    weights = {name: weight.cpu().contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, path, {"arguments": json.dumps(arguments)})


def load_model(path: Path, build: Callable[..., Model]) -> Model:
    """Return the model that `save_model` wrote, made by `build(**arguments)`."""
    with safe_open(path, "pt") as file:
        model = build(**json.loads(file.metadata()["arguments"]))
        model.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    return model.eval()
