"""Measure the text room against NLTK and Kiwi, in memory, in time and by processes.

`python -m benchmarks.text english` (or `korean`, `memory`, `workers`) measures on the reviews in
../shared/data; `--megabytes` says how large the corpora are that are made of them.
"""

import argparse
import csv
import hashlib
import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import yaml

from benchmarks.pipeline import ROOT, Cost, measure

SHARED = ROOT.parent / "shared" / "data"
DICTIONARY = ROOT / "conf" / "korean_words.tsv"
SAMPLE_CHARACTERS = 20_000_000


def reviews() -> list[dict[str, str]]:
    """Return the rows of the English reviews."""
    csv.field_size_limit(1 << 24)
    with (SHARED / "imdb_sample.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_english(path: Path, megabytes: float) -> int:
    """Write the reviews, repeated with other ids, as CSV; return the number of characters."""
    rows, written, copy = reviews(), 0, 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "split", "label", "text"])
        while written < megabytes * 1e6:
            for number, row in enumerate(rows):
                writer.writerow([f"{copy}-{number}", row["split"], row["label"], row["text"]])
                written += len(row["text"])
                if written >= megabytes * 1e6:
                    break
            copy += 1
    return written


def write_distinct(path: Path, megabytes: float) -> None:
    """Write documents of twelve sentences each, drawn from all reviews, as CSV."""
    import pyarrow as pa

    from stages.text.tokens.english import Tokenizer

    texts = pa.array([" ".join(row["text"].replace("<br />", " ").split()) for row in reviews()])
    sentences = [s for text in Tokenizer(True, True).sentences(texts) for s in text]
    draw, written, number = random.Random(1), 0, 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        while written < megabytes * 1e6:
            text = " ".join(draw.choices(sentences, k=12))
            writer.writerow([number, text])
            number, written = number + 1, written + len(text)


@contextmanager
def project(name: str, language: str, **source: str):
    """Yield a folder with the parameters of the project and a corpus in `raw/NAME`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "raw").mkdir()
        os.symlink(ROOT / "stages", folder / "stages")
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["text"]
        # What is made by repeating has to stay.
        params["collect"]["duplicates"] = "keep"
        set_params(folder, {"text": params})
        corpus = {
            "title": name, "licence": "-", "language": language, "min_words": 1, "markup": "html",
            "sources": [{"path": name, **source}],
        }  # fmt: skip
        (folder / "corpus.yaml").write_text(yaml.safe_dump(corpus))
        yield folder


def set_params(folder: Path, params: dict) -> None:
    """Write the parameters."""
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


COLLECT = "corpus.yaml raw documents.parquet collect.json checked.json --params text.collect"
TOKENIZE = (
    f"corpus.yaml {DICTIONARY} documents.parquet tokens.parquet vocabulary.parquet tokenize.json "
    "checked.json --params text.tokenize"
)


def run_stages(folder: Path) -> tuple[Cost, Cost]:
    """Run both stages as commands."""
    first = measure(folder, "-m", "stages", "text.collect", *COLLECT.split())
    return first, measure(folder, "-m", "stages", "text.tokenize", *TOKENIZE.split())


# Both stages in one process, without what does not grow with the text: starting Python and
# importing (measured apart), and Great Expectations.
WORK = """
import gc, sys, time
gc.set_threshold(100_000)
from stages.core.outputs import Outputs
from stages.text import collect, tokenize
Outputs._check = lambda self: None
clock = getattr(time, sys.argv[3])
if __name__ == "__main__":
    start = clock()
    collect.main(sys.argv[1].split())
    middle = clock()
    tokenize.main(sys.argv[2].split())
    print(middle - start, clock() - middle, file=open("seconds.txt", "w"))
"""


def work_seconds(folder: Path, clock: str) -> tuple[float, float]:
    """Return the seconds of both stages' own work, by a clock of the module `time`."""
    # In a file, so that worker processes can import it.
    (folder / "work.py").write_text(WORK)
    # Each run begins alike: nothing to replace, nothing still to be written to the disk.
    for table in folder.glob("*.parquet"):
        table.unlink()
    os.sync()
    measure(folder, "work.py", COLLECT, TOKENIZE, clock)
    first, second = (folder / "seconds.txt").read_text().split()
    return float(first), float(second)


