"""Render the page of the validation results: an overview, and Great Expectations' Data Docs."""

import functools
import json
import re
from pathlib import Path
from typing import Any

from stages.core.command import Input, command
from stages.core.errors import StageError
from stages.core.outputs import Output
from stages.core.params import Variants
from stages.report.page.content import Details, Page, Section, Table, number
from stages.report.page.html import write_page

Results = list[tuple[str, str, dict[str, Any]]]


def read_results(folder: Path, variants: set[str]) -> Results:
    """Return the result of each table: the stage that wrote it, its path, and the result.

    Args:
        folder: results by stage: STAGE.json and STAGE/VARIANT.json.
        variants: variants to read; other files are of variants that were removed.
    """
    found = []
    for path in sorted(folder.rglob("*.json")):
        stage = path.relative_to(folder).with_suffix("").parts
        if len(stage) == 1 or stage[1] in variants:
            try:
                tables = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise StageError(f"{path} is damaged ({error}): dvc checkout --force") from None
            found += [("@".join(stage), table, result) for table, result in tables.items()]
    return found


def validation_page(checked: Results) -> Page:
    """Return the page.

    Args:
        checked: stage, table and result of each check.
    """
    evaluated = sum(r["statistics"]["evaluated_expectations"] for *_, r in checked)
    met = sum(r["statistics"]["successful_expectations"] for *_, r in checked)
    return Page(
        "validation",
        f"{number(met)} of {number(evaluated)} expectations about {number(len(checked))} tables "
        "were met. A table that breaks one never reaches the cache.",
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


@command
def main(
    *,
    train_embedding: Variants,
    cells: Variants,
    clustering: Variants,
    maps: Variants,
    train_learner: Variants,
    validation_reports: Input,
    page: Output,
    headline: Output,
) -> None:
    """Render the page of the validation results.

    Args:
        train_embedding: section whose keys are the models of word vectors
        cells: section that lists the recurrent cells
        clustering: section whose keys are the methods of clustering
        maps: section that names what is drawn as maps
        train_learner: section whose keys are the classifiers
        validation_reports: folder of the results of all stages
    """
    sections = (train_embedding, cells, clustering, maps, train_learner)
    variants = {name for section in sections for name in section.names}
    write_page(validation_page(read_results(validation_reports, variants)), page, headline)


@functools.cache
def _view() -> Any:
    """Return the renderer of sections; one for all tables, because it compiles its templates."""
    from great_expectations.render.view import DefaultJinjaSectionView

    return DefaultJinjaSectionView()


def data_docs(result: dict[str, Any]) -> str:
    """Return the results of one table as Great Expectations itself renders them.

    The overview is left out, because its names of elements are random and its times and paths are
    empty. The ids of elements are left out, because they would repeat on a page of several tables.
    """
    # Imported here: it costs seconds, which only a page with results pays.
    from great_expectations.core.expectation_validation_result import (
        expectationSuiteValidationResultSchema,
    )
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    loaded = expectationSuiteValidationResultSchema.load(result)
    # The renderer needs a run, which only the overview shows.
    loaded.meta["run_id"] = {"run_name": "etude", "run_time": "1970-01-01T00:00:00+00:00"}
    document = ValidationResultsPageRenderer().render(loaded).to_json_dict()
    html = "".join(
        _view().render({"section": section, "section_loop": {"index": 1}})
        for section in document["sections"][1:]
    )
    return re.sub(r'\s(?:id|style|data-[a-z-]+)="[^"]*"', "", html)
