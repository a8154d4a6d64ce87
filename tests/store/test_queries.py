import re
from datetime import UTC, date, datetime, timedelta

import pytest
from sampled import sample
from sqlalchemy import text

from stockrnn.errors import QueryError
from stockrnn.store.actions import write_actions
from stockrnn.store.backtests import write_backtest
from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import write_forecast
from stockrnn.store.migrate import sql_folder
from stockrnn.store.models import write_model
from stockrnn.store.promotions import write_promotion
from stockrnn.store.queries import get_query, list_queries, run_query
from stockrnn.store.runs import write_run_end, write_run_start
from stockrnn.store.scores import write_missed, write_scores
from stockrnn.types import Action, MissedNight, PriceIssue, Promotion, Score, Span

FILES = sorted((sql_folder() / "queries").glob("*.sql"))
NAMES = [path.stem for path in FILES]
VIEWS = sorted(path.stem for path in (sql_folder() / "views").glob("*.sql"))
BARS = {
    "2024-01-03": (344.98, 347.95, 343.18, 344.47, 344.12, 15_451_100.0),
    "2024-01-04": (344.50, 348.15, 343.40, 347.12, 346.77, 12_099_900.0),
}
NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
PARAMETERS = [(query.name, name) for query in list_queries() for name in query.parameters]


def make_score(**values):
    unknown = dict.fromkeys(("inside_95", "direction_correct", "pinball"))
    return Score(**(unknown | {"inside_80": True, "drift_error": 2.0, "moving_average_error": 2.5} | values))


@pytest.fixture
def filled(engine, write_simulated, make_model, make_forecast, make_backtest):
    """A store with META and AAPL, the spec `tutorial` of both and `small` of META."""
    issue = PriceIssue(session=date(2024, 1, 5), kind="missing_price", detail="close is missing", raw={})
    write_simulated({"2024-01-03": (1.0, 2.0, 0.5, 1.5, 1.5, 10.0)}, observed_at=NOON - timedelta(hours=1))
    write_simulated(BARS, issues=(issue,))
    write_simulated({"2024-01-04": BARS["2024-01-04"]}, ticker="AAPL", observed_at=NOON + timedelta(hours=1))
    write_simulated({"2024-01-03": BARS["2024-01-03"]}, ticker="AAPL", observed_at=NOON + timedelta(hours=1))
    with writing(engine) as connection:
        span = Span(date(2024, 1, 1), date(2024, 1, 4))
        dividend = Action(ex_date=date(2024, 1, 4), kind="dividend", value=0.25)
        write_actions(connection, "META", [dividend], asked=span, observed_at=NOON)
        for ticker, spec in (("META", "tutorial"), ("META", "small"), ("AAPL", "tutorial")):
            name = {"ticker": ticker, "spec": spec}
            write_model(connection, make_model(model_id=f"m-{ticker}-{spec}", **name))
            decided = {"model_id": f"m-{ticker}-{spec}", "previous_model_id": None, "decision": "promoted"}
            write_promotion(
                connection,
                Promotion(
                    promotion_id=f"p-{ticker}-{spec}",
                    target="open",
                    market="simulated",
                    reason="there is no model yet",
                    evidence={},
                    as_of=NOON,
                    decided_at=NOON,
                    **decided,
                    **name,
                ),
            )
            for kind, day in (("hindcast", 4), ("live", 4), ("live", 3)):
                write_forecast(
                    connection,
                    make_forecast(
                        forecast_id=f"{ticker}-{spec}-{kind}-{day}",
                        model_id=f"m-{ticker}-{spec}",
                        kind=kind,
                        cutoff=date(2024, 1, day),
                        target_session=date(2024, 1, day + 1),
                        predicted=300.0 + day,
                        lower_80=290.0,
                        upper_80=320.0,
                        lower_95=280.0,
                        upper_95=330.0,
                        **name,
                    ),
                )
            scored = {"scored_at": NOON, "basis": 1.0, "actual": 301.0, "naive_error": 2.0, "last_close_error": -1.0}
            errors = {f"{ticker}-{spec}-live-{day}": float(day) for day in (3, 4)}
            write_scores(
                connection, [make_score(forecast_id=key, error=error, **scored) for key, error in errors.items()]
            )
            night = {"cutoff": date(2024, 1, 5), "target_session": date(2024, 1, 8), "reason": "no run was made"}
            write_missed(connection, [MissedNight(target="open", detected_at=NOON, **night, **name)])
            backtest = make_backtest(backtest_id=f"b-{ticker}-{spec}", **name)
            metrics = {spec: backtest.metrics["tutorial"]} | {
                model: backtest.metrics[model] for model in ("naive", "last_close")
            }
            write_backtest(connection, make_backtest(backtest_id=f"b-{ticker}-{spec}", metrics=metrics, **name))
        for hour, flow in enumerate(("nightly", "nightly", "other")):
            run_id, moment = f"r{hour}", NOON + timedelta(hours=hour)
            write_run_start(
                connection,
                run_id=run_id,
                flow=flow,
                as_of=moment,
                started_at=moment,
                flow_run_id=None,
                parameters={},
                versions={},
            )
            write_run_end(connection, run_id, state="completed", ended_at=moment, error=None)
    return engine


