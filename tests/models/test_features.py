"""Scale-free inputs: no look-ahead, no level, no ticker."""

import numpy as np
import pandas as pd
import pytest

from stockrnn.market.calendars import load_calendar
from stockrnn.models.features import CONTEXT, INPUTS, WARM_UP, make_inputs, measure, whole_windows
from stockrnn.sources.simulated import FIRST_SESSION, simulate_bars

LOOKBACK = 40
SESSIONS = load_calendar("XNYS", through_year=2026).sessions(FIRST_SESSION, pd.Timestamp("2011-12-30").date())
BARS = simulate_bars("SIM-FAT", SESSIONS)
DAYS = pd.Series(np.append(np.diff(SESSIONS).astype("timedelta64[D]").astype(float), 4.0), index=SESSIONS)


def make(bars=BARS, *, target="close", newest=None):
    rows = whole_windows(len(bars), lookback=LOOKBACK)
    rows = rows if newest is None else rows[-newest:]
    return make_inputs(measure(bars, target=target), DAYS, lookback=LOOKBACK, rows=rows)


def volatility_by_hand(bars, decay):
    """The exponentially weighted volatility at the last bar, in a plain loop."""
    total = weights = 0.0
    before = None
    for row in bars.itertuples():
        high_low, body = np.log(row.high / row.low), np.log(row.close / row.open)
        variance = 0.5 * high_low**2 - (2 * np.log(2) - 1) * body**2
        if before is not None:
            variance += np.log(row.open / before) ** 2
        total = decay * total + max(variance, 1e-8)
        weights = decay * weights + 1
        before = row.close
    return np.sqrt(total / weights)


def usual_move_by_hand(bars, target="close"):
    """How large the moves to the target were in units of volatility, in a plain loop."""
    total, weights = 100 * 0.75, 100.0
    for at in range(60, len(bars)):
        known = bars.iloc[:at]
        move = abs(np.log(bars[target].iloc[at] / known["close"].iloc[-1]))
        total = 0.998 * total + min(move / volatility_by_hand(known, 0.94), 6.0)
        weights = 0.998 * weights + 1
    return np.sqrt(total / weights / 0.75)


def test_every_window_ends_at_its_session_and_none_is_there_before_the_averages_are_warm():
    inputs = make()
    assert inputs.x.shape == (len(BARS) - WARM_UP + 1, LOOKBACK, len(INPUTS))
    assert inputs.context.shape == (len(inputs.x), len(CONTEXT))
    assert inputs.sessions[-1] == BARS.index[-1]
    assert inputs.sessions[0] == BARS.index[WARM_UP - 1]
    assert inputs.reference_price[-1] == BARS["close"].iloc[-1]
    assert np.isfinite(inputs.x).all()
    assert np.isfinite(inputs.context).all()


def test_the_numbers_are_those_of_a_hand_calculation():
    inputs = make()
    volatility = volatility_by_hand(BARS, 0.94)
    assert inputs.scale[-1] == pytest.approx(volatility * usual_move_by_hand(BARS), rel=1e-9)
    last, before = BARS.iloc[-1], BARS.iloc[-2]
    move, overnight = np.log(last["close"] / before["close"]), np.log(last["open"] / before["close"])
    found = dict(zip(INPUTS, inputs.x[-1, -1].tolist(), strict=True))
    assert found["return"] == pytest.approx(move / volatility, rel=1e-5)
    assert found["overnight"] == pytest.approx(overnight / volatility, rel=1e-5)
    assert found["size"] == pytest.approx(abs(move) / volatility - 0.8, rel=1e-5)
    volume = np.log(BARS["volume"])
    assert found["volume"] == pytest.approx(volume.iloc[-1] - volume.iloc[-20:].mean(), rel=1e-5)
    body = np.log(last["close"] / last["open"])
    garman_klass = 0.5 * np.log(last["high"] / last["low"]) ** 2 - (2 * np.log(2) - 1) * body**2
    assert found["range"] == pytest.approx(0.5 * np.log(garman_klass + overnight**2) - np.log(volatility), rel=1e-5)
    known = dict(zip(CONTEXT, inputs.context[-1].tolist(), strict=True))
    assert known["days_ahead"] == pytest.approx(4.0 - 1.4)
    long, short = (volatility_by_hand(BARS, decay) for decay in (0.99, 0.75))
    assert known["volatility_to_long"] == pytest.approx(np.log(volatility / long), rel=1e-5)
    assert known["short_to_volatility"] == pytest.approx(np.log(short / volatility), rel=1e-5)
    assert known["har_1"] == pytest.approx(2 * found["range"], rel=1e-5)
    week = [np.log(BARS["close"].iloc[-1] / BARS["close"].iloc[-6]) / volatility / np.sqrt(5), 0.0]
    assert known["fall_5"] == pytest.approx(max(min(week), -4.0), rel=1e-5)


