"""A table that breaks any expectation of its contract does not appear."""

import importlib
import json
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core import contracts
from stages.core.command import stages
from stages.core.contracts import Contract, ContractBreach
from stages.core.outputs import Staging

TABLES = {
    (stage, name): get_args(hint)[1]
    for stage in stages()
    for name, hint in get_type_hints(
        importlib.import_module(f"stages.{stage}").main, include_extras=True
    ).items()
    if get_origin(hint) is Annotated
}


def bounds(arguments: dict) -> list[str]:
    """Return the bounds that a table can violate."""
    return [side for side in ("min_value", "max_value") if arguments.get(side) is not None] or [""]


BREACHES = [
    pytest.param(table, kind, arguments, side, id=f"{'.'.join(table)}-{kind}-{n}{side}")
    for table, contract in TABLES.items()
    for n, (kind, arguments) in enumerate(contract.all_expectations())
    for side in bounds(arguments)
]
every_table = pytest.mark.parametrize("table", TABLES, ids=".".join)


@pytest.fixture(scope="module")
def real(finished_project) -> dict[tuple[str, str], Path]:
    """The largest table of each output of a stage, because some variants are empty."""
    found: dict[tuple[str, str], Path] = {}
    for file in sorted((finished_project / "reports/validation").rglob("*.json")):
        stage = file.relative_to(finished_project / "reports/validation").parts[0]
        stage = stage.removesuffix(".json")
        for name in json.loads(file.read_text(encoding="utf-8")):
            path = finished_project / name
            for owner, output in TABLES:
                if owner.split(".")[1] == stage and output in (path.stem, path.parent.name):
                    before = found.get((owner, output))
                    if before is None or rows(before) < rows(path):
                        found[(owner, output)] = path
    return found


def rows(path: Path) -> int:
    return pq.read_metadata(path).num_rows


def real_table(path: Path, contract: Contract) -> pa.Table:
    return pq.read_table(path).cast(contract.schema)


def replace_first(table: pa.Table, column: str, value: object) -> pa.Table:
    """Return `table` with `value` in the first row of `column`."""
    index = table.schema.get_field_index(column)
    field = table.schema.field(index).with_nullable(True)
    values = [value, *table[column].to_pylist()[1:]]
    return table.set_column(index, field, pa.array(values, field.type))


def broken(table: pa.Table, kind: str, arguments: dict, side: str) -> pa.Table:
    """Return `table` changed so that it breaks one expectation, at one of its bounds."""
    column = arguments.get("column", "").removesuffix(".length").removesuffix(".finite")
    first = table[column][0].as_py() if column else None
    match kind:
        case "ExpectTableColumnsToMatchOrderedList":
            return table.append_column("extra", pa.array([0] * len(table)))
        case "ExpectTableRowCountToBeBetween":
            if arguments[side] == 0:
                pytest.skip("an empty table meets this contract")
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
            return replace_first(table, column, "" if side == "min_value" else "x" * 10_000)
        case "ExpectColumnValuesToBeBetween" if arguments["column"].endswith(".length"):
            long = arguments.get("max_value", 0) + 1
            if isinstance(first, str):
                return replace_first(table, column, "x" * long if side == "max_value" else "")
            return replace_first(table, column, first[:1] * long if side == "max_value" else [])
        case "ExpectColumnValuesToBeBetween":
            beyond = arguments[side] + (1 if side == "max_value" else -1)
            return replace_first(table, column, beyond)
        case "ExpectColumnUniqueValueCountToBeBetween":
            return replace_first(table, column, first[:-1])
        case "ExpectColumnValuesToBeIncreasing":
            return table.take([1, 0, *range(2, len(table))])
        case "ExpectColumnPairValuesAToBeGreaterThanB":
            smaller = [0 if b is None else b - 1 for b in table[arguments["column_B"]].to_pylist()]
            index = table.schema.get_field_index(arguments["column_A"])
            return table.set_column(index, table.schema.field(index), pa.array(smaller))
    raise AssertionError(f"add a case for {kind}")


@pytest.mark.parametrize(("table", "kind", "arguments", "side"), BREACHES)
def test_a_table_that_breaks_its_contract_does_not_appear(
    real, tmp_path, table, kind, arguments, side
):
    contract = TABLES[table]
    changed = broken(real_table(real[table], contract), kind, arguments, side)
    with pytest.raises(ContractBreach) as breach, Staging() as staging:
        pq.write_table(changed, staging.table(tmp_path / "broken.parquet", contract).path)
    words = "".join(word.lower() for word in kind)
    assert words in str(breach.value).lower().replace("_", "")
    assert str(tmp_path / "broken.parquet") in str(breach.value)
    assert list(tmp_path.iterdir()) == []


@every_table
def test_a_real_table_meets_its_contract(real, table):
    results = TABLES[table].check(real[table])
    assert results["success"]
    assert len(results["results"]) == len(TABLES[table].all_expectations())


WORDS = Contract(
    pa.schema([pa.field("word", pa.string(), nullable=False)]),
    (("ExpectColumnValuesToBeInSet", {"column": "word", "value_set": ["a"]}),),
)


def test_message_names_table_column_count_and_examples(tmp_path):
    pq.write_table(pa.table({"word": ["a", "b", "b", "c"]}), tmp_path / "pairs.parquet")
    results = WORDS.check(tmp_path / "pairs.parquet")
    sentence = str(ContractBreach({"pairs.parquet": results}))
    for part in ("pairs.parquet", "'word'", "in_set", "3 of 4 rows", "['b', 'b', 'c']"):
        assert part in sentence


@pytest.fixture
def in_parts(monkeypatch):
    """Check every table with more than ten rows in parts."""
    monkeypatch.setattr(contracts, "ROWS_AT_ONCE", 10)


@every_table
def test_checking_in_parts_gives_the_results_of_the_whole(real, tmp_path, monkeypatch, table):
    contract = TABLES[table]
    path = tmp_path / "table.parquet"
    pq.write_table(real_table(real[table], contract).slice(0, 60), path, row_group_size=7)
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
    assert "in 2 of 95 rows for example ['b', 'b']" in str(ContractBreach({"": WORDS.check(path)}))


def test_equal_values_are_found_across_parts(tmp_path, in_parts):
    contract = Contract(
        pa.schema([pa.field("name", pa.string(), nullable=False)]),
        (("ExpectColumnValuesToBeUnique", {"column": "name"}),),
    )
    names = [f"n{i}" for i in range(95)]
    path = tmp_path / "names.parquet"
    pq.write_table(pa.table({"name": names}), path, row_group_size=4)
    assert contract.check(path)["success"]
    names[90] = "n3"
    pq.write_table(pa.table({"name": names}), path, row_group_size=4)
    sentence = str(ContractBreach({"": contract.check(path)}))
    assert "in 2 of 95 rows for example ['n3', 'n3']" in sentence
