"""The graph says the truth about the code, and the whole of it runs."""

import gzip
import importlib
import re
import shlex
import subprocess
from pathlib import Path

import grimp
import pyarrow.parquet as pq
import pytest
import yaml
from dvc.repo import Repo
from dvc.stage import PipelineStage
from tiny import ROOT, copy_project, run, set_params

from stages.contracts import Contract


def stages(project: Path) -> list[PipelineStage]:
    with Repo(str(project)) as repo:
        return [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]


STAGES = stages(ROOT)
IMPORTS = grimp.build_graph("stages", cache_dir=None)

every_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.addressing)


def test_lock_has_no_stage_that_is_gone():
    locked = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    assert set(locked) <= {stage.name for stage in STAGES}


def words(stage: PipelineStage) -> list[str]:
    return shlex.split(stage.cmd)


def module_of(stage: PipelineStage) -> str:
    python, flag, package, name = words(stage)[:4]
    assert (python, flag, package) == ("python", "-m", "stages")
    return f"stages.{name}"


def dependencies(stage: PipelineStage) -> set[str]:
    return {dep.def_path for dep in stage.deps if not getattr(dep, "params", None)}


def declared_params(stage: PipelineStage) -> set[str]:
    return {name for dep in stage.deps for name in getattr(dep, "params", None) or ()}


def source(module: str) -> Path | None:
    """Return the file of a module relative to the root; None for an empty package."""
    path = Path(*module.split("."))
    file = path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
    return file if (ROOT / file).read_text(encoding="utf-8").strip() else None


def contracts(room: str) -> dict[str, Contract]:
    if not (ROOT / "stages" / room / "contracts.py").exists():
        return {}
    module = importlib.import_module(f"stages.{room}.contracts")
    return {c.name: c for c in vars(module).values() if isinstance(c, Contract)}


@every_stage
def test_paths_of_the_command_are_those_declared(stage):
    paths = {word for word in words(stage) if word.startswith(("conf/", "data/", "reports/"))}
    declared = dependencies(stage) | {out.def_path for out in stage.outs}
    assert paths == {path for path in declared if path.startswith(("conf/", "data/", "reports/"))}


@every_stage
def test_params_of_the_command_are_those_declared(stage):
    command = words(stage)
    given = {command[i + 1] for i, word in enumerate(command) if word.startswith("--")}
    assert given == declared_params(stage)


@every_stage
def test_imported_modules_are_dependencies(stage):
    module = module_of(stage)
    imported = {module, "stages.__main__"}
    imported |= IMPORTS.find_upstream_modules(module)
    imported |= IMPORTS.find_upstream_modules("stages.__main__")
    files = {file for file in map(source, imported) if file}
    code = {Path(path) for path in dependencies(stage) if path.startswith("stages/")}
    uncovered = {f for f in files if not any(f == dep or dep in f.parents for dep in code)}
    assert not uncovered
    unused = {dep for dep in code if not any(f == dep or dep in f.parents for f in files)}
    assert not unused


@every_stage
def test_tables_have_contracts(stage):
    room = module_of(stage).split(".")[1]
    tables = {Path(out.def_path).stem for out in stage.outs if out.def_path.endswith(".parquet")}
    assert tables <= contracts(room).keys()


@every_stage
def test_stage_tells_the_flows_what_it_needs(stage):
    assert stage.desc
    assert set(stage.meta) == {"threads", "retries", "timeout_minutes"}


def test_contracts_have_tables():
    written = {Path(out.def_path).stem for stage in STAGES for out in stage.outs}
    rooms = [path.name for path in (ROOT / "stages").iterdir() if (path / "__init__.py").exists()]
    assert {name for room in rooms for name in contracts(room)} <= written


def test_every_parameter_belongs_to_a_stage():
    declared = {name for stage in STAGES for name in declared_params(stage)}
    iterated = {"corpus", "sequence.cells"}  # dvc.yaml itself reads them

    def leaves(section, prefix=""):
        for key, value in section.items():
            name = f"{prefix}{key}"
            yield from leaves(value, f"{name}.") if isinstance(value, dict) else [name]

    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    orphans = [
        leaf
        for leaf in leaves(params)
        if leaf not in iterated and not any(f"{leaf}.".startswith(f"{d}.") for d in declared)
    ]
    assert not orphans


