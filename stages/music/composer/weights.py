"""The file of a trained composer: the networks' weights, and the shape to rebuild them from."""

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from stages.music.composer.networks import Critic, Generator, Shape
from stages.music.notes.pianoroll import Grid


def save_composer(generator: Generator, critic: Critic, path: Path) -> None:
    """Write the weights of both networks and their shape."""
    weights = {
        f"{name}.{key}": value.cpu()
        for name, network in (("generator", generator), ("critic", critic))
        for key, value in network.state_dict().items()
    }
    shape = {**generator.shape._asdict(), "grid": generator.shape.grid._asdict()}
    save_file(weights, path, {"shape": json.dumps(shape)})


def read_shape(path: Path) -> Shape:
    """Return the shape of the networks that `save_composer` wrote."""
    with safe_open(path, "pt") as file:
        values = json.loads(file.metadata()["shape"])
    grid = Grid(**values.pop("grid"))
    lists = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    return Shape(grid=grid, **lists)


def read_composer(path: Path) -> tuple[Generator, Critic]:
    """Return the networks that `save_composer` wrote."""
    shape = read_shape(path)
    generator, critic = Generator(shape, dropout=0.0).eval(), Critic(shape).eval()
    with safe_open(path, "pt") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    for name, network in (("generator", generator), ("critic", critic)):
        own = {k.removeprefix(f"{name}."): v for k, v in weights.items() if k.startswith(name)}
        network.load_state_dict(own)
    return generator, critic
