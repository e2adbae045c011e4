"""Export word vectors in word2vec's format: text (.txt or .vec) or binary (.bin).

A space ends a word in these files, so spaces in words are replaced by `_`, as word2vec does.
"""

import argparse
import sys
from pathlib import Path

import pyarrow.parquet as pq
from gensim.models import KeyedVectors

from stages.core.command import reported
from stages.core.errors import StageError
from stages.core.outputs import Staging
from stages.core.vectors import to_array
from stages.embedding.models.pretrained import word_in_file

IS_BINARY = {".txt": False, ".vec": False, ".bin": True}


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.export_vectors", description=__doc__)
    parser.add_argument(
        "vectors", type=Path, help="data/embedding/train_embedding/MODEL/vectors.parquet"
    )
    parser.add_argument("target", type=Path, help="file to write; its suffix sets the format")
    args = parser.parse_args(argv)
    if args.target.suffix not in IS_BINARY:
        raise StageError(f"{args.target}: the name must end in {', '.join(IS_BINARY)}")
    table = pq.read_table(args.vectors)
    if not table["indices"].null_count:
        raise StageError(f"{args.vectors} is sparse, and word2vec has no format for sparse vectors")
    words = table["token"].to_pylist()
    row_of = {word: row for row, word in enumerate(words) if word_in_file(word) == word}
    for row, word in enumerate(words):
        row_of.setdefault(word_in_file(word), row)
    kept = sorted(row_of, key=row_of.get)
    vectors = KeyedVectors(len(table["vector"][0]), count=0)
    vectors.add_vectors(kept, to_array(table["vector"])[[row_of[name] for name in kept]])
    with Staging() as staging:
        vectors.save_word2vec_format(
            staging.output(args.target).path, binary=IS_BINARY[args.target.suffix], sort_attr=None
        )
    print(f"{args.target}: {len(vectors)} words of {vectors.vector_size} dimensions")
    spaced = [word for word in words if word_in_file(word) != word]
    if spaced:
        print(
            f"{len(spaced)} with spaces, such as '{spaced[0]}', are written with _ for each space; "
            f"{len(words) - len(kept)} of them are left out, because another word is written alike"
        )


if __name__ == "__main__":
    sys.exit(reported("export_vectors", main))
