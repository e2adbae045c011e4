"""The parts of a page. The templates say how each kind looks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# In the order of the navigation.
TITLES = {
    "index": "etude",
    "text": "Text",
    "embedding": "Word vectors",
    "sequence": "Sequence models",
    "clustering": "Clusters",
    "music": "Music",
    "validation": "Validation",
}


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Quote:
    """Words of a model or of the corpus."""

    text: str
    caption: str
    kind: str = field(default="quote", init=False)


@dataclass(frozen=True)
class Table:
    """A table. The first cell of a row is its heading."""

    caption: str
    header: list[str]
    rows: list[list[str]]
    kind: str = field(default="table", init=False)

    @property
    def numeric(self) -> list[bool]:
        """Whether each column contains only numbers, or dashes for missing ones."""
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
    """Sound and its notes, as data URLs."""

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
    """A part of a page, and the stages that its numbers come from."""

    title: str
    stages: list[str]
    blocks: list[Block]


@dataclass(frozen=True)
class Page:
    """A page: its one-sentence result, and sections."""

    name: str
    summary: str
    sections: list[Section]

    @property
    def title(self) -> str:
        """The heading of the page."""
        return TITLES[self.name]

    @property
    def stages(self) -> list[str]:
        """The stages behind the page, each once."""
        return list(dict.fromkeys(stage for part in self.sections for stage in part.stages))

    @property
    def has_charts(self) -> bool:
        """Whether the page needs the JavaScript that draws charts."""
        blocks: Iterable[Block] = (block for part in self.sections for block in part.blocks)
        return any(isinstance(block, Chart) for block in blocks)


def number(value: Any, digits: int = 3) -> str:
    """Return a number with separated thousands and a rounded fraction; None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.{digits}f}"


def percent(value: float) -> str:
    """Return a share as a percentage."""
    return f"{value:.1%}"
