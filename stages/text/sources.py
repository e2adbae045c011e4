"""Where documents come from: the embedded corpus, or what a person put into `data/raw`."""

import bz2
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stages.errors import StageError

EMBEDDED = "embedded"
_HEADING = re.compile(r"^=+[^=].*=+$")
_MARKERS = re.compile(r"^[*#:;]+\s*")
_QUOTES = re.compile(r"'{2,}")
_BLANK_LINES = re.compile(r"\n\s*\n")


class Paragraph(NamedTuple):
    """A paragraph as its source has it.

    Attributes:
        article: the text that it is part of; a split by article keeps it together.
        text: the words, without markup.
        label: what it is about, or None where the source does not say.
    """

    article: str
    text: str
    label: str | None


def read_corpus(corpus: str, raw: Path) -> Iterator[Paragraph]:
    """Yield the paragraphs of `corpus`.

    Args:
        corpus: `embedded`, or the name of a `.txt` file, or of a folder of them, inside `raw`.
        raw: the folder people put their corpora into.

    Raises:
        StageError: there is no such corpus, or a file of it is not UTF-8 text.
    """
    if corpus == EMBEDDED:
        yield from _wikipedia()
        yield from _news()
        return
    path = raw / corpus
    if path.is_dir():
        files = sorted(path.rglob("*.txt"))
        if not files:
            raise StageError(f"{path} holds no .txt file: put the corpus there, one file a text")
    elif path.is_file():
        files = [path]
        if path.suffix != ".txt":
            raise StageError(f"{path} is not a .txt file: save the corpus as plain UTF-8 text")
    else:
        here = ", ".join(p.name for p in sorted(raw.iterdir()) if p.name != "README.md")
        raise StageError(
            f"unknown corpus '{corpus}': it is neither '{EMBEDDED}' nor a .txt file or folder in "
            f"{raw} (there: {here or 'nothing'})"
        )
    for file in files:
        yield from _plain_text(file, labelled=path.is_dir())


def _plain_text(path: Path, labelled: bool) -> Iterator[Paragraph]:
    """Yield the blank-line separated paragraphs of a text; in a folder, a text is a label."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StageError(
            f"{path} is not UTF-8 at byte {error.start}: convert it, for instance with iconv"
        ) from None
    for paragraph in _BLANK_LINES.split(text):
        yield Paragraph(path.stem, paragraph, path.stem if labelled else None)


def _wikipedia() -> Iterator[Paragraph]:
    """Yield the paragraphs of the Wikipedia extract in gensim's test data.

    The label is the article. A line of wiki text is a paragraph or a list entry. Headings and
    table cells are left out: they are no sentences.
    """
    from gensim.corpora.wikicorpus import extract_pages, filter_wiki
    from gensim.test.utils import datapath

    dump = datapath("enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2")
    with bz2.open(dump) as file:
        for title, markup, _ in extract_pages(file, filter_namespaces=("0",)):
            if markup.lower().startswith("#redirect"):
                continue
            for line in filter_wiki(markup).split("\n"):
                line = line.strip()
                if line and not _HEADING.match(line) and line[0] not in "|!{":
                    yield Paragraph(title, _QUOTES.sub("", _MARKERS.sub("", line)), title)


def _news() -> Iterator[Paragraph]:
    """Yield the news articles of Lee et al. (2005) in gensim's test data, which have no topics."""
    from gensim.test.utils import datapath

    with open(datapath("lee_background.cor"), encoding="utf-8") as file:
        for line in file:
            yield Paragraph("Lee news", line, None)
