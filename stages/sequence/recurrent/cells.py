"""Recurrent cells under one call, in stacks with dropout before, between and after the layers."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from stages.core.errors import StageError

# Of one layer a tensor (rnn, gru) or a pair (LSTMs), of a stack a list of these; None at the start.
State = Any


class LSTM(nn.LSTM):
    """torch's LSTM with a forget bias of 1 (Jozefowicz et al. 2015, section 3.1)."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        # Gates are stacked as input, forget, cell, output.
        forget = slice(hidden_size, 2 * hidden_size)
        with torch.no_grad():
            self.bias_ih_l0[forget] = 1
            self.bias_hh_l0[forget] = 0


class PeepholeLSTM(LSTM):
    """An LSTM whose gates see the cell state (Gers et al. 2002; Graves 2013, equations 7 to 11).

        i = sigmoid(W x + U h' + p_i c' + b)      f = sigmoid(... + p_f c')      g = tanh(W x + ...)
        c = f c' + i g                            o = sigmoid(... + p_o c)       h = o tanh(c)

    The input gate i and the forget gate f see the cell state before the step, c'. The output gate
    o sees the one after it. The peepholes p are vectors. All other weights have the names and
    shapes of `nn.LSTM`'s; with peepholes of zero the two cells are the same.

    Attributes:
        peephole: p_i, p_f and p_o, (3, hidden), zero at the start
    """

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.peephole = nn.Parameter(torch.zeros(3, hidden_size))

    def forward(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the hidden states, (time, batch, hidden), and the last (hidden, cell) state.

        Args:
            x: input, (time, batch, input)
            state: hidden and cell state, each (1, batch, hidden); None for zeros
        """
        zeros = x.new_zeros(1, x.shape[1], self.hidden_size)
        hidden, cell = (zeros, zeros) if state is None else state
        bias = self.bias_ih_l0 + self.bias_hh_l0
        weights = (self.weight_ih_l0, self.weight_hh_l0, bias, self.peephole)
        hiddens, cell = _PeepholeSequence.apply(x, hidden[0], cell[0], *weights)
        return hiddens, (hiddens[-1:], cell.unsqueeze(0))


class _PeepholeSequence(torch.autograd.Function):
    """All steps of a peephole LSTM, with the backward pass written by hand.

    The graph gets one node instead of a dozen per step. Whatever does not depend on the previous
    step is computed for all steps together: the product with the inputs in the forward pass, the
    slopes of the gates and the gradients of the weights in the backward pass.
    """

    @staticmethod
    def forward(ctx, x, hidden, cell, weight_ih, weight_hh, bias, peephole):
        (time, batch, _), size = x.shape, hidden.shape[1]
        # The gates, (time, batch, 4 hidden), at first without the recurrent product.
        gates = torch.addmm(bias, x.flatten(0, 1), weight_ih.t()).view(time, batch, -1)
        hiddens = torch.cat([hidden.unsqueeze(0), x.new_empty(time, batch, size)])
        cells = torch.cat([cell.unsqueeze(0), x.new_empty(time, batch, size)])
        tanhs = x.new_empty(time, batch, size)
        recurrent = weight_hh.t()
        see_before, see_after = peephole[:2], peephole[2]
        steps = zip(
            *(gates.unbind(), gates.view(time, batch, 4, size)[:, :, :2].unbind()),
            *(part.unbind() for part in gates.split(size, dim=2)),
            *(hiddens[:-1].unbind(), hiddens[1:].unbind()),
            *(cells[:-1].unsqueeze(2).unbind(), cells[:-1].unbind(), cells[1:].unbind()),
            tanhs.unbind(),
            strict=True,
        )
        for all_, in_and_forget, i, f, g, o, h_, h, c_wide, c_, c, tanh in steps:
            all_.addmm_(h_, recurrent)
            in_and_forget.addcmul_(c_wide, see_before).sigmoid_()
            g.tanh_()
            torch.mul(f, c_, out=c).addcmul_(i, g)
            o.addcmul_(c, see_after).sigmoid_()
            torch.tanh(c, out=tanh)
            torch.mul(o, tanh, out=h)
        ctx.save_for_backward(x, weight_ih, weight_hh, peephole, gates, hiddens, cells, tanhs)
        return hiddens[1:], cells[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, hidden_gradients, cell_gradient):
        x, weight_ih, weight_hh, peephole, gates, hiddens, cells, tanhs = ctx.saved_tensors
        time, batch, size = tanhs.shape
        i, f, g, o = gates.split(size, dim=2)
        see_in, see_forget, see_out = peephole
        # A slope turns a gradient of c (for o: of h) into one of a gate's input ...
        slopes = torch.empty_like(gates)
        into_i, into_f, into_g, into_o = slopes.split(size, dim=2)
        torch.mul(i - i * i, g, out=into_i)
        torch.mul(f - f * f, cells[:-1], out=into_f)
        torch.addcmul(i, i, g * g, value=-1, out=into_g)
        torch.mul(o - o * o, tanhs, out=into_o)
        # ... and these turn a gradient of h into one of c, and one of c into one of the previous c.
        hidden_to_cell = torch.addcmul(o, o, tanhs * tanhs, value=-1).addcmul_(into_o, see_out)
        cell_to_cell = torch.addcmul(f, into_i, see_in).addcmul_(into_f, see_forget)

        # Step by step, the slopes are multiplied into the gradients of the gates' inputs.
        dh, dc = hidden_gradients[-1].clone(), cell_gradient.clone()
        steps = list(
            zip(
                *(slopes.unbind(), slopes.view(time, batch, 4, size)[:, :, :3].unbind()),
                *(into_o.unbind(), hidden_to_cell.unbind(), cell_to_cell.unbind()),
                # The gradient from above of the hidden state that each step starts from.
                [None, *hidden_gradients.unbind()[:-1]],
                strict=True,
            )
        )
        for all_, in_forget_cell, out, through, back, above in reversed(steps):
            out.mul_(dh)
            dc.addcmul_(dh, through)
            in_forget_cell.mul_(dc.unsqueeze(1))
            dc.mul_(back)
            dh = all_ @ weight_hh if above is None else torch.addmm(above, all_, weight_hh)

        flat = slopes.flatten(0, 1)  # (time * batch, 4 hidden)
        seen = torch.stack(
            [
                (into_i * cells[:-1]).sum((0, 1)),
                (into_f * cells[:-1]).sum((0, 1)),
                (into_o * cells[1:]).sum((0, 1)),
            ]
        )
        dx = (flat @ weight_ih).view_as(x) if ctx.needs_input_grad[0] else None
        return (
            *(dx, dh, dc, flat.t() @ x.flatten(0, 1), flat.t() @ hiddens[:-1].flatten(0, 1)),
            *(flat.sum(0), seen),
        )


# One layer of each cell, made from input_size and hidden_size. It is called like torch's layers:
# x, (time, batch, input), and a state or None give the hidden states, (time, batch, hidden), and
# the state after the last step.
CELLS: dict[str, Callable[[int, int], nn.Module]] = {
    "rnn": nn.RNN,  # with tanh (Elman 1990)
    "lstm": LSTM,
    "lstm_peephole": PeepholeLSTM,
    "gru": nn.GRU,  # Cho et al. 2014
}


def check_cell(cell: str) -> None:
    """Check that there is a cell of this name.

    Raises:
        StageError: there is not.
    """
    if cell not in CELLS:
        raise StageError(f"no recurrent cell is called '{cell}'; there are: {', '.join(CELLS)}")


class Recurrent(nn.Module):
    """Layers of one cell, with dropout before, between and after them (Zaremba et al. 2014).

    Args:
        cell: key of `CELLS`
        input_size: width of the input
        hidden_size: width of each layer
        layers: number of layers
        dropout: shares of the inputs, of the values between layers and of the outputs that are
            set to zero

    Raises:
        StageError: the cell is unknown
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        layers: int,
        dropout: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ):
        super().__init__()
        check_cell(cell)
        sizes = [input_size] + [hidden_size] * (layers - 1)
        self.layers = nn.ModuleList(CELLS[cell](size, hidden_size) for size in sizes)
        before, between, after = dropout
        self.dropouts = nn.ModuleList(map(nn.Dropout, [before, *[between] * (layers - 1), after]))

    def forward(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the last layer's hidden states, (time, batch, hidden), and every layer's state.

        Args:
            x: input, (time, batch, input)
            state: state that the previous call returned; None for zeros
        """
        before = state or [None] * len(self.layers)
        after = []
        for layer, dropout, layer_state in zip(
            self.layers, self.dropouts[:-1], before, strict=True
        ):
            x, layer_state = layer(dropout(x), layer_state)
            after.append(layer_state)
        return self.dropouts[-1](x), after

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds in one step of one sequence."""
        return sum(weight.numel() for weight in self.parameters() if weight.dim() == 2)


def detach(state: State) -> State:
    """Return `state` without its history: truncated back-propagation stops here."""
    return tree_map(Tensor.detach, state)


def tree_map(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Return `state` with `function` applied to each of its tensors."""
    if state is None:
        return None
    if isinstance(state, Tensor):
        return function(state)
    return type(state)(tree_map(function, part) for part in state)
