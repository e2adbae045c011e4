"""Render a page as HTML that needs no network."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from stages.core.metrics import Metrics
from stages.core.outputs import Output
from stages.report.page.content import TITLES, Page

TEMPLATES = Path(__file__).parent / "templates"


class Headline(Metrics):
    """What the overview says of a page.

    Attributes:
        title: heading of the page.
        summary: result in one sentence.
        stages: names of the stages behind the page.
    """

    title: str
    summary: str
    stages: list[str]


def write_page(page: Page, target: Output, headline: Output) -> None:
    """Write a page as HTML, and its headline for the overview."""
    target.path.write_text(render(page), encoding="utf-8")
    headline.write_json(Headline(title=page.title, summary=page.summary, stages=page.stages))


def render(page: Page, headlines: dict[str, Headline] | None = None) -> str:
    """Return a page as HTML, with everything it needs inside it.

    Args:
        page: content of the page.
        headlines: for the overview, the headline of each rendered page by its name.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["script"] = _script
    return environment.get_template("page.html").render(
        page=page,
        titles={name: title for name, title in TITLES.items() if name != "index"},
        headlines=headlines or {},
        style=Markup((TEMPLATES / "style.css").read_text("utf-8")),
        vega=Markup(_vega()) if page.has_charts else None,
        sounds=Markup((TEMPLATES / "sounds.js").read_text("utf-8")) if page.has_sounds else None,
        player=Markup((TEMPLATES / "player.js").read_text("utf-8")) if page.has_players else None,
    )


def reveal(names: Collection[str]) -> str:
    """Return JavaScript that reveals the links to rendered pages in the navigation of a page.

    A page is rendered before it is known which others will be.
    """
    return (
        f"for (const name of {json.dumps(list(names))})\n"
        "  document.querySelector(`nav [data-page=${name}]`).hidden = false;\n"
    )


def _script(value: Any) -> Markup:
    """Return JSON that is safe inside a script element, whatever words it contains."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def _vega() -> str:
    """Return the JavaScript of Vega, Vega-Lite and Vega-Embed that ships inside vl-convert."""
    # Imported here: only a page with charts needs it.
    import vl_convert

    # A closing tag inside a string would end the script element that contains it.
    return vl_convert.javascript_bundle().replace("</script", "<\\/script")
