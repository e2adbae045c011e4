"""The page of the sequence room."""

import pandas as pd

from stages.report.charts import curves
from stages.report.content import Chart, Page, Quote, Section, Table, not_run, number
from stages.report.inputs import Inputs

TITLE = "Language models"


def build(inputs: Inputs) -> Page:
    """Return the page."""
    cells = inputs.metrics_of("train_sequence")
    ngrams = inputs.metric("estimate_ngrams")
    if not cells or not ngrams:
        return not_run("sequence", TITLE)
    perplexity = {**ngrams["perplexity"], **{n: m["perplexity"] for n, m in cells.items()}}
    best = min(perplexity, key=lambda name: perplexity[name]["test"])
    bigram = perplexity["bigram"]["test"]
    behind = [name for name in cells if perplexity[name]["test"] >= bigram]
    outcome = (
        f"{', '.join(behind)} did not beat the bigrams' {number(bigram, 1)}"
        if behind
        else f"every recurrent model beats the bigrams' {number(bigram, 1)}"
    )
    return Page(
        "sequence",
        TITLE,
        f"{best} has the lowest test perplexity, {number(perplexity[best]['test'], 1)}; {outcome}.",
        [
            Section(
                "Perplexity",
                ["estimate_ngrams", *(f"train_sequence@{name}" for name in cells)],
                [_scores(perplexity, cells, best), _curves(inputs)],
            ),
            Section(
                "Sampled paragraphs",
                [f"train_sequence@{name}" for name in cells],
                _samples(inputs, list(cells)),
            ),
        ],
    )


def _scores(perplexity: dict, cells: dict, best: str) -> Table:
    rows = []
    for name, scores in perplexity.items():
        own = cells.get(name, {})
        rows.append(
            [
                f"{name} (best)" if name == best else name,
                number(scores["validation"], 1),
                number(scores["test"], 1),
                number(own.get("weights")),
                f"{own['best_epoch']} of {own['epochs']}" if own else "–",
            ]
        )
    return Table(
        "Perplexity per word, lower is better: among how many words the model is as unsure as if "
        "they were equally likely.",
        ["model", "validation", "test", "weights", "best epoch"],
        rows,
    )


def _curves(inputs: Inputs) -> Chart:
    parts = []
    for name, curve in inputs.curves_of("train_sequence").items():
        for part in ("train", "validation"):
            column = f"{part}_perplexity"
            rows = curve[["epoch", column]].rename(columns={column: "perplexity"})
            parts.append(rows.assign(series=f"{name}, {part}"))
    rows = pd.concat(parts, ignore_index=True)
    validation = rows[rows["series"].str.endswith("validation")]["perplexity"]
    return Chart(
        f"Perplexity after each pass over the text, in validation from "
        f"{number(validation.max(), 1)} at most to {number(validation.min(), 1)} at least.",
        curves(rows, "epoch", "perplexity", "Perplexity of each model over epochs."),
    )


def _samples(inputs: Inputs, cells: list[str]) -> list[Quote]:
    quotes = []
    for name in cells:
        path = inputs.data["sequence"] / name / "sample.txt"
        if path.exists():
            text = path.read_text(encoding="utf-8").strip()
            quotes.append(Quote(text, f"made by the {name} model, word by word; nobody wrote this"))
    return quotes
