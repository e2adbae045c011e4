import pytest
import torch
from stages.sequence.cells import (
    CELLS,
    PeepholeLSTM,
    Recurrent,
    _PeepholeSequence,
    detach,
)
from torch import nn

PEERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "lstm_peephole": nn.LSTM, "gru": nn.GRU}


def written_out(cell: PeepholeLSTM, x, hidden, state):
    """A peephole LSTM by its equations, one step after another, differentiated by torch."""
    p_i, p_f, p_o = cell.peephole
    hiddens = []
    for now in x:
        fed = now @ cell.weight_ih_l0.T + hidden @ cell.weight_hh_l0.T
        i, f, g, o = (fed + cell.bias_ih_l0 + cell.bias_hh_l0).chunk(4, dim=1)
        before = state
        state = torch.sigmoid(f + p_f * before) * before
        state = state + torch.sigmoid(i + p_i * before) * torch.tanh(g)
        hidden = torch.sigmoid(o + p_o * state) * torch.tanh(state)
        hiddens.append(hidden)
    return torch.stack(hiddens), hidden, state


def gradients(output, inputs):
    """Gradients of a loss that weighs every number differently."""
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    return torch.autograd.grad((output * weights).sum(), inputs)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", PEERS)
def test_equal_weights_give_the_outputs_and_gradients_of_torch(cell, layers):
    torch.manual_seed(0)
    ours = Recurrent(cell, 6, 5, layers)
    theirs = PEERS[cell](6, 5, layers)
    for depth, layer in enumerate(ours.layers):
        weights = {name: w for name, w in layer.named_parameters() if name != "peephole"}
        for name, weight in weights.items():
            getattr(theirs, name.replace("l0", f"l{depth}")).data.copy_(weight.data)
    x = torch.randn(9, 4, 6, requires_grad=True)
    (hidden, state), (expected, expected_state) = ours(x), theirs(x)
    torch.testing.assert_close(hidden, expected, rtol=0, atol=1e-5)
    last = [own if isinstance(own, tuple) else (own,) for own in state]
    expected_last = expected_state if isinstance(expected_state, tuple) else (expected_state,)
    for part, of_layers in enumerate(expected_last):
        got = torch.cat([own[part] for own in last])
        torch.testing.assert_close(got, of_layers, rtol=0, atol=1e-5)
    named = [
        (getattr(layer, name), getattr(theirs, name.replace("l0", f"l{depth}")))
        for depth, layer in enumerate(ours.layers)
        for name, _ in layer.named_parameters()
        if name != "peephole"
    ]
    got = gradients(hidden, [x, *(own for own, _ in named)])
    wanted = gradients(expected, [x, *(peer for _, peer in named)])
    for own, peer in zip(got, wanted, strict=True):
        torch.testing.assert_close(own, peer, rtol=1e-5, atol=1e-5)


def peephole_cell():
    torch.manual_seed(1)
    cell = PeepholeLSTM(3, 4).double()
    nn.init.normal_(cell.peephole)
    start = [torch.randn(2, 4, dtype=torch.double, requires_grad=True) for _ in range(2)]
    x = torch.randn(6, 2, 3, dtype=torch.double, requires_grad=True)
    return cell, x, start


def test_peephole_lstm_is_its_equations():
    cell, x, (hidden, state) = peephole_cell()
    got, (last, cells) = cell(x, (hidden[None], state[None]))
    wanted = written_out(cell, x, hidden, state)
    for own, peer in zip((got, last[0], cells[0]), wanted, strict=True):
        torch.testing.assert_close(own, peer)
    inputs = [x, hidden, state, *cell.parameters()]
    ours = gradients(torch.cat([got, last, cells]), inputs)
    theirs = gradients(torch.cat([wanted[0], wanted[1][None], wanted[2][None]]), inputs)
    for own, peer in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, peer)


def test_peephole_gradient_is_the_finite_difference():
    cell, x, start = peephole_cell()
    bias = (cell.bias_ih_l0 + cell.bias_hh_l0).detach().requires_grad_()
    weights = (cell.weight_ih_l0, cell.weight_hh_l0, bias, cell.peephole)
    assert torch.autograd.gradcheck(_PeepholeSequence.apply, (x, *start, *weights))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 3])
def test_state_carries_the_sequence_so_far(cell, layers):
    torch.manual_seed(0)
    stack = Recurrent(cell, 6, 5, layers)
    x = torch.randn(8, 2, 6)
    whole, _ = stack(x)
    first, state = stack(x[:5])
    second, _ = stack(x[5:], detach(state))
    torch.testing.assert_close(torch.cat([first, second]), whole)
    assert not torch.allclose(second, stack(x[5:])[0])


@pytest.mark.parametrize("cell", CELLS)
def test_detached_state_ends_the_gradient(cell):
    stack = Recurrent(cell, 6, 5, 2)
    x = torch.randn(4, 2, 6, requires_grad=True)
    _, state = stack(x)
    through, _ = stack(torch.randn(1, 2, 6), state)
    assert torch.autograd.grad(through.sum(), x, retain_graph=True)[0].abs().sum() > 0
    cut, _ = stack(torch.randn(1, 2, 6), detach(state))
    assert torch.autograd.grad(cut.sum(), x, allow_unused=True) == (None,)


@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole"])
def test_forget_bias_is_one(cell):
    for layer in Recurrent(cell, 6, 5, 2).layers:
        torch.testing.assert_close((layer.bias_ih_l0 + layer.bias_hh_l0)[5:10], torch.ones(5))


def test_dropout_stands_before_between_and_after():
    torch.manual_seed(0)
    x = torch.ones(50, 20, 5)
    plain = Recurrent("gru", 5, 5, 2)
    for place in range(3):
        shares = tuple(0.5 if place == i else 0.0 for i in range(3))
        stack = Recurrent("gru", 5, 5, 2, shares)
        stack.load_state_dict(plain.state_dict())
        torch.testing.assert_close(stack.eval()(x)[0], plain(x)[0])
        seen = []
        stack.layers[1].register_forward_hook(lambda _, given, __, seen=seen: seen.append(given[0]))
        hidden = stack.train()(x)[0]
        zeros = (seen[0] == 0).float().mean(), (hidden == 0).float().mean()
        assert zeros[0] == pytest.approx(0.5 if place == 1 else 0, abs=0.05)
        assert zeros[1] == pytest.approx(0.5 if place == 2 else 0, abs=0.05)
        assert not torch.allclose(hidden, plain(x)[0])


def test_multiply_adds_are_counted():
    assert Recurrent("rnn", 6, 5, 2).multiply_adds == 5 * (6 + 5) + 5 * (5 + 5)
    assert Recurrent("gru", 6, 5, 1).multiply_adds == 3 * 5 * (6 + 5)
    assert Recurrent("lstm_peephole", 6, 5, 1).multiply_adds == 4 * 5 * (6 + 5) + 3 * 5
