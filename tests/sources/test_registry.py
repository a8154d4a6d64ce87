"""The sources there are, and that nobody else knows their names."""

import ast
import inspect
from pathlib import Path
from typing import Annotated

import pytest
import typer
from pydantic import TypeAdapter, ValidationError
from typer.testing import CliRunner

import flows
import stockrnn
from stockrnn.errors import UsageError
from stockrnn.market.calendars import load_calendar
from stockrnn.sources.registry import DEFAULT_SOURCE, DEMO_SOURCE, SOURCE_NAMES, SourceName, get_source

FOLDERS = [Path(inspect.getfile(package)).parent for package in (stockrnn, flows)]


@pytest.mark.parametrize("name", SOURCE_NAMES)
def test_a_source_is_found_by_the_name_that_it_says(name):
    source = get_source(name)
    assert source.name == name
    assert source.title
    assert load_calendar(source.look_up_calendar("META"), through_year=2026).name == "XNYS"
    assert source.downloads or not (source.needs_network or source.default_tickers)


def test_what_sets_the_sources_apart():
    yahoo, simulated, stored = (get_source(name) for name in ("yahoo", "simulated", "stored"))
    assert (yahoo.needs_network, simulated.needs_network, stored.needs_network) == (True, False, False)
    assert (yahoo.simulated, simulated.simulated, stored.simulated) == (False, True, False)
    assert (yahoo.downloads, simulated.downloads, stored.downloads) == (True, True, False)
    assert simulated.default_tickers == ("SIM-WALK", "SIM-SIGNAL", "SIM-FAT")
    assert (get_source(DEFAULT_SOURCE), get_source(DEMO_SOURCE)) == (yahoo, simulated)


def test_an_unknown_source_is_told_which_there_are():
    with pytest.raises(UsageError, match=r"^no source 'nosuch'; known: yahoo, tiingo, simulated, stored"):
        get_source("nosuch")


def test_a_parameter_offers_the_names_to_a_form_and_takes_no_other():
    adapter = TypeAdapter(SourceName)
    assert adapter.json_schema()["enum"] == list(SOURCE_NAMES)
    assert adapter.validate_python("stored") == "stored"
    with pytest.raises(ValidationError, match="'yahoo', 'tiingo', 'simulated'"):
        adapter.validate_python("nosuch")


def test_an_option_offers_the_names_on_the_command_line():
    app = typer.Typer()

    @app.command()
    def update(source: Annotated[SourceName, typer.Option()] = DEFAULT_SOURCE) -> None:
        typer.echo(source)

    ask = CliRunner().invoke
    assert [ask(app, ["--source", name]).output.strip() for name in SOURCE_NAMES] == list(SOURCE_NAMES)
    refused = ask(app, ["--source", "nosuch"])
    assert refused.exit_code == 2
    assert all(name in refused.output for name in SOURCE_NAMES)


def list_constants(path):
    return (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))


def test_no_other_room_knows_a_source_on_the_network_by_name():
    named = {name for name in SOURCE_NAMES if get_source(name).needs_network}
    found = {
        path.relative_to(folder.parent).as_posix()
        for folder in FOLDERS
        for path in folder.rglob("*.py")
        if named & set(list_constants(path))
    }
    assert "stockrnn/sources/registry.py" in found
    assert {path for path in found if not path.startswith("stockrnn/sources/")} == set()
