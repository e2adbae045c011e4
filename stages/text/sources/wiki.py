"""The running text of MediaWiki's markup."""

import functools
import re
from typing import NamedTuple

_WIKI_HEADING = re.compile(r"^=+[^=].*=+$")
_WIKI_BULLET = re.compile(r"^[*#:;]+\s*")
_WIKI_QUOTES = re.compile(r"'{2,}")
_WIKI_OPTION = re.compile(
    r"\|(?:(?:alt|link|lang|class|page|upright)=[^|]*"
    r"|(?:\d*x?\d+px|thumb|frame|left|right|center|섬네일|왼쪽|오른쪽|가운데)(?=\||$))"
)
# Every wiki knows the English word as well.
_WIKI_REDIRECT = re.compile(r"\s*#\s*(?:redirect|넘겨주기)\b", re.IGNORECASE)


class WikiNames(NamedTuple):
    """What a wiki calls the namespaces whose links are not running text.

    Attributes:
        categories: names of the namespace of categories.
        files: names of the namespace of files.
    """

    categories: tuple[str, ...] = ("Category", "분류")
    files: tuple[str, ...] = ("File", "Image", "파일", "그림")

    def with_namespace(self, key: str | None, name: str | None) -> "WikiNames":
        """Return the names with one that a dump lists under `siteinfo`."""
        if not name:
            return self
        match key:
            case "14":
                return self._replace(categories=(*self.categories, name))
            case "6":
                return self._replace(files=(*self.files, name))
        return self


def is_redirect(markup: str) -> bool:
    """Return whether a page only sends its readers to another one."""
    return _WIKI_REDIRECT.match(markup) is not None


_WIKI_NAMES = WikiNames()


@functools.cache
def _wiki_prefix(before: str, names: tuple[str, ...], after: str = "") -> re.Pattern[str]:
    spelled = "|".join(re.escape(name).replace(r"\ ", "[ _]+") for name in names)
    return re.compile(rf"{before}\s*(?:{spelled})\s*:{after}", re.IGNORECASE)


def wiki_lines(markup: str, names: WikiNames = _WIKI_NAMES) -> list[str]:
    """Return the lines of wiki markup that hold running text, without the markup."""
    # Imported here: it costs a second, and only wiki text needs it.
    from gensim.corpora.wikicorpus import filter_wiki

    # gensim knows the English names alone.
    markup = _wiki_prefix(r"\[\[", names.categories).sub("[[Category:", markup)
    markup = _wiki_prefix(r"\[\[", names.files).sub("[[File:", markup)
    # Of the pictures of a gallery, the captions stay.
    picture = _wiki_prefix("^", names.files, r"[^|]*\.\w{2,4}\s*(?:\||$)")
    lines = (
        _WIKI_OPTION.sub("", picture.sub("", line)).strip()
        for line in filter_wiki(markup).split("\n")
    )
    return [
        _WIKI_QUOTES.sub("", _WIKI_BULLET.sub("", line))
        for line in lines
        if line and not _WIKI_HEADING.match(line) and line[0] not in "|!{}"
    ]
