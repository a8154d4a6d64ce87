"""Addresses of servers, shown without what may be a secret."""

from urllib.parse import urlsplit

UNREADABLE = "an address that can't be read"


def describe_address(address: str) -> str:
    """Return scheme, host, port and path of an address; none of it where a password may pass as one of them.

    >>> describe_address("http://me:secret@127.0.0.1:4200/api?key=1")
    'http://127.0.0.1:4200/api'
    >>> describe_address("http://me:sec/ret@127.0.0.1:4200/api")
    "an address that can't be read"
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return UNREADABLE
    user, at, server = parts.netloc.rpartition("@")
    if not host or "@" in user or address.count("@") != len(at):
        return UNREADABLE
    return f"{parts.scheme}://{server}{parts.path}"
