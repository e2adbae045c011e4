"""What the pages of the report are made from, small, and written through contracts and models."""

import importlib
import json
import shlex
import wave
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from PIL import Image
from pydantic import BaseModel
from safetensors.numpy import save_file
from tiny import ROOT

from stages.core.command import parse
from stages.core.contracts import Contract
from stages.core.metrics import AccuracyMetrics
from stages.core.outputs import Staging
from stages.metrics.classify_documents import ClassifyDocumentsMetrics
from stages.metrics.cluster import ClusterMetrics, ClustersMetrics, ScoreMetrics
from stages.metrics.collect import CollectMetrics
from stages.metrics.collect_notes import CollectNotesMetrics
from stages.metrics.collect_sounds import CollectSoundsMetrics
from stages.metrics.compare_clusters import CandidateMetrics, CompareClustersMetrics
from stages.metrics.compare_embeddings import CompareEmbeddingsMetrics, Verdict
from stages.metrics.compare_learners import CompareLearnersMetrics
from stages.metrics.draw_regions import DrawRegionsMetrics
from stages.metrics.embed_documents import EmbedDocumentsMetrics
from stages.metrics.estimate_ngrams import EstimateNgramsMetrics
from stages.metrics.evaluate_embedding import EvaluateEmbeddingMetrics
from stages.metrics.mine_rules import MineRulesMetrics
from stages.metrics.perform import PerformMetrics
from stages.metrics.predict_chords import PredictChordsMetrics
from stages.metrics.predict_number import NumberScores, PredictNumberMetrics
from stages.metrics.profile_corpus import ProfileCorpusMetrics
from stages.metrics.project import CircleMetrics, KeptMetrics, ProjectMetrics
from stages.metrics.read_digits import ReadDigitsMetrics
from stages.metrics.score_composer import ScoreComposerMetrics
from stages.metrics.score_document_baselines import ScoreDocumentBaselinesMetrics, TfIdfMetrics
from stages.metrics.score_player import ScorePlayerMetrics
from stages.metrics.solve_adding_problem import SolveAddingProblemMetrics
from stages.metrics.tokenize import TokenizeMetrics
from stages.metrics.trace_kmeans import StartMetrics, TraceKmeansMetrics
from stages.metrics.train_language_model import TrainLanguageModelMetrics
from stages.metrics.train_learner import CostMetrics, LearnerMetrics, TrainLearnerMetrics
from stages.report.page.content import Page

HOSTILE = "<script>alert('caught')</script>"
PARAMS = {
    "corpus": HOSTILE,
    "music": {"collection": HOSTILE, "representations": ["harmonic", "spectrogram"]},
    "embedding": {"train_embedding": {"cbow": {}, "glove": {}}},
    "sequence": {"cells": ["rnn", "gru"]},
    "clustering": {
        "cluster": {"kmeans": {}, "agglomerative": {}, "dbscan": {}},
        "maps": {"documents": "glove"},
        "train_learner": {"nearest_neighbours": {}, "decision_tree": {}},
    },
}
COMMANDS = {
    name: shlex.split(stage["cmd"])
    for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))[
        "stages"
    ].items()
    if name.startswith("render_")
}
# As long as the longest path of a table.
THINGS = Path("data/sequence/solve_adding_problem/lstm_peephole/list_of_things.parquet")
METRICS, DATA, CURVES = Path("reports/metrics"), Path("data"), Path("reports/curves")
SPLITS = ("train", "validation", "test")
TRAINING = {
    "weights": 9, "recurrent_multiply_adds_per_step": 7, "steps_seen": 50,
    "best_epoch": 2, "epochs": 2,
}  # fmt: skip


def render(stage: str) -> None:
    """Run a stage of the report in this process, by its command in dvc.yaml."""
    _, _, _, name, *options = COMMANDS[stage]
    module = importlib.import_module(f"stages.{name}")
    module.main(**parse(name, options))


def content(stage: str) -> Page:
    """Run the stage of a page and return what the page is made of."""
    module = importlib.import_module(f"stages.report.{stage}")
    with mock.patch.object(module, "write_page", wraps=module.write_page) as write:
        render(stage)
    return write.call_args.args[0]


def write_table(path: Path, contract: Contract, columns: dict[str, Any]) -> None:
    """Write a table that keeps its contract; a column is a list or one value for all rows."""
    rows = next(len(values) for values in columns.values() if isinstance(values, list))
    values = [columns[name] for name in contract.schema.names]
    full = [value if isinstance(value, list) else [value] * rows for value in values]
    with Staging() as staging:
        staging.table(path, contract).write(pa.table(full, schema=contract.schema))


def write_metrics(path: Path, metrics: BaseModel) -> None:
    """Write metrics as a stage does."""
    with Staging() as staging:
        staging.output(path).write_json(metrics)


def write_curve(path: Path, columns: dict[str, Any]) -> None:
    """Write a training curve as a stage does."""
    with Staging() as staging:
        staging.output(path).write_csv(pd.DataFrame(columns))


