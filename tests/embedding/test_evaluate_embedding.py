import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from stages.core.errors import StageError
from stages.embedding import compare_embeddings
from stages.embedding.evaluate_embedding import main

from .conftest import SECTIONS

PARAMS = {
    "words": ["w1", "w2", "never"], "neighbours": 2, "arithmetic": ["w1 - w2 + w3"], "map_words": 8,
    "cloze_questions": 20, "cloze_window": 2, "shown_cloze_questions": 2, "map_skip_words": 1,
    "perplexity": 3.0, "bootstrap_samples": 20, "seed": 1,
}  # fmt: skip
TABLES = [
    "neighbours",
    "vector_arithmetic",
    "cloze",
    "context_words",
    "map",
    "glove_fit",
    "item_scores",
]


@pytest.fixture
def evaluate(train, folder):
    """A function that trains and evaluates a kind of model and returns the metrics."""
    labels = pd.DataFrame({"label": ["a"] * 3 + ["b"] * 3, "token": [f"w{n}" for n in range(1, 7)]})
    labels.to_parquet("label_words.parquet")
    (folder / "sets").mkdir()
    pairs = "word_a,word_b,score\nw1,w2,9\nw1,w3,5\nw2,w4,3\nw1,w5,1\n"
    (folder / "sets/mine.csv").write_text(pairs)

    def run(kind):
        train(kind)
        sections = {
            "evaluate_embedding": PARAMS,
            "train_embedding": {kind: {}},
            "compare_embeddings": {"bootstrap_samples": 20, "seed": 1},
        }
        (folder / "params.yaml").write_text(yaml.safe_dump({"embedding": sections}))
        main(
            params="embedding.evaluate_embedding",
            vectors=f"{kind}/vectors.parquet",
            model=f"{kind}/model.safetensors",
            tokens="tokens.parquet",
            vocabulary="vocabulary.parquet",
            label_words="label_words.parquet",
            evaluation="sets",
            **{name: f"{name}/{kind}.parquet" for name in TABLES},
            metrics=f"{kind}/metrics.json",
            validation=f"{kind}/checks.json",
        )
        return json.loads((folder / kind / "metrics.json").read_text())

    return run


@pytest.mark.parametrize("kind", list(SECTIONS))
def test_every_kind_is_evaluated(evaluate, folder, kind):
    metrics = evaluate(kind)
    scores = metrics["scores"]
    assert scores["WordSim-353"] == {
        "score": None, "low": None, "high": None, "covered": 0, "items": 351,
    }  # fmt: skip
    assert scores["mine"]["covered"] == 4
    assert scores["cloze top 5"]["items"] == 20
    assert scores["outliers"]["items"] == 6
    assert metrics["words_without_vector"] == ["never"]
    assert metrics["baselines"]["outliers"] == pytest.approx(1 / 4)
    tables = {name: pq.read_table(f"{name}/{kind}.parquet") for name in TABLES}
    assert len(tables["item_scores"]) == 4 + 3 * 20 + 6
    assert (len(tables["glove_fit"]) > 0) == (kind == "glove")
    assert (scores["mine"]["score"] is None) == (kind == "onehot")
    assert len(tables["map"]) == (0 if kind == "onehot" else 8)
    assert metrics["bytes"]["vectors"] == (folder / kind / "vectors.parquet").stat().st_size
    if kind == "onehot":
        assert metrics["numbers_per_word"] == 1
        assert metrics["dimensions"] == metrics["words"]


def test_comparison_covers_the_models_in_params(evaluate, folder):
    evaluate("glove")
    arguments = {
        "params": "embedding.compare_embeddings",
        "train_embedding": "embedding.train_embedding",
        "item_scores": "item_scores",
        "comparison": "comparison.parquet",
        "metrics": "metrics.json",
        "validation": "checks.json",
    }
    compare_embeddings.main(**arguments)
    verdict = json.loads((folder / "metrics.json").read_text())["mine"]
    assert verdict["best"] == "glove"
    section = yaml.safe_load((folder / "params.yaml").read_text())
    section["embedding"]["train_embedding"]["lost"] = {}
    (folder / "params.yaml").write_text(yaml.safe_dump(section))
    with pytest.raises(StageError, match="dvc repro evaluate_embedding@lost"):
        compare_embeddings.main(**arguments)
