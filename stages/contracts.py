"""What must hold of a table before DVC may cache it, checked with Great Expectations."""

import logging
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.errors import StageError

Expectation = tuple[str, dict[str, Any]]
EXAMPLES_SHOWN = 3


class ContractBreach(StageError):
    """A table that does not keep its contract."""


@dataclass(frozen=True)
class Contract:
    """The columns of a table and what must hold of their values.

    Attributes:
        name: the table's name, which is the stem of the file it is written to.
        schema: columns in order; those not nullable must hold no null.
        expectations: class names of `great_expectations.expectations` with their arguments.
            A list column `c` is checked through `c.length`, and one of numbers also through
            `c.finite`, which is always expected to be true.
        min_rows: the fewest rows that make sense.
    """

    name: str
    schema: pa.Schema
    expectations: tuple[Expectation, ...] = field(default=())
    min_rows: int = 1

    def all_expectations(self) -> list[Expectation]:
        """Return the expectations that follow from the schema and then those that were stated."""
        columns = _checked_columns(self.schema)
        implied: list[Expectation] = [
            ("ExpectTableColumnsToMatchOrderedList", {"column_list": columns}),
            ("ExpectTableRowCountToBeBetween", {"min_value": self.min_rows}),
        ]
        for column in self.schema:
            name = f"{column.name}.length" if _is_list(column.type) else column.name
            if not column.nullable:
                implied.append(("ExpectColumnValuesToNotBeNull", {"column": name}))
            if _is_list(column.type) and pa.types.is_floating(column.type.value_type):
                implied.append(
                    (
                        "ExpectColumnValuesToBeInSet",
                        {"column": f"{column.name}.finite", "value_set": [True]},
                    )
                )
        return [*implied, *self.expectations]

    def check(self, table: pa.Table) -> dict[str, Any]:
        """Validate `table` and return Great Expectations' results, free of times and of paths.

        Raises:
            ContractBreach: something does not hold; the sentence names table, column,
                expectation, count and examples.
        """
        # Imported here: it costs seconds, and only a stage that has a table to check pays them.
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        import great_expectations as gx

        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        suite = gx.ExpectationSuite(
            name=self.name,
            expectations=[
                getattr(gx.expectations, kind)(**arguments)
                for kind, arguments in self.all_expectations()
            ],
        )
        batch = (
            context.data_sources.add_pandas("etude")
            .add_dataframe_asset(self.name)
            .add_batch_definition_whole_dataframe("whole")
            .get_batch({"dataframe": _checked_frame(table)})
        )
        outcome = batch.validate(
            suite,
            result_format={
                "result_format": "SUMMARY",
                "partial_unexpected_count": EXAMPLES_SHOWN,
            },
        ).to_json_dict()
        outcome["meta"] = {"great_expectations_version": gx.__version__}
        for result in outcome["results"]:
            result["expectation_config"]["kwargs"].pop("batch_id", None)
        if not outcome["success"]:
            failures = [_describe(r) for r in outcome["results"] if not r["success"]]
            raise ContractBreach(f"table '{self.name}' breaks its contract: {'; '.join(failures)}")
        return outcome


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _checked_columns(schema: pa.Schema) -> list[str]:
    names = []
    for column in schema:
        if not _is_list(column.type):
            names.append(column.name)
            continue
        names.append(f"{column.name}.length")
        if pa.types.is_floating(column.type.value_type):
            names.append(f"{column.name}.finite")
    return names


def _checked_frame(table: pa.Table) -> Any:
    """Return `table` as a pandas frame in which lists are replaced by what is checked of them."""
    columns = {}
    for column in table.schema:
        values = table.column(column.name)
        if not _is_list(column.type):
            columns[column.name] = values
            continue
        lengths = pc.list_value_length(values)
        columns[f"{column.name}.length"] = lengths
        if pa.types.is_floating(column.type.value_type):
            finite = pc.is_finite(pc.list_flatten(values)).to_numpy()
            bad_rows = np.unique(pc.list_parent_indices(values).to_numpy()[~finite])
            is_finite = np.ones(len(values), dtype=bool)
            is_finite[bad_rows] = False
            columns[f"{column.name}.finite"] = pa.array(is_finite)
    return pa.table(columns).to_pandas()


def _describe(result: dict[str, Any]) -> str:
    config, seen = result["expectation_config"], result["result"]
    arguments = {k: v for k, v in config["kwargs"].items() if k != "column"}
    column = config["kwargs"].get("column")
    words = [f"column '{column}'" if column else "the table", f"fails {config['type']}"]
    if arguments:
        words.append(f"({', '.join(f'{k}={v}' for k, v in arguments.items())})")
    if result["exception_info"].get("raised_exception"):
        words.append(f"({result['exception_info'].get('exception_message')})")
    elif "unexpected_count" in seen:
        words.append(f"in {seen['unexpected_count']} of {seen['element_count']} rows")
        examples = seen.get("partial_unexpected_list")
        rows = seen.get("partial_unexpected_index_list")
        if examples:
            words.append(f"for example {examples}")
        if rows:
            words.append(f"at rows {rows}")
    elif "observed_value" in seen:
        words.append(f"with {seen['observed_value']}")
    return " ".join(words)
