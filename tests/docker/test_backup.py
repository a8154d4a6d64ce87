"""Backup and restore as docker/README.md has them: the real programs, on the store of a night."""

import shlex
from pathlib import Path

import pytest
from inline import update_simulated, walk_night
from nights import read_all
from postgres_server import run_client
from pydantic import SecretStr
from scenario import FRIDAY_EVENING, SMALL, evening
from sqlalchemy import make_url

from stockrnn.errors import StoreError
from stockrnn.settings import Settings
from stockrnn.steps.run import Run
from stockrnn.store.engine import writing
from stockrnn.store.migrate import open_store

README = (Path(__file__).parents[2] / "docker/README.md").read_text()
SPECS = {"tutorial": SMALL, "quantile": {"nightly": False}}


def words_of(program):
    """Return what the README gives to a program for the store, but for names of user and database."""
    lines = [line for line in README.splitlines() if f" database {program} " in line and "stockrnn.dump" in line]
    words = shlex.split(lines[0].partition(f" database {program} ")[2])
    words = words[: next(place for place, word in enumerate(words) if word in {"<", ">"})]
    assert words[:2] == ["--username", "postgres"]
    return [word for word in words[2:] if word not in {"--dbname", "stockrnn"}]


@pytest.mark.exhaustive
def test_a_restored_backup_has_every_row_and_trigger_also_over_a_store_that_went_on(postgres):
    settings = Settings(database_url=SecretStr(postgres.make()), spec="tutorial", specs=SPECS)
    engine = open_store(settings)
    walk_night(settings, engine, FRIDAY_EVENING, ["SIM-A"], pictures=False)
    before = read_all(engine)
    assert len(before["forecasts"]) == 1
    url = make_url(settings.database_url.get_secret_value())
    dump = run_client("pg_dump", *words_of("pg_dump"), url=url)
    monday = evening(2012, 4, 2)
    update_simulated(Run(settings=settings, engine=engine, as_of=monday, now=monday).job("SIM-A", "tutorial"))
    assert len(read_all(engine, "prices")["prices"]) == len(before["prices"]) + 1
    engine.dispose()
    for target in (url, make_url(postgres.make(empty=True))):
        run_client("pg_restore", "--dbname", target.database, *words_of("pg_restore"), url=target, given=dump)
        restored = settings.model_copy(
            update={"database_url": SecretStr(target.render_as_string(hide_password=False))}
        )
        engine = open_store(restored)
        assert read_all(engine) == before
        with pytest.raises(StoreError, match="a forecast stands as it was issued"), writing(engine) as connection:
            connection.exec_driver_sql("update forecasts set predicted = 1")
        engine.dispose()
