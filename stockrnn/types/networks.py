"""The shape of a recurrent network."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter

# Bounds that a network has to keep, whether it is described by a spec or by a stored model.
Lookback = Annotated[int, Field(ge=1, le=1000)]
Layers = Annotated[int, Field(ge=1, le=16)]
Units = Annotated[int, Field(ge=1, le=1024)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
BatchSize = Annotated[int, Field(ge=1, le=4096)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Columns = Annotated[int, Field(ge=0, le=1000)]
Level = Annotated[float, Field(gt=0, lt=1)]
Steps = Annotated[int, Field(ge=1, le=1000)]
ForgetBias = Annotated[float, Field(ge=-100, le=100)]
ClipNorm = Annotated[float, Field(gt=0, le=1e9)]
Decay = Annotated[float, Field(gt=0, lt=1)]
Strength = Annotated[float, Field(ge=0, le=1e6)]

Gate: TypeAlias = Literal["input", "forget", "output"]
Activation: TypeAlias = Literal["tanh", "relu", "sigmoid", "linear"]
Peepholes = Annotated[tuple[Gate, ...], Field(min_length=1)]
RecurrentInitializer: TypeAlias = Literal["orthogonal", "glorot_uniform", "identity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOptions:
    """What a cell can be told beside its units; None: as that cell has it by default.

    Attributes
    ----------
    recurrent_initializer
        What the recurrent kernel begins as; `identity` for each gate.
    forget_bias
        What the bias of the forget gate begins as: the larger, the longer a fresh cell remembers.
    activation
        Of the simple network.
    peepholes
        The gates that see the cell's state.
    truncate_after
        How many steps back from the last one the gradient goes; the forward pass is the same.
    """

    recurrent_initializer: RecurrentInitializer | None = None
    forget_bias: ForgetBias | None = None
    activation: Activation | None = None
    peepholes: Peepholes | None = None
    truncate_after: Steps | None = None


CELL_OPTIONS: tuple[str, ...] = tuple(option.name for option in fields(CellOptions))
"""The names of all options that some cell has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """What is added to the training loss: the sums of the sizes and of the squares of all kernels, times these."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    l1: Strength = 0.0
    l2: Strength = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Everything that makes one compiled training step; equal ones share it.

    Attributes
    ----------
    lookback, inputs, context
        Sessions in a window, columns of each session, and further numbers known at the window's end.
    cell, cell_options
        The recurrent unit, a name of `networks.cell_names()`, and what it is told.
    layers, units
        Recurrent layers, units in each.
    dropout
        Share of outputs dropped after each recurrent layer while training, 0 <= dropout < 1.
    batch_size, learning_rate
        Windows per training step; Adam's step size.
    levels
        Of the quantiles that are forecast: ascending, between 0 and 1, an odd number of them. Empty: one price.
    clip_norm
        The gradient of a training step is made no longer than this; None: it is left as it is.
    penalty
        On the kernels of the recurrent layers.
    average_decay
        What forecasts are the weights averaged over the training steps: the share of its part in the average that a
        step keeps per later one. None: the weights of the last step.
    """

    lookback: Lookback
    inputs: Columns = 1
    context: Columns = 0
    cell: str = "lstm"
    cell_options: CellOptions = CellOptions()
    layers: Layers
    units: Units
    dropout: Dropout
    batch_size: BatchSize
    learning_rate: LearningRate
    levels: tuple[Level, ...] = ()
    clip_norm: ClipNorm | None = None
    penalty: Penalty = Penalty()
    average_decay: Decay | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs."""
        document: dict[str, Any] = _adapter().dump_python(self, mode="json", exclude_none=True)
        usual = {"cell_options": CellOptions(), "penalty": Penalty()}
        return {name: value for name, value in document.items() if getattr(self, name) != usual.get(name)}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Network":
        """Rebuild the network that `to_json` described; `ValueError` where it describes none."""
        return _adapter().validate_python(document)


@cache
def _adapter() -> TypeAdapter[Network]:
    return TypeAdapter(Network)
