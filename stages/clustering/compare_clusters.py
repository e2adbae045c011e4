"""Compare the clusters of documents by all methods and embeddings with the labels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from stages.clustering.contracts import AGREEMENT
from stages.core.bootstrap import interval, resample
from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output, Table
from stages.core.params import Params, Variants
from stages.metrics.cluster import ClusterMetrics
from stages.metrics.compare_clusters import CandidateMetrics, CompareClustersMetrics

# Splits whose labels are compared: one chooses, the other judges.
SPLITS = ("validation", "test")


class CompareClustersParams(Params):
    """The section `clustering.compare_clusters`."""

    bootstrap_samples: int = Field(ge=10)
    seed: int


def adjusted_rand(labels: np.ndarray, clusters: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the adjusted Rand index (Hubert and Arabie 1985) on bootstrap samples, (samples,).

    Samples with replacement contain pairs of a document with itself. These do not count, because
    they agree whatever the clusters are.

    Args:
        labels: labels of the documents, (documents,).
        clusters: clusters of the documents, (documents,).
        counts: how often each sample contains each document, (samples, documents).

    Returns:
        The index on each sample, NaN where it is not defined.
    """
    itself = (counts**2).sum(axis=1)

    def pairs(*groupings: np.ndarray) -> np.ndarray:
        """Return the number of pairs that are in the same group in all groupings."""
        _, groups = np.unique(np.stack(groupings), axis=1, return_inverse=True)
        groups = groups.ravel()
        parts = np.ones(len(groups)), (np.arange(len(groups)), groups)
        return ((counts @ csr_array(parts)) ** 2).sum(axis=1) - itself

    codes = [np.unique(own, return_inverse=True)[1] for own in (labels, clusters)]
    of_labels, of_clusters, both = pairs(codes[0]), pairs(codes[1]), pairs(*codes)
    expected = of_labels * of_clusters / (counts.sum(axis=1) ** 2 - itself)
    with np.errstate(invalid="ignore"):
        return (both - expected) / ((of_labels + of_clusters) / 2 - expected)


def read_documents(tokens: Path, members: dict[tuple[str, str], pd.Series]) -> pd.DataFrame:
    """Return the documents with a label that all embeddings have: columns split and label."""
    documents = pq.read_table(tokens, columns=["doc_id", "split", "label"]).to_pandas()
    documents = documents.dropna().set_index("doc_id")
    for own in members.values():
        documents = documents[documents.index.isin(own.index)]
    return documents


def why_unscored(documents: pd.DataFrame) -> str | None:
    """Return why clusters cannot be compared with labels; None if they can."""
    for split in SPLITS:
        labels = documents.loc[documents["split"] == split, "label"]
        if labels.nunique() < 2:
            return (
                f"the {split} split has {labels.nunique()} of the at least two labels that it needs"
            )
        if labels.is_unique:
            return f"every label of the {split} split has a single document"
    return None


def compare(
    documents: pd.DataFrame, members: dict[tuple[str, str], pd.Series], samples: int, seed: int
) -> tuple[pd.DataFrame, tuple[str, str]]:
    """Return the agreement of each clustering with the labels, and the best of them.

    The best agrees best with the labels of the validation split. Others are behind it if the
    95 % interval of the difference on the test split, on the same bootstrap samples, is above 0.

    Args:
        documents: columns split and label by document.
        members: clusters by document, by method and embedding.
        samples: number of bootstrap samples.
        seed: seed of the samples.

    Returns:
        Columns adjusted_rand, validation, test, low, high and behind_low by method and embedding.
    """
    labels = documents["label"].to_numpy()
    of_split = {split: (documents["split"] == split).to_numpy() for split in SPLITS}
    n = int(of_split["test"].sum())
    counts = np.apply_along_axis(np.bincount, 1, resample(n, samples, seed), minlength=n)
    rows, sampled = [], {}
    for candidate, clusters in members.items():
        own = clusters.loc[documents.index].to_numpy()
        indices = [
            adjusted_rand_score(labels[chosen], own[chosen])
            for chosen in (slice(None), of_split["validation"], of_split["test"])
        ]
        test = of_split["test"]
        sampled[candidate] = adjusted_rand(labels[test], own[test], counts)
        rows.append((*candidate, *indices, *interval(sampled[candidate])))
    columns = ["method", "embedding", "adjusted_rand", "validation", "test", "low", "high"]
    table = pd.DataFrame(rows, columns=columns).set_index(["method", "embedding"])
    best = table["validation"].idxmax()
    table["behind_low"] = [interval(sampled[best] - own)[0] for own in sampled.values()]
    return table, best


@command
def main(
    *,
    params: CompareClustersParams,
    clustering: Variants,
    tokens: Input,
    cluster: Input,
    cluster_metrics: Input,
    agreement: Table[AGREEMENT],
    metrics: Output,
) -> None:
    """Compare the clusters of documents by all methods and embeddings with the labels.

    Args:
        clustering: section whose keys are the names of the methods
        tokens: tokens of the documents, of which the labels are read
        cluster: folder with a folder of tables for each method
        cluster_metrics: folder of the metrics of each method
    """
    found = {
        name: read_metrics(cluster_metrics / f"{name}.json", ClusterMetrics)
        for name in clustering.names
    }
    silhouettes, members = {}, {}
    for name, own in found.items():
        if own.points != "documents":
            continue
        table = pd.read_parquet(cluster / name / "members.parquet")
        for embedding, clusters in own.embeddings.items():
            rows = table[table["embedding"] == embedding]
            members[name, embedding] = rows.set_index("point")["cluster"]
            silhouettes[name, embedding] = clusters.silhouette and clusters.silhouette.score
    index = pd.MultiIndex.from_tuples(silhouettes, names=["method", "embedding"])
    silhouette = pd.Series(list(silhouettes.values()), index, dtype=float)
    documents = read_documents(tokens, members)
    unscored = why_unscored(documents) if members else "no method clusters documents"
    if unscored:
        best = silhouette.idxmax() if silhouette.notna().any() else None
        compared = pd.DataFrame(index=index, columns=AGREEMENT.schema.names[3:])
        tied = []
    else:
        compared, best = compare(documents, members, params.bootstrap_samples, params.seed)
        tied = compared.index[compared["behind_low"] <= 0].drop(best).tolist()
    compared["silhouette"] = silhouette
    rows = compared.reset_index()
    agreement.write(pa.Table.from_pandas(rows, agreement.schema, preserve_index=False))
    of_best = {} if best is None else compared.loc[best].astype(object).dropna().to_dict()
    metrics.write_json(
        CompareClustersMetrics(
            candidates=len(members),
            documents=documents["split"].value_counts().sort_index().to_dict(),
            labels=documents["label"].nunique(),
            unscored=unscored,
            best=best and CandidateMetrics(method=best[0], embedding=best[1]),
            silhouette=of_best.get("silhouette"),
            adjusted_rand=of_best.get("adjusted_rand"),
            validation=of_best.get("validation"),
            test=of_best.get("test"),
            test_interval=None if unscored else (of_best["low"], of_best["high"]),
            no_worse=[CandidateMetrics(method=name, embedding=own) for name, own in tied],
        )
    )
