"""Render the report: an overview and a page for each room, of which none needs a network."""

import argparse
import json
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from stages.core.outputs import Outputs
from stages.report import clustering, embedding, music, sequence, text, validation
from stages.report.content import Page, Section, Table
from stages.report.inputs import Inputs

ROOMS = ["text", "embedding", "sequence", "clustering", "music"]


def flatten(section: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return the parameters below a section by their dotted names."""
    if not isinstance(section, dict):
        return [(prefix, section)]
    rows = []
    for key, value in section.items():
        rows += flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return rows


def overview(pages: list[Page], params: dict[str, Any]) -> Page:
    """Return the first page: each room's result in a sentence, its stages and the parameters."""
    parameters = [[name, str(value)] for name, value in flatten(params)]
    stages = [
        [page.title, ", ".join(dict.fromkeys(s for part in page.sections for s in part.stages))]
        for page in pages
    ]
    return Page(
        "index",
        "etude",
        f"What the corpus “{params['corpus']}” and the Bach chorales became, "
        f"under {len(parameters)} parameters.",
        [
            Section(
                "Stages",
                [],
                [
                    Table(
                        "The stages behind each page; dvc repro NAME repeats one with all that it "
                        "needs.",
                        ["page", "stages"],
                        stages,
                    )
                ],
            ),
            Section(
                "Parameters",
                [],
                [
                    Table(
                        "Every parameter, as params.yaml had it when this report was made.",
                        ["parameter", "value"],
                        parameters,
                    )
                ],
            ),
        ],
    )


def render(page: Page, pages: list[Page]) -> str:
    """Return a page as HTML, with everything it needs inside it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["script"] = _script
    return environment.get_template("page.html").render(
        page=page,
        pages=pages,
        style=Markup((Path(__file__).parent / "templates" / "style.css").read_text("utf-8")),
        vega=Markup(_vega()) if page.has_charts else None,
    )


def _script(value: Any) -> Markup:
    """Return JSON that can stand inside a script element, whatever words are in it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def _vega() -> str:
    """Return the JavaScript of Vega, Vega-Lite and Vega-Embed that ships inside vl-convert."""
    import vl_convert

    # A closing tag inside a string would end the script element it stands in.
    return vl_convert.javascript_bundle().replace("</script", "<\\/script")


def main(argv: list[str] | None = None) -> None:
    """Read the arguments, render, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("params", type=Path)
    for room in ROOMS:
        parser.add_argument(room, type=Path)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("curves", type=Path)
    parser.add_argument("costs", type=Path, help="folder of what benchmarks have measured")
    parser.add_argument("index", type=Path)
    parser.add_argument("pages", type=Path, help="folder of the rooms' pages")
    args = parser.parse_args(argv)

    data = {room: getattr(args, room) for room in ROOMS}
    params = yaml.safe_load(args.params.read_text(encoding="utf-8"))
    models, kinds = params["embedding"]["models"], params["clustering"]["cluster"]
    variants = {
        "train_embedding": list(models),
        "evaluate_embedding": list(models),
        **dict.fromkeys(sequence.TASKS, params["sequence"]["cells"]),
        "cluster": list(kinds),
        "project": list(kinds),
    }
    inputs = Inputs(data, args.metrics, args.validation, args.curves, args.costs, variants)
    builders = (text, embedding, sequence, clustering, music, validation)
    pages = [builder.build(inputs) for builder in builders]
    with Outputs() as outputs:
        index = render(overview(pages, params), pages)
        outputs.aside(args.index).write_text(index, encoding="utf-8")
        for page in pages:
            target = args.pages / f"{page.name}.html"
            outputs.aside(target).write_text(render(page, pages), encoding="utf-8")
