"""A calendar that its package can't load, as with some versions of pandas."""

import exchange_calendars as xc
import pytest

from stockrnn.market.calendars import load_calendar


def break_calendar(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """Let the package fail on a calendar."""
    load = xc.get_calendar

    def refuse(name, *args, **options):
        if name == broken:
            raise TypeError("unsupported operand")
        return load(name, *args, **options)

    load_calendar.cache_clear()
    monkeypatch.setattr(xc, "get_calendar", refuse)
