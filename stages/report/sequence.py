"""The page of the sequence room."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.report.charts import curves, matrix
from stages.report.content import (
    Block,
    Chart,
    Page,
    Quote,
    Section,
    Table,
    Text,
    not_run,
    number,
    percent,
)
from stages.report.inputs import Inputs

TITLE = "Sequence models"
# More labels are told by their commonest mistakes.
LABELS_IN_A_MATRIX = 20
MISTAKES_SHOWN = 10
Metrics = dict[str, dict[str, Any]]


class Result(NamedTuple):
    """What came out of a task.

    Attributes:
        best: the cell that did best, or None where none did.
        sentence: what the numbers say.
        scores: of each cell, as shown.
        work: of each cell what `count` in its metrics says: weights, steps_seen and so on.
        blocks: the tables, charts and quotes of the task.
    """

    best: str | None
    sentence: str
    scores: dict[str, str]
    work: dict[str, dict[str, int]]
    blocks: list[Block]


def build(inputs: Inputs) -> Page:
    """Return the page."""
    results = {}
    for stage, task in TASKS.items():
        metrics = inputs.metrics_of(stage)
        if metrics:
            results[stage] = task.result(inputs, metrics)
    if not results:
        return not_run("sequence", TITLE)
    best = ", ".join(
        f"{TASKS[stage].title.lower()} {own.best or 'none'}" for stage, own in results.items()
    )
    return Page(
        "sequence",
        TITLE,
        f"The best cell by task: {best}.",
        [
            Section("Comparison", [], [_comparison(results), *_on_seconds()]),
            *(
                Section(
                    TASKS[stage].title,
                    [*TASKS[stage].beside, *(f"{stage}@{cell}" for cell in own.scores)],
                    [Text(own.sentence), *own.blocks],
                )
                for stage, own in results.items()
            ),
        ],
    )


def _comparison(results: dict[str, Result]) -> Table:
    rows = []
    for stage, own in results.items():
        for cell, score in own.scores.items():
            work = own.work[cell]
            rows.append(
                [
                    f"{TASKS[stage].title}, {cell}",
                    f"{TASKS[stage].measure} {score}",
                    number(work["weights"]),
                    number(work["recurrent_multiply_adds_per_step"]),
                    number(work["steps_seen"]),
                ]
            )
    return Table(
        "Every task by every cell: its score on the test split, its size, the multiplications that "
        "one step of one sequence takes in the recurrent layers, and the steps it was trained on.",
        ["task and cell", "score", "weights", "multiply-adds a step", "steps seen"],
        rows,
    )


def _on_seconds() -> list[Text]:
    return [
        Text(
            "Seconds and tokens per second depend on the machine and would make this page differ "
            "from run to run: python -m benchmarks.sequence measures them."
        )
    ]


def _validation_curves(
    inputs: Inputs, stage: str, measure: str, value: Callable[[pd.Series], pd.Series] = lambda c: c
) -> Chart:
    """Return a line per cell: `value` of the validation loss after each epoch."""
    rows = pd.concat(
        [
            pd.DataFrame(
                {"epoch": curve["epoch"], measure: value(curve["validation_loss"]), "series": cell}
            )
            for cell, curve in inputs.curves_of(stage).items()
        ],
        ignore_index=True,
    )
    return Chart(
        f"{measure.capitalize()} on the validation split after each epoch of training, from "
        f"{number(rows[measure].max())} at most to {number(rows[measure].min())} at least.",
        curves(rows, "epoch", measure, f"{measure.capitalize()} of each cell over epochs."),
    )


# --- language model -------------------------------------------------------------------------------


def _language_model(inputs: Inputs, cells: Metrics) -> Result:
    ngrams = inputs.metric("estimate_ngrams").get("perplexity", {})
    ngrams = dict(sorted(ngrams.items(), key=lambda item: -item[1]["test"]))
    perplexity = {**ngrams, **{cell: own["perplexity"] for cell, own in cells.items()}}
    ranked = sorted(cells, key=lambda cell: perplexity[cell]["test"])
    best = ranked[0]
    sentence = f"{best} has the lowest test perplexity of the cells, " + number(
        perplexity[best]["test"], 1
    )
    if len(ranked) > 1:
        worst = ranked[-1]
        more = perplexity[worst]["test"] / perplexity[best]["test"] - 1
        sentence += f", and {worst} the highest, {percent(more)} above it"
    if ngrams:
        peer = min(ngrams, key=lambda name: ngrams[name]["test"])
        behind = [cell for cell in ranked if perplexity[cell]["test"] >= ngrams[peer]["test"]]
        verdict = f"{', '.join(behind)} did not beat" if behind else "all of them beat"
        sentence += f"; {verdict} the {peer}s' {number(ngrams[peer]['test'], 1)}"
    return Result(
        best,
        f"{sentence}.",
        {cell: number(perplexity[cell]["test"], 1) for cell in cells},
        cells,
        [
            _perplexities(perplexity, cells),
            _validation_curves(inputs, "train_language_model", "perplexity", np.exp),
            *_sentences(inputs, best),
            *_samples(inputs, ranked),
        ],
    )


def _perplexities(perplexity: Metrics, cells: Metrics) -> Table:
    rows = [
        [
            name,
            *(number(scores[split], 1) for split in ("train", "validation", "test")),
            f"{cells[name]['best_epoch']} of {cells[name]['epochs']}" if name in cells else "–",
        ]
        for name, scores in perplexity.items()
    ]
    return Table(
        "Perplexity per word (sentence ends are words, too), lower is better: among how many words "
        "the model is as unsure as if they were equally likely. In training it is measured on the "
        "beginning of the split, which trigrams know by heart.",
        ["model", "train", "validation", "test", "best epoch"],
        rows,
    )


def _sentences(inputs: Inputs, cell: str) -> list[Table]:
    table = inputs.table("sequence", f"language_model/{cell}/sentences")
    if table is None or table.empty:
        return []
    return [
        Table(
            f"The test sentences that surprise {cell} most and least, in nats per word.",
            ["surprise", "nats per word", "sentence"],
            [
                [f"{row.surprise} {row.rank}", number(row.nats_per_word, 2), row.text]
                for row in table.itertuples()
            ],
        )
    ]


def _samples(inputs: Inputs, ranked: list[str]) -> list[Quote]:
    """Return what the best cell made at every temperature, and the others at the middle one."""
    quotes = []
    for cell in ranked:
        table = inputs.table("sequence", f"language_model/{cell}/paragraphs")
        if table is None:
            continue
        rows = table if cell == ranked[0] else table.iloc[[len(table) // 2]]
        for row in rows.itertuples():
            caption = f"made by {cell} at temperature {row.temperature:g}; nobody wrote this"
            quotes.append(Quote(row.text, caption))
    return quotes


# --- documents and digits -------------------------------------------------------------------------


def _documents(inputs: Inputs, cells: Metrics) -> Result:
    scored = {cell: own for cell, own in cells.items() if own["accuracy"] is not None}
    if not scored:
        reason = next(iter(cells.values()))["unscored"]
        return Result(None, f"No documents were classified: {reason}.", {}, {}, [])
    baselines = inputs.metric("score_document_baselines")
    beside = {
        title: baselines[name]
        for name, title in (("majority", "the commonest label"), ("tf_idf", "TF-IDF, regression"))
        if baselines.get(name)
    }
    best = _most_accurate(scored)
    own = scored[best]
    sentence = (
        f"{best} names the right one of {own['labels']} labels for {_with_interval(own)} of "
        f"{number(own['documents']['test'])} test documents"
    )
    if baselines.get("tf_idf"):
        peer, (low, high) = baselines["tf_idf"]["accuracy"], own["accuracy_interval"]
        verdict = "less, beyond" if peer < low else "more, beyond" if peer > high else "within"
        sentence += (
            f"; logistic regression on TF-IDF for {percent(peer)}, which is {verdict} that interval"
        )
    return Result(
        best,
        f"{sentence}.",
        {cell: percent(own["accuracy"]) for cell, own in scored.items()},
        scored,
        [
            _accuracies({**beside, **scored}),
            _validation_curves(inputs, "classify_documents", "cross-entropy"),
            *_confusion(inputs, f"classify_documents/{best}", best),
            *_moved_words(inputs, best),
        ],
    )


def _digits(inputs: Inputs, cells: Metrics) -> Result:
    best = _most_accurate(cells)
    own = cells[best]
    worst = min(cells, key=lambda cell: cells[cell]["accuracy"])
    sentence = (
        f"{best} reads {_with_interval(own)} of {number(own['images']['test'])} test images of "
        f"{own['rows']} rows rightly"
    )
    if cells[worst]["accuracy"] < own["accuracy"]:
        sentence += f", and {worst}, the last, {percent(cells[worst]['accuracy'])}"
    return Result(
        best,
        f"{sentence}.",
        {cell: percent(own["accuracy"]) for cell, own in cells.items()},
        cells,
        [
            _accuracies(cells),
            _validation_curves(inputs, "read_digits", "cross-entropy"),
            *_confusion(inputs, f"read_digits/{best}", best),
        ],
    )


def _most_accurate(models: Metrics) -> str:
    return max(models, key=lambda name: models[name]["accuracy"])


def _with_interval(scores: dict[str, Any]) -> str:
    low, high = map(percent, scores["accuracy_interval"])
    return f"{percent(scores['accuracy'])} (95% interval: {low} to {high})"


def _accuracies(models: Metrics) -> Table:
    rows = [
        [
            name,
            percent(own["accuracy"]),
            " to ".join(map(percent, own["accuracy_interval"])),
            number(own["macro_f1"]),
        ]
        for name, own in models.items()
    ]
    return Table(
        "Share of the test split that is named rightly, its 95% interval (Wilson), and the mean F1 "
        "of all labels, in which rare ones count as much as common ones.",
        ["model", "accuracy", "95% interval", "macro F1"],
        rows,
    )


def _confusion(inputs: Inputs, folder: str, cell: str) -> list[Block]:
    """Return a matrix where it can be read, and a table of the commonest mistakes elsewhere."""
    counts = inputs.table("sequence", f"{folder}/confusion")
    if counts is None or counts.empty:
        return []
    wrong = counts[counts["truth"] != counts["prediction"]]
    if len({*counts["truth"], *counts["prediction"]}) <= LABELS_IN_A_MATRIX:
        caption = f"What {cell} takes each label for on the test split, darker where more often"
        if len(wrong):
            most = wrong.loc[wrong["count"].idxmax()]
            caption += (
                f"; its commonest mistake is to take {most['truth']} for {most['prediction']}, "
                f"{number(int(most['count']))} times"
            )
        return [Chart(f"{caption}.", matrix(counts, f"Confusion matrix of {cell}."))]
    if wrong.empty:
        return []
    most = wrong.sort_values("count", ascending=False, kind="stable").head(MISTAKES_SHOWN)
    return [
        Table(
            f"The commonest mistakes of {cell} on the test split.",
            ["label", "taken for", "times"],
            [
                [truth, prediction, number(times)]
                for truth, prediction, times in most.itertuples(index=False)
            ],
        )
    ]


def _moved_words(inputs: Inputs, cell: str) -> list[Table]:
    words = inputs.table("sequence", f"classify_documents/{cell}/moved_words")
    if words is None or words.empty:
        return []
    rows = []
    for _, own in words.groupby("doc_id", sort=False):
        first = own.iloc[0]
        rows.append(
            [
                first["label"],
                f"{first['prediction']}, {percent(first['probability'])}",
                ", ".join(f"{token} {change:+.1f}"
                          for token, change in zip(own["token"], own["change"], strict=True)),
                first["excerpt"],
            ]
        )  # fmt: skip
    return [
        Table(
            f"The words that moved decisions of {cell} most, right ones and wrong ones: what the "
            "log-odds of the prediction lose once the word is taken out of the document.",
            ["label", "prediction", "words", "the document begins"],
            rows,
        )
    ]


# --- chords ---------------------------------------------------------------------------------------


def _chords(inputs: Inputs, cells: Metrics) -> Result:
    nats = {cell: own["nats_per_frame"]["test"] for cell, own in cells.items()}
    ranked = sorted(nats, key=nats.__getitem__)
    best = ranked[0]
    low, high = cells[best]["test_interval"]
    frequency = cells[best]["pitch_frequency_nats_per_frame"]
    sentence = (
        f"{best} predicts the next chord best, at {number(nats[best], 2)} nats per frame (95% of "
        f"draws of as many chorales: {number(low, 2)} to {number(high, 2)}), against "
        f"{number(frequency['test'], 2)} from how often each pitch sounds"
    )
    if len(ranked) > 1:
        sentence += f"; {ranked[-1]} is last at {number(nats[ranked[-1]], 2)}"
    models = {"each pitch's frequency": frequency}
    models |= {cell: own["nats_per_frame"] for cell, own in cells.items()}
    sizes = ", ".join(f"{n} in {split}" for split, n in cells[best]["pieces"].items())
    return Result(
        best,
        f"{sentence}.",
        {cell: number(value, 2) for cell, value in nats.items()},
        cells,
        [
            Table(
                "Negative log-likelihood of the next quarter note's chord in nats per frame, lower "
                f"is better. Chorales: {sizes}. On the canonical split of the same music (229, 76, "
                "77) Bai et al. 2018 report 8.91 for the simple cell, 8.45 for the LSTM and 8.43 "
                "for the GRU.",
                ["model", "train", "validation", "test", "best epoch"],
                [
                    [
                        name,
                        *(number(own[split], 2) for split in ("train", "validation", "test")),
                        f"{cells[name]['best_epoch']} of {cells[name]['epochs']}"
                        if name in cells
                        else "–",
                    ]
                    for name, own in models.items()
                ],
            ),
            _validation_curves(inputs, "predict_chords", "nats per frame"),
        ],
    )


# --- remember -------------------------------------------------------------------------------------


def _remember(inputs: Inputs, cells: Metrics) -> Result:
    solved = {
        cell: sorted(int(gap) for gap, own in metrics["gaps"].items() if own["solved"])
        for cell, metrics in cells.items()
    }
    gaps = sorted({int(gap) for metrics in cells.values() for gap in metrics["gaps"]})
    reach = {cell: max(own, default=0) for cell, own in solved.items()}
    best = None
    if any(reach.values()):
        # Of those that reach as far, the one that needed the fewest updates.
        best = min(
            (cell for cell in cells if reach[cell] == max(reach.values())),
            key=lambda cell: cells[cell]["gaps"][str(reach[cell])]["updates"],
        )
    sentence = "; ".join(
        f"{cell} " + (f"adds two numbers over gaps up to {far}" if far else "solves no gap")
        for cell, far in reach.items()
    )
    gradients = {
        cell: table
        for cell in cells
        if (table := inputs.table("sequence", f"remember/{cell}/gradients")) is not None
    }
    blocks: list[Block] = [_errors(cells, gaps)]
    if gradients:
        sentence += _vanishing(gradients, gaps[-1])
        blocks += [_gradients(gradients, gaps[-1], training) for training in ("before", "after")]
    blocks += _clipping(inputs, gaps[-1])
    work = {}
    for cell, metrics in cells.items():
        of_gaps = list(metrics["gaps"].values())
        work[cell] = {**of_gaps[0], "steps_seen": sum(own["steps_seen"] for own in of_gaps)}
    scores = {cell: ", ".join(map(str, own)) or "none" for cell, own in solved.items()}
    return Result(best, f"{sentence}.", scores, work, blocks)


def _errors(cells: Metrics, gaps: list[int]) -> Table:
    rows = []
    for cell, metrics in cells.items():
        row = [cell]
        for gap in gaps:
            own = metrics["gaps"][str(gap)]
            row += [number(own["mean_squared_error"], 4), number(own["updates"])]
        rows.append(row)
    always_one = next(iter(cells.values()))["always_one"]
    header = ["cell"]
    for gap in gaps:
        header += [f"gap {gap}", "updates"]
    return Table(
        f"Mean squared error of the sum of two numbers marked in a sequence of so many steps, and "
        f"the updates it took; always answering 1 has {number(always_one)}.",
        header,
        rows,
    )


def _vanishing(gradients: dict[str, pd.DataFrame], gap: int) -> str:
    falls = []
    for cell, table in gradients.items():
        own = table[(table["gap"] == gap) & (table["training"] == "before")]
        norms = own.set_index("steps_back")["gradient_norm"]
        if norms[gap - 1] > 0:
            falls.append(f"{cell} by 10^{math.log10(norms[gap - 1] / norms[0]):.0f}")
        else:
            falls.append(f"{cell} to nothing")
    return f". Over {gap} steps back the gradient of an untrained cell falls: {', '.join(falls)}"


def _gradients(gradients: dict[str, pd.DataFrame], gap: int, training: str) -> Chart:
    rows = pd.concat(
        [
            table[
                (table["gap"] == gap)
                & (table["training"] == training)
                # What is less than a float32 holds is no point on a scale of powers of ten.
                & (table["gradient_norm"] > 0)
            ].assign(series=cell)
            for cell, table in gradients.items()
        ],
        ignore_index=True,
    ).rename(columns={"steps_back": "steps back", "gradient_norm": "gradient norm"})
    return Chart(
        f"How strongly the error at the end of {gap} steps depends on the state so many steps "
        f"before, {training} training: a line that falls is a gradient that vanishes.",
        curves(
            rows[["steps back", "gradient norm", "series"]],
            "steps back",
            "gradient norm",
            f"Norm of the gradient of each cell over steps back, {training} training.",
            logarithmic=True,
        ),
    )


def _clipping(inputs: Inputs, gap: int) -> list[Chart]:
    parts, shares = [], []
    for cell, curve in inputs.curves_of("remember").items():
        own = curve[curve["gap"] == gap]
        parts.append(
            pd.DataFrame(
                {"epoch": own["epoch"], "gradient norm": own["gradient_norm"], "series": cell}
            )
        )
        shares.append(f"{cell} {percent(own['clipped_share'].mean())}")
    if not parts:
        return []
    return [
        Chart(
            f"Mean norm of the gradient of all weights before it is clipped, gap {gap}; clipped "
            f"were, of all updates: {', '.join(shares)}.",
            curves(
                pd.concat(parts, ignore_index=True),
                "epoch",
                "gradient norm",
                "Norm of the weights' gradient of each cell over epochs.",
                logarithmic=True,
            ),
        )
    ]


class Task(NamedTuple):
    """A task on the page: what it is called, what its score measures, and what came out."""

    title: str
    measure: str
    result: Callable[[Inputs, Metrics], Result]
    # Stages that are not one of the cells'.
    beside: tuple[str, ...] = ()


# By the stage that has a variant for each cell.
TASKS = {
    "train_language_model": Task(
        "Language model", "perplexity", _language_model, ("estimate_ngrams",)
    ),
    "classify_documents": Task("Documents", "accuracy", _documents, ("score_document_baselines",)),
    "read_digits": Task("Digits", "accuracy", _digits),
    "predict_chords": Task("Chords", "nats per frame", _chords),
    "remember": Task("Remembering", "gaps solved:", _remember),
}
