"""What a page is made of. The templates say how each kind looks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Quote:
    """Words that a model made, or that stand in the corpus."""

    text: str
    caption: str
    kind: str = field(default="quote", init=False)


@dataclass(frozen=True)
class Table:
    """A table: rows of cells, the first of which heads its row."""

    caption: str
    header: list[str]
    rows: list[list[str]]
    kind: str = field(default="table", init=False)

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds nothing but numbers (or a dash for none)."""
        return [
            all(cell[:1].isdigit() or cell[:1] in "-–" for cell in column)
            for column in zip(*self.rows, strict=True)
        ]


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification with a caption of one sentence."""

    caption: str
    spec: dict[str, Any]
    kind: str = field(default="chart", init=False)


@dataclass(frozen=True)
class Audio:
    """Sound and the notes it was made from, as data addresses."""

    caption: str
    wav: str
    midi: str
    kind: str = field(default="audio", init=False)


@dataclass(frozen=True)
class Details:
    """Trusted HTML that opens on demand."""

    summary: str
    html: str
    kind: str = field(default="details", init=False)


Block = Text | Quote | Table | Chart | Audio | Details


@dataclass(frozen=True)
class Section:
    """Part of a page; `stages` name what to repeat to get its numbers again."""

    title: str
    stages: list[str]
    blocks: list[Block]


@dataclass(frozen=True)
class Page:
    """A page: its one-sentence result, and sections."""

    name: str
    title: str
    summary: str
    sections: list[Section]

    @property
    def has_charts(self) -> bool:
        """Whether the page needs the JavaScript that draws charts."""
        blocks: Iterable[Block] = (block for part in self.sections for block in part.blocks)
        return any(isinstance(block, Chart) for block in blocks)


def number(value: Any, digits: int = 3) -> str:
    """Return a number as it is shown: thousands apart, fractions rounded, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.{digits}f}"


def percent(value: float) -> str:
    """Return a share as it is shown."""
    return f"{value:.1%}"


def not_run(name: str, title: str) -> Page:
    """Return the page of a room that has written nothing yet."""
    return Page(
        name, title, "This room has not been run yet: `dvc repro` runs what is missing.", []
    )
