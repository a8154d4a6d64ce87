"""The shape of a recurrent network."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

# Bounds that a network has to keep, whether it is described by a spec or by a stored model.
Lookback = Annotated[int, Field(ge=1, le=1000)]
Layers = Annotated[int, Field(ge=1, le=16)]
Units = Annotated[int, Field(ge=1, le=1024)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
BatchSize = Annotated[int, Field(ge=1, le=4096)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Columns = Annotated[int, Field(ge=0, le=1000)]
Level = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Everything that makes one compiled training step; equal ones share it.

    Attributes
    ----------
    lookback, inputs, context
        Sessions in a window, columns of each session, and further numbers known at the window's end.
    cell
        The recurrent unit, a name of `networks.cell_names()`.
    layers, units
        Recurrent layers, units in each.
    dropout
        Share of outputs dropped after each recurrent layer while training, 0 <= dropout < 1.
    batch_size, learning_rate
        Windows per training step; Adam's step size.
    levels
        Of the quantiles that are forecast: ascending, between 0 and 1, an odd number of them. Empty: one price.
    """

    lookback: Lookback
    inputs: Columns = 1
    context: Columns = 0
    cell: str = "lstm"
    layers: Layers
    units: Units
    dropout: Dropout
    batch_size: BatchSize
    learning_rate: LearningRate
    levels: tuple[Level, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs."""
        return {**asdict(self), "levels": list(self.levels)}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Network":
        """Rebuild the network that `to_json` described; `ValueError` where it describes none."""
        return _adapter().validate_python(document)


@cache
def _adapter() -> TypeAdapter[Network]:
    return TypeAdapter(Network)
