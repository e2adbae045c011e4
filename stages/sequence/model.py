"""A recurrent language model."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

State = Any  # a cell's own: one tensor for the GRU, two for the LSTM, None at the start


def lstm(input_size: int, hidden_size: int, layers: int, dropout: float) -> nn.LSTM:
    """Return torch's LSTM with a forget bias of 1 (Jozefowicz et al. 2015, section 3.1)."""
    cell = nn.LSTM(input_size, hidden_size, layers, dropout=dropout)
    with torch.no_grad():
        for layer in range(layers):
            # Gates are stacked as input, forget, cell, output.
            forget = slice(hidden_size, 2 * hidden_size)
            getattr(cell, f"bias_ih_l{layer}")[forget] = 1
            getattr(cell, f"bias_hh_l{layer}")[forget] = 0
    return cell


def gru(input_size: int, hidden_size: int, layers: int, dropout: float) -> nn.GRU:
    """Return torch's GRU (Cho et al. 2014)."""
    return nn.GRU(input_size, hidden_size, layers, dropout=dropout)


CELLS = {"lstm": lstm, "gru": gru}


class LanguageModel(nn.Module):
    """Word vectors, dropout, stacked cells, dropout, projection, adaptive softmax.

    The softmax is the adaptive one of Grave et al. 2017 (arXiv:1609.04309), which makes a large
    vocabulary affordable: words are numbered from frequent to rare, and those behind each cutoff
    are predicted in a cluster of their own. All its parts have the width of the word vectors, so
    that trained vectors can be its starting point too.

    Args:
        cell: a name of `CELLS`.
        n_words: size of the vocabulary.
        dimensions: of the word vectors.
        hidden_size: of each layer.
        layers: how many.
        dropout: share of inputs, of outputs and of what passes between layers set to zero.
        cutoffs: where the clusters of the softmax begin, as word numbers; those beyond the
            vocabulary do not count.
    """

    def __init__(
        self,
        cell: str,
        n_words: int,
        dimensions: int,
        hidden_size: int,
        layers: int,
        dropout: float,
        cutoffs: Sequence[int],
    ):
        super().__init__()
        self.cutoffs = [c for c in cutoffs if c < n_words] or [n_words - 1]
        self.embedding = nn.Embedding(n_words, dimensions)
        self.dropout = nn.Dropout(dropout)
        # torch warns of dropout between the layers of a cell that has one.
        self.cell = CELLS[cell](dimensions, hidden_size, layers, dropout if layers > 1 else 0.0)
        self.projection = nn.Linear(hidden_size, dimensions)
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(
            dimensions, n_words, cutoffs=self.cutoffs, div_value=1.0
        )

    def start_from(self, vectors: Tensor) -> None:
        """Copy word vectors, of shape (words, dimensions), to the input and to the softmax."""
        bounds = [*self.cutoffs, len(vectors)]
        with torch.no_grad():
            self.embedding.weight.copy_(vectors)
            self.softmax.head.weight[: bounds[0]] = vectors[: bounds[0]]
            for i, (into, out) in enumerate(self.softmax.tail):
                nn.init.eye_(into.weight)
                out.weight.copy_(vectors[bounds[i] : bounds[i + 1]])

    def forward(self, words: Tensor, state: State) -> tuple[Tensor, State]:
        """Return what the softmax takes, of shape (time, batch, dimensions), and the new state.

        Args:
            words: numbers, of shape (time, batch).
            state: what the last call returned, or None for zeros.
        """
        vectors = self.dropout(self.embedding(words))  # (time, batch, dimensions)
        hidden, state = self.cell(vectors, state)  # (time, batch, hidden)
        return self.projection(self.dropout(hidden)), state

    def loss(self, words: Tensor, following: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the mean negative log-likelihood in nats per word, and the new state."""
        features, state = self(words, state)
        return self.softmax(features.flatten(0, 1), following.flatten()).loss, state


def detach(state: State) -> State:
    """Return `state` cut off from its history: truncated back-propagation stops here."""
    if state is None:
        return None
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
