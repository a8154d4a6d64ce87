"""The registry of cells: the recurrent layers that a network can be made of.

A further cell is one new file beside `lstm.py`, its test, and one line in `CELLS`; it is imported when asked for, so
that to know the names takes no Keras.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

from stockrnn.types.networks import CellOptions


class Cell(Protocol):
    """A Keras layer: from (batch, time, features) to (batch, time, units).

    To (batch, units), the last outputs, without `return_sequences`. See `recurrent_layer.Recurrent`.
    """

    def __init__(self, units: int, *, options: CellOptions, return_sequences: bool) -> None: ...

    @property
    def penalized(self) -> Sequence[Any]:
        """The weights that penalties are on."""

    def reset(self, seeds: Iterator[int]) -> None:
        """Set fresh weights, those that are random from as many of the seeds as it takes."""


_GATED = ("recurrent_initializer", "forget_bias")

CELLS: Mapping[str, tuple[str, ...]] = {
    "gru": ("recurrent_initializer",),
    "lstm": _GATED,
    "lstm_coupled": _GATED,
    "lstm_peephole": (*_GATED, "peepholes"),
    "minimal_lstm": ("forget_bias",),
    "rnn": ("recurrent_initializer", "activation"),
}
"""Name in a spec, and of the module here that defines `CELL` -> the `CellOptions` that it has."""

_OF_ALL = ("truncate_after",)


def cell_names() -> tuple[str, ...]:
    """Return the names of all cells."""
    return tuple(CELLS)


def cell_options(name: str) -> tuple[str, ...]:
    """Return the names of the `CellOptions` that a cell has."""
    return (*CELLS[name], *_OF_ALL)


def load_cell(name: str) -> type[Cell]:
    """Import the cell of that name, and Keras with it.

    Raises
    ------
    KeyError
        There is no such cell.
    """
    if name not in CELLS:
        raise KeyError(name)
    cell: type[Cell] = import_module(f"stockrnn.networks.{name}").CELL
    return cell