def write_inputs() -> None:
    """Write the inputs of every page below the current directory."""
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False), encoding="utf-8")
    for write in (
        write_text, write_embedding, write_sequence, write_clustering, write_music, write_player,
    ):  # fmt: skip
        write()
    things = Contract(pa.schema([pa.field("n", pa.int64(), nullable=False)]))
    with Staging(Path("reports/validation/train_embedding/cbow.json")) as staging:
        table = staging.table(THINGS, things)
        table.write(pa.table({"n": [1, 2]}))


def write_text() -> None:
    """Write what the page of the text room is made from."""
    from stages.text import contracts

    vocabulary = {
        "token_id": [0, 1, 2, 3, 4, 5],
        "token": ["<unk>", "<bos>", "<eos>", HOSTILE, "is", "so"],
        "count": [1, 2, 2, 3, 2, 1],
        "document_count": [None, 1, 1, 2, 1, 1],
    }
    lengths = {"split": ["test", "train", "train"], "tokens": [1, 1, 9], "documents": [1, 2, 1]}
    growth = {"tokens": [2, 4, 5], "types": [1, 2, 2]}
    label_words = {
        "label": ["a", "a", "b"], "token": [HOSTILE, "so", "is"], "score": [3.0, 2.0, 1.0],
        "count": [3, 2, 1],
    }  # fmt: skip
    examples = {
        "doc_id": ["a#1", HOSTILE],
        "split": ["train", "test"],
        "text": [f"{HOSTILE} is what this document says. So.", "x " * 40],
        "tokens": [[HOSTILE, "is", "so"], ["x"]],
        "sentence_lengths": [[2, 1], [1]],
    }
    write_table(DATA / "text/vocabulary.parquet", contracts.VOCABULARY, vocabulary)
    write_table(DATA / "text/lengths.parquet", contracts.LENGTHS, lengths)
    write_table(DATA / "text/growth.parquet", contracts.GROWTH, growth)
    write_table(DATA / "text/label_words.parquet", contracts.LABEL_WORDS, label_words)
    write_table(DATA / "text/examples.parquet", contracts.EXAMPLES, examples)
    collected = CollectMetrics(
        corpus={
            "name": "mine", "title": HOSTILE, "licence": "none", "homepage": None,
            "language": "english", "sources": ["data/raw: m.csv"],
        },
        split_unit="document",
        given_splits=["test"],
        drawn_splits=["train", "validation"],
        documents={"total": 2, "train": 1, "validation": 0, "test": 1},
        groups=1,
        labels=1,
        dropped={"too_short": 4},
        changed={"markup": 3, "cut": 0},
        left_out={"link": 2, "hidden_file": 0},
        examples=[f"m.csv line 2: {HOSTILE}"],
    )  # fmt: skip
    tokenized = TokenizeMetrics(
        language="english",
        tokens={"total": 5, "train": 5, "validation": 0, "test": 0},
        sentences={"total": 3, "train": 2, "validation": 0, "test": 1},
        types=2,
        vocabulary=3,
        dropped={"no_token": 0},
        coverage={"train": 1.0, "validation": None, "test": 0.5},
    )
    profile = ProfileCorpusMetrics(
        zipf_exponent=-1.07, zipf_factor=3.0, heaps_exponent=0.6, heaps_factor=1.5,
        labels=2, labels_described=2,
    )  # fmt: skip
    write_metrics(METRICS / "collect.json", collected)
    write_metrics(METRICS / "tokenize.json", tokenized)
    write_metrics(METRICS / "profile_corpus.json", profile)


