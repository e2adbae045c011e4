"""Where a training run stands, so that a killed one continues and ends with the same bytes.

torch is imported only by those who train with it: it takes seconds.
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
    """One safetensors file beside the output it leads to, kept until that output is written.

    It belongs to the parameters, inputs and code it was made with: one of another run is
    ignored and overwritten, never continued, and a printed line says so.

    Args:
        output: file that the training leads to; the checkpoint is `OUTPUT.checkpoint`.
        params: parameters of the training.
        inputs: files that the training reads.
        stage: module of the stage. Its own file, the contracts and subpackages of its room and
            `stages/core` are the code that the checkpoint belongs to.
        part: name of one of several trainings that lead to the same output.
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
        for path in [*inputs, *code]:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        self._fingerprint = digest.hexdigest()
        output.when_written(self.remove)

    def save(self, parts: Mapping[str, Any], progress: Any) -> None:
        """Write the state of `parts` (anything with `state_dict`), random state and `progress`.

        `progress` is what the training loop needs beside them, as JSON values.
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
        """Load what `save` wrote into `parts` and return its `progress`; None to start afresh."""
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
        """Write arrays and, as JSON values, what the training loop needs beside them."""
        partial = staged(self.path)
        metadata = {"fingerprint": self._fingerprint, "progress": json.dumps(progress)}
        # An array of no dimension has none to be contiguous in.
        save_file({k: np.asarray(v, order="C") for k, v in arrays.items()}, partial, metadata)
        partial.replace(self.path)

    def restore_arrays(self) -> tuple[dict[str, np.ndarray], Any] | None:
        """Return what `save_arrays` wrote; None to start afresh."""
        try:
            with safe_open(self.path, "np") as file:
                metadata = file.metadata() or {}
                if metadata.get("fingerprint") != self._fingerprint:
                    print(
                        f"{self.path} is of other parameters, inputs or code: starting afresh",
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
        """Delete the checkpoint: its output has been written."""
        self.path.unlink(missing_ok=True)


def _split(value: Any, path: str, tensors: dict[str, Any]) -> Any:
    """Move the tensors inside `value` to `tensors` and return the rest as JSON values.

    Dictionaries become lists of pairs, so that keys that are numbers stay numbers.
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
