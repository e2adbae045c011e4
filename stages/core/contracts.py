"""Contracts of tables, checked with Great Expectations before DVC caches the tables."""

import functools
import importlib.metadata
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.core.errors import StageError

Expectation = tuple[str, dict[str, Any]]
EXAMPLES_SHOWN = 3
# Larger tables are checked in parts.
ROWS_AT_ONCE = 50_000
BYTES_AT_ONCE = 1 << 25
# Expectations about a whole table or column rather than about each value.
_COLUMN_EXPECTATIONS = {
    "ExpectTableRowCountToBeBetween",
    "ExpectColumnValuesToBeUnique",
    "ExpectCompoundColumnsToBeUnique",
    "ExpectColumnUniqueValueCountToBeBetween",
    "ExpectColumnValuesToBeIncreasing",
}


class ContractBreach(StageError):
    """A failure of tables to meet their contracts.

    The message names table, column, expectation, count and examples.

    Args:
        broken: results of `Contract.check` by the path of the table.
    """

    def __init__(self, broken: dict[str, dict[str, Any]]):
        super().__init__(
            "; ".join(
                f"table {path} breaks its contract: {', '.join(_failures(result))}"
                for path, result in broken.items()
            )
        )


def _failures(result: dict[str, Any]) -> list[str]:
    return [_describe(outcome) for outcome in result["results"] if not outcome["success"]]


@dataclass(frozen=True)
class Contract:
    """The columns of a table and the expectations about their values.

    Attributes:
        schema: columns in order; columns that are not nullable must not contain nulls.
        expectations: class names of `great_expectations.expectations` with their arguments.
            A column `c` of lists or long texts (`large_string`) is checked through `c.length`,
            a column of lists of numbers also through `c.finite`, which must always be true.
        min_rows: minimum number of rows.
    """

    schema: pa.Schema
    expectations: tuple[Expectation, ...] = field(default=())
    min_rows: int = 1

    def all_expectations(self) -> list[Expectation]:
        """Return the expectations that follow from the schema, then the explicit ones."""
        columns = _checked_columns(self.schema)
        implied: list[Expectation] = [
            ("ExpectTableColumnsToMatchOrderedList", {"column_list": columns}),
            ("ExpectTableRowCountToBeBetween", {"min_value": self.min_rows}),
        ]
        for column in self.schema:
            name = f"{column.name}.length" if _is_long(column.type) else column.name
            if not column.nullable:
                implied.append(("ExpectColumnValuesToNotBeNull", {"column": name}))
            if _is_list_of_numbers(column.type):
                implied.append(
                    (
                        "ExpectColumnValuesToBeInSet",
                        {"column": f"{column.name}.finite", "value_set": [True]},
                    )
                )
        return [*implied, *self.expectations]

    def check(self, path: Path) -> dict[str, Any]:
        """Validate a Parquet file; return Great Expectations' results without times and paths.

        A large table is checked in parts, so that memory does not grow with it: expectations about
        values part by part, an expectation about a whole column on this column alone.
        """
        expectations = self.all_expectations()
        # Lists of strings are read dictionary-encoded, because only their lengths are checked.
        string_lists = [
            f"{column.name}.list.element"
            for column in self.schema
            if _is_list(column.type) and pa.types.is_string(column.type.value_type)
        ]
        with pq.ParquetFile(path, read_dictionary=string_lists) as file:
            if _size(file) <= BYTES_AT_ONCE and file.metadata.num_rows <= ROWS_AT_ONCE:
                results = _validate(next(_parts(file)), expectations)
            else:
                of_values = [e for e in expectations if e[0] not in _COLUMN_EXPECTATIONS]
                parts = [_validate(frame, of_values) for frame in _parts(file)]
                merged = iter([_merged(list(results)) for results in zip(*parts, strict=True)])
                results = [
                    _merged([_validate(frame, [e])[0] for frame in _whole(file, e)])
                    if e[0] in _COLUMN_EXPECTATIONS
                    else next(merged)
                    for e in expectations
                ]
        met = sum(result["success"] for result in results)
        return {
            "success": met == len(results),
            "suite_name": "contract",
            "results": results,
            "statistics": {
                "evaluated_expectations": len(results),
                "successful_expectations": met,
                "unsuccessful_expectations": len(results) - met,
                "success_percent": 100.0 * met / len(results),
            },
            "meta": {
                "great_expectations_version": importlib.metadata.version("great-expectations")
            },
        }


def _size(file: pq.ParquetFile) -> int:
    groups = range(file.metadata.num_row_groups)
    return sum(file.metadata.row_group(group).total_byte_size for group in groups)


def _parts(file: pq.ParquetFile) -> Iterator[pd.DataFrame]:
    """Yield the table as frames of several row groups each."""
    pending: list[pd.DataFrame] = []
    groups = map(file.read_row_group, range(file.metadata.num_row_groups))
    for group in groups if file.metadata.num_row_groups else [file.schema_arrow.empty_table()]:
        frame = _checked_frame(group)
        if pending and sum(map(len, pending)) + len(frame) > ROWS_AT_ONCE:
            yield pd.concat(pending, ignore_index=True)
            pending = []
            # Arrow would otherwise keep the freed memory, more with every part.
            pa.default_memory_pool().release_unused()
        pending.append(frame)
    yield pd.concat(pending, ignore_index=True)