def write_embedding() -> None:
    """Write what the page of the embedding room is made from: glove is better than cbow."""
    from stages.embedding import contracts

    for model, score in (("cbow", 0.2), ("glove", 0.4)):
        tables = {
            "neighbours": {"token": ["war"], "seen": True, "rank": 1, "neighbour": HOSTILE,
                           "cosine_similarity": 0.5},
            "vector_arithmetic": {"expression": ["a - b + c"], "rank": 1, "token": HOSTILE,
                                  "cosine_similarity": 0.5},
            "cloze": {"sentence": ["a ___"], "answer": "b", "rank": 1, "guess": HOSTILE},
            "context_words": {"token": ["war"], "rank": 1, "neighbour": HOSTILE,
                              "probability": 0.5},
            "map": {"token": [HOSTILE, "war"], "x": [1.0, 2.0], "y": [2.0, 0.5]},
            "glove_fit": {"token": ["war", "war"], "neighbour": [HOSTILE, "so"],
                          "log_count": [1.0, 2.0], "dot_product": [1.5, 1.75]},
        }  # fmt: skip
        for name, columns in tables.items():
            path = DATA / f"embedding/evaluate_embedding/{model}/{name}.parquet"
            write_table(path, getattr(contracts, name.upper()), columns)
        learned = {"fit": None, "tokens_per_epoch": 5}
        if model == "glove":
            fit = {"counts": 2, "correlation": 0.5, "correlation_of_frequent_tenth": None}
            learned = {"fit": fit, "counts": 9, "cost": [0.5, 0.25]}
        write_metrics(
            METRICS / f"evaluate_embedding/{model}.json",
            EvaluateEmbeddingMetrics(
                kind=model,
                dimensions=3,
                words=2,
                numbers_per_word=3.0,
                bytes={"vectors": 1000, "model": 2000, "as_dense": 24},
                scores={"WordSim-353": {"score": score, "low": 0.1, "high": 0.5, "covered": 9,
                                        "items": 20}},
                sections={"analogies": {"capitals": {"score": score, "covered": 4}}},
                baselines={"similarity": 0.0, "analogies": 0.1, "blank in 1": 0.01},
                words_without_vector=["x"],
                **learned,
            ),
        )  # fmt: skip
    comparison = {
        "test": ["WordSim-353", "SimLex-999"] * 2,
        "model": ["cbow", "cbow", "glove", "glove"],
        "items": [9, 0, 9, 0],
        "score": [0.2, None, 0.4, None],
        "low": [0.1, None, 0.1, None],
        "high": [0.5, None, 0.5, None],
        "behind": [0.2, None, 0.0, None],
        "behind_low": [-0.1, None, 0.0, None],
    }
    write_table(DATA / "embedding/comparison.parquet", contracts.COMPARISON, comparison)
    none = Verdict(measure="spearman", items=0, best=None, score=None, no_worse=[])
    best = Verdict(measure="spearman", items=9, best="glove", score=0.4, no_worse=["cbow"])
    verdicts = CompareEmbeddingsMetrics({"WordSim-353": best, "SimLex-999": none})
    write_metrics(METRICS / "compare_embeddings.json", verdicts)
    columns = ["model", "seconds", "words_per_second", "peak_mib", "corpus"]
    write_curve(Path("reports/costs/embedding.csv"), {column: [] for column in columns})


def write_sequence() -> None:
    """Write what the page of the sequence room is made from: gru is better than rnn."""
    from stages.sequence import contracts

    perplexity = {"train": 20.0, "validation": 30.0, "test": 31.0}
    ngrams = {"unigram": {split: 9 * value for split, value in perplexity.items()}}
    write_metrics(
        METRICS / "estimate_ngrams.json",
        EstimateNgramsMetrics(perplexity={**ngrams, "bigram": perplexity}),
    )
    majority = AccuracyMetrics(accuracy=0.5, accuracy_interval=(0.4, 0.6), macro_f1=0.6)
    tf_idf = TfIdfMetrics(accuracy=0.7, accuracy_interval=(0.6, 0.8), macro_f1=0.6, c=10)
    write_metrics(
        METRICS / "score_document_baselines.json",
        ScoreDocumentBaselinesMetrics(majority=majority, tf_idf=tf_idf),
    )
    splits = dict.fromkeys(SPLITS, 9.0)
    labels = [f"label {i}" for i in range(30)]
    for cell, test, accuracy in (("rnn", 25.2, 0.6), ("gru", 21.0, 0.9)):
        scores = {
            "accuracy": accuracy, "accuracy_interval": (accuracy - 0.05, accuracy + 0.05),
            "macro_f1": accuracy, **TRAINING,
        }  # fmt: skip
        alone = {**scores, "accuracy": accuracy - 0.3, "accuracy_interval": (0.2, accuracy - 0.2)}
        gap = {
            "mean_squared_error": 0.16 if cell == "rnn" else 0.001, "solved": cell == "gru",
            "updates": 40, **TRAINING,
        }  # fmt: skip
        metrics = {
            "train_language_model": TrainLanguageModelMetrics(
                perplexity={"train": 18.0, "validation": 20.0, "test": test}, **TRAINING
            ),
            "classify_documents": ClassifyDocumentsMetrics(
                documents={"train": 500, "validation": 50, "test": 60},
                labels=30,
                test_documents_of_unseen_label=0,
                with_log_count_ratios=scores,
                without_log_count_ratios=alone,
            ),
            "read_digits": ReadDigitsMetrics(
                source="scikit-learn", rows=8, columns=8, images={"test": 90}, **scores
            ),
            "predict_chords": PredictChordsMetrics(
                nats_per_frame={**splits, "test": 9.5 - accuracy},
                test_interval=(8.25, 9.75),
                pitch_frequency_nats_per_frame={**splits, "test": 11.0},
                pieces={"train": 8, "validation": 1, "test": 1},
                frames={"train": 80, "validation": 10, "test": 10},
                left_out={"drums": 3, "outside_piano": 2, "single_chord": 1},
                **TRAINING,
            ),
            "solve_adding_problem": SolveAddingProblemMetrics(
                always_one=1 / 6, gaps={"4": {**gap, "solved": True}, "8": gap}
            ),
        }
        curve = {
            "epoch": [1, 2], "train_loss": [3.5, 3.1], "validation_loss": [3.4, 3.0],
            "gradient_norm": [4.0, 2.0], "clipped_share": [1.0, 0.5],
        }  # fmt: skip
        for stage, values in metrics.items():
            write_metrics(METRICS / stage / f"{cell}.json", values)
            columns = {**curve, "gap": 8} if stage == "solve_adding_problem" else curve
            write_curve(CURVES / stage / f"{cell}.csv", columns)
        backwards = [(when, back) for when in ("before", "after") for back in range(8)]
        fall = 1e-20 if cell == "rnn" else 1e-2
        paragraphs = {"temperature": [0.5, 1.0, 1.5], "text": f"{HOSTILE} and {cell}"}
        sentences = {
            "surprise": ["most", "least"], "rank": 1, "text": HOSTILE, "nats_per_word": [9.0, 1.0],
        }  # fmt: skip
        attributions = {
            "doc_id": ["a", "a", "b"], "excerpt": HOSTILE, "label": HOSTILE, "prediction": "x",
            "probability": 0.75, "rank": [1, 2, 1], "token": ["one", "two", HOSTILE],
            "change": [1.25, -0.5, 0.1],
        }  # fmt: skip
        gradients = {
            "gap": 8,
            "training": [when for when, _ in backwards],
            "steps_back": [back for _, back in backwards],
            "gradient_norm": [fall ** (back / 7) for _, back in backwards],
        }
        tables = {
            "train_language_model/{}/paragraphs": (contracts.PARAGRAPHS, paragraphs),
            "train_language_model/{}/sentences": (contracts.SENTENCES, sentences),
            "classify_documents/{}/attributions": (contracts.ATTRIBUTIONS, attributions),
            "classify_documents/{}/confusion": (contracts.CONFUSION, mistakes([HOSTILE, *labels])),
            "read_digits/{}/confusion": (contracts.CONFUSION, mistakes(list("0123"))),
            "solve_adding_problem/{}/gradients": (contracts.GRADIENTS, gradients),
        }
        for place, (contract, columns) in tables.items():
            write_table(DATA / f"sequence/{place.format(cell)}.parquet", contract, columns)


