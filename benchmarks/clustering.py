"""Measure the clustering room against its peers.

`python -m benchmarks.clustering tsne` measures on the reviews in ../shared/data.
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    options = commands.add_parser("tsne", help="t-SNE against scikit-learn's")
    options.add_argument("--megabytes", type=float, default=6.5, help="of text")
    options.add_argument("--words", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=1, help="of both methods in turns")
    args = parser.parse_args()
    if not SHARED.exists():
        sys.exit(f"{SHARED} does not exist: the reviews are not part of the project")
    match args.what:
        case "tsne":
            tsne(args.megabytes, args.words, args.rounds)


if __name__ == "__main__":
    main()
