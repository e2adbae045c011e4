"""The parts of a page. The templates say how each kind looks."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# Colours that colour-blind people can tell apart (Okabe and Ito 2008).
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"]
# In the order of the navigation.
TITLES = {
    "index": "etude",
    "text": "Text",
    "embedding": "Word vectors",
    "sequence": "Sequence models",
    "clustering": "Clusters",
    "music": "Music",
    "player": "Player",
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
    """Sound as a data URL; and its notes, if given, with the name under which they are saved."""

    caption: str
    sound: str
    midi: str = ""
    name: str = ""
    kind: str = field(default="audio", init=False)


class Sound(NamedTuple):
    """A short sound.

    Attributes:
        label: what the button says.
        url: the sound as a data URL.
        place: where the button is on a map, from the left and from the top, 0 to 1; None in a row.
    """

    label: str
    url: str
    place: tuple[float, float] | None = None


@dataclass(frozen=True)
class Sounds:
    """Short sounds with a button each, in a row or on a map."""

    caption: str
    sounds: list[Sound]
    kind: str = field(default="sounds", init=False)


@dataclass(frozen=True)
class Picture:
    """A picture as a data URL, and what it shows in words."""

    caption: str
    url: str
    description: str
    kind: str = field(default="picture", init=False)


@dataclass(frozen=True)
class NotePlayer:
    """Pieces that the page draws as a piano-roll and plays from their notes.

    Attributes:
        caption: one sentence.
        pieces: a label and notes for each; a note is its part, from 1, onset and duration in
            milliseconds, and MIDI pitch.
    """

    caption: str
    pieces: list[tuple[str, list[tuple[int, int, int, int]]]]
    kind: str = field(default="player", init=False)

    @property
    def data(self) -> dict[str, Any]:
        """What the script that plays needs."""
        pieces = [{"label": label, "notes": notes} for label, notes in self.pieces]
        return {"colours": COLOURS, "pieces": pieces}


@dataclass(frozen=True)
class Details:
    """Trusted HTML that opens on demand."""

    summary: str
    html: str
    kind: str = field(default="details", init=False)


Block = Text | Quote | Table | Chart | Audio | Sounds | Picture | NotePlayer | Details


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
        return self._has(Chart)

    @property
    def has_sounds(self) -> bool:
        """Whether the page needs the JavaScript that plays short sounds."""
        return self._has(Sounds)

    @property
    def has_players(self) -> bool:
        """Whether the page needs the JavaScript that plays notes."""
        return self._has(NotePlayer)

    def _has(self, kind: type) -> bool:
        blocks: Iterable[Block] = (block for part in self.sections for block in part.blocks)
        return any(isinstance(block, kind) for block in blocks)


def data_url(kind: str, data: bytes) -> str:
    """Return data of a media type, such as audio/wav, as a URL."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


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