def english(megabytes: float) -> None:
    """Raw text to tokens.parquet on one core, against NLTK's tokenizer alone."""
    from nltk.tokenize import TreebankWordTokenizer

    with project("reviews.csv", "english", id_column="id", split_column="split") as folder:
        characters = write_english(folder / "raw" / "reviews.csv", megabytes)
        texts, sampled = [], 0
        for row in reviews() * (1 + SAMPLE_CHARACTERS // 6_000_000):
            texts.append(row["text"])
            sampled += len(row["text"])
            if sampled >= min(characters, SAMPLE_CHARACTERS):
                break
        nltk = TreebankWordTokenizer()
        start = time.process_time()
        for text in texts:
            nltk.tokenize(text)
        theirs = (time.process_time() - start) * characters / sampled
        first, second = work_seconds(folder, "process_time")
        whole = sum(cost.cpu_s for cost in run_stages(folder))
    print(f"{characters / 1e6:.0f} million characters of English, processor seconds on one core")
    print(f"NLTK's tokenizer:             {theirs:7.1f}  (measured on {sampled / 1e6:.0f} million)")
    print(f"collect, own work:            {first:7.1f}")
    print(f"tokenize, own work:           {second:7.1f}")
    print(f"both stages, start and checks: {whole:6.1f}")
    print(f"ratio, own work:              {theirs / (first + second):7.2f}")
    print(f"ratio, whole stages:          {theirs / whole:7.2f}")


def korean(copies: int) -> None:
    """Documents to tokens.parquet with two threads, against Kiwi's own batch with two."""
    from kiwipiepy import Kiwi

    lines = (SHARED / "nsmc_sample.tsv").read_text(encoding="utf-8").splitlines()
    with project("reviews.tsv", "korean", text_column="document", label_column="label") as folder:
        body = [line for _ in range(copies) for line in lines[1:]]
        (folder / "raw" / "reviews.tsv").write_text("\n".join([lines[0], *body]), encoding="utf-8")
        params = yaml.safe_load((folder / "params.yaml").read_text())
        params["text"]["tokenize"]["workers"] = 2
        set_params(folder, params)
        measure(folder, "-m", "stages", "text.collect", *COLLECT.split())
        code = (
            "import sys, time\n"
            "from stages.core.outputs import Outputs\n"
            "from stages.text import tokenize\n"
            "Outputs._check = lambda self: None\n"
            "start = time.perf_counter()\n"
            "tokenize.main(sys.argv[1].split())\n"
            "print(time.perf_counter() - start, file=open('seconds.txt', 'w'))\n"
        )
        texts = [line.split("\t")[1] for line in body]
        for turn in range(2):  # the other first in the second turn
            for who in ("kiwi", "ours") if turn == 0 else ("ours", "kiwi"):
                if who == "kiwi":
                    start = time.perf_counter()
                    kiwi = Kiwi(num_workers=2)
                    for _ in kiwi.tokenize(texts):
                        pass
                    theirs = time.perf_counter() - start
                else:
                    measure(folder, "-c", code, TOKENIZE)
                    ours = float((folder / "seconds.txt").read_text())
            print(
                f"{len(texts)} reviews, two threads, the model's loading included: "
                f"Kiwi {theirs:.1f} s, documents to tokens.parquet {ours:.1f} s, "
                f"ratio {theirs / ours:.2f}"
            )
        whole = measure(folder, "-m", "stages", "text.tokenize", *TOKENIZE.split())
        print(f"the whole stage with start and checks: {whole.wall_s:.1f} s, "
              f"ratio {theirs / whole.wall_s:.2f}, {whole.peak_mib:.0f} MiB")  # fmt: skip


def memory(megabytes: list[float]) -> None:
    """Peak memory and time of both stages on corpora of several sizes."""
    for size in megabytes:
        with project("reviews.csv", "english", id_column="id", split_column="split") as folder:
            write_english(folder / "raw" / "reviews.csv", size)
            for name, cost in zip(("collect", "tokenize"), run_stages(folder), strict=True):
                print(f"{size:6.0f} MB  {name:9} {cost.peak_mib:6.0f} MiB  {cost.wall_s:6.1f} s",
                      flush=True)  # fmt: skip


def workers(megabytes: float, rounds: int) -> None:
    """Both stages with two processes against one, and whether the bytes are the same.

    The documents are distinct and duplicates are looked for, as by default.
    """
    with project("reviews.csv", "english", id_column="id") as folder:
        write_distinct(folder / "raw" / "reviews.csv", megabytes)
        params = yaml.safe_load((folder / "params.yaml").read_text())
        params["text"]["collect"]["duplicates"] = "drop"

        def use(n: int) -> None:
            for section in ("collect", "tokenize"):
                params["text"][section]["workers"] = n
            set_params(folder, params)

        own, whole, contents = [], [], set()
        for turn in range(rounds):
            seconds, stages = {}, {}
            for n in (1, 2) if turn % 2 == 0 else (2, 1):
                use(n)
                seconds[n] = work_seconds(folder, "perf_counter")
                stages[n] = [cost.wall_s for cost in run_stages(folder)]
                written = ("documents.parquet", "tokens.parquet", "vocabulary.parquet")
                contents.add(
                    tuple(hashlib.sha256((folder / f).read_bytes()).digest() for f in written)
                )
            own.append(sum(seconds[1]) / sum(seconds[2]))
            whole.append(sum(stages[1]) / sum(stages[2]))
            print(
                f"{megabytes:.0f} MB, own work: one process {seconds[1][0]:.1f} + "
                f"{seconds[1][1]:.1f} s, two {seconds[2][0]:.1f} + {seconds[2][1]:.1f} s, "
                f"ratio {own[-1]:.2f}; whole stages {whole[-1]:.2f}",
                flush=True,
            )
        print(f"median ratio, own work:     {statistics.median(own):.2f}")
        print(f"median ratio, whole stages: {statistics.median(whole):.2f}")
        print(f"same bytes:                 {len(contents) == 1}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["english", "korean", "memory", "workers"])
    parser.add_argument("--megabytes", type=float, nargs="+")
    parser.add_argument("--copies", type=int, default=5, help="of the Korean reviews")
    parser.add_argument("--rounds", type=int, default=3, help="of workers")
    args = parser.parse_args()
    if not SHARED.exists():
        sys.exit(f"{SHARED} is not there: the reviews are not part of the project")
    match args.what:
        case "english":
            for size in args.megabytes or [6.5, 100]:
                english(size)
        case "korean":
            korean(args.copies)
        case "memory":
            memory(args.megabytes or [100, 1000])
        case "workers":
            for size in args.megabytes or [500]:
                workers(size, args.rounds)


if __name__ == "__main__":
    main()
