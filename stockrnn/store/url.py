"""The address of the database: read in one place, and shown without what may be a secret.

Words for people name the host and the database, nothing else of it: the user name, the port and the options may hold
a password that was written in the wrong place.
"""

import re
from collections.abc import Iterator

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from stockrnn.errors import StoreError
from stockrnn.settings import Settings

DATABASE_FILE = "stockrnn.db"

_HOST = re.compile(r"[\w.-]*|[0-9a-fA-F:.%]+|/.*")
_MAX_PORT = 65_535
_PIECE = 4
"""So many characters of a secret in a row are hidden; fewer only where they stand alone."""
_HIDDEN = "***"
_UNRESOLVED = re.compile(
    r"resolve host|translate host name|Name or service not known|nodename nor servname", re.IGNORECASE
)


def read_url(settings: Settings) -> URL:
    """Return the address of the store: the SQLite file in the data folder, or what STOCKRNN_DATABASE_URL says.

    Raises
    ------
    StoreError
        It can't be read, or only by guessing which part is the password. Nothing of it is repeated.
    """
    if settings.database_url is None:
        return URL.create("sqlite", database=str(settings.home / DATABASE_FILE))
    text = settings.database_url.get_secret_value()
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise _make_error("can't be read") from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        return url
    if backend != "postgresql":
        raise _make_error("names a database other than Postgres or SQLite")
    # where an @ stands in a password, a part of it passes as the host, which every message names
    if text.count("@") > 1 or "@" in (url.database or "") or not _HOST.fullmatch(url.host or ""):
        raise _make_error("can't be read")
    if url.port is not None and not 0 < url.port <= _MAX_PORT:
        raise _make_error("can't be read")
    return url


def describe_url(url: URL) -> str:
    """Return what may be shown of an address: the file, or host and database."""
    if url.get_backend_name() == "sqlite":
        return f"{url.database}"
    return f"database {url.database or '(default)'} on {_read_host(url) or 'this machine'}"


def hide_secrets(text: str, url: URL, *, connected: bool = False) -> str:
    """Return a driver's message without any part of the address but host and database, in one line.

    Once `connected`, nobody speaks of options any more, whose values may be words of every day.

    >>> from sqlalchemy import make_url
    >>> hide_secrets('no role "hunter2"', make_url("postgresql+psycopg://hunter2@host/prices"))
    'no role "***"'
    """
    if url.get_backend_name() == "sqlite":
        return " ".join(text.split())
    if _UNRESOLVED.search(text):  # what is taken for a host is then perhaps a part of a password
        return "the host that STOCKRNN_DATABASE_URL names can't be found; an @ in a password is written %40"
    hidden = [False] * len(text)
    for secret in _find_secrets(url, connected=connected):
        for start, end in _find(secret, text):
            hidden[start:end] = [True] * (end - start)
    shown = "".join("\0" if hide else character for character, hide in zip(text, hidden, strict=True))
    return " ".join(re.sub("\0+", _HIDDEN, shown).split())


def _make_error(problem: str) -> StoreError:
    return StoreError(
        f"STOCKRNN_DATABASE_URL {problem}; expected postgresql+psycopg://user@host:port/database with the password "
        "in PGPASSWORD, or user:password@host with each of @ : / ? # % [ ] in user name and password "
        "percent-encoded, such as %40 for @"
    )


def _find_secrets(url: URL, *, connected: bool) -> Iterator[str]:
    public = {_read_host(url), url.database}
    parts = [url.username, url.password, None if url.port is None else str(url.port)]
    for name, values in url.normalized_query.items():
        if "password" in name or (name != "host" and not connected):
            parts += [name, *values]
    # a message may hold it as it was written, too
    for part in {part for part in parts if part and part not in public}:
        yield part
        yield URL.create("x", username=part).render_as_string(hide_password=False)[4:-1]


def _find(secret: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a text holds a piece of a secret: start and end."""
    if len(secret) < _PIECE:
        yield from (match.span() for match in re.finditer(rf"(?<!\w){re.escape(secret)}(?!\w)", text))
        return
    pieces = {secret[start : start + _PIECE] for start in range(len(secret) - _PIECE + 1)}
    for start in range(len(text) - _PIECE + 1):
        if text[start : start + _PIECE] in pieces:
            yield start, start + _PIECE


def _read_host(url: URL) -> str | None:
    named = url.normalized_query.get("host")
    return url.host or (", ".join(named) if named else None)
