"""The file of a trained composer: the generator's weights, and the shape to rebuild it from."""

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from stages.music.composer.networks import Generator, Shape


def save_composer(generator: Generator, path: Path) -> None:
    """Write the weights and the shape of a generator."""
    save_file(generator.state_dict(), path, {"shape": json.dumps(generator.shape._asdict())})


def read_composer(path: Path) -> Generator:
    """Return the generator that `save_composer` wrote."""
    with safe_open(path, "pt") as file:
        values = json.loads(file.metadata()["shape"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    lists = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    generator = Generator(Shape(**lists)).eval()
    generator.load_state_dict(weights)
    return generator
