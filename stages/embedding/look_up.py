"""Print the words nearest to any words; FastText knows those that are not in the corpus, too."""

import argparse
from pathlib import Path

from stages.core.errors import StageError
from stages.embedding.model import read_model
from stages.embedding.space import nearest_neighbours, space_of


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, look up, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", type=Path, help="data/embedding/MODEL/vectors.parquet")
    parser.add_argument("model", type=Path, help="data/embedding/MODEL/model.safetensors")
    parser.add_argument("words", nargs="+")
    parser.add_argument("--neighbours", type=int, default=10, help="how many (10)")
    args = parser.parse_args(argv)
    model = read_model(args.vectors, args.model)
    found = nearest_neighbours(args.words, args.neighbours, space_of(model), model)
    for word in args.words:
        rows = [row for row in found.to_pylist() if row["token"] == word]
        if not rows:
            raise StageError(
                f"'{word}' has no neighbours in {args.vectors}: it has no vector, or a model in "
                "which no word is like another"
            )
        print(word if rows[0]["seen"] else f"{word} (not in the corpus; from its n-grams)")
        for row in rows:
            print(f"  {row['cosine_similarity']:.3f}  {row['neighbour']}")
