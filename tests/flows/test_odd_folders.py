"""A data folder whose path has signs that end an address: everything lies in it, and nothing beside it."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest
from scenario import SMALL_TOML
from sqlalchemy import make_url

from flows.prefect_home import name_database

ODD = "a?b#c d%41'e"


@pytest.mark.parametrize("name", [ODD, "a?uri=false", "#", "100%"])
def test_the_address_of_prefects_database_names_its_file(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    url = make_url(name_database(folder))
    with closing(connect(url.database, uri=True)) as connection:
        connection.execute("create table here (x)")
    assert (folder / "prefect.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_plain_folder_needs_no_address():
    assert name_database(Path("/home/ada/stockrnn data")) is None


@pytest.mark.exhaustive
def test_a_night_in_an_odd_folder_leaves_everything_in_it(tmp_path, pytestconfig):
    if not pytestconfig.getoption("--all-nights"):
        pytest.skip("Prefect's database is made anew for it, which takes a minute; run with --all-nights")
    home = tmp_path / ODD / "data"
    home.parent.mkdir()
    (home.parent / "stockrnn.toml").write_text(SMALL_TOML)
    done = subprocess.run(
        [sys.executable, "-m", "stockrnn", "nightly", "--source", "simulated", "--ticker", "SIM-A"],
        cwd=home.parent,
        env={name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        | {"STOCKRNN_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"stockrnn.db", "prefect", "reports"} <= {path.name for path in home.iterdir()}
    assert (home / "prefect" / "prefect.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [ODD]
