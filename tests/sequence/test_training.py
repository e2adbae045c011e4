import math
import multiprocessing
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import nn

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.core.outputs import Output, Staging
from stages.sequence.recurrent import training
from stages.sequence.recurrent.cells import CELLS, Recurrent
from stages.sequence.recurrent.model_files import load_model, save_model
from stages.sequence.recurrent.params import TrainingParams
from stages.sequence.recurrent.training import (
    check_memory,
    fit,
    learning_rate,
    prepare,
    training_costs,
)

PARAMS = {
    "hidden_size": 8,
    "layers": 2,
    "dropout": {"before": 0.0, "between": 0.2, "after": 0.2},
    "batch_size": 8,
    "learning_rate": 0.02,
    "learning_rate_decay": 0.5,
    "gradient_norm": 1.0,
    "epochs": 4,
    "patience": 4,
    "device": "cpu",
    "seed": 3,
}


class Delay(nn.Module):
    """Outputs the bit that it read one step earlier."""

    def __init__(self, cell, hidden_size, layers, dropout):
        super().__init__()
        self.recurrent = Recurrent(cell, 1, hidden_size, layers, dropout)
        self.output = nn.Linear(hidden_size, 1)

    def forward(self, bits, state=None):
        hidden, state = self.recurrent(bits, state)
        return self.output(hidden), state


def loss(model, batch, state):
    output, state = model(batch[0], state)
    target = torch.cat([torch.zeros_like(batch[0][:1]), batch[0][:-1]])
    value = nn.functional.binary_cross_entropy_with_logits(output[1:], target[1:])
    return value, target[1:].numel(), state


def bits(seed):
    drawn = torch.randint(2, (12, 8, 1), generator=torch.Generator().manual_seed(seed))
    return (drawn.float(),)


def train(folder: Path, cell="lstm", loss=loss, steps=6, **changes):
    """Train on delayed bits; return the model's bytes and the curve."""
    params = TrainingParams.model_validate({**PARAMS, **changes})
    prepare(params)
    checkpoint = Checkpoint(Output(folder / "model", Staging()), params, [], Path(__file__))
    model, history = fit(
        Delay(cell, **params.stack()),
        lambda epoch: (bits(100 * epoch + step) for step in range(steps)),
        steps,
        loss,
        lambda model: {"loss": loss(model, bits(1), None)[0].item()},
        params,
        checkpoint,
    )
    return save(model.state_dict()), history


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns_and_runs_are_equal(cell, tmp_path):
    first = train(tmp_path / "a", cell, epochs=20, learning_rate=0.04)
    losses = [row["validation_loss"] for row in first[1]]
    assert losses[0] > 0.15 > 0.05 > min(losses)
    assert train(tmp_path / "b", cell, epochs=20, learning_rate=0.04) == first


@pytest.mark.parametrize("after", [1, 8, 13, 24])
def test_killed_after_any_step_it_ends_with_the_same_bytes(after, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    expected = train(tmp_path / "a")
    calls = []

    def dying(model, batch, state):
        if model.training:
            calls.append(batch)
        if len(calls) == after:
            raise KeyboardInterrupt
        return loss(model, batch, state)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "b", loss=dying)
    calls.append(None)
    assert train(tmp_path / "b", loss=dying) == expected
    assert len(calls) == 24 + 2  # of 4 epochs of 6 steps only the one it died in was taken twice


def test_a_process_that_is_killed_goes_on(tmp_path, monkeypatch):
    """The state carried over, dropout, Adam's moments: all of it comes back."""
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)

    def slow(*batch):
        time.sleep(0.02)
        return loss(*batch)

    process = multiprocessing.get_context("fork").Process(
        target=lambda: (train(tmp_path / "a", loss=slow), (tmp_path / "done").touch())
    )
    process.start()
    checkpoint = tmp_path / "a/model.checkpoint"
    while not checkpoint.exists():
        assert process.is_alive()
        time.sleep(0.01)
    time.sleep(0.2)
    process.kill()
    process.join()
    assert checkpoint.exists()
    assert not (tmp_path / "done").exists()
    assert train(tmp_path / "a") == train(tmp_path / "b")


