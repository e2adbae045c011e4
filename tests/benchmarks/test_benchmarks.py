"""Every benchmark runs at its smallest size: to its end, with the figures that README quotes."""

import csv
import functools
import gzip
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import Executor, Future
from pathlib import Path

import kiwipiepy
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro
from gensim.test.utils import datapath
from midi_files import midi_file, note
from threadpoolctl import threadpool_limits
from tiny import ROOT, TINY, copy_project, set_params

from benchmarks import chorales, clustering, embedding, music, pipeline, project, sequence, text
from benchmarks.project import Cost, measure
from stages.core import parallel
from stages.core.command import run
from stages.core.contracts import Contract
from stages.music.player.curves import VALUES
from stages.music.player.networks import Generator, Shape, save_player

SMALL = {name: value for name, value in TINY.items() if name != "corpus"} | {
    "text.tokenize.min_count": 1,
    "sequence.solve_adding_problem.gaps": [3],
    "sequence.classify_documents.epochs": 1,
}


def in_process(folder: Path, *arguments: str) -> Cost:
    """Do what `measure` does without starting Python and importing everything once more.

    What `dvc repro` or the flow would run is run, stage after stage, and `dvc.lock` stays.
    """
    start, before, argv = time.perf_counter(), os.getcwd(), sys.argv
    os.chdir(folder)
    try:
        match arguments:
            case "-m", "stages", *words:
                assert run(words) == 0
            case ("-m", "dvc", "repro", *options) | ("-m", "flows", "everything", *options):
                names = [word for word in options if not word.startswith("-")]
                with Repo(".") as repo:
                    targets = [stage for name in names for stage in repo.stage.collect(name)]
                    plan = plan_repro(repo.index.graph, targets or None)
                for stage in targets if "--single-item" in options else plan:
                    in_process(folder, *shlex.split(stage.cmd)[1:])
            case "-c", code, *words:
                sys.argv = ["-c", *words]
                exec(compile(code, "-c", "exec"), {"__name__": "__main__"})
            case script, *words:
                sys.argv = [script, *words]
                runpy.run_path(str(folder / script), run_name="__main__")
    finally:
        os.chdir(before)
        sys.argv = argv
    seconds = time.perf_counter() - start
    return Cost(seconds, seconds, 1.0)


class Here(Executor):
    """An executor that works in this process at once."""

    def __init__(self, *_, **__):
        super().__init__()

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future


def write_reviews(folder: Path) -> None:
    """Write files of the same forms as those in ../shared/data, small ones."""
    lines = Path(datapath("lee_background.cor")).read_text(encoding="utf-8").splitlines()
    with (folder / "imdb_sample.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["split", "text", "label"])
        for n, line in enumerate(lines[:40]):
            writer.writerow([["train", "train", "test"][n % 3], line, n % 2])
    films = [
        f"{n}\t이 영화 {'정말 좋다' if n % 2 else '너무 지루하다'} {n}번 봤다\t{n % 2}"
        for n in range(60)
    ]
    table = "\n".join(["id\tdocument\tlabel", *films])
    (folder / "nsmc_sample.tsv").write_text(table, encoding="utf-8")
    draw = np.random.default_rng(1)
    (folder / "mnist_t10k").mkdir()
    for name, values in (
        ("images-idx3", draw.integers(0, 256, (200, 28, 28), dtype=np.uint8)),
        ("labels-idx1", draw.permutation(np.arange(200, dtype=np.uint8) % 10)),
    ):
        head = np.array([2048 + values.ndim, *values.shape], dtype=">i4").tobytes()
        packed = gzip.compress(head + values.tobytes())
        (folder / "mnist_t10k" / f"t10k-{name}-ubyte.gz").write_bytes(packed)


def commit(project: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["add", "-A"], ["commit", "-qm", "small"]):
        subprocess.run([*git, *command], cwd=project, check=True)


@pytest.fixture(scope="module", autouse=True)
def quick():
    """What takes seconds at every size is done once, or left to the tests of the stages.

    That is loading Kiwi, starting workers and importing Great Expectations. One thread is what
    `python -m stages` has: small arrays are not worth the threads of a busy machine.
    """
    with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
        patch.setattr(kiwipiepy, "Kiwi", functools.cache(kiwipiepy.Kiwi))
        patch.setattr(parallel, "ProcessPoolExecutor", Here)
        patch.setattr(Contract, "check", lambda self, path: {"success": True})
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A committed project with small parameters and what the benchmarks read of its last run."""
    place = tmp_path_factory.mktemp("place")
    (place / "shared/data").mkdir(parents=True)
    write_reviews(place / "shared/data")
    project = copy_project(place / "etude")
    set_params(project / "params.yaml", SMALL)
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    for model in params["embedding"]["train_embedding"].values():
        small = {"dimensions": 8, "epochs": 1, "buckets": 50}
        model.update({name: value for name, value in small.items() if name in model})
    params["corpus"] = "small"
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    corpus = {
        "title": "small", "licence": "-", "language": "english", "min_words": 1, "markup": "html",
        "sources": [{"path": "imdb_sample.csv", "label_column": "label", "split_column": "split"}],
    }  # fmt: skip
    (project / "conf/corpus/small.yaml").write_text(yaml.safe_dump(corpus))
    commit(project)
    shutil.copy(place / "shared/data/imdb_sample.csv", project / "data/raw")

    music = project / "conf/music/chorales.yaml"
    music.write_text(music.read_text().replace("[^/]+", "bwv2[567][^/]*"))
    in_process(project, "-m", "dvc", "repro", "train_embedding@skipgram")
    in_process(project, "-m", "dvc", "repro", "collect_notes")
    return place


@pytest.fixture
def benchmark(place, monkeypatch, capsys):
    """Run a benchmark's program on the small project; returns what it prints."""
    values = {
        "ROOT": place / "etude",
        "SHARED": place / "shared/data",
        "COSTS": place / "etude/reports/costs/embedding.csv",
        "measure": in_process,
    }
    for module in (text, embedding, sequence, clustering, pipeline, project):
        for name in values.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, values[name])
    monkeypatch.setattr(Contract, "check", Contract.check)  # which a benchmark replaces

    def go(module, *arguments):
        monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
        module.main()
        return capsys.readouterr().out

    return go


