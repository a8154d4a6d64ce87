"""Tiingo: daily prices of American shares and funds, over its HTTPS endpoint, for whoever has a token."""

from stockrnn.settings import Settings, read_secret
from stockrnn.sources.source import Fetch, Source
from stockrnn.sources.tiingo.names import NAME, TITLE, TOKEN_VARIABLE


def _open(settings: Settings) -> Fetch:
    from stockrnn.sources.tiingo.client import TiingoClient

    token = read_secret(TOKEN_VARIABLE, source=TITLE)
    return TiingoClient(token=token, requests_per_second=settings.requests_per_second).fetch


# what it allows is counted by the hour and the day: no night waits for that
SOURCE = Source(name=NAME, title=TITLE, open=_open, needs_network=True, pauses=())