def mistakes(labels: list[str]) -> dict[str, list]:
    """Return a table `confusion` with one mistake: the third label for the second."""
    pairs = [*((label, label, 5) for label in labels), (labels[1], labels[2], 3)]
    truth, prediction, count = map(list, zip(*pairs, strict=True))
    return {"truth": truth, "prediction": prediction, "count": count}


def write_clustering() -> None:
    """Write what the page of the clustering room is made from."""
    from stages.clustering import contracts

    names = [f"doc{n}" for n in range(12)]
    angle = np.linspace(0, 6, 12)
    folder = DATA / "clustering"
    labels = [HOSTILE, "b", None] * 4
    points = {"point": names, "label": labels, "split": "test", "vector": [[0.0, 1.0]] * 12}
    projection = {
        "point": names * 2,
        "method": ["pca"] * 12 + ["tsne"] * 12,
        "x": [*np.cos(angle), *np.sin(angle)],
        "y": [*np.sin(angle), *np.cos(angle)],
    }
    write_table(folder / "points/glove/documents.parquet", contracts.POINTS, points)
    write_table(folder / "project/documents/projection.parquet", contracts.PROJECTION, projection)
    for embedding, dropped in (("cbow", 0), ("glove", 1)):
        write_metrics(
            METRICS / f"embed_documents/{embedding}.json",
            EmbedDocumentsMetrics(
                words=12, documents=12, dimensions=2, sparse_dimensions=5000,
                dropped={"documents_without_vector": dropped, "words_without_vector": 0},
            ),
        )  # fmt: skip
    for method in ("kmeans", "agglomerative", "dbscan"):
        write_clusters(method, names)
    agreement = {
        "method": ["kmeans", "agglomerative", "dbscan"] * 2,
        "embedding": ["cbow"] * 3 + ["glove"] * 3,
        "silhouette": 0.5, "adjusted_rand": 0.3,
        "validation": [0.1, 0.2, 0.0, 0.3, 0.5, 0.0], "test": [0.1, 0.2, 0.0, 0.3, 0.4, 0.0],
        "low": 0.3, "high": 0.5, "behind_low": [0.1, 0.1, 0.3, -0.1, 0.0, 0.3],
    }  # fmt: skip
    write_table(folder / "compare_clusters/agreement.parquet", contracts.AGREEMENT, agreement)
    write_metrics(
        METRICS / "compare_clusters.json",
        CompareClustersMetrics(
            candidates=6, documents={"test": 12}, labels=2, unscored=None,
            best=CandidateMetrics(method="agglomerative", embedding="glove"),
            silhouette=0.5, adjusted_rand=0.3, validation=0.5, test=0.4, test_interval=(0.3, 0.5),
            no_worse=[CandidateMetrics(method="kmeans", embedding="glove")],
        ),
    )  # fmt: skip
    explained = {"component": [1, 2, 3], "share": [0.3, 0.1, 0.1]}
    steps = ["circle", "rotated", "stretched", "rotated back"]
    circle = {
        "step": [step for step in steps for _ in range(12)],
        "point": [HOSTILE, *names[1:]] * 4,
        "x": np.cos(angle).tolist() * 4,
        "y": np.sin(angle).tolist() * 4,
    }
    project = folder / "project/documents"
    write_table(project / "explained_variance.parquet", contracts.EXPLAINED_VARIANCE, explained)
    write_table(project / "circle_steps.parquet", contracts.CIRCLE_STEPS, circle)
    kept = {
        method: KeptMetrics(
            trustworthiness=value,
            trustworthiness_interval=(value - 0.01, value + 0.01),
            continuity=value,
            continuity_interval=(value - 0.01, value + 0.01),
            behind_best_interval=(0.9 - value - 0.01, 0.9 - value + 0.01),
        )
        for method, value in (("pca", 0.7), ("tsne", 0.9), ("random", 0.5))
    }
    write_metrics(
        METRICS / "project/documents.json",
        ProjectMetrics(
            points=12, dropped={"not_sampled": 3}, lowered={"tsne": {"perplexity": 3.5}},
            pca_explained_variance=0.4, scored_points=12, neighbours=5, kept=kept,
            circle=CircleMetrics(
                dimensions=(1, 2), angle_degrees=30.0, singular_values=(3.0, 1.5)
            ),
        ),
    )  # fmt: skip
    write_trace(folder / "trace_kmeans")
    write_learners(folder)
    write_rules(folder / "mine_rules/rules.parquet")


