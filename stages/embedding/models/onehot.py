"""One-hot vectors: a baseline in which all words are equally far from each other."""

from typing import Literal

import numpy as np
import scipy.sparse

from stages.core.checkpoint import Checkpoint
from stages.embedding.models.model import Model, ModelParams
from stages.embedding.models.training_text import TrainingText, Vocabulary


class OneHotParams(ModelParams):
    """A section of `embedding.train_embedding` for `kind: onehot`."""

    kind: Literal["onehot"]


def train_onehot(
    text: TrainingText,
    vocabulary: Vocabulary,
    params: OneHotParams,
    workers: int,
    checkpoint: Checkpoint,
) -> Model:
    """Return the identity matrix as sparse word vectors, (words, words)."""
    identity = scipy.sparse.eye_array(len(vocabulary.words), dtype=np.float32, format="csr")
    return Model(vocabulary.words, identity, {}, {})
