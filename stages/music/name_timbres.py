"""Find the latent of each known timbre, by which it can be asked for."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pydantic import Field
from safetensors.torch import load_file
from torch import Tensor

from stages.core.command import Input, command
from stages.core.outputs import Table
from stages.core.params import Params
from stages.core.products import use_openblas
from stages.core.progress import progress
from stages.music.contracts import TIMBRES
from stages.music.player.networks import Generator, read_harmonic_player

# Notes of a timbre that its latent is found from.
NOTES = 24
STEP_SIZE = 0.05
# Weight of the latent's own length beside the distance: far from 0 the generator has not learned.
LENGTH_WEIGHT = 0.0001


class NameTimbresParams(Params):
    """The section `music.name_timbres`."""

    candidates: int = Field(ge=1)
    starts: int = Field(ge=1)
    steps: int = Field(ge=0)
    seed: int


def search(
    generator: Generator, real: Tensor, conditions: Tensor, params: NameTimbresParams
) -> Tensor:
    """Return the latent whose notes are nearest to real ones, (latent_size,).

    The best of random latents are improved by gradient descent.

    Args:
        generator: generator of notes
        real: components of the notes of one timbre, (notes, components)
        conditions: their pitch and velocity, (notes, conditions)
        params: parameters of the search
    """
    random = torch.Generator().manual_seed(params.seed)
    latents = torch.randn(params.candidates, generator.shape.latent_size, generator=random)

    def distances(latents: Tensor) -> Tensor:
        shape = (len(latents), len(real), -1)
        drawn = generator(latents[:, None].expand(shape), conditions.expand(shape))
        return (drawn - real).square().mean((1, 2))

    with torch.no_grad():
        first = torch.cat([distances(some) for some in latents.split(64)])
    chosen = latents[first.argsort(stable=True)[: params.starts]].clone().requires_grad_()
    optimizer = torch.optim.Adam([chosen], STEP_SIZE)
    for _ in range(params.steps):
        away = distances(chosen)
        loss = (away + LENGTH_WEIGHT * chosen.square().sum(1)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return chosen[distances(chosen).argmin()]


@command
def main(
    *,
    params: NameTimbresParams,
    sounds: Input,
    curves: Input,
    player: Input,
    timbres: Table[TIMBRES],
) -> None:
    """Find the latent of each known timbre, by which it can be asked for.

    Args:
        curves: curves of the notes in `sounds`
        timbres: latents, and how many decibels their notes differ from the real ones
    """
    use_openblas()
    torch.set_num_threads(1)
    columns = ["split", "timbre", "is_new_timbre", "pitch_midi", "velocity"]
    rows = pq.read_table(sounds, columns=columns).to_pandas()
    vectors = load_file(curves)["vectors"]
    generator = read_harmonic_player(player)
    found = []
    train = rows[rows["split"] == "train"].sort_values("pitch_midi", kind="stable")
    for name, own in progress(list(train.groupby("timbre")), "naming timbres"):
        some = own.iloc[np.linspace(0, len(own) - 1, min(NOTES, len(own))).round().astype(int)]
        real = vectors[some.index].float()
        told = generator.shape.conditions(
            *(torch.tensor(some[key].to_numpy()) for key in ("pitch_midi", "velocity"))
        )
        latent = search(generator, generator.project(real), told, params)
        with torch.no_grad():
            drawn = generator.values(generator(latent.expand(len(some), -1), told))
        found.append(
            {
                "timbre": name,
                "is_new_timbre": bool(own["is_new_timbre"].iloc[0]),
                "error_db": float((drawn - real).square().mean().sqrt()),
                "latent": latent.tolist(),
            }
        )
    timbres.write(pa.Table.from_pandas(pd.DataFrame(found), timbres.schema, preserve_index=False))
