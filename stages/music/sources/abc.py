"""Tunes from an ABC file.

music21 reads ABC, too, but ignores changes of metre, note length and tempo inside a tune and ties
of chords, and confuses voices, so that its notes are often wrong. The tests compare the notes of
tunes without these.

Source: The ABC music standard 2.1 (abcnotation.com, 2011).
"""

import re
from collections import Counter
from fractions import Fraction

from stages.music.sources.abc_voice import LENGTH, NOTE, Voice
from stages.music.sources.notation import Part, decode, decode_part, piece_of
from stages.music.sources.piece import Piece, UnreadableError

_TUNE = re.compile(r"^(?=[ \t]*X:)", re.MULTILINE)
_FIELD = re.compile(r"[ \t]*([A-Za-z]):(?![|:])(.*)")  # `A:|` is a note before a repeat sign
_COMMENT = re.compile(r"(?<!\\)%.*")
_TEXT_BLOCK = re.compile(r"^%%begin(\w+).*?(?:^%%end\1|\Z)", re.MULTILINE | re.DOTALL)
_PROGRAM = re.compile(r"%%MIDI\s+program\s+(?:\d+\s+)?(\d{1,3})\s*$")
# Not in titles and words, which may speak of rights, too.
_LICENCE = re.compile(
    r"^[ \t]*(?:[A-SUVXYZ]:|%+)[ \t]*(.*(?:copyright|©|licen[cs]e|public domain|all rights).*)$",
    re.MULTILINE | re.IGNORECASE,
)
_TOKEN = re.compile(
    # Text, decorations and grace notes. All have a longest length: without it, searching for their
    # ends takes minutes in a damaged file.
    r'(?P<text>"[^"]{0,500}"|![^!|\[\]]{0,50}!|\+[^+|\[\]]{0,50}\+|\{[^{}]{0,200}\})'
    r"|\[(?P<field>[A-Za-z]):(?P<value>[^\[\]]{0,200})\]"
    r"|(?P<bar>:*\|[:|\]]*|::+|\[\|[:|\]]*)"
    r"|(?P<ending>\[\d[\d,.-]*)"
    r"|\((?P<tuplet>\d)(?::(?P<time>\d?))?(?::(?P<count>\d{0,2}))?"
    rf"|\[(?P<chord>[^\[\]|]{{0,200}})\](?P<chord_length>{LENGTH})"
    rf"|[zx](?P<rest>{LENGTH})"
    r"|[ZX](?P<bars>\d{0,4})"
    rf"|(?P<note>{NOTE})"
    r"|(?P<broken>>+|<+)|(?P<tie>-)|(?P<overlay>&)"
)


def read_abc(data: bytes) -> list[Piece]:
    """Read an ABC file.

    Each voice is a track. Ties are joined; chord symbols and grace notes are left out, and repeats
    are not unfolded. An accidental applies to its note in all octaves to the end of the bar. A tune
    that cannot be read does not keep the others from being read: the first of them counts it as a
    repair, `tune_unreadable`.

    Args:
        data: the file, in UTF-8, UTF-16 or Latin-1

    Returns:
        The tunes in order.

    Raises:
        UnreadableError: the file contains no tune, or none that can be read.
    """
    text, encoding = decode(data)
    head, *tunes = (_TEXT_BLOCK.sub("", block) for block in _TUNE.split(text))
    if not tunes and any(field[0] == "K" for field in map(_field, head.split("\n")) if field):
        head, tunes = "", [head]  # a single tune needs no number
    if not tunes:
        raise UnreadableError("no_tune", "no tune in ABC: no field X: or K:; remove the file")
    pieces: list[Piece] = []
    errors = []
    for tune in tunes:
        try:
            pieces.append(_read_tune(head, tune, encoding))
        except UnreadableError as error:
            errors.append(error)
    if not pieces:
        raise errors[0]
    if errors:
        repairs = {**pieces[0].repairs, "tune_unreadable": len(errors)}
        pieces[0] = pieces[0]._replace(repairs=dict(sorted(repairs.items())))
    return pieces


