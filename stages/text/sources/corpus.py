"""Descriptions of corpora: the files in `conf/corpus`."""

import codecs
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stages.core.params import Params
from stages.core.raw import InnerPath
from stages.text.contracts import SPLITS

Split = Literal["train", "validation", "test"]
Markup = Literal["none", "html", "escaped_html", "wiki"]
_OTHER_NAMES = {"training": "train", "valid": "validation", "val": "validation",
                "dev": "validation", "development": "validation", "testing": "test"}  # fmt: skip


def split_named(name: str) -> str:
    """Return the split that a source calls `name`.

    Raises:
        ValueError: no split has that name.
    """
    plain = name.strip().lower()
    split = _OTHER_NAMES.get(plain, plain)
    if split not in SPLITS:
        raise ValueError(
            f"'{name}' is not a split; use {', '.join(SPLITS)} (or {', '.join(_OTHER_NAMES)})"
        )
    return split


def _known_encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"'{name}' is not an encoding") from None


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"it is not a regular expression: {error}") from None
    return text


def _split(name: Any) -> Any:
    return split_named(name) if isinstance(name, str) else name


class Source(Params):
    """Files of a corpus that are read in the same way.

    Attributes:
        path: file, folder or archive in `data/raw`, or in `package` if that is given. Data from
            elsewhere is copied into `data/raw`, where DVC notices changes.
        package: installed Python package that contains the file.
        url: address of the file; `sha256` verifies the download.
        sha256: SHA-256 of the file at `url`.
        files: regular expression for paths in a folder or archive. Its groups `id`, `label` and
            `split` give these values for the documents in a file.
        format: file format, detected from the file name if left out.
        unit: document of a text: a line, a paragraph between blank lines, or the file.
        encoding: encoding, detected from the content if left out.
        columns: column names of a CSV or TSV file without a header.
        text_column: column of the text; the texts of several columns are joined.
        label_column: column of the label.
        id_column: column of the id.
        split_column: column of the split.
        split: split of all documents of the source.
    """

    path: InnerPath | None = None
    package: str | None = None
    url: str | None = None
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    files: Annotated[str, AfterValidator(_pattern)] | None = None
    format: Literal["text", "csv", "tsv", "jsonl", "parquet", "mediawiki"] | None = None
    unit: Literal["line", "paragraph", "file"] = "paragraph"
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = None
    columns: list[str] | None = None
    text_column: str | list[str] = "text"
    label_column: str | None = None
    id_column: str | None = None
    split_column: str | None = None
    split: Annotated[Split | None, BeforeValidator(_split)] = None

    @model_validator(mode="after")
    def _check_location(self) -> "Source":
        if (self.url is None) == (self.path is None):
            raise ValueError("a source needs either a path or a url")
        if (self.url is None) != (self.sha256 is None):
            raise ValueError("url and sha256 must be given together")
        return self


class Corpus(Params):
    """A file in `conf/corpus`.

    Attributes:
        title: title in the report.
        licence: licence of the texts.
        homepage: address of the corpus's page.
        language: language, which determines the tokenizer.
        min_words: minimum number of words, separated by white space; shorter documents are
            dropped.
        markup: markup to remove from the texts: `html`; `escaped_html`, if the tags were escaped
            like text or the entities have lost their ampersand; `wiki`; or `none`.
        line_break: characters that represent a line break in the texts, such as a backslash and
            an n.
        sources: sources, in reading order.
    """

    title: str
    licence: str
    homepage: str | None = None
    language: Literal["english", "korean"]
    min_words: int = Field(ge=1)
    markup: Markup
    line_break: Annotated[str, Field(min_length=1)] | None = None
    sources: list[Source] = Field(min_length=1)
