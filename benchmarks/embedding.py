"""Measure the embedding room against gensim, GloVe against itself, memory, and cost.

`python -m benchmarks.embedding gensim` (or `glove`, `sparse`, `memory`, `corpora`) measures on the
reviews in ../shared/data; `costs` measures each model of params.yaml on the corpus in data/text and
writes reports/costs/embedding.csv, which the report shows.
"""

import argparse
import csv
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.pipeline import ROOT, clone, measure
from benchmarks.text import SHARED, project, run_stages, write_distinct, write_english

COSTS = ROOT / "reports" / "costs" / "embedding.csv"
TRAIN = "tokens.parquet vocabulary.parquet {0}/vectors.parquet {0}/model.safetensors {0}/check.json"


@contextmanager
def corpus(megabytes: float, distinct: bool = False):
    """Yield a folder with tokens and vocabulary of reviews."""
    with project("reviews.csv", "english", id_column="id") as folder:
        write = write_distinct if distinct else write_english
        write(folder / "raw" / "reviews.csv", megabytes)
        run_stages(folder)
        models = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["embedding"]
        (folder / "params.yaml").write_text(yaml.safe_dump({"embedding": models}))
        yield folder


def words_of(folder: Path):
    """Return the vocabulary and the training text."""
    from stages.embedding.models.training_text import TrainingText, read_vocabulary

    vocabulary = read_vocabulary(folder / "vocabulary.parquet")
    return vocabulary, TrainingText(folder / "tokens.parquet", vocabulary.words)


# The text as a list of documents from the same file, and gensim as its documentation calls it.
DIRECT = """
import sys, yaml, numpy as np
import pyarrow.parquet as pq
from gensim.models import FastText, Word2Vec
name, target = sys.argv[1:]
p = yaml.safe_load(open("params.yaml"))["embedding"]["models"][name]
rows = pq.read_table("tokens.parquet", filters=[("split", "==", "train")])
vocabulary = pq.read_table("vocabulary.parquet").slice(3)
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
    with corpus(megabytes) as folder:
        section = yaml.safe_load((folder / "params.yaml").read_text())
        models = section["embedding"]["models"]
        for name in ("cbow", "skipgram", "fasttext"):
            models[name]["epochs"] = epochs or models[name]["epochs"]
        (folder / "params.yaml").write_text(yaml.safe_dump(section))
        _, text = words_of(folder)
        _, tokens = text.size()
        print(f"{tokens:,} tokens, one worker")
        for name in ("cbow", "skipgram", "fasttext"):
            ours = measure(folder, *_train(folder, name))
            theirs = measure(folder, "-c", DIRECT, name, "direct.npy")
            vectors = pd.read_parquet(folder / name / "vectors.parquet")["vector"]
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


def _train(folder: Path, name: str) -> list[str]:
    (folder / name).mkdir(exist_ok=True)
    section = f"embedding.models.{name}"
    return ["-m", "stages", "embedding.train", *TRAIN.format(name).split(), "--params", section]


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
    with corpus(megabytes) as folder:
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
    with tempfile.TemporaryDirectory() as temporary:
        os.symlink(ROOT / "stages", Path(temporary, "stages"))
        cost = measure(Path(temporary), "-c", SPARSE, str(n_words), str(tokens))
        nnz = int(Path(temporary, "counts.txt").read_text())
    print(f"{n_words:,} words, {tokens:,} tokens, window 10: {nnz:,} counts, "
          f"peak {cost.peak_mib:.0f} MiB, {cost.wall_s:.1f} s")  # fmt: skip


def memory(megabytes: float) -> None:
    """Peak memory of training each model, one epoch where there are several."""
    with corpus(megabytes, distinct=True) as folder:
        section = yaml.safe_load((folder / "params.yaml").read_text())
        models = section["embedding"]["models"]
        for model in models.values():
            if "epochs" in model:
                model["epochs"] = 1
        (folder / "params.yaml").write_text(yaml.safe_dump(section))
        vocabulary, text = words_of(folder)
        print(f"{megabytes:.0f} MB, {text.size()[1]:,} tokens, {len(vocabulary.words):,} words")
        for name in models:
            cost = measure(folder, *_train(folder, name))
            print(f"{name:9} {cost.peak_mib:6.0f} MiB  {cost.wall_s:6.1f} s", flush=True)


def costs() -> None:
    """Train each model on the corpus in data/text and write what it took."""
    models = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["embedding"]
    collected = json.loads((ROOT / "reports/metrics/collect.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.symlink(ROOT / "stages", folder / "stages")
        shutil.copy(ROOT / "params.yaml", folder)
        for name in ("tokens", "vocabulary"):
            os.symlink(ROOT / f"data/text/{name}.parquet", folder / f"{name}.parquet")
        _, text = words_of(folder)
        _, tokens = text.size()
        rows = []
        for name, model in models["models"].items():
            cost = measure(folder, *_train(folder, name))
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


CORPORA = {
    "imdb_sample": ("imdb_sample.csv", "english", {"split_column": "split"}, {}),
    "nsmc_sample": (
        "nsmc_sample.tsv", "korean", {"text_column": "document"},
        {"longest_ngram": 6, "shortest_ngram": 3, "jamo": True},
    ),
}  # fmt: skip


def corpora(names: list[str]) -> None:
    """The room on English and on Korean reviews, each by one switch of the corpus."""
    for name in names:
        file, language, columns, fasttext = CORPORA[name]
        with tempfile.TemporaryDirectory() as temporary:
            folder = clone(Path(temporary, "etude"))
            shutil.copy(SHARED / file, folder / "data/raw")
            described = {
                "title": name, "licence": "-", "language": language, "min_words": 1,
                "markup": "html", "sources": [{"path": file, "label_column": "label", **columns}],
            }  # fmt: skip
            (folder / f"conf/corpus/{name}.yaml").write_text(yaml.safe_dump(described))
            params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
            params["corpus"] = name
            params["embedding"]["models"]["fasttext"] |= fasttext
            (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
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
        sys.exit(f"{SHARED} is not there: the reviews are not part of the project")
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
