"""A person's corpus is kept by DVC as data/raw/README.md says, and never by git."""

import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny import copy_project, run, set_params


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    return subprocess.run(command, cwd=folder, check=True, stdout=-1, text=True).stdout


def tracked(project: Path) -> set[str]:
    """Return what git keeps of data/ after everything was added."""
    git(project, "add", "-A")
    return set(git(project, "ls-files", "data").splitlines())


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project whose corpus is a folder in data/raw, not added to DVC."""
    project = copy_project(tmp_path / "project")
    mine = project / "data/raw/mine"
    mine.mkdir(parents=True)
    for number in range(2):
        names = [f"harbour{number} kettle{n} lantern{n * 7} meadow{n * 13}" for n in range(30)]
        (mine / f"{number}.txt").write_text("\n\n".join(names))
    own = project / "conf/corpus/own.yaml"
    own.write_text(own.read_text().replace("path: my_corpus.txt", "path: mine"))
    set_params(project / "params.yaml", {"corpus": "own", "text.collect.duplicates": "keep"})
    return project


def test_a_corpus_is_added_pushed_pulled_and_seen_by_experiments(project, tmp_path):
    (project / "data/raw/private.txt").write_text("for nobody else")
    assert tracked(project) == {"data/raw/README.md"}
    git(project, "commit", "-q", "-m", "all but the corpus")
    elsewhere = ["dvc", "exp", "run", "--temp", "collect", "-S"]
    lacks = run(project, *elsewhere, "text.collect.seed=2")
    assert lacks.returncode != 0
    assert "text.collect: there is no data/raw/mine: put it there" in lacks.stdout
    assert "`dvc add data/raw/mine` and `git add data/raw/mine.dvc`" in lacks.stdout

    copied = run(project, *elsewhere, "text.collect.seed=2", "--copy-paths", "data/raw/mine")
    assert copied.returncode == 0, copied.stdout

    added = run(project, "dvc", "add", "data/raw/mine")
    assert added.returncode == 0, added.stdout
    git(project, "add", "data/raw/mine.dvc")
    has = run(project, *elsewhere, "text.collect.seed=3")
    assert has.returncode == 0, has.stdout
    assert tracked(project) == {"data/raw/README.md", "data/raw/mine.dvc"}
    here = run(project, "dvc", "repro", "collect")
    assert here.returncode == 0, here.stdout
    assert pq.read_metadata(project / "data/text/documents.parquet").num_rows == 60

    run(project, "dvc", "remote", "add", "-d", "store", str(tmp_path / "store"))
    assert run(project, "dvc", "push", "data/raw/mine.dvc").returncode == 0
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "the corpus")
    git(tmp_path, "clone", "-q", "project", "clone")
    clone = tmp_path / "clone"
    assert not (clone / "data/raw/mine").exists()
    assert run(clone, "dvc", "pull", "data/raw/mine.dvc").returncode == 0
    texts = {path.name: path.read_text() for path in (clone / "data/raw/mine").iterdir()}
    assert texts == {path.name: path.read_text() for path in (project / "data/raw/mine").iterdir()}
    assert "didn't change" in run(clone, "dvc", "repro", "--dry", "collect").stdout


def test_a_changed_corpus_is_collected_again_and_its_hash_renewed(project):
    assert run(project, "dvc", "add", "data/raw/mine").returncode == 0
    assert run(project, "dvc", "repro", "collect").returncode == 0
    (project / "data/raw/mine/1.txt").unlink()
    before = (project / "data/raw/mine.dvc").read_text()
    assert run(project, "dvc", "repro", "collect").returncode == 0
    assert pq.read_metadata(project / "data/text/documents.parquet").num_rows == 30
    assert (project / "data/raw/mine.dvc").read_text() != before


def test_editing_the_readme_beside_the_corpora_runs_nothing(project):
    assert run(project, "dvc", "repro", "collect").returncode == 0
    with (project / "data/raw/README.md").open("a") as readme:
        readme.write("\nMine is from the archive.\n")
    assert "Running stage" not in run(project, "dvc", "repro", "--dry", "collect").stdout
