"""Commands on the record of forecasts: score them, recompute them."""

from typing import Annotated

import typer

from stockrnn.cli.options import AsOfOption, SpecOption, TickersOption, make_jobs, naming_failures
from stockrnn.cli.output import print_table
from stockrnn.errors import StockrnnError, UsageError


def score(ticker: TickersOption = None, spec: SpecOption = None, as_of: AsOfOption = None) -> None:
    """Score the forecasts whose session has settled, once more where prices were revised, and note missed nights."""
    from stockrnn.steps.score import score_forecasts

    jobs = make_jobs(ticker, specs=[spec], as_of=as_of)
    with naming_failures() as failed:
        for job in jobs:
            try:
                scored = score_forecasts(job)
            except StockrnnError as error:
                failed.append(error)
            else:
                typer.echo(
                    f"{job.ticker}: {scored.new} new, {scored.again} again, {len(scored.missed)} nights missed"
                )


def replay(
    forecast_id: Annotated[str | None, typer.Argument(help="The forecast's name in the ledger.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="With --all: only forecasts with a cutoff from this day on.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Replay the whole ledger.")] = False,
) -> None:
    """Recompute past forecasts from the prices, weights and errors known then; exit code 1 where one differs."""
    from stockrnn.settings import load_settings
    from stockrnn.steps.replay import replay_all, replay_one
    from stockrnn.store.migrate import open_store
    from stockrnn.types import parse_day

    if (forecast_id is None) != every or (since is not None and not every):
        raise UsageError("name a forecast, or --all of them, with --since DATE if need be")
    engine = open_store(load_settings(), create=False)
    first = parse_day(since) if since else None
    replayed = list(replay_all(engine, since=first)) if forecast_id is None else [replay_one(engine, forecast_id)]
    differing = [one for one in replayed if not one.matches]
    if differing:
        rows = [(one.forecast.forecast_id, difference) for one in differing for difference in one.differences]
        print_table(("forecast", "what differs"), rows)
        typer.echo("")
    typer.echo(f"{len(replayed) - len(differing)} of {len(replayed)} forecasts match the ledger")
    if differing:
        raise typer.Exit(1)
