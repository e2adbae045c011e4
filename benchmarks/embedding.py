"""Measure the embedding room against gensim, GloVe against itself, memory, and cost.

`python -m benchmarks.embedding gensim` (or `glove`, `sparse`, `memory`, `corpora`) measures on the
reviews in ../shared/data; `costs` measures each model of params.yaml on the corpus in data/text and
writes reports/costs/embedding.csv, which the report shows.
"""

import argparse
import csv
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.pipeline import clone
from benchmarks.project import (
    ROOT,
    SHARED,
    change_params,
    measure,
    project,
    read_params,
    run_stage,
    write_corpus,
)
from benchmarks.text import ENGLISH, KEEP_COPIES, STAGES, write_distinct, write_english

COSTS = ROOT / "reports" / "costs" / "embedding.csv"
GENSIM = ("cbow", "skipgram", "fasttext")


@contextmanager
def corpus(
    megabytes: float, changes: dict[str, dict[str, Any]], distinct: bool = False
) -> Iterator[Path]:
    """Yield a folder with tokens and vocabulary of reviews, and with changed parameters."""
    with project({**KEEP_COPIES, **changes}) as folder:
        write_corpus(folder, "english", **ENGLISH)
        write = write_distinct if distinct else write_english
        write(folder, megabytes)
        for name in STAGES:
            run_stage(folder, name)
        yield folder


def words_of(folder: Path):
    """Return the vocabulary and the training text."""
    from stages.embedding.models.training_text import TrainingText, read_vocabulary

    vocabulary = read_vocabulary(folder / "data/text/vocabulary.parquet")
    return vocabulary, TrainingText(folder / "data/text/tokens.parquet", vocabulary.words)


# The text as a list of documents from the same file, and gensim as its documentation calls it.
DIRECT = """
import sys, yaml, numpy as np
import pyarrow.parquet as pq
from gensim.models import FastText, Word2Vec
name, target = sys.argv[1:]
p = yaml.safe_load(open("params.yaml"))["embedding"]["train_embedding"][name]
rows = pq.read_table("data/text/tokens.parquet", filters=[("split", "==", "train")])
vocabulary = pq.read_table("data/text/vocabulary.parquet").slice(3)
counts = dict(zip(vocabulary["token"].to_pylist(), vocabulary["count"].to_pylist()))
documents = rows["tokens"].to_pylist()
settings = dict(
    sg=int(p.get("architecture", p["kind"]) == "skipgram"), vector_size=p["dimensions"],
    window=p["window"], negative=p["negative_samples"], sample=p["subsampling"],
    alpha=p["learning_rate"], epochs=p["epochs"], seed=p["seed"], workers=p["workers"], min_count=1)
if p["kind"] == "fasttext":
    model = FastText(min_n=p["shortest_ngram"], max_n=p["longest_ngram"], bucket=p["buckets"],
                     **settings)
else:
    model = Word2Vec(**settings)
model.build_vocab_from_freq(counts, corpus_count=len(documents))
model.train(documents, total_words=sum(map(len, documents)), epochs=p["epochs"])
np.save(target, model.wv[list(counts)])
"""


def against_gensim(megabytes: float, epochs: int | None) -> None:
    """The whole stage against a program that calls gensim, in turns, and whether vectors agree."""
    changes = {f"embedding.train_embedding.{name}": {"epochs": epochs} for name in GENSIM}
    with corpus(megabytes, changes if epochs else {}) as folder:
        models = read_params(folder)["embedding"]["train_embedding"]
        _, text = words_of(folder)
        _, tokens = text.size()
        print(f"{tokens:,} tokens, one worker")
        for name in GENSIM:
            ours = run_stage(folder, f"train_embedding@{name}")
            theirs = measure(folder, "-c", DIRECT, name, "direct.npy")
            vectors = pd.read_parquet(
                folder / f"data/embedding/train_embedding/{name}/vectors.parquet"
            )["vector"]
            equal = np.array_equal(np.stack(vectors), np.load(folder / "direct.npy"))
            print(
                f"{name}, {models[name]['epochs']} epochs: "
                f"stage {ours.wall_s:6.1f} s ({ours.cpu_s:.1f} s of processors), gensim "
                f"{theirs.wall_s:6.1f} s ({theirs.cpu_s:.1f}), ratio "
                f"{ours.wall_s / theirs.wall_s:.2f} ({ours.cpu_s / theirs.cpu_s:.2f}), "
                f"equal vectors: {equal}, peak {ours.peak_mib:.0f} against "
                f"{theirs.peak_mib:.0f} MiB",
                flush=True,
            )