def ask(engine, name, **parameters):
    """The rows of a named query, as dictionaries."""
    with reading(engine) as connection:
        table = run_query(connection, get_query(name), parameters)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def look(engine, view):
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(text(f"select * from {view}")).mappings()]


def test_there_are_named_queries_and_each_file_is_one():
    assert [query.name for query in list_queries()] == NAMES
    assert {"latest_forecasts", "leaderboard", "backtest_metrics", "price_issues", "runs", "models"} <= set(NAMES)


@pytest.mark.parametrize("path", FILES + sorted((sql_folder() / "views").glob("*.sql")), ids=lambda path: path.stem)
def test_every_file_says_on_top_what_it_answers(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert re.fullmatch(r"-- [A-Z].{20,}[.:?]", first)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_the_parameters_that_a_query_declares_are_those_that_it_uses(path):
    query = get_query(path.stem)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert query.answers == lines[0][3:]
    declared = [line.removeprefix("-- params: ") for line in lines if line.startswith("-- params: ")]
    assert re.findall(r"(\w+) \(default: all\)", "".join(declared)) == list(query.parameters)
    assert set(re.findall(r"[( ]:(\w+)", query.sql)) == set(query.parameters)


@pytest.mark.parametrize("name", NAMES)
def test_every_query_answers_an_empty_store_with_no_rows(engine, name):
    assert ask(engine, name) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_query_answers_a_filled_store_with_named_columns(filled, name):
    rows = ask(filled, name)
    assert rows
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", column) for column in rows[0])


@pytest.mark.parametrize(("name", "parameter"), sample(PARAMETERS, first=12))
def test_a_parameter_picks_its_rows_and_left_out_picks_all(filled, name, parameter):
    everything = ask(filled, name)
    values = {row[parameter] for row in everything}
    picked = [ask(filled, name, **{parameter: value}) for value in sorted(values)]
    for value, rows in zip(sorted(values), picked, strict=True):
        assert rows == [row for row in everything if row[parameter] == value]
    assert sum(map(len, picked)) == len(everything)
    assert ask(filled, name, **{parameter: "nosuch"}) == []


def test_parameters_are_values_and_never_sql(filled):
    assert ask(filled, "models", ticker="META' or '1' = '1") == []


def test_an_unknown_query_is_refused_with_those_that_exist():
    with pytest.raises(QueryError, match=r"no query 'nosuch'; known: backtest_forecasts, .*runs"):
        get_query("nosuch")
    with pytest.raises(QueryError, match="no query"):
        get_query("../views/leaderboard")


def test_an_unknown_parameter_is_refused_with_those_that_the_query_takes(engine):
    with pytest.raises(QueryError, match="query 'leaderboard' has no parameter colour, size; it takes ticker, spec"):
        ask(engine, "leaderboard", colour="red", size="1", ticker="META")
    with pytest.raises(QueryError, match="query 'price_health' has no parameter ticker; it takes no parameters"):
        ask(engine, "price_health", ticker="META")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_empty_on_an_empty_store(engine, view):
    assert look(engine, view) == []


def test_the_leaderboard_puts_the_spec_beside_naive_and_the_last_close(filled):
    rows = {(row["ticker"], row["spec"]): row for row in look(filled, "leaderboard")}
    assert set(rows) == {("META", "tutorial"), ("META", "small"), ("AAPL", "tutorial")}
    for row in rows.values():
        assert (row["mae"], row["naive_mae"], row["last_close_mae"]) == (0.6, 1.0, 0.625)
        assert (row["rmse"], row["naive_rmse"], row["last_close_rmse"]) == (0.7, 1.1, 0.65)
        assert (row["skill"], row["sessions"], row["holdout_from"]) == (0.4, 2, "2020-01-01")


def test_a_backtest_without_a_metric_still_stands_on_the_leaderboard(filled, make_backtest):
    metrics = {"tutorial": {"mae": 0.5, "skill": float("nan")}, "naive": {"mae": 0.0}}
    with writing(filled) as connection:
        write_backtest(connection, make_backtest(backtest_id="new", metrics=metrics))
    row = next(row for row in look(filled, "leaderboard") if row["backtest_id"] == "new")
    assert (row["mae"], row["naive_mae"], row["last_close_mae"], row["skill"]) == (0.5, 0.0, None, None)


def test_the_latest_forecasts_have_one_row_per_key_a_live_one_before_a_hindcast(filled, make_forecast):
    rows = look(filled, "latest_forecasts")
    assert sorted(row["forecast_id"] for row in rows) == [
        "AAPL-tutorial-live-4",
        "META-small-live-4",
        "META-tutorial-live-4",
    ]
    assert {(row["predicted"], row["naive"], row["last_close"]) for row in rows} == {(304.0, 344.5, 347.12)}
    newer = make_forecast(
        forecast_id="newer",
        kind="hindcast",
        cutoff=date(2024, 1, 5),
        target_session=date(2024, 1, 8),
        model_id="m-META-tutorial",
    )
    with writing(filled) as connection:
        write_forecast(connection, newer)
    assert "newer" in {row["forecast_id"] for row in look(filled, "latest_forecasts")}
    assert len(look(filled, "latest_forecasts")) == 3


def test_price_health_counts_sessions_and_open_issues(filled, write):
    def health():
        rows = {row["ticker"]: row for row in look(filled, "price_health")}
        return {ticker: (row["sessions"], row["open_issues"], row["last_session"]) for ticker, row in rows.items()}

    assert health() == {"META": (2, 1, "2024-01-04"), "AAPL": (2, 0, "2024-01-04")}
    write({"2024-01-05": BARS["2024-01-04"]}, observed_at=NOON + timedelta(days=1), source="simulated")
    assert health()["META"] == (3, 0, "2024-01-05")
    assert [row["updated_at"][:19] for row in ask(filled, "price_health")] == [
        "2024-01-05 13:00:00",
        "2024-01-06 12:00:00",
    ]


def test_resolved_issues_are_not_listed(filled, write):
    assert [(row["ticker"], row["kind"]) for row in ask(filled, "price_issues")] == [("META", "missing_price")]
    write({"2024-01-05": BARS["2024-01-04"]}, source="simulated")
    assert ask(filled, "price_issues") == []


def test_runs_are_listed_with_the_newest_first(filled):
    assert [row["run_id"] for row in ask(filled, "runs")] == ["r2", "r1", "r0"]


def test_a_backtests_forecasts_have_their_errors_with_the_sign_of_forecast_minus_actual(filled):
    first = ask(filled, "backtest_forecasts", ticker="META", spec="small")[0]
    assert (first["target_session"], first["actual"], first["predicted"]) == ("2020-01-02", 10.0, 10.5)
    assert (first["error"], first["naive_error"]) == (0.5, -1.0)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("live_skill", "last_close_mae"),
        ("leaderboard", "last_close_mae"),
        ("overall_skill", "last_close_mae_percent"),
        ("naive_was_better", "last_close_closer"),
    ],
)
def test_the_last_close_stands_beside_an_open_but_not_beside_an_adjusted_close(
    filled, make_forecast, make_backtest, name, column
):
    days = {"cutoff": date(2024, 1, 3), "target_session": date(2024, 1, 4)}
    errors = {"actual": 346.77, "error": -0.5, "naive_error": 2.0, "last_close_error": 0.25}
    with writing(filled) as connection:
        for target in ("close", "adj_close"):
            key = {"target": target, "model_id": "m-META-tutorial"}
            write_forecast(connection, make_forecast(forecast_id=target, **key, **days))
            write_scores(connection, [make_score(forecast_id=target, scored_at=NOON, basis=1.0, **errors)])
            write_backtest(connection, make_backtest(backtest_id=target, target=target))
    found = {}
    for row in ask(filled, name, spec="tutorial"):
        found.setdefault(row["target"], set()).add(row[column])
    assert found.pop("adj_close") == {None}
    assert set(found) == {"open", "close"}
    assert None not in set.union(*found.values())