def write_clusters(method: str, names: list[str]) -> None:
    """Write three clusters and one document in none, for each of two embeddings."""
    from stages.clustering import contracts

    folder = DATA / "clustering/cluster" / method
    clusters = [n % 3 for n in range(11)] + [-1]
    both = ["cbow"] * 12 + ["glove"] * 12
    members = {"embedding": both, "point": names * 2, "cluster": clusters * 2}
    named = {
        "embedding": ["cbow"] * 3 + ["glove"] * 3, "cluster": [0, 1, 2] * 2, "size": [4, 4, 3] * 2,
        "central_words": [[HOSTILE], ["b", "c"], ["d"]] * 2, "distinctive_words": [["e"]] * 6,
        "central_points": [["doc1"]] * 6,
        "labels": [[{"label": HOSTILE, "count": 4}], [], [{"label": "b", "count": 1}]] * 2,
    }  # fmt: skip
    nodes = {
        "embedding": ["glove"] * 5, "node": [0, 1, 2, 3, 4], "parent": [None, 0, 0, 1, 1],
        "distance": [0.9, 0.5, 0.0, 0.0, 0.0], "size": [12, 8, 4, 5, 3],
        "central_words": [["all"], ["most"], [HOSTILE], ["some"], ["few"]],
    }  # fmt: skip
    ranks = {"embedding": ["glove"] * 3, "rank": [1, 2, 3], "distance": [0.1, 0.2, 0.6]}
    none = {key: [] for key in ("node", "parent", "distance", "size", "central_words", "rank")}
    is_tree, is_dense = method == "agglomerative", method == "dbscan"
    write_table(folder / "members.parquet", contracts.MEMBERS, members)
    write_table(folder / "clusters.parquet", contracts.CLUSTERS, named)
    write_table(
        folder / "dendrogram.parquet",
        contracts.DENDROGRAM,
        nodes if is_tree else {"embedding": [], **none},
    )
    write_table(
        folder / "neighbour_distances.parquet",
        contracts.NEIGHBOUR_DISTANCES,
        ranks if is_dense else {"embedding": [], **none},
    )
    score = ScoreMetrics(score=0.5, random=-0.125)
    own = ClustersMetrics(
        points=12, fitted_points=6 if is_tree else 12, clusters=1 if is_dense else 3, noise=1,
        silhouettes={}, eps=0.25 if is_dense else None,
        converged=False if method == "kmeans" else None,
        stability=0.75 if method == "kmeans" else None, silhouette=None if is_dense else score,
        davies_bouldin=score, calinski_harabasz=ScoreMetrics(score=1234.5, random=1.0),
        labelled_points=8, adjusted_rand=score, normalized_mutual_info=score, purity=score,
    )  # fmt: skip
    write_metrics(
        METRICS / f"cluster/{method}.json",
        ClusterMetrics(
            kind=method, points="documents", distance="cosine" if is_tree else None,
            embeddings={"cbow": own, "glove": own},
        ),
    )  # fmt: skip