def glove(megabytes: float) -> None:
    """Counting and learning by one thread and by two, and the cost against plain AdaGrad."""
    from stages.embedding.models.cooccurrence import cooccurrence
    from stages.embedding.models.glove import (
        Entries,
        Weights,
        arrange,
        groups_for,
        initial_weights,
        train_epoch,
    )

    window, dimensions, x_max, epochs = 5, 100, 100.0, 15
    with corpus(megabytes, {}) as folder:
        vocabulary, text = words_of(folder)
        _, tokens = text.size()
        n_words = len(vocabulary.words)

        def count(workers: int) -> tuple[object, float]:
            start = time.perf_counter()
            counts = cooccurrence(text, n_words, window, True, workers)
            return counts, time.perf_counter() - start

        count(1)  # compiles
        counts, one = count(1)
        again, two = count(2)
        same = all(
            np.array_equal(getattr(counts, part), getattr(again, part))
            for part in ("data", "indices", "indptr")
        )
        print(f"{tokens:,} tokens, {n_words:,} words, {counts.nnz:,} counts, window {window}")
        print(
            f"counting: {tokens / one / 1e6:.2f} million tokens a second by one thread, "
            f"{tokens / two / 1e6:.2f} by two, {one / two:.2f} times, same bytes: {same}"
        )

        def learn(entries: Entries, workers: int) -> tuple[list[float], float, Weights]:
            weights = initial_weights(n_words, dimensions, 1)
            start = time.perf_counter()
            with ThreadPoolExecutor(workers) as pool:
                costs = [
                    train_epoch(entries, weights, 0.05, epoch, pool, workers)
                    for epoch in range(epochs)
                ]
            return costs, time.perf_counter() - start, weights

        start = time.perf_counter()
        entries = arrange(counts, x_max, 0.75, groups_for(n_words), 1)
        print(f"arranging the counts, compiling: {time.perf_counter() - start:.2f} s")
        learn(entries._replace(bounds=entries.bounds * 0), 1)  # compiles
        costs, one, weights = learn(entries, 1)
        _, two, again = learn(entries, 2)
        same = all(np.array_equal(a, b) for a, b in zip(weights, again, strict=True))
        updates = counts.nnz * epochs
        print(
            f"learning: {updates / one / 1e6:.2f} million updates a second by one thread, "
            f"{updates / two / 1e6:.2f} by two, {one / two:.2f} times, same bytes: {same}"
        )
        shuffled = np.random.default_rng(1).permutation(counts.nnz)
        plain = Entries(*(values[shuffled] for values in entries[:4]), np.array([0, counts.nnz]))
        plain_costs, seconds, _ = learn(plain, 1)
        print(f"plain shuffled AdaGrad: {updates / seconds / 1e6:.2f} million updates a second")
        print(f"cost after {epochs} epochs: {costs[-1]:.5f} in blocks, {plain_costs[-1]:.5f} plain")


SPARSE = """
import sys, resource, numpy as np
from stages.embedding.models.cooccurrence import cooccurrence
from stages.embedding.models.training_text import Batch
n_words, tokens = int(sys.argv[1]), int(sys.argv[2])
share = 1 / np.arange(1, n_words + 1)
ids = np.random.default_rng(1).choice(n_words, tokens, p=share / share.sum()).astype(np.int32)
class Drawn:
    def batches(self):
        yield Batch(ids, np.full(tokens // 200, 200))
counts = cooccurrence(Drawn(), n_words, 10, True, 1)
print(counts.nnz, file=open("counts.txt", "w"))
"""


def sparse(n_words: int, tokens: int) -> None:
    """Memory of counting for a large vocabulary, words drawn by Zipf's law."""
    with project({}) as folder:
        cost = measure(folder, "-c", SPARSE, str(n_words), str(tokens))
        nnz = int((folder / "counts.txt").read_text())
    print(f"{n_words:,} words, {tokens:,} tokens, window 10: {nnz:,} counts, "
          f"peak {cost.peak_mib:.0f} MiB, {cost.wall_s:.1f} s")  # fmt: skip


