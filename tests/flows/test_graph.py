"""The graph that flows read from DVC."""

import re
from pathlib import Path

import pytest
import yaml
from dvc.exceptions import DvcException

from flows.graph import Graph

from .conftest import dvc

TEXT = ["collect", "train@cbow", "train@skipgram"]
MUSIC = ["compose", "score"]


def test_stages_and_edges_are_those_of_dvc(toy):
    toy.edit("dvc.yaml", "  score:\n", "  score:\n    meta: {threads: 2, timeout_minutes: 5}\n")
    stages = Graph().stages
    assert sorted(stages) == sorted([*TEXT, *MUSIC, "render"])
    assert set(stages["render"].needs) == {"train@cbow", "train@skipgram", "score"}
    assert (stages["score"].threads, stages["score"].timeout_minutes) == (2, 5)
    assert (stages["collect"].threads, stages["collect"].retries) == (1, 0)


def test_an_unknown_key_in_meta_is_an_error(toy):
    toy.edit("dvc.yaml", "  score:\n", "  score:\n    meta: {retry: 2}\n")
    with pytest.raises(ValueError, match="'score': meta contains retry; the known"):
        Graph()


def test_a_missing_repository_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DvcException, match="not inside of a DVC repository"):
        Graph()


@pytest.mark.parametrize(
    ("flow", "expected"),
    [("text", TEXT), ("music", MUSIC), ("everything", [*TEXT, *MUSIC, "render"])],
)
def test_a_first_run_leaves_out_a_report_that_needs_another_flow(toy, flow, expected):
    assert sorted(Graph().select(flow)) == sorted(expected)


@pytest.mark.parametrize(("flow", "rooms"), [("text", TEXT), ("music", MUSIC)])
def test_a_flow_renders_the_report_once_the_other_flow_has_run(done, flow, rooms):
    assert sorted(Graph().select(flow)) == sorted([*rooms, "render"])


def test_a_file_that_its_stage_did_not_write_does_not_count_as_its_output(done):
    Path("data/scores").write_text("by hand")
    assert sorted(Graph().select("text")) == sorted(TEXT)


@pytest.mark.parametrize(("flow", "rooms"), [("text", TEXT), ("music", MUSIC)])
def test_a_first_run_ends_with_the_overview(toy, flow, rooms):
    overview = """
  render_index:
    cmd: python -m stages report.render_index reports reports/overview.html
    deps: [reports/index.html]
    outs: [reports/overview.html]
"""
    with Path("dvc.yaml").open("a", encoding="utf-8") as file:
        file.write(overview)
    assert sorted(Graph().select(flow)) == sorted([*rooms, "render_index"])


def test_a_frozen_stage_waits_for_nothing(toy):
    toy.edit("dvc.yaml", "  score:\n", "  score:\n    frozen: true\n")
    assert Graph().stages["score"].needs == ()


def test_changed_sees_params_outputs_inputs_and_commands(done):
    graph = Graph()
    assert graph.changed(graph.stages) == []
    done.edit("params.yaml", "cbow: 1", "cbow: 2")
    Path("data/music").write_text("other")
    Path("reports/index.html").unlink()
    done.edit("dvc.yaml", "text.collect", "text.gather")
    graph = Graph()
    assert set(graph.stages) - set(graph.changed(graph.stages)) == {"train@skipgram"}


def test_a_tidy_lock_has_the_stages_and_the_order_of_dvc_yaml(done):
    lock = Path("dvc.lock")
    before = lock.read_text()
    head, *entries = re.split(r"^(?=  \S)", before, flags=re.MULTILINE)
    removed = "  train@glove:\n    cmd: python -m stages embedding.train data/documents\n"
    lock.write_text("".join([head, removed, *reversed(entries)]))
    graph = Graph()
    assert graph.changed(graph.stages) == []
    graph.tidy_locks()
    names = re.findall(r"^  (\S+):$", lock.read_text(), flags=re.MULTILINE)
    assert names == ["collect", "train@cbow", "train@skipgram", "compose", "score", "render"]
    assert yaml.safe_load(lock.read_text()) == yaml.safe_load(before)
    graph = Graph()
    assert graph.changed(graph.stages) == []
    tidy = lock.read_bytes()
    dvc(done.folder, "repro", "-q", "--force")
    assert lock.read_bytes() == tidy


def test_the_outputs_of_a_removed_variant_are_removed(done):
    done.edit("dvc.yaml", "foreach: [cbow, skipgram]", "foreach: [skipgram]")
    assert Path("data/cbow").exists()
    Graph().tidy_locks()
    assert not Path("data/cbow").exists()
    assert Path("data/skipgram").exists()


def test_a_tidy_lock_is_not_rewritten_and_a_missing_one_not_created(toy):
    Graph().tidy_locks()
    assert not Path("dvc.lock").exists()
    dvc(toy.folder, "repro", "-q")
    Graph().tidy_locks()
    written = Path("dvc.lock").stat()
    Graph().tidy_locks()
    assert Path("dvc.lock").stat() == written


def test_tidying_does_not_add_a_stage_that_has_not_run(done):
    done.edit("dvc.yaml", "  score:\n", "  again:\n    cmd: touch a\n    outs: [a]\n  score:\n")
    before = yaml.safe_load(Path("dvc.lock").read_text())
    Graph().tidy_locks()
    assert yaml.safe_load(Path("dvc.lock").read_text()) == before


def test_a_corpus_added_to_dvc_is_a_stage(done):
    Path("data/raw").mkdir()
    Path("data/raw/mine").write_text("text")
    dvc(done.folder, "add", "-q", "data/raw/mine")
    done.edit("dvc.yaml", "    params: [text.corpus]", "    deps: [data/raw]")
    graph = Graph()
    assert graph.select("text")["collect"].needs == ("data/raw/mine.dvc",)
    assert graph.changed(["data/raw/mine.dvc"]) == []
    Path("data/raw/mine").write_text("other")
    assert graph.changed(["data/raw/mine.dvc"]) == ["data/raw/mine.dvc"]
