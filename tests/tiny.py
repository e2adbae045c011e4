"""A tiny project: the real code and graph on a small corpus with small parameters."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

TINY = {
    "corpus": "tiny",
    "text.tokenize.min_count": 2,
    "embedding.train_embedding.skipgram.dimensions": 8,
    "embedding.train_embedding.skipgram.epochs": 1,
    "embedding.train_embedding.glove.dimensions": 8,
    "embedding.train_embedding.glove.epochs": 2,
    "embedding.evaluate_embedding.words": ["australia", "government"],
    "embedding.evaluate_embedding.arithmetic": ["australia - government + people"],
    "embedding.evaluate_embedding.cloze_questions": 50,
    "embedding.evaluate_embedding.map_words": 40,
    "embedding.evaluate_embedding.bootstrap_samples": 50,
    "embedding.compare_embeddings.bootstrap_samples": 50,
    # A cell from torch and one of this project.
    "sequence.cells": ["rnn", "lstm_peephole"],
    "sequence.train_language_model.hidden_size": 8,
    "sequence.train_language_model.cutoffs": [50, 200],
    "sequence.read_digits.hidden_size": 8,
    "sequence.read_digits.epochs": 2,
    "sequence.predict_chords.hidden_size": 8,
    "sequence.predict_chords.epochs": 2,
    "sequence.classify_documents.hidden_size": 8,
    "sequence.classify_documents.epochs": 2,
    "sequence.solve_adding_problem.gaps": [5, 10],
    "sequence.solve_adding_problem.hidden_size": 8,
    "sequence.solve_adding_problem.batches_per_epoch": 10,
    "sequence.solve_adding_problem.epochs": 2,
    "sequence.solve_adding_problem.held_out": 100,
    "clustering.embed_documents.words": 200,
    "clustering.embed_documents.skip_words": 10,
    "clustering.embed_documents.sparse_dimensions": 20,
    "clustering.cluster.kmeans.clusters": [2, 4],
    "clustering.cluster.kmedians.clusters": 4,
    "clustering.cluster.agglomerative.clusters": [2, 4],
    "clustering.cluster.gaussian_mixture.clusters": 4,
    "clustering.cluster.hdbscan.min_cluster_size": 3,
    "clustering.cluster.kmeans_words.clusters": 4,
    "clustering.compare_clusters.bootstrap_samples": 50,
    "clustering.train_learner.random_forest.trees": 5,
    "clustering.compare_learners.bootstrap_samples": 50,
    "clustering.predict_number.bootstrap_samples": 50,
    "clustering.project.methods.tsne.perplexity": 5,
    "clustering.project.bootstrap_samples": 50,
    "clustering.trace_kmeans.points": 50,
    "clustering.trace_kmeans.bootstrap_samples": 50,
    "clustering.mine_rules.skip_words": 20,
    "clustering.mine_rules.min_support": 0.01,
    "music.train_composer.hidden_size": 16,
    "music.train_composer.rounds": 20,
    "music.train_composer.rounds_per_checkpoint": 10,
    "music.train_composer.critic_batch_size": 4,
    "music.train_composer.validation_passages": 10,
    "music.compose.samples": 20,
    "music.compose.pieces": 4,
    "music.compose.bars": 6,
    "music.compose.drafts": 2,
    "music.harmonize.drafts": 2,
    "music.score_composer.bootstrap_samples": 50,
    "music.collect_sounds.programs": [0, 40, 73],
    "music.collect_sounds.lowest_key": 48,
    "music.collect_sounds.highest_key": 71,
    "music.collect_sounds.velocities": [100],
    "music.collect_sounds.new_timbres": 1,
    "music.train_player.latent_size": 4,
    "music.train_player.hidden_size": 16,
    "music.train_player.components": 8,
    "music.train_player.batch_size": 8,
    "music.train_player.rounds": 20,
    "music.train_player.rounds_per_checkpoint": 10,
    "music.name_timbres.candidates": 16,
    "music.name_timbres.starts": 2,
    "music.name_timbres.steps": 5,
    "music.perform.timbres": ["Flute", "Acoustic Grand Piano"],
    "music.score_player.draws": 1,
    "music.score_player.bootstrap_samples": 20,
}


# One sparse, one predictive and one count-based model run through every stage; tests/embedding
# covers all kinds.
KEPT = {"embedding.train_embedding": ["onehot", "skipgram", "glove"]}


def keep_params(path: Path, kept: dict[str, list[str]]) -> None:
    """Remove all but some keys from sections of a params file."""
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, keys in kept.items():
        section = params
        for part in name.split("."):
            section = section[part]
        for key in set(section) - set(keys):
            del section[key]
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def set_params(path: Path, values: dict[str, Any]) -> None:
    """Set values in a params file by their dotted names."""
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, value in values.items():
        *sections, key = name.split(".")
        section = params
        for part in sections:
            section = section[part]
        assert key in section, name
        section[key] = value
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def run(project: Path, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a Python module in `project` as a person with an activated environment would."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )


def copy_project(target: Path) -> Path:
    """Copy the files that git tracks or would track into a new git repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(
            ("reports/metrics/", "reports/summary.")
        ):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    # The lock of the project does not apply to the results of the tiny one.
    (target / "dvc.lock").unlink(missing_ok=True)
    subprocess.run(["git", "init", "-q", target], check=True)
    return target


def make_tiny(target: Path) -> Path:
    """Make a tiny project that has not run, with a corpus of 60 news articles in three files."""
    from gensim.test.utils import datapath

    project = copy_project(target)
    articles = Path(datapath("lee_background.cor")).read_text(encoding="utf-8").splitlines()
    corpus = project / "data" / "raw" / "tiny"
    corpus.mkdir(parents=True)
    for week in range(3):
        text = "\n\n".join(articles[week * 20 : (week + 1) * 20])
        (corpus / f"week_{week}.txt").write_text(text, encoding="utf-8")
    declaration = yaml.safe_load((project / "conf/corpus/own.yaml").read_text(encoding="utf-8"))
    declaration["sources"] = [{"path": "tiny"}]
    (project / "conf/corpus/tiny.yaml").write_text(yaml.safe_dump(declaration), encoding="utf-8")
    keep_params(project / "params.yaml", KEPT)
    set_params(project / "params.yaml", TINY)
    return project