def memory(megabytes: float) -> None:
    """Peak memory of training each model, one epoch where there are several."""
    models = read_params(ROOT)["embedding"]["train_embedding"]
    changes = {
        f"embedding.train_embedding.{name}": {"epochs": 1}
        for name, model in models.items()
        if "epochs" in model
    }
    with corpus(megabytes, changes, distinct=True) as folder:
        vocabulary, text = words_of(folder)
        print(f"{megabytes:.0f} MB, {text.size()[1]:,} tokens, {len(vocabulary.words):,} words")
        for name in models:
            cost = run_stage(folder, f"train_embedding@{name}")
            print(f"{name:9} {cost.peak_mib:6.0f} MiB  {cost.wall_s:6.1f} s", flush=True)


def costs() -> None:
    """Train each model on the corpus in data/text and write what it took."""
    collected = json.loads((ROOT / "reports/metrics/collect.json").read_text(encoding="utf-8"))
    with project({}, "text") as folder:
        _, text = words_of(folder)
        _, tokens = text.size()
        rows = []
        for name, model in read_params(folder)["embedding"]["train_embedding"].items():
            cost = run_stage(folder, f"train_embedding@{name}")
            rows.append(
                {
                    "model": name,
                    "seconds": round(cost.wall_s, 1),
                    "words_per_second": round(tokens * model.get("epochs", 1) / cost.wall_s),
                    "peak_mib": round(cost.peak_mib),
                    "corpus": f"“{collected['corpus']['title']}”, {tokens:,} words a pass",
                }
            )
            print(rows[-1], flush=True)
    COSTS.parent.mkdir(parents=True, exist_ok=True)
    with COSTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


# Reviews in ../shared/data: their language, their columns, and parameters of FastText for them.
CORPORA = {
    "imdb_sample": ("imdb_sample.csv", "english", {"split_column": "split"}, {}),
    "nsmc_sample": (
        "nsmc_sample.tsv", "korean", {"text_column": "document"},
        {"longest_ngram": 6, "shortest_ngram": 3, "jamo": True},
    ),
}  # fmt: skip


@contextmanager
def reviews(name: str) -> Iterator[Path]:
    """Yield a clone of the project whose corpus is one of `CORPORA`."""
    file, language, columns, fasttext = CORPORA[name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = clone("HEAD", Path(temporary, "etude"))
        shutil.copy(SHARED / file, folder / "data/raw")
        write_corpus(folder, language, path=file, label_column="label", **columns)
        change_params(folder, {"embedding.train_embedding.fasttext": fasttext})
        yield folder


def corpora(names: list[str]) -> None:
    """The room on English and on Korean reviews."""
    for name in names:
        with reviews(name) as folder:
            cost = measure(folder, "-m", "dvc", "repro", "compare_embeddings")
            metrics = folder / "reports/metrics/compare_embeddings.json"
            print(f"{name}: {cost.wall_s:.0f} s")
            for test, verdict in json.loads(metrics.read_text()).items():
                print(f"  {test:16} {verdict['best']} {verdict['score']} of {verdict['items']}")
            table = pd.read_parquet(folder / "data/embedding/comparison.parquet")
            print(table.pivot(index="model", columns="test", values="score").round(3).to_string())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    choices = ["gensim", "glove", "sparse", "memory", "corpora", "costs"]
    parser.add_argument("what", choices=choices)
    parser.add_argument("--megabytes", type=float, help="of text")
    parser.add_argument("--epochs", type=int, help="for gensim; those of params.yaml if not given")
    parser.add_argument("--words", type=int, default=200_000, help="for sparse")
    parser.add_argument("--tokens", type=int, default=20_000_000, help="for sparse")
    parser.add_argument("--corpora", nargs="+", choices=list(CORPORA), default=list(CORPORA))
    args = parser.parse_args()
    if args.what not in ("costs", "sparse") and not SHARED.exists():
        sys.exit(f"{SHARED} does not exist: the reviews are not part of the project")
    match args.what:
        # 35 MB of the reviews are 5 million training tokens.
        case "gensim":
            against_gensim(args.megabytes or 35, args.epochs)
        case "glove":
            glove(args.megabytes or 35)
        case "sparse":
            sparse(args.words, args.tokens)
        case "memory":
            memory(args.megabytes or 100)
        case "corpora":
            corpora(args.corpora)
        case "costs":
            costs()


if __name__ == "__main__":
    main()
