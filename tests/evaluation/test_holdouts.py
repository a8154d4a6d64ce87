from datetime import date

import numpy as np
import pandas as pd
import pytest
from holdouts import run_holdout
from sklearn.metrics import mean_pinball_loss

from stockrnn.errors import HoldoutError, NotEnoughHistoryError
from stockrnn.evaluation.holdouts import compute_scores, count_directions, find_interval_verdict, split_holdout
from stockrnn.evaluation.metrics import compute_metrics
from stockrnn.market.calendars import load_calendar
from stockrnn.sources.csv_file import read_price_file
from stockrnn.sources.simulated import FIRST_SESSION, RANDOM_WALK, SIGNAL, expected_next_open, simulate_bars
from stockrnn.types import BACKTEST_COLUMNS, Span, month_span

LOOKBACK = 40
JANUARY = month_span(date(2020, 1, 1))
DAYS = pd.date_range("2019-12-01", "2020-02-10", name="session")  # 31 before January, 31 in it, 10 after
VALUES = pd.Series(np.arange(100.0, 172.0), index=DAYS, name="open")


def cut(values=VALUES, holdout=JANUARY, *, lookback=5, **options):
    return split_holdout(values, holdout, ticker="META", lookback=lookback, **options)


def same_as_last(_):
    return lambda windows: windows[:, -1, 0]


def test_the_series_is_cut_at_the_first_session_of_the_holdout():
    split = cut()
    pd.testing.assert_series_equal(split.training, VALUES["2019-12-01":"2019-12-31"])
    pd.testing.assert_series_equal(split.inputs, VALUES["2019-12-27":"2020-01-31"])
    assert split.holdout == 31
    assert split.cutoff == date(2019, 12, 31)
    assert split.sessions == JANUARY


def test_the_split_names_the_sessions_that_there_are_and_not_the_dates_asked_for():
    weekdays = VALUES[VALUES.index.day_of_week < 5].drop(pd.Timestamp("2020-01-01"))
    split = cut(weekdays)
    assert split.sessions == Span(date(2020, 1, 2), date(2020, 1, 31))
    assert split.holdout == 22
    assert split.inputs.index[0] == pd.Timestamp("2019-12-25")  # a Wednesday, five weekdays before the 1st


def test_training_begins_at_a_date():
    assert cut(train_from=date(2019, 12, 20)).training.index[0] == pd.Timestamp("2019-12-20")
    assert len(cut(train_from=date(2000, 1, 1)).training) == 31


def test_training_begins_so_many_sessions_before_the_holdout():
    assert cut(train_sessions=10).training.tolist() == VALUES[21:31].tolist()
    assert len(cut(train_sessions=1000).training) == 31


def test_a_date_to_train_from_wins_over_a_number_of_sessions():
    assert len(cut(train_from=date(2019, 12, 1), train_sessions=10).training) == 31


def test_the_inputs_reach_back_further_than_a_short_training():
    split = cut(train_sessions=6)
    assert len(split.training) == 6
    assert len(split.inputs) == 5 + 31


@pytest.mark.parametrize("month", [date(2020, 3, 1), date(2019, 11, 1)])
def test_a_holdout_without_sessions_is_refused_and_says_what_is_stored(month):
    with pytest.raises(HoldoutError, match=f"META.*{month:%Y-%m}.*no stored session.*2019-12-01 to 2020-02-10"):
        cut(holdout=month_span(month))


def test_a_holdout_with_nothing_before_it_is_refused():
    with pytest.raises(HoldoutError, match=r"META: no session before the holdout 2019-12 to train on.*later month"):
        cut(holdout=month_span(date(2019, 12, 1)))


def test_training_needs_one_session_more_than_the_lookback():
    with pytest.raises(
        NotEnoughHistoryError, match="META: 5 sessions are stored up to 2019-12-31, at least 6"
    ) as got:
        cut(VALUES[26:])
    assert (got.value.ticker, got.value.found, got.value.needed) == ("META", 5, 6)
    assert len(cut(VALUES[25:]).training) == 6
    with pytest.raises(NotEnoughHistoryError):
        cut(train_sessions=5)
    with pytest.raises(NotEnoughHistoryError, match="META: 0 sessions"):
        cut(train_from=date(2020, 1, 1))


def test_each_session_is_forecast_from_the_actual_values_before_it_by_hand():
    values = pd.Series([1.0, 2.0, 4.0, 8.0, 16.0], index=DAYS[28:33])  # 29 December to 2 January
    close = values * 10
    split = split_holdout(values, JANUARY, ticker="META", lookback=2)
    table = run_holdout(split, close, lookback=2, fit=lambda training: lambda x: x.sum(axis=(1, 2)) + training.mean())
    assert table.index.name == "session"
    assert list(table.index) == list(DAYS[31:33])
    assert tuple(table.columns) == BACKTEST_COLUMNS
    assert table["actual"].tolist() == [8, 16]
    assert table["predicted"].tolist() == pytest.approx([2 + 4 + 7 / 3, 4 + 8 + 7 / 3])
    assert table["naive"].tolist() == [4, 8]
    assert table["last_close"].tolist() == [40, 80]


