"""Measure the sequence room: our cell against torch's, our training against a plain loop.

`python -m benchmarks.sequence peephole` (or `language_model`, `adding_problem`, `chords`,
`documents`, `digits`, `stages`) measures in one thread, in seconds of a processor. The inputs of
the stages come from the last run, in data/; those of documents and digits from ../shared/data.
"""

import argparse
import json
import math
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import nn
from torch.nn import functional

from benchmarks.project import (
    ROOT,
    SHARED,
    commands,
    project,
    read_params,
    run_stage,
    write_corpus,
)
from stages.core.vocabulary import SPECIAL
from stages.sequence import train_language_model
from stages.sequence.language.model import LanguageModel
from stages.sequence.language.streams import TokenStreams, read_streams
from stages.sequence.recurrent.cells import PeepholeLSTM, detach
from stages.sequence.train_language_model import columns, read_vectors, surprisals, windows

# Rooms whose results the stages read.
ROOMS = ("text", "embedding", "music")


def peephole(rounds: int) -> None:
    """A training step: hidden 256, batch 32, 35 steps, one layer; torch's LSTM in the same run."""
    torch.manual_seed(1)
    x = torch.randn(35, 32, 256)
    cells = {"torch.nn.LSTM": nn.LSTM(256, 256), "lstm_peephole": PeepholeLSTM(256, 256)}
    seconds: dict[str, list[float]] = {name: [] for name in cells}
    for turn in range(rounds + 1):
        for name, cell in cells.items():
            start = time.process_time()
            for _ in range(10):
                cell.zero_grad()
                hidden, _ = cell(x)
                hidden.square().mean().backward()
            if turn:  # the first warms up
                seconds[name].append((time.process_time() - start) / 10)
    for name, own in seconds.items():
        print(f"{name:14} {1000 * statistics.median(own):6.1f} ms a training step")
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    print(
        f"ratio          {statistics.median(ratios):6.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"
    )


