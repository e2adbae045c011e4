import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from stages.clustering import mine_rules
from stages.core.errors import StageError
from stages.text.contracts import TOKENS, VOCABULARY

PARAMS = {
    "algorithm": "eclat", "basket": "sentence", "skip_words": 1, "min_support": 0.4,
    "min_confidence": 0.5, "max_length": 3, "max_itemsets": 100,
}  # fmt: skip
# "the" is skipped, "!" has no letter, and "rare" is not frequent.
DOCUMENTS = [
    ("train", ["the", "hong", "kong", "!", "the", "rare"], [3, 3]),
    ("train", ["hong", "kong", "the", "sea"], [3, 1]),
    ("train", ["sea", "sea", "the"], [3]),
    ("test", ["kong", "hong", "hong"], [2, 1]),
    ("validation", ["hong", "sea"], [2]),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the tables of a small corpus."""
    monkeypatch.chdir(tmp_path)
    write(DOCUMENTS)
    return tmp_path


def write(documents):
    columns = {
        "doc_id": [str(n) for n in range(len(documents))],
        "split": [split for split, _, _ in documents],
        "tokens": [tokens for _, tokens, _ in documents],
        "sentence_lengths": [lengths for _, _, lengths in documents],
        "label": [None] * len(documents),
    }
    pq.write_table(pa.table(columns, schema=TOKENS.schema), "tokens.parquet")
    words = ["<unk>", "<bos>", "<eos>", "the", "!", "hong", "kong", "rare", "sea"]
    vocabulary = {
        "token_id": range(len(words)), "token": words, "count": [9] * len(words),
        "document_count": [None] * 3 + [1] * 6,
    }  # fmt: skip
    pq.write_table(pa.table(vocabulary, schema=VOCABULARY.schema), "vocabulary.parquet")


def run(**changes):
    Path("params.yaml").write_text(
        yaml.safe_dump({"clustering": {"mine_rules": {**PARAMS, **changes}}})
    )
    mine_rules.main(
        params="clustering.mine_rules",
        tokens="tokens.parquet",
        vocabulary="vocabulary.parquet",
        itemsets="itemsets.parquet",
        rules="rules.parquet",
        metrics="metrics.json",
        validation="validation.json",
    )
    return json.loads(Path("metrics.json").read_text())


def test_rules_are_found_in_training_and_tried_on_test(place):
    metrics = run()
    itemsets = pq.read_table("itemsets.parquet").to_pylist()
    assert {(*row["words"], row["count"]) for row in itemsets} == {
        ("hong", 2), ("kong", 2), ("sea", 2), ("kong", "hong", 2)
    }  # fmt: skip
    rules = pq.read_table("rules.parquet").to_pylist()
    assert [(row["antecedent"], row["consequent"]) for row in rules] == [
        (["hong"], ["kong"]), (["kong"], ["hong"])
    ]  # fmt: skip
    assert rules[0] | {"q_value": 0.1} == {
        "antecedent": ["hong"], "consequent": ["kong"], "count": 2, "support": 0.4,
        "confidence": 1.0, "confidence_low": pytest.approx(0.025**0.5), "confidence_high": 1.0,
        "lift": 2.5, "leverage": pytest.approx(0.24), "q_value": 0.1,
        "test_antecedent_count": 2, "test_count": 1,
    }  # fmt: skip
    # Two of two in two of five baskets: one of the ten ways to choose them.
    assert rules[0]["q_value"] == pytest.approx(0.1)
    assert metrics == {
        "basket": "sentence", "algorithm": "eclat", "min_support": 0.4, "min_confidence": 0.5,
        "baskets": 5, "empty_baskets": 0, "test_baskets": 2, "min_count": 2, "words": 3,
        "itemsets": {"1": 3, "2": 1}, "rules": 2, "significant": 0, "tested": 0, "held": 0,
    }  # fmt: skip


def test_both_algorithms_write_the_same_bytes(place):
    written = []
    for algorithm in ("apriori", "eclat"):
        run(algorithm=algorithm)
        written.append([Path(f"{name}.parquet").read_bytes() for name in ("itemsets", "rules")])
    assert written[0] == written[1]


def test_documents_as_baskets(place):
    assert run(basket="document", min_support=0.6)["baskets"] == 3
    itemsets = pq.read_table("itemsets.parquet").to_pylist()
    assert {(*row["words"], row["count"]) for row in itemsets} == {
        ("hong", 2), ("kong", 2), ("sea", 2), ("kong", "hong", 2)
    }  # fmt: skip


def test_a_corpus_without_rules_or_training_text_has_empty_tables(place):
    assert run(min_support=0.9)["rules"] == 0
    write([row for row in DOCUMENTS if row[0] == "test"])
    assert run()["baskets"] == 0
    assert pq.read_table("rules.parquet").num_rows == 0


def test_too_many_sets_are_an_error(place):
    with pytest.raises(StageError, match=r"^more than 2 sets .* raise clustering.mine_rules.min_s"):
        run(max_itemsets=2)


def test_skipping_all_words_is_an_error(place):
    with pytest.raises(StageError, match=r"has 6 words, and none is left after skipping 6: lower"):
        run(skip_words=6)
