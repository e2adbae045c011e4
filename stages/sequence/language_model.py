"""A recurrent language model whose word vectors also predict, by an adaptive softmax."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.sequence.cells import Recurrent, State


class LanguageModel(nn.Module):
    """Word vectors, stacked cells, projection, adaptive softmax over the same word vectors.

    The softmax is the adaptive one of Grave et al. 2017 (arXiv:1609.04309), which makes a large
    vocabulary affordable: words are numbered from frequent to rare; the frequent ones compete with
    one entry for each cluster of rarer ones, and a rare word is looked for in its cluster alone.
    Input and output share the word vectors (Press and Wolf 2017, arXiv:1608.05859).

    Args:
        cell: a name of `CELLS`.
        n_words: size of the vocabulary.
        dimensions: of the word vectors.
        hidden_size: of each layer.
        layers: how many.
        dropout: shares before, between and after the layers.
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
        dropout: tuple[float, float, float],
        cutoffs: Sequence[int],
    ):
        super().__init__()
        inside = [c for c in cutoffs if c < n_words]
        self.bounds = [0, *inside, n_words]
        self.embedding = nn.Embedding(n_words, dimensions)
        self.recurrent = Recurrent(cell, dimensions, hidden_size, layers, dropout)
        self.projection = nn.Linear(hidden_size, dimensions)
        self.clusters = nn.Parameter(torch.zeros(len(inside), dimensions))
        self.cluster_bias = nn.Parameter(torch.zeros(len(inside)))
        self.word_bias = nn.Parameter(torch.zeros(n_words))

    def start_from(self, vectors: Tensor, counts: Tensor) -> None:
        """Begin with trained word vectors, and with predicting each word by its frequency.

        Args:
            vectors: of shape (words, dimensions).
            counts: of each word in the training text, of shape (words,).
        """
        parts = (counts + 1).double().split(self._sizes())
        with torch.no_grad():
            self.embedding.weight.copy_(vectors)
            # Softmax adds any constant, so that clusters need not be normalized by themselves.
            self.word_bias.copy_(torch.cat([part.log() for part in parts]))
            for i, part in enumerate(parts[1:]):
                self.cluster_bias[i] = part.sum().log()

    def forward(self, words: Tensor, state: State) -> tuple[Tensor, State]:
        """Return what the softmax takes, of shape (time, batch, dimensions), and the new state.

        Args:
            words: numbers, of shape (time, batch).
            state: what the last call returned, or None for zeros.
        """
        hidden, state = self.recurrent(self.embedding(words), state)  # (time, batch, hidden)
        return self.projection(hidden), state

    def surprisal(self, features: Tensor, words: Tensor) -> Tensor:
        """Return the negative log-probability, in nats, of each of `words`.

        Args:
            features: what `forward` returned, flattened to shape (n, dimensions).
            words: the numbers of the words that follow, of shape (n,).
        """
        vectors = self.embedding.weight.split(self._sizes())
        biases = self.word_bias.split(self._sizes())
        # A rare word is first its cluster: an entry behind the frequent words.
        entry = words
        members = []
        for i, start in enumerate(self.bounds[1:-1]):
            inside = (words >= start) & (words < self.bounds[i + 2])
            entry = torch.where(inside, self.bounds[1] + i, entry)
            members.append(inside.nonzero().squeeze(1))
        nats = functional.cross_entropy(
            self._head(features, vectors, biases), entry, reduction="none"
        )
        for i, rows in enumerate(members, start=1):
            logits = functional.linear(features[rows], vectors[i], biases[i])
            within = functional.cross_entropy(
                logits, words[rows] - self.bounds[i], reduction="none"
            )
            nats = nats.index_add(0, rows, within)
        return nats

    def log_probabilities(self, features: Tensor) -> Tensor:
        """Return the log-probability of every word, of shape (n, words); `features` as above."""
        vectors = self.embedding.weight.split(self._sizes())
        biases = self.word_bias.split(self._sizes())
        head = self._head(features, vectors, biases).log_softmax(1)
        parts = [head[:, : self.bounds[1]]]
        for i in range(1, len(vectors)):
            within = functional.linear(features, vectors[i], biases[i]).log_softmax(1)
            parts.append(head[:, self.bounds[1] + i - 1, None] + within)
        return torch.cat(parts, dim=1)

    def _sizes(self) -> list[int]:
        """Return how many frequent words there are and how many in each cluster."""
        return [end - start for start, end in zip(self.bounds[:-1], self.bounds[1:], strict=True)]

    def _head(
        self, features: Tensor, vectors: Sequence[Tensor], biases: Sequence[Tensor]
    ) -> Tensor:
        """Return the logits of the frequent words and of the clusters."""
        return functional.linear(
            features,
            torch.cat([vectors[0], self.clusters]),
            torch.cat([biases[0], self.cluster_bias]),
        )
