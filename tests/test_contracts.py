"""A breach of any expectation of any contract keeps the table from appearing."""

import importlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages import contracts
from stages.core.contracts import Contract, ContractBreach
from stages.core.outputs import Outputs

ROOMS = [path.parent.name for path in Path(__file__).parents[1].glob("stages/*/contracts.py")]
CONTRACTS = {
    f"{room}.{contract.name}": contract
    for room in ROOMS
    for contract in vars(importlib.import_module(f"stages.{room}.contracts")).values()
    if isinstance(contract, Contract)
}
BREACHES = [
    pytest.param(contract, kind, arguments, id=f"{name}-{kind}-{arguments.get('column', '')}")
    for name, contract in CONTRACTS.items()
    for kind, arguments in contract.all_expectations()
]


def real_path(project: Path, contract: Contract) -> Path:
    """Return the largest of the tables of a contract: those of some models are empty."""
    paths = sorted((project / "data").rglob(f"{contract.name}.parquet"))
    return max(paths, key=lambda path: pq.read_metadata(path).num_rows)


def real_table(project: Path, contract: Contract) -> pa.Table:
    return pq.read_table(real_path(project, contract)).cast(contract.schema)


def replace_first(table: pa.Table, column: str, value: object) -> pa.Table:
    """Return `table` with `value` in the first row of `column`."""
    index = table.schema.get_field_index(column)
    field = table.schema.field(index).with_nullable(True)
    values = [value, *table[column].to_pylist()[1:]]
    return table.set_column(index, field, pa.array(values, field.type))


def broken(table: pa.Table, kind: str, arguments: dict) -> pa.Table:
    """Return `table` changed so that it breaks one expectation."""
    column = arguments.get("column", "").removesuffix(".length").removesuffix(".finite")
    first = table[column][0].as_py() if column else None
    match kind:
        case "ExpectTableColumnsToMatchOrderedList":
            return table.append_column("extra", pa.array([0] * len(table)))
        case "ExpectTableRowCountToBeBetween":
            if arguments["min_value"] == 0:
                pytest.skip("an empty table keeps this contract")
            return table.slice(0, 0)
        case "ExpectColumnValuesToNotBeNull":
            return replace_first(table, column, None)
        case "ExpectColumnValuesToBeUnique":
            return replace_first(table, column, table[column][1].as_py())
        case "ExpectCompoundColumnsToBeUnique":
            return pa.concat_tables([table, table.slice(0, 1)])
        case "ExpectColumnValuesToBeInSet" if arguments["column"].endswith(".finite"):
            return replace_first(table, column, [float("nan"), *first[1:]])
        case "ExpectColumnValuesToBeInSet":
            other = "nonsense" if isinstance(first, str) else -12345
            return replace_first(table, column, other)
        case "ExpectColumnValueLengthsToBeBetween":
            return replace_first(table, column, "")
        case "ExpectColumnValuesToBeBetween" if arguments["column"].endswith(".length"):
            return replace_first(table, column, "" if isinstance(first, str) else [])
        case "ExpectColumnValuesToBeBetween":
            low = arguments.get("min_value")
            bad = arguments["max_value"] + 1 if low is None else low - 1
            return replace_first(table, column, bad)
        case "ExpectColumnUniqueValueCountToBeBetween":
            return replace_first(table, column, first[:-1])
        case "ExpectColumnValuesToBeIncreasing":
            return table.take([1, 0, *range(2, len(table))])
        case "ExpectColumnPairValuesAToBeGreaterThanB":
            smaller = [0 if b is None else b - 1 for b in table[arguments["column_B"]].to_pylist()]
            index = table.schema.get_field_index(arguments["column_A"])
            return table.set_column(index, table.schema.field(index), pa.array(smaller))
    raise AssertionError(f"say here how a table breaks {kind}")


@pytest.mark.parametrize(("contract", "kind", "arguments"), BREACHES)
def test_breach_keeps_the_table_out(finished_project, tmp_path, contract, kind, arguments):
    table = broken(real_table(finished_project, contract), kind, arguments)
    target = tmp_path / f"{contract.name}.parquet"
    outputs = Outputs(tmp_path / "validation.json")
    with pytest.raises(ContractBreach) as breach, outputs:
        pq.write_table(table, outputs.aside(target))
        outputs.expect(target, contract)
    words = "".join(word.lower() for word in kind)
    assert words in str(breach.value).lower().replace("_", "")
    assert contract.name in str(breach.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_real_table_keeps_its_contract(finished_project, contract):
    results = contract.check(real_path(finished_project, contract))
    assert results["success"]
    assert len(results["results"]) == len(contract.all_expectations())


WORDS = Contract(
    "pairs",
    pa.schema([pa.field("word", pa.string(), nullable=False)]),
    (("ExpectColumnValuesToBeInSet", {"column": "word", "value_set": ["a"]}),),
)


def test_sentence_names_table_column_count_and_examples(tmp_path):
    pq.write_table(pa.table({"word": ["a", "b", "b", "c"]}), tmp_path / "pairs.parquet")
    with pytest.raises(ContractBreach) as breach:
        WORDS.check(tmp_path / "pairs.parquet")
    sentence = str(breach.value)
    for part in ("'pairs'", "'word'", "in_set", "3 of 4 rows", "['b', 'b', 'c']"):
        assert part in sentence


@pytest.fixture
def in_parts(monkeypatch):
    """Have every table with more than ten rows checked in parts."""
    monkeypatch.setattr(contracts, "ROWS_AT_ONCE", 10)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_checking_in_parts_gives_the_results_of_the_whole(
    finished_project, tmp_path, monkeypatch, contract
):
    table = real_table(finished_project, contract).slice(0, 60)
    path = tmp_path / f"{contract.name}.parquet"
    pq.write_table(table, path, row_group_size=7)
    whole = contract.check(path)
    monkeypatch.setattr(contracts, "ROWS_AT_ONCE", 10)
    parts = contract.check(path)
    assert [r["expectation_config"] for r in parts["results"]] == [
        r["expectation_config"] for r in whole["results"]
    ]
    for in_parts, at_once in zip(parts["results"], whole["results"], strict=True):
        for key in ("element_count", "unexpected_count", "observed_value"):
            if key == "element_count" and "unique" in at_once["expectation_config"]["type"]:
                continue
            assert in_parts["result"].get(key) == at_once["result"].get(key)


def test_breach_is_found_in_any_part(tmp_path, in_parts):
    words = ["a"] * 95
    words[50] = words[93] = "b"
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.table({"word": words}), path, row_group_size=4)
    with pytest.raises(ContractBreach, match=r"in 2 of 95 rows for example \['b', 'b'\]"):
        WORDS.check(path)


def test_equal_values_are_found_across_parts(tmp_path, in_parts):
    contract = Contract(
        "names",
        pa.schema([pa.field("name", pa.string(), nullable=False)]),
        (("ExpectColumnValuesToBeUnique", {"column": "name"}),),
    )
    names = [f"n{i}" for i in range(95)]
    path = tmp_path / "names.parquet"
    pq.write_table(pa.table({"name": names}), path, row_group_size=4)
    assert contract.check(path)["success"]
    names[90] = "n3"
    pq.write_table(pa.table({"name": names}), path, row_group_size=4)
    with pytest.raises(ContractBreach, match=r"in 2 of 95 rows for example \['n3', 'n3'\]"):
        contract.check(path)
