"""What the page says of the classification of documents."""

import pandas as pd

from stages.metrics.classify_documents import ClassifyDocumentsMetrics
from stages.metrics.score_document_baselines import ScoreDocumentBaselinesMetrics
from stages.report.page.content import Table, number, percent
from stages.report.sequence.classifiers import accuracies, confusion, most_accurate, with_interval
from stages.report.sequence.result import Result, Tables, stages_of, validation_curves

STAGE = "classify_documents"
TITLE = "Documents"
MEASURE = "accuracy"


def documents(
    cells: dict[str, ClassifyDocumentsMetrics],
    baselines: ScoreDocumentBaselinesMetrics,
    curves: Tables,
    confusions: Tables,
    attributions: Tables,
) -> Result:
    """Return the result of the classification of documents.

    Args:
        cells: metrics of each cell.
        baselines: metrics of the baselines.
        curves: training curve of each cell.
        confusions: table `confusion` of each cell.
        attributions: table of that name of each cell.
    """
    stages = ["score_document_baselines", *stages_of(STAGE, cells)]
    scored = {cell: own.first for cell, own in cells.items() if own.first}
    if not scored:
        sentence = f"No documents were classified: {next(iter(cells.values())).unscored}."
        return Result(TITLE, stages, MEASURE, None, sentence, {}, {}, [])
    alone = {
        cell: own.without_log_count_ratios
        for cell, own in cells.items()
        if own.with_log_count_ratios and own.without_log_count_ratios
    }
    beside = {"most frequent label": baselines.majority, "TF-IDF, regression": baselines.tf_idf}
    best = most_accurate(scored)
    peer, (low, high) = baselines.tf_idf.accuracy, scored[best].accuracy_interval
    verdict = "less, beyond" if peer < low else "more, beyond" if peer > high else "within"
    sentence = (
        f"{best} predicts the right one of {cells[best].labels} labels for "
        f"{with_interval(scored[best])} of {number(cells[best].documents['test'])} test documents; "
        f"logistic regression on TF-IDF for {percent(peer)}, which is {verdict} that interval"
    )
    if best in alone:
        sentence += (
            f". {best} is given log-count ratios of words and labels; from word vectors alone it "
            f"is right for {with_interval(alone[best])}"
        )
    return Result(
        TITLE,
        stages,
        MEASURE,
        best,
        f"{sentence}.",
        {cell: percent(own.accuracy) for cell, own in scored.items()},
        scored,
        [
            accuracies(
                {
                    **beside,
                    **scored,
                    **{f"{cell}, word vectors alone": own for cell, own in alone.items()},
                }
            ),
            validation_curves(curves, "cross-entropy"),
            *confusion(confusions[best], best),
            *_attributions(attributions[best], best),
        ],
    )


def _attributions(words: pd.DataFrame, cell: str) -> list[Table]:
    if words.empty:
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
            f"The words that matter most for decisions of {cell}, right and wrong ones "
            "(attribution by occlusion): how much the log-odds of the prediction fall when the "
            "word is removed from the document.",
            ["label", "prediction", "words", "the document begins"],
            rows,
        )
    ]