def _read_tune(head: str, tune: str, encoding: str) -> Piece:
    """Return a tune, given the lines before the first tune, whose fields apply to all."""
    lines = [*(line for line in head.split("\n") if _FIELD.match(line)), *tune.split("\n")]
    fields: dict[str, list[str]] = {}
    program = 0
    while lines and "K" not in fields:
        line = lines.pop(0)
        program = _program(line) or program
        if field := _field(line):
            fields.setdefault(field[0], []).append(field[1])
    if "K" not in fields:
        raise UnreadableError("no_key", "a tune has no field K:, with which its music starts")
    voices = _Voices(fields, program)
    is_over = False
    for line in lines:
        # A blank line ends a tune, and free text follows; but some tunes contain blank lines.
        is_over = is_over or not line.strip()
        if _program(line) is not None:
            voices.current.program = _program(line)
        elif field := _field(line):
            voices.read_field(*field)
        elif not is_over or "|" in line:
            voices.read_music(_COMMENT.sub("", line))
    played = [voice for voice in voices.by_id.values() if voice.notes]
    first = played[0] if played else voices.current
    licences = (decode_part(found, encoding) for found in _LICENCE.findall(f"{head}\n{tune}"))
    return piece_of(
        [Part(voice.name, voice.notes) for voice in played],
        title=decode_part(fields.get("T", [""])[0], encoding),
        metres=first.metres,
        tempos=[tempo for voice in played for tempo in voice.tempos],
        first_bar_beats=first.first_bar or Fraction(0),
        licence="; ".join(dict.fromkeys(licences)),
        repairs=Counter(),
    )


def _field(line: str) -> tuple[str, str] | None:
    """Return name and value if a line is a field."""
    field = _FIELD.fullmatch(_COMMENT.sub("", line))
    return field and (field[1], field[2].strip())


def _program(line: str) -> int | None:
    program = _PROGRAM.match(line)
    return program and min(int(program[1]), 127)


class _Voices:
    """The voices of a tune.

    Attributes:
        by_id: voices by the value of V:, in order
        current: voice to which the next line belongs
    """

    def __init__(self, fields: dict[str, list[str]], program: int):
        self._fields = fields
        self._program = program
        self.by_id: dict[str, Voice] = {}
        for value in fields.get("V", []):
            self._change(value)
        self.current = next(iter(self.by_id.values()), None) or self._change("1")

    def _change(self, value: str) -> Voice:
        """Change to the voice that a field V: names; a new one starts as the header says."""
        voice_id, properties = [*value.split(None, 1), "", ""][:2]
        if voice_id not in self.by_id:
            self.by_id[voice_id] = Voice(self._fields, self._program)
        self.current = self.by_id[voice_id]
        self.current.read_properties(properties)
        return self.current

    def read_field(self, name: str, value: str) -> None:
        """Read a field inside a tune, which applies to the current voice."""
        if name == "V":
            self._change(value)
        else:
            self.current.read_field(name, value)

    def read_music(self, line: str) -> None:
        """Read a line of music."""
        for token in _TOKEN.finditer(line):
            voice = self.current
            if token["note"]:
                voice.add_note(token["note"])
            elif token["bar"]:
                voice.end_bar()
            elif token["rest"] is not None:
                voice.add_rest(token["rest"])
            elif token["chord"]:
                voice.add_chord(token["chord"], token["chord_length"])
            elif token["tuplet"]:
                voice.start_tuplet(*(int(token[key] or 0) for key in ("tuplet", "time", "count")))
            elif token["broken"]:
                voice.break_rhythm(token["broken"])
            elif token["tie"]:
                voice.tie()
            elif token["overlay"]:
                voice.start_overlay()
            elif token["bars"] is not None:
                voice.rest_bars(int(token["bars"] or 1))
            elif token["field"]:
                self.read_field(token["field"], token["value"].strip())