def test_measure_counts_a_program_and_stops_where_it_fails(tmp_path):
    cost = measure(tmp_path, "-c", "sum(range(3_000_000)); open('made', 'w')")
    assert (tmp_path / "made").exists()
    assert 0 < cost.cpu_s <= cost.wall_s * 4
    assert 5 < cost.peak_mib < 1000
    with pytest.raises(SystemExit, match=r"-c 1/0 failed:[\s\S]*ZeroDivisionError"):
        measure(tmp_path, "-c", "1/0")


def test_text(benchmark):
    printed = benchmark(text, "english", "--megabytes", "0.02")
    assert re.search(r"ratio, whole stages: +\d+\.\d\d", printed)
    printed = benchmark(text, "korean", "--copies", "1")
    assert printed.count("60 reviews, two threads") == 2
    printed = benchmark(text, "memory", "--megabytes", "0.02")
    assert re.findall(r"0 MB  (\w+)", printed) == ["collect", "tokenize"]
    printed = benchmark(text, "workers", "--megabytes", "0.02", "--rounds", "1")
    assert re.search(r"same bytes: +True", printed)


def test_embedding(benchmark, place):
    printed = benchmark(embedding, "gensim", "--megabytes", "0.03", "--epochs", "1")
    assert re.findall(r"^(\w+), 1 epochs", printed, re.M) == ["cbow", "skipgram", "fasttext"]
    assert printed.count("equal vectors: True") == 3
    printed = benchmark(embedding, "glove", "--megabytes", "0.03")
    assert printed.count("same bytes: True") == 2
    printed = benchmark(embedding, "sparse", "--words", "50", "--tokens", "2000")
    assert "50 words, 2,000 tokens, window 10" in printed
    models = ["onehot", "lsa", "cbow", "skipgram", "fasttext", "glove"]
    printed = benchmark(embedding, "memory", "--megabytes", "0.03")
    assert re.findall(r"^(\w+) +1 MiB", printed, re.M) == sorted(models)
    benchmark(embedding, "costs")
    with (place / "etude/reports/costs/embedding.csv").open() as file:
        assert {row["model"] for row in csv.DictReader(file)} == set(models)

    printed = benchmark(embedding, "corpora", "--corpora", "imdb_sample")
    assert re.search(r"^imdb_sample: \d+ s$", printed, re.M)
    assert re.search(r"^fasttext ", printed, re.M)


def test_clustering(benchmark):
    printed = benchmark(clustering, "tsne", "--megabytes", "0.03", "--words", "100")
    assert re.findall(r"^(\S+) +100 words", printed, re.M) == ["openTSNE", "scikit-learn"]
    assert re.search(r"openTSNE takes [\d.]+ of scikit-learn's time", printed)
    printed = benchmark(clustering, "rules", "--sentences", "200", "--min-support", "0.05")
    assert printed.startswith("200 sentences, ")
    assert printed.count("same as eclat's: True") == 4
    printed = benchmark(
        clustering, "kmeans", "--points", "200", "--dimensions", "5", "--clusters", "3"
    )
    assert re.search(r"^the stage takes [\d.]+ of scikit-learn's time", printed, re.M)
    printed = benchmark(clustering, "learners", "--corpora", "imdb_sample", "--cell", "rnn")
    assert re.search(r"^imdb_sample: \d+ s; best on validation \w+, tied with", printed, re.M)
    names = re.findall(r"^  (.+?) +accuracy 0\.\d{3} \(", printed, re.M)
    assert set(names) > {"rbf_svm", "decision_tree", "majority", "TF-IDF", "rnn"}