def write_learners(folder: Path) -> None:
    """Write two classifiers, of which the neighbours are better, and linear regression."""
    from stages.clustering import contracts

    for name, accuracy in (("nearest_neighbours", 0.75), ("decision_tree", 0.5)):
        is_tree = name == "decision_tree"
        choices = {
            "candidate": [0, 1], "parameter": "max_leaves" if is_tree else "k", "value": [1, 5],
            "validation_accuracy": [0.5, 0.75],
        }  # fmt: skip
        nodes = {
            "node": [0, 1, 2], "parent": [None, 0, 0], "contains": [None, False, True],
            "word": [HOSTILE, None, None], "threshold": [0.25, None, None],
            "documents": [9, 6, 3], "label": ["a", "a", HOSTILE], "share": [0.5, 0.75, 1.0],
        }  # fmt: skip
        none = {name: [] for name in contracts.TREE.schema.names}
        tables = folder / "train_learner" / name
        write_table(tables / "choices.parquet", contracts.CHOICES, choices)
        write_table(tables / "tree.parquet", contracts.TREE, nodes if is_tree else none)
        write_metrics(
            METRICS / f"train_learner/{name}.json",
            TrainLearnerMetrics(
                kind=name, documents={"train": 25, "validation": 8, "test": 8}, labels=2,
                unseen=1, majority="a",
                learner=LearnerMetrics(
                    accuracy=accuracy, accuracy_interval=(accuracy - 0.2, accuracy + 0.2),
                    macro_f1=accuracy, chosen={"max_leaves" if is_tree else "k": 5},
                    validation_accuracy=0.75, converged=not is_tree,
                    fitted_documents=20 if is_tree else 25,
                    cost=CostMetrics(iterations=0, numbers=50, operations=1234),
                ),
            ),
        )  # fmt: skip
    compared = {
        "learner": ["nearest_neighbours", "decision_tree"], "validation": 0.75,
        "accuracy": [0.75, 0.5], "behind": [0.0, 0.25], "behind_low": [0.0, -0.1],
        "behind_high": [0.0, 0.5], "p_value": [1.0, 0.25], "above_majority_low": [0.1, -0.1],
    }  # fmt: skip
    write_table(
        folder / "compare_learners/learners.parquet", contracts.LEARNER_COMPARISON, compared
    )
    write_metrics(
        METRICS / "compare_learners.json",
        CompareLearnersMetrics(
            best="nearest_neighbours",
            no_worse=["decision_tree"],
            not_above_majority=["decision_tree"],
            majority=AccuracyMetrics(accuracy=0.5, accuracy_interval=(0.4, 0.6), macro_f1=0.6),
        ),
    )
    regions = {
        "learner": ["nearest_neighbours"] * 4 + ["decision_tree"] * 4, "x": [0.0, 1.0] * 4,
        "y": [0.0, 0.0, 1.0, 1.0] * 2, "label": ["a", HOSTILE, "a", "a"] * 2,
    }  # fmt: skip
    plane = {"point": [HOSTILE, "doc1"], "x": [0.0, 1.0], "y": 0.5, "label": ["a", HOSTILE]}
    write_table(folder / "draw_regions/regions.parquet", contracts.REGIONS, regions)
    write_table(folder / "draw_regions/plane.parquet", contracts.PLANE, plane)
    write_metrics(
        METRICS / "draw_regions.json",
        DrawRegionsMetrics(
            labels=["a", HOSTILE], explained_variance=0.5, accuracy={"decision_tree": 0.75},
            majority=0.5,
        ),
    )  # fmt: skip
    write_metrics(
        METRICS / "predict_number.json",
        PredictNumberMetrics(
            target="tokens", documents={"train": 25, "test": 8}, dimensions=2,
            scores=NumberScores(
                r2=0.25, r2_interval=(0.1, 0.4), mean_absolute_error=2.0,
                mean_absolute_error_of_mean=3.0,
            ),
        ),
    )  # fmt: skip


def write_trace(folder: Path) -> None:
    """Write two steps of k-means with two points and two clusters."""
    from stages.clustering import contracts

    tables = {
        "steps": {"step": [1, 1, 2, 2], "phase": ["expectation", "maximization"] * 2,
                  "objective": [4.0, 3.0, 2.0, 1.0]},
        "step_points": {"step": [1, 1, 2, 2], "point": [HOSTILE, "b"] * 2,
                        "cluster": [0, 0, 0, 1], "x": [0.0, 1.0] * 2, "y": [1.0, 0.0] * 2},
        "step_centres": {"step": [0, 0, 1, 1, 2, 2], "cluster": [0, 1] * 3,
                         "x": [0.0, 1.0] * 3, "y": [1.0, 2.0] * 3},
    }  # fmt: skip
    for name, columns in tables.items():
        write_table(
            folder / f"{name}.parquet", getattr(contracts, f"KMEANS_{name.upper()}"), columns
        )
    starts = StartMetrics(
        runs=10, lowest=1.0, median=1.5, highest=2.0, reached_lowest=4, mean_steps=3.5
    )
    write_metrics(
        METRICS / "trace_kmeans.json",
        TraceKmeansMetrics(
            points=2, clusters=2, steps=2, first_objective=4.0, last_objective=1.0, random=starts,
            plus_plus=starts, random_above_plus_plus=0.05,
            random_above_plus_plus_interval=(-0.1, 0.2),
        ),
    )  # fmt: skip


