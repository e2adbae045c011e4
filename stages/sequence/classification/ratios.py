"""Log-count ratios: how strongly each word speaks for each class."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from stages.sequence.classification.encoding import UNKNOWN_ID, Split

# The ratios of a training document are counted on all folds but its own.
FOLDS = 10


def log_count_ratio(of_words: Tensor, documents: Tensor) -> Tensor:
    """Return the log-count ratio of each class, one against the rest.

    It is the logarithm of the share of a class's documents that contain the word over the share
    of all other documents that do (Wang and Manning 2012, section 2.1). Both shares are smoothed
    by one document that contains every word, divided among the classes by their size. The ratio
    is 0 for a class that has no documents or all of them, and for a word that says nothing.

    Args:
        of_words: documents of each class that contain the word, (..., classes)
        documents: documents of each class, broadcast to the same shape
    """
    total = documents.sum(-1, keepdim=True)
    share = documents / total
    within = (of_words + share) / (documents + share)
    others = of_words.sum(-1, keepdim=True) - of_words
    without = (others + 1 - share) / (total - documents + 1 - share)
    is_defined = (documents > 0) & (documents < total)
    return torch.where(is_defined, (within / without).log(), 0.0)


@dataclass(frozen=True)
class DocumentCounts:
    """Training documents per class that contain each word, counted fold by fold.

    Attributes:
        fold: fold of each document, (documents,)
        of_words: documents that contain each word, (folds, words, classes)
        documents: documents of each class, (folds, classes)
    """

    fold: Tensor
    of_words: Tensor
    documents: Tensor

    @cached_property
    def totals(self) -> tuple[Tensor, Tensor]:
        """The sums of `of_words` and of `documents` over the folds."""
        return self.of_words.sum(0), self.documents.sum(0)

    def ratios(self) -> Tensor:
        """Return the log-count ratios of all words, (words, classes), counted on all folds."""
        ratios = log_count_ratio(*self.totals)
        ratios[UNKNOWN_ID] = 0
        return ratios

    def held_out_ratios(self, words: Tensor, documents: list[int]) -> Tensor:
        """Return the log-count ratios of the words of documents, (time, batch, classes).

        They are counted without the folds of the documents: the label of a document must not
        speak for itself, or the model would trust rare words too much. (Leaving out the document
        alone would give the label away: its class is the one whose count is lower by one.)

        Args:
            words: token ids, (time, batch)
            documents: indices of the documents, (batch,)
        """
        fold = self.fold[documents]
        of_words, of_classes = self.totals
        ratios = log_count_ratio(
            of_words[words] - self.of_words[fold, words], of_classes - self.documents[fold]
        )
        ratios[words == UNKNOWN_ID] = 0
        return ratios


def count_documents(split: Split, n_words: int, n_classes: int, seed: int) -> DocumentCounts:
    """Count the documents of each class that contain each word, in folds drawn at random."""
    fold = torch.from_numpy(np.random.default_rng(seed).permutation(len(split.words)) % FOLDS)
    of_words = torch.zeros(FOLDS, n_words, n_classes)
    documents = torch.zeros(FOLDS, n_classes)
    for i, words, class_ in zip(fold.tolist(), split.words, split.classes.tolist(), strict=True):
        of_words[i, words.unique(), class_] += 1
        documents[i, class_] += 1
    return DocumentCounts(fold, of_words, documents)
