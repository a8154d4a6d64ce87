"""The tables as SQLAlchemy sees them. Migrations make them; a test holds the two together.

Every key is a natural key, so that a rerun writes the same rows. Times are UTC. On SQLite the tables that `guards`
keeps have no rowid: it is a second key, through which REPLACE deletes a row that no trigger is asked about.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    func,
)

from stockrnn.store.columns import Date, Double
from stockrnn.types import BASELINES, INTERVAL_COLUMNS, require_known_year


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, also where the database (SQLite) keeps no offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a naive datetime, whose moment nobody knows."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value}: expected an aware one")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Attach UTC where the driver dropped it, and refuse a year that is out of range."""
        if value is None:
            return None
        return require_known_year(value if value.tzinfo is not None else value.replace(tzinfo=UTC))


METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _ticker_key() -> Column[str]:
    return Column("ticker", String(32), ForeignKey("instruments.ticker"), primary_key=True)


def _numbers(*names: str, nullable: bool = False) -> list[Column[float]]:
    return [Column(name, Double, nullable=nullable) for name in names]


def _bar_columns() -> list[Column[float]]:
    """Return the price columns, in quote currency, and the volume, in units traded."""
    return [*_numbers("open", "high", "low", "close"), *_numbers("adj_close", "volume", nullable=True)]


instruments = Table(
    "instruments",
    METADATA,
    Column("ticker", String(32), primary_key=True),
    Column("calendar", String(16), nullable=False),
    Column("currency", String(8)),
    Column("market", String(16), nullable=False),
    Column("first_session", Date),
    Column("last_session", Date),
    Column("active", Boolean, nullable=False),
    Column("updated_at", UtcDateTime),
    Column("no_data_nights", Integer, nullable=False),
    Column("no_data_at", UtcDateTime),
    CheckConstraint("market in ('real', 'simulated')", name="market"),
    sqlite_with_rowid=False,
)

prices = Table(
    "prices",
    METADATA,
    _ticker_key(),
    Column("session", Date, primary_key=True),
    *_bar_columns(),
    Column("source", String(16), nullable=False),
    Column("observed_at", UtcDateTime, nullable=False),
)

price_revisions = Table(
    "price_revisions",
    METADATA,
    _ticker_key(),
    Column("session", Date, primary_key=True),
    Column("superseded_at", UtcDateTime, primary_key=True),
    *_bar_columns(),
    Column("source", String(16), nullable=False),
    Column("observed_at", UtcDateTime, nullable=False),
    Column("reason", String(16), nullable=False),
)

