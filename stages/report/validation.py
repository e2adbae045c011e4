"""The page of the validation results: an overview, and Great Expectations' Data Docs."""

import functools
import re
from typing import Any

from stages.report.content import Details, Page, Section, Table, not_run, number
from stages.report.inputs import Inputs

TITLE = "Validation"


def build(inputs: Inputs) -> Page:
    """Return the page."""
    checked = [
        (stage, table, result)
        for stage, tables in inputs.checks().items()
        for table, result in tables.items()
    ]
    if not checked:
        return not_run("validation", TITLE)
    evaluated = sum(r["statistics"]["evaluated_expectations"] for *_, r in checked)
    met = sum(r["statistics"]["successful_expectations"] for *_, r in checked)
    return Page(
        "validation",
        TITLE,
        f"{number(met)} of {number(evaluated)} expectations about {number(len(checked))} tables "
        "were met; a table that breaks one never reaches the cache.",
        [
            Section(
                "Tables",
                sorted({stage for stage, *_ in checked}),
                [
                    Table(
                        "Every table, the stage that wrote and checked it, and how many "
                        "expectations of its contract it met.",
                        ["table", "stage", "expectations", "met"],
                        [
                            [
                                table,
                                stage,
                                number(result["statistics"]["evaluated_expectations"]),
                                number(result["statistics"]["successful_expectations"]),
                            ]
                            for stage, table, result in checked
                        ],
                    )
                ],
            ),
            Section(
                "Data Docs",
                [],
                [
                    Details(f"{table}, written by {stage}", data_docs(result))
                    for stage, table, result in checked
                ],
            ),
        ],
    )


@functools.cache
def _view() -> Any:
    """Return what turns sections into HTML: one for all tables, as it compiles its templates."""
    from great_expectations.render.view import DefaultJinjaSectionView

    return DefaultJinjaSectionView()


def data_docs(result: dict[str, Any]) -> str:
    """Return the results of one table as Great Expectations itself renders them.

    Left out are the overview, which is random (the names of what folds) and empty (times, paths),
    and names of elements, which would repeat on a page of several tables.
    """
    # Imported here: it costs seconds, which only a report with results pays.
    from great_expectations.core.expectation_validation_result import (
        expectationSuiteValidationResultSchema,
    )
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    loaded = expectationSuiteValidationResultSchema.load(result)
    # The renderer asks for a run; what it says of it is in the overview.
    loaded.meta["run_id"] = {"run_name": "etude", "run_time": "1970-01-01T00:00:00+00:00"}
    document = ValidationResultsPageRenderer().render(loaded).to_json_dict()
    html = "".join(
        _view().render({"section": section, "section_loop": {"index": 1}})
        for section in document["sections"][1:]
    )
    return re.sub(r'\s(?:id|style|data-[a-z-]+)="[^"]*"', "", html)
