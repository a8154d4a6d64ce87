"""The password of a proxy is in no word of a failed request, however the proxy is written."""

import traceback
from datetime import date
from urllib.parse import quote

import pytest

from stockrnn.errors import PriceSourceError
from stockrnn.market.calendars import load_calendar
from stockrnn.sources.yahoo.client import YahooClient
from stockrnn.types import Span

SECRETS = (
    "ZxQvJJ", "Zx@QvJJ", "Zx/QvJJ", "Zx#QvJJ", "Zx?QvJJ", "Zx'QvJJ", 'Zx"Q vJJ\nQvZx', "Zx. See http://QvJJ",
    "98765432",
)  # fmt: skip
FORMS = (
    "http://user:{}@127.0.0.1:9", "http://user:{}@127.0.0.1:x", "{}://user@127.0.0.1:9", "http://user:{}",
    "u:{}@127.0.0.1:9",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_password_of_a_proxy_is_not_repeated(tmp_path, monkeypatch, caplog, form):
    calendar = load_calendar("XNYS", through_year=2024)
    for secret in [*SECRETS, quote(SECRETS[1])]:
        monkeypatch.setenv("https_proxy", form.format(secret))
        client = YahooClient(cache=tmp_path / "cache", requests_per_second=1e6, retry_seconds=0)
        with pytest.raises(PriceSourceError) as refused:
            client.fetch("SPY", Span(date(2024, 1, 2), date(2024, 1, 5)), calendar)
        said = "".join(traceback.format_exception(refused.value)) + caplog.text
        for piece in ("QvJJ", "Q%20v", "Zx%40", "QvZx", "98765432"):
            assert piece not in said
        assert "\n" not in str(refused.value)
