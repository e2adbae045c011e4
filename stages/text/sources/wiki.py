"""Extract the running text from MediaWiki markup."""

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
# Every wiki also accepts the English word.
_WIKI_REDIRECT = re.compile(r"\s*#\s*(?:redirect|넘겨주기)\b", re.IGNORECASE)


class WikiNames(NamedTuple):
    """Names of the namespaces of a wiki whose links are not running text.

    Attributes:
        categories: names of the category namespace.
        files: names of the file namespace.
    """

    categories: tuple[str, ...] = ("Category", "분류")
    files: tuple[str, ...] = ("File", "Image", "파일", "그림")

    def with_namespace(self, key: str | None, name: str | None) -> "WikiNames":
        """Return the names extended by one that a dump lists in `siteinfo`."""
        if not name:
            return self
        match key:
            case "14":
                return self._replace(categories=(*self.categories, name))
            case "6":
                return self._replace(files=(*self.files, name))
        return self


def is_redirect(markup: str) -> bool:
    """Return whether a page is a redirect."""
    return _WIKI_REDIRECT.match(markup) is not None


_WIKI_NAMES = WikiNames()


@functools.cache
def _wiki_prefix(before: str, names: tuple[str, ...], after: str = "") -> re.Pattern[str]:
    any_name = "|".join(re.escape(name).replace(r"\ ", "[ _]+") for name in names)
    return re.compile(rf"{before}\s*(?:{any_name})\s*:{after}", re.IGNORECASE)


def wiki_lines(markup: str, names: WikiNames = _WIKI_NAMES) -> list[str]:
    """Return the lines of running text in wiki markup, without the markup."""
    # Imported here because it takes a second and only wiki text needs it.
    from gensim.corpora.wikicorpus import filter_wiki

    # gensim knows only the English names.
    markup = _wiki_prefix(r"\[\[", names.categories).sub("[[Category:", markup)
    markup = _wiki_prefix(r"\[\[", names.files).sub("[[File:", markup)
    # Keep the captions of the pictures in a gallery.
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