def write_rules(path: Path) -> None:
    """Write a rule that is more than chance, its reverse, and one that is not."""
    from stages.clustering import contracts

    n = 3
    columns = {
        "antecedent": [[HOSTILE], ["b"], ["c"]], "consequent": [["b"], [HOSTILE], ["d", "e"]],
        "count": [4] * n, "support": [0.1] * n, "confidence": [0.8, 1.0, 0.5],
        "confidence_low": [0.3] * n, "confidence_high": [1.0] * n, "lift": [8.0, 8.0, 1.1],
        "leverage": [0.0875] * n, "q_value": [0.01, 0.01, 0.3],
        "test_antecedent_count": [3, 0, 1], "test_count": [2, 0, 1],
    }  # fmt: skip
    write_table(path, contracts.RULES, columns)
    write_metrics(
        METRICS / "mine_rules.json",
        MineRulesMetrics(
            basket="sentence", algorithm="eclat", min_support=0.05, min_confidence=0.3,
            baskets=40, empty_baskets=2, test_baskets=9, min_count=2, words=5,
            itemsets={"1": 5, "2": 1, "3": 1}, rules=3, significant=2, tested=1, held=1,
        ),
    )  # fmt: skip


def write_music() -> None:
    """Write what the page of the music room is made from: two seconds of a tone."""
    from stages.music import contracts

    folder = DATA / "music"
    written = {
        "part": [1, 2], "onset_beats": [0.0, 1.0], "duration_beats": 1.0, "pitch_midi": [72, 48],
    }  # fmt: skip
    for name in ("composition", "harmonization"):
        write_table(folder / f"{name}.parquet", contracts.COMPOSITION, written)
        with wave.open(str(folder / f"{name}.wav"), "wb") as wav:
            wav.setparams((1, 2, 8000, 0, "NONE", ""))
            wav.writeframes((np.sin(np.arange(16_000) * 0.3) * 9000).astype("<i2").tobytes())
        (folder / f"{name}.mid").write_bytes(b"MThd")
    shape = json.dumps({"grid": {"beats_per_bar": 1.5}})
    save_file({}, folder / "composer.safetensors", {"shape": shape})
    write_table(folder / "progress.parquet", contracts.PROGRESS, {"percent": [1, 100], **written})
    write_table(
        folder / "notes.parquet",
        contracts.NOTES,
        {
            "piece_id": ["a", "a", "b"], "split": ["test", "test", "train"], "track": 1,
            "part": [1, 2, 1], "channel": 0, "program": 0, "is_drum": False,
            "onset_beats": [0.0, 1.0, 0.0], "duration_beats": 1.0,
            "onset_seconds": [0.0, 0.5, 0.0], "duration_seconds": 0.5,
            "pitch_midi": [72, 48, 60], "velocity": 80,
        },
    )  # fmt: skip
    write_table(
        folder / "pieces.parquet",
        contracts.PIECES,
        {
            "piece_id": ["a", "b"], "split": ["test", "train"], "title": ["Hymn", "Air"],
            "source": ["a.mid", "b.mid"], "licence": "CC0", "tonic_pitch_class": [0, 9],
            "mode": ["major", "minor"], "metre": ["3/8", "3/4"], "metre_changes": False,
            "beats_per_bar": [1.5, 3.0], "pickup_beats": [0.5, 0.0], "tempo_bpm": 120.0,
            "length_beats": [2.0, 1.0], "length_seconds": [1.0, 0.5], "parts": [2, 1],
            "repairs": "",
        },
    )  # fmt: skip
    nearer = {"markov_parts": "composer", "markov_chords": "tie", "random": "composer"}
    row = {
        "real": 0.9, "composer": 0.8, "markov_parts": 0.6, "markov_chords": 0.7, "random": 0.5,
        "composer_interval": (0.7, 0.85), "nearer": nearer,
    }  # fmt: skip
    seen = {"bars_seen": 0.01, "passages_seen": 0.0, "longest_run": 7, "distinct_bars": 1.0}
    kinds = ("real", "composer", "markov_parts", "markov_chords", "random")
    write_metrics(
        METRICS / "score_composer.json",
        ScoreComposerMetrics(
            passages=dict.fromkeys(kinds, 6),
            bars=4,
            pieces=5,
            piece_bars=16,
            scores={
                "consonance": row,
                "parallels": row | {"nearer": nearer | {"random": "baseline"}},
            },
            overlap={"consonance": row},
            divergence={"consonance": row},
            novelty=dict.fromkeys(kinds, seen),
            harmonized={
                "consonance": {"composer": 0.8, "harmonized": 0.79},
                "crossings": {"composer": 0.01, "harmonized": 0.02},
            },
            melodies_returned=1.0,
        ),
    )
    write_metrics(
        METRICS / "collect_notes.json",
        CollectNotesMetrics(
            collection={
                "name": "mine", "title": "My music", "licence": "CC0",
                "homepage": "https://example.org/" + "long" * 30,
            },
            files=3,
            pieces={"total": 2, "train": 1, "validation": 0, "test": 1},
            notes=3,
            dropped={"duplicate": 1},
            refused={"not_midi": 1},
            repaired={"zero_tempo": {"files": 1, "cases": 2}},
            left_out={".txt": 4},
            examples=["a.mid: <not MIDI>"],
        ),
    )  # fmt: skip
    curve = {
        "round": [1, 2], "likelihood_loss": [2.0, 1.0], "validation_loss": [2.0, 1.5],
        "overlap": [0.5, 0.75], "generator_loss": [np.nan, 0.7], "critic_loss": [np.nan, 1.3],
        "critic_distance": [np.nan, 0.1],
    }  # fmt: skip
    write_curve(CURVES / "train_composer.csv", curve)


