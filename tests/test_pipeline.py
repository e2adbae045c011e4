"""The graph in dvc.yaml agrees with the code, and all of it runs."""

import dataclasses
import gzip
import hashlib
import importlib
import itertools
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import grimp
import pyarrow.parquet as pq
import pytest
import yaml
from browser import check_pages
from dvc.repo import Repo
from dvc.stage import PipelineStage
from tiny import ROOT, copy_project, run, set_params

from stages.core import environment
from stages.core.command import Option, signature
from stages.core.command import stages as modules
from stages.core.contracts import Contract


@dataclasses.dataclass(frozen=True)
class Declared:
    """The declaration of a stage in dvc.yaml."""

    name: str
    command: tuple[str, ...]
    deps: frozenset[str]
    params: frozenset[str]
    outs: frozenset[str]

    @property
    def module(self) -> str:
        return self.command[3]

    @property
    def options(self) -> list[tuple[str, str]]:
        words = self.command[4:]
        return list(zip(words[::2], words[1::2], strict=True))


def declared(stage: PipelineStage) -> Declared:
    # DVC represents a params file as a dependency; without named sections, the whole file counts.
    sections = [dep for dep in stage.deps if hasattr(dep, "params")]
    named = {name for dep in sections for name in dep.params}
    return Declared(
        stage.addressing,
        tuple(shlex.split(stage.cmd)),
        frozenset(dep.def_path for dep in stage.deps if dep not in sections),
        frozenset(named | {dep.def_path for dep in sections if not dep.params}),
        frozenset(out.def_path for out in stage.outs),
    )


def stages(project: Path) -> list[PipelineStage]:
    with Repo(str(project)) as repo:
        return [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]


STAGES = stages(ROOT)
DECLARED = [declared(stage) for stage in STAGES]
MODULES = modules()
WORKERS = yaml.safe_load((ROOT / "conf/execution.yaml").read_text(encoding="utf-8"))["workers"]
IMPORTS = grimp.build_graph("stages", cache_dir=None)

every_stage = pytest.mark.parametrize("stage", DECLARED, ids=lambda stage: stage.name)


def named_in(option: Option, value: str) -> bool:
    """Return whether the name of an option occurs in its value, a path or a section.

    It is one part of the value or two: `collect_metrics` is `reports/metrics/collect.json`.
    """
    parts = re.split(r"[/.]", value)
    parts += [f"{stage}_{kind}" for kind, stage in itertools.combinations(parts, 2)]
    return not {option.name, f"{option.name}s"}.isdisjoint(parts)


def test_the_lock_has_no_removed_stages():
    locked = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    assert set(locked) <= {stage.name for stage in STAGES}


def problems(stage: Declared) -> list[str]:
    """Return the mistakes in a declaration, option by option."""
    if stage.command[:3] != ("python", "-m", "stages") or stage.module not in MODULES:
        return [f"the command does not run a stage: {stage.command[:4]}"]
    expected = signature(MODULES[stage.module]).options
    if [flag for flag, _ in stage.options] != [option.flag for option in expected]:
        return [f"the options are {stage.options}, but main takes {expected}"]
    found, used = [], {"Params": set(), "Input": set(), "Output": set()}
    for option, (_, value) in zip(expected, stage.options, strict=True):
        if option.kind in ("str", "Workers"):
            wrong = "/" in value or (option.kind == "Workers" and value not in WORKERS)
        elif option.kind == "Params":
            used["Params"].add(value)
            is_section = value == stage.module or value.startswith(f"{stage.module}.")
            is_section |= value == "params.yaml"
            wrong = value not in stage.params or not (
                is_section if option.name == "params" else named_in(option, value)
            )
        elif option.kind == "Input":
            used["Input"].add(value)
            wrong = value not in stage.deps or not named_in(option, value)
        else:
            used["Output"].add(value)
            is_table = value.endswith(".parquet")
            wrong = value not in stage.outs or not named_in(option, value)
            wrong |= is_table != (option.kind == "Table")
        if wrong:
            found.append(f"{option.flag} {value}")
    found += sorted(stage.params - used["Params"])
    found += sorted(dep for dep in stage.deps - used["Input"] if not dep.startswith("stages/"))
    found += sorted(stage.outs - used["Output"])
    return found


@every_stage
def test_the_command_matches_the_signature(stage):
    assert problems(stage) == []


@every_stage
def test_swapped_options_are_detected(stage):
    for (i, (_, a)), (j, (_, b)) in itertools.combinations(enumerate(stage.options), 2):
        if a == b:
            continue
        command = list(stage.command)
        command[5 + 2 * i], command[5 + 2 * j] = b, a
        assert problems(dataclasses.replace(stage, command=tuple(command))), (a, b)


