"""The parameters that every training has."""

from typing import Annotated, Any, Literal

from pydantic import Field

from stages.core.params import Params


class Dropout(Params):
    """Shares of values set to zero: before, between and after the layers."""

    before: float = Field(ge=0, lt=1)
    between: float = Field(ge=0, lt=1)
    after: float = Field(ge=0, lt=1)


class TrainingParams(Params):
    """The keys that the section of every task has."""

    hidden_size: int = Field(ge=1)
    layers: int = Field(ge=1)
    dropout: Dropout
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    learning_rate_decay: Literal["linear"] | Annotated[float, Field(gt=0, le=1)]
    gradient_norm: float = Field(gt=0)
    epochs: int = Field(ge=1)
    patience: int = Field(ge=1)
    device: Literal["cpu", "cuda"]
    seed: int = Field(ge=0)

    def stack(self) -> dict[str, Any]:
        """Return the arguments of `Recurrent` that the section decides."""
        dropout = (self.dropout.before, self.dropout.between, self.dropout.after)
        return {"hidden_size": self.hidden_size, "layers": self.layers, "dropout": dropout}
