"""Train a recurrent language model on the tokens, starting from trained word vectors."""

import argparse
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pydantic import Field, field_validator
from torch import Tensor

from stages.core.checkpoint import Checkpoint
from stages.core.errors import StageError
from stages.core.outputs import Outputs
from stages.core.params import load
from stages.core.progress import progress
from stages.core.vectors import to_array
from stages.sequence.cells import CELLS, State
from stages.sequence.contracts import PARAGRAPHS, SENTENCES
from stages.sequence.corpus import END_NUMBER, UNKNOWN_NUMBER, Corpus, judged, read
from stages.sequence.language_model import LanguageModel
from stages.sequence.training import (
    Batch,
    TrainingParams,
    check_memory,
    count,
    fit,
    prepare,
    save_model,
)

# Steps at once where no gradient is needed.
STEPS_TO_JUDGE = 512
# Sentences that are shorter or know fewer of their words are not shown: their surprise says little.
SHORTEST_SENTENCE = 5
KNOWN_SHARE = 0.8


class LanguageModelParams(TrainingParams):
    """The section `sequence.language_model`."""

    cutoffs: list[int]
    truncation_steps: int = Field(ge=1)
    sample_words: int = Field(ge=1)
    sample_temperatures: list[float] = Field(min_length=1)
    sentences: int = Field(ge=0)

    @field_validator("cutoffs")
    @classmethod
    def _increasing(cls, cutoffs: list[int]) -> list[int]:
        if cutoffs != sorted(set(cutoffs)) or min(cutoffs, default=1) < 1:
            raise ValueError("has to increase from at least 1")
        return cutoffs


def columns(stream: np.ndarray, batch_size: int) -> Tensor:
    """Cut `stream` into `batch_size` equal runs, of shape (time, batch); a rest is left out."""
    time = len(stream) // batch_size
    return torch.from_numpy(stream[: time * batch_size]).view(batch_size, time).t().contiguous()


def windows(text: Tensor, steps: int) -> Iterator[Batch]:
    """Yield (words, following words) of at most `steps` steps, each of shape (time, batch)."""
    for start in range(0, len(text) - 1, steps):
        end = min(start + steps, len(text) - 1)
        yield text[start:end], text[start + 1 : end + 1]


def loss(model: LanguageModel, batch: Batch, state: State) -> tuple[Tensor, int, State]:
    """Return the mean surprisal in nats per word, the number of words, and the new state."""
    words, following = batch
    features, state = model(words, state)
    nats = model.surprisal(features.flatten(0, 1), following.flatten())
    return nats.mean(), len(nats), state


