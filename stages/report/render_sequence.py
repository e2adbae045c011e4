"""Render the page of the sequence room."""

from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output
from stages.core.params import Variants
from stages.metrics.classify_documents import ClassifyDocumentsMetrics
from stages.metrics.estimate_ngrams import EstimateNgramsMetrics
from stages.metrics.predict_chords import PredictChordsMetrics
from stages.metrics.read_digits import ReadDigitsMetrics
from stages.metrics.score_document_baselines import ScoreDocumentBaselinesMetrics
from stages.metrics.solve_adding_problem import SolveAddingProblemMetrics
from stages.metrics.train_language_model import TrainLanguageModelMetrics
from stages.report.page.content import Page, Section, Table, Text, number
from stages.report.page.html import write_page
from stages.report.page.inputs import read_all_metrics, read_curves, read_tables
from stages.report.sequence.adding_problem import adding_problem
from stages.report.sequence.chords import chords
from stages.report.sequence.digits import digits
from stages.report.sequence.documents import documents
from stages.report.sequence.language_model import language_model
from stages.report.sequence.result import Result


def sequence_page(results: list[Result]) -> Page:
    """Return the page: all tasks side by side, then each by itself."""
    best = ", ".join(f"{own.title.lower()} {own.best or 'none'}" for own in results)
    return Page(
        "sequence",
        f"The best cell by task: {best}.",
        [
            Section("Comparison", [], [_comparison(results), _on_seconds()]),
            *(Section(own.title, own.stages, [Text(own.sentence), *own.blocks]) for own in results),
        ],
    )


@command
def main(
    *,
    cells: Variants,
    estimate_ngrams_metrics: Input,
    train_language_model: Input,
    train_language_model_metrics: Input,
    train_language_model_curves: Input,
    score_document_baselines_metrics: Input,
    classify_documents: Input,
    classify_documents_metrics: Input,
    classify_documents_curves: Input,
    read_digits: Input,
    read_digits_metrics: Input,
    read_digits_curves: Input,
    predict_chords_metrics: Input,
    predict_chords_curves: Input,
    solve_adding_problem: Input,
    solve_adding_problem_metrics: Input,
    solve_adding_problem_curves: Input,
    page: Output,
    headline: Output,
) -> None:
    """Render the page of the sequence room."""
    results = [
        language_model(
            read_all_metrics(train_language_model_metrics, cells, TrainLanguageModelMetrics),
            read_metrics(estimate_ngrams_metrics, EstimateNgramsMetrics),
            read_curves(train_language_model_curves, cells),
            read_tables(train_language_model, cells, "sentences"),
            read_tables(train_language_model, cells, "paragraphs"),
        ),
        documents(
            read_all_metrics(classify_documents_metrics, cells, ClassifyDocumentsMetrics),
            read_metrics(score_document_baselines_metrics, ScoreDocumentBaselinesMetrics),
            read_curves(classify_documents_curves, cells),
            read_tables(classify_documents, cells, "confusion"),
            read_tables(classify_documents, cells, "attributions"),
        ),
        digits(
            read_all_metrics(read_digits_metrics, cells, ReadDigitsMetrics),
            read_curves(read_digits_curves, cells),
            read_tables(read_digits, cells, "confusion"),
        ),
        chords(
            read_all_metrics(predict_chords_metrics, cells, PredictChordsMetrics),
            read_curves(predict_chords_curves, cells),
        ),
        adding_problem(
            read_all_metrics(solve_adding_problem_metrics, cells, SolveAddingProblemMetrics),
            read_curves(solve_adding_problem_curves, cells),
            read_tables(solve_adding_problem, cells, "gradients"),
        ),
    ]
    write_page(sequence_page(results), page, headline)


def _comparison(results: list[Result]) -> Table:
    rows = []
    for own in results:
        for cell, score in own.scores.items():
            work = own.work[cell]
            rows.append(
                [
                    f"{own.title}, {cell}",
                    f"{own.measure} {score}",
                    number(work.weights),
                    number(work.recurrent_multiply_adds_per_step),
                    number(work.steps_seen),
                ]
            )
    return Table(
        "Every task by every cell: its score on the test split, its size, the multiplications of "
        "one step of one sequence in the recurrent layers, and the steps it was trained on.",
        ["task and cell", "score", "weights", "multiply-adds a step", "steps seen"],
        rows,
    )


def _on_seconds() -> Text:
    return Text(
        "Seconds and tokens per second depend on the machine and would make this page differ from "
        "run to run: python -m benchmarks.sequence measures them."
    )
