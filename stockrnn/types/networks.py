"""The shape of a recurrent network."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


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

    lookback: int
    inputs: int = 1
    context: int = 0
    cell: str = "lstm"
    layers: int
    units: int
    dropout: float
    batch_size: int
    learning_rate: float
    levels: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs."""
        return {**asdict(self), "levels": list(self.levels)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Rebuild the network that `to_json` described."""
        return cls(**{**document, "levels": tuple(document["levels"])})
