"""Print the nearest neighbours of words; FastText has vectors even for words not in the corpus."""

import argparse
import sys
from pathlib import Path

from stages.core.command import reported
from stages.core.errors import StageError
from stages.embedding.evaluation.space import nearest_neighbours, space_of
from stages.embedding.models.model import read_model


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.look_up_words", description=__doc__)
    parser.add_argument(
        "model", type=Path, help="folder of a model, such as data/embedding/train_embedding/lsa"
    )
    parser.add_argument("words", nargs="+")
    parser.add_argument("--neighbours", type=int, default=10, help="how many (10)")
    args = parser.parse_args(argv)
    model = read_model(args.model / "vectors.parquet", args.model / "model.safetensors")
    found = nearest_neighbours(args.words, args.neighbours, space_of(model), model)
    for word in args.words:
        rows = [row for row in found.to_pylist() if row["token"] == word]
        if not rows:
            raise StageError(
                f"'{word}' has no neighbours in {args.model}: the word has no vector, or no words "
                "are similar in this model"
            )
        print(word if rows[0]["seen"] else f"{word} (not in the corpus; from its n-grams)")
        for row in rows:
            print(f"  {row['cosine_similarity']:.3f}  {row['neighbour']}")


if __name__ == "__main__":
    sys.exit(reported("look_up_words", main))
