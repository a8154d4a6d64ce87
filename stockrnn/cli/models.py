"""Commands on trained models: which there are, which is in use and why."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stockrnn.cli.output import print_table
from stockrnn.errors import ModelChoiceError, UsageError

app = typer.Typer(no_args_is_help=True, help="Look at the models, and choose by hand which is in use.")

_SHOWN = 20
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL_ID", help="The model's name; see 'models list'.")]


@app.command("list")
def list_models(
    spec: Annotated[str | None, typer.Option("--spec", metavar="S", help="Only models of this spec.")] = None,
    ticker: Annotated[str | None, typer.Option("--ticker", metavar="T", help="Only what serves this ticker.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every decision, not only the newest ones.")] = False,
) -> None:
    """List the decisions on models, newest first; the model in use for each ticker is marked."""
    from stockrnn.store.engine import reading
    from stockrnn.store.promotions import IN_USE, read_all_promotions

    with reading(_open()) as connection:
        decisions = read_all_promotions(connection, specs=[spec] if spec else None)
    used: set[tuple[Any, ...]] = set()
    rows = []
    for one in decisions:
        scope = (one.spec, one.target, one.ticker, one.market)
        in_use = one.decision in IN_USE and scope not in used
        if in_use:
            used.add(scope)
        if ticker is None or one.ticker in {None, ticker}:
            mark = "in use" if in_use else ""
            rows.append(
                (
                    one.model_id,
                    one.ticker or f"all {one.market}",
                    one.decision,
                    mark,
                    f"{one.as_of:%Y-%m-%d}",
                    one.reason,
                )
            )
    shown = rows if every else rows[:_SHOWN]
    print_table(("model", "ticker", "decision", "now", "as_of", "reason"), shown)
    if len(shown) < len(rows):
        typer.echo(f"{len(rows) - len(shown)} older ones: --all")


@app.command()
def show(model_id: ModelArgument) -> None:
    """Show all that made a model, and every decision on it with its evidence."""
    from stockrnn.store.engine import reading
    from stockrnn.store.models import read_model
    from stockrnn.store.promotions import read_all_promotions

    with reading(_open()) as connection:
        model = read_model(connection, model_id)
        decisions = [one for one in read_all_promotions(connection) if one.model_id == model_id]
    if model is None:
        raise ModelChoiceError(f"no model {model_id!r}; 'stockrnn models list' shows those there are")
    described = asdict(model) | {"weights": f"{len(model.weights)} bytes" if model.weights else "pruned"}
    typer.echo(
        json.dumps({"model": described, "decisions": [asdict(one) for one in decisions]}, indent=2, default=str)
    )


@app.command()
def promote(model_id: ModelArgument) -> None:
    """Take a model into use, whatever the trial said; the next forecast comes from it."""
    from stockrnn.steps.manual_promotion import promote_model

    decision = promote_model(_open(), model_id, now=datetime.now(UTC))
    typer.echo(f"{decision.model_id} is in use now, before it {decision.previous_model_id or 'none'}")


@app.command()
def rollback(
    spec: Annotated[str | None, typer.Option("--spec", metavar="S", help="Default: that of the settings.")] = None,
    ticker: Annotated[
        str | None, typer.Option("--ticker", metavar="T", help="Whose model; none for one that serves all.")
    ] = None,
    *,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Of all simulated tickers, not the real ones.")
    ] = False,
) -> None:
    """Go back to the model that was in use before; the next forecast comes from it."""
    from stockrnn.models.registry import get_spec
    from stockrnn.settings import load_settings
    from stockrnn.steps.manual_promotion import roll_back
    from stockrnn.store.engine import reading
    from stockrnn.store.migrate import open_store
    from stockrnn.store.prices import is_simulated
    from stockrnn.types import Scope, parse_ticker

    settings = load_settings()
    name = spec or settings.spec
    shared = get_spec(settings, name).scope == "market"
    if shared != (ticker is None):
        raise UsageError(
            f"a model of {name} serves all tickers: leave --ticker out" if shared else "name a ticker with --ticker"
        )
    engine = open_store(settings, create=False)
    symbol = parse_ticker(ticker) if ticker else None
    if symbol is not None:
        with reading(engine) as connection:
            simulated = is_simulated(connection, symbol)
    scope = Scope(spec=name, target=settings.target, ticker=symbol, market="simulated" if simulated else "real")
    decision = roll_back(engine, scope, now=datetime.now(UTC))
    typer.echo(f"{decision.model_id} is in use again, instead of {decision.previous_model_id}")


def _open() -> Any:  # noqa: ANN401  # an engine; SQLAlchemy is not imported for --help
    from stockrnn.settings import load_settings
    from stockrnn.store.migrate import open_store

    return open_store(load_settings(), create=False)
