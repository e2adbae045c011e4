"""One-hot vectors: the baseline in which every word is as far from every other."""

from typing import Literal

import numpy as np
import scipy.sparse

from stages.core.checkpoint import Checkpoint
from stages.embedding.corpus import Text, Vocabulary
from stages.embedding.model import Model, ModelParams


class OneHotParams(ModelParams):
    """A section of `embedding.models` for `kind: onehot`."""

    kind: Literal["onehot"]
    workers: Literal[1]


def train_onehot(
    text: Text, vocabulary: Vocabulary, params: OneHotParams, checkpoint: Checkpoint
) -> Model:
    """Return the unit matrix, of shape (words, words), sparse."""
    unit = scipy.sparse.eye_array(len(vocabulary.words), dtype=np.float32, format="csr")
    return Model(vocabulary.words, unit, {}, {})