corporate_actions = Table(
    "corporate_actions",
    METADATA,
    _ticker_key(),
    Column("ex_date", Date, primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("value", Double, nullable=False),
    Column("observed_at", UtcDateTime, nullable=False),
)

action_revisions = Table(
    "action_revisions",
    METADATA,
    _ticker_key(),
    Column("ex_date", Date, primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("superseded_at", UtcDateTime, primary_key=True),
    Column("value", Double, nullable=False),
    Column("observed_at", UtcDateTime, nullable=False),
)

price_issues = Table(
    "price_issues",
    METADATA,
    _ticker_key(),
    Column("session", Date, primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("detail", String, nullable=False),
    Column("raw", JSON, nullable=False),
    Column("detected_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", String(16)),
)

calendar_changes = Table(
    "calendar_changes",
    METADATA,
    Column("calendar", String(16), primary_key=True),
    Column("session", Date, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("tickers", Integer, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    Column("detail", String, nullable=False),
    Column("believed_at", UtcDateTime, nullable=False),
    CheckConstraint("kind in ('closure', 'session')", name="kind"),
)

models = Table(
    "models",
    METADATA,
    Column("model_id", String, primary_key=True),
    Column("spec", String(32), nullable=False),
    Column("ticker", String(32), ForeignKey("instruments.ticker")),
    Column("market", String(16), nullable=False),
    Column("target", String(16), nullable=False),
    Column("lookback", Integer, nullable=False),
    Column("trained_from", Date, nullable=False),
    Column("cutoff", Date, nullable=False),
    Column("parent_model_id", String, ForeignKey("models.model_id")),
    Column("seed", Integer, nullable=False),
    Column("epochs", Integer, nullable=False),
    Column("loss", Double, nullable=False),
    Column("windows", Integer, nullable=False),
    Column("weights", LargeBinary, nullable=False),
    Column("weights_sha256", String(64), nullable=False),
    Column("config", JSON, nullable=False),
    Column("data_sha256", String(64), nullable=False),
    Column("versions", JSON, nullable=False),
    Column("trained_at", UtcDateTime, nullable=False),
    Column("train_seconds", Double, nullable=False),
)

promotions = Table(
    "promotions",
    METADATA,
    Column("promotion_id", String, primary_key=True),
    Column("spec", String(32), nullable=False),
    Column("target", String(16), nullable=False),
    Column("ticker", String(32), ForeignKey("instruments.ticker")),
    Column("market", String(16), nullable=False),
    Column("model_id", String, ForeignKey("models.model_id"), nullable=False),
    Column("previous_model_id", String, ForeignKey("models.model_id")),
    Column("decision", String(16), nullable=False),
    Column("reason", String, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("as_of", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    CheckConstraint("decision in ('promoted', 'rejected', 'rolled_back')", name="decision"),
    Index("ix_promotions_scope", "spec", "target", "ticker", "as_of"),
    sqlite_with_rowid=False,
)

forecasts = Table(
    "forecasts",
    METADATA,
    Column("forecast_id", String, primary_key=True),
    Column("ticker", String(32), ForeignKey("instruments.ticker"), nullable=False),
    Column("target", String(16), nullable=False),
    Column("spec", String(32), nullable=False),
    Column("cutoff", Date, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("target_session", Date, nullable=False),
    Column("target_opens_at", UtcDateTime, nullable=False),
    Column("live_until", UtcDateTime, nullable=False),
    Column("model_id", String, ForeignKey("models.model_id"), nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False, server_default=func.current_timestamp()),
    Column("known_at", UtcDateTime),
    *_numbers("predicted", *BASELINES),
    *_numbers("volatility", *INTERVAL_COLUMNS, nullable=True),
    Column("quantiles", JSON(none_as_null=True)),
    Column("window_sha256", String(64), nullable=False),
    UniqueConstraint("ticker", "target", "spec", "cutoff", "kind"),
    CheckConstraint("kind in ('live', 'hindcast')", name="kind"),
    CheckConstraint("kind = 'hindcast' or issued_at < live_until", name="live_before_open"),
    CheckConstraint("cutoff < target_session", name="cutoff_before_target"),
    sqlite_with_rowid=False,
)

scores = Table(
    "scores",
    METADATA,
    Column("forecast_id", String, ForeignKey("forecasts.forecast_id"), primary_key=True),
    Column("scored_at", UtcDateTime, primary_key=True),
    *_numbers("basis", "actual", "error", *(f"{name}_error" for name in BASELINES)),
    Column("inside_80", Boolean),
    Column("inside_95", Boolean),
    Column("direction_correct", Boolean),
    Column("pinball", Double),
    sqlite_with_rowid=False,
)

missed_nights = Table(
    "missed_nights",
    METADATA,
    _ticker_key(),
    Column("target", String(16), primary_key=True),
    Column("spec", String(32), primary_key=True),
    Column("target_session", Date, primary_key=True),
    Column("cutoff", Date, nullable=False),
    Column("reason", String, nullable=False),
    Column("detected_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

backtests = Table(
    "backtests",
    METADATA,
    Column("backtest_id", String, primary_key=True),
    Column("ticker", String(32), ForeignKey("instruments.ticker"), nullable=False),
    Column("spec", String(32), nullable=False),
    Column("target", String(16), nullable=False),
    Column("trained_from", Date, nullable=False),
    Column("cutoff", Date, nullable=False),
    Column("holdout_from", Date, nullable=False),
    Column("holdout_through", Date, nullable=False),
    Column("sessions", Integer, nullable=False),
    Column("folds", Integer, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("epochs", Integer, nullable=False),
    Column("training_sessions", Integer, nullable=False),
    Column("windows", Integer, nullable=False),
    Column("losses", JSON, nullable=False),
    Column("parameters", Integer, nullable=False),
    Column("train_seconds", Double, nullable=False),
    Column("verdict", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("cutoff < holdout_from", name="cutoff_before_holdout"),
)

backtest_forecasts = Table(
    "backtest_forecasts",
    METADATA,
    Column("backtest_id", String, ForeignKey("backtests.backtest_id"), primary_key=True),
    Column("target_session", Date, primary_key=True),
    *_numbers("actual", "predicted", *BASELINES),
    *_numbers("volatility", *INTERVAL_COLUMNS, nullable=True),
)

backtest_metrics = Table(
    "backtest_metrics",
    METADATA,
    Column("backtest_id", String, ForeignKey("backtests.backtest_id"), primary_key=True),
    Column("model", String(32), primary_key=True),
    Column("metric", String(32), primary_key=True),
    Column("value", Double),
)

runs = Table(
    "runs",
    METADATA,
    Column("run_id", String, primary_key=True),
    Column("flow", String(32), nullable=False),
    Column("as_of", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("seen_at", UtcDateTime),
    Column("state", String(16), nullable=False),
    Column("flow_run_id", String),
    Column("host", String),
    Column("pid", Integer),
    Column("process", String),
    Column("parameters", JSON, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("error", String),
    CheckConstraint(
        "state in ('running', 'completed', 'failed', 'cancelled', 'crashed', 'skipped')",
        name="state",
    ),
)