def test_sequence(benchmark):
    printed = benchmark(sequence, "peephole", "--rounds", "1")
    assert re.search(r"ratio +\d+\.\d\d", printed)
    for options in ([], ["--words", "30"]):
        printed = benchmark(
            sequence, "language_model", "--seconds", "0.2", "--rates", "0.004", *options
        )
        assert len(re.findall(r"validation perplexity +\d", printed)) == 2
    printed = benchmark(sequence, "adding_problem", "--gap", "4")
    assert re.findall(r"solve_adding_problem@(\w+) +gap 4", printed) == SMALL["sequence.cells"]
    printed = benchmark(sequence, "chords")
    assert re.findall(r"predict_chords@(\w+) +nats", printed) == SMALL["sequence.cells"]
    printed = benchmark(sequence, "stages", "--start", "solve_adding_problem@rnn")
    assert re.search(r"solve_adding_problem@rnn .* steps/s", printed)


def test_sequence_on_files_beside_the_project(benchmark):
    printed = benchmark(sequence, "digits", "--cells", "rnn")
    assert re.search(r"read_digits@rnn +accuracy 0\.\d+ .* of 40,", printed)
    printed = benchmark(sequence, "documents", "nsmc_sample.tsv", "--cells", "rnn")
    for model in ("majority", "tf_idf", "with_log_count_ratios", "without_log_count_ratios"):
        assert re.search(rf"^  {model} +accuracy [01]\.\d+ \(", printed, re.M)


def test_chorales(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmark", "--every", "200"])
    chorales.main()
    assert re.search(r"ratio: +\d", capsys.readouterr().out)


def test_music(monkeypatch, capsys, tmp_path):
    plain = midi_file(note())
    for folder in ("midi", "midi_wild"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "plain.mid").write_bytes(plain)
    (tmp_path / "midi_wild/cut.mid").write_bytes(plain[:10])
    sound = {"pitch_midi": 60, "velocity": 100, "start_s": 0, "end_s": 0.5}
    cases = [
        {"file": "plain.mid", "expected": {"notes": [sound]}},
        {"file": "plain.mid", "expected": {"notes": [sound, sound]}},
        {"file": "cut.mid", "expected": {"error": "cut"}},
        {"file": "plain.mid", "expected": {"error": "cut"}},
    ]
    (tmp_path / "midi_wild/cases.json").write_text(json.dumps(cases))
    monkeypatch.setattr(music, "SHARED", tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmark", "reading", "--rounds", "1"])
    music.main()
    printed = capsys.readouterr().out
    assert printed.startswith("1 files, 1 notes each; 4 files with faults")
    assert re.findall(
        r"^(\w+) .*; 2 of 4 faults as expected; refused by \d \w+", printed, re.M
    ) == [*("ours", "symusic", "mido", "pretty_midi")]


def test_pipeline_asks_only_for_stages_of_the_graph(benchmark, tmp_path, monkeypatch):
    project = copy_project(tmp_path / "etude")
    set_params(project / "params.yaml", {"corpus": "kiwi_manual"})  # the smallest
    graph = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))
    graph["stages"] = {"collect": graph["stages"]["collect"]}
    (project / "dvc.yaml").write_text(yaml.safe_dump(graph, width=1000), encoding="utf-8")
    locked = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))
    gone = {"cmd": "python -m stages sequence.is_gone --params sequence"}
    locked["stages"] = {"collect": locked["stages"]["collect"], "is_gone@lstm": gone}
    (project / "dvc.lock").write_text(yaml.safe_dump(locked), encoding="utf-8")
    commit(project)
    monkeypatch.setattr(pipeline, "ROOT", project)
    printed = benchmark(pipeline, "--dvc")
    assert "same dvc.lock: True" in printed
    assert re.findall(r"^HEAD +(.+?)  ", printed, re.M) == [
        *("cold, flow", "unchanged, flow", "unchanged, dvc repro", "one parameter, flow"),
        *("work of the stages", "all else", "cold, dvc repro"),
    ]


def test_performing(monkeypatch, capsys, tmp_path):
    torch.manual_seed(0)
    shape = Shape("harmonic", 4, 8, 3, (48, 72), (64, 112))
    player = tmp_path / "train_player/harmonic/player.safetensors"
    player.parent.mkdir(parents=True)
    save_player(Generator(shape, VALUES), player)
    latents = pd.DataFrame({"latent": list(np.eye(2, 4, dtype=np.float32))})
    latents.to_parquet(tmp_path / "timbres.parquet")
    (tmp_path / "composition.mid").write_bytes(midi_file(note(60) + note(64)))
    monkeypatch.setattr(music, "DATA", tmp_path)
    monkeypatch.setattr(sys, "argv", ["music", "performing", "--minutes", "0.05"])
    music.main()
    one, glide = capsys.readouterr().out.strip().splitlines()
    assert one.startswith("one timbre: 6 notes, 3 s of sound in")
    assert glide.startswith("a glide through all: 6 notes")
    assert all(line.endswith(" 0 NaN") for line in (one, glide))
