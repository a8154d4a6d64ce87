"""Two to four nights at once leave the same rows as one, on both databases: one of each, and each can be replayed."""

import multiprocessing
from datetime import UTC, date, datetime, timedelta

import pytest
from night_at_once import ENTRIES, LEDGER, SPECS, TICKERS, read_ledger, run_night

from stockrnn.market.calendars import load_calendar
from stockrnn.models.registry import KINDS
from stockrnn.steps.replay import replay_all
from stockrnn.store.migrate import open_store

NIGHTS = load_calendar("XNYS", through_year=2026).sessions(date(2011, 3, 1), date(2012, 2, 28))

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["killed_night", "night_at_once", "stockrnn.networks.tensorflow"])


def run_at_once(settings, moments):
    start = FORKS.Barrier(len(moments))
    processes = [FORKS.Process(target=run_night, args=(settings, moment, start)) for moment in moments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0] * len(moments)


@pytest.fixture
def rounds(request):
    return NIGHTS[: request.config.getoption("--rounds") or 2]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_nights_at_once_leave_the_rows_of_one_night_and_every_forecast_can_be_replayed(
    make_settings, rounds, monkeypatch
):
    """Two, three and four in turn, begun at the same time or a second apart."""
    for kind, entry in ENTRIES.items():
        monkeypatch.setitem(KINDS, kind, entry)
    alone, crowded = make_settings(), make_settings()
    for number, day in enumerate(rounds):
        evening = datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
        run_at_once(alone, [evening])
        apart = timedelta(seconds=number % 2)
        run_at_once(crowded, [evening + apart * position for position in range(2 + number % 3)])
    engines = [open_store(settings) for settings in (alone, crowded)]
    expected, found = (read_ledger(engine) for engine in engines)
    for name in LEDGER:
        assert found[name] == expected[name], name
    made = len(TICKERS) * len(SPECS)
    assert len(found["forecasts"]) == made * len(rounds)
    assert len(found["scores"]) == made * (len(rounds) - 1)
    assert found["missed_nights"] == found["price_revisions"] == []
    decided = [row["model_id"] for row in found["promotions"]]
    assert len(decided) == len(set(decided)) >= len(rounds)
    assert [one.differences for one in replay_all(engines[1]) if not one.matches] == []
    for engine in engines:
        engine.dispose()
