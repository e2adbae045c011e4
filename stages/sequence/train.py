"""Train a recurrent language model on the tokens, starting from trained word vectors."""

import argparse
import copy
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn

from stages.checkpoint import Checkpoint
from stages.errors import StageError
from stages.outputs import Outputs
from stages.params import Params, load
from stages.progress import progress
from stages.sequence.corpus import END, UNKNOWN, Corpus, read
from stages.sequence.model import CELLS, LanguageModel, detach
from stages.vectors import to_array


class LanguageModelParams(Params):
    """The section `sequence.language_model`."""

    hidden_size: int = Field(ge=1)
    layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    cutoffs: list[int]
    batch_size: int = Field(ge=1)
    truncation_steps: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    learning_rate_decay: float = Field(gt=0, lt=1)
    gradient_norm: float = Field(gt=0)
    epochs: int = Field(ge=1)
    patience: int = Field(ge=1)
    sample_words: int = Field(ge=1)
    sample_temperature: float = Field(gt=0)
    seed: int


def columns(stream: np.ndarray, batch_size: int) -> Tensor:
    """Cut `stream` into `batch_size` equal runs, of shape (time, batch); a rest is left out."""
    time = len(stream) // batch_size
    return torch.from_numpy(stream[: time * batch_size]).view(batch_size, time).t().contiguous()


