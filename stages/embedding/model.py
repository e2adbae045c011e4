"""What a trainer of word vectors leaves: the vectors, and what else it knows."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse
from pydantic import Field
from safetensors import safe_open
from safetensors.numpy import save_file

from stages.core.outputs import Outputs
from stages.core.params import Params
from stages.core.vectors import to_array, to_column
from stages.embedding.contracts import VECTORS
from stages.embedding.corpus import Vocabulary


class ModelParams(Params):
    """What every section of `embedding.models` has."""

    kind: str
    workers: int = Field(ge=1)


class Model(NamedTuple):
    """A trained model.

    Attributes:
        words: the words that have a vector.
        vectors: of shape (words, dimensions); a sparse array is kept sparse.
        tensors: what else the model has learned; `stages/embedding/prediction.py` says how words
            are guessed by it.
        facts: numbers for the report, as JSON values.
    """

    words: list[str]
    vectors: np.ndarray | scipy.sparse.csr_array
    tensors: dict[str, np.ndarray]
    facts: dict[str, Any]


def write_model(
    model: Model, counts: dict[str, int], kind: str, outputs: Outputs, vectors: Path, rest: Path
) -> None:
    """Write the table `vectors` and, as safetensors, the rest."""
    if scipy.sparse.issparse(model.vectors):
        offsets = pa.array(model.vectors.indptr, pa.int32())
        values = pa.ListArray.from_arrays(offsets, pa.array(model.vectors.data, pa.float32()))
        positions = pa.ListArray.from_arrays(offsets, pa.array(model.vectors.indices, pa.int32()))
    else:
        values = to_column(model.vectors)
        positions = pa.nulls(len(model.words), pa.list_(pa.int32()))
    columns = [model.words, [counts[word] for word in model.words], values, positions]
    outputs.table(vectors, VECTORS, pa.table(columns, schema=VECTORS.schema))
    facts = {"kind": kind, "dimensions": model.vectors.shape[1], **model.facts}
    tensors = {name: np.ascontiguousarray(values) for name, values in model.tensors.items()}
    save_file(tensors, outputs.aside(rest), {"facts": json.dumps(facts)})


def read_model(vectors: Path, rest: Path) -> Model:
    """Read what `write_model` wrote."""
    table = pq.read_table(vectors)
    with safe_open(rest, "np") as file:
        facts = json.loads(file.metadata()["facts"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    words = table["token"].to_pylist()
    if table["positions"].null_count:
        return Model(words, to_array(table["vector"]), tensors, facts)
    values, positions = table["vector"].combine_chunks(), table["positions"].combine_chunks()
    parts = values.flatten().to_numpy(), positions.flatten().to_numpy(), values.offsets.to_numpy()
    shape = len(words), facts["dimensions"]
    return Model(words, scipy.sparse.csr_array(parts, shape=shape), tensors, facts)


def log_counts(vocabulary: Vocabulary, power: float = 1.0) -> np.ndarray:
    """Return the logarithm of each word's share of the text raised to a power, unnormalized."""
    return (power * np.log(vocabulary.counts / vocabulary.counts.sum())).astype(np.float32)
