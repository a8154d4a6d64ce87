"""What a night shows in Prefect's UI: the artifacts that a real API keeps, and the texts they are made of."""

import asyncio
import base64
import json
import re
import uuid
from dataclasses import replace

import pytest
from inline import InlineExecutor
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey
from scenario import FRIDAY_EVENING, SMALL_TOML, evening

from flows.artifacts import make_key
from flows.nightly import run_nightly
from stockrnn.report.pages import describe_night, describe_ticker, list_forecasts
from stockrnn.settings import Settings
from stockrnn.steps.outcomes import Outcome
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store
from stockrnn.training import trainer

BOTH = SMALL_TOML.replace("nightly = false\n", "train_sessions = 400\nmax_windows = 800\nvalidation_sessions = 40\n")


@pytest.fixture(scope="module")
def ran(tmp_path_factory, prefect_api):
    """The night that the tests look at, and its Prefect run."""
    folder = tmp_path_factory.mktemp("night")
    (folder / "stockrnn.toml").write_text(BOTH)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("STOCKRNN_HOME", str(folder / "data"))
        patch.setattr(trainer, "make_executor", lambda _settings: InlineExecutor())
        night = run_nightly(tickers=["SIM-A", "SIM-B"], as_of=FRIDAY_EVENING, source="simulated")
        with reading(open_store(Settings())) as connection:
            run = connection.exec_driver_sql("select flow_run_id from runs").scalar_one()
    return night, uuid.UUID(run)


@pytest.fixture
def night(ran):
    return ran[0]


@pytest.fixture
def read_artifact(ran):
    """Read one artifact of the run; other tests run nights on the same server."""

    async def read(key):
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]), flow_run_id=ArtifactFilterFlowRunId(any_=[ran[1]]))
        async with get_client() as client:
            (found,) = await client.read_artifacts(artifact_filter=wanted)
            return found

    return lambda key: asyncio.run(read(key))


def test_a_ticker_has_a_page_with_its_forecasts_the_verdict_and_the_report_as_a_picture(night, read_artifact):
    page = read_artifact("forecast-sim-a")
    assert page.type == "markdown"
    assert page.data.startswith("# SIM-A\n")
    assert re.findall(r"^## (\w+)$", page.data, re.MULTILINE) == ["tutorial", "quantile"]
    forecast = night.outcomes[0].issued.forecast
    assert f"80 %: {forecast.lower_80:,.2f} to {forecast.upper_80:,.2f}, 95 %: " in page.data
    assert "SIM-A is forecast to open at" in page.data
    assert page.data.count("Backtest of 2012-03: **") == 2
    (picture,) = re.findall(r"!\[The report of SIM-A\]\(data:image/png;base64,([^)]+)\)", page.data)
    assert base64.b64decode(picture) == night.outcomes[0].report.read_bytes()


def test_the_run_says_how_far_it_is(night, read_artifact):
    assert len(night.tickers) == 2
    progress = read_artifact("progress")
    assert (progress.type, progress.data, progress.description) == ("progress", 100.0, "Tickers done, of 2")


def test_tonights_forecasts_are_one_table(night, read_artifact):
    table = read_artifact("forecasts")
    assert table.type == "table"
    found = json.loads(table.data)
    assert [(row["ticker"], row["spec"], row["session"]) for row in found] == [
        ("SIM-A", "tutorial", "2012-04-02"), ("SIM-A", "quantile", "2012-04-02"),
        ("SIM-B", "tutorial", "2012-04-02"), ("SIM-B", "quantile", "2012-04-02"),
    ]  # fmt: skip
    assert found == list_forecasts(night.outcomes)
    assert found[1]["naive"] == f"{night.outcomes[1].issued.forecast.naive:,.2f}"


def test_the_page_of_the_night_says_what_was_trained_and_why(read_artifact):
    page = read_artifact("night")
    assert page.data.startswith("# The night of Friday 30 March 2012\n\n2 of 2 tickers done\n")
    trained = page.data.split("## Trained\n")[1].split("##")[0]
    assert "- SIM-A: tutorial: trained from scratch (no model yet): SIM-A-open-tutorial-2012-03-16-" in trained
    assert "- SIM-A: quantile: promoted: there is no model yet" in trained
    assert "SIM-B: quantile" not in trained  # one model for all
    assert "## Open issues with prices\n\nNone." in page.data
    assert "## Failed" not in page.data


@pytest.mark.exhaustive
def test_missed_nights_failures_and_issues_are_on_the_page(tmp_path):
    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)
    run_nightly(tickers=["SIM-A"], as_of=FRIDAY_EVENING, source="simulated")
    night = run_nightly(tickers=["SIM-A", "NOPE"], as_of=evening(2012, 4, 4), source="simulated")
    failed = Outcome(ticker="NOPE", spec="tutorial", error="NOPE: no prices are stored")
    night = replace(night, outcomes=(*night.outcomes[:1], failed), notes=("SIM-A: the live forecasts are worse",))
    page = describe_night(
        night.outcomes,
        as_of=night.as_of,
        summary=night.summary,
        failures=night.failures,
        warnings=night.warnings,
        issues=[("SIM-A", "2012-04-03", "missing_session", "no bar")] * 51,
    )
    assert "## Failed\n\n- NOPE: no prices are stored" in page
    assert "## Warnings\n\n- SIM-A: the live forecasts are worse" in page
    assert "- SIM-A, tutorial: 2012-04-03, " in page
    assert page.count("- SIM-A, 2012-04-03: missing\\_session, no bar") == 50
    assert "- and 1 more; see `stockrnn sql price_issues`" in page
    assert "Nothing was due." in page


def test_a_ticker_that_failed_has_a_page_that_says_so_and_no_picture():
    page = describe_ticker([Outcome(ticker="^GSPC", spec="tutorial", error="^GSPC: Yahoo has no prices of it")])
    assert "**Failed:** ^GSPC: Yahoo has no prices of it" in page
    assert "data:image" not in page
    assert list_forecasts([]) == []


@pytest.mark.parametrize(
    ("ticker", "key"), [("META", "forecast-meta"), ("^GSPC", "forecast-gspc"), ("0700.HK", "forecast-0700-hk")]
)
def test_a_key_has_small_letters_digits_and_dashes(ticker, key):
    assert make_key("forecast", ticker) == key
