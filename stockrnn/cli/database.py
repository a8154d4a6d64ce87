"""Commands on the database itself."""

from datetime import UTC, datetime
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Look after the database.")


@app.command()
def upgrade() -> None:
    """Bring the database to this version's schema; makes it where there is none."""
    from stockrnn.settings import load_settings
    from stockrnn.store.migrate import head_revision, open_store

    open_store(load_settings())
    typer.echo(f"schema {head_revision()}")


@app.command()
def current() -> None:
    """Print the schema of the database and that of this version."""
    from stockrnn.settings import load_settings
    from stockrnn.store.engine import reading
    from stockrnn.store.migrate import current_revision, head_revision, open_store

    engine = open_store(load_settings(), create=False)
    with reading(engine) as connection:
        typer.echo(f"schema {current_revision(connection)}, this version's is {head_revision()}")


@app.command()
def prune(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be freed and change nothing.")] = False,
) -> None:
    """Drop the weights of retired models that neither a forecast nor a replay within `keep_days` needs."""
    from stockrnn.settings import load_settings
    from stockrnn.steps.prune import prune_models
    from stockrnn.store.engine import compact
    from stockrnn.store.migrate import open_store

    settings = load_settings()
    engine = open_store(settings, create=False)
    pruned = prune_models(engine, keep_days=settings.keep_days, now=datetime.now(UTC), dry_run=dry_run)
    if pruned.models and not dry_run:
        compact(engine)
    would = "would free" if dry_run else "freed"
    typer.echo(
        f"{would} {pruned.freed / 1e6:.1f} MB: the weights of {pruned.models} of {pruned.of} models, which nothing "
        f"of the last {settings.keep_days} days needs"
    )


@app.command()
def copy(
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            help="An empty database: postgresql+psycopg://user@host/database, with the password in PGPASSWORD or "
            "~/.pgpass, or sqlite:///folder/stockrnn.db.",
        ),
    ],
) -> None:
    """Copy the whole store, the record included, into an empty database; let no night run meanwhile."""
    from stockrnn.cli.output import print_table
    from stockrnn.settings import load_settings
    from stockrnn.store.copying import copy_store, make_target
    from stockrnn.store.migrate import open_store

    settings = load_settings()
    target = make_target(settings, to)
    copied = copy_store(open_store(settings, create=False), target)
    print_table(("table", "rows", "sha256"), [(table.name, table.rows, table.sha256[:16]) for table in copied])
    typer.echo(
        f"{sum(table.rows for table in copied)} rows were copied and read back, with the same checksums; to work "
        f"with the copy, let STOCKRNN_DATABASE_URL name {target.url.render_as_string()}"
    )
