"""Clean a text: remove what is not text, and name every kind of change."""

import html
import re
import unicodedata
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from stages.text.contracts import PLACEHOLDERS
from stages.text.sources.corpus import Markup
from stages.text.sources.wiki import wiki_lines

Handling = Literal["keep", "remove", "replace"]

# Letters that appear when UTF-8 is decoded as Windows-1252; the slow repair of mojibake is tried
# only on texts that contain one.
_MOJIBAKE = frozenset("ÂÃÐÑÎÏÅâãåæçðïìíêë")
# Control characters whose codes are dashes, quotation marks or the euro sign in Windows-1252.
_WINDOWS_1252 = {
    code: bytes([code]).decode("cp1252", errors="ignore") or " " for code in range(0x80, 0xA0)
}
_HIGH_CONTROL = re.compile("[\x80-\x9f]")
_ASCII = bytes(range(0x80))
_NOT_TEXT = re.compile("[\ud800-\udfff\ufffd]+")
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_MARK_FLOOD = re.compile(f"([{_MARKS}]{{3}})[{_MARKS}]+")
# Unicode's format characters: soft hyphens, joiners, direction marks, byte order marks.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]+"
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f]+")
_HIDDEN_HTML = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_INLINE_TAG = re.compile(r"</?(?:a|b|i|u|s|em|strong|span|font|small|sup|sub)(?:\s[^<>]*)?>", re.I)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
# Ligatures of typesetting, which remain in text extracted from a PDF.
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl",
              0xFB05: "st", 0xFB06: "st"}  # fmt: skip
_LIGATURE = re.compile("[\ufb00-\ufb06]")
# `&region=` in an address is not `&reg;`: as in attributes of HTML5, a name without a semicolon is
# not an entity if a letter, a digit or an equals sign follows.
_PARAMETER = re.compile(r"&(?=[a-zA-Z][a-zA-Z0-9]*=)")
_ADDRESS = re.compile(r"(?:https?://|ftp://|www\.)[^\s<>\"']+")
_NAME_IN_ADDRESS = re.compile(r"&(?=[a-zA-Z][a-zA-Z0-9]*(?![a-zA-Z0-9;]))")
# Entities without their ampersand: in HTML, only those that nobody would write as text; in escaped
# HTML, all common ones.
_LOST_APOSTROPHE = re.compile(r"(?<!&)(?<!&amp;) ?#39;(?=(?:[stmd]|ll|re|ve)\b)")
_LOST_AMPERSAND = re.compile(r"(?=(?:quot|apos|nbsp);|#\d{2,4};\w)(?<![\w&])(?<!&amp;)")
_ANY_LOST_AMPERSAND = re.compile(
    r"(?<![\w&])(?<!&amp;)(?=(?:quot|apos|nbsp|amp|lt|gt);|#(?:\d{2,4}|[xX][\da-fA-F]{2,4});)"
)
# A line break written as backslash and n, recognized by a blank line or the end of a sentence.
_WRITTEN_BREAK = re.compile(r"\\n\\n|[.!?]\\n")
_URL = re.compile(r"\b(?:https?://|ftp://|www\.)[^\s<>\"']*[^\s<>\"'.,;:!?)\]]")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"(?<!\w)[-+]?\d+(?:[.,:]\d+)*(?!\w)")


class Rules(BaseModel):
    """How texts are cleaned."""

    model_config = ConfigDict(frozen=True)

    markup: Markup
    line_break: str | None = None
    urls: Handling
    emails: Handling
    numbers: Handling


def _may_have_entities(text: str) -> bool:
    # A cheap test that is nearly always right.
    return "&" in text or (
        ";" in text and ("#" in text or "quot;" in text or "apos;" in text or "nbsp;" in text)
    )


def _unescaped(text: str, lost_ampersand: re.Pattern[str]) -> str:
    """Return `text` with its entities as characters, including those without an ampersand."""
    if "&" in text:
        text = _PARAMETER.sub("&amp;", text)
        if "://" in text or "www." in text:
            text = _ADDRESS.sub(lambda address: _NAME_IN_ADDRESS.sub("&amp;", address[0]), text)
    if "#39;" in text:
        text = _LOST_APOSTROPHE.sub("'", text)
    if ";" in text:
        text = lost_ampersand.sub("&", text)
    return html.unescape(text)


