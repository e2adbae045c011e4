"""Profiles: values that a flow sets in params.yaml before it runs."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny import ROOT, copy_project

from flows import profiles
from flows.__main__ import main
from flows.check import PARAMS_FILE, dotted_names
from flows.profiles import applied

BACK = "`git restore params.yaml` goes back to the committed values"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("profiles"))


@pytest.fixture
def profile(copy, monkeypatch):
    """A function that writes the profile `mine` of a project, which one test may change."""
    monkeypatch.chdir(copy)
    file = Path("conf/profile/mine.yaml")

    def write(content: str | bytes) -> None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    yield write
    file.unlink(missing_ok=True)
    assert list(Path.cwd().glob("*.partial")) == []
    PARAMS_FILE.write_bytes(original())


def original() -> bytes:
    """Return params.yaml as it is before a profile."""
    return (ROOT / "params.yaml").read_bytes()


def comments(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith("#")]


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "conf/profile").glob("*.yaml")))
def test_a_profile_of_the_project_changes_what_it_names_and_passes_the_checks(profile, capfd, name):
    overrides = yaml.safe_load((ROOT / f"conf/profile/{name}.yaml").read_text(encoding="utf-8"))
    assert main(["check", "--profile", name]) == 0
    *changes, back = capfd.readouterr().out.splitlines()
    assert back == BACK
    # An override that params.yaml has already caught up with would not be among the changes.
    assert {c.partition(":")[0] for c in changes} == {o.partition("=")[0] for o in overrides}
    text = PARAMS_FILE.read_text(encoding="utf-8")
    assert comments(text) == comments(original().decode())
    assert dotted_names(yaml.safe_load(text)) == dotted_names(yaml.safe_load(original()))


def test_values_are_set_with_their_types_and_all_others_kept(profile):
    profile(
        "- sequence.cells=[gru]  # why\n- music.compose.drafts=1\n- clustering.maps.words=lsa\n"
        "- embedding.train_embedding.cbow.learning_rate=0.05\n- music.harmonize.melody=null\n"
    )
    with applied("mine") as changes:
        pass
    assert changes == [
        "embedding.train_embedding.cbow.learning_rate: 0.025 -> 0.05",
        'sequence.cells: ["rnn", "lstm", "lstm_peephole", "gru"] -> ["gru"]',
        'clustering.maps.words: "skipgram" -> "lsa"',
        "music.compose.drafts: 4 -> 1",
    ]
    expected = yaml.safe_load(original())
    expected["sequence"]["cells"] = ["gru"]
    expected["music"]["compose"]["drafts"] = 1
    expected["clustering"]["maps"]["words"] = "lsa"
    expected["embedding"]["train_embedding"]["cbow"]["learning_rate"] = 0.05
    assert yaml.safe_load(PARAMS_FILE.read_text(encoding="utf-8")) == expected
    assert PARAMS_FILE.stat().st_mode == (ROOT / "params.yaml").stat().st_mode


def test_values_that_are_set_already_leave_the_file_as_it_is(profile, capfd):
    profile("- music.train_composer.device=cpu\n- music.compose.tempo_bpm=96\n")
    assert main(["check", "--profile", "mine"]) == 0
    assert capfd.readouterr() == ("", "")
    assert PARAMS_FILE.read_bytes() == original()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "- music.train_composer.rouns=9",
            ": params.yaml has no 'music.train_composer.rouns' "
            "(did you mean 'music.train_composer.rounds'?)",
        ),
        ("- ~music.compoze", ": params.yaml has no 'music.compoze' (did you mean 'music.compose'?"),
        ("- corpus=own\n- nothing=9", ": params.yaml has no 'nothing'"),
        ("- corpus=own\n- corpus", ": 'corpus' is not KEY=VALUE as `dvc exp run -S` takes it"),
        ("- [corpus", " is not YAML: while parsing"),
        ("- 'sequence.cells=['", ": 'sequence.cells=[' is not KEY=VALUE"),
        ("- music.compose.bars=8,16", ": 'music.compose.bars=8,16' has several values"),
        ("- music.compose.bars=range(8,9)", ": 'music.compose.bars=range(8,9)' has several values"),
        ("- music.compose.bars=${music.bars}", ": Interpolation key 'music.bars' not found"),
        ("- music.compose.bars: 8", ": {'music.compose.bars': 8} is not an override, such as `- "),
        ("music: {compose: {bars: 8}}", " is not a list of overrides, such as `- music."),
        ("# nothing yet\n", " is empty: list overrides, such as `- music."),
        (b"- corpus=\xff", " is not YAML: 'utf-8' codec can't decode byte 0xff"),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_be_applied_is_reported_and_changes_nothing(
    profile, capfd, content, message
):
    profile(content)
    assert main(["music", "--profile", "mine"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"flows: conf/profile/mine.yaml{message}")
    assert len(err.splitlines()) == 1
    assert PARAMS_FILE.read_bytes() == original()


@pytest.mark.parametrize("name", ["thorogh", "../corpus/own", ""])
def test_an_unknown_profile_is_reported_with_those_that_exist(profile, capfd, name):
    assert main(["music", "--profile", name]) == 1
    message = f"flows: conf/profile/{name}.yaml does not exist; there are: gpu, thorough\n"
    assert capfd.readouterr() == ("", message)


def test_another_folder_is_reported(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["music", "--profile", "gpu"]) == 1
    message = f"flows: no profiles are in {tmp_path}/conf/profile: run from the project's root\n"
    assert capfd.readouterr() == ("", message)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+music.compose_all.bars=8", "params.yaml: no stage reads 'music.compose_all'"),
        (
            "music.train_composer.rounds=many",
            "params.yaml: section 'music.train_composer': 'rounds' is 'many': "
            "input should be a valid integer",
        ),
        ("music.collection=choral", "conf/music/choral.yaml does not exist (did you mean"),
    ],
)
def test_values_that_fail_the_checks_do_not_stay(profile, capfd, override, message):
    profile(f"- {override}\n")
    assert main(["music", "--profile", "mine"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"flows: with conf/profile/mine.yaml, {message}")
    assert PARAMS_FILE.read_bytes() == original()


def test_an_interrupted_check_sets_the_values_back(profile):
    profile("- music.compose.bars=8\n")
    with pytest.raises(KeyboardInterrupt), applied("mine"):
        assert PARAMS_FILE.read_bytes() != original()
        raise KeyboardInterrupt
    assert PARAMS_FILE.read_bytes() == original()


def test_values_that_cannot_be_set_back_are_reported_with_the_failure(profile):
    profile("- music.compose.bars=8\n")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    message = r"File too large; it keeps the values of .*mine\.yaml, after: ValueError\('a check'"
    try:
        with pytest.raises(OSError, match=message), applied("mine"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))  # like a full disk
            raise ValueError("a check")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_a_failed_write_is_reported_and_changes_nothing(profile, capfd):
    profile("- music.compose.bars=8\n")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))  # like a full disk
    try:
        assert main(["music", "--profile", "mine"]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert capfd.readouterr().err == "flows: params.yaml cannot be written: File too large\n"
    assert PARAMS_FILE.read_bytes() == original()


def test_an_interrupted_write_changes_nothing(profile, monkeypatch):
    def write_half(path: Path, overrides: list[str]) -> None:
        path.write_text("corpus: own\n")
        raise KeyboardInterrupt

    profile("- corpus=own\n")
    monkeypatch.setattr(profiles, "apply_overrides", write_half)
    with pytest.raises(KeyboardInterrupt), applied("mine"):
        pass
    assert PARAMS_FILE.read_bytes() == original()


def test_a_flow_runs_with_the_values_of_a_profile(done, api):
    Path("conf/profile").mkdir()
    Path("conf/profile/long.yaml").write_text("- music.compose=2\n")
    flow = subprocess.run(
        [sys.executable, "-m", "flows", "music", "--profile", "long"],
        env={**os.environ, "PREFECT_API_URL": api},
        capture_output=True,
        text=True,
    )
    assert flow.returncode == 0, flow.stderr
    out = flow.stdout.splitlines()
    assert out[:2] == ["music.compose: 1 -> 2", BACK]
    assert out[-1] == "reports/index.html"
    assert done.started == ["music"]


def test_make_passes_the_profile_of_its_command_line_only(monkeypatch):
    monkeypatch.setenv("PROFILE", "of_another_program")
    for name in ("MAKEFLAGS", "MAKELEVEL"):  # of a make that runs the tests
        monkeypatch.delenv(name, raising=False)
    for arguments, option in (["PROFILE=gpu"], " --profile 'gpu'\n"), ([], " \n"):
        make = subprocess.run(
            ["make", "--dry-run", "run", *arguments], cwd=ROOT, capture_output=True, text=True
        )
        assert make.stdout.endswith(f"python -m flows everything{option}")
