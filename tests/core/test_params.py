import pytest
from pydantic import Field, RootModel

from stages.core.errors import StageError
from stages.core.params import Params, load


class Knobs(Params):
    window: int = Field(ge=1)
    rate: float


@pytest.fixture
def params(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "params.yaml"


def test_section_is_read_and_cannot_be_changed(params):
    params.write_text("room:\n  knobs: {window: 5, rate: 0.5}\n")
    knobs = load("room.knobs", Knobs)
    assert (knobs.window, knobs.rate) == (5, 0.5)
    with pytest.raises(ValueError, match="frozen"):
        knobs.window = 6


def test_a_list_or_all_keys_of_a_section_are_read(params):
    params.write_text("room:\n  cells: [rnn, gru]\n  models: {cbow: {}, glove: {}}\n")
    assert load("room.cells", RootModel[list[str]]).root == ["rnn", "gru"]
    assert list(load("room.models", RootModel[dict[str, dict]]).root) == ["cbow", "glove"]
    with pytest.raises(StageError, match=r"section 'room\.models': .*should be a valid list"):
        load("room.models", RootModel[list[str]])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("room:\n  knobs: {windw: 5, rate: 0.5}\n", "unknown parameter 'windw' (did you mean 'wi"),
        ("room:\n  knobs: {rate: 0.5}\n", "parameter 'window' is missing"),
        ("room:\n  knobs: {window: five, rate: 0.5}\n", "'window' is 'five': input should be a"),
        ("room:\n  knobs: {window: 0, rate: 0.5}\n", "'window' is 0: input should be greater"),
        ("room:\n  knobs: {window: 1, rate: .nan}\n", "'rate' is nan: input should be a finite"),
        ("room:\n  nobs: {}\n", "section 'room.knobs' is missing (did you mean 'nobs'?)"),
        ("room: 3\n", "section 'room.knobs' is missing"),
        ("", "section 'room' is missing"),
        (
            "room: {glove.6B: {}}",
            "the key 'glove.6B' in 'room' has characters other than letters, d",
        ),
        ("room: {glove.6B: {}}", "rename it, for instance to 'glove_6B'"),
        ("other: {a: {b c: 1}}", "the key 'b c' in 'other.a' has"),
        ("other: {a/b: 1}", "the key 'a/b' in 'other' has"),
        ("other: {a@b: 1}", "the key 'a@b' in 'other' has"),
        ("other: {'${a}': 1}", "the key '${a}' in 'other' has"),
        ("other: {'': 1}", "the key '' in 'other' has"),
        ("other: {300: {}}", "the key 300 in 'other' is not text: put it in quotes"),
        ("other: {on: {}}", "the key True in 'other' is not text"),
        ("room: [", "params.yaml is not YAML"),
    ],
)
def test_mistake_is_reported_in_one_sentence(params, text, sentence):
    params.write_text(text)
    with pytest.raises(StageError) as error:
        load("room.knobs", Knobs)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_keys_of_letters_of_any_language_are_read(params):
    params.write_text("room: {한국어-2_b: {window: 5, rate: 0.5}}")
    assert load("room.한국어-2_b", Knobs).window == 5


def test_missing_file_is_reported(params):
    with pytest.raises(StageError, match=r"params\.yaml is not in .*project's root"):
        load("room.knobs", Knobs)
