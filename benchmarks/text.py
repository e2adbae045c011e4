"""Measure the text room against NLTK and Kiwi, in memory, in time and by processes.

`python -m benchmarks.text english` (or `korean`, `memory`, `workers`) measures on the reviews in
../shared/data; `--megabytes` is the size of the corpora that are made of them.
"""

import argparse
import csv
import hashlib
import random
import shutil
import statistics
import sys
import time
from pathlib import Path

from benchmarks.project import (
    SHARED,
    project,
    run_stage,
    set_workers,
    work_seconds,
    write_corpus,
)

SAMPLE_CHARACTERS = 20_000_000
# A corpus of repeated reviews keeps its size.
KEEP_COPIES = {"text.collect": {"duplicates": "keep"}}
STAGES = ("collect", "tokenize")
ENGLISH = {"path": "reviews.csv", "id_column": "id"}


def reviews() -> list[dict[str, str]]:
    """Return the rows of the English reviews."""
    csv.field_size_limit(1 << 24)
    with (SHARED / "imdb_sample.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_english(folder: Path, megabytes: float) -> int:
    """Write the reviews, repeated with other ids, as CSV; return the number of characters."""
    rows, written, copy = reviews(), 0, 0
    with (folder / "data/raw" / ENGLISH["path"]).open("w", newline="", encoding="utf-8") as file:
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


def write_distinct(folder: Path, megabytes: float) -> None:
    """Write documents of twelve sentences each, drawn from all reviews, as CSV."""
    import pyarrow as pa

    from stages.text.tokens.english import Tokenizer

    texts = pa.array([" ".join(row["text"].replace("<br />", " ").split()) for row in reviews()])
    sentences = [s for text in Tokenizer(True, True).sentences(texts) for s in text]
    draw, written, number = random.Random(1), 0, 0
    with (folder / "data/raw" / ENGLISH["path"]).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        while written < megabytes * 1e6:
            text = " ".join(draw.choices(sentences, k=12))
            writer.writerow([number, text])
            number, written = number + 1, written + len(text)


def english(megabytes: float) -> None:
    """Raw text to tokens.parquet on one core, against NLTK's tokenizer alone."""
    from nltk.tokenize import TreebankWordTokenizer

    with project(KEEP_COPIES) as folder:
        write_corpus(folder, "english", **ENGLISH, split_column="split")
        characters = write_english(folder, megabytes)
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
        first, second = work_seconds(folder, "process_time", *STAGES)
        whole = sum(run_stage(folder, name).cpu_s for name in STAGES)
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

    head, *lines = (SHARED / "nsmc_sample.tsv").read_text(encoding="utf-8").splitlines()
    lines *= copies
    texts = [line.split("\t")[1] for line in lines]
    with project(KEEP_COPIES) as folder:
        set_workers(folder, 2, "tokenize")
        columns = {"text_column": "document", "label_column": "label"}
        write_corpus(folder, "korean", path="reviews.tsv", **columns)
        (folder / "data/raw/reviews.tsv").write_text("\n".join([head, *lines]), encoding="utf-8")
        run_stage(folder, "collect")
        for turn in range(2):  # the other first in the second turn
            for who in ("kiwi", "ours") if turn == 0 else ("ours", "kiwi"):
                if who == "kiwi":
                    start = time.perf_counter()
                    kiwi = Kiwi(num_workers=2)
                    for _ in kiwi.tokenize(texts):
                        pass
                    theirs = time.perf_counter() - start
                else:
                    (ours,) = work_seconds(folder, "perf_counter", "tokenize")
            print(
                f"{len(texts)} reviews, two threads, the model's loading included: "
                f"Kiwi {theirs:.1f} s, documents to tokens.parquet {ours:.1f} s, "
                f"ratio {theirs / ours:.2f}"
            )
        whole = run_stage(folder, "tokenize")
        print(f"the whole stage with start and checks: {whole.wall_s:.1f} s, "
              f"ratio {theirs / whole.wall_s:.2f}, {whole.peak_mib:.0f} MiB")  # fmt: skip


def memory(megabytes: list[float]) -> None:
    """Peak memory and time of both stages on corpora of several sizes."""
    for size in megabytes:
        with project(KEEP_COPIES) as folder:
            write_corpus(folder, "english", **ENGLISH, split_column="split")
            write_english(folder, size)
            for name in STAGES:
                cost = run_stage(folder, name)
                print(f"{size:6.0f} MB  {name:9} {cost.peak_mib:6.0f} MiB  {cost.wall_s:6.1f} s",
                      flush=True)  # fmt: skip


def workers(megabytes: float, rounds: int) -> None:
    """Both stages with two processes against one, and whether the bytes are the same.

    The documents are distinct and duplicates are looked for, as by default.
    """
    with project({}) as folder:
        write_corpus(folder, "english", **ENGLISH)
        write_distinct(folder, megabytes)
        tables = folder / "data/text"
        own, whole, contents = [], [], set()
        for turn in range(rounds):
            seconds, stages = {}, {}
            for n in (1, 2) if turn % 2 == 0 else (2, 1):
                set_workers(folder, n, *STAGES)
                # Each run begins alike, with no table to replace.
                shutil.rmtree(tables, ignore_errors=True)
                seconds[n] = work_seconds(folder, "perf_counter", *STAGES)
                stages[n] = [run_stage(folder, name).wall_s for name in STAGES]
                written = sorted(tables.glob("*.parquet"))
                contents.add(
                    tuple(hashlib.sha256(table.read_bytes()).digest() for table in written)
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
        sys.exit(f"{SHARED} does not exist: the reviews are not part of the project")
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
