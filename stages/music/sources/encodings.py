"""Text in files that do not state its encoding."""

import re

MAX_LENGTH = 500  # of a text; longer ones are cut off

# Encodings in order of preference, and what is common in a text that uses them. `cp949` adds to
# `euc_kr` syllables that few words have, but that Japanese text read as Korean consists of.
_COMMON = {
    "euc_kr": re.compile("[가-힣]"),
    "cp932": re.compile("[ぁ-ヿ一-龯]|[｡-ﾟ]{2,}"),
    "latin-1": re.compile("(?<![\x80-\xff])[À-ÿ©®°«»¡¿]{1,2}(?![\x80-\xff])"),
    "cp949": re.compile("[가-힣]"),
}


def decode_text(raw: bytes) -> str:
    """Return text whose encoding nobody states: UTF-8, Korean, Japanese or western European.

    What is not UTF-8 is read in the encoding in which most characters beyond ASCII are common ones.
    """
    raw = raw.replace(b"\x00", b" ").strip()
    try:
        return raw.decode("utf-8-sig")[:MAX_LENGTH]
    except UnicodeDecodeError:
        raw = raw[:MAX_LENGTH]
    best, best_share = raw.decode("latin-1"), 0.0
    for encoding, common in _COMMON.items():
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        found = "".join(common.findall(text))
        if encoding == "cp932":
            found = [one for one in found if not _is_rare_kanji(one)]
        share = len(found) / max(1, sum(not one.isascii() for one in text))
        if share > best_share:
            best, best_share = text, share
    return best


def _is_rare_kanji(one: str) -> bool:
    """Return whether a character is a kanji of level 2: `é` and the letter after it become one."""
    first = one.encode("cp932")[0]
    return 0x98 <= first <= 0x9F or first >= 0xE0
