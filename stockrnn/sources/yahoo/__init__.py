"""Yahoo: daily prices and corporate actions, through the real yfinance client."""

from stockrnn.settings import Settings
from stockrnn.sources.source import Fetch, Source
from stockrnn.sources.yahoo.names import NAME, TITLE


def _open(settings: Settings) -> Fetch:
    from stockrnn.sources.yahoo.client import YahooClient

    return YahooClient(cache=settings.home / "yfinance", requests_per_second=settings.requests_per_second).fetch


SOURCE = Source(name=NAME, title=TITLE, open=_open, needs_network=True)