def _whole(file: pq.ParquetFile, expectation: Expectation) -> Iterator[pd.DataFrame]:
    """Yield frames in each of which an expectation about whole columns can be checked."""
    kind, arguments = expectation
    if kind == "ExpectTableRowCountToBeBetween":
        yield pd.DataFrame(index=range(file.metadata.num_rows))
        return
    column = arguments.get("column", "").split(".")[0]
    columns = [column] if column else arguments["column_list"]
    if kind != "ExpectColumnValuesToBeUnique" or not pa.types.is_string(
        file.schema_arrow.field(column).type
    ):
        yield _checked_frame(file.read(columns))
        return
    # Equal values are hashed to the same part, so no repetition is split between parts.
    n_parts = -(-file.metadata.num_rows // ROWS_AT_ONCE)
    part_of = [
        pd.util.hash_array(batch[0].to_numpy(zero_copy_only=False), categorize=False) % n_parts
        for batch in file.iter_batches(columns=columns)
    ]
    for part in range(n_parts):
        batches = zip(part_of, file.iter_batches(columns=columns), strict=True)
        kept = [batch.filter(pa.array(parts == part)) for parts, batch in batches]
        yield pa.Table.from_batches(kept).to_pandas()


@functools.cache
def _batches() -> Any:
    """Return the batch definition through which Great Expectations receives frames."""
    # Imported here: it takes seconds, which stages without tables should not pay.
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("etude").add_dataframe_asset("table")
    return asset.add_batch_definition_whole_dataframe("whole")


def _validate(frame: pd.DataFrame, expectations: list[Expectation]) -> list[dict[str, Any]]:
    """Return the result of each expectation about a frame, in order."""
    batch = _batches().get_batch({"dataframe": frame})
    import great_expectations as gx

    # Great Expectations sorts its results by column; merging parts needs the original order.
    indexed = [
        getattr(gx.expectations, kind)(**arguments, meta={"index": index})
        for index, (kind, arguments) in enumerate(expectations)
    ]
    outcome = batch.validate(
        gx.ExpectationSuite(name="expected", expectations=indexed),
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES_SHOWN},
    )
    results = outcome.to_json_dict()["results"]
    results.sort(key=lambda result: result["expectation_config"]["meta"].pop("index"))
    for result in results:
        result["expectation_config"]["kwargs"].pop("batch_id", None)
    return results


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Merge the results of one expectation about several parts of a table."""
    merged = {**parts[0], "success": all(part["success"] for part in parts)}
    results = [part["result"] for part in parts]
    if len(parts) == 1 or "element_count" not in results[0]:
        return merged
    total = {
        key: sum(result[key] for result in results)
        for key in ("element_count", "unexpected_count", "missing_count")
        if key in results[0]
    }
    present = total["element_count"] - total.get("missing_count", 0)
    shares = {
        "unexpected_percent": (total["unexpected_count"], present),
        "unexpected_percent_nonmissing": (total["unexpected_count"], present),
        "unexpected_percent_total": (total["unexpected_count"], total["element_count"]),
        "missing_percent": (total.get("missing_count", 0), total["element_count"]),
    }
    merged["result"] = {
        **total,
        **{k: 100 * n / of if of else 0.0 for k, (n, of) in shares.items() if k in results[0]},
        "partial_unexpected_list": [
            value for result in results for value in result.get("partial_unexpected_list", [])
        ][:EXAMPLES_SHOWN],
    }
    return merged


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _is_long(kind: pa.DataType) -> bool:
    return _is_list(kind) or pa.types.is_large_string(kind)


def _is_list_of_numbers(kind: pa.DataType) -> bool:
    return _is_list(kind) and pa.types.is_floating(kind.value_type)


def _checked_columns(schema: pa.Schema) -> list[str]:
    names = []
    for column in schema:
        names.append(f"{column.name}.length" if _is_long(column.type) else column.name)
        if _is_list_of_numbers(column.type):
            names.append(f"{column.name}.finite")
    return names


def _checked_frame(table: pa.Table) -> pd.DataFrame:
    """Return `table` with lists and long texts replaced by `length` and `finite`."""
    columns = {}
    for column in table.schema:
        values = table.column(column.name)
        if not _is_long(column.type):
            columns[column.name] = values
            continue
        length = pc.list_value_length if _is_list(column.type) else pc.binary_length
        columns[f"{column.name}.length"] = length(values)
        if _is_list_of_numbers(column.type):
            finite = pc.is_finite(pc.list_flatten(values)).to_numpy()
            bad_rows = np.unique(pc.list_parent_indices(values).to_numpy()[~finite])
            is_finite = np.ones(len(values), dtype=bool)
            is_finite[bad_rows] = False
            columns[f"{column.name}.finite"] = pa.array(is_finite)
    return pa.table(columns).to_pandas()


def _describe(result: dict[str, Any]) -> str:
    config, observed = result["expectation_config"], result["result"]
    arguments = {k: v for k, v in config["kwargs"].items() if k != "column"}
    column = config["kwargs"].get("column")
    words = [f"column '{column}'" if column else "the table", f"fails {config['type']}"]
    if arguments:
        words.append(f"({', '.join(f'{k}={v}' for k, v in arguments.items())})")
    if result["exception_info"].get("raised_exception"):
        words.append(f"({result['exception_info'].get('exception_message')})")
    elif "unexpected_count" in observed:
        words.append(f"in {observed['unexpected_count']} of {observed['element_count']} rows")
        examples = observed.get("partial_unexpected_list")
        rows = observed.get("partial_unexpected_index_list")
        if examples:
            words.append(f"for example {examples}")
        if rows:
            words.append(f"at rows {rows}")
    elif "observed_value" in observed:
        words.append(f"with {observed['observed_value']}")
    return " ".join(words)