def write_player() -> None:
    """Write what the page of the player is made from: short tones."""
    from stages.music import contracts
    from stages.music.player import flac

    folder = DATA / "music"
    tone = np.sin(np.arange(8000) * 0.2) / 2
    for name in ("performance", "reference", "real_performance", "real_reference"):
        with wave.open(str(folder / f"{name}.wav"), "wb") as wav:
            wav.setparams((2, 2, 32000, 0, "NONE", ""))
            wav.writeframes(np.repeat(np.rint(tone * 9000), 2).astype("<i2").tobytes())
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "spectrograms.png")
    sound = flac.encode(tone)
    for name in ("harmonic", "spectrogram"):
        heard = folder / f"train_player/{name}/heard.parquet"
        heard.parent.mkdir(parents=True, exist_ok=True)
        write_table(heard, contracts.HEARD, {"percent": [1, 100], "flac": sound})
        write_curve(
            CURVES / f"train_player/{name}.csv",
            {
                "round": [1, 2], "generator_loss": [0.5, 0.4], "critic_loss": [2.0, 1.5],
                "critic_distance": [0.1, 0.6], "validation_distance": [5.0, 0.4],
            },
        )  # fmt: skip
    write_table(
        folder / "timbres.parquet",
        contracts.TIMBRES,
        {
            "timbre": ["Flute", HOSTILE], "is_new_timbre": [False, True], "error_db": [5.0, 8.0],
            "latent": [[0.0, 1.0], [1.0, 0.0]],
        },
    )  # fmt: skip
    write_table(
        folder / "gallery.parquet",
        contracts.GALLERY,
        {
            "group": ["timbre", "timbre", "walk", "walk", "player", "nearest"],
            "name": ["Flute", HOSTILE, "1", "2", "generated", "Flute 60 64"],
            "x": [0.0, 2.0, 0.0, 0.0, 0.0, 0.0], "y": [1.0, 3.0, 0.0, 0.0, 0.0, 0.0], "flac": sound,
        },
    )  # fmt: skip
    quality = {
        "notes": 30, "different_bins": 1, "spectral_distance": 500.0,
        "spectral_interval": (450.0, 550.0), "frechet_distance": 1.0,
        "frechet_interval": (0.9, 1.1), "inception_score": 6.0, "pitch_accuracy": 0.99,
        "pitch_interval": (0.98, 0.995), "pitch_entropy": 2.0, "diversity": 5.0,
    }  # fmt: skip
    qualities = dict.fromkeys(("player", "real"), quality)
    for kind, distance in {
        "resynthesis": 400.0, "neighbour": 380.0, "mean": 9000.0, "spectrogram": 8000.0,
        "spectrogram_resynthesis": 1000.0,
    }.items():  # fmt: skip
        interval = (0.9 * distance, 1.1 * distance)
        qualities[kind] = quality | {"spectral_distance": distance, "spectral_interval": interval}
    qualities["mean"] |= {"frechet_distance": 9.0, "frechet_interval": (8.0, 10.0)}
    write_metrics(
        METRICS / "score_player.json",
        ScorePlayerMetrics(
            qualities=qualities,
            classifier_accuracy=0.9,
            range_accuracy={"harmonic": 0.99, "real": 0.98, "spectrogram": 0.5},
            lowest_pitch=24,
            highest_pitch=83,
            timbres=24,
            timbres_made=23,
            nearest=[{"pitch_midi": 60, "nearest": "Flute 60 64", "distance_db": 5.0}],
            nearest_distance_db=6.0,
            real_distance_db=7.0,
            known_error_db=5.0,
            new_error_db=8.0,
            walk=("Flute", HOSTILE),
            glide_jump=0.05,
        ),
    )
    piece = {
        "name": HOSTILE, "notes": 4, "drum_notes": 1, "seconds": 2.0, "loudness_lufs": -20.0,
        "true_peak_dbfs": -3.0,
    }  # fmt: skip
    write_metrics(
        METRICS / "perform.json",
        PerformMetrics(
            timbres=["Flute", HOSTILE, "Oboe"],
            arrangement="glide",
            drums="soundfont",
            performance=piece,
            real_performance=piece | {"drum_notes": 0},
        ),
    )
    write_metrics(
        METRICS / "collect_sounds.json",
        CollectSoundsMetrics(
            source="mine.sf2",
            sounds={"total": 4, "train": 2, "validation": 1, "test": 1},
            timbres=["Flute", HOSTILE],
            new_timbres=["Organ"],
            octaves={"Organ": -1},
            dropped={"silent": 1},
            examples=["mine.sf2 program 1: it is silent"],
        ),
    )