def test_the_scores_are_those_of_the_metrics_with_the_spec_under_its_name():
    table = run_holdout(cut(), VALUES + 0.25, lookback=5, fit=lambda _: lambda x: x[:, 0, 0])
    scores = compute_scores(table, spec="tutorial", target="open")
    assert list(scores) == ["tutorial", "naive", "last_close", "drift", "moving_average"]
    # the values rise by 1 a session: the oldest of five is 5 behind, the last 1, its close 0.75
    # drift knows the rise, a mean of the last five is three behind
    assert [scores[model]["mae"] for model in scores] == pytest.approx([5, 1, 0.75, 0, 3])
    assert scores["tutorial"]["skill"] == pytest.approx(-4)
    assert scores["last_close"]["relative_mae"] == pytest.approx(0.75)
    assert scores["last_close"]["bias"] == pytest.approx(-0.75)
    columns = {name: table[name].to_numpy() for name in ("naive", "last_close")}
    found = compute_metrics(table["actual"].to_numpy(), columns, reference=columns["last_close"])
    for model, metrics in found.items():
        assert {name: scores[model][name] for name in metrics} == pytest.approx(metrics, nan_ok=True)


def test_the_tutorials_files_give_the_tutorials_numbers(shared_data):
    names = ("FB_training_data.csv", "FB_test_data.csv")
    rows = pd.concat([read_price_file(shared_data / "tutorial" / name) for name in names])
    bars = rows.set_index("session")
    split = split_holdout(bars["open"], JANUARY, ticker="META", lookback=LOOKBACK, train_from=date(2015, 1, 1))
    assert (len(split.training), len(split.inputs), split.holdout) == (1258, 61, 21)
    assert split.cutoff == date(2019, 12, 31)
    table = run_holdout(split, bars["close"], lookback=LOOKBACK, fit=same_as_last)
    scores = compute_scores(table, spec="tutorial", target="open")
    # the figures, computed by others from the same files
    figures = {model: (round(m["rmse"], 4), round(m["mae"], 4)) for model, m in scores.items()}
    assert {model: figures[model] for model in ("tutorial", "naive", "last_close")} == {
        "tutorial": (4.3820, 2.7081),
        "naive": (4.3820, 2.7081),
        "last_close": (4.0623, 2.1271),
    }


def simulated_ratios(ticker, make_fit, *, target="open"):
    """RMSE of a fit and of last_close over naive's, and the fit's skill, over ten simulated years."""
    sessions = load_calendar("XNYS", through_year=2026).sessions(FIRST_SESSION, date(2025, 12, 31))
    bars = simulate_bars(ticker, sessions)
    years = Span(date(2016, 1, 1), date(2025, 12, 31))
    split = split_holdout(bars[target], years, ticker=ticker, lookback=LOOKBACK)
    table = run_holdout(split, bars["close"], lookback=LOOKBACK, fit=make_fit(bars))
    scores = compute_scores(table, spec="fit", target=target)
    naive = scores["naive"]["rmse"]
    return scores["fit"]["rmse"] / naive, scores["last_close"]["rmse"] / naive, scores["fit"]["skill"]


def make_oracle(bars):
    """Know, beside the window, the close of its last session and the market's law."""
    close_after = dict(zip(bars["open"], bars["close"], strict=True))
    return lambda _: lambda x: expected_next_open(np.array([close_after[value] for value in x[:, -1, 0]]))


def make_autoregression(_):
    """Regress each log value on the one before, on training values only."""

    def fit(training):
        logs = np.log(training)
        slope, intercept = np.polyfit(logs[:-1], logs[1:], 1)
        return lambda x: np.exp(intercept + slope * np.log(x[:, -1, 0]))

    return fit


def make_moving_average(_):
    return lambda _: lambda x: x[:, -5:, 0].mean(axis=1)


def make_momentum(_):
    return lambda _: lambda x: 2 * x[:, -1, 0] - x[:, -2, 0]


def test_who_knows_the_planted_signal_scores_better_than_naive_by_the_derived_ratio():
    oracle, last_close, skill = simulated_ratios(SIGNAL, make_oracle)
    assert oracle == pytest.approx(np.sqrt(0.3 / (0.3 + 1 / 3)), abs=0.02)
    assert last_close == pytest.approx(1, abs=0.03)
    assert skill > 0.25


