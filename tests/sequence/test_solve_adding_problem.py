import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from stages.sequence.cells import CELLS

from stages.core.errors import StageError
from stages.sequence import remember, training

SECTION = {
    "gaps": [4, 8],
    "hidden_size": 16,
    "layers": 1,
    "dropout": {"before": 0.0, "between": 0.0, "after": 0.0},
    "batch_size": 50,
    "batches_per_epoch": 20,
    "learning_rate": 0.02,
    "learning_rate_decay": 1.0,
    "gradient_norm": 1.0,
    "epochs": 20,
    "patience": 20,
    "solved_below": 0.02,
    "held_out": 200,
    "device": "cpu",
    "seed": 1,
}
OUTPUTS = ["models.safetensors", "gradients.parquet", "curve.csv", "metrics.json", "checked.json"]
CPU = torch.device("cpu")


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(cell="gru", **changes):
        section = {"sequence": {"remember": {**SECTION, **changes}}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(section))
        remember.main([cell, *OUTPUTS, "--params", "sequence.remember"])
        return [(tmp_path / name).read_bytes() for name in OUTPUTS]

    return run


def adder(cell, layers=1):
    torch.manual_seed(0)
    return remember.Adder(cell, 5, layers, (0.0, 0.0, 0.0)).eval()


def test_two_numbers_are_marked_one_in_each_half_and_added():
    stream = remember.draw(10, 500, 1, 1, CPU)
    (x, sums), (other, _) = next(stream), next(stream)
    assert x.shape == (10, 500, 2)
    marks = x[:, :, 1]
    assert (marks[:5].sum(0) == 1).all()
    assert (marks[5:].sum(0) == 1).all()
    assert (marks.sum(1) > 0).all()  # every place is used
    torch.testing.assert_close((x[:, :, 0] * marks).sum(0), sums)
    assert (sums - 1).square().mean().item() == pytest.approx(remember.ALWAYS_ONE, rel=0.2)
    assert not torch.equal(x, other)
    assert torch.equal(next(remember.draw(10, 500, 1, 1, CPU))[0], x)
    assert not torch.equal(next(remember.draw(10, 500, 1, 2, CPU))[0], x)


def test_short_gaps_are_solved_and_runs_are_equal(stage):
    first = stage()
    gaps = json.loads(first[3])["gaps"]
    for gap in ("4", "8"):
        assert gaps[gap]["solved"]
        assert gaps[gap]["mean_squared_error"] < 0.02
        # Training ends with the epoch that solves it.
        assert gaps[gap]["best_epoch"] == gaps[gap]["epochs"] < 20
    assert stage() == first


def test_what_is_not_solved_is_said_so(stage):
    metrics = json.loads(stage("rnn", epochs=1, solved_below=1e-6)[3])
    assert not any(gap["solved"] for gap in metrics["gaps"].values())


@pytest.mark.parametrize("cell", CELLS)
def test_gradient_norms_are_finite_differences(cell):
    """The state is changed between two steps; the loss changes as the gradient says."""
    model = adder(cell).double()
    x, sums = (part.double() for part in next(remember.draw(6, 1, 1, 1, CPU)))
    norms = remember.gradient_norms(model, (x, sums))
    assert len(norms) == 6

    def error(state, rest):
        for now in rest:
            hidden, state = model.recurrent(now[None], state)
        return (model.output(hidden[-1]).squeeze(1) - sums).square().sum().item()

    for back in (1, 3, 5):
        _, (state,) = model.recurrent(x[: 6 - back])
        parts = list(state) if isinstance(state, tuple) else [state]
        squares = 0.0
        for number, part in enumerate(parts):
            for unit in range(5):
                changed = []
                for change in (1e-5, -1e-5):
                    moved = part.detach().clone()
                    moved[..., unit] += change
                    own = [*parts[:number], moved, *parts[number + 1 :]]
                    whole = tuple(own) if isinstance(state, tuple) else own[0]
                    with torch.no_grad():
                        changed.append(error([whole], x[6 - back :]))
                squares += ((changed[0] - changed[1]) / 2e-5) ** 2
        assert norms[back] == pytest.approx(np.sqrt(squares), rel=1e-4)


def test_gradients_vanish_in_the_simple_cell_and_stay_in_the_gated_one():
    batch = next(remember.draw(60, 20, 1, 1, CPU))
    simple, gated = (remember.gradient_norms(adder(cell), batch) for cell in ("rnn", "lstm"))
    assert simple[50] / simple[0] < 1e-6
    assert gated[50] / gated[0] > 1e-6


def test_gradients_of_every_gap_and_step_are_written(stage):
    stage()
    table = pd.read_parquet("gradients.parquet")
    sizes = table.groupby(["gap", "training"]).size().to_dict()
    assert sizes == {(gap, when): gap for gap in (4, 8) for when in ("before", "after")}
    curve = pd.read_csv("curve.csv")
    assert set(curve["gap"]) == {4, 8}
    assert {"gradient_norm", "clipped_share"} <= set(curve.columns)


def test_saved_models_have_the_reported_errors(stage):
    metrics = json.loads(stage("lstm_peephole", epochs=2)[3])
    models = training.load_model(Path("models.safetensors"), remember.build)
    for gap in (4, 8):
        test = next(remember.draw(gap, 200, 1, remember.TEST, CPU))
        error = remember.loss(models[str(gap)], test, None)[0].item()
        assert error == metrics["gaps"][str(gap)]["mean_squared_error"]


def test_killed_in_the_second_gap_it_ends_with_the_same_bytes(stage, monkeypatch, tmp_path):
    expected = stage()
    for name in OUTPUTS:
        (tmp_path / name).unlink()
    seen = []
    right = remember.loss

    def dying(model, batch, state):
        seen.append(len(batch[0]))
        if seen.count(8) == 30:
            raise KeyboardInterrupt
        return right(model, batch, state)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(remember, "loss", dying)
        stage()
    assert not any((tmp_path / name).exists() for name in OUTPUTS)
    again = []
    monkeypatch.setattr(
        remember, "loss", lambda *given: (again.append(len(given[1][0])), right(*given))[1]
    )
    assert stage() == expected
    assert again.count(4) == 1  # only the test: what was learned is not learned again
    assert not list(tmp_path.glob("*.checkpoint"))


def test_a_gap_longer_than_memory_is_told(stage):
    with pytest.raises(StageError, match="50 sequences of 10000000000 steps need"):
        stage(gaps=[10**10])
