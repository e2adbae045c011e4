"""A piece from a Humdrum file with spines in **kern. music21 parses it.

Source: the Humdrum user guide (Huron, 1999).
"""

import re

from stages.music.sources.encodings import MAX_LENGTH, decode_text
from stages.music.sources.piece import Piece, UnreadableError
from stages.music.sources.streams import parse

_KERN = re.compile(r"^(?:.*\t)?\*\*kern(?:\t|$)", re.M)
_REFERENCE = re.compile(rb"^!!!([A-Z]+)[^:\r\n]*:(.*)", re.M)
_LICENCE = ("YEC", "YEM")  # owner of the copyright of the encoding, and what the owner permits


def read_kern(data: bytes) -> list[Piece]:
    """Read a Humdrum file with spines in **kern.

    Args:
        data: the file

    Raises:
        UnreadableError: the file has no notes in **kern, or faults.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = "\n".join(line for line in text.splitlines() if line) + "\n"
    if not _KERN.search(text):
        raise UnreadableError("no_kern", "no spine in **kern; remove the file")
    parsed = parse(text, "humdrum")
    if not parsed.score.notes:
        raise UnreadableError("no_notes", "no notes; remove the file")
    records: dict[str, list[str]] = {}
    for key, value in _REFERENCE.findall(data):
        records.setdefault(key.decode(), []).append(decode_text(value))
    # A movement of a mass has its own title, such as Agnus, below that of the whole work.
    titles = [records[key][0] for key in ("OPR", "OTL") if key in records]
    licence = "; ".join(one for key in _LICENCE for one in records.get(key, []))
    return [
        parsed.score.piece(
            ": ".join(titles)[:MAX_LENGTH], parsed.track_names, parsed.first_bar, licence
        )
    ]
