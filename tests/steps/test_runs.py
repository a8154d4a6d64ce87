"""The row of a run: its process, its signs of life, and what becomes of one that is gone or ended from outside."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from scenario import FRIDAY_EVENING

from stockrnn.errors import StoreError
from stockrnn.settings import Settings
from stockrnn.steps import run_process, signs_of_life
from stockrnn.steps.run_history import read_run_history
from stockrnn.steps.run_log import log_run_without_work, logged_run
from stockrnn.steps.run_process import MAX_SILENCE, explain_death, this_process
from stockrnn.steps.signs_of_life import Verdict
from stockrnn.store.engine import reading, writing
from stockrnn.store.migrate import open_store
from stockrnn.store.runs import RunProcess, read_last_run, read_run, read_running, write_run_end, write_run_start
from stockrnn.store.url import DATABASE_FILE

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN = {"as_of": FRIDAY_EVENING, "parameters": {"tickers": ["META"]}}
ELSEWHERE = RunProcess(host="attic", pid=1, process="another-boot pid:[1] 1 17")


@pytest.fixture(scope="module")
def gone():
    """A process that has ended, as it described itself."""
    words = "from stockrnn.steps.run_process import this_process as p; print(p().host, p().pid, p().process, sep='|')"
    host, pid, process = subprocess.check_output([sys.executable, "-c", words], text=True).strip().split("|")
    return RunProcess(host=host, pid=int(pid), process=process)


def begin(engine, run_id="r", *, process, started_at=NOON, flow="nightly", state=None, error=None):
    with writing(engine) as connection:
        write_run_start(
            connection, run_id=run_id, flow=flow, started_at=started_at, flow_run_id=None, versions={},
            process=process, **RUN,
        )  # fmt: skip
        if state:
            write_run_end(connection, run_id, state=state, ended_at=started_at, error=error)


def load(engine, run_id):
    with reading(engine) as connection:
        return read_run(connection, run_id)


def look(engine, now=NOON):
    with reading(engine) as connection:
        return read_run_history(connection, now=now)


def test_a_run_says_where_it_runs_and_is_alive(engine):
    with logged_run(engine, "nightly", now=NOON, **RUN) as log:
        run = load(engine, log.run_id)
        assert (run.state, run.process) == ("running", this_process())
        assert run.process.pid == os.getpid()
        assert explain_death(run, now=run.seen_at + 100 * MAX_SILENCE) is None
        assert abs(run.seen_at - datetime.now(UTC)) < timedelta(minutes=1)  # by the clock, not by `now`
    assert load(engine, log.run_id).state == "completed"


def test_a_process_that_is_gone_is_dead_at_once_and_the_next_run_notes_it(engine, gone):
    begin(engine, process=gone)
    words = f"its process, {gone.pid} on {gone.host}, is gone: killed, or the machine went down; its last sign"
    assert explain_death(load(engine, "r"), now=NOON).startswith(words)
    with logged_run(engine, "nightly", now=NOON, **RUN):
        run = load(engine, "r")
    assert (run.state, run.ended_at) == ("crashed", NOON)
    assert run.error == f"{words} of life was at 2026-11-23 12:00 UTC"


def test_a_pid_that_another_process_has_now_is_no_sign_of_life(engine):
    here = this_process()
    begin(engine, process=replace(here, process=here.process.rpartition(" ")[0] + " 17"))
    assert "is gone" in explain_death(load(engine, "r"), now=NOON)


def test_a_zombie_is_dead():
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    deadline = time.monotonic() + 10
    while run_process._find_start(process.pid) is not None:  # ended, and nobody has asked how
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert process.wait() == 0


@pytest.mark.parametrize("process", [ELSEWHERE, None], ids=["another machine", "not known"])
def test_where_nobody_can_look_for_a_process_ten_minutes_without_a_sign_of_life_count(engine, process):
    begin(engine, process=process)
    run = load(engine, "r")
    assert explain_death(run, now=NOON + MAX_SILENCE) is None
    said = explain_death(run, now=NOON + MAX_SILENCE + timedelta(seconds=1))
    assert said.endswith("gave no sign of life after 2026-11-23 12:00 UTC")


def test_without_proc_a_process_is_known_by_its_start_too(monkeypatch, gone):
    monkeypatch.setattr(sys, "platform", "darwin")
    here = this_process()
    assert here == this_process()
    assert len(here.process.split()) == 3
    assert run_process._find_start(os.getpid()) == here.process.split()[2]
    assert run_process._find_start(gone.pid) is None


def test_a_living_run_is_under_way_and_no_problem(engine):
    begin(engine, "done", process=None, started_at=NOON - timedelta(days=1), state="completed")
    begin(engine, "now", process=this_process())
    found = look(engine)
    here = f"process {os.getpid()} on {this_process().host}"
    assert found.under_way == (f"a run is under way since 2026-11-23 12:00 UTC: nightly, {here}",)
    assert (found.last.run_id, found.last.state, found.problems) == ("now", "running", ())


def test_all_that_died_since_the_last_completed_run_are_named_and_nothing_is_written(engine, gone):
    days = [NOON - timedelta(days=number) for number in range(5)]
    begin(engine, "r4", process=gone, started_at=days[4])
    begin(engine, "r3", process=None, started_at=days[3], state="completed")
    begin(engine, "r2", process=gone, started_at=days[2])
    begin(engine, "r1", process=None, started_at=days[1], state="failed", error="the disk is full")
    begin(engine, "r0", process=gone)
    found = look(engine)
    (problem,) = found.problems
    assert problem.startswith(f"the last run (nightly, 2026-11-23 12:00 UTC) crashed: its process, {gone.pid} on")
    assert problem.endswith("; before it 2026-11-22 12:00 failed, 2026-11-21 12:00 crashed")
    assert (found.last.state, found.under_way) == ("crashed", ())
    with reading(engine) as connection:
        assert [run.run_id for run in read_running(connection)] == ["r4", "r2", "r0"]


def test_a_completed_night_makes_good_what_went_wrong_with_other_flows_but_not_the_other_way(engine):
    begin(engine, "retrain", process=None, started_at=NOON - timedelta(days=3), flow="retrain", state="failed")
    assert look(engine).problems == ("the last run (retrain, 2026-11-20 12:00 UTC) failed",)
    begin(engine, "night", process=None, started_at=NOON - timedelta(days=2), state="completed")
    assert look(engine).problems == ()
    begin(engine, "bad night", process=None, started_at=NOON - timedelta(days=1), state="failed", error="no disk")
    begin(engine, "prune", process=None, flow="prune", state="completed")
    begin(engine, "holiday", process=None, started_at=NOON + timedelta(days=1), state="skipped", error="no session")
    assert look(engine).problems == ("the last run (nightly, 2026-11-22 12:00 UTC) failed: no disk",)


def test_a_run_that_was_declared_dead_keeps_its_row(engine):
    with logged_run(engine, "nightly", now=NOON, **RUN) as log, writing(engine) as connection:
        write_run_end(connection, log.run_id, state="crashed", ended_at=NOON, error="no sign of life")
    run = load(engine, log.run_id)
    assert (run.state, run.ended_at, run.error) == ("crashed", NOON, "no sign of life")


def test_signs_of_life_are_written_while_the_run_lives_and_no_locked_or_missing_table_ends_it(engine, monkeypatch):
    monkeypatch.setattr(signs_of_life, "SECONDS_BETWEEN", 0.02)
    with logged_run(engine, "nightly", now=NOON, **RUN) as log:
        first = load(engine, log.run_id).seen_at
        with writing(engine) as connection:  # SQLite has one writer
            connection.exec_driver_sql("alter table runs rename to hidden")
            time.sleep(0.1)
        time.sleep(0.1)
        with writing(engine) as connection:
            connection.exec_driver_sql("alter table hidden rename to runs")
        deadline = time.monotonic() + 20
        while load(engine, log.run_id).seen_at <= first + timedelta(seconds=0.2):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    ended = load(engine, log.run_id)
    assert (ended.state, ended.seen_at > first) == ("completed", True)


def test_a_server_that_does_not_answer_delays_no_sign_of_life_and_one_that_fails_stops_no_run(engine, monkeypatch):
    monkeypatch.setattr(signs_of_life, "SECONDS_BETWEEN", 0.02)
    asked = []

    def find_verdict():
        with reading(engine) as connection:
            asked.append(read_last_run(connection).seen_at)  # the sign was written before
        raise OSError("no server answers")

    with logged_run(engine, "nightly", now=NOON, find_verdict=find_verdict, **RUN) as log:
        first = load(engine, log.run_id).seen_at
        deadline = time.monotonic() + 20
        while len(asked) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert sorted(set(asked)) == asked
    assert asked[0] > first
    assert load(engine, log.run_id).state == "completed"


@pytest.fixture
def stopping(monkeypatch):
    """Let a SIGTERM be an exception."""

    def stop(*_):
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, stop)
    monkeypatch.setattr(signs_of_life, "SECONDS_BETWEEN", 0.02)
    yield
    signal.signal(signal.SIGTERM, before)


def wait():
    time.sleep(20)
    raise AssertionError("nobody stopped the run")


def test_a_run_that_was_declared_dead_and_lives_stops_as_a_cancelled_one_does(engine, stopping, caplog):
    def declare_dead_and_wait(run_id):
        with writing(engine) as connection:
            write_run_end(connection, run_id, state="crashed", ended_at=NOON, error="gave no sign of life")
        wait()

    with pytest.raises(SystemExit) as stopped, logged_run(engine, "nightly", now=NOON, **RUN) as log:
        declare_dead_and_wait(log.run_id)
    assert stopped.value.code == 143
    assert load(engine, log.run_id).state == "crashed"
    assert "this run was ended from outside, and stops: gave no sign of life" in caplog.text


@pytest.mark.parametrize("state", ["crashed", "cancelled"])
def test_a_run_that_the_server_has_ended_stops_and_its_row_says_so(engine, stopping, state):
    def find_verdict():
        return Verdict(state=state, reason="Prefect's server ended it")

    with pytest.raises(SystemExit), logged_run(engine, "nightly", now=NOON, find_verdict=find_verdict, **RUN) as log:
        wait()
    run = load(engine, log.run_id)
    assert (run.state, run.error) == (state, "Prefect's server ended it")


def test_a_run_without_work_leaves_a_row_where_there_is_a_store(engine, settings, tmp_path):
    reason = {"state": "failed", "as_of": None, "parameters": {"as_of": NOON}}
    log_run_without_work(settings, "prune", "no tickers", flow_run_id="id", **reason)
    log_run_without_work(settings, "prune", "another reason", flow_run_id="id", **reason)
    log_run_without_work(settings, "prune", "once more", flow_run_id="id", attempt=2, **reason)
    with reading(engine) as connection:
        found = connection.exec_driver_sql("select run_id, state, error, ended_at is null from runs order by 1").all()
        assert read_last_run(connection).parameters == {"as_of": str(NOON)}
    assert found == [("id", "failed", "no tickers", 0), ("id-2", "failed", "once more", 0)]
    nowhere = Settings(home=tmp_path / "nowhere")
    log_run_without_work(nowhere, "prune", "no tickers", **reason)
    assert not nowhere.home.exists()


def test_a_store_of_a_newer_version_takes_the_row_of_a_run_that_it_refuses(engine, settings):
    with writing(engine) as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(StoreError, match="upgrade stockrnn") as refused:
        open_store(settings)
    log_run_without_work(settings, "nightly", str(refused.value), state="failed", as_of=None, parameters={})
    with reading(engine) as connection:
        assert "upgrade stockrnn" in read_last_run(connection).error
    (settings.home / DATABASE_FILE).write_bytes(b"no database" * 100)  # no row there, and no second error
    log_run_without_work(settings, "nightly", "x", state="failed", as_of=None, parameters={})
