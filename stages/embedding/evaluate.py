"""Judge word vectors: agreement with people's similarity scores, and nearest neighbours."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from gensim.test.utils import datapath
from pydantic import Field
from scipy.stats import spearmanr

from stages.embedding.contracts import NEIGHBOURS
from stages.outputs import Outputs
from stages.params import Params, load
from stages.vectors import to_array, unit_length

# Both ship inside gensim's wheel: word, word, score by people, tab-separated, comments with #.
SIMILARITY_SETS = {
    "WordSim-353": "wordsim353.tsv",  # Finkelstein et al. 2001: relatedness
    "SimLex-999": "simlex999.txt",  # Hill et al. 2015: similarity proper
}


class EvaluateParams(Params):
    """The section `embedding.evaluate`."""

    words: list[str]
    neighbours: int = Field(ge=1)


def similarity_score(
    pairs: pd.DataFrame, row_of: dict[str, int], units: np.ndarray
) -> dict[str, Any]:
    """Return Spearman's correlation of cosine similarity with people's scores.

    Args:
        pairs: columns word_a, word_b, score.
        row_of: the row of each token in `units`.
        units: vectors of length 1, of shape (tokens, dimensions).

    Returns:
        `spearman`, `pairs` and `covered`. Spearman is None, not 0, where it is not defined: for
        fewer than three covered pairs, or where all have the same similarity.
    """
    known = pairs[pairs["word_a"].isin(row_of) & pairs["word_b"].isin(row_of)]
    score: dict[str, Any] = {"pairs": len(pairs), "covered": len(known), "spearman": None}
    if len(known) >= 3:
        a = units[[row_of[word] for word in known["word_a"]]]
        b = units[[row_of[word] for word in known["word_b"]]]
        cosines = (a * b).sum(axis=1)
        if np.ptp(cosines) > 0 and np.ptp(known["score"]) > 0:
            score["spearman"] = float(spearmanr(cosines, known["score"]).statistic)
    return score


def nearest_neighbours(words: list[str], n: int, tokens: list[str], units: np.ndarray) -> pa.Table:
    """Return the `neighbours` table: for each word that has a vector, the `n` most similar."""
    row_of = {token: row for row, token in enumerate(tokens)}
    rows = []
    for word in words:
        if word not in row_of:
            continue
        cosines = units @ units[row_of[word]]
        cosines[row_of[word]] = -np.inf
        # Stable, so that equal similarities keep the vocabulary's order.
        for rank, other in enumerate(np.argsort(-cosines, kind="stable")[:n], start=1):
            if np.isfinite(cosines[other]):
                rows.append((word, rank, tokens[other], float(cosines[other])))
    columns = list(zip(*rows, strict=True)) or [[] for _ in NEIGHBOURS.schema]
    return pa.table([list(column) for column in columns], schema=NEIGHBOURS.schema)


def read_pairs(name: str) -> pd.DataFrame:
    """Return the pairs of one of `SIMILARITY_SETS`, lower case: word_a, word_b, score."""
    pairs = pd.read_csv(
        datapath(SIMILARITY_SETS[name]),
        sep="\t",
        comment="#",
        header=None,
        names=["word_a", "word_b", "score"],
    )
    return pairs.assign(word_a=pairs["word_a"].str.lower(), word_b=pairs["word_b"].str.lower())


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("neighbours", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, EvaluateParams)

    table = pq.read_table(args.vectors)
    tokens, vectors = table["token"].to_pylist(), to_array(table["vector"])
    units = unit_length(vectors)
    row_of = {token: row for row, token in enumerate(tokens)}
    with Outputs(args.validation) as outputs:
        outputs.table(
            args.neighbours,
            NEIGHBOURS,
            nearest_neighbours(params.words, params.neighbours, tokens, units),
        )
        outputs.json(
            args.metrics,
            {
                "tokens": len(tokens),
                "dimensions": vectors.shape[1],
                "similarity": {
                    name: similarity_score(read_pairs(name), row_of, units)
                    for name in SIMILARITY_SETS
                },
                "words_without_vector": [word for word in params.words if word not in row_of],
            },
        )
