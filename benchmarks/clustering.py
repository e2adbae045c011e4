"""Measure the clustering room against its peers.

`python -m benchmarks.clustering tsne`, `rules` and `learners` measure on the reviews in
../shared/data, `kmeans` on drawn vectors.
"""

import argparse
import sys

import numpy as np
import pyarrow.parquet as pq
import yaml
from sklearn.preprocessing import normalize

from benchmarks.embedding import CORPORA, corpus, reviews
from benchmarks.project import (
    SHARED,
    measure,
    project,
    read_params,
    run_stage,
    work_seconds,
)
from stages.clustering.points import Points
from stages.core.metrics import read_metrics
from stages.metrics.classify_documents import ClassifyDocumentsMetrics
from stages.metrics.compare_learners import CompareLearnersMetrics
from stages.metrics.score_document_baselines import ScoreDocumentBaselinesMetrics
from stages.metrics.train_learner import TrainLearnerMetrics

# One method on the same vectors, in a process of its own; seconds are those of the method.
TSNE = """
import sys, time
import numpy as np
from stages.clustering.points import read, sample
from stages.clustering.projections.methods import TsneParams, tsne
from stages.clustering.projections.neighbourhoods import kept, ranks
method, perplexity, scored, neighbours = sys.argv[1], *map(int, sys.argv[2:])
vectors = read("data/clustering/points/skipgram/words.parquet").vectors.astype(np.float64)
if method == "openTSNE":
    import openTSNE
    place = lambda: tsne(vectors, TsneParams(perplexity=perplexity, seed=1)).positions
else:
    from sklearn.manifold import TSNE
    model = TSNE(perplexity=perplexity, init="pca", random_state=1, n_jobs=1)
    place = lambda: model.fit_transform(vectors)
start = time.process_time()
positions = place()
seconds = time.process_time() - start
rows = sample(len(vectors), scored, 1)
before, after = ranks(vectors[rows]), ranks(positions[rows])
trust, continuity = kept(before, after, neighbours), kept(after, before, neighbours)
with open("result.txt", "w") as file:
    print(len(vectors), seconds, trust.mean(), continuity.mean(), file=file)
"""


def tsne(megabytes: float, words: int, rounds: int) -> None:
    """t-SNE of word vectors, one thread each, in turns: time, trustworthiness and continuity."""
    changes = {
        "text.tokenize": {"min_count": 2},
        "embedding.train_embedding.skipgram": {"epochs": 3},
        "clustering.embed_documents": {"words": words, "skip_words": 0},
    }
    with corpus(megabytes, changes) as folder:
        for name in ("train_embedding@skipgram", "embed_documents@skipgram"):
            run_stage(folder, name)
        seconds: dict[str, list[float]] = {"openTSNE": [], "scikit-learn": []}
        for _ in range(rounds):
            for method, own in seconds.items():
                measure(folder, "-c", TSNE, method, "30", "5000", "10")
                n, taken, trust, continuity = (folder / "result.txt").read_text().split()
                own.append(float(taken))
                print(
                    f"{method:12} {int(n):,} words, {own[-1]:.1f} s of processor, trustworthiness "
                    f"{float(trust):.4f}, continuity {float(continuity):.4f}",
                    flush=True,
                )
    print(f"openTSNE takes {min(seconds['openTSNE']) / min(seconds['scikit-learn']):.2f} "
          "of scikit-learn's time")  # fmt: skip


# Seconds are those of the algorithms: each gets the baskets as it likes them.
RULES = """
import sys, time
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
from mlxtend.frequent_patterns import apriori as mlxtend_apriori, fpgrowth
from stages.clustering.itemsets.apriori import apriori
from stages.clustering.itemsets.baskets import read_baskets
from stages.clustering.itemsets.eclat import eclat
from stages.core.vocabulary import read_words
from pathlib import Path
n, min_support, skip = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
words = read_words(Path("data/text/vocabulary.parquet"))["token"].to_pylist()[skip:]
tokens = pq.read_table("data/text/tokens.parquet", columns=["tokens", "sentence_lengths"])
baskets = read_baskets(tokens, "sentence", words)
n = min(n, baskets.contains.shape[0])
minimum = -int(-min_support * n // 1)
contains = baskets._replace(contains=baskets.contains[:n]).frequent(minimum).contains
frame = pd.DataFrame(contains.toarray().astype(bool))
def theirs(algorithm):
    found = algorithm(frame, min_support=minimum / n)
    return {tuple(sorted(own)): round(support * n)
            for own, support in zip(found["itemsets"], found["support"])}
ours = lambda algorithm: algorithm(contains, minimum, contains.shape[1], 10**9)
runs = {"eclat": lambda: ours(eclat), "apriori": lambda: ours(apriori),
        "fpgrowth of mlxtend": lambda: theirs(fpgrowth),
        "apriori of mlxtend": lambda: theirs(mlxtend_apriori)}
expected = None
lines = [f"{n:,} sentences, {contains.shape[1]:,} words of at least {minimum} sentences, "
         f"{contains.nnz / n:.1f} of them in a sentence"]
for name, run in runs.items():
    start = time.process_time()
    found = run()
    seconds = time.process_time() - start
    expected = expected or found
    lines.append(f"{name:20} {seconds:7.2f} s of processor, {len(found):,} sets, "
                 f"same as eclat's: {found == expected}")
Path("result.txt").write_text("\\n".join(lines))
"""


def rules(sentences: int, min_support: float, skip_words: int, rounds: int) -> None:
    """Frequent sets of words in the same sentence, by our algorithms and by mlxtend's."""
    with corpus(6.5, {}) as folder:
        for _ in range(rounds):
            measure(folder, "-c", RULES, str(sentences), str(min_support), str(skip_words))
            print((folder / "result.txt").read_text(), flush=True)


