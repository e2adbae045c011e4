"""Train a recurrent language model on the tokens, starting from trained word vectors."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from pydantic import Field, field_validator
from torch import Tensor

from stages.core.checkpoint import Checkpoint
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.progress import progress
from stages.core.vectors import read_word_vectors
from stages.metrics.train_language_model import TrainLanguageModelMetrics
from stages.sequence.contracts import PARAGRAPHS, SENTENCES
from stages.sequence.language.model import LanguageModel
from stages.sequence.language.streams import (
    END_ID,
    UNKNOWN_ID,
    TokenStreams,
    evaluation_streams,
    read_streams,
)
from stages.sequence.recurrent.cells import State, check_cell
from stages.sequence.recurrent.model_files import save_model
from stages.sequence.recurrent.params import TrainingParams
from stages.sequence.recurrent.training import (
    Batch,
    check_memory,
    fit,
    prepare,
    training_costs,
)

# Steps in a batch of the evaluation, which needs no gradient.
EVALUATION_STEPS = 512
# Shorter sentences, and those with a smaller share of known words, are not shown: their surprisal
# says little.
SHORTEST_SENTENCE = 5
KNOWN_SHARE = 0.8


class LanguageModelParams(TrainingParams):
    """The section `sequence.train_language_model`."""

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
    """Cut a stream into `batch_size` equal runs, (time, batch), without the remainder."""
    time = len(stream) // batch_size
    return torch.from_numpy(stream[: time * batch_size]).view(batch_size, time).t().contiguous()


def windows(text: Tensor, steps: int) -> Iterator[Batch]:
    """Yield token ids and those of the next tokens, each (time, batch), `steps` steps at most."""
    for start in range(0, len(text) - 1, steps):
        end = min(start + steps, len(text) - 1)
        yield text[start:end], text[start + 1 : end + 1]


def loss(model: LanguageModel, batch: Batch, state: State) -> tuple[Tensor, int, State]:
    """Return the mean surprisal in nats per token, the number of tokens, and the new state."""
    words, following = batch
    features, state = model(words, state)
    nats = model.surprisal(features.flatten(0, 1), following.flatten())
    return nats.mean(), len(nats), state


@torch.no_grad()
def surprisals(model: LanguageModel, stream: np.ndarray) -> np.ndarray:
    """Return the surprisal in nats of each token of `stream` but the first, (tokens - 1,)."""
    model.eval()
    device = next(model.parameters()).device
    text, state, parts = columns(stream, 1), None, []
    total = -(-(len(text) - 1) // EVALUATION_STEPS)
    for batch in progress(windows(text, EVALUATION_STEPS), "perplexity", total):
        words, following = (part.to(device) for part in batch)
        features, state = model(words, state)
        nats = model.surprisal(features.flatten(0, 1), following.flatten())
        parts.append(nats.cpu())
    return torch.cat(parts).double().numpy()


@torch.no_grad()
def sample(model: LanguageModel, words: list[str], n: int, temperature: float, seed: int) -> str:
    """Return a paragraph of `n` words drawn from the model, without unknown words."""
    model.eval()
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    token_id, state, drawn = END_ID, None, []
    while len(drawn) < n:
        features, state = model(torch.tensor([[token_id]], device=device), state)
        logits = model.log_probabilities(features[0])[0].cpu() / temperature  # (words,)
        logits[UNKNOWN_ID] = -math.inf
        if token_id == END_ID:
            logits[END_ID] = -math.inf
        token_id = int(torch.multinomial(logits.softmax(0), 1, generator=generator))
        drawn.append("." if token_id == END_ID else words[token_id])
    return readable(drawn)


def readable(words: list[str]) -> str:
    """Join words, and attach full stops and clitics, which Penn Treebank rules split (does n't)."""
    return re.sub(r" (n't\b|'\w+\b|\.)", r"\1", " ".join(words))


def extreme_sentences(streams: TokenStreams, nats: np.ndarray, n: int) -> pa.Table:
    """Return the `n` most and the `n` least surprising sentences of the test split.

    Sentences that are too short or have too few known words are skipped.

    Args:
        streams: token streams
        nats: surprisal of each token of the test split but the first, (tokens - 1,), in nats
        n: number of sentences of each kind
    """
    stream = streams.splits["test"]
    ends = np.flatnonzero(stream == END_ID)
    rows = []
    # The first sentence is left out, since its first word is not predicted.
    for start, end in zip(ends[:-1] + 1, ends[1:], strict=True):
        sentence = stream[start:end]
        known = (sentence != UNKNOWN_ID).sum()
        if len(sentence) >= SHORTEST_SENTENCE and known >= KNOWN_SHARE * len(sentence):
            text = readable([streams.words[token_id] for token_id in sentence])
            # The mean includes the predicted end of the sentence.
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
    """Return the vector of each word, (words, dimensions); zeros for words without one."""
    table, trained = read_word_vectors(path)
    row_of = {token: row for row, token in enumerate(table["token"].to_pylist())}
    vectors = np.zeros((len(words), trained.shape[1]), dtype=np.float32)
    for i, word in enumerate(words):
        if word in row_of:
            vectors[i] = trained[row_of[word]]
    return torch.from_numpy(vectors)


def check(*, cell: str) -> None:
    """Check that the cell is known."""
    check_cell(cell)


@command
def main(
    *,
    params: LanguageModelParams,
    cell: str,
    tokens: Input,
    vocabulary: Input,
    vectors: Input,
    model: Output,
    paragraphs: Table[PARAGRAPHS],
    sentences: Table[SENTENCES],
    curve: Output,
    metrics: Output,
) -> None:
    """Train a recurrent language model on the tokens, starting from trained word vectors.

    Args:
        cell: recurrent cell; sequence.cells lists them
        paragraphs: paragraphs drawn from the model
        sentences: most and least surprising test sentences
    """
    device = prepare(params)
    streams = read_streams(tokens, vocabulary)
    train = streams.splits["train"]
    text = columns(train, params.batch_size)
    if len(text) < 2:
        raise StageError(
            f"the training split has {len(train)} words, too few for a batch of "
            f"{params.batch_size}: lower {params.section}.batch_size or bring more text"
        )
    word_vectors = read_vectors(vectors, streams.words)
    arguments = {
        "cell": cell,
        "n_words": len(streams.words),
        "dimensions": word_vectors.shape[1],
        **params.stack(),
        "cutoffs": params.cutoffs,
    }
    network = LanguageModel(**arguments)
    check_memory(network.recurrent, params.truncation_steps, params.batch_size, device)
    counts = np.bincount(train, minlength=len(streams.words))
    network.start_from(word_vectors, torch.from_numpy(counts))
    network, history = fit(
        network.to(device),
        lambda epoch: windows(text, params.truncation_steps),
        -(-(len(text) - 1) // params.truncation_steps),
        loss,
        lambda network: {"loss": surprisals(network, streams.splits["validation"]).mean()},
        params,
        Checkpoint(model, params, [tokens, vocabulary, vectors], Path(__file__)),
    )

    nats = {split: surprisals(network, ids) for split, ids in evaluation_streams(streams).items()}
    samples = {
        temperature: sample(network, streams.words, params.sample_words, temperature, params.seed)
        for temperature in params.sample_temperatures
    }
    save_model(network, arguments, model.path)
    paragraphs.write(pa.table({"temperature": list(samples), "text": list(samples.values())}))
    sentences.write(extreme_sentences(streams, nats["test"], params.sentences))
    curve.write_csv(pd.DataFrame(history))
    metrics.write_json(
        TrainLanguageModelMetrics(
            perplexity={split: math.exp(values.mean()) for split, values in nats.items()},
            **training_costs(network, network.recurrent, history),
        )
    )