@torch.no_grad()
def surprisals(model: LanguageModel, stream: np.ndarray) -> np.ndarray:
    """Return the surprisal of each word of `stream` but the first, in nats, as (words - 1,)."""
    model.eval()
    device = next(model.parameters()).device
    text, state, parts = columns(stream, 1), None, []
    total = -(-(len(text) - 1) // STEPS_TO_JUDGE)
    for batch in progress(windows(text, STEPS_TO_JUDGE), "perplexity", total):
        words, following = (part.to(device) for part in batch)
        features, state = model(words, state)
        nats = model.surprisal(features.flatten(0, 1), following.flatten())
        parts.append(nats.cpu())
    return torch.cat(parts).double().numpy()


@torch.no_grad()
def sample(model: LanguageModel, words: list[str], n: int, temperature: float, seed: int) -> str:
    """Return a paragraph of `n` words drawn from `model`, without unknown words."""
    model.eval()
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    number, state, drawn = END_NUMBER, None, []
    while len(drawn) < n:
        features, state = model(torch.tensor([[number]], device=device), state)
        logits = model.log_probabilities(features[0])[0].cpu() / temperature  # (words,)
        logits[UNKNOWN_NUMBER] = -math.inf
        if number == END_NUMBER:
            logits[END_NUMBER] = -math.inf
        number = int(torch.multinomial(logits.softmax(0), 1, generator=generator))
        drawn.append("." if number == END_NUMBER else words[number])
    return readable(drawn)


def readable(words: list[str]) -> str:
    """Join words; clitics, which the Penn Treebank's rules set apart (does n't), and full stops."""
    return re.sub(r" (n't\b|'\w+\b|\.)", r"\1", " ".join(words))


def extreme_sentences(corpus: Corpus, nats: np.ndarray, n: int) -> pa.Table:
    """Return the `n` most and the `n` least surprising sentences of the test split.

    Args:
        corpus: its sentences are taken that are long and known enough to say something.
        nats: the surprisal of each word of the test split but the first.
        n: how many of each.
    """
    stream = corpus.streams["test"]
    ends = np.flatnonzero(stream == END_NUMBER)
    rows = []
    # The first sentence, whose first word nobody predicted, is left out.
    for start, end in zip(ends[:-1] + 1, ends[1:], strict=True):
        sentence = stream[start:end]
        known = (sentence != UNKNOWN_NUMBER).sum()
        if len(sentence) >= SHORTEST_SENTENCE and known >= KNOWN_SHARE * len(sentence):
            text = readable([corpus.words[number] for number in sentence])
            # With the end of the sentence, which is predicted, too.
            rows.append({"text": text, "nats_per_word": nats[start - 1 : end].mean()})
    ranked = pd.DataFrame(rows, columns=["text", "nats_per_word"]).sort_values(
        "nats_per_word", kind="stable", ignore_index=True
    )
    shown = {"most": ranked[::-1].head(n), "least": ranked.head(n)}
    parts = [
        part.assign(surprise=name, rank=range(1, len(part) + 1)) for name, part in shown.items()
    ]
    return pa.Table.from_pandas(
        pd.concat(parts)[SENTENCES.schema.names], SENTENCES.schema, preserve_index=False
    )


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


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, train, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", choices=list(CELLS))
    parser.add_argument("tokens", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("paragraphs", type=Path)
    parser.add_argument("sentences", type=Path)
    parser.add_argument("curve", type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--params", required=True)
    args = parser.parse_args(argv)
    params = load(args.params, LanguageModelParams)

    device = prepare(params)
    corpus = read(args.tokens, args.vocabulary)
    text = columns(corpus.streams["train"], params.batch_size)
    if len(text) < 2:
        raise StageError(
            f"the training split has {len(corpus.streams['train'])} words, too few for a batch of "
            f"{params.batch_size}: lower batch_size or bring more text"
        )
    vectors = read_vectors(args.vectors, corpus.words)
    arguments = {
        "cell": args.cell,
        "n_words": len(corpus.words),
        "dimensions": vectors.shape[1],
        "hidden_size": params.hidden_size,
        "layers": params.layers,
        "dropout": params.dropout.shares(),
        "cutoffs": params.cutoffs,
    }
    model = LanguageModel(**arguments)
    check_memory(model.recurrent, params.truncation_steps, params.batch_size, device)
    counts = np.bincount(corpus.streams["train"], minlength=len(corpus.words))
    model.start_from(vectors, torch.from_numpy(counts))
    inputs = [args.tokens, args.vocabulary, args.vectors]
    checkpoint = Checkpoint(args.model, params, inputs, Path(__file__).parent)
    model, history = fit(
        model.to(device),
        lambda epoch: windows(text, params.truncation_steps),
        -(-(len(text) - 1) // params.truncation_steps),
        loss,
        lambda model: {"loss": surprisals(model, corpus.streams["validation"]).mean()},
        params,
        checkpoint,
    )

    nats = {split: surprisals(model, stream) for split, stream in judged(corpus).items()}
    paragraphs = {
        temperature: sample(model, corpus.words, params.sample_words, temperature, params.seed)
        for temperature in params.sample_temperatures
    }
    with Outputs(args.validation) as outputs:
        save_model(model, arguments, outputs.aside(args.model))
        outputs.table(
            args.paragraphs,
            PARAGRAPHS,
            pa.table({"temperature": list(paragraphs), "text": list(paragraphs.values())}),
        )
        outputs.table(
            args.sentences, SENTENCES, extreme_sentences(corpus, nats["test"], params.sentences)
        )
        pd.DataFrame(history).to_csv(outputs.aside(args.curve), index=False)
        outputs.json(
            args.metrics,
            {
                "perplexity": {split: math.exp(own.mean()) for split, own in nats.items()},
                **count(model, model.recurrent, history),
            },
        )
    checkpoint.remove()
