"""What the page says of the classifiers of documents."""

from typing import NamedTuple

import pandas as pd

from stages.core.metrics import AccuracyMetrics
from stages.metrics.classify_documents import ClassifyDocumentsMetrics
from stages.metrics.compare_learners import CompareLearnersMetrics
from stages.metrics.draw_regions import DrawRegionsMetrics
from stages.metrics.predict_number import PredictNumberMetrics
from stages.metrics.score_document_baselines import ScoreDocumentBaselinesMetrics
from stages.metrics.train_learner import LearnerMetrics, TrainLearnerMetrics
from stages.report.clustering.learner_charts import decision_tree, regions_of
from stages.report.page.charts import curves
from stages.report.page.content import Block, Chart, Section, Table, Text, number, percent

Tables = dict[str, pd.DataFrame]


class Others(NamedTuple):
    """Classifiers of the sequence room, which read the same documents.

    Attributes:
        baselines: metrics of `score_document_baselines`.
        cells: metrics of `classify_documents` by cell.
    """

    baselines: ScoreDocumentBaselinesMetrics
    cells: dict[str, ClassifyDocumentsMetrics]


def classifiers(
    trained: dict[str, TrainLearnerMetrics],
    compared: CompareLearnersMetrics,
    table: pd.DataFrame,
    choices: Tables,
    others: Others,
    embedding: str,
) -> Section:
    """Return the section that compares the classifiers.

    Args:
        trained: metrics of `train_learner` by classifier.
        compared: metrics of `compare_learners`.
        table: table `learners`.
        choices: table of that name by classifier.
        others: classifiers of the sequence room.
        embedding: name of the embedding of the documents.
    """
    stages = [*(f"train_learner@{name}" for name in trained), "compare_learners"]
    if compared.best is None:
        told = f"No documents were classified: {compared.unscored}."
        return Section("Classifiers of documents", stages, [Text(told)])
    learners = {name: own.learner for name, own in trained.items() if own.learner}
    first = next(iter(trained.values()))
    blocks: list[Block] = [Text(_verdict(compared, learners, others.baselines))]
    if first.unseen:
        of_documents = "document has" if first.unseen == 1 else "documents have"
        told = f"{number(first.unseen)} test {of_documents} a label that no training document has."
        blocks.append(Text(told))
    blocks += [
        _scores(learners, table, first, others, embedding),
        _costs(learners),
    ]
    for name, own in choices.items():
        rows = own[own["parameter"] == "k"]
        if len(rows) > 1 and name in learners:
            blocks.append(_curve(name, rows, learners[name], first.documents["train"]))
    return Section("Classifiers of documents", stages, blocks)


def _verdict(
    compared: CompareLearnersMetrics,
    learners: dict[str, LearnerMetrics],
    baselines: ScoreDocumentBaselinesMetrics,
) -> str:
    best = learners[compared.best]
    low, high = best.accuracy_interval
    sentence = (
        f"Use {compared.best}: the most accurate on the validation split, it classifies "
        f"{percent(best.accuracy)} of the test documents correctly (95 % interval {percent(low)} "
        f"to {percent(high)}; the most frequent label {percent(compared.majority.accuracy)})"
    )
    if compared.no_worse:
        verb = "is" if len(compared.no_worse) == 1 else "are"
        sentence += f"; {' and '.join(compared.no_worse)} {verb} tied with it"
    if compared.not_above_majority:
        sentence += f"; not above the most frequent label: {', '.join(compared.not_above_majority)}"
    if tf_idf := baselines.tf_idf:
        verb = "beats it with" if tf_idf.accuracy > best.accuracy else "has"
        low, high = tf_idf.accuracy_interval
        sentence += (
            f". Logistic regression on TF-IDF, without word vectors, {verb} "
            f"{percent(tf_idf.accuracy)} ({percent(low)} to {percent(high)})"
        )
    return f"{sentence}."


def _scores(
    learners: dict[str, LearnerMetrics],
    table: pd.DataFrame,
    first: TrainLearnerMetrics,
    others: Others,
    embedding: str,
) -> Table:
    def row(name: str, own: AccuracyMetrics, *cells: str) -> list[str]:
        low, high = own.accuracy_interval
        accuracy = f"{percent(own.accuracy)} ({percent(low)} to {percent(high)})"
        return [name, accuracy, number(own.macro_f1), *(cells or ("–", "–", "–"))]

    sampled = "".join(
        f" {name} is fitted on {number(own.fitted_documents)} of the "
        f"{number(first.documents['train'])} training documents."
        for name, own in learners.items()
        if own.fitted_documents < first.documents["train"]
    )
    rows = []
    for own in table.itertuples():
        learner = learners[own.learner]
        behind = f"{percent(own.behind_low)} to {percent(own.behind_high)}"
        chosen = ", ".join(f"{name} {value:g}" for name, value in learner.chosen.items())
        is_best = own.Index == 0
        p_value = "–" if is_best else number(own.p_value)
        rows.append(row(own.learner, learner, chosen, "–" if is_best else behind, p_value))
    beside = {
        "most frequent label": others.baselines.majority,
        "TF-IDF, regression": others.baselines.tf_idf,
        **{f"{cell} (sequence model)": own.first for cell, own in others.cells.items()},
    }
    rows += [row(name, own) for name, own in beside.items() if own]
    return Table(
        f"Accuracy and macro F1 on {number(first.documents['test'])} test documents with "
        f"{number(first.labels)} labels, by their {embedding} vectors (trees: TF-IDF), with 95 % "
        "intervals; what the validation split chose; and by how much each is behind the best, with "
        "the p-value of McNemar's test, adjusted for their number. Baselines and models of the "
        f"sequence room are listed below.{sampled}",
        ["classifier", "accuracy", "macro F1", "chosen", "behind the best", "p"],
        rows,
    )