def test_checkpoint_of_other_params_starts_afresh_and_says_so(tmp_path, capsys):
    expected = train(tmp_path / "a", learning_rate=0.01)
    train(tmp_path / "b")
    assert train(tmp_path / "b", learning_rate=0.01) == expected
    assert "model.checkpoint has other parameters, inputs or code" in capsys.readouterr().out
    (tmp_path / "b/model.checkpoint").write_bytes(b"{")
    assert train(tmp_path / "b", learning_rate=0.01) == expected
    assert "model.checkpoint is damaged: starting afresh" in capsys.readouterr().out


def test_training_stops_when_validation_no_longer_improves(tmp_path):
    first, history = train(tmp_path / "a", epochs=60, patience=2, learning_rate=0.3)
    losses = [row["validation_loss"] for row in history]
    assert len(history) < 60
    assert losses.index(min(losses)) == len(losses) - 3
    # The model of the best epoch is what comes back.
    assert train(tmp_path / "b", epochs=len(losses) - 2, learning_rate=0.3)[0] == first


def test_a_loss_that_is_not_a_number_stops_and_says_where(tmp_path):
    def broken(model, batch, state):
        value, terms, state = loss(model, batch, state)
        return value * (math.nan if batch[0].equal(bits(203)[0]) else 1), terms, state

    with pytest.raises(StageError, match="the loss is nan at step 3 of epoch 2: lower"):
        train(tmp_path, loss=broken)


def test_a_gradient_that_is_not_a_number_stops_and_says_where(tmp_path):
    def broken(model, batch, state):
        value, terms, state = loss(model, batch, state)
        return value + (model.output.bias - model.output.bias).abs().sqrt().sum(), terms, state

    with pytest.raises(StageError, match="the norm of the gradient is nan at step 0 of epoch 1"):
        train(tmp_path, loss=broken)


def test_gradients_are_clipped_and_counted(tmp_path):
    _, history = train(tmp_path / "a", gradient_norm=1e-9)
    assert [row["clipped_share"] for row in history] == [1.0] * 4
    assert all(row["gradient_norm"] > 1e-9 for row in history)
    _, history = train(tmp_path / "b", gradient_norm=1e9)
    assert [row["clipped_share"] for row in history] == [0.0] * 4


def test_learning_rate_falls_in_a_line_or_when_nothing_is_gained():
    linear = TrainingParams.model_validate({**PARAMS, "learning_rate_decay": "linear"})
    rows = [{"validation_loss": value} for value in (1.0, 0.5, 0.4999, 0.6, 0.4)]
    assert learning_rate([], 0.0, linear) == 0.02
    assert learning_rate(rows[:1], 0.5, linear) == pytest.approx(0.02 * (1 - 1.5 / 4))
    plateau = TrainingParams.model_validate(PARAMS)
    rates = [learning_rate(rows[:n], 0.5, plateau) for n in range(6)]
    assert rates == [0.02, 0.02, 0.02, 0.01, 0.005, 0.005]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_an_error():
    with pytest.raises(StageError, match="device is cuda, but torch sees no GPU here"):
        prepare(TrainingParams.model_validate({**PARAMS, "device": "cuda"}))


def test_sequences_longer_than_memory_are_an_error():
    stack = Recurrent("lstm", 1, 64, 2)
    check_memory(stack, 1000, 32, torch.device("cpu"))
    with pytest.raises(StageError, match="32 sequences of 1000000000 steps need about"):
        check_memory(stack, 10**9, 32, torch.device("cpu"))


def test_a_saved_model_gives_the_same_outputs(tmp_path):
    arguments = {"cell": "lstm_peephole", "hidden_size": 8, "layers": 2, "dropout": [0.1, 0, 0]}
    model = Delay(**arguments).eval()
    save_model(model, arguments, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors", Delay)
    assert torch.equal(again(bits(1)[0])[0], model(bits(1)[0])[0])


def test_costs_are_counted(tmp_path):
    _, history = train(tmp_path)
    model = Delay("rnn", 8, 1, (0.0, 0.0, 0.0))
    losses = [row["validation_loss"] for row in history]
    assert training_costs(model, model.recurrent, history) == {
        "weights": 8 * (1 + 8 + 2) + 8 + 1,
        "recurrent_multiply_adds_per_step": 8 * (1 + 8),
        "steps_seen": 4 * 6 * 12 * 8,
        "epochs": 4,
        "best_epoch": losses.index(min(losses)) + 1,
    }
