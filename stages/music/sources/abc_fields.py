"""Values of the fields of ABC that change notes: key, metre, unit of length, tempo, octave."""

import re
from fractions import Fraction

_SHARPENED = "FCGDAEB"
_SHARPS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}  # of the major key
_MODES = {"": 0, "maj": 0, "ion": 0, "m": -3, "min": -3, "aeo": -3, "mix": -1, "dor": -2,
          "phr": -4, "lyd": 1, "loc": -5}  # fmt: skip
ALTERED = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
_KEY = re.compile(r"([A-G])([#b]?)[ \t]*([A-Za-z]*)")
_ACCIDENTAL = re.compile(r"(?:^|[ \t]|(?<=[a-gA-G]))(\^\^?|__?|=)([a-gA-G])(?![A-Za-z]*=)")


def read_key(value: str) -> dict[str, int] | None:
    """Return semitones by letter of a field K:; None if it states only a clef or the like."""
    accidentals = {letter.upper(): ALTERED[sign] for sign, letter in _ACCIDENTAL.findall(value)}
    if value.startswith(("HP", "Hp")):  # bagpipes
        return {"F": 1, "C": 1, **accidentals}
    key = _KEY.match(value)
    if key is None:
        is_stated = not value or value.lower().startswith("none") or accidentals
        return accidentals if is_stated else None
    tonic, sign, word = key.groups()
    if word.lower() == "exp":
        return accidentals
    mode = "" if word == "M" else word[:3].lower()
    sharps = _SHARPS[tonic] + {"": 0, "#": 7, "b": -7}[sign] + _MODES.get(mode, 0)
    signature: dict[str, int] = {}
    for position in range(abs(sharps)):  # from the eighth on, double sharps and flats
        letter = (_SHARPENED if sharps > 0 else _SHARPENED[::-1])[position % 7]
        signature[letter] = signature.get(letter, 0) + (1 if sharps > 0 else -1)
    return signature | accidentals


def read_shift(value: str) -> int | None:
    """Return semitones from written to sounding pitches of a field K: or V:; None if not stated."""
    octaves = re.search(r"\boctave=(-?\d)\b", value)
    semitones = re.search(r"\btranspose=(-?\d{1,2})\b", value)
    clef = re.search(r"[A-Za-z\d]([+-])8\b", value)  # such as treble-8
    if not (octaves or semitones or clef):
        return None
    shift = 12 * int(octaves[1]) if octaves else 0
    shift += int(semitones[1]) if semitones else 0
    return shift + (int(clef[1] + "12") if clef else 0)


def read_metre(value: str) -> tuple[int, int] | None:
    """Return numerator and denominator of a field M:; None for free metre."""
    if value.startswith("C|"):
        return 2, 2
    if value.startswith("C"):
        return 4, 4
    metre = re.match(
        r"\(?[ \t]*(\d{1,3}(?:[ \t]*\+[ \t]*\d{1,3})*)[ \t]*\)?[ \t]*/[ \t]*(\d{1,3})", value
    )
    if metre is None:
        return None
    return sum(int(number) for number in metre[1].split("+")), int(metre[2])


def read_unit(value: str) -> Fraction | None:
    """Return the unit of length of a field L: in quarter notes; None if it is malformed."""
    unit = re.match(r"(\d{1,4})(?:[ \t]*/[ \t]*(\d{1,4}))?", value)
    if unit is None or not int(unit[1]) or not int(unit[2] or 1):
        return None
    return Fraction(4 * int(unit[1]), int(unit[2] or 1))


def unit_of_metre(metre: tuple[int, int] | None) -> Fraction:
    """Return the unit of length in quarter notes if no field L: states it."""
    is_short = metre is not None and metre[1] and Fraction(*metre) < Fraction(3, 4)
    return Fraction(1, 4) if is_short else Fraction(1, 2)


def read_tempo(value: str, unit: Fraction) -> float | None:
    """Return the quarter notes a minute of a field Q:; None if it states no number.

    Args:
        value: value of the field
        unit: unit of length in quarter notes, of which older files state the number a minute
    """
    stated = re.sub(r'"[^"]*"', "", value).strip()
    tempo = re.fullmatch(r"(?:(.*)=)?[ \t]*(\d{1,5}(?:\.\d{1,5})?)", stated)
    if tempo is None:
        return None
    beats = [
        Fraction(4 * int(number), int(divisor))
        for number, divisor in re.findall(r"(\d{1,3})/(\d{1,3})", tempo[1] or "")
        if int(divisor)
    ]
    multiple = re.match(r"C(\d{0,2})", tempo[1] or "")
    beat = sum(beats) or unit * int((multiple and multiple[1]) or 1)
    return float(tempo[2]) * float(beat)
