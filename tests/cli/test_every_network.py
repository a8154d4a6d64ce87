"""What a user does with a spec, with every network there is: nights, a kill, a warm start, going back, replay."""

import json
import os
import signal
import subprocess
import sys

import prefect_server
import pytest
import services
from inline import update_simulated, walk_night
from scenario import evening

from stockrnn.networks import cell_names
from stockrnn.settings import load_settings
from stockrnn.steps.run import Run
from stockrnn.store.migrate import open_store

TICKER = "SIM-SIGNAL"
NIGHTS = [evening(2012, 3, day) for day in (28, 29, 30)]
SMALL = {"lookback": 5, "layers": 1, "units": 6, "epochs": 3, "batch_size": 64, "warm_epochs": 1}
COMMON = {"train_sessions": 200, "every": "night", "mode": "warm", "max_age": "week", "margin": 1000.0}
SPECS = {cell: {"kind": "price", "cell": cell, **SMALL, **COMMON} for cell in cell_names()}
SPECS["lstm_peephole"] |= {"peepholes": ["forget"], "clip_norm": 1.0, "penalty": {"l2": 1e-4}, "truncate_after": 3}
SPECS["echo_state"] = {"kind": "echo_state", "units": 50, "lookback": 5, **COMMON}
SPECS["quantile"] = {
    "kind": "quantile",
    "cell": "gru",
    **SMALL,
    **COMMON,
    "members": 2,
    "train_sessions": 1000,
    "max_windows": 2000,
    "trial_sessions": 20,
    "validation_sessions": 60,
}

EACH_TIME = ("gru", "lstm_peephole", "echo_state")


@pytest.fixture
def begin(monkeypatch, tmp_path):
    """Begin a data folder of its own, whose only nightly spec is the one given."""

    def begin(name, table):
        specs = {other: {"nightly": False} for other in ("tutorial", "quantile")} | {"mine": table}
        monkeypatch.setenv("STOCKRNN_SPECS", json.dumps(specs))
        monkeypatch.setenv("STOCKRNN_SPEC", "mine")
        monkeypatch.setenv("STOCKRNN_HOME", str(tmp_path / name))
        monkeypatch.setenv("STOCKRNN_TASK_RUNNER", "single")
        settings = load_settings()
        return settings, open_store(settings)

    return begin


def kill_while_training(settings, engine, as_of, *, nightly):
    """Begin the night as a user does, or its training alone, and kill it when it trains."""
    server = services.share("prefect_server")
    environment = prefect_server.clean_environment() | {
        **{name: value for name, value in os.environ.items() if name.startswith("STOCKRNN_")},
        "PREFECT_API_URL": server["url"],
        "PREFECT_API_AUTH_STRING": server["login"],
    }
    if not nightly:
        update_simulated(Run(settings=settings, engine=engine, as_of=as_of, now=as_of).job(TICKER))
    command = ("nightly", "--source", "simulated") if nightly else ("retrain",)
    words = (*command, "--ticker", TICKER, "--as-of", as_of.isoformat())
    told = []
    with subprocess.Popen(
        [sys.executable, "-m", "stockrnn", *words],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as night:
        for line in night.stderr:
            told.append(line)
            if "training the mine model" in line:
                os.killpg(night.pid, signal.SIGKILL)
    assert night.returncode == -signal.SIGKILL, told


def read(engine, what, table):
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"select {what} from {table} order by cutoff")
        return [tuple(row) for row in rows]


def read_models(engine):
    """Return the models that were tried for use; those of backtests alone are in no promotion."""
    tried = "models join promotions using (model_id)"
    return read(engine, "model_id, weights_sha256, parent_model_id", tried)


def read_forecasts(engine):
    return read(engine, "forecast_id, model_id, predicted", "forecasts")


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_nights_a_kill_a_warm_start_a_rollback_and_replay_work_with_every_network(cli, begin, name, pytestconfig):
    if name not in EACH_TIME and not pytestconfig.getoption("--all-nights"):
        pytest.skip(f"{', '.join(EACH_TIME)} are enough each time; run with --all-nights")
    settings, engine = begin("killed", SPECS[name])
    # a night takes seconds to begin: one is enough, of the others the training is killed alone
    kill_while_training(settings, engine, NIGHTS[0], nightly=name == "gru")
    assert read_models(engine) == read_forecasts(engine) == []
    walk_night(settings, engine, NIGHTS[0], [TICKER], pictures=False)
    after_kill = read_models(engine), read_forecasts(engine)

    settings, engine = begin("undisturbed", SPECS[name])
    walk_night(settings, engine, NIGHTS[0], [TICKER], pictures=False)
    assert (read_models(engine), read_forecasts(engine)) == after_kill

    walk_night(settings, engine, NIGHTS[1], [TICKER], pictures=False)
    (first, _, _), (second, _, parent) = read_models(engine)
    assert parent == first
    shown = json.loads(cli("models", "show", second).out)
    assert shown["model"]["config"]["mode"] == "warm"
    assert shown["model"]["config"]["spec"].get("cell", name) == SPECS[name].get("cell", name)
    assert [decision["decision"] for decision in shown["decisions"]] == ["promoted"]

    back = cli("models", "rollback", *(() if name == "quantile" else ("--ticker", TICKER)), "--simulated")
    assert back.out == f"{first} is in use again, instead of {second}\n"
    assert cli("forecast", "--ticker", TICKER, "--as-of", NIGHTS[1].isoformat()).code == 0
    replayed = cli("replay", "--all")
    assert (replayed.code, replayed.out) == (0, "2 of 2 forecasts match the ledger\n")
