"""A recurrent language model with an adaptive softmax over its own word vectors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.sequence.recurrent.cells import Recurrent, State


class LanguageModel(nn.Module):
    """Word vectors, stacked cells, a projection, and an adaptive softmax over the word vectors.

    The adaptive softmax (Grave et al. 2017, arXiv:1609.04309) makes a large vocabulary affordable.
    Token ids run from frequent to rare words. Rare words are grouped into clusters: the frequent
    words compete with one entry per cluster, and a rare word only with the words of its cluster.
    Input and output share the word vectors (Press and Wolf 2017, arXiv:1608.05859).

    Args:
        cell: key of `CELLS`
        n_words: size of the vocabulary
        dimensions: size of a word vector
        hidden_size: width of each layer
        layers: number of layers
        dropout: shares before, between and after the layers
        cutoffs: token ids at which the clusters of the softmax begin; those beyond the vocabulary
            are ignored
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
        starts = [c for c in cutoffs if c < n_words]
        self.bounds = [0, *starts, n_words]
        self.embedding = nn.Embedding(n_words, dimensions)
        self.recurrent = Recurrent(cell, dimensions, hidden_size, layers, dropout)
        self.projection = nn.Linear(hidden_size, dimensions)
        self.clusters = nn.Parameter(torch.zeros(len(starts), dimensions))
        self.cluster_bias = nn.Parameter(torch.zeros(len(starts)))
        self.word_bias = nn.Parameter(torch.zeros(n_words))

    def start_from(self, vectors: Tensor, counts: Tensor) -> None:
        """Start from trained word vectors, and from predicting each word by its frequency.

        Args:
            vectors: word vectors, (words, dimensions)
            counts: count of each word in the training text, (words,)
        """
        parts = (counts + 1).double().split(self._sizes())
        with torch.no_grad():
            self.embedding.weight.copy_(vectors)
            # A softmax ignores added constants, so the counts of a cluster need no normalization.
            self.word_bias.copy_(torch.cat([part.log() for part in parts]))
            for i, part in enumerate(parts[1:]):
                self.cluster_bias[i] = part.sum().log()

    def forward(self, words: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the features for the softmax, (time, batch, dimensions), and the new state.

        Args:
            words: token ids, (time, batch)
            state: state that the previous call returned; None for zeros
        """
        hidden, state = self.recurrent(self.embedding(words), state)  # (time, batch, hidden)
        return self.projection(hidden), state

    def surprisal(self, features: Tensor, words: Tensor) -> Tensor:
        """Return the surprisal of each of `words`, the negative log-probability in nats, (n,).

        Args:
            features: result of `forward`, flattened to (n, dimensions)
            words: token ids of the next words, (n,)
        """
        vectors = self.embedding.weight.split(self._sizes())
        biases = self.word_bias.split(self._sizes())
        # The entries of the clusters follow those of the frequent words.
        entry = words
        members = []
        for i, start in enumerate(self.bounds[1:-1]):
            is_member = (words >= start) & (words < self.bounds[i + 2])
            entry = torch.where(is_member, self.bounds[1] + i, entry)
            members.append(is_member.nonzero().squeeze(1))
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
        """Return the log-probability of every word, (n, words).

        Args:
            features: result of `forward`, flattened to (n, dimensions)
        """
        vectors = self.embedding.weight.split(self._sizes())
        biases = self.word_bias.split(self._sizes())
        head = self._head(features, vectors, biases).log_softmax(1)
        parts = [head[:, : self.bounds[1]]]
        for i in range(1, len(vectors)):
            within = functional.linear(features, vectors[i], biases[i]).log_softmax(1)
            parts.append(head[:, self.bounds[1] + i - 1, None] + within)
        return torch.cat(parts, dim=1)

    def _sizes(self) -> list[int]:
        """Return the number of frequent words and of words in each cluster."""
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
