"""Summarize a run in one number for each task, for `dvc metrics show` and `dvc exp show`."""

from pathlib import Path

import pandas as pd

from stages.core.command import Input, command
from stages.core.metrics import Model, read_metrics
from stages.core.outputs import Output
from stages.core.params import Variants
from stages.metrics.classify_documents import ClassifyDocumentsMetrics
from stages.metrics.collect import CollectMetrics
from stages.metrics.compare_clusters import CompareClustersMetrics
from stages.metrics.compare_embeddings import CompareEmbeddingsMetrics
from stages.metrics.predict_chords import PredictChordsMetrics
from stages.metrics.read_digits import ReadDigitsMetrics
from stages.metrics.score_composer import ScoreComposerMetrics
from stages.metrics.score_player import ScorePlayerMetrics
from stages.metrics.solve_adding_problem import SolveAddingProblemMetrics
from stages.metrics.tokenize import TokenizeMetrics
from stages.metrics.train_language_model import TrainLanguageModelMetrics


def of_best_cell(cells: list[str], metrics: Path, curves: Path, model: type[Model]) -> Model:
    """Return the metrics of the cell with the lowest loss on the validation split.

    Args:
        cells: names of the cells.
        metrics: folder of the metrics of each cell.
        curves: folder of the training curve of each cell.
        model: type of the metrics.
    """

    def loss(cell: str) -> float:
        return pd.read_csv(curves / f"{cell}.csv")["validation_loss"].min()

    return read_metrics(metrics / f"{min(cells, key=loss)}.json", model)


@command
def main(
    *,
    cells: Variants,
    collect_metrics: Input,
    tokenize_metrics: Input,
    compare_embeddings_metrics: Input,
    train_language_model_metrics: Input,
    train_language_model_curves: Input,
    classify_documents_metrics: Input,
    classify_documents_curves: Input,
    read_digits_metrics: Input,
    read_digits_curves: Input,
    predict_chords_metrics: Input,
    predict_chords_curves: Input,
    solve_adding_problem_metrics: Input,
    compare_clusters_metrics: Input,
    score_composer_metrics: Input,
    score_player_metrics: Input,
    summary: Output,
) -> None:
    """Summarize a run in one number for each task; baselines and intervals are in the report."""
    verdicts = read_metrics(compare_embeddings_metrics, CompareEmbeddingsMetrics).root
    names = cells.names
    language_model = of_best_cell(
        names,
        train_language_model_metrics,
        train_language_model_curves,
        TrainLanguageModelMetrics,
    )
    documents = of_best_cell(
        names, classify_documents_metrics, classify_documents_curves, ClassifyDocumentsMetrics
    )
    digits = of_best_cell(names, read_digits_metrics, read_digits_curves, ReadDigitsMetrics)
    chords = of_best_cell(
        names, predict_chords_metrics, predict_chords_curves, PredictChordsMetrics
    )
    player = read_metrics(score_player_metrics, ScorePlayerMetrics).qualities["player"]
    gaps = [
        int(gap)
        for name in names
        for gap, result in read_metrics(
            solve_adding_problem_metrics / f"{name}.json", SolveAddingProblemMetrics
        ).gaps.items()
        if result.solved
    ]
    composed = read_metrics(score_composer_metrics, ScoreComposerMetrics).scores.values()
    scores = {
        "documents": read_metrics(collect_metrics, CollectMetrics).documents["total"],
        "tokens": read_metrics(tokenize_metrics, TokenizeMetrics).tokens["total"],
        "similarity": verdicts["WordSim-353"].score if "WordSim-353" in verdicts else None,
        "perplexity": language_model.perplexity["test"],
        "labels": documents.first and documents.first.accuracy,
        "digits": digits.accuracy,
        "chords": chords.nats_per_frame["test"],
        "longest_gap": max(gaps, default=0),
        "clusters": read_metrics(compare_clusters_metrics, CompareClustersMetrics).test,
        "composer": sum(score.nearer["markov_chords"] == "composer" for score in composed),
        "player": player.spectral_distance,
    }
    summary.write_json({task: score for task, score in scores.items() if score is not None})