@pytest.mark.parametrize("target", ["open", "close"])
def test_who_learns_the_planted_signal_from_past_values_scores_better_by_the_derived_ratio(target):
    learned, _, skill = simulated_ratios(SIGNAL, make_autoregression, target=target)
    assert learned == pytest.approx(np.sqrt((1 + 0.5) / 2), abs=0.02)
    assert skill > 0.1


@pytest.mark.parametrize(
    ("make_fit", "derived"),
    [
        # of independent steps of variance 1, each fit misses: one; 1, 4/5, ... 1/5 of the last five; one twice
        (make_autoregression, 1),
        (make_moving_average, np.sqrt(1 + 0.8**2 + 0.6**2 + 0.4**2 + 0.2**2)),
        (make_momentum, np.sqrt(2)),
    ],
)
def test_nothing_that_sees_only_past_opens_scores_better_than_naive_on_the_random_walk(make_fit, derived):
    ratio, last_close, skill = simulated_ratios(RANDOM_WALK, make_fit)
    assert ratio == pytest.approx(derived, abs=0.04)
    assert ratio > 0.999
    assert skill < 0.001
    # the close is most of the way to the next open: only the night's share of the variance is left
    assert last_close == pytest.approx(np.sqrt(0.3), abs=0.02)


def test_scores_of_intervals_are_over_the_sessions_that_have_them():
    rng = np.random.default_rng(3)
    values = pd.Series(100 + np.cumsum(rng.normal(0, 1, len(DAYS))), index=DAYS, name="open")
    table = run_holdout(cut(values), values + rng.normal(0, 0.5, len(DAYS)), lookback=5, fit=same_as_last)
    scores = compute_scores(table, spec="small", target="open")
    known = table.dropna()
    assert 0 < len(known) < len(table)
    quantiles = {0.025: "lower_95", 0.1: "lower_80", 0.5: "predicted", 0.9: "upper_80", 0.975: "upper_95"}
    losses = [mean_pinball_loss(known["actual"], known[name], alpha=level) for level, name in quantiles.items()]
    assert scores["small"]["pinball"] == pytest.approx(np.mean(losses), abs=1e-9)
    assert scores["small"]["pinball_sessions"] == len(known)
    some = table.dropna(subset=["lower_80"])
    inside = [low <= actual <= high for low, actual, high in some[["lower_80", "actual", "upper_80"]].to_numpy()]
    assert scores["small"]["coverage_80"] == pytest.approx(sum(inside) / len(inside), abs=1e-12)
    assert scores["small"]["coverage_80_sessions"] == len(some) > len(known)
    assert "pinball" not in scores["naive"]
    bare = table[["actual", "predicted", "naive", "last_close"]]
    assert "pinball" not in compute_scores(bare, spec="small", target="open")["small"]


@pytest.fixture(scope="module")
def walk():
    """Ten simulated years of a random walk's opens, beside forecasts that know nothing of the next move."""
    sessions = load_calendar("XNYS", through_year=2026).sessions(FIRST_SESSION, date(2025, 12, 31))
    bars = simulate_bars(RANDOM_WALK, sessions)
    noise = pd.Series(np.random.default_rng(5).normal(0, 0.001, len(bars)), index=bars.index)
    years = Span(date(2016, 1, 1), date(2025, 12, 31))
    split = split_holdout(bars["open"], years, ticker=RANDOM_WALK, lookback=LOOKBACK)
    table = run_holdout(split, bars["close"], lookback=LOOKBACK, fit=same_as_last)
    return table, noise.reindex(table.index)


@pytest.mark.parametrize("years", [slice("2016", "2025"), slice("2019", "2019"), slice("2023", "2023")])
def test_on_a_random_walk_the_last_close_with_noise_is_right_about_half_of_the_time(walk, years):
    table, noise = walk
    table = table.assign(predicted=table["last_close"] * (1 + noise)).loc[years]
    from_close = compute_scores(table, spec="noisy", target="open")["noisy"]
    assert from_close["directional_accuracy_lower"] < 0.5 < from_close["directional_accuracy_upper"]
    assert from_close["directional_accuracy"] == pytest.approx(0.5, abs=2 / np.sqrt(len(table)) + 0.01)
    assert from_close["directional_accuracy_sessions"] == len(table) >= 250
    # counted from the last open, although the later close is known, it would seem to know the direction:
    # moves with the share 0.7 of their variance in common have the same sign in 1/2 + asin(sqrt(0.7)) / pi
    from_open = compute_scores(table.assign(last_close=table["naive"]), spec="noisy", target="open")["noisy"]
    assert from_open["directional_accuracy"] == pytest.approx(0.5 + np.arcsin(np.sqrt(0.7)) / np.pi, abs=0.06)
    assert from_open["directional_accuracy"] > 0.75


