from pathlib import Path

import pytest
import yaml
from page_inputs import DATA, HOSTILE, METRICS, PARAMS, content, write_curve, write_metrics

from stages.core.errors import StageError
from stages.core.metrics import read_metrics
from stages.metrics.evaluate_embedding import EvaluateEmbeddingMetrics


def section(page, title):
    return next(part for part in page.sections if part.title == title)


def test_the_page_names_winners_and_losers(inputs):
    page = content("render_embedding")
    assert page.summary == "glove is ahead in WordSim-353."
    scores, verdicts, unanswered = section(page, "Comparison").blocks
    assert scores.rows == [
        ["WordSim-353", "9", "0.20 (0.10–\u20600.50)", "0.40 (0.10–\u20600.50)", "0.000"]
    ]
    assert verdicts.rows == [["WordSim-353", "glove", "0.400", "cbow"]]
    assert unanswered.text.endswith("too few words: SimLex-999.")
    assert section(page, "Analogies").blocks[0].rows == [["capitals", "4", "20.0%", "40.0%"]]


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Cloze", ["a ___", "b"]),
        ("Nearest neighbours", ["war"]),
        ("Context words", ["war"]),
        ("Vector arithmetic", ["a - b + c"]),
    ],
)
def test_words_of_all_models_are_side_by_side(title, key, inputs):
    table = section(content("render_embedding"), title).blocks[0]
    assert table.header[-2:] == ["cbow", "glove"]
    assert table.rows == [[*key, HOSTILE, HOSTILE]]


def test_the_page_shows_what_models_learned_from(inputs):
    path = METRICS / "evaluate_embedding/cbow.json"
    metrics = read_metrics(path, EvaluateEmbeddingMetrics)
    lsa = {"singular_values": [3.0, 2.0], "explained_variance": 0.25}
    write_metrics(path, metrics.model_copy(update=lsa))
    page = content("render_embedding")
    fit, cost, spectrum = section(page, "What the models learned from").blocks
    assert "of 2 pairs" in fit.caption
    assert fit.caption.endswith("with 0.50, over the most frequent tenth with –.")
    assert cost.spec["data"]["values"] == [
        {"epoch": 1, "cost": 0.5, "series": "glove"},
        {"epoch": 2, "cost": 0.25, "series": "glove"},
    ]
    assert "cbow" in spectrum.caption
    assert "25.0% of the variance" in spectrum.caption


def test_measured_costs_are_shown_where_they_were_measured(inputs):
    def costs():
        return section(content("render_embedding"), "Size and cost").blocks[0]

    assert [row[-3:] for row in costs().rows] == [["–"] * 3] * 2
    measured = {"model": ["cbow"], "seconds": [2.5], "words_per_second": [1000],
                "peak_mib": [300], "corpus": ["news"]}  # fmt: skip
    write_curve(Path("reports/costs/embedding.csv"), measured)
    assert costs().rows[0][-3:] == ["2.5", "1,000", "300"]
    assert "on news, not in this run" in costs().caption


def test_a_model_that_was_removed_is_not_shown(inputs):
    params = {**PARAMS, "embedding": {"train_embedding": {"cbow": {}}}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    page = content("render_embedding")
    assert section(page, "Comparison").blocks[0].header == ["test", "items", "cbow", "no knowledge"]
    assert [row[0] for row in section(page, "Size and cost").blocks[0].rows] == ["cbow"]


def test_a_missing_or_damaged_table_of_a_model_is_named(inputs):
    path = DATA / "embedding/evaluate_embedding/glove/map.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(StageError, match=r"glove/map\.parquet is damaged"):
        content("render_embedding")
    path.unlink()
    with pytest.raises(StageError, match=r"glove/map\.parquet does not exist"):
        content("render_embedding")
