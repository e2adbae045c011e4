"""A recurrent classifier of documents."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.sequence.classification.evaluation import predict
from stages.sequence.recurrent.batching import pad, sequence_mask
from stages.sequence.recurrent.cells import Recurrent


class DocumentModel(nn.Module):
    """Word vectors, stacked cells, attention, and the log-odds of each class.

    A document is the mean of the hidden states after its words, weighted by a learned attention
    (Yang et al. 2016, equations 5 to 7, with a score that is linear in the hidden state), together
    with the mean of the inputs under the same weights. The input of a word is its vector and, with
    `log_count_ratios`, its log-count ratio for each class.

    Args:
        cell: key of `CELLS`
        words: word of each token id; id 0 is every word without a vector
        classes: labels in the order of the outputs
        dimensions: size of a word vector
        log_count_ratios: whether log-count ratios are part of the input
        tune_vectors: whether the word vectors are trained
        hidden_size: width of each layer
        layers: number of layers
        dropout: shares before, between and after the layers
    """

    def __init__(
        self,
        cell: str,
        words: list[str],
        classes: list[str],
        dimensions: int,
        log_count_ratios: bool,
        tune_vectors: bool,
        hidden_size: int,
        layers: int,
        dropout: tuple[float, float, float],
    ):
        super().__init__()
        self.words, self.classes = words, classes
        vectors = torch.zeros(len(words), dimensions)
        if tune_vectors:
            self.vectors = nn.Parameter(vectors)
        else:
            self.register_buffer("vectors", vectors)
        ratios = torch.zeros(len(words), len(classes)) if log_count_ratios else None
        self.register_buffer("log_count_ratios", ratios)
        width = dimensions + (len(classes) if log_count_ratios else 0)
        self.recurrent = Recurrent(cell, width, hidden_size, layers, dropout)
        self.attention = nn.Linear(hidden_size, 1)
        self.output = nn.Linear(hidden_size + width, len(classes))

    def start_from(self, vectors: np.ndarray, ratios: Tensor | None) -> None:
        """Start from trained word vectors, scaled to a variance of 1, and log-count ratios.

        Args:
            vectors: word vectors, (words, dimensions), zeros for token id 0
            ratios: log-count ratios, (words, classes); None for a model without them
        """
        with torch.no_grad():
            self.vectors.copy_(torch.from_numpy(vectors / max(vectors[1:].std(), 1e-12)))
            if ratios is not None:
                self.log_count_ratios.copy_(ratios)

    def forward(self, words: Tensor, lengths: Tensor, ratios: Tensor | None = None) -> Tensor:
        """Return the log-odds of the classes, (batch, classes).

        Args:
            words: token ids, (time, batch)
            lengths: tokens of each document, (batch,)
            ratios: log-count ratios that replace the model's own, (time, batch, classes)
        """
        inputs = functional.embedding(words, self.vectors)
        if self.log_count_ratios is not None:
            if ratios is None:
                ratios = functional.embedding(words, self.log_count_ratios)
            inputs = torch.cat([inputs, ratios], 2)
        hidden, _ = self.recurrent(inputs)  # (time, batch, hidden)
        padding = ~sequence_mask(len(words), lengths).unsqueeze(2)
        weights = self.attention(hidden).masked_fill(padding, -math.inf).softmax(0)
        return self.output((weights * torch.cat([hidden, inputs], 2)).sum(0))


def log_odds(model: DocumentModel, documents: list[Tensor], batch_size: int) -> Tensor:
    """Return the log-odds of the classes, (documents, classes), for documents of token ids."""
    # Batches of similar lengths need little padding.
    order = sorted(range(len(documents)), key=lambda index: len(documents[index]))
    starts = range(0, len(order), batch_size)
    batches = (pad([documents[i] for i in order[start : start + batch_size]]) for start in starts)
    return predict(model, batches)[torch.tensor(order).argsort()]