def test_of_an_open_naive_names_a_direction_and_the_last_close_names_none(walk):
    table, _ = walk
    scores = compute_scores(table, spec="same", target="open")
    assert np.isnan(scores["last_close"]["directional_accuracy"])
    assert scores["last_close"]["directional_accuracy_sessions"] == 0
    naive = scores["naive"]
    assert naive["directional_accuracy_sessions"] == len(table)
    last, opened, close = (table[name].to_numpy() for name in ("naive", "actual", "last_close"))
    assert naive["directional_accuracy"] == ((opened > close) == (last > close)).mean()
    assert naive["directional_accuracy"] == pytest.approx(0.5, abs=0.03)


def test_of_an_adjusted_close_directions_are_counted_from_the_last_adjusted_close():
    columns = {"actual": [51, 52, 53, 53], "predicted": [52, 50, 54, 60], "naive": [50, 51, 52, 53]}
    table = pd.DataFrame(columns, index=DAYS[:4], dtype=float).assign(last_close=100.0)
    scores = compute_scores(table, spec="small", target="adj_close")["small"]
    # right, wrong, right, and one that did not move; all four lie below the last close
    assert (scores["directional_accuracy"], scores["directional_accuracy_sessions"]) == (2 / 3, 3)
    assert count_directions(table, "predicted", target="adj_close") == 3
    assert count_directions(table, "naive", target="adj_close") == 0
    assert count_directions(table, "naive", target="open") == 4


def test_further_models_are_scored_on_their_own_sessions_with_directions_of_the_target(walk):
    table, noise = walk
    named = {name: table["last_close"] * (1 + step) for name, step in (("lower_95", -0.03), ("upper_95", 0.03))}
    other = pd.DataFrame(named | {"lower_80": named["lower_95"], "upper_80": named["upper_95"]}).assign(
        predicted=table["last_close"] * (1 + noise)
    )
    scores = compute_scores(table, spec="same", target="open", others={"ewma": other.iloc[10:]})
    alone = compute_scores(table.iloc[10:].assign(**other.iloc[10:]), spec="ewma", target="open")
    assert {**scores["ewma"], "pinball_p_value": None} == {**alone["ewma"], "pinball_p_value": None}
    assert scores["ewma"]["directional_accuracy_sessions"] == len(table) - 10


def make_quantiles(table, width):
    """Name quantiles around the last close, `width` wide: the right one is that of the market."""
    names = {"lower_95": -1.96, "lower_80": -1.28, "predicted": 0.0, "upper_80": 1.28, "upper_95": 1.96}
    return pd.DataFrame({name: table["last_close"] * (1 + width * z) for name, z in names.items()})


def test_the_verdict_on_intervals_is_against_the_best_volatility_benchmark(walk):
    table, _ = walk
    moves = table["actual"] / table["last_close"] - 1
    right, wide, wider = (make_quantiles(table, moves.std() * factor) for factor in (1.0, 1.5, 3.0))
    about = {"spec": "mine", "target": "open"}

    def judge(mine, **others):
        return find_interval_verdict(compute_scores(table.assign(**mine), **about, others=others), spec="mine")

    best = judge(right, ewma=wider, har_fhs=wide)
    assert (best.relation, best.against) == ("better", ("ewma", "har_fhs"))
    assert best.p_value < 0.001
    assert best.words == "better than EWMA and HAR-FHS (p < 0.001)"
    between = judge(wide, ewma=wider, har_fhs=right)
    assert between.words == "worse than HAR-FHS (p < 0.001)"
    same = judge(right, ewma=wider, har_fhs=right)
    assert same.words == "no better than HAR-FHS"
    few = table.iloc[:5]
    scores = compute_scores(few.assign(**right.iloc[:5]), **about, others={"ewma": wide.iloc[:5]})
    assert find_interval_verdict(scores, spec="mine").words == "too few sessions to tell (n = 5)"


def test_without_benchmarks_of_all_its_sessions_there_is_no_verdict_on_intervals(walk):
    table, _ = walk
    mine = table.assign(**make_quantiles(table, 0.01))
    assert find_interval_verdict(compute_scores(mine, spec="mine", target="open"), spec="mine") is None
    others = {"ewma": make_quantiles(table, 0.02).iloc[10:]}
    assert find_interval_verdict(compute_scores(mine, spec="mine", target="open", others=others), spec="mine") is None
    plain = table.drop(columns=[name for name in table if name.startswith(("lower", "upper"))])
    scores = compute_scores(plain, spec="mine", target="open", others={"ewma": make_quantiles(table, 0.02)})
    assert find_interval_verdict(scores, spec="mine") is None