@every_stage
def test_an_input_declared_as_an_output_is_detected(stage):
    for dep in stage.deps:
        if not dep.startswith("stages/"):
            moved = {"deps": stage.deps - {dep}, "outs": stage.outs | {dep}}
            assert problems(dataclasses.replace(stage, **moved)), dep
    for out in stage.outs:
        moved = {"deps": stage.deps | {out}, "outs": stage.outs - {out}}
        assert problems(dataclasses.replace(stage, **moved)), out


@pytest.fixture
def changeable_project(finished_project, tmp_path) -> Path:
    """A copy of the finished project, which other tests do not see."""
    return shutil.copytree(finished_project, tmp_path / "project", symlinks=True)


def items_of(stage: str) -> dict[str, str]:
    """Return the items of the section that `foreach` of a stage names, where they are words."""
    section = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    items = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for part in section["foreach"].strip("${}").split("."):
        items = items[part]
    return items if isinstance(items, dict) else {}


def variant_problems(variants: dict[str, Declared]) -> list[str]:
    """Return the options that do not follow the keys of a `foreach`.

    A value is either the same for all keys or contains the key of its own variant in its place,
    and the item of the key, where a section gives it one: `words: skipgram`. A value that contains
    a key all the same names what the option is called after: `--words`.
    """
    found = []
    items = items_of(next(iter(variants.values())).name.split("@")[0])
    for values in zip(*(stage.options for stage in variants.values()), strict=True):
        (flag, first), *_ = values
        parts = {
            key: [
                None if part in (key, items.get(key)) else part for part in re.split(r"[/.]", value)
            ]
            for key, (_, value) in zip(variants, values, strict=True)
        }
        if len({value for _, value in values}) == 1:
            keys = set(re.split(r"[/.]", first)) & set(variants)
            if keys - {flag.removeprefix("--")}:
                found.append(f"{flag} {first}")
        elif len(set(map(tuple, parts.values()))) > 1:
            found.append(f"{flag} {[value for _, value in values]}")
    return found


GROUPS: dict[str, dict[str, Declared]] = {}
for _stage in DECLARED:
    if "@" in _stage.name:
        GROUPS.setdefault(_stage.name.split("@")[0], {})[_stage.name.split("@")[1]] = _stage
every_group = pytest.mark.parametrize("variants", GROUPS.values(), ids=GROUPS)


@every_group
def test_variants_differ_by_their_key_alone(variants):
    assert variant_problems(variants) == []


@every_group
def test_a_variant_that_takes_what_belongs_to_another_is_noticed(variants):
    first, *_, last = variants
    for i, (flag, value) in enumerate(variants[last].options):
        if value != dict(variants[first].options)[flag]:
            command = list(variants[last].command)
            command[5 + 2 * i] = dict(variants[first].options)[flag]
            mutated = dataclasses.replace(variants[last], command=tuple(command))
            assert variant_problems({**variants, last: mutated}), flag
            fixed = {
                key: dataclasses.replace(
                    stage,
                    command=(
                        *stage.command[: 5 + 2 * i],
                        value,
                        *stage.command[6 + 2 * i :],
                    ),
                )
                for key, stage in variants.items()
            }
            assert variant_problems(fixed), flag


def test_every_input_is_an_output_or_in_git():
    outs = {Path(out) for stage in DECLARED for out in stage.outs}
    folders = {folder for out in outs for folder in out.parents}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    known = outs | folders | {Path(file) for file in tracked}
    known |= {folder for file in tracked for folder in Path(file).parents}
    assert not {dep for stage in DECLARED for dep in stage.deps if Path(dep) not in known}


def test_metrics_stay_in_git():
    """As DVC's metrics: any other output outside the cache keeps a stage out of the run cache."""
    for stage in STAGES:
        for out in stage.outs:
            if out.def_path.startswith(("reports/metrics/", "reports/summary.json")):
                assert out.is_metric, out.def_path
                assert not out.use_cache, out.def_path


@every_stage
def test_one_name_everywhere(stage):
    assert stage.module.split(".")[1] == stage.name.split("@")[0]
    for path in stage.outs:
        parts = Path(path).parts
        if parts[0] == "reports" and parts[1] in ("metrics", "validation", "curves"):
            assert stage.name.split("@")[0] == Path(parts[2]).stem


def test_every_stage_is_declared():
    assert set(MODULES) == {stage.module for stage in DECLARED}


