"""What the specs of recurrent networks have in common."""

from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator

from stockrnn import networks
from stockrnn.models.spec import Spec
from stockrnn.types import Epochs, Network
from stockrnn.types.networks import (
    CELL_OPTIONS,
    Activation,
    BatchSize,
    CellOptions,
    ClipNorm,
    Decay,
    Dropout,
    ForgetBias,
    Layers,
    LearningRate,
    Level,
    Peepholes,
    Penalty,
    RecurrentInitializer,
    Steps,
    Units,
)

_WARM = frozenset({"warm_epochs", "warm_learning_rate"})
_OPTIONAL = frozenset({*CELL_OPTIONS, "clip_norm", "penalty", "average_decay"})
"""Settings that are named among those of a training only where they are given."""


class RecurrentSpec(Spec):
    """A recurrent network, trained in epochs. The defaults are the tutorial's.

    `cell` is the recurrent unit. A warm training goes on from the weights in use for `warm_epochs` at
    `warm_learning_rate`. What can be done about gradients that vanish or explode is off by default: the options of
    the cell (`types.networks.CellOptions`), `clip_norm` and `penalty` (`types.networks.Network`), and so is
    `average_decay`, against the noise of the last training steps.
    """

    policy: ClassVar[frozenset[str]] = Spec.policy | _WARM

    cell: str = "lstm"
    layers: Layers = 4
    units: Units = 45
    dropout: Dropout = 0.2
    epochs: Epochs = 100
    batch_size: BatchSize = 32
    learning_rate: LearningRate = 0.001
    warm_epochs: Epochs = 5
    warm_learning_rate: LearningRate = 0.0003
    recurrent_initializer: RecurrentInitializer | None = None
    forget_bias: ForgetBias | None = None
    activation: Activation | None = None
    peepholes: Peepholes | None = None
    truncate_after: Steps | None = None
    clip_norm: ClipNorm | None = None
    penalty: Penalty | None = None
    average_decay: Decay | None = None

    @field_validator("cell")
    @classmethod
    def _check_cell(cls, cell: str) -> str:
        if cell not in networks.cell_names():
            raise ValueError(f"no cell {cell!r}; known: {', '.join(networks.cell_names())}")
        return cell

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        known = networks.cell_options(self.cell)
        for name in CELL_OPTIONS:
            if getattr(self, name) is not None and name not in known:
                having = [cell for cell in networks.cell_names() if name in networks.cell_options(cell)]
                raise ValueError(
                    f"the cell {self.cell!r} has no {name}, only {', '.join(having)} has; "
                    f"{self.cell!r} has {', '.join(known)}"
                )
        return self

    def make_network(self, *, inputs: int = 1, context: int = 0, levels: tuple[Level, ...] = ()) -> Network:
        """Return the network of these settings; what it sees and forecasts is as in `types.networks.Network`."""
        return Network(
            lookback=self.lookback,
            inputs=inputs,
            context=context,
            cell=self.cell,
            cell_options=CellOptions(**{name: getattr(self, name) for name in CELL_OPTIONS}),
            layers=self.layers,
            units=self.units,
            dropout=self.dropout,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            levels=levels,
            clip_norm=self.clip_norm,
            penalty=self.penalty or Penalty(),
            average_decay=self.average_decay,
        )

    def training_config(self) -> dict[str, Any]:
        """Return what decides what a training from scratch gives, as JSON."""
        config = super().training_config()
        return {name: value for name, value in config.items() if value is not None or name not in _OPTIONAL}

    def count_epochs(self, *, warm: bool) -> int:
        """Return how many epochs a training of one member has at most."""
        return self.warm_epochs if warm else self.epochs

    def warm_config(self) -> dict[str, Any]:
        """Return what else decides what a warm training gives, as JSON."""
        return self.model_dump(mode="json", include=set(_WARM))

    def with_epochs(self, epochs: int) -> Self:
        """Return the spec with another number of epochs for trainings from scratch."""
        return self.model_copy(update={"epochs": epochs})