def without_escaped_html(text: str) -> str:
    """Return `text` without its tags, which were escaped like text, once or several times."""
    for _ in range(3):
        unescaped = _unescaped(text, _ANY_LOST_AMPERSAND)
        if unescaped == text:
            break
        text = unescaped
    return without_html(text)


def without_html(text: str) -> str:
    """Return `text` without tags, comments, scripts and styles, and its entities as characters."""
    if "<" in text:
        # By far the most frequent tag; texts without any other skip the regular expressions.
        without_breaks = text.replace("<br />", " ")
        if "<" in without_breaks:
            text = _HIDDEN_HTML.sub(" ", text)
            text = _TAG.sub(" ", _INLINE_TAG.sub("", text))
        else:
            text = without_breaks
    return _unescaped(text, _LOST_AMPERSAND) if _may_have_entities(text) else text


def clean(text: str, rules: Rules) -> tuple[str, list[str]]:
    """Return `text` in NFC with single spaces, and the kinds of changes made to it.

    Folding white space does not count as a change.
    """
    changes: list[str] = []

    def change(kind: str, how: Callable[[str], str]) -> None:
        nonlocal text
        changed = how(text)
        if changed != text:
            if kind not in changes:
                changes.append(kind)
            text = changed

    # Most characters are ASCII, so only the others are searched.
    special = _without_ascii(text)
    if special:
        if _NOT_TEXT.search(special):
            change("undecodable", lambda t: _NOT_TEXT.sub(" ", t))
        if not _MOJIBAKE.isdisjoint(special):
            # Imported here because most corpora do not need it.
            import ftfy

            change("mojibake", ftfy.fix_encoding)
        if _HIGH_CONTROL.search(special):
            change("mojibake", lambda t: _HIGH_CONTROL.sub(lambda m: _WINDOWS_1252[ord(m[0])], t))
    if rules.line_break:
        change("line_break", lambda t: t.replace(rules.line_break, "\n"))
    if rules.markup == "html":
        if "\\" in text and _WRITTEN_BREAK.search(text):
            change("line_break", lambda t: t.replace("\\n", "\n"))
        if "<" in text or _may_have_entities(text):
            change("markup", without_html)
    elif rules.markup == "escaped_html":
        change("markup", without_escaped_html)
    elif rules.markup == "wiki":
        change("markup", lambda t: "\n".join(wiki_lines(t)))
    special = _without_ascii(text)
    if special:
        # Before NFC, whose time is quadratic in the length of a run of marks.
        if _MARK_FLOOD.search(special):
            change("mark_flood", lambda t: _MARK_FLOOD.sub(r"\1", t))
        if _LIGATURE.search(special):
            change("ligature", lambda t: t.translate(_LIGATURES))
        if _INVISIBLE.search(special):
            change("invisible", lambda t: _INVISIBLE.sub("", t))
        if not unicodedata.is_normalized("NFC", text):
            change("not_nfc", lambda t: unicodedata.normalize("NFC", t))
    if not text.isprintable():
        change("control", lambda t: _CONTROL.sub(" ", t))
    if rules.urls != "keep" and ("://" in text or "www." in text):
        change("urls", _handler(_URL, rules.urls, PLACEHOLDERS["urls"]))
    if rules.emails != "keep" and "@" in text:
        change("emails", _handler(_EMAIL, rules.emails, PLACEHOLDERS["emails"]))
    if rules.numbers != "keep":
        change("numbers", _handler(_NUMBER, rules.numbers, PLACEHOLDERS["numbers"]))
    if text.isprintable():
        # Printable text contains no white space but spaces, so only double spaces are folded.
        return " ".join(filter(None, map(str.strip, text.split("  ")))), changes
    return " ".join(text.split()), changes


def _without_ascii(text: str) -> str:
    if text.isascii():
        return ""
    return (
        text.encode("utf-8", "surrogatepass")
        .translate(None, _ASCII)
        .decode("utf-8", "surrogatepass")
    )


def _handler(pattern: re.Pattern[str], how: Handling, placeholder: str) -> Callable[[str], str]:
    replacement = f" {placeholder} " if how == "replace" else " "
    return lambda text: pattern.sub(replacement, text)
