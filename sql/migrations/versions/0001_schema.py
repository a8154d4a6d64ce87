"""The schema: all tables. The triggers that keep the record are made after the last migration, by `store/guards.py`.

`sql/README.md` says what a row of each table is and what its columns mean.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT, _NUMBER, _COUNT, _FLAG, _JSON = sa.String(), sa.Double(), sa.Integer(), sa.Boolean(), sa.JSON()
_DAY, _TIME = sa.Date(), sa.DateTime(timezone=True)
_TICKER, _NAME, _WORD, _HASH = sa.String(32), sa.String(32), sa.String(16), sa.String(64)
_BARS = ("open", "high", "low", "close")
_BASELINES = ("naive", "last_close", "drift", "moving_average")
_BOUNDS = ("lower_80", "upper_80", "lower_95", "upper_95")


def upgrade() -> None:
    """Make the tables."""
    _create_instruments()
    _create_prices()
    _create_calendar_changes()
    _create_actions()
    _create_models()
    _create_promotions()
    _create_forecasts()
    _create_scores()
    _create_backtests()
    _create_runs()


def _required(kind: Any, *names: str) -> list[sa.Column[Any]]:  # noqa: ANN401  # any type of SQLAlchemy's
    return [sa.Column(name, kind, nullable=False) for name in names]


def _optional(kind: Any, *names: str) -> list[sa.Column[Any]]:  # noqa: ANN401  # any type of SQLAlchemy's
    return [sa.Column(name, kind, nullable=True) for name in names]


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _reference(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [other], name=op.f(f"fk_{table}_{column}"))


def _rule(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _create_instruments() -> None:
    op.create_table(
        "instruments",
        *_required(_TICKER, "ticker"),
        *_required(_WORD, "calendar"),
        *_optional(sa.String(8), "currency"),
        *_required(_WORD, "market"),
        *_optional(_DAY, "first_session", "last_session"),
        *_required(_FLAG, "active"),
        *_optional(_TIME, "updated_at"),
        *_required(_COUNT, "no_data_nights"),
        *_optional(_TIME, "no_data_at"),
        _rule("instruments", "market", "market in ('real', 'simulated')"),
        _key("instruments", "ticker"),
        sqlite_with_rowid=False,
    )


def _create_prices() -> None:
    op.create_table(
        "prices",
        *_required(_TICKER, "ticker"),
        *_required(_DAY, "session"),
        *_required(_NUMBER, *_BARS),
        *_optional(_NUMBER, "adj_close", "volume"),
        *_required(_WORD, "source"),
        *_required(_TIME, "observed_at"),
        _reference("prices", "ticker", "instruments.ticker"),
        _key("prices", "ticker", "session"),
    )
    op.create_table(
        "price_revisions",
        *_required(_TICKER, "ticker"),
        *_required(_DAY, "session"),
        *_required(_TIME, "superseded_at"),
        *_required(_NUMBER, *_BARS),
        *_optional(_NUMBER, "adj_close", "volume"),
        *_required(_WORD, "source"),
        *_required(_TIME, "observed_at"),
        *_required(_WORD, "reason"),
        _reference("price_revisions", "ticker", "instruments.ticker"),
        _key("price_revisions", "ticker", "session", "superseded_at"),
    )
    op.create_table(
        "price_issues",
        *_required(_TICKER, "ticker"),
        *_required(_DAY, "session"),
        *_required(_NAME, "kind"),
        *_required(_TEXT, "detail"),
        *_required(_JSON, "raw"),
        *_required(_TIME, "detected_at"),
        *_optional(_TIME, "resolved_at"),
        *_optional(_WORD, "resolved_by"),
        _reference("price_issues", "ticker", "instruments.ticker"),
        _key("price_issues", "ticker", "session", "kind"),
    )


def _create_calendar_changes() -> None:
    op.create_table(
        "calendar_changes",
        *_required(_WORD, "calendar"),
        *_required(_DAY, "session"),
        *_required(_WORD, "kind"),
        *_required(_COUNT, "tickers"),
        *_required(_FLAG, "confirmed"),
        *_required(_TEXT, "detail"),
        *_required(_TIME, "believed_at"),
        _rule("calendar_changes", "kind", "kind in ('closure', 'session')"),
        _key("calendar_changes", "calendar", "session"),
    )


def _create_actions() -> None:
    op.create_table(
        "corporate_actions",
        *_required(_TICKER, "ticker"),
        *_required(_DAY, "ex_date"),
        *_required(_WORD, "kind"),
        *_required(_NUMBER, "value"),
        *_required(_TIME, "observed_at"),
        _reference("corporate_actions", "ticker", "instruments.ticker"),
        _key("corporate_actions", "ticker", "ex_date", "kind"),
    )
    op.create_table(
        "action_revisions",
        *_required(_TICKER, "ticker"),
        *_required(_DAY, "ex_date"),
        *_required(_WORD, "kind"),
        *_required(_TIME, "superseded_at"),
        *_required(_NUMBER, "value"),
        *_required(_TIME, "observed_at"),
        _reference("action_revisions", "ticker", "instruments.ticker"),
        _key("action_revisions", "ticker", "ex_date", "kind", "superseded_at"),
    )


def _create_models() -> None:
    op.create_table(
        "models",
        *_required(_TEXT, "model_id"),
        *_required(_NAME, "spec"),
        *_optional(_TICKER, "ticker"),
        *_required(_WORD, "market", "target"),
        *_required(_COUNT, "lookback"),
        *_required(_DAY, "trained_from", "cutoff"),
        *_optional(_TEXT, "parent_model_id"),
        *_required(_COUNT, "seed", "epochs"),
        *_required(_NUMBER, "loss"),
        *_required(_COUNT, "windows"),
        *_required(sa.LargeBinary(), "weights"),
        *_required(_HASH, "weights_sha256"),
        *_required(_JSON, "config"),
        *_required(_HASH, "data_sha256"),
        *_required(_JSON, "versions"),
        *_required(_TIME, "trained_at"),
        *_required(_NUMBER, "train_seconds"),
        _reference("models", "parent_model_id", "models.model_id"),
        _reference("models", "ticker", "instruments.ticker"),
        _key("models", "model_id"),
    )


def _create_promotions() -> None:
    op.create_table(
        "promotions",
        *_required(_TEXT, "promotion_id"),
        *_required(_NAME, "spec"),
        *_required(_WORD, "target"),
        *_optional(_TICKER, "ticker"),
        *_required(_WORD, "market"),
        *_required(_TEXT, "model_id"),
        *_optional(_TEXT, "previous_model_id"),
        *_required(_WORD, "decision"),
        *_required(_TEXT, "reason"),
        *_required(_JSON, "evidence"),
        *_required(_TIME, "as_of", "decided_at"),
        _rule("promotions", "decision", "decision in ('promoted', 'rejected', 'rolled_back')"),
        _reference("promotions", "ticker", "instruments.ticker"),
        _reference("promotions", "model_id", "models.model_id"),
        _reference("promotions", "previous_model_id", "models.model_id"),
        _key("promotions", "promotion_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_promotions_scope", "promotions", ["spec", "target", "ticker", "as_of"])


def _create_forecasts() -> None:
    op.create_table(
        "forecasts",
        *_required(_TEXT, "forecast_id"),
        *_required(_TICKER, "ticker"),
        *_required(_WORD, "target"),
        *_required(_NAME, "spec"),
        *_required(_DAY, "cutoff"),
        *_required(sa.String(8), "kind"),
        *_required(_DAY, "target_session"),
        *_required(_TIME, "target_opens_at", "live_until"),
        *_required(_TEXT, "model_id"),
        *_required(_TIME, "issued_at"),
        sa.Column("recorded_at", _TIME, server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False),
        *_optional(_TIME, "known_at"),
        *_required(_NUMBER, "predicted", *_BASELINES),
        *_optional(_NUMBER, "volatility", *_BOUNDS),
        *_optional(sa.JSON(none_as_null=True), "quantiles"),
        *_required(_HASH, "window_sha256"),
        _rule("forecasts", "kind", "kind in ('live', 'hindcast')"),
        _rule("forecasts", "live_before_open", "kind = 'hindcast' or issued_at < live_until"),
        _rule("forecasts", "cutoff_before_target", "cutoff < target_session"),
        _reference("forecasts", "model_id", "models.model_id"),
        _reference("forecasts", "ticker", "instruments.ticker"),
        _key("forecasts", "forecast_id"),
        sa.UniqueConstraint("ticker", "target", "spec", "cutoff", "kind", name=op.f("uq_forecasts")),
        sqlite_with_rowid=False,
    )


def _create_scores() -> None:
    op.create_table(
        "scores",
        *_required(_TEXT, "forecast_id"),
        *_required(_TIME, "scored_at"),
        *_required(_NUMBER, "basis", "actual", "error", *(f"{name}_error" for name in _BASELINES)),
        *_optional(_FLAG, "inside_80", "inside_95", "direction_correct"),
        *_optional(_NUMBER, "pinball"),
        _reference("scores", "forecast_id", "forecasts.forecast_id"),
        _key("scores", "forecast_id", "scored_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "missed_nights",
        *_required(_TICKER, "ticker"),
        *_required(_WORD, "target"),
        *_required(_NAME, "spec"),
        *_required(_DAY, "target_session", "cutoff"),
        *_required(_TEXT, "reason"),
        *_required(_TIME, "detected_at"),
        _reference("missed_nights", "ticker", "instruments.ticker"),
        _key("missed_nights", "ticker", "target", "spec", "target_session"),
        sqlite_with_rowid=False,
    )


def _create_backtests() -> None:
    op.create_table(
        "backtests",
        *_required(_TEXT, "backtest_id"),
        *_required(_TICKER, "ticker"),
        *_required(_NAME, "spec"),
        *_required(_WORD, "target"),
        *_required(_DAY, "trained_from", "cutoff", "holdout_from", "holdout_through"),
        *_required(_COUNT, "sessions", "folds", "seed", "epochs", "training_sessions", "windows"),
        *_required(_JSON, "losses"),
        *_required(_COUNT, "parameters"),
        *_required(_NUMBER, "train_seconds"),
        *_required(_TEXT, "verdict"),
        *_required(_TIME, "created_at"),
        _rule("backtests", "cutoff_before_holdout", "cutoff < holdout_from"),
        _reference("backtests", "ticker", "instruments.ticker"),
        _key("backtests", "backtest_id"),
    )
    op.create_table(
        "backtest_forecasts",
        *_required(_TEXT, "backtest_id"),
        *_required(_DAY, "target_session"),
        *_required(_NUMBER, "actual", "predicted", *_BASELINES),
        *_optional(_NUMBER, "volatility", *_BOUNDS),
        _reference("backtest_forecasts", "backtest_id", "backtests.backtest_id"),
        _key("backtest_forecasts", "backtest_id", "target_session"),
    )
    op.create_table(
        "backtest_metrics",
        *_required(_TEXT, "backtest_id"),
        *_required(_NAME, "model", "metric"),
        *_optional(_NUMBER, "value"),
        _reference("backtest_metrics", "backtest_id", "backtests.backtest_id"),
        _key("backtest_metrics", "backtest_id", "model", "metric"),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        *_required(_TEXT, "run_id"),
        *_required(_NAME, "flow"),
        *_required(_TIME, "as_of", "started_at"),
        *_optional(_TIME, "ended_at", "seen_at"),
        *_required(_WORD, "state"),
        *_optional(_TEXT, "flow_run_id", "host"),
        *_optional(_COUNT, "pid"),
        *_optional(_TEXT, "process"),
        *_required(_JSON, "parameters", "versions"),
        *_optional(_TEXT, "error"),
        _rule("runs", "state", "state in ('running', 'completed', 'failed', 'cancelled', 'crashed', 'skipped')"),
        _key("runs", "run_id"),
    )