def test_the_top_level_of_a_room_contains_its_stages():
    files = {
        f"{file.parent.name}.{file.stem}"
        for file in (ROOT / "stages").glob("*/*.py")
        if file.stem not in ("__init__", "contracts")
        and file.parent.name not in ("core", "metrics")
    }
    assert files == set(MODULES)


def source(module: str) -> Path | None:
    """Return the file of a module relative to the root; None for an empty package."""
    path = Path(*module.split("."))
    file = path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
    return file if (ROOT / file).read_text(encoding="utf-8").strip() else None


@every_stage
def test_imported_modules_are_dependencies(stage):
    module = f"stages.{stage.module}"
    imported = {module, "stages.core.command", *IMPORTS.find_upstream_modules(module)}
    files = {file for file in map(source, imported) if file}
    code = {Path(path) for path in stage.deps if path.startswith("stages/")}
    uncovered = {f for f in files if not any(f == dep or dep in f.parents for dep in code)}
    assert not uncovered
    unused = {dep for dep in code if not any(f == dep or dep in f.parents for f in files)}
    assert not unused


def contracts_of(module: str) -> dict[str, Contract]:
    """Return the contracts of the tables of a stage, by the names of their options."""
    main = importlib.import_module(f"stages.{module}").main
    hints = get_type_hints(main, include_extras=True)
    return {k: get_args(v)[1] for k, v in hints.items() if get_origin(v) is Annotated}


def test_every_contract_belongs_to_a_table():
    written = {id(contract) for module in MODULES for contract in contracts_of(module).values()}
    for file in (ROOT / "stages").glob("*/contracts.py"):
        module = importlib.import_module(f"stages.{file.parent.name}.contracts")
        for name, value in vars(module).items():
            assert not isinstance(value, Contract) or id(value) in written, name


def test_every_stage_is_described():
    assert all(stage.desc for stage in STAGES)


def test_every_parameter_belongs_to_a_stage():
    used = {name for stage in DECLARED for name in stage.params}
    # dvc.yaml itself reads them.
    iterated = {"corpus", "music.collection", "music.representations", "sequence.cells"}

    def leaves(section, prefix=""):
        for key, value in section.items():
            name = f"{prefix}{key}"
            yield from leaves(value, f"{name}.") if isinstance(value, dict) else [name]

    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    orphans = [
        leaf
        for leaf in leaves(params)
        if leaf not in iterated and not any(f"{leaf}.".startswith(f"{name}.") for name in used)
    ]
    assert not orphans


def test_everything_runs_through_the_flow(finished_project):
    outputs = [out.def_path for stage in stages(finished_project) for out in stage.outs]
    missing = [path for path in outputs if not (finished_project / path).exists()]
    assert not missing
    status = run(finished_project, "dvc", "status")
    assert "up to date" in status.stdout, status.stdout


def test_the_outputs_are_those_of_the_golden_file(finished_project, pytestconfig):
    """On whatever processor this runs; the hashes are renewed by --renew-golden."""
    if deviations := environment.deviations():
        pytest.skip(f"the environment names instruction sets: {', '.join(deviations)}")
    found = {
        out.def_path: hashlib.sha256((finished_project / out.def_path).read_bytes()).hexdigest()
        for stage in stages(finished_project)
        for out in stage.outs
    }
    file = ROOT / "tests/golden.json"
    if pytestconfig.getoption("renew_golden"):
        file.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    golden = json.loads(file.read_text(encoding="utf-8"))
    assert {path for path in found | golden if found.get(path) != golden.get(path)} == set()


@pytest.mark.timeout(1800)
def test_a_forced_dvc_repro_gives_the_same_bytes_as_the_flow(finished_project):
    lock = (finished_project / "dvc.lock").read_bytes()
    done = run(finished_project, "dvc", "repro", "--force")
    assert done.returncode == 0, done.stdout
    assert (finished_project / "dvc.lock").read_bytes() == lock


def test_tables_have_the_columns_of_their_contracts(finished_project):
    for stage in map(declared, stages(finished_project)):
        contracts = contracts_of(stage.module)
        for flag, value in stage.options:
            if contract := contracts.get(flag.removeprefix("--").replace("-", "_")):
                assert pq.read_schema(finished_project / value).names == contract.schema.names


