"""Measure the clustering room against its peers.

`python -m benchmarks.clustering tsne` and `rules` measure on the reviews in ../shared/data.
"""

import argparse
import sys

from benchmarks.embedding import corpus
from benchmarks.project import SHARED, measure, run_stage

# One method on the same vectors, in a process of its own; seconds are those of the method.
TSNE = """
import sys, time
import numpy as np
from stages.clustering.points import read, sample
from stages.clustering.projections.methods import TsneParams, tsne
from stages.clustering.projections.neighbourhoods import kept, ranks
method, perplexity, scored, neighbours = sys.argv[1], *map(int, sys.argv[2:])
vectors = read("data/clustering/points/words.parquet").vectors.astype(np.float64)
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
        for name in ("train_embedding@skipgram", "embed_documents"):
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
    args = parser.parse_args()
    if not SHARED.exists():
        sys.exit(f"{SHARED} does not exist: the reviews are not part of the project")
    match args.what:
        case "tsne":
            tsne(args.megabytes, args.words, args.rounds)
        case "rules":
            rules(args.sentences, args.min_support, args.skip_words, args.rounds)


if __name__ == "__main__":
    main()
