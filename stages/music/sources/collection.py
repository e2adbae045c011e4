"""Descriptions of collections of music: the files in `conf/music`."""

import re

from pydantic import Field

from stages.core.params import Params
from stages.core.raw import InnerPath


class Source(Params):
    """Files of a collection.

    Attributes:
        path: file, folder or archive in `data/raw`, or in `package` if that is given.
        package: installed Python package that contains the file.
        files: regular expression for paths in a folder or archive; other files are not read.
    """

    path: InnerPath
    package: str | None = None
    files: re.Pattern[str] | None = None


class Collection(Params):
    """A file in `conf/music`.

    Attributes:
        title: title in the report.
        licence: licence of the music and of its encoding.
        homepage: address of the collection's page.
        part_names: names of the parts, from the first on; pieces with other parts are dropped.
        sources: sources, in reading order.
    """

    title: str
    licence: str
    homepage: str | None = None
    part_names: list[str] | None = None
    sources: list[Source] = Field(min_length=1)
