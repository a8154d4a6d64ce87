"""Commands that only look: named queries and the state of the batch."""

import csv
import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stockrnn.cli.output import print_table
from stockrnn.errors import QueryError

if TYPE_CHECKING:
    from stockrnn.steps.status import Status


def sql(
    name: Annotated[str | None, typer.Argument(help="The query's name; see --list.")] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A parameter of the query.")] = None,
    output: Annotated[Literal["table", "csv", "json"], typer.Option("--format", help="How to print it.")] = "table",
    *,
    show_list: Annotated[bool, typer.Option("--list", help="List the queries and what each answers.")] = False,
) -> None:
    """Run a named query of sql/queries."""
    from stockrnn.settings import load_settings
    from stockrnn.store.engine import reading
    from stockrnn.store.migrate import open_store
    from stockrnn.store.queries import get_query, list_queries, run_query

    if show_list or name is None:
        rows = [(query.name, ", ".join(query.parameters) or "-", query.answers) for query in list_queries()]
        print_table(("query", "parameters", "answers"), rows)
        return
    query, parameters = get_query(name), _read_parameters(param or [])
    engine = open_store(load_settings(), create=False)
    with reading(engine) as connection:
        table = run_query(connection, query, parameters)
    _write(table.columns, table.rows, output)


def status(
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print it.")] = "table",
) -> None:
    """Show freshness, the last run and the live record; exit code 1 when a night was missed or went wrong."""
    from stockrnn.settings import load_settings
    from stockrnn.steps.status import read_status
    from stockrnn.store.migrate import open_store

    settings = load_settings()
    state = read_status(settings, open_store(settings, create=False), now=datetime.now(UTC))
    if output == "json":
        _print_status_json(state)
    else:
        _print_status(state)
    if state.problems:
        raise typer.Exit(1)


def doctor() -> None:
    """Check database, clock, calendars, disk, Yahoo and Prefect; exit code 1 where something needs you."""
    from stockrnn.settings import load_settings
    from stockrnn.steps.doctor import examine

    found = []
    for finding in examine(load_settings(), now=datetime.now(UTC), prefect_api=os.environ.get("PREFECT_API_URL")):
        typer.echo(f"{finding.health:8} {finding.name}: {finding.words}")
        found.append(finding)
    if any(finding.health == "problem" for finding in found):
        raise typer.Exit(1)


def _print_status(state: "Status") -> None:
    if state.runs.last:
        run = state.runs.last
        typer.echo(f"last run: {run.flow}, {run.started_at:%Y-%m-%d %H:%M} UTC, {run.state}")
    for words in state.runs.under_way:
        typer.echo(words)
    if state.tickers:
        print_table(
            ("ticker", "last_session", "last_cutoff", "next_session", "missed", "live_record"),
            [
                (
                    one.ticker,
                    one.last_session,
                    one.last_cutoff,
                    f"{one.next_session} (assumed)" if one.assumed else one.next_session,
                    one.missed,
                    one.live.words,
                )
                for one in state.tickers
            ],
        )
    for warning in state.warnings:
        typer.echo(f"warning: {warning}", err=True)
    for problem in state.problems:
        typer.echo(f"problem: {problem}", err=True)
    if not state.problems:
        typer.echo("all is well, but for the warnings" if state.warnings else "all is well")


def _print_status_json(state: "Status") -> None:
    run = state.runs.last
    document = {
        "healthy": not state.problems,
        "problems": state.problems,
        "warnings": state.warnings,
        "last_run": run and {"flow": run.flow, "started_at": run.started_at.isoformat(), "state": run.state},
        "under_way": state.runs.under_way,
        "tickers": [
            {
                "ticker": one.ticker,
                "last_session": one.last_session,
                "last_cutoff": one.last_cutoff,
                "next_session": one.next_session,
                "next_session_assumed": one.assumed,
                "missed": one.missed,
                "live_record": one.live.words,
            }
            for one in state.tickers
        ],
    }
    typer.echo(json.dumps(document, indent=2, default=str))


def _read_parameters(texts: list[str]) -> dict[str, str]:
    parameters = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise QueryError(f"can't read --param {text!r}: expected key=value, such as ticker=META")
        parameters[key] = value
    return parameters


def _write(columns: tuple[str, ...], rows: tuple[tuple[object, ...], ...], output: str) -> None:
    if output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    elif output == "json":
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        typer.echo(json.dumps(records, indent=2, default=str))
    else:
        print_table(columns, rows)
