"""What the specs of recurrent networks have in common."""

from typing import Any, ClassVar, Self

from pydantic import field_validator

from stockrnn import networks
from stockrnn.models.spec import Spec
from stockrnn.types import Epochs
from stockrnn.types.networks import BatchSize, Dropout, Layers, LearningRate, Units

_WARM = frozenset({"warm_epochs", "warm_learning_rate"})


class RecurrentSpec(Spec):
    """A recurrent network, trained in epochs. The defaults are the tutorial's.

    `cell` is the recurrent unit. A warm training goes on from the weights in use for `warm_epochs` at
    `warm_learning_rate`.
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

    @field_validator("cell")
    @classmethod
    def _check_cell(cls, cell: str) -> str:
        if cell not in networks.cell_names():
            raise ValueError(f"no cell {cell!r}; known: {', '.join(networks.cell_names())}")
        return cell

    def count_epochs(self, *, warm: bool) -> int:
        """Return how many epochs a training of one member has at most."""
        return self.warm_epochs if warm else self.epochs

    def warm_config(self) -> dict[str, Any]:
        """Return what else decides what a warm training gives, as JSON."""
        return self.model_dump(mode="json", include=set(_WARM))

    def with_epochs(self, epochs: int) -> Self:
        """Return the spec with another number of epochs for trainings from scratch."""
        return self.model_copy(update={"epochs": epochs})
