"""Write word vectors in word2vec's format, which other tools read: .txt or .vec, or binary .bin."""

import argparse
from pathlib import Path

import pyarrow.parquet as pq
from gensim.models import KeyedVectors

from stages.core.errors import StageError
from stages.core.outputs import Outputs
from stages.core.vectors import to_array

IS_BINARY = {".txt": False, ".vec": False, ".bin": True}


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, convert, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", type=Path, help="data/embedding/MODEL/vectors.parquet")
    parser.add_argument("target", type=Path, help="file to write; its ending says the format")
    args = parser.parse_args(argv)
    if args.target.suffix not in IS_BINARY:
        raise StageError(f"{args.target}: its name has to end in {', '.join(IS_BINARY)}")
    table = pq.read_table(args.vectors)
    if not table["positions"].null_count:
        raise StageError(f"{args.vectors} is sparse, for which word2vec has no format")
    vectors = KeyedVectors(len(table["vector"][0]), count=0)
    vectors.add_vectors(table["token"].to_pylist(), to_array(table["vector"]))
    with Outputs() as outputs:
        vectors.save_word2vec_format(
            outputs.aside(args.target), binary=IS_BINARY[args.target.suffix], sort_attr=None
        )
    print(f"{args.target}: {len(vectors)} words of {vectors.vector_size} dimensions")
