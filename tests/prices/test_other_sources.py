"""Any source goes the same way: what it tells is checked, compared and stored, and its failures name it."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from inline import update_simulated
from nights import NEW_YORK, closes, issues, list_simulated, night, read_all
from sqlalchemy import select

from stockrnn.errors import (
    MixedSourcesError,
    NoPriceDataError,
    PriceSourceError,
    RateLimitedError,
    WrongCalendarError,
)
from stockrnn.sources.registry import get_source
from stockrnn.sources.simulated import FIRST_SESSION, simulate_bars
from stockrnn.sources.source import Source
from stockrnn.steps.feed import Feed, open_feed, update_prices
from stockrnn.steps.run import Run
from stockrnn.store.engine import reading
from stockrnn.store.prices import Written
from stockrnn.store.schema import prices
from stockrnn.types import Download

SESSIONS = NEW_YORK.sessions(date(2024, 1, 2), date(2024, 12, 31))
FULL = NEW_YORK.sessions(FIRST_SESSION, date(2013, 1, 31))
NIGHT = night("2024-03-01")


@dataclass
class Elsewhere:
    """A source that is no Yahoo; `error` is what it raises instead of an answer."""

    error: Exception | None = None
    timezone: str = "America/New_York"
    asked: list[tuple] = field(default_factory=list)

    def fetch(self, ticker, span, calendar) -> Download:
        self.asked.append((ticker, str(span.first), str(span.last), calendar.name))
        if self.error is not None:
            raise self.error
        rows = simulate_bars(ticker, SESSIONS).loc[str(span.first) : str(span.last)].reset_index()
        return Download(rows=rows, actions=(), issues=(), currency="USD", timezone=self.timezone)

    @property
    def source(self) -> Source:
        return Source(
            name="elsewhere",
            title="Elsewhere",
            open=lambda _: self.fetch,
            needs_network=True,
            look_up_calendar=lambda _: "XNYS",
        )


@pytest.fixture
def elsewhere():
    return Elsewhere()


@pytest.fixture
def make_job(settings, engine):
    def make(ticker="META", *, as_of=NIGHT, now=None):
        return Run(settings=settings, engine=engine, as_of=as_of, now=now or as_of).job(ticker, "tutorial")

    return make


def test_what_another_source_tells_is_stored_under_its_name(elsewhere, make_job, settings):
    with open_feed(settings, elsewhere.source) as feed:
        # a symbol that only this source can look up
        assert update_prices(make_job("ABC.ZZ"), feed) == Written(inserted=42, revised=0, quarantined=0)
        later = make_job("ABC.ZZ", as_of=night("2024-03-04"))
        assert update_prices(later, feed) == Written(inserted=1, revised=0, quarantined=0)
    assert elsewhere.asked == [
        ("ABC.ZZ", "2024-01-02", "2024-03-01", "XNYS"),
        ("ABC.ZZ", "2024-02-16", "2024-03-04", "XNYS"),
    ]
    with reading(later.engine) as connection:
        assert set(connection.scalars(select(prices.c.source))) == {"elsewhere"}
    assert len(closes(later.engine, "ABC.ZZ")) == 43
    assert issues(later.engine, "ABC.ZZ") == []


def test_a_refusal_stops_the_batch_and_an_outage_names_the_source(elsewhere, make_job):
    pauses = []
    feed = Feed(elsewhere.source, elsewhere.fetch, pause=pauses.append)
    elsewhere.error = RateLimitedError(source="Elsewhere")
    for ticker in ("META", "AAPL"):
        with pytest.raises(RateLimitedError, match=r"^Elsewhere can't be reached .* \(HTTP 429\)"):
            update_prices(make_job(ticker), feed)
    assert pauses == [60.0, 120.0, 240.0]
    assert {ticker for ticker, *_ in elsewhere.asked} == {"META"}


def test_three_failures_in_a_row_are_an_outage_of_any_source(elsewhere, make_job):
    feed = Feed(elsewhere.source, elsewhere.fetch)
    elsewhere.error = PriceSourceError("it is closed", source="Elsewhere")
    for ticker in ("META", "AAPL", "MSFT", "NVDA"):
        with pytest.raises(PriceSourceError, match=r"^Elsewhere can't be reached .*: it is closed; nothing"):
            update_prices(make_job(ticker), feed)
    assert [ticker for ticker, *_ in elsewhere.asked] == ["META", "AAPL", "MSFT"]


def test_no_data_and_a_wrong_calendar_name_the_source(elsewhere, make_job):
    feed = Feed(elsewhere.source, elsewhere.fetch)
    with pytest.raises(NoPriceDataError, match=r"^META: Elsewhere has no prices of it \(none from 2023"):
        update_prices(make_job(as_of=night("2023-06-01")), feed)
    elsewhere.timezone = "Asia/Tokyo"
    with pytest.raises(WrongCalendarError, match="but Elsewhere says it trades in Asia/Tokyo"):
        update_prices(make_job(), feed)


def test_a_real_source_is_not_asked_for_a_simulated_ticker_nor_the_other_way_round(elsewhere, make_job, engine):
    feed = Feed(elsewhere.source, elsewhere.fetch)
    update_prices(make_job("META"), feed)
    update_simulated(make_job("SIM-A"))
    before, elsewhere.asked = read_all(engine), []
    with pytest.raises(MixedSourcesError, match="'simulated', these from 'elsewhere'"):
        update_prices(make_job("SIM-A"), feed)
    with pytest.raises(MixedSourcesError, match="'elsewhere', these from 'simulated'"):
        update_simulated(make_job("META"))
    assert elsewhere.asked == []
    assert read_all(engine) == before


def test_the_simulated_market_has_its_figures_at_the_close_and_is_dated_by_its_own_time(make_job, settings):
    _, closed = (moment.to_pydatetime() for moment in NEW_YORK.table.loc["2012-03-30"])
    now = night("2024-03-01")
    jobs = [
        make_job("SIM-FAT", as_of=as_of, now=now)
        for as_of in (closed - timedelta(seconds=1), closed, closed + timedelta(hours=1))
    ]
    with open_feed(settings, get_source("simulated")) as feed:
        told = [update_prices(job, feed) for job in jobs]
    assert [written.inserted for written in told] == [FULL.get_loc("2012-03-30"), 1, 0]
    rows = read_all(jobs[0].engine, "prices")["prices"]
    assert [row[-1] for row in rows[-2:]] == [jobs[0].as_of, jobs[1].as_of]
    assert {row[-2] for row in rows} == {"simulated"}
    expected = simulate_bars("SIM-FAT", FULL[: len(rows)])["close"]
    assert [row[1] for row in rows] == [session.date() for session in expected.index]
    assert closes(jobs[0].engine, "SIM-FAT").tolist() == expected.tolist()


def test_what_is_stored_is_left_as_it_is_where_nothing_is_downloaded(batch, yahoo, make_job, settings):
    list_simulated(yahoo)
    batch.update(NIGHT, "META")
    before = read_all(batch.engine)
    with open_feed(settings, get_source("stored")) as feed:
        assert update_prices(make_job(as_of=night("2024-03-04")), feed) is None
    assert read_all(batch.engine) == before
