"""The parameters of cleaning and collecting."""

from typing import Annotated, Literal

from pydantic import Field

from stages.core.params import Params
from stages.text.cleaning.clean import Handling

Share = Annotated[float, Field(gt=0, lt=0.5)]


class CollectParams(Params):
    """The section `text.collect`."""

    max_characters: int = Field(ge=1_000)
    urls: Handling
    emails: Handling
    numbers: Handling
    language_filter: bool
    duplicates: Literal["drop", "keep"]
    near_duplicate_similarity: float = Field(ge=0.3, le=1)
    split_unit: Literal["document", "group"]
    validation_share: Share
    test_share: Share
    seed: int
