"""The ledger: forecasts that can't be rewritten, their scores, and the nights that were missed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_LEDGERS = {
    "forecasts": "a forecast stands as it was issued",
    "scores": "a score stands, a later one is added beside it",
    "missed_nights": "a missed night stays missed",
}
_BASELINES = ("drift", "moving_average", "volatility")
_NOT_LIVE = "a live forecast has to be recorded before its target session opens; later ones are hindcasts"


def upgrade() -> None:
    """Add the tables and columns of the ledger, then shut it with triggers."""
    for table in ("forecasts", "backtest_forecasts"):
        for name in _BASELINES:
            op.add_column(table, sa.Column(name, sa.Double(), nullable=True))
    op.add_column("backtests", sa.Column("folds", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("backtests", sa.Column("verdict", sa.String(), nullable=True))
    op.create_table(
        "scores",
        sa.Column("forecast_id", sa.String(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("basis", sa.Double(), nullable=False),
        sa.Column("actual", sa.Double(), nullable=False),
        sa.Column("error", sa.Double(), nullable=False),
        sa.Column("naive_error", sa.Double(), nullable=False),
        sa.Column("last_close_error", sa.Double(), nullable=False),
        sa.Column("drift_error", sa.Double(), nullable=True),
        sa.Column("moving_average_error", sa.Double(), nullable=True),
        sa.Column("inside_80", sa.Boolean(), nullable=True),
        sa.Column("inside_95", sa.Boolean(), nullable=True),
        sa.Column("direction_correct", sa.Boolean(), nullable=True),
        sa.Column("pinball", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["forecast_id"], ["forecasts.forecast_id"], name=op.f("fk_scores_forecast_id")),
        sa.PrimaryKeyConstraint("forecast_id", "scored_at", name=op.f("pk_scores")),
    )
    op.create_table(
        "missed_nights",
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("spec", sa.String(length=32), nullable=False),
        sa.Column("target_session", sa.Date(), nullable=False),
        sa.Column("cutoff", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ticker"], ["instruments.ticker"], name=op.f("fk_missed_nights_ticker")),
        sa.PrimaryKeyConstraint("ticker", "target", "spec", "target_session", name=op.f("pk_missed_nights")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _shut_on_postgres()
    else:
        _shut_on_sqlite()


def _shut_on_sqlite() -> None:
    for table, reason in _LEDGERS.items():
        for act in ("update", "delete"):
            op.execute(
                f"create trigger {table}_refuses_{act} before {act} on {table} "
                f"begin select raise(abort, '{table} can not be rewritten: {reason}'); end"
            )
    # INSERT OR REPLACE deletes without asking the trigger above
    op.execute(
        "create trigger forecasts_refuses_replace before insert on forecasts when exists ("
        " select 1 from forecasts as old where old.forecast_id = new.forecast_id or (old.ticker = new.ticker"
        " and old.target = new.target and old.spec = new.spec and old.cutoff = new.cutoff and old.kind = new.kind)) "
        "begin select raise(abort, 'forecasts can not be rewritten: the first forecast of a key stands'); end"
    )
    op.execute(
        "create trigger scores_refuses_replace before insert on scores when exists ("
        " select 1 from scores as old where old.forecast_id = new.forecast_id and old.scored_at = new.scored_at) "
        "begin select raise(abort, 'scores can not be rewritten: a score stands'); end"
    )
    op.execute(
        "create trigger missed_nights_refuses_replace before insert on missed_nights when exists ("
        " select 1 from missed_nights as old where old.ticker = new.ticker and old.target = new.target"
        " and old.spec = new.spec and old.target_session = new.target_session) "
        "begin select raise(abort, 'missed_nights can not be rewritten: a missed night stays missed'); end"
    )
    op.execute(
        "create trigger forecasts_recorded_at before insert on forecasts "
        "when new.recorded_at is not current_timestamp "
        "begin select raise(abort, 'recorded_at is the clock of the database: leave it out'); end"
    )
    op.execute(
        "create trigger forecasts_live_before_open before insert on forecasts "
        "when new.kind = 'live' and julianday(current_timestamp) >= julianday(new.target_opens_at) and ("
        " select prices.source from prices where prices.ticker = new.ticker and prices.session = new.cutoff"
        ") is not 'simulated' "
        f"begin select raise(abort, '{_NOT_LIVE}'); end"
    )


def _shut_on_postgres() -> None:
    op.execute(
        "create function refuse_rewriting() returns trigger language plpgsql as $$ begin "
        "raise exception '% can not be rewritten: %', tg_table_name, tg_argv[0]; end $$"
    )
    for table, reason in _LEDGERS.items():
        op.execute(
            f"create trigger {table}_refuses_rewriting before update or delete or truncate on {table} "
            f"for each statement execute function refuse_rewriting('{reason}')"
        )
    # the clock is the database's own; only the simulated market has a time of its own
    op.execute(
        "create function record_forecast() returns trigger language plpgsql as $$ begin "
        "new.recorded_at := clock_timestamp(); "
        "if new.kind = 'live' and new.recorded_at >= new.target_opens_at"
        " and (select prices.source from prices where prices.ticker = new.ticker"
        " and prices.session = new.cutoff) is distinct from 'simulated' "
        f"then raise exception '{_NOT_LIVE}'; end if; return new; end $$"
    )
    op.execute(
        "create trigger forecasts_recorded before insert on forecasts for each row execute function record_forecast()"
    )
