"""The first schema: prices, models, forecasts, backtests and runs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table of the first release."""
    op.create_table(
        "instruments",
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("calendar", sa.String(length=16), nullable=False),
        sa.Column("currency", sa.String(length=8), nullable=True),
        sa.Column("first_session", sa.Date(), nullable=True),
        sa.Column("last_session", sa.Date(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("ticker", name=op.f("pk_instruments")),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("flow", sa.String(length=32), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("flow_run_id", sa.String(), nullable=True),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint("state in ('running', 'completed', 'failed')", name=op.f("ck_runs_state")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_table(
        "backtests",
        sa.Column("backtest_id", sa.String(), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("spec", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("trained_from", sa.Date(), nullable=False),
        sa.Column("cutoff", sa.Date(), nullable=False),
        sa.Column("holdout_from", sa.Date(), nullable=False),
        sa.Column("holdout_through", sa.Date(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("training_sessions", sa.Integer(), nullable=False),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.Column("losses", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cutoff < holdout_from", name=op.f("ck_backtests_cutoff_before_holdout")),
        sa.ForeignKeyConstraint(["ticker"], ["instruments.ticker"], name=op.f("fk_backtests_ticker")),
        sa.PrimaryKeyConstraint("backtest_id", name=op.f("pk_backtests")),
    )
    op.create_table(
        "models",
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("spec", sa.String(length=32), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=True),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("lookback", sa.Integer(), nullable=False),
        sa.Column("trained_from", sa.Date(), nullable=False),
        sa.Column("cutoff", sa.Date(), nullable=False),
        sa.Column("parent_model_id", sa.String(), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("loss", sa.Double(), nullable=False),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.Column("weights", sa.LargeBinary(), nullable=False),
        sa.Column("weights_sha256", sa.String(length=64), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("data_sha256", sa.String(length=64), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("trained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("train_seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["parent_model_id"], ["models.model_id"], name=op.f("fk_models_parent_model_id")),
        sa.ForeignKeyConstraint(["ticker"], ["instruments.ticker"], name=op.f("fk_models_ticker")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_models")),
    )
    op.create_table(
        "price_issues",
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("raw", sa.JSON(), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["ticker"], ["instruments.ticker"], name=op.f("fk_price_issues_ticker")),
        sa.PrimaryKeyConstraint("ticker", "session", "kind", name=op.f("pk_price_issues")),
    )
    op.create_table(
        "price_revisions",
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("adj_close", sa.Double(), nullable=True),
        sa.Column("volume", sa.Double(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["ticker"], ["instruments.ticker"], name=op.f("fk_price_revisions_ticker")),
        sa.PrimaryKeyConstraint("ticker", "session", "superseded_at", name=op.f("pk_price_revisions")),
    )
    op.create_table(
        "prices",
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("session", sa.Date(), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("adj_close", sa.Double(), nullable=True),
        sa.Column("volume", sa.Double(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ticker"], ["instruments.ticker"], name=op.f("fk_prices_ticker")),
        sa.PrimaryKeyConstraint("ticker", "session", name=op.f("pk_prices")),
    )
    op.create_table(
        "backtest_forecasts",
        sa.Column("backtest_id", sa.String(), nullable=False),
        sa.Column("target_session", sa.Date(), nullable=False),
        sa.Column("actual", sa.Double(), nullable=False),
        sa.Column("predicted", sa.Double(), nullable=False),
        sa.Column("naive", sa.Double(), nullable=False),
        sa.Column("last_close", sa.Double(), nullable=False),
        sa.Column("lower_80", sa.Double(), nullable=True),
        sa.Column("upper_80", sa.Double(), nullable=True),
        sa.Column("lower_95", sa.Double(), nullable=True),
        sa.Column("upper_95", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["backtest_id"], ["backtests.backtest_id"], name=op.f("fk_backtest_forecasts_backtest_id")
        ),
        sa.PrimaryKeyConstraint("backtest_id", "target_session", name=op.f("pk_backtest_forecasts")),
    )
    op.create_table(
        "backtest_metrics",
        sa.Column("backtest_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(length=32), nullable=False),
        sa.Column("metric", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["backtest_id"], ["backtests.backtest_id"], name=op.f("fk_backtest_metrics_backtest_id")
        ),
        sa.PrimaryKeyConstraint("backtest_id", "model", "metric", name=op.f("pk_backtest_metrics")),
    )
    op.create_table(
        "forecasts",
        sa.Column("forecast_id", sa.String(), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("spec", sa.String(length=32), nullable=False),
        sa.Column("cutoff", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("target_session", sa.Date(), nullable=False),
        sa.Column("target_opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.Column("predicted", sa.Double(), nullable=False),
        sa.Column("naive", sa.Double(), nullable=False),
        sa.Column("last_close", sa.Double(), nullable=False),
        sa.Column("lower_80", sa.Double(), nullable=True),
        sa.Column("upper_80", sa.Double(), nullable=True),
        sa.Column("lower_95", sa.Double(), nullable=True),
        sa.Column("upper_95", sa.Double(), nullable=True),
        sa.Column("quantiles", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("window_sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "kind = 'hindcast' or issued_at < target_opens_at", name=op.f("ck_forecasts_live_before_open")
        ),
        sa.CheckConstraint("kind in ('live', 'hindcast')", name=op.f("ck_forecasts_kind")),
        sa.CheckConstraint("cutoff < target_session", name=op.f("ck_forecasts_cutoff_before_target")),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"], name=op.f("fk_forecasts_model_id")),
        sa.ForeignKeyConstraint(["ticker"], ["instruments.ticker"], name=op.f("fk_forecasts_ticker")),
        sa.PrimaryKeyConstraint("forecast_id", name=op.f("pk_forecasts")),
        sa.UniqueConstraint("ticker", "target", "spec", "cutoff", "kind", name=op.f("uq_forecasts")),
    )
