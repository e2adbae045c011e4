"""A trained model of word vectors, and its files."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse
from safetensors import safe_open
from safetensors.numpy import save_file

from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.vectors import read_vectors, to_column
from stages.embedding.models.training_text import Vocabulary


class ModelParams(Params):
    """The parameters that all sections of `embedding.train_embedding` share."""

    kind: str


class Model(NamedTuple):
    """A trained model.

    Attributes:
        words: words that have a vector.
        vectors: word vectors, (words, dimensions); a sparse array stays sparse.
        tensors: other parameters of the model, which `Predictor` in `stages/embedding/evaluation`
            predicts words from.
        facts: figures for the report, as JSON values.
    """

    words: list[str]
    vectors: np.ndarray | scipy.sparse.csr_array
    tensors: dict[str, np.ndarray]
    facts: dict[str, Any]


def write_model(
    model: Model, counts: dict[str, int], kind: str, vectors: Table, rest: Output
) -> None:
    """Write the table `vectors`, and the other parameters as safetensors."""
    if scipy.sparse.issparse(model.vectors):
        offsets = pa.array(model.vectors.indptr, pa.int32())
        values = pa.ListArray.from_arrays(offsets, pa.array(model.vectors.data, pa.float32()))
        indices = pa.ListArray.from_arrays(offsets, pa.array(model.vectors.indices, pa.int32()))
    else:
        values = to_column(model.vectors)
        indices = pa.nulls(len(model.words), pa.list_(pa.int32()))
    columns = [model.words, [counts[word] for word in model.words], values, indices]
    vectors.write(pa.table(columns, schema=vectors.schema))
    facts = {"kind": kind, "dimensions": model.vectors.shape[1], **model.facts}
    tensors = {name: np.ascontiguousarray(values) for name, values in model.tensors.items()}
    save_file(tensors, rest.path, {"facts": json.dumps(facts)})


def read_model(vectors: Path, rest: Path) -> Model:
    """Read the files that `write_model` writes."""
    table, values = read_vectors(vectors)
    with safe_open(rest, "np") as file:
        facts = json.loads(file.metadata()["facts"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if not isinstance(values, np.ndarray):
        values.resize(len(table), facts["dimensions"])
    return Model(table["token"].to_pylist(), values, tensors, facts)


def log_counts(vocabulary: Vocabulary, power: float = 1.0) -> np.ndarray:
    """Return the logarithm of each word's share of the text, times `power`, (words,)."""
    return (power * np.log(vocabulary.counts / vocabulary.counts.sum())).astype(np.float32)