# k-means without the project: from a table of vectors to their clusters.
KMEANS = """
import sys, time
import numpy as np
import pyarrow.parquet as pq
from sklearn.cluster import KMeans
start = time.process_time()
column = pq.read_table("data/clustering/points/drawn/words.parquet", columns=["vector"])["vector"]
vectors = column.combine_chunks().flatten().to_numpy().reshape(len(column), -1).astype(np.float64)
KMeans(int(sys.argv[1]), n_init=1, random_state=1).fit(vectors)
print(time.process_time() - start, file=open("result.txt", "w"))
"""


def kmeans(points: int, dimensions: int, clusters: int, rounds: int) -> None:
    """k-means through the stage, with scores and names, against scikit-learn alone."""
    section = {
        "kind": "kmeans", "points": "words", "clusters": clusters, "restarts": 1, "seed": 1,
        "stability_runs": 0,
    }  # fmt: skip
    with project({"clustering.cluster.kmeans_words": section}) as folder:
        params = read_params(folder)
        params["embedding"]["train_embedding"] = {"drawn": {}}
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        draw = np.random.default_rng(1)
        # Without clear clusters, as words are: k-means takes many iterations.
        vectors = normalize(draw.normal(size=(points, dimensions)))
        nothing = [None] * points
        table = Points([f"w{n}" for n in range(points)], nothing, nothing, vectors).to_table()
        target = folder / "data/clustering/points/drawn"
        target.mkdir(parents=True)
        pq.write_table(table, target / "words.parquet")
        (folder / "data/text").mkdir()
        # Clusters of words do not read it.
        pq.write_table(table.slice(0, 0), folder / "data/text/tokens.parquet")
        seconds: dict[str, list[float]] = {"stage": [], "scikit-learn": []}
        for _ in range(rounds):
            seconds["stage"] += work_seconds(folder, "process_time", "cluster@kmeans_words")
            measure(folder, "-c", KMEANS, str(clusters))
            seconds["scikit-learn"].append(float((folder / "result.txt").read_text()))
        for name, own in seconds.items():
            print(
                f"{name:12} {points:,} points, {clusters} clusters, {min(own):.1f} s of processor"
            )
    print(f"the stage takes {min(seconds['stage']) / min(seconds['scikit-learn']):.2f} "
          "of scikit-learn's time")  # fmt: skip


def learners(names: list[str], cell: str) -> None:
    """The classifiers on English and on Korean reviews, beside TF-IDF and a recurrent cell."""
    stages = ["compare_learners", "score_document_baselines", f"classify_documents@{cell}"]
    for name in names:
        with reviews(name) as folder:
            cost = measure(folder, "-m", "dvc", "repro", *stages)
            metrics = folder / "reports/metrics"
            trained = {
                own.stem: read_metrics(own, TrainLearnerMetrics).learner
                for own in sorted((metrics / "train_learner").glob("*.json"))
            }
            baselines = read_metrics(
                metrics / "score_document_baselines.json", ScoreDocumentBaselinesMetrics
            )
            recurrent = read_metrics(
                metrics / f"classify_documents/{cell}.json", ClassifyDocumentsMetrics
            )
            compared = read_metrics(metrics / "compare_learners.json", CompareLearnersMetrics)
            beside = {
                "majority": baselines.majority, "TF-IDF": baselines.tf_idf, cell: recurrent.first
            }  # fmt: skip
            print(f"{name}: {cost.wall_s:.0f} s; best on validation {compared.best}, tied with "
                  f"{', '.join(compared.no_worse) or 'none'}; not above the majority: "
                  f"{', '.join(compared.not_above_majority) or 'none'}")  # fmt: skip
            for learner, own in {**trained, **beside}.items():
                low, high = own.accuracy_interval
                print(
                    f"  {learner:20} accuracy {own.accuracy:.3f} ({low:.3f} to {high:.3f}), "
                    f"macro F1 {own.macro_f1:.3f}"
                )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    options = commands.add_parser("tsne", help="t-SNE against scikit-learn's")
    options.add_argument("--megabytes", type=float, default=6.5, help="of text")
    options.add_argument("--words", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=1, help="of both methods in turns")
    options = commands.add_parser("rules", help="Apriori and Eclat against mlxtend's algorithms")
    options.add_argument("--sentences", type=int, default=50_000)
    options.add_argument("--min-support", type=float, default=0.005)
    options.add_argument("--skip-words", type=int, default=0, help="most frequent words")
    options.add_argument("--rounds", type=int, default=1)
    options = commands.add_parser("kmeans", help="the stage against scikit-learn alone")
    options.add_argument("--points", type=int, default=100_000)
    options.add_argument("--dimensions", type=int, default=100)
    options.add_argument("--clusters", type=int, default=50)
    options.add_argument("--rounds", type=int, default=3)
    options = commands.add_parser("learners", help="the classifiers beside TF-IDF and a cell")
    options.add_argument("--cell", default="lstm")
    options.add_argument("--corpora", nargs="+", choices=list(CORPORA), default=list(CORPORA))
    args = parser.parse_args()
    if args.what != "kmeans" and not SHARED.exists():
        sys.exit(f"{SHARED} does not exist: the reviews are not part of the project")
    match args.what:
        case "tsne":
            tsne(args.megabytes, args.words, args.rounds)
        case "rules":
            rules(args.sentences, args.min_support, args.skip_words, args.rounds)
        case "kmeans":
            kmeans(args.points, args.dimensions, args.clusters, args.rounds)
        case "learners":
            learners(args.corpora, args.cell)


if __name__ == "__main__":
    main()