def _costs(learners: dict[str, LearnerMetrics]) -> Table:
    unfinished = [name for name, own in learners.items() if not own.converged]
    note = f" Stopped before it converged: {', '.join(unfinished)}." if unfinished else ""
    return Table(
        "What the classifiers cost: iterations of training, which differ in kind (passes over the "
        "documents, steps of the solver, levels of trees), numbers that the model stores, and "
        f"multiply-adds or comparisons to classify a document.{note}",
        ["classifier", "iterations", "numbers", "operations"],
        [
            [name, number(own.cost.iterations), number(own.cost.numbers),
             number(own.cost.operations)]
            for name, own in learners.items()
        ],
    )  # fmt: skip


def _curve(name: str, rows: pd.DataFrame, learner: LearnerMetrics, documents: int) -> Chart:
    points = pd.DataFrame(
        {
            "k": rows["value"].astype(int),
            "accuracy": rows["validation_accuracy"].round(4),
            "series": name,
        }
    ).sort_values("k")
    root = round(documents**0.5)
    return Chart(
        f"Accuracy of {name} on the validation split over the number of neighbours: "
        f"{learner.chosen['k']:g} is the best, and the square root of the {number(documents)} "
        f"training documents is {number(root)}.",
        curves(points, "k", "accuracy", "Validation accuracy over the number of neighbours."),
    )


def trees_and_regions(
    trees: Tables,
    drawn: DrawRegionsMetrics,
    regions: pd.DataFrame,
    plane: pd.DataFrame,
    predicted: PredictNumberMetrics,
) -> list[Section]:
    """Return the sections about decision trees, decision regions and the predicted number.

    Args:
        trees: table `tree` by classifier.
        drawn: metrics of `draw_regions`.
        regions: table of that name.
        plane: table of that name.
        predicted: metrics of `predict_number`.
    """
    sections = []
    for name, nodes in trees.items():
        if len(nodes):
            caption = (
                f"The top of {name}: each question is whether a word's TF-IDF in the document is "
                "above a threshold, and an answer without further questions names the most "
                "frequent label there, its documents and its share."
            )
            chart = decision_tree(nodes, name, "Questions of the decision tree.")
            title = "Decision tree" if name == "decision_tree" else f"Decision tree {name}"
            sections.append(Section(title, [f"train_learner@{name}"], [Chart(caption, chart)]))
    if drawn.unscored is None:
        sections.append(
            Section("Decision regions", ["draw_regions"], _regions(drawn, regions, plane))
        )
    sections.append(Section("A number from a document", ["predict_number"], [_number(predicted)]))
    return sections


def _regions(drawn: DrawRegionsMetrics, regions: pd.DataFrame, plane: pd.DataFrame) -> list[Block]:
    scores = ", ".join(f"{name} {percent(own)}" for name, own in drawn.accuracy.items())
    told = ""
    if scores:
        told = (
            f"On the plane they classify these shares of the test documents with these labels "
            f"correctly: {scores}; the most frequent label {percent(drawn.majority)}."
        )
    return [
        *([Text(told)] if told else []),
        Chart(
            f"What each classifier says everywhere on the plane of the first two principal "
            f"components of training documents with the {len(drawn.labels)} most frequent labels "
            f"({percent(drawn.explained_variance)} of their variance), and "
            f"{number(len(plane))} of these documents.",
            regions_of(regions, plane, drawn.labels, "Decision regions of each classifier."),
        ),
    ]


def _number(predicted: PredictNumberMetrics) -> Text:
    if predicted.scores is None:
        return Text(f"Linear regression was not scored: {predicted.unscored}.")
    own = predicted.scores
    low, high = own.r2_interval
    target = "numeric label" if predicted.target == "label" else "number of tokens"
    sentence = (
        f"Linear regression on the {number(predicted.dimensions)} dimensions of the vectors "
        f"explains {percent(own.r2)} of the variance of a document's {target} (95 % interval "
        f"{percent(low)} to {percent(high)}) on {number(predicted.documents['test'])} test "
        f"documents; the mean absolute error is {number(own.mean_absolute_error, 1)}, and "
        f"{number(own.mean_absolute_error_of_mean, 1)} for always predicting the mean"
    )
    return Text(sentence + (", which it does not beat." if low <= 0 else "."))
