"""Train a model that predicts the next chord of chorales, as 88 independent pitches."""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.core.outputs import Outputs
from stages.core.params import load
from stages.sequence.cells import CELLS, Recurrent, State
from stages.sequence.padding import inside, pad, similar_lengths
from stages.sequence.training import (
    Batch,
    TrainingParams,
    check_memory,
    count,
    fit,
    prepare,
    save_model,
)

# The keys of a piano, from A0.
N_PITCHES, LOWEST_MIDI = 88, 21
# Pieces drawn again, with replacement, to see how far chance in choosing them reaches.
RESAMPLES = 1000


class PredictChordsParams(TrainingParams):
    """The section `sequence.predict_chords`."""

    embedding_size: int = Field(ge=1)


class ChordModel(nn.Module):
    """Projection of the chord, stacked cells, and a log-odds for each pitch of the next one.

    The pitches of a chord are taken as independent given the chords before, which is the
    recurrent baseline of Boulanger-Lewandowski et al. 2012 (arXiv:1206.6392).
    """

    def __init__(
        self,
        cell: str,
        embedding_size: int,
        hidden_size: int,
        layers: int,
        dropout: tuple[float, float, float],
    ):
        super().__init__()
        self.embedding = nn.Linear(N_PITCHES, embedding_size)
        self.recurrent = Recurrent(cell, embedding_size, hidden_size, layers, dropout)
        self.output = nn.Linear(hidden_size, N_PITCHES)

    def start_from(self, probabilities: Tensor) -> None:
        """Begin with predicting each pitch by its frequency, of shape (pitches,)."""
        with torch.no_grad():
            self.output.bias.copy_(probabilities.logit())

    def forward(self, chords: Tensor) -> Tensor:
        """Return the log-odds of each pitch of the chord after each.

        Args:
            chords: which pitches sound, 0 or 1, of shape (time, batch, pitches).
        """
        hidden, _ = self.recurrent(self.embedding(chords))  # (time, batch, hidden)
        return self.output(hidden)


def transposition(notes: pd.DataFrame) -> int:
    """Return the semitones, from -6 to 5, that take a piece to C major or A minor.

    A chorale ends on its tonic: it is the lowest note of the last chord. Key signatures would not
    do, since many pieces in minor are written with a flat fewer than today. The mode is the third
    that sounds longer over the piece: the last chord of a piece in minor is often in major.
    """
    ends = notes["onset_beats"] + notes["duration_beats"]
    tonic = int(notes["pitch_midi"][ends == ends.max()].min())
    sounding = np.bincount(
        (notes["pitch_midi"] - tonic) % 12, weights=notes["duration_beats"], minlength=12
    )
    target = 9 if sounding[3] > sounding[4] else 0
    return (target - tonic + 6) % 12 - 6


def chords(notes: pd.DataFrame) -> Tensor:
    """Return what sounds at each quarter note of a piece, 0 or 1, of shape (time, pitches).

    A note sounds from its onset to just before its end.
    """
    starts = np.ceil(notes["onset_beats"].to_numpy() - 1e-6).astype(int)
    ends = np.ceil((notes["onset_beats"] + notes["duration_beats"]).to_numpy() - 1e-6).astype(int)
    roll = np.zeros((ends.max(), N_PITCHES), dtype=np.float32)
    for start, end, pitch in zip(starts, ends, notes["pitch_midi"] - LOWEST_MIDI, strict=True):
        roll[start:end, pitch] = 1
    return torch.from_numpy(roll)


def read(notes: Path, pieces: Path) -> dict[str, list[Tensor]]:
    """Return the chords of every piece of each split, all in C major or A minor.

    Raises:
        StageError: a split has no piece, or a piece has fewer than two chords, or a pitch that a
            piano lacks.
    """
    of_piece = dict(list(pd.read_parquet(notes).groupby("piece_id", sort=False)))
    splits: dict[str, list[Tensor]] = {"train": [], "validation": [], "test": []}
    for piece in pd.read_parquet(pieces).itertuples():
        own = of_piece[piece.piece_id]
        own = own.assign(pitch_midi=own["pitch_midi"] + transposition(own))
        if not own["pitch_midi"].between(LOWEST_MIDI, LOWEST_MIDI + N_PITCHES - 1).all():
            raise StageError(
                f"{notes}: piece {piece.piece_id} in C has pitches from {own['pitch_midi'].min()} "
                f"to {own['pitch_midi'].max()}, and a piano those from 21 to 108: leave it out"
            )
        roll = chords(own)
        if len(roll) < 2:
            raise StageError(f"{notes}: piece {piece.piece_id} has a single chord: leave it out")
        splits[piece.split].append(roll)
    for split, own in splits.items():
        if not own:
            raise StageError(f"{pieces} has no piece in the {split} split: bring more")
    return splits


