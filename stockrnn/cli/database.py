"""Commands on the database itself."""

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
