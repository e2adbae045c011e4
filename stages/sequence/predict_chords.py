"""Train a model that predicts the next chord of pieces, as 88 independent pitches."""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stages.core import bootstrap
from stages.core.checkpoint import Checkpoint
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output
from stages.metrics.predict_chords import PredictChordsMetrics
from stages.sequence.recurrent.batching import bucket_by_length, pad, sequence_mask
from stages.sequence.recurrent.cells import Recurrent, State, check_cell
from stages.sequence.recurrent.model_files import save_model
from stages.sequence.recurrent.params import TrainingParams
from stages.sequence.recurrent.training import (
    Batch,
    check_memory,
    fit,
    prepare,
    training_costs,
)

# The keys of a piano, from A0.
N_PITCHES, LOWEST_MIDI = 88, 21
# Bootstrap samples of the pieces.
RESAMPLES = 1000
# Longer pieces are cut into passages for training, because back-propagation keeps all steps.
LONGEST = 1000


class PredictChordsParams(TrainingParams):
    """The section `sequence.predict_chords`."""

    embedding_size: int = Field(ge=1)


class ChordModel(nn.Module):
    """Projection of the chord, stacked cells, and the log-odds of each pitch of the next chord.

    Given the previous chords, the pitches of a chord are independent: the recurrent baseline of
    Boulanger-Lewandowski et al. 2012 (arXiv:1206.6392).

    Args:
        cell: key of `CELLS`
        embedding_size: width of the projection
        hidden_size: width of each layer
        layers: number of layers
        dropout: shares before, between and after the layers
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
        """Start from predicting each pitch by its frequency, (pitches,)."""
        with torch.no_grad():
            self.output.bias.copy_(probabilities.logit())

    def forward(self, chords: Tensor) -> Tensor:
        """Return the log-odds of each pitch of the next chord, (time, batch, pitches).

        Args:
            chords: sounding pitches, 0 or 1, (time, batch, pitches)
        """
        hidden, _ = self.recurrent(self.embedding(chords))  # (time, batch, hidden)
        return self.output(hidden)


def transposition(tonic_pitch_class: int, mode: str) -> int:
    """Return the semitones, from -6 to 5, that move a piece in major to C and in minor to A."""
    target = 9 if mode == "minor" else 0
    return (target - tonic_pitch_class + 6) % 12 - 6


def chords(notes: pd.DataFrame) -> Tensor:
    """Return the pitches that sound at each quarter note of a piece, 0 or 1, (time, pitches).

    A note sounds from its onset until just before its end.
    """
    starts = np.ceil(notes["onset_beats"].to_numpy() - 1e-6).astype(int)
    ends = np.ceil((notes["onset_beats"] + notes["duration_beats"]).to_numpy() - 1e-6).astype(int)
    roll = np.zeros((ends.max(initial=0), N_PITCHES), dtype=np.float32)
    for start, end, pitch in zip(starts, ends, notes["pitch_midi"] - LOWEST_MIDI, strict=True):
        roll[start:end, pitch] = 1
    return torch.from_numpy(roll)


def read(notes: Path, pieces: Path) -> tuple[dict[str, list[Tensor]], Counter[str]]:
    """Return the chords of the pieces of each split, transposed to C major or A minor.

    Also return what is left out: the number of `drums`, of notes `outside_piano`, which have no
    key on a piano, and of pieces of a `single_chord` at most without them.

    Raises:
        StageError: a split has no piece
    """
    table = pd.read_parquet(notes)
    left_out = Counter(drums=int(table["is_drum"].sum()), outside_piano=0, single_chord=0)
    notes_of = dict(list(table[~table["is_drum"]].groupby("piece_id", sort=False)))
    splits: dict[str, list[Tensor]] = {"train": [], "validation": [], "test": []}
    for piece in pd.read_parquet(pieces).itertuples():
        played = notes_of[piece.piece_id]
        shift = transposition(piece.tonic_pitch_class, piece.mode)
        pitches = played["pitch_midi"] + shift
        has_key = pitches.between(LOWEST_MIDI, LOWEST_MIDI + N_PITCHES - 1)
        left_out["outside_piano"] += int((~has_key).sum())
        roll = chords(played.assign(pitch_midi=pitches)[has_key])
        if len(roll) < 2:
            left_out["single_chord"] += 1
        else:
            splits[piece.split].append(roll)
    for split, rolls in splits.items():
        if not rolls:
            raise StageError(
                f"{pieces} has no piece of two chords or more in the {split} split: bring more "
                "pieces"
            )
    return splits, left_out


def passages(pieces: list[Tensor]) -> list[Tensor]:
    """Return the pieces, each (time, pitches), cut into passages of at most `LONGEST` chords."""
    return [part for piece in pieces for part in piece.split(LONGEST) if len(part) > 1]


def batches(pieces: list[Tensor], params: PredictChordsParams, epoch: int) -> Iterator[Batch]:
    """Yield chords, (time, batch, pitches), and the number of chords of each piece, (batch,)."""
    lengths = [len(piece) for piece in pieces]
    for indices in bucket_by_length(lengths, params.batch_size, params.seed, epoch):
        yield pad([pieces[index] for index in indices])


def nats(model: ChordModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the negative log-likelihood of each frame in nats, and the mask of the pieces.

    Both are (time - 1, batch): the first frame of a piece is not predicted.
    """
    frames, lengths = batch
    loss = functional.binary_cross_entropy_with_logits(
        model(frames[:-1]), frames[1:], reduction="none"
    )
    return loss.sum(2), sequence_mask(len(frames) - 1, lengths - 1)


