"""Mine association rules between words of the same sentence or document."""

import math
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from stages.clustering.contracts import ITEMSETS, RULES
from stages.clustering.itemsets.apriori import apriori
from stages.clustering.itemsets.baskets import Baskets, bit_sets, read_baskets, sizes
from stages.clustering.itemsets.eclat import eclat
from stages.clustering.itemsets.itemsets import Itemsets, TooManyItemsetsError
from stages.clustering.itemsets.rules import Rules, find_rules
from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output, Table
from stages.core.params import Params
from stages.core.vocabulary import read_words
from stages.metrics.mine_rules import MineRulesMetrics

ALGORITHMS = {"apriori": apriori, "eclat": eclat}
# The rules that the metrics and the report call significant.
FALSE_DISCOVERY_RATE = 0.05


class MineRulesParams(Params):
    """The section `clustering.mine_rules`."""

    algorithm: Literal["apriori", "eclat"]
    basket: Literal["sentence", "document"]
    skip_words: int = Field(ge=0)
    min_support: float = Field(gt=0, le=1)
    min_confidence: float = Field(gt=0, le=1)
    max_length: int = Field(ge=2)
    max_itemsets: int = Field(ge=1)


def count_on(sets: np.ndarray, groups: list[tuple[int, ...]]) -> np.ndarray:
    """Return the number of baskets that contain all words of each group, (groups,).

    Args:
        sets: baskets of each word as bits, (words, baskets / 64).
        groups: rows of words.
    """
    counts = [int(sizes(np.bitwise_and.reduce(sets[list(rows)]))) for rows in groups]
    return np.array(counts, np.int64)


def mine(baskets: Baskets, params: MineRulesParams, minimum: int) -> Itemsets:
    """Return the frequent sets, small ones first.

    Raises:
        StageError: there are too many.
    """
    try:
        found = ALGORITHMS[params.algorithm](
            baskets.contains, minimum, params.max_length, params.max_itemsets
        )
    except TooManyItemsetsError:
        raise StageError(
            f"more than {params.max_itemsets} sets of words occur in {minimum} "
            f"{params.basket}s or more: raise {params.section}.min_support or max_itemsets, or "
            "lower max_length"
        ) from None
    return {rows: found[rows] for rows in sorted(found, key=lambda rows: (len(rows), rows))}


@command
def main(
    *,
    params: MineRulesParams,
    tokens: Input,
    vocabulary: Input,
    itemsets: Table[ITEMSETS],
    rules: Table[RULES],
    metrics: Output,
) -> None:
    """Mine association rules between words of the same sentence or document.

    Rules are found in the training split; the test split says whether they hold.
    """
    listed = read_words(vocabulary)["token"].to_pylist()  # by falling frequency
    words = [word for word in listed[params.skip_words :] if any(map(str.isalpha, word))]
    if not words:
        raise StageError(
            f"{vocabulary} has {len(listed)} words, and none is left after skipping "
            f"{params.skip_words}: lower {params.section}.skip_words or bring more text"
        )
    rows = pq.read_table(tokens, columns=["split", "tokens", "sentence_lengths"])
    split = {
        name: read_baskets(rows.filter(pc.equal(rows["split"], name)), params.basket, words)
        for name in ("train", "test")
    }
    n = split["train"].contains.shape[0]
    minimum = max(math.ceil(params.min_support * n), 1)
    training = split["train"].frequent(minimum)
    found = mine(training, params, minimum)
    ruled = find_rules(found, n, params.min_confidence)
    q_values = ruled.q_values()

    test = bit_sets(split["test"].restrict(training.words).contains)
    together = [sorted(a + c) for a, c in zip(ruled.antecedents, ruled.consequents, strict=True)]
    on_test = Rules(
        ruled.antecedents,
        ruled.consequents,
        count_on(test, together),
        count_on(test, ruled.antecedents),
        count_on(test, ruled.consequents),
        split["test"].contains.shape[0],
    )
    significant = q_values < FALSE_DISCOVERY_RATE
    tested = significant & (on_test.antecedent_counts > 0)
    expected = on_test.antecedent_counts * on_test.consequent_counts / max(on_test.baskets, 1)

    def named(groups: list[tuple[int, ...]]) -> list[list[str]]:
        # The most frequent word first, as the rows are in ascending order.
        return [[training.words[row] for row in reversed(group)] for group in groups]

    itemsets.write(pa.table([named(list(found)), list(found.values())], schema=itemsets.schema))
    low, high = ruled.confidence_interval()
    columns = [
        named(ruled.antecedents), named(ruled.consequents), ruled.counts, ruled.support,
        ruled.confidence, low, high, ruled.lift, ruled.leverage, q_values,
        on_test.antecedent_counts, on_test.counts,
    ]  # fmt: skip
    rules.write(pa.table(columns, schema=rules.schema))
    lengths = [len(group) for group in found]
    metrics.write_json(
        MineRulesMetrics(
            basket=params.basket,
            algorithm=params.algorithm,
            min_support=params.min_support,
            min_confidence=params.min_confidence,
            baskets=n,
            empty_baskets=int((np.diff(split["train"].contains.indptr) == 0).sum()),
            test_baskets=on_test.baskets,
            min_count=minimum,
            words=len(training.words),
            itemsets={str(size): lengths.count(size) for size in sorted(set(lengths))},
            rules=len(q_values),
            significant=int(significant.sum()),
            tested=int(tested.sum()),
            held=int((tested & (on_test.counts > expected)).sum()),
        )
    )
