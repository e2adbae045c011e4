"""Render the overview of the report: each page's result, its stages, and the parameters."""

from typing import Any

from pydantic import ConfigDict, RootModel

from stages.core import environment
from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output
from stages.report.page.content import TITLES, Page, Section, Table, Text
from stages.report.page.html import Headline, render, reveal


class AllParams(RootModel[dict[str, Any]]):
    """The whole of `params.yaml`."""

    model_config = ConfigDict(frozen=True)


def flatten(section: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return the parameters below a section by their dotted names."""
    if not isinstance(section, dict):
        return [(prefix, section)]
    rows = []
    for key, value in section.items():
        rows += flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return rows


def instruction_sets(deviations: list[str]) -> str:
    """Say which instruction sets the stages used, and what that means for their bytes."""
    if not deviations:
        return (
            "The stages used the instructions that all x86-64 processors with AVX2 have: each of "
            "these processors gives the same bytes."
        )
    return (
        "The stages that ran last used instructions of this processor, so another kind of "
        f"processor gives other bytes: {', '.join(deviations)}."
    )


def overview(headlines: dict[str, Headline], params: dict[str, Any]) -> Page:
    """Return the overview.

    Args:
        headlines: headline of each rendered page by its name.
        params: content of params.yaml.
    """
    parameters = [[name, str(value)] for name, value in flatten(params)]
    return Page(
        "index",
        f"What the corpus “{params['corpus']}” and the music of "
        f"“{params['music']['collection']}” became, under {len(parameters)} parameters.",
        [
            Section(
                "Stages",
                [],
                [
                    Table(
                        "The stages behind each page; dvc repro NAME runs one again, after what it "
                        "needs.",
                        ["page", "stages"],
                        [[own.title, ", ".join(own.stages)] for own in headlines.values()],
                    )
                ],
            ),
            Section("Made from", [], [Text(instruction_sets(environment.deviations()))]),
            Section(
                "Parameters",
                [],
                [
                    Table(
                        "Every parameter, as params.yaml had it when this report was rendered.",
                        ["parameter", "value"],
                        parameters,
                    )
                ],
            ),
        ],
    )


@command
def main(*, params: AllParams, headlines: Input, index: Output, rendered: Output) -> None:
    """Render the overview of the report, which links to the pages that have been rendered.

    Args:
        params: params.yaml
        headlines: folder of the headlines of the pages
        rendered: JavaScript to write, which the pages use to link to each other
    """
    found = {
        name: read_metrics(path, Headline)
        for name in TITLES
        if (path := headlines / f"{name}.json").exists()
    }
    index.path.write_text(render(overview(found, params.root), found), encoding="utf-8")
    rendered.path.write_text(reveal(found), encoding="utf-8")