def batches(pieces: list[Tensor], params: PredictChordsParams, epoch: int) -> Iterator[Batch]:
    """Yield chords, of shape (time, batch, pitches), and the number of chords of each piece."""
    lengths = [len(piece) for piece in pieces]
    for places in similar_lengths(lengths, params.batch_size, params.seed, epoch):
        yield pad([pieces[place] for place in places])


def nats(model: ChordModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the negative log-likelihood of each frame and whether it counts: (time - 1, batch).

    The first frame of a piece, before which nothing is known, is not predicted.
    """
    frames, lengths = batch
    loss = functional.binary_cross_entropy_with_logits(
        model(frames[:-1]), frames[1:], reduction="none"
    )
    return loss.sum(2), inside(len(frames) - 1, lengths - 1)


def loss(model: ChordModel, batch: Batch, state: State) -> tuple[Tensor, int, State]:
    """Return the mean negative log-likelihood in nats per frame, and the number of frames."""
    of_frame, counts = nats(model, batch)
    return of_frame[counts].mean(), int(counts.sum()), None


@torch.no_grad()
def judge(model: ChordModel, pieces: list[Tensor], batch_size: int) -> np.ndarray:
    """Return the nats and the number of predicted frames of each piece, of shape (pieces, 2)."""
    model.eval()
    device = next(model.parameters()).device
    rows = []
    for start in range(0, len(pieces), batch_size):
        batch = pad(pieces[start : start + batch_size])
        of_frame, counts = nats(model, tuple(part.to(device) for part in batch))
        rows.append(torch.stack([(of_frame.double() * counts).sum(0), counts.sum(0)], 1).cpu())
    return torch.cat(rows).numpy()


def per_frame(judged: np.ndarray) -> float:
    """Return the nats per frame of pieces judged by `judge`."""
    return float(judged[:, 0].sum() / judged[:, 1].sum())


def interval(judged: np.ndarray, seed: int) -> list[float]:
    """Return between which values the nats per frame lie for 95 % of draws of as many pieces.

    The percentile bootstrap (Efron 1979) over whole pieces, whose frames are not independent.
    """
    draws = np.random.default_rng(seed).integers(len(judged), size=(RESAMPLES, len(judged)))
    totals = judged[draws].sum(1)  # (resamples, 2)
    return np.quantile(totals[:, 0] / totals[:, 1], [0.025, 0.975]).tolist()


def frequencies(pieces: list[Tensor]) -> Tensor:
    """Return how often each pitch sounds, add-one-half smoothed, of shape (pitches,)."""
    frames = torch.cat(pieces)
    return (frames.sum(0) + 0.5) / (len(frames) + 1)


def frequency_nats(pieces: list[Tensor], probabilities: Tensor) -> float:
    """Return the nats per frame of predicting each pitch by its frequency alone."""
    frames = torch.cat([piece[1:] for piece in pieces])
    each = functional.binary_cross_entropy(
        probabilities.expand_as(frames), frames, reduction="none"
    )
    return each.sum(1).double().mean().item()


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, train, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", choices=list(CELLS))
    parser.add_argument("notes", type=Path)
    parser.add_argument("pieces", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("curve", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, PredictChordsParams)

    device = prepare(params)
    splits = read(args.notes, args.pieces)
    arguments = {
        "cell": args.cell,
        "embedding_size": params.embedding_size,
        "hidden_size": params.hidden_size,
        "layers": params.layers,
        "dropout": params.dropout.shares(),
    }
    model = ChordModel(**arguments)
    longest = max(len(piece) for pieces in splits.values() for piece in pieces)
    check_memory(model.recurrent, longest, params.batch_size, device)
    probabilities = frequencies(splits["train"])
    model.start_from(probabilities)
    checkpoint = Checkpoint(args.model, params, [args.notes, args.pieces], Path(__file__).parent)
    model, history = fit(
        model.to(device),
        lambda epoch: batches(splits["train"], params, epoch),
        math.ceil(len(splits["train"]) / params.batch_size),
        loss,
        lambda model: {"loss": per_frame(judge(model, splits["validation"], params.batch_size))},
        params,
        checkpoint,
    )

    judged = {name: judge(model, pieces, params.batch_size) for name, pieces in splits.items()}
    with Outputs() as outputs:
        save_model(model, arguments, outputs.aside(args.model))
        pd.DataFrame(history).to_csv(outputs.aside(args.curve), index=False)
        outputs.json(
            args.metrics,
            {
                "nats_per_frame": {name: per_frame(own) for name, own in judged.items()},
                "test_interval": interval(judged["test"], params.seed),
                "pitch_frequency_nats_per_frame": {
                    name: frequency_nats(pieces, probabilities) for name, pieces in splits.items()
                },
                "pieces": {name: len(own) for name, own in judged.items()},
                "frames": {name: int(own[:, 1].sum()) for name, own in judged.items()},
                **count(model, model.recurrent, history),
            },
        )
    checkpoint.remove()
