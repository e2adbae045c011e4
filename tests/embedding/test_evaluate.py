import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from gensim.models import KeyedVectors

from stages.embedding import compare, export, look_up
from stages.embedding.evaluate import main
from stages.core.errors import StageError

from .conftest import SECTIONS

PARAMS = {
    "words": ["w1", "w2", "never"], "neighbours": 2, "arithmetic": ["w1 - w2 + w3"], "blanks": 20,
    "blank_window": 2, "blank_examples": 2, "map_words": 8, "map_skip_words": 1, "perplexity": 3.0,
    "bootstrap_samples": 20, "seed": 1,
}  # fmt: skip
TABLES = ["neighbours", "sums", "blanks", "likely", "positions", "fit", "judgements"]


@pytest.fixture
def evaluate(train, folder):
    """Train and judge a model; returns the metrics."""
    labels = pd.DataFrame({"label": ["a"] * 3 + ["b"] * 3, "token": [f"w{n}" for n in range(1, 7)]})
    labels.to_parquet("label_words.parquet")
    (folder / "sets").mkdir()
    own = "word_a,word_b,score\nw1,w2,9\nw1,w3,5\nw2,w4,3\nw1,w5,1\n"
    (folder / "sets/mine.csv").write_text(own)

    def run(kind):
        train(kind)
        sections = {"embedding": {"evaluate": PARAMS, "models": {kind: {}},
                                  "compare": {"bootstrap_samples": 20, "seed": 1}}}  # fmt: skip
        (folder / "params.yaml").write_text(yaml.safe_dump(sections))
        inputs = [f"{kind}/vectors.parquet", f"{kind}/model.safetensors", "tokens.parquet",
                  "vocabulary.parquet", "label_words.parquet", "sets"]  # fmt: skip
        tables = [f"judged/{kind}/{name}.parquet" for name in TABLES]
        rest = [f"{kind}/metrics.json", f"{kind}/checks.json"]
        main([*inputs, *tables, *rest, "--params", "embedding.evaluate"])
        return json.loads((folder / kind / "metrics.json").read_text())

    return run


@pytest.mark.parametrize("kind", list(SECTIONS))
def test_every_kind_is_judged(evaluate, folder, kind):
    metrics = evaluate(kind)
    scores = metrics["scores"]
    assert scores["WordSim-353"] == {
        "score": None, "low": None, "high": None, "covered": 0, "items": 351,
    }  # fmt: skip
    assert scores["mine"]["covered"] == 4
    assert scores["blank in 5"]["items"] == 20
    assert scores["outliers"]["items"] == 6
    assert metrics["words_without_vector"] == ["never"]
    assert metrics["baselines"]["outliers"] == pytest.approx(1 / 4)
    tables = {name: pq.read_table(f"judged/{kind}/{name}.parquet") for name in TABLES}
    assert len(tables["judgements"]) == 4 + 3 * 20 + 6
    assert (len(tables["fit"]) > 0) == (kind == "glove")
    assert (scores["mine"]["score"] is None) == (kind == "onehot")
    assert len(tables["positions"]) == (0 if kind == "onehot" else 8)
    assert metrics["bytes"]["vectors"] == (folder / kind / "vectors.parquet").stat().st_size
    if kind == "onehot":
        assert metrics["numbers_per_word"] == 1
        assert metrics["dimensions"] == metrics["words"]


def test_comparison_reads_the_models_of_params(evaluate, folder):
    evaluate("glove")
    arguments = ["judged", "comparison.parquet", "metrics.json", "checks.json",
                 "--params", "embedding.compare", "--models", "embedding.models"]  # fmt: skip
    compare.main(arguments)
    verdict = json.loads((folder / "metrics.json").read_text())["mine"]
    assert verdict["best"] == "glove"
    section = yaml.safe_load((folder / "params.yaml").read_text())
    section["embedding"]["models"]["lost"] = {}
    (folder / "params.yaml").write_text(yaml.safe_dump(section))
    with pytest.raises(StageError, match="dvc repro evaluate_embedding@lost"):
        compare.main(arguments)


@pytest.mark.parametrize("name", ["out.txt", "out.vec", "out.bin"])
def test_exported_vectors_are_read_by_others(train, folder, name):
    train("cbow")
    export.main(["cbow/vectors.parquet", name])
    read = KeyedVectors.load_word2vec_format(folder / name, binary=name.endswith("bin"))
    rows = pq.read_table("cbow/vectors.parquet").to_pylist()
    assert read.index_to_key == [row["token"] for row in rows]
    assert read[rows[3]["token"]] == pytest.approx(rows[3]["vector"], rel=1e-5)


def test_what_cannot_be_exported_is_told(train):
    train("onehot")
    with pytest.raises(StageError, match="is sparse"):
        export.main(["onehot/vectors.parquet", "out.txt"])
    with pytest.raises(StageError, match="has to end in"):
        export.main(["onehot/vectors.parquet", "out.csv"])


def test_words_are_looked_up(train, capsys):
    train("fasttext")
    look_up.main(["fasttext/vectors.parquet", "fasttext/model.safetensors", "w1", "w1w2"])
    printed = capsys.readouterr().out
    assert "w1w2 (not in the corpus; from its n-grams)" in printed
    train("skipgram")
    with pytest.raises(StageError, match="'w1w2' has no neighbours"):
        look_up.main(["skipgram/vectors.parquet", "skipgram/model.safetensors", "w1w2"])
