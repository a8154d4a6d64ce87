from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockrnn.errors import NoPriceDataError
from stockrnn.market.bars import check_bars
from stockrnn.market.calendars import Calendar
from stockrnn.sources.simulated import (
    DEMO_TICKERS,
    FIRST_SESSION,
    OVERNIGHT_SHARE,
    RANDOM_WALK,
    SIGNAL,
    SIGNAL_PHI,
    expected_next_open,
    fetch_simulated,
    simulate_bars,
)
from stockrnn.types import BAR_COLUMNS, Span

SESSIONS = pd.bdate_range(FIRST_SESSION, periods=4000, name="session").as_unit("ns")
LONG = pd.date_range(FIRST_SESSION, periods=60_000, name="session").as_unit("s")
CLOSES = pd.Series((SESSIONS + pd.Timedelta(hours=21)).tz_localize("UTC"), index=SESSIONS)
NAMES = [*DEMO_TICKERS, "SIM-A", "META", "^GSPC"]


def returns(ticker, sessions=SESSIONS):
    return np.diff(np.log(simulate_bars(ticker, sessions)["close"].to_numpy()))


def autocorrelation(x):
    return np.corrcoef(x[:-1], x[1:])[0, 1]


def rmse(x):
    return np.sqrt(np.mean(x**2))


def test_the_demo_shows_a_walk_a_signal_and_an_ordinary_ticker():
    assert DEMO_TICKERS == ("SIM-WALK", "SIM-SIGNAL", "SIM-FAT")
    assert DEMO_TICKERS[:2] == (RANDOM_WALK, SIGNAL)


@pytest.mark.parametrize("ticker", NAMES)
def test_the_same_name_gives_the_same_bars(ticker):
    pd.testing.assert_frame_equal(simulate_bars(ticker, SESSIONS), simulate_bars(ticker, SESSIONS), check_exact=True)


def test_another_name_gives_other_bars():
    closes = {ticker: tuple(simulate_bars(ticker, SESSIONS)["close"]) for ticker in NAMES}
    assert len(set(closes.values())) == len(NAMES)
    assert abs(np.corrcoef(returns("SIM-A"), returns("SIM-FAT"))[0, 1]) < 0.05


@given(st.sampled_from(NAMES), st.integers(0, 300), st.integers(0, 300))
@settings(deadline=None, max_examples=30)
def test_the_first_bars_do_not_depend_on_how_many_follow(ticker, n, more):
    pd.testing.assert_frame_equal(
        simulate_bars(ticker, SESSIONS[: n + more])[:n],
        simulate_bars(ticker, SESSIONS[:n]),
        check_exact=True,
        check_freq=False,
    )


def test_no_global_random_state_is_read_or_changed():
    np.random.seed(1)  # noqa: NPY002
    before = simulate_bars("SIM-A", SESSIONS)
    assert np.random.random() == pytest.approx(0.417022, abs=1e-6)  # noqa: NPY002
    pd.testing.assert_frame_equal(simulate_bars("SIM-A", SESSIONS), before, check_exact=True)


@pytest.mark.parametrize("ticker", NAMES)
def test_every_simulated_bar_is_a_good_bar(ticker):
    frame = simulate_bars(ticker, SESSIONS)
    bars = check_bars(frame.reset_index(), closes=CLOSES, as_of=datetime(2100, 1, 1, tzinfo=UTC))
    assert bars.issues == ()
    pd.testing.assert_frame_equal(bars.frame, frame, check_exact=True, check_freq=False)
    assert list(frame.columns) == list(BAR_COLUMNS)
    assert not frame.isna().any(axis=None)
    assert (frame["adj_close"] == frame["close"]).all()
    assert (frame["volume"] == frame["volume"].round()).all()
    assert frame["volume"].min() > 0


def test_the_bars_of_the_span_asked_for_are_fetched():
    opens = (SESSIONS + pd.Timedelta(hours=14)).tz_localize("UTC")
    calendar = Calendar(
        name="XTST",
        timezone="America/New_York",
        table=pd.DataFrame({"opens": opens, "closes": CLOSES}, index=SESSIONS),
        known_from=SESSIONS[0].date(),
        known_through=SESSIONS[-1].date(),
    )
    bars = simulate_bars("SIM-A", SESSIONS[:40])
    for first, last, asked in ((2, 9, slice(2, 10)), (0, 39, slice(0, 40)), (39, 39, slice(39, 40))):
        span = Span(SESSIONS[first].date(), SESSIONS[last].date())
        download = fetch_simulated("SIM-A", span, calendar)
        assert list(download.rows.columns) == ["session", *BAR_COLUMNS]
        found = download.rows.set_index("session")
        pd.testing.assert_frame_equal(found, bars[asked], check_exact=True, check_freq=False)
        assert (download.actions, download.issues, download.currency) == ((), (), None)
        assert download.timezone == "America/New_York"
    early = Span(date(2001, 1, 1), SESSIONS[1].date())
    assert fetch_simulated("SIM-A", early, calendar).rows["session"].tolist() == SESSIONS[:2].tolist()
    with pytest.raises(NoPriceDataError, match=r"SIM-A: the simulated market has no prices .* begins on 2010-01-04"):
        fetch_simulated("SIM-A", Span(date(2001, 1, 1), date(2010, 1, 3)), calendar)


