"""What the page says of association rules."""

import pandas as pd

from stages.metrics.mine_rules import MineRulesMetrics
from stages.report.page.content import Block, Section, Table, Text, number, percent

STAGE = "mine_rules"
RULES_LISTED = 25
# As in the metrics.
FALSE_DISCOVERY_RATE = 0.05


def association_rules(mined: MineRulesMetrics, rules: pd.DataFrame) -> Section:
    """Return the section about association rules.

    Args:
        mined: metrics of `mine_rules`.
        rules: table of that name, the highest lift first.
    """
    blocks: list[Block] = [Text(_verdict(mined))]
    listed = _best_of_each_set(rules[rules["q_value"] < FALSE_DISCOVERY_RATE])
    if len(listed):
        blocks.append(_table(mined, listed))
    return Section("Words that go together", [STAGE], blocks)


def _verdict(mined: MineRulesMetrics) -> str:
    """Return how many rules there are, and how many are more than chance and hold on test."""
    found = (
        f"{number(sum(mined.itemsets.values()))} sets of words are in {mined.min_count} or more of "
        f"{number(mined.baskets)} {mined.basket}s of the training split "
        f"({number(mined.empty_baskets)} of them have none of the words that count)"
    )
    if not mined.rules:
        return (
            f"{found}, and no rule follows from them with a confidence of at least "
            f"{percent(mined.min_confidence)}: lower clustering.mine_rules.min_support or "
            "min_confidence."
        )
    return (
        f"{found}; {number(mined.rules)} rules follow from them with a confidence of at least "
        f"{percent(mined.min_confidence)}, of which {number(mined.significant)} are more frequent "
        "than chance at a false discovery rate of 5 %, as if "
        f"{mined.basket}s were independent. The first words of {number(mined.tested)} of these "
        f"occur in the test split, and {number(mined.held)} hold there: their lift is above 1. "
        "Rules find names, phrases and topics; for words of similar meaning use word vectors."
    )


def _best_of_each_set(rules: pd.DataFrame) -> pd.DataFrame:
    """Return one rule for each set of words, that of the highest lift and confidence."""
    words = [
        " ".join(sorted([*left, *right]))
        for left, right in zip(rules["antecedent"], rules["consequent"], strict=True)
    ]
    ordered = rules.assign(words=words).sort_values(
        ["lift", "confidence", "count"], ascending=False, kind="stable"
    )
    return ordered.drop_duplicates("words").head(RULES_LISTED)


def _table(mined: MineRulesMetrics, rules: pd.DataFrame) -> Table:
    return Table(
        f"Rules by lift, one for each set of words: a {mined.basket} with the words before the "
        "arrow also has those after it in a share of cases, the confidence (95 % interval), which "
        "is lift times what it would be by chance; leverage is the share of all "
        f"{mined.basket}s beyond chance, in thousandths.",
        ["rule", f"{mined.basket}s", "confidence", "lift", "leverage", "on test"],
        [
            [
                f"{', '.join(rule.antecedent)} → {', '.join(rule.consequent)}",
                number(int(rule.baskets)),
                f"{percent(rule.confidence)} "
                f"({percent(rule.confidence_low)} to {percent(rule.confidence_high)})",
                number(rule.lift, 1),
                number(1000 * rule.leverage),
                f"{number(int(rule.test_count))} of {number(int(rule.test_antecedent_count))}"
                if rule.test_antecedent_count
                else "–",
            ]
            # `count` is a method of a named tuple.
            for rule in rules.rename(columns={"count": "baskets"}).itertuples()
        ],
    )
