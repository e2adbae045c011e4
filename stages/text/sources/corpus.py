"""What a corpus is: the files of `conf/corpus`."""

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
            f"the split is '{name}'; there are: {', '.join(SPLITS)} (or: {', '.join(_OTHER_NAMES)})"
        )
    return split


def _known_encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"there is no encoding '{name}'") from None


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"it is no regular expression: {error}") from None
    return text


def _split(name: Any) -> Any:
    return split_named(name) if isinstance(name, str) else name


class Source(Params):
    """Files of a corpus that are read alike; what is left out is not there or found out.

    Attributes:
        path: a file, folder or archive: in `data/raw`, or in `package` where that is given; what
            is elsewhere is copied into `data/raw`, where DVC notices when it changes.
        package: an installed Python package that holds the file.
        url: where the file is fetched from; `sha256` says that it is the right one.
        sha256: of the file at `url`.
        files: regular expression for paths inside a folder or archive. Its groups `id`, `label`
            and `split` say these of what the file holds.
        format: found out from the file's name if left out.
        unit: what a document of a text is: a line, a paragraph between blank lines, or the file.
        encoding: found out from the first bytes if left out.
        columns: names of the columns of a CSV or TSV file that has no row of them.
        text_column: the column that holds the text; of several, the texts are joined.
        label_column: the column that holds the label.
        id_column: the column that names the row.
        split_column: the column that holds the split.
        split: the split of all that the source holds.
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
    def _has_a_place(self) -> "Source":
        if (self.url is None) == (self.path is None):
            raise ValueError("a source has either a path or a url")
        if (self.url is None) != (self.sha256 is None):
            raise ValueError("a url, and nothing else, has a sha256")
        return self


class Corpus(Params):
    """A file of `conf/corpus`.

    Attributes:
        title: what the report calls it.
        licence: what may be done with it.
        homepage: where it is described.
        language: how it is tokenized.
        min_words: documents of fewer words, set apart by white space, are dropped.
        markup: what is taken out of the texts: `html`; `escaped_html`, which was escaped as if its
            tags were text, or whose entities have lost their ampersand; `wiki`; or `none`.
        line_break: characters that the texts have for a line break inside them, such as a
            backslash and an n.
        sources: where it is, read in this order.
    """

    title: str
    licence: str
    homepage: str | None = None
    language: Literal["english", "korean"]
    min_words: int = Field(ge=1)
    markup: Markup
    line_break: Annotated[str, Field(min_length=1)] | None = None
    sources: list[Source] = Field(min_length=1)
