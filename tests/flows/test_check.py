"""Mistakes that are reported before the first stage runs."""

import pytest
from tiny import ROOT, copy_project

from flows import check


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("check"))


@pytest.fixture
def params(project, monkeypatch):
    """A function that replaces a text in params.yaml for one test."""
    monkeypatch.chdir(project)
    file = project / "params.yaml"
    original = (ROOT / "params.yaml").read_text(encoding="utf-8")

    def change(old: str, new: str) -> None:
        assert old in original
        file.write_text(original.replace(old, new, 1), encoding="utf-8")

    yield change
    file.write_text(original, encoding="utf-8")


def test_the_projects_own_names_pass(params):
    assert check.check_names() == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "\ncorpus: ",
            "\ncorpsu: ",
            "params.yaml: no stage reads 'corpsu' (did you mean 'corpus'?)",
        ),
        (
            "\n  tokenize:\n",
            "\n  tokenise:\n",
            "params.yaml: no stage reads 'text.tokenise' (did you mean 'text.tokenize'?)",
        ),
        ("\nmusic:\n", "\nmusik:\n", "params.yaml: no stage reads 'musik' (did you mean 'music'?)"),
        ("\nmusic:\n", "\nextra: 1\nmusic:\n", "params.yaml: no stage reads 'extra'"),
        (
            "cells: [rnn, lstm, lstm_peephole, gru]",
            "cells: []",
            "params.yaml: 'sequence.cells' has to name at least one variant, each once",
        ),
        (
            "cells: [rnn, lstm, lstm_peephole, gru]",
            "cells: [gru, gru]",
            "params.yaml: 'sequence.cells' has to name at least one variant, each once",
        ),
    ],
)
def test_a_name_that_no_stage_reads_is_reported_with_the_closest_one(params, old, new, message):
    params(old, new)
    assert check.check_names() == [message]


def test_params_that_are_not_yaml_are_reported(params):
    params("\ncorpus: ", "\ncorpus: [")
    (message,) = check.check_names()
    assert message.startswith("params.yaml is not YAML: ")


def test_mistakes_in_any_section_or_file_are_reported_together(params, project):
    params("min_count: ", "min_cuont: ")
    commands = [
        "python -m stages text.tokenize --params text.tokenize --workers tokenise"
        " --corpus conf/corpus/embeded.yaml --korean-words conf/korean_words.tsv"
        " --documents d.parquet --tokens t.parquet --vocabulary v.parquet --metrics m.json"
        " --validation c.json",
        "python -m stages clustering.project --params clustering.project --points gone.parquet"
        " --projection p.parquet --explained-variance e.parquet --circle-steps s.parquet"
        " --metrics m.json --validation c.json",
    ]
    assert check.check_commands(commands) == [
        "params.yaml: section 'text.tokenize': parameter 'min_count' is missing; "
        "unknown parameter 'min_cuont' (did you mean 'min_count'?)",
        "conf/execution.yaml: workers.tokenise is missing (did you mean 'tokenize'?)",
        "conf/corpus/embeded.yaml does not exist (did you mean 'embedded'?)",
        "--documents: d.parquet does not exist",
        "--points: gone.parquet does not exist",
    ]


@pytest.mark.parametrize(("key", "better"), [("glove.6B", "glove_6B"), ("glo ve", "glo_ve")])
def test_a_key_that_cannot_be_part_of_a_path_is_named(params, key, better):
    params("\n    glove:\n", f"\n    '{key}':\n")
    command = f"python -m stages embedding.train_embedding --params embedding.train_embedding.{key}"
    (sentence,) = check.check_commands([command])
    assert f"the key '{key}' in 'embedding.train_embedding' has characters" in sentence
    assert better in sentence


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tokenize:", "tokenise:", "no stage reads 'workers.tokenise' (did you mean"),
        ("  collect: 1\n", "", "conf/execution.yaml lacks 'workers.collect'"),
        ("workers:", "workers: [", "conf/execution.yaml is not YAML: "),
    ],
)
def test_a_mistake_in_the_numbers_of_workers_is_reported(project, monkeypatch, old, new, message):
    monkeypatch.chdir(project)
    file = project / "conf/execution.yaml"
    original = (ROOT / "conf/execution.yaml").read_text(encoding="utf-8")
    assert old in original
    file.write_text(original.replace(old, new), encoding="utf-8")
    try:
        (sentence,) = check.check_names()
    finally:
        file.write_text(original, encoding="utf-8")
    assert message in sentence


def test_another_folder_is_reported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (sentence,) = check.check_names()
    assert sentence == f"dvc.yaml is not in {tmp_path}: run from the project's root"


def test_what_is_not_a_stage_of_the_project_is_not_checked(params):
    assert check.check_commands(["", "echo hello"]) == []
