"""The registry of cells: the recurrent layers that a network can be made of.

A further cell is one new file beside `lstm.py`, its test, and one line in `CELLS`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
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


@dataclass(frozen=True, slots=True)
class _Entry:
    address: str
    options: tuple[str, ...]


_GATED = ("recurrent_initializer", "forget_bias")

CELLS: Mapping[str, _Entry] = {
    "gru": _Entry("stockrnn.networks.gru:GRU", ("recurrent_initializer",)),
    "lstm": _Entry("stockrnn.networks.lstm:LSTM", _GATED),
    "lstm_coupled": _Entry("stockrnn.networks.lstm_coupled:CoupledLSTM", _GATED),
    "lstm_peephole": _Entry("stockrnn.networks.lstm_peephole:PeepholeLSTM", (*_GATED, "peepholes")),
    "minimal_lstm": _Entry("stockrnn.networks.minimal_lstm:MinimalLSTM", ("forget_bias",)),
    "rnn": _Entry("stockrnn.networks.rnn:RNN", ("recurrent_initializer", "activation")),
}
"""Name in a spec -> module and class, resolved late: to know the names takes no Keras; and which options it has."""

_OF_ALL = ("truncate_after",)


def cell_names() -> tuple[str, ...]:
    """Return the names of all cells."""
    return tuple(CELLS)


def cell_options(name: str) -> tuple[str, ...]:
    """Return the names of the `CellOptions` that a cell has."""
    return (*CELLS[name].options, *_OF_ALL)


def load_cell(name: str) -> type[Cell]:
    """Import the cell of that name, and Keras with it.

    Raises
    ------
    KeyError
        There is no such cell.
    """
    cell: type[Cell] = resolve_name(CELLS[name].address)
    return cell
