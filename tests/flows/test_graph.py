"""What flows read from DVC."""

from pathlib import Path

import pytest
from dvc.exceptions import DvcException

from flows.graph import Graph

TEXT = ["collect", "train@cbow", "train@skipgram"]
MUSIC = ["compose", "score"]


def test_stages_are_those_of_dvc_with_their_edges(toy):
    toy.edit("dvc.yaml", "  score:\n", "  score:\n    meta: {threads: 2, timeout_minutes: 5}\n")
    stages = Graph().stages
    assert sorted(stages) == sorted([*TEXT, *MUSIC, "render"])
    assert set(stages["render"].needs) == {"train@cbow", "train@skipgram", "score"}
    assert (stages["score"].threads, stages["score"].timeout_minutes) == (2, 5)
    assert (stages["collect"].threads, stages["collect"].retries) == (1, 0)


def test_meta_that_means_nothing_is_named(toy):
    toy.edit("dvc.yaml", "  score:\n", "  score:\n    meta: {retry: 2}\n")
    with pytest.raises(ValueError, match="'score': meta holds retry"):
        Graph()


def test_no_repository_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DvcException, match="not inside of a DVC repository"):
        Graph()


@pytest.mark.parametrize(
    ("flow", "own"), [("text", TEXT), ("music", MUSIC), ("everything", [*TEXT, *MUSIC, "render"])]
)
def test_a_fresh_branch_has_no_report_as_the_other_branch_is_missing(toy, flow, own):
    assert sorted(Graph().select(flow)) == sorted(own)


@pytest.mark.parametrize(("flow", "own"), [("text", TEXT), ("music", MUSIC)])
def test_a_branch_ends_in_the_report_where_the_other_branch_has_run(done, flow, own):
    assert sorted(Graph().select(flow)) == sorted([*own, "render"])


@pytest.mark.parametrize(("flow", "own"), [("text", TEXT), ("music", MUSIC)])
def test_a_fresh_branch_ends_in_an_overview_of_what_has_run(toy, flow, own):
    overview = """
  render_index:
    cmd: python -m stages report.render_index reports reports/overview.html
    deps: [reports/index.html]
    outs: [reports/overview.html]
"""
    with Path("dvc.yaml").open("a", encoding="utf-8") as file:
        file.write(overview)
    assert sorted(Graph().select(flow)) == sorted([*own, "render_index"])


def test_a_frozen_stage_waits_for_nothing(toy):
    toy.edit("dvc.yaml", "  score:\n", "  score:\n    frozen: true\n")
    assert Graph().stages["score"].needs == ()


def test_changed_sees_params_outputs_inputs_and_commands(done):
    graph = Graph()
    assert not any(map(graph.changed, graph.stages))
    done.edit("params.yaml", "cbow: 1", "cbow: 2")
    Path("data/music").write_text("other")
    Path("reports/index.html").unlink()
    done.edit("dvc.yaml", "text.collect", "text.gather")
    assert {name for name in graph.stages if not graph.changed(name)} == {"train@skipgram"}
