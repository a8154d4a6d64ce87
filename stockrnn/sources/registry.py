"""The sources there are. Each is a module or a package here that defines `SOURCE`; it is imported when asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeAlias

from stockrnn.errors import UnknownSourceError

if TYPE_CHECKING:
    from stockrnn.sources.source import Source

SOURCE_NAMES = (
    "yahoo",
    "simulated",
    "stored",
)
"""In the order in which they are offered."""
DEFAULT_SOURCE = "yahoo"
DEMO_SOURCE = "simulated"

if TYPE_CHECKING:
    SourceName: TypeAlias = str
else:
    # pydantic and Typer read the choices of a parameter from it
    SourceName = Literal[SOURCE_NAMES]


def get_source(name: SourceName) -> "Source":
    """Return the source called `name`.

    Raises
    ------
    UnknownSourceError
        There is none of that name.
    """
    if name not in SOURCE_NAMES:
        raise UnknownSourceError(name, SOURCE_NAMES)
    source: Source = import_module(f"stockrnn.sources.{name}").SOURCE
    return source
