"""What the page says of the classification of documents."""

import pandas as pd

from stages.metrics.classify_documents import Classified, ClassifyDocumentsMetrics
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
    scored = {cell: own.root for cell, own in cells.items() if isinstance(own.root, Classified)}
    if not scored:
        reason = next(iter(cells.values())).root.unscored
        sentence = f"No documents were classified: {reason}."
        return Result(TITLE, stages, MEASURE, None, sentence, {}, {}, [])
    beside = {"most frequent label": baselines.majority, "TF-IDF, regression": baselines.tf_idf}
    best = most_accurate(scored)
    own = scored[best]
    peer, (low, high) = baselines.tf_idf.accuracy, own.accuracy_interval
    verdict = "less, beyond" if peer < low else "more, beyond" if peer > high else "within"
    return Result(
        TITLE,
        stages,
        MEASURE,
        best,
        f"{best} predicts the right one of {own.labels} labels for {with_interval(own)} of "
        f"{number(own.documents['test'])} test documents; logistic regression on TF-IDF for "
        f"{percent(peer)}, which is {verdict} that interval.",
        {cell: percent(own.accuracy) for cell, own in scored.items()},
        scored,
        [
            accuracies({**beside, **scored}),
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