def windows(text: Tensor, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (words, following words) of at most `steps` steps, each of shape (time, batch)."""
    for start in range(0, len(text) - 1, steps):
        end = min(start + steps, len(text) - 1)
        yield text[start:end], text[start + 1 : end + 1]


def perplexity(model: LanguageModel, stream: np.ndarray, steps: int) -> float:
    """Return the perplexity of `model` on every word of `stream` but the first."""
    model.eval()
    state, total = None, 0.0
    with torch.no_grad():
        for words, following in windows(columns(stream, 1), steps):
            loss, state = model.loss(words, following, state)
            total += loss.item() * following.numel()
    return math.exp(total / (len(stream) - 1))


def train_epoch(
    model: LanguageModel,
    optimizer: torch.optim.Optimizer,
    text: Tensor,
    params: LanguageModelParams,
    epoch: int,
) -> float:
    """Pass over `text`, of shape (time, batch), once and return the training perplexity.

    Back-propagation is truncated (Werbos 1990): the state goes on from window to window, its
    gradient does not.
    """
    model.train()
    steps = params.truncation_steps
    n_windows = -(-(len(text) - 1) // steps)
    state, total = None, 0.0
    batches = progress(windows(text, steps), f"epoch {epoch} of at most {params.epochs}", n_windows)
    for step, (words, following) in enumerate(batches):
        loss, state = model.loss(words, following, detach(state))
        if not torch.isfinite(loss):
            raise StageError(
                f"the loss is {loss.item()} at step {step} of epoch {epoch}: "
                "lower learning_rate or gradient_norm"
            )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), params.gradient_norm)
        optimizer.step()
        total += loss.item() * following.numel()
    return math.exp(total / ((len(text) - 1) * text.shape[1]))


def fit(
    model: LanguageModel, corpus: Corpus, params: LanguageModelParams, checkpoint: Checkpoint
) -> tuple[LanguageModel, list[dict[str, Any]]]:
    """Train until the validation perplexity has not fallen for `patience` epochs.

    Returns:
        The model as it was when the validation perplexity was lowest, and for each epoch its
        number, learning rate, training and validation perplexity.
    """
    text = columns(corpus.streams["train"], params.batch_size)
    if len(text) < 2:
        raise StageError(
            f"the training split has {len(corpus.streams['train'])} words, too few for a batch of "
            f"{params.batch_size}: lower batch_size or bring more text"
        )
    best = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=params.learning_rate)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=params.learning_rate_decay, patience=0, threshold=0.01
    )
    parts = {"model": model, "best": best, "optimizer": optimizer, "schedule": schedule}
    history: list[dict[str, Any]] = checkpoint.restore(parts) or []
    for epoch in range(len(history) + 1, params.epochs + 1):
        validations = [row["validation_perplexity"] for row in history]
        if validations and epoch - 1 - (np.argmin(validations) + 1) >= params.patience:
            break
        row = {"epoch": epoch, "learning_rate": optimizer.param_groups[0]["lr"]}
        row["train_perplexity"] = train_epoch(model, optimizer, text, params, epoch)
        row["validation_perplexity"] = perplexity(
            model, corpus.streams["validation"], params.truncation_steps
        )
        if row["validation_perplexity"] < min(validations, default=math.inf):
            best.load_state_dict(model.state_dict())
        schedule.step(row["validation_perplexity"])
        history.append(row)
        checkpoint.save(parts, history)
        print(
            f"epoch {epoch}: perplexity {row['train_perplexity']:.1f} in training, "
            f"{row['validation_perplexity']:.1f} in validation",
            flush=True,
        )
    return best, history


def sample(model: LanguageModel, words: list[str], n: int, temperature: float, seed: int) -> str:
    """Return a paragraph of at most `n` words drawn from `model`, without unknown words."""
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    number, state, drawn = words.index(END), None, []
    with torch.no_grad():
        for _ in range(n):
            features, state = model(torch.tensor([[number]]), state)
            logits = model.softmax.log_prob(features[0])[0] / temperature  # (words,)
            logits[words.index(UNKNOWN)] = -math.inf
            if not drawn:
                logits[words.index(END)] = -math.inf
            number = int(torch.multinomial(logits.softmax(0), 1, generator=generator))
            if words[number] == END:
                break
            drawn.append(words[number])
    # The Penn Treebank's rules set clitics apart: does n't, he 's.
    return re.sub(r" (n't|'\w+)\b", r"\1", " ".join(drawn))


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, train, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", choices=list(CELLS))
    parser.add_argument("tokens", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("sample", type=Path)
    parser.add_argument("curve", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, LanguageModelParams)

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(params.seed)
    corpus = read(args.tokens, args.vocabulary)
    vectors = read_vectors(args.vectors, corpus.words)
    arguments = {
        "cell": args.cell,
        "n_words": len(corpus.words),
        "dimensions": vectors.shape[1],
        "hidden_size": params.hidden_size,
        "layers": params.layers,
        "dropout": params.dropout,
        "cutoffs": params.cutoffs,
    }
    model = LanguageModel(**arguments)
    model.start_from(vectors)
    inputs = [args.tokens, args.vocabulary, args.vectors]
    checkpoint = Checkpoint(args.model, params, inputs, Path(__file__).parent)
    model, history = fit(model, corpus, params, checkpoint)

    best = min(history, key=lambda row: row["validation_perplexity"])
    paragraph = sample(
        model, corpus.words, params.sample_words, params.sample_temperature, params.seed
    )
    with Outputs() as outputs:
        save_file(
            model.state_dict(), outputs.aside(args.model), {"arguments": json.dumps(arguments)}
        )
        outputs.aside(args.sample).write_text(paragraph + "\n", encoding="utf-8")
        pd.DataFrame(history).to_csv(outputs.aside(args.curve), index=False)
        outputs.json(
            args.metrics,
            {
                "perplexity": {
                    "validation": best["validation_perplexity"],
                    "test": perplexity(model, corpus.streams["test"], params.truncation_steps),
                },
                "epochs": len(history),
                "best_epoch": best["epoch"],
                "weights": sum(weight.numel() for weight in model.parameters()),
            },
        )
    checkpoint.remove()


def read_vectors(path: Path, words: list[str]) -> Tensor:
    """Return the vector of each word, of shape (words, dimensions); zeros where it has none."""
    table = pq.read_table(path)
    row_of = {token: row for row, token in enumerate(table["token"].to_pylist())}
    trained = to_array(table["vector"])
    vectors = np.zeros((len(words), trained.shape[1]), dtype=np.float32)
    for i, word in enumerate(words):
        if word in row_of:
            vectors[i] = trained[row_of[word]]
    return torch.from_numpy(vectors)
