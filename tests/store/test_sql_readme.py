"""sql/README.md: its examples answer, and it names every table, every view and every column."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import inspect, text

from stockrnn.store.actions import write_actions
from stockrnn.store.backtests import write_backtest
from stockrnn.store.calendar_changes import CalendarChange, write_changes
from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import write_forecast
from stockrnn.store.migrate import sql_folder
from stockrnn.store.models import write_model
from stockrnn.store.promotions import write_promotion
from stockrnn.store.runs import write_run_start
from stockrnn.store.schema import METADATA
from stockrnn.store.scores import write_missed, write_scores
from stockrnn.types import Action, MissedNight, PriceIssue, Promotion, Score, Span

README = (sql_folder() / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sql\n(.*?)```", README, flags=re.DOTALL)
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", README, flags=re.MULTILINE | re.DOTALL))
EVERYWHERE = README[README.index("## Columns that mean") : README.index("## Prices")]
VIEWS = {path.stem for path in (sql_folder() / "views").glob("*.sql")}

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
BARS = {
    "2024-01-03": (344.98, 347.95, 343.18, 344.47, 344.12, 15_451_100.0),
    "2024-01-04": (344.50, 348.15, 343.40, 347.12, 346.77, 12_099_900.0),
    "2024-01-05": (346.99, 353.50, 346.26, 351.95, 351.59, 13_920_700.0),
}
MODEL = {"spec": "tutorial", "target": "open", "ticker": "META"}


def columns_in(markdown):
    """The names between backticks, outside of the examples."""
    prose = re.sub(r"```sql\n.*?```", "", markdown, flags=re.DOTALL)
    return set(re.findall(r"`(\w+)`", prose))


@pytest.fixture
def filled(engine, write_simulated, make_model, make_forecast, make_backtest):
    """A store with at least one row in every table: a bar revised, a dividend corrected, a live forecast scored."""
    write_simulated({"2024-01-04": (1.0, 2.0, 0.5, 1.5, 1.5, 10.0)}, observed_at=NOON - timedelta(hours=1))
    write_simulated(
        BARS, issues=(PriceIssue(session=date(2024, 1, 8), kind="missing_price", detail="no close", raw={}),)
    )
    asked = Span(date(2024, 1, 1), date(2024, 1, 5))
    score = {
        "forecast_id": "live", "scored_at": NOON, "basis": 1.0, "actual": 346.99, "error": -0.69,
        "naive_error": -2.49, "last_close_error": 0.13, "drift_error": -2.24, "moving_average_error": -3.74,
        "inside_80": True, "inside_95": True, "direction_correct": True, "pinball": 0.5,
    }  # fmt: skip
    decision = {"previous_model_id": None, "decision": "promoted", "reason": "there is no model yet", "evidence": {}}
    night = {"cutoff": date(2024, 1, 5), "target_session": date(2024, 1, 8), "reason": "no run was made"}
    run = {"as_of": NOON, "started_at": NOON, "flow_run_id": None, "parameters": {}, "versions": {}}
    with writing(engine) as connection:
        for value in (0.25, 0.5):
            dividend = Action(ex_date=date(2024, 1, 4), kind="dividend", value=value)
            write_actions(connection, "META", [dividend], asked=asked, observed_at=NOON)
        model = make_model()
        write_model(connection, model)
        promotion = {"promotion_id": "p", "model_id": model.model_id, "market": model.market, **MODEL, **decision}
        write_promotion(connection, Promotion(as_of=NOON, decided_at=NOON, **promotion))
        write_forecast(connection, make_forecast(forecast_id="live", lower_80=340.0, upper_80=350.0))
        write_scores(connection, [Score(**score)])
        write_missed(connection, [MissedNight(detected_at=NOON, **MODEL, **night)])
        write_backtest(connection, make_backtest())
        closure = {"calendar": "XNYS", "session": date(2024, 1, 9), "kind": "closure", "detail": "no bar"}
        write_changes(connection, [CalendarChange(tickers=2, confirmed=True, believed_at=NOON, **closure)])
        write_run_start(connection, run_id="r", flow="nightly", **run)
    return engine


@pytest.mark.parametrize("example", EXAMPLES, ids=[re.search(r"from (\w+)", one).group(1) for one in EXAMPLES])
def test_every_example_answers_with_rows_of_named_columns(filled, example):
    with reading(filled) as connection:
        rows = connection.execute(text(example)).mappings().all()
    assert rows
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", column) for column in rows[0])


def test_there_is_a_section_with_an_example_for_each_table_and_view_and_for_nothing_else():
    assert set(SECTIONS) == {*METADATA.tables, *VIEWS}
    for name, section in SECTIONS.items():
        (example,) = re.findall(r"```sql\n(.*?)```", section, flags=re.DOTALL)
        assert re.search(rf"\b{name}\b", example), name


@pytest.mark.parametrize("table", sorted(METADATA.tables))
def test_every_column_of_a_table_is_in_its_section_and_none_that_it_lacks(engine, table):
    columns = {column["name"] for column in inspect(engine).get_columns(table)}
    assert columns - columns_in(SECTIONS[table]) == set()
    bullets = "\n".join(line for line in SECTIONS[table].splitlines() if line.startswith("- "))
    leading = {name for line in bullets.splitlines() for name in re.findall(r"`(\w+)`", line.split(":")[0])}
    assert leading - columns == set()


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_column_of_a_view_is_explained(engine, view):
    columns = {column["name"] for column in inspect(engine).get_columns(view)}
    of_tables = "".join(SECTIONS[name] for name in METADATA.tables if f"`{name}`" in SECTIONS[view])
    assert columns - columns_in(SECTIONS[view] + EVERYWHERE + of_tables) == set()


@pytest.mark.parametrize("table", sorted(METADATA.tables))
def test_the_key_of_a_table_is_named(table):
    key = [column.name for column in METADATA.tables[table].primary_key]
    named = re.search(r"Key: ((?:`\w+`[,\s]*)+)", SECTIONS[table]).group(1)
    assert sorted(re.findall(r"`(\w+)`", named)) == sorted(key)