def test_names_start_between_20_and_300_and_have_25_to_35_percent_volatility():
    tickers = [f"SIM-{i}" for i in range(40)]
    starts = np.array([simulate_bars(ticker, SESSIONS[:1])["open"].iloc[0] for ticker in tickers])
    assert 18 < starts.min() < 80
    assert 220 < starts.max() < 330
    annual = [returns(ticker).std() * np.sqrt(252) for ticker in tickers[:10]]
    # a sample of a clustered volatility strays from its long-run value
    assert 0.2 < min(annual) < max(annual) < 0.45
    assert np.median(annual) == pytest.approx(0.3, abs=0.03)


def test_an_ordinary_ticker_has_fat_tails_and_clustered_volatility():
    x = returns("SIM-FAT")
    assert np.mean((x - x.mean()) ** 4) / x.var() ** 2 - 3 > 1
    assert autocorrelation(np.abs(x)) > 5 / np.sqrt(len(x))


def test_sim_walk_is_a_gaussian_random_walk_of_constant_volatility():
    x = returns(RANDOM_WALK)
    bound = 2.5 / np.sqrt(len(x))
    assert abs(autocorrelation(x)) < bound
    assert abs(autocorrelation(np.abs(x))) < bound
    assert abs(np.mean((x - x.mean()) ** 4) / x.var() ** 2 - 3) < 2.5 * np.sqrt(24 / len(x))
    assert abs(x.mean()) < 2.5 * x.std() / np.sqrt(len(x))


def test_the_night_has_its_share_of_the_variance():
    bars = np.log(simulate_bars(RANDOM_WALK, SESSIONS))
    night = (bars["open"] - bars["close"].shift())[1:].var()
    day = (bars["close"] - bars["open"]).var()
    assert night / (night + day) == pytest.approx(OVERNIGHT_SHARE, abs=0.02)


def test_volume_rises_with_volatility_and_with_the_size_of_the_move():
    bars = simulate_bars("SIM-FAT", SESSIONS)
    volume = np.log(bars["volume"].to_numpy()[1:])
    x = np.abs(returns("SIM-FAT"))
    assert np.corrcoef(volume, x)[0, 1] > 0.3
    recent = pd.Series(x).rolling(20).mean().shift().to_numpy()
    assert np.corrcoef(volume[40:], recent[40:])[0, 1] > 0.2


def test_sim_signal_reverts_to_100_with_fat_tails_and_clustered_volatility():
    bars = simulate_bars(SIGNAL, LONG)
    distance = np.log(bars["close"].to_numpy() / 100)
    assert distance.mean() == pytest.approx(0, abs=1e-3)
    assert autocorrelation(distance) == pytest.approx(SIGNAL_PHI, abs=0.02)
    shocks = distance[1:] - SIGNAL_PHI * distance[:-1]
    assert np.mean(shocks**4) / shocks.var() ** 2 - 3 > 1
    assert autocorrelation(np.abs(shocks)) > 0.1


def test_the_expected_next_open_is_half_way_back_to_100_in_logs():
    assert expected_next_open(121.0) == pytest.approx(110.0)
    np.testing.assert_allclose(expected_next_open(np.array([100.0, 81.0])), [100.0, 90.0])


def test_the_expected_next_open_is_the_median():
    bars = simulate_bars(SIGNAL, LONG)
    above = bars["open"].to_numpy()[1:] > expected_next_open(bars["close"].to_numpy()[:-1])
    assert above.mean() == pytest.approx(0.5, abs=2.5 * 0.5 / np.sqrt(len(above)))


def test_sim_signal_is_forecast_as_well_as_its_derivation_says_and_not_better():
    bars = simulate_bars(SIGNAL, LONG)
    opens, closes = np.log(bars["open"].to_numpy()), np.log(bars["close"].to_numpy())
    best = rmse(opens[1:] - np.log(expected_next_open(bars["close"].to_numpy()))[:-1])
    naive, last_close = rmse(np.diff(opens)), rmse(opens[1:] - closes[:-1])
    derived = np.sqrt(0.3 / (0.3 + 1 / 3))
    assert best / naive == pytest.approx(derived, abs=0.01)
    assert best / last_close == pytest.approx(derived, abs=0.01)
    level = np.log(100)
    from_opens = level + SIGNAL_PHI * (opens[:-1] - level)
    assert rmse(opens[1:] - from_opens) / naive == pytest.approx(np.sqrt((1 + SIGNAL_PHI) / 2), abs=0.01)


@pytest.mark.parametrize(
    ("ticker", "first", "last"),
    [
        (
            "SIM-WALK",
            [226.121205, 228.842589, 222.369497, 223.73555, 4558803.0],
            [212.506867, 215.310061, 208.154815, 210.215397, 5549383.0],
        ),
        (
            "SIM-SIGNAL",
            [100.104166, 100.692292, 99.56952, 100.474612, 58000992.0],
            [99.390621, 100.463868, 98.902985, 100.000327, 61999947.0],
        ),
        (
            "SIM-FAT",
            [178.17942, 182.168313, 177.066774, 180.111299, 54935152.0],
            [171.701151, 172.384896, 170.064991, 170.630318, 47042845.0],
        ),
    ],
)
def test_the_market_stays_as_it_is(ticker, first, last):
    # Our own output, not a reference: it pins the market, so that stored forecasts and demos stay comparable.
    bars = simulate_bars(ticker, SESSIONS[:250])[["open", "high", "low", "close", "volume"]].round(6)
    assert bars.iloc[0].tolist() == first
    assert bars.iloc[-1].tolist() == last