class Plain(nn.Module):
    """The obvious model: embedding, torch's LSTM, linear layer over the whole vocabulary."""

    def __init__(self, n_words: int, size: int, layers: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(n_words, size)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = nn.LSTM(size, size, layers, dropout=dropout)
        self.output = nn.Linear(size, n_words)

    def forward(self, words, state):
        """Return logits, (time, batch, words), and the state."""
        hidden, state = self.recurrent(self.dropout(self.embedding(words)), state)
        return self.output(self.dropout(hidden)), state


def plain_loss(model: Plain, batch, state):
    """Return mean nats per word, the number of words and the state."""
    logits, state = model(batch[0], state)
    nats = functional.cross_entropy(logits.flatten(0, 1), batch[1].flatten())
    return nats, batch[1].numel(), state


def train_for(
    seconds: float,
    model: nn.Module,
    loss: Callable,
    text: torch.Tensor,
    validate: Callable[[], float],
    rate: float,
    clip: float,
) -> tuple[float, float]:
    """Train for some seconds of a processor; return tokens/s and the validation perplexity.

    All models have the same loop: Adam with a learning rate that falls linearly to zero.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    start, tokens, state = time.process_time(), 0, None
    model.train()
    while True:
        for batch in windows(text, 35):
            spent = time.process_time() - start
            if spent >= seconds:
                return tokens / spent, validate()
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 - spent / seconds)
            value, n, state = loss(model, batch, detach(state))
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            tokens += n
        state = None


def plain_perplexity(model: Plain, stream: np.ndarray) -> float:
    """Return the perplexity on every word of `stream` but the first."""
    model.eval()
    total, state = 0.0, None
    with torch.no_grad():
        for batch in windows(columns(stream, 1), 512):
            nats, n, state = plain_loss(model, batch, state)
            total += nats.item() * n
    return math.exp(total / (len(stream) - 1))


def last_streams(n_words: int | None) -> TokenStreams:
    """Return the token streams of the last run, with the `n_words` most frequent words if given."""
    tokens, vocabulary = ROOT / "data/text/tokens.parquet", ROOT / "data/text/vocabulary.parquet"
    if n_words is None:
        return read_streams(tokens, vocabulary)
    table = pq.read_table(tokens, columns=["split", "tokens"])
    train = table.filter(pc.equal(table["split"], "train"))["tokens"].to_pylist()
    counts = Counter(token for document in train for token in document)
    words = [word for word, _ in counts.most_common(n_words - 2)]  # beside <unk> and <eos>
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocabulary.parquet"
        ids = range(len(SPECIAL), len(SPECIAL) + len(words))
        pq.write_table(pa.table({"token_id": ids, "token": words}), path)
        return read_streams(tokens, path)


def language_model(seconds: float, n_words: int | None, rates: list[float]) -> None:
    """Ours against a plain loop with full softmax: 2 layers of 200, batch 20, 35 steps."""
    streams = last_streams(n_words)
    vectors = read_vectors(
        ROOT / "data/embedding/train_embedding/skipgram/vectors.parquet", streams.words
    )
    own = read_params(ROOT)["sequence"]["train_language_model"]
    text = columns(streams.splits["train"], 20)
    validation = streams.splits["validation"]
    print(f"{len(streams.words)} words, {seconds:.0f} s of training each, one thread")
    speeds: dict[str, float] = {}

    def report(name: str, result: tuple[float, float]) -> None:
        speeds.setdefault(name, result[0])
        print(f"{name:28} {result[0]:8.0f} tokens/s, validation perplexity {result[1]:7.1f}",
              flush=True)  # fmt: skip

    torch.manual_seed(1)
    dropout = tuple(own["dropout"].values())
    ours = LanguageModel(
        "lstm", len(streams.words), vectors.shape[1], 200, 2, dropout, own["cutoffs"]
    )
    counts = np.bincount(streams.splits["train"], minlength=len(streams.words))
    ours.start_from(vectors, torch.from_numpy(counts))
    result = train_for(
        seconds,
        ours,
        train_language_model.loss,
        text,
        lambda: math.exp(surprisals(ours, validation).mean()),
        own["learning_rate"],
        own["gradient_norm"],
    )
    report("ours", result)
    for rate in rates:
        torch.manual_seed(1)
        plain = Plain(len(streams.words), 200, 2, dropout[2])
        result = train_for(
            seconds,
            plain,
            plain_loss,
            text,
            lambda plain=plain: plain_perplexity(plain, validation),
            rate,
            own["gradient_norm"],
        )
        report(f"plain, learning rate {rate:g}", result)
    theirs = [speed for name, speed in speeds.items() if name != "ours"]
    print(f"ratio of tokens/s, to the fastest plain one: {speeds['ours'] / max(theirs):.2f}")


def metrics_of(folder: Path, name: str) -> dict[str, Any]:
    """Return the metrics that a stage has written."""
    command = commands(ROOT)[name]
    path = command[command.index("--metrics") + 1]
    return json.loads((folder / path).read_text(encoding="utf-8"))


def steps_seen(metrics: dict[str, Any]) -> int:
    """Return the steps of sequences that a stage trained on, in all its parts."""
    inner = sum(steps_seen(part) for part in metrics.values() if isinstance(part, dict))
    return metrics.get("steps_seen", 0) + inner


def adding_problem(gap: int) -> None:
    """The adding problem over one gap by each cell: the whole stage, start and checks included."""
    with project({"sequence.solve_adding_problem": {"gaps": [gap]}}) as folder:
        for cell in read_params(folder)["sequence"]["cells"]:
            name = f"solve_adding_problem@{cell}"
            cost = run_stage(folder, name)
            own = metrics_of(folder, name)["gaps"][str(gap)]
            print(
                f"{name:28} gap {gap}: {cost.cpu_s:5.1f} s, {own['updates']:5} updates, "
                f"mean squared error {own['mean_squared_error']:.4f}",
                flush=True,
            )


def chords() -> None:
    """Negative log-likelihood of the next chord by each cell, with the default parameters."""
    with project({}, *ROOMS) as folder:
        for cell in read_params(folder)["sequence"]["cells"]:
            name = f"predict_chords@{cell}"
            cost = run_stage(folder, name)
            own = metrics_of(folder, name)
            nats, (low, high) = own["nats_per_frame"], own["test_interval"]
            print(
                f"{name:32} nats per frame: validation {nats['validation']:.3f}, "
                f"test {nats['test']:.3f} ({low:.2f} to {high:.2f}); {cost.cpu_s:.1f} s",
                flush=True,
            )


# Reviews in ../shared/data: their language, how to read them, and the parameters for them.
REVIEWS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "imdb_sample.csv": (
        "english",
        {"text_column": "text", "label_column": "label", "split_column": "split"},
        {
            "max_words": 800,
            "tune_vectors": True,
            "learning_rate": 0.005,
            "epochs": 4,
            "batch_size": 32,
            "dropout": {"before": 0.3, "between": 0.5, "after": 0.5},
        },
    ),
    "nsmc_sample.tsv": (
        "korean",
        {"text_column": "document", "label_column": "label", "id_column": "id"},
        {"max_words": 100, "tune_vectors": True, "learning_rate": 0.005, "epochs": 3},
    ),
}


def documents(name: str, cells: list[str], morphemes: str) -> None:
    """Reviews from raw text to accuracy: baselines and each cell, against TF-IDF."""
    language, source, changes = REVIEWS[name]
    changes = {
        "sequence.classify_documents": changes,
        "text.tokenize.korean": {"morphemes": morphemes},
    }
    with project(changes) as folder:
        shutil.copy(SHARED / name, folder / "data/raw")
        write_corpus(folder, language, path=name, **source)
        wanted = ["collect", "tokenize", "train_embedding@skipgram", "score_document_baselines"]
        wanted += [f"classify_documents@{cell}" for cell in cells]
        for stage in wanted:
            cost = run_stage(folder, stage)
            print(f"{stage:34} {cost.cpu_s:6.1f} s of a processor", flush=True)
            scored = metrics_of(folder, stage) if "document" in stage else {}
            models = {k: v for k, v in scored.items() if isinstance(v, dict) and "accuracy" in v}
            for model, own in models.items():
                low, high = own["accuracy_interval"]
                print(
                    f"  {model:32} accuracy {own['accuracy']:.4f} "
                    f"({low:.4f} to {high:.4f}), macro F1 {own['macro_f1']:.4f}",
                    flush=True,
                )


def digits(cells: list[str]) -> None:
    """MNIST's test set: trained on 8,000 images (of which 500 validate), tested on 2,000."""
    changes = {"source": "mnist_t10k", "test_share": 0.2, "validation_share": 0.05,
               "batch_size": 64, "epochs": 20, "patience": 20}  # fmt: skip
    with project({"sequence.read_digits": changes}) as folder:
        shutil.copytree(SHARED / "mnist_t10k", folder / "data/raw/mnist_t10k")
        for cell in cells:
            name = f"read_digits@{cell}"
            cost = run_stage(folder, name)
            own = metrics_of(folder, name)
            low, high = own["accuracy_interval"]
            print(
                f"{name:28} accuracy {own['accuracy']:.4f} ({low:.4f} to {high:.4f}) of "
                f"{own['images']['test']}, {cost.cpu_s:.1f} s",
                flush=True,
            )


def stages(start: str) -> None:
    """Every stage of the room with the default parameters, one after another."""
    total = 0.0
    names = [name for name, command in commands(ROOT).items() if command[2].startswith("sequence.")]
    with project({}, *ROOMS) as folder:
        for name in (name for name in names if name.startswith(start)):
            cost = run_stage(folder, name)
            total += cost.cpu_s
            seen = steps_seen(metrics_of(folder, name))
            print(
                f"{name:36} {cost.wall_s:6.1f} s, {cost.cpu_s:6.1f} s of a processor, "
                f"{seen / cost.cpu_s:9,.0f} steps/s, {cost.peak_mib:5.0f} MiB",
                flush=True,
            )
    print(f"{'all':36} {total:15.1f} s of a processor")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    whats = parser.add_subparsers(dest="what", required=True)
    step = whats.add_parser("peephole", help=peephole.__doc__)
    step.add_argument("--rounds", type=int, default=9)
    against = whats.add_parser("language_model", help=language_model.__doc__)
    against.add_argument("--seconds", type=float, default=60)
    against.add_argument("--words", type=int, help="size of the vocabulary; as in the last run")
    against.add_argument("--rates", type=float, nargs="+", default=[0.002, 0.004, 0.008])
    gaps = whats.add_parser("adding_problem", help=adding_problem.__doc__)
    gaps.add_argument("--gap", type=int, default=100)
    whats.add_parser("chords", help=chords.__doc__)
    cells = read_params(ROOT)["sequence"]["cells"]
    reviews = whats.add_parser("documents", help=documents.__doc__)
    reviews.add_argument("name", choices=list(REVIEWS))
    reviews.add_argument("--cells", nargs="+", choices=cells, default=cells)
    reviews.add_argument("--morphemes", choices=["content", "all"], default="all")
    images = whats.add_parser("digits", help=digits.__doc__)
    images.add_argument("--cells", nargs="+", choices=cells, default=cells)
    room = whats.add_parser("stages", help=stages.__doc__)
    room.add_argument("--start", default="", help="only stages whose names begin like this")
    args = parser.parse_args()

    torch.set_num_threads(1)
    match args.what:
        case "peephole":
            peephole(args.rounds)
        case "language_model":
            language_model(args.seconds, args.words, args.rates)
        case "adding_problem":
            adding_problem(args.gap)
        case "chords":
            chords()
        case "documents":
            documents(args.name, args.cells, args.morphemes)
        case "digits":
            digits(args.cells)
        case "stages":
            stages(args.start)


if __name__ == "__main__":
    main()