def test_one_value_changed_runs_only_its_dependents(changeable_project):
    set_params(changeable_project / "params.yaml", {"embedding.train_embedding.skipgram.window": 4})
    done = run(changeable_project, "flows", "everything")
    assert done.returncode == 0, done.stdout
    outcome = dict(re.findall(r"^[\d:]+ +(\S+) +(cached|done in)", done.stdout, re.MULTILINE))
    assert set(outcome) == {stage.name for stage in stages(changeable_project)}
    assert {name for name, how in outcome.items() if how != "cached"} == {
        "train_embedding@skipgram",
        "evaluate_embedding@skipgram",
        "compare_embeddings",
        "train_language_model@rnn",
        "train_language_model@lstm_peephole",
        "classify_documents@rnn",
        "classify_documents@lstm_peephole",
        "embed_documents@skipgram",
        "cluster@kmeans",
        "cluster@kmedians",
        "cluster@agglomerative",
        "cluster@gaussian_mixture",
        "cluster@dbscan",
        "cluster@hdbscan",
        "cluster@kmeans_words",
        "compare_clusters",
        "project@words",
        "trace_kmeans",
        "summarize",
        "render_embedding",
        "render_sequence",
        "render_clustering",
        "render_validation",
        "render_index",
    }


def changed(project: Path) -> set[str]:
    """Return the stages that `dvc repro` would run, without those downstream of them."""
    return set(json.loads(run(project, "dvc", "status", "--json").stdout))


@pytest.mark.parametrize(
    ("file", "rerun"),
    [
        (
            "sequence/predict_chords.py",
            {"predict_chords@rnn", "predict_chords@lstm_peephole"},
        ),
        (
            "embedding/evaluate_embedding.py",
            {f"evaluate_embedding@{key}" for key in ("onehot", "skipgram", "glove")},
        ),
        ("report/render_text.py", {"render_text"}),
    ],
)
def test_an_edited_stage_reruns_nothing_else(finished_project, file, rerun):
    source = finished_project / "stages" / file
    before = source.read_bytes()
    source.write_bytes(before + b"# edited\n")
    try:
        assert changed(finished_project) == rerun
    finally:
        source.write_bytes(before)


def test_the_stage_of_the_contributors_guide_runs(finished_project, tmp_path):
    project = copy_project(tmp_path)
    shutil.copytree(finished_project / "data", project / "data", dirs_exist_ok=True)
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    contract, module, params, declaration = re.findall(r"```\w+\n(.*?)```", guide, re.DOTALL)
    text = project / "stages" / "text"
    with (text / "contracts.py").open("a", encoding="utf-8") as file:
        file.write(f"\n{contract}")
    (text / "count_sentences.py").write_text(module, encoding="utf-8")
    for name, added, before in (
        ("params.yaml", params, "\nembedding:\n"),
        ("dvc.yaml", declaration, "  # --- embedding"),
    ):
        file = project / name
        content = file.read_text(encoding="utf-8")
        assert before in content
        file.write_text(content.replace(before, f"\n{added}{before}"), encoding="utf-8")
    (stage,) = [stage for stage in stages(project) if stage.name == "count_sentences"]
    done = run(project, *shlex.split(stage.cmd)[2:])
    assert done.returncode == 0, done.stdout
    counts = pq.read_table(project / "data/text/sentence_counts.parquet").to_pylist()
    tokenized = json.loads((finished_project / "reports/metrics/tokenize.json").read_text())
    assert {row["split"] for row in counts} == {"train", "validation", "test"}
    assert all(0 < row["sentences"] <= tokenized["sentences"][row["split"]] for row in counts)


def test_one_parameter_switches_the_corpus_and_the_cache_restores_it(changeable_project):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], cwd=changeable_project, check=True)
    vocabulary = changeable_project / "data/text/vocabulary.parquet"
    before = vocabulary.read_bytes()
    korean = run(
        changeable_project, "dvc", "exp", "run", "-S", "corpus=kiwi_manual", "profile_corpus"
    )
    assert korean.returncode == 0, korean.stdout
    assert "형태소" in pq.read_table(vocabulary)["token"].to_pylist()
    back = run(changeable_project, "dvc", "exp", "run", "-S", "corpus=tiny", "profile_corpus")
    assert back.returncode == 0, back.stdout
    for stage in ("collect", "tokenize", "profile_corpus"):
        assert f"Stage '{stage}' is cached - skipping run" in back.stdout
    assert vocabulary.read_bytes() == before


def test_a_damaged_corpus_stops_the_pipeline_with_one_message(tmp_path):
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


def test_the_error_of_an_unknown_corpus_names_it(tmp_path):
    project = copy_project(tmp_path)
    set_params(project / "params.yaml", {"corpus": "nscm"})
    done = run(project, "dvc", "repro", "collect")
    assert done.returncode != 0
    assert "conf/corpus/nscm.yaml" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_of_a_run_in_a_browser(browser, finished_project, width):
    pages = sorted((finished_project / "reports").rglob("*.html"))
    assert len(pages) == 8
    assert check_pages(browser, pages, width) >= 15