def test_an_open_moves_less_than_a_close_and_has_a_smaller_scale():
    opens = make(target="open")
    assert opens.scale[-1] == pytest.approx(
        volatility_by_hand(BARS, 0.94) * usual_move_by_hand(BARS, "open"), rel=1e-9
    )
    assert opens.scale[-1] < 0.8 * make().scale[-1]
    assert (opens.x == make().x).all()


def test_the_newest_windows_alone_are_those_of_all():
    whole, newest = make(), make(newest=3)
    assert len(newest.x) == len(newest.sessions) == 3
    for name in ("x", "context", "scale", "reference_price"):
        assert (getattr(newest, name) == getattr(whole, name)[-3:]).all()


def test_a_target_that_is_missing_is_left_out_of_the_scale():
    missing = BARS["adj_close"].copy()
    missing.iloc[100:110] = np.nan
    assert np.isfinite(make(BARS.assign(adj_close=missing), target="adj_close").scale).all()


@pytest.mark.parametrize("later", [1, 7, 100])
def test_no_window_sees_a_later_bar(later):
    whole, cut = make(), make(BARS.iloc[:-later])
    count = len(cut.x)
    assert (whole.sessions[:count] == cut.sessions).all()
    assert (whole.x[:count] == cut.x).all()
    assert (whole.context[:count] == cut.context).all()
    assert (whole.scale[:count] == cut.scale).all()


def test_the_level_of_prices_and_of_volume_does_not_matter():
    other = BARS.copy()
    other[["open", "high", "low", "close", "adj_close"]] *= 0.001
    other["volume"] *= 1e6
    found, expected = make(other), make()
    assert found.x == pytest.approx(expected.x, abs=1e-4)
    assert found.context == pytest.approx(expected.context, abs=1e-5)
    assert found.scale == pytest.approx(expected.scale, rel=1e-9)


def test_without_volume_as_of_an_index_the_other_inputs_are_the_same():
    for nothing in (0.0, np.nan):
        found, expected = make(BARS.assign(volume=nothing)), make()
        assert (found.x[:, :, 4] == 0).all()
        assert (found.x[:, :, :4] == expected.x[:, :, :4]).all()


def test_an_adjusted_close_is_counted_from_the_adjusted_close():
    bars = BARS.assign(adj_close=BARS["close"] / 2)
    assert make(bars, target="adj_close").reference_price[-1] == bars["adj_close"].iloc[-1]
    assert make(bars, target="open").reference_price[-1] == bars["close"].iloc[-1]


def test_prices_that_never_move_give_finite_inputs():
    flat = BARS.copy()
    flat[["open", "high", "low", "close", "adj_close"]] = 10.0
    assert np.isfinite(make(flat).x).all()
    assert (make(flat).scale > 0).all()


@pytest.mark.parametrize("count", [0, 1, WARM_UP - 1])
def test_too_short_a_history_gives_no_window(count):
    inputs = make(BARS.iloc[:count])
    assert inputs.x.shape == (0, LOOKBACK, len(INPUTS))
    assert len(inputs.scale) == len(inputs.reference_price) == len(inputs.context) == len(inputs.sessions) == 0
