"""The registry of cells: the recurrent layers that a network can be made of.

A further cell is one new file beside `lstm.py`, its test, and one line in `CELLS`.
"""

from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from typing import Protocol


class Cell(Protocol):
    """A Keras layer: from (batch, time, features) to (batch, time, units).

    To (batch, units), the last outputs, without `return_sequences`.
    """

    def __init__(self, units: int, *, return_sequences: bool) -> None: ...

    def reset(self, seeds: Iterator[int]) -> None:
        """Set fresh weights, those that are random from as many of the seeds as it takes."""


CELLS: Mapping[str, str] = {
    "lstm": "stockrnn.networks.lstm:LSTM",
}
"""Name in a spec -> module and class, resolved late: to know the names takes no Keras."""


def cell_names() -> tuple[str, ...]:
    """Return the names of all cells."""
    return tuple(CELLS)


def load_cell(name: str) -> type[Cell]:
    """Import the cell of that name, and Keras with it.

    Raises
    ------
    KeyError
        There is no such cell.
    """
    cell: type[Cell] = resolve_name(CELLS[name])
    return cell
