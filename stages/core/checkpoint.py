"""Checkpoints of training runs: a killed run continues and ends with the same bytes.

torch is imported only in the functions that need it, because importing it takes seconds.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stages.core.outputs import Output, staged
from stages.core.params import Params


class Checkpoint:
    """The state of a training run, in a safetensors file next to the output of the training.

    The file is deleted once the output has been written. A checkpoint of other parameters, inputs
    or code is never continued: the run prints a line, starts afresh and overwrites it.

    Args:
        output: output of the training; the checkpoint is `OUTPUT.checkpoint`.
        params: parameters of the training.
        inputs: input files of the training.
        stage: path of the stage's module. The code of the training is this file, the contracts
            and subpackages of its room, and `stages/core`.
        part: name of the training, if several have the same output.
    """

    def __init__(
        self, output: Output, params: Params, inputs: list[Path], stage: Path, part: str = ""
    ):
        name = f"{output.target.name}.{part}" if part else output.target.name
        self.path = output.target.with_name(f"{name}.checkpoint")
        room, core = stage.parent, Path(__file__).parent
        shared = [*room.glob("contracts.py"), *room.glob("*/**/*.py"), *core.glob("*.py")]
        code = [stage, *sorted(shared)]
        digest = hashlib.sha256(params.model_dump_json().encode())
        digest.update(json.dumps(output.words, sort_keys=True).encode())
        for path in [*inputs, *code]:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        self._fingerprint = digest.hexdigest()
        output.when_written(self.remove)

    def save(self, parts: Mapping[str, Any], progress: Any) -> None:
        """Save the random state and the state of a training run.

        Args:
            parts: objects with a `state_dict`, by name.
            progress: further state of the training loop, JSON values.
        """
        import torch

        state = {name: part.state_dict() for name, part in parts.items()}
        tensors = {"random_state": torch.get_rng_state()}
        if torch.cuda.is_initialized():
            tensors["cuda_random_state"] = torch.cuda.get_rng_state()
        skeleton = _split(state, "", tensors)
        arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
        self.save_arrays(arrays, {"skeleton": skeleton, "progress": progress})

    def restore(self, parts: Mapping[str, Any]) -> Any:
        """Restore the state of `parts` and return `progress`; None to start afresh."""
        import torch

        saved = self.restore_arrays()
        if saved is None:
            return None
        arrays, state = saved
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        states = _join(state["skeleton"], tensors)
        for name, part in parts.items():
            part.load_state_dict(states[name])
        torch.set_rng_state(tensors["random_state"])
        if "cuda_random_state" in tensors:
            torch.cuda.set_rng_state(tensors["cuda_random_state"])
        return state["progress"]

    def save_arrays(self, arrays: Mapping[str, np.ndarray], progress: Any) -> None:
        """Save arrays and further state of the training loop (`progress`, JSON values)."""
        partial = staged(self.path)
        metadata = {"fingerprint": self._fingerprint, "progress": json.dumps(progress)}
        # `np.ascontiguousarray` would give a scalar a dimension.
        save_file({k: np.asarray(v, order="C") for k, v in arrays.items()}, partial, metadata)
        partial.replace(self.path)

    def restore_arrays(self) -> tuple[dict[str, np.ndarray], Any] | None:
        """Return the arrays and the progress that were saved; None to start afresh."""
        try:
            with safe_open(self.path, "np") as file:
                metadata = file.metadata() or {}
                if metadata.get("fingerprint") != self._fingerprint:
                    print(
                        f"{self.path} has other parameters, inputs or code: starting afresh",
                        flush=True,
                    )
                    return None
                arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except FileNotFoundError:
            return None
        except SafetensorError:
            print(f"{self.path} is damaged: starting afresh", flush=True)
            return None
        return arrays, json.loads(metadata["progress"])

    def remove(self) -> None:
        """Delete the checkpoint."""
        self.path.unlink(missing_ok=True)


def _split(value: Any, path: str, tensors: dict[str, Any]) -> Any:
    """Move the tensors in `value` to `tensors` and return the rest as JSON values.

    Dictionaries become lists of pairs, because JSON would turn numeric keys into strings.
    """
    import torch

    if isinstance(value, torch.Tensor):
        tensors[path] = value.detach()
        return {"tensor": path}
    if isinstance(value, Mapping):
        return {"pairs": [[k, _split(v, f"{path}/{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        return {"items": [_split(v, f"{path}/{i}", tensors) for i, v in enumerate(value)]}
    return {"value": value}


def _join(skeleton: Any, tensors: dict[str, Any]) -> Any:
    if "tensor" in skeleton:
        return tensors[skeleton["tensor"]]
    if "pairs" in skeleton:
        return {key: _join(value, tensors) for key, value in skeleton["pairs"]}
    if "items" in skeleton:
        return [_join(value, tensors) for value in skeleton["items"]]
    return skeleton["value"]