def test_everything_runs_through_the_flow(finished_project):
    outputs = [out.def_path for stage in stages(finished_project) for out in stage.outs]
    missing = [path for path in outputs if not (finished_project / path).exists()]
    assert not missing
    status = run(finished_project, "dvc", "status")
    assert "up to date" in status.stdout, status.stdout


def test_forced_run_by_dvc_gives_the_bytes_of_the_flow(finished_project):
    lock = (finished_project / "dvc.lock").read_bytes()
    done = run(finished_project, "dvc", "repro", "--force")
    assert done.returncode == 0, done.stdout
    assert (finished_project / "dvc.lock").read_bytes() == lock


def test_finished_tables_have_the_columns_of_their_contracts(finished_project):
    for stage in stages(finished_project):
        known = contracts(module_of(stage).split(".")[1])
        for out in stage.outs:
            path = finished_project / out.def_path
            if path.suffix == ".parquet":
                assert pq.read_schema(path).names == known[path.stem].schema.names


def test_one_value_changed_runs_only_its_dependents(finished_project):
    set_params(finished_project / "params.yaml", {"embedding.models.skipgram.window": 4})
    done = run(finished_project, "flows", "everything")
    assert done.returncode == 0, done.stdout
    outcome = dict(re.findall(r"^[\d:]+ +(\S+) +(cached|done in)", done.stdout, re.MULTILINE))
    assert set(outcome) == {stage.name for stage in stages(finished_project)}
    assert {name for name, how in outcome.items() if how != "cached"} == {
        "train_embedding@skipgram",
        "evaluate_embedding@skipgram",
        "compare_embeddings",
        "train_language_model@rnn",
        "train_language_model@lstm_peephole",
        "classify_documents@rnn",
        "classify_documents@lstm_peephole",
        "gather_points",
        "cluster@words",
        "cluster@documents",
        "project@words",
        "project@documents",
        "summarize",
        "render_report",
    }


def test_corpus_is_switched_by_one_choice_and_back_from_the_cache(finished_project):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], cwd=finished_project, check=True)
    vocabulary = finished_project / "data/text/vocabulary.parquet"
    before = vocabulary.read_bytes()
    korean = run(finished_project, "dvc", "exp", "run", "-S", "corpus=kiwi_manual", "describe")
    assert korean.returncode == 0, korean.stdout
    assert "형태소" in pq.read_table(vocabulary)["token"].to_pylist()
    back = run(finished_project, "dvc", "exp", "run", "-S", "corpus=tiny", "describe")
    assert back.returncode == 0, back.stdout
    for stage in ("collect", "tokenize", "describe"):
        assert f"Stage '{stage}' is cached - skipping run" in back.stdout
    assert vocabulary.read_bytes() == before


def test_a_broken_corpus_stops_the_pipeline_in_one_sentence(tmp_path):
    project = copy_project(tmp_path)
    (project / "data/raw/cut.csv.gz").write_bytes(gzip.compress(b"text\n" * 1000)[:-9])
    own = (project / "conf/corpus/own.yaml").read_text(encoding="utf-8")
    (project / "conf/corpus/cut.yaml").write_text(own.replace("my_corpus.txt", "cut.csv.gz"))
    set_params(project / "params.yaml", {"corpus": "cut"})
    done = run(project, "dvc", "repro", "collect")
    assert done.returncode != 0
    assert "text.collect: data/raw/cut.csv.gz is damaged or cut short" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (project / "data/text").exists() or not list((project / "data/text").iterdir())


def test_an_unknown_corpus_is_named(tmp_path):
    project = copy_project(tmp_path)
    set_params(project / "params.yaml", {"corpus": "nscm"})
    done = run(project, "dvc", "repro", "collect")
    assert done.returncode != 0
    assert "conf/corpus/nscm.yaml" in done.stdout
    assert "Traceback" not in done.stdout
