"""The calendars that a symbol can tell."""

from stockrnn.market import symbols

_BY_FORM = map(symbols.look_up_calendar, ("BTC-USD", "EURUSD=X", "GC=F"))
KNOWN_CALENDARS = sorted({*symbols._BY_SUFFIX.values(), *symbols._BY_INDEX.values(), *_BY_FORM})
