"""The sources there are. Each is a module or a package here that defines `SOURCE`; it is imported when asked for."""

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeAlias

from stockrnn.errors import UnknownSourceError, UsageError

if TYPE_CHECKING:
    from stockrnn.settings import Settings
    from stockrnn.sources.source import Source

SOURCE_NAMES = (
    "yahoo",
    "tiingo",
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


def list_names(settings: "Settings", name: SourceName | None = None) -> list[str]:
    """Return `name`, else the sources that the settings name, else the default one; whether there are such or not."""
    return list(dict.fromkeys([name] if name else settings.source or [DEFAULT_SOURCE]))


def choose_source(settings: "Settings", name: SourceName | None = None) -> "Source":
    """Return the source called `name`, else that of the settings: the first of several has the others as fallbacks.

    Raises
    ------
    UnknownSourceError
        There is none of a name.
    UsageError
        One that needs no network stands beside others.
    """
    first, *others = [get_source(one) for one in list_names(settings, name)]
    apart = [one.name for one in (first, *others) if not one.needs_network]
    if others and apart:
        raise UsageError(f"source: {apart[0]!r} stands alone, it can't be combined with others")
    return replace(first, fallbacks=tuple(others))