def loss(model: ChordModel, batch: Batch, state: State) -> tuple[Tensor, int, State]:
    """Return the mean negative log-likelihood in nats per frame, and the number of frames."""
    of_frame, mask = nats(model, batch)
    return of_frame[mask].mean(), int(mask.sum()), None


@torch.no_grad()
def evaluate(model: ChordModel, pieces: list[Tensor], batch_size: int) -> np.ndarray:
    """Return the nats and the number of predicted frames of each piece, (pieces, 2)."""
    model.eval()
    device = next(model.parameters()).device
    rows = []
    for start in range(0, len(pieces), batch_size):
        batch = pad(pieces[start : start + batch_size])
        of_frame, mask = nats(model, tuple(part.to(device) for part in batch))
        rows.append(torch.stack([(of_frame.double() * mask).sum(0), mask.sum(0)], 1).cpu())
    return torch.cat(rows).numpy()


def per_frame(result: np.ndarray) -> float:
    """Return the nats per frame of all pieces, from the result of `evaluate`."""
    return float(result[:, 0].sum() / result[:, 1].sum())


def interval(result: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the 95 % interval of the nats per frame, from the result of `evaluate`.

    It is the percentile bootstrap (Efron 1979) over whole pieces, since the frames of a piece are
    not independent.
    """
    draws = bootstrap.resample(len(result), RESAMPLES, seed)
    totals = result[draws].sum(1)  # (resamples, 2)
    return bootstrap.interval(totals[:, 0] / totals[:, 1])


def frequencies(pieces: list[Tensor]) -> Tensor:
    """Return the share of frames in which each pitch sounds, (pitches,), add-one-half smoothed."""
    frames = torch.cat(pieces)
    return (frames.sum(0) + 0.5) / (len(frames) + 1)


def frequency_nats(pieces: list[Tensor], probabilities: Tensor) -> float:
    """Return the nats per frame of predicting each pitch by its frequency alone."""
    frames = torch.cat([piece[1:] for piece in pieces])
    of_pitches = functional.binary_cross_entropy(
        probabilities.expand_as(frames), frames, reduction="none"
    )
    return of_pitches.sum(1).double().mean().item()


def check(*, cell: str) -> None:
    """Check that the cell is known."""
    check_cell(cell)


@command
def main(
    *,
    params: PredictChordsParams,
    cell: str,
    notes: Input,
    pieces: Input,
    model: Output,
    curve: Output,
    metrics: Output,
) -> None:
    """Train a model that predicts the next chord of pieces, as 88 independent pitches.

    Args:
        cell: recurrent cell; sequence.cells lists them
    """
    device = prepare(params)
    splits, left_out = read(notes, pieces)
    train = passages(splits["train"])
    arguments = {"cell": cell, "embedding_size": params.embedding_size, **params.stack()}
    network = ChordModel(**arguments)
    longest = max(map(len, train))
    check_memory(network.recurrent, longest, params.batch_size, device)
    probabilities = frequencies(splits["train"])
    network.start_from(probabilities)
    network, history = fit(
        network.to(device),
        lambda epoch: batches(train, params, epoch),
        math.ceil(len(train) / params.batch_size),
        loss,
        lambda network: {
            "loss": per_frame(evaluate(network, splits["validation"], params.batch_size))
        },
        params,
        Checkpoint(model, params, [notes, pieces], Path(__file__)),
    )

    results = {name: evaluate(network, split, params.batch_size) for name, split in splits.items()}
    save_model(network, arguments, model.path)
    curve.write_csv(pd.DataFrame(history))
    metrics.write_json(
        PredictChordsMetrics(
            nats_per_frame={name: per_frame(result) for name, result in results.items()},
            test_interval=interval(results["test"], params.seed),
            pitch_frequency_nats_per_frame={
                name: frequency_nats(split, probabilities) for name, split in splits.items()
            },
            pieces={name: len(result) for name, result in results.items()},
            frames={name: int(result[:, 1].sum()) for name, result in results.items()},
            left_out=dict(left_out),
            **training_costs(network, network.recurrent, history),
        )
    )
