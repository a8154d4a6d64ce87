"""A role or a database may have defaults of its own; what we write and read does not depend on them."""

from datetime import UTC, date, datetime

import pandas as pd
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from stockrnn.settings import Settings
from stockrnn.store.engine import reading, writing
from stockrnn.store.migrate import open_store
from stockrnn.store.prices import read_bars, write_bars
from stockrnn.store.runs import read_last_run, write_run_start
from stockrnn.types import BAR_COLUMNS, Bars

MOMENT = datetime(2024, 3, 10, 7, 30, 0, 123456, tzinfo=UTC)  # New York's clocks go forward
STRANGE = {
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "timezone": "America/New_York",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
}


@pytest.fixture
def strange(postgres):
    """A store in a database whose own defaults are all other than ours."""
    url = postgres.make()
    settings = Settings(database_url=SecretStr(url))
    engine = open_store(settings)
    with writing(engine) as connection:
        name = connection.scalar(text("select current_database()"))
        for setting, value in STRANGE.items():
            connection.execute(text(f"alter database {name} set {setting} = '{value}'"))
    engine.dispose()
    engine = open_store(settings)
    yield engine
    engine.dispose()


def test_what_is_stored_comes_back_whatever_the_databases_own_defaults(strange):
    sessions = pd.DatetimeIndex(["2024-02-29", "2024-03-08"], name="session")
    values = [[0.1 + 0.2, 1 / 3, 0.1, 1e-7, 2 / 3, 1e17], [1.1, 2.2, 1.0, 1.7, 1.7, 5.0]]
    frame = pd.DataFrame(values, index=sessions, columns=list(BAR_COLUMNS))
    given = {"calendar": "XNYS", "currency": "USD", "source": "csv", "observed_at": MOMENT}
    with writing(strange) as connection:
        write_bars(connection, "META", Bars(frame=frame, issues=()), **given)
        write_run_start(
            connection,
            run_id="one",
            flow="nightly",
            as_of=MOMENT,
            started_at=MOMENT,
            flow_run_id=None,
            parameters={"words": "naïve € 日本 \\n"},
            versions={},
        )
    with reading(strange) as connection:
        read = read_bars(connection, "META", first=date(2024, 2, 29))
        run = read_last_run(connection)
        observed = connection.execute(text("select min(observed_at) from prices")).scalar_one()
    assert read.to_numpy().tolist() == values
    assert [day.date() for day in read.index] == [date(2024, 2, 29), date(2024, 3, 8)]
    assert (run.as_of, run.parameters) == (MOMENT, {"words": "naïve € 日本 \\n"})
    assert observed == MOMENT
