"""Promotions: which model is in use and why; models that serve a whole market."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_REASON = "in use before promotions were written down"


def upgrade() -> None:
    """Add the table and the market of models, then take every stored model as one that was in use."""
    op.add_column("models", sa.Column("market", sa.String(16), server_default="real", nullable=False))
    op.execute(
        "update models set market = 'simulated' where exists (select 1 from prices"
        " where prices.ticker = models.ticker and prices.source = 'simulated')"
    )
    op.create_table(
        "promotions",
        sa.Column("promotion_id", sa.String(), nullable=False),
        sa.Column("spec", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=True),
        sa.Column("market", sa.String(length=16), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("previous_model_id", sa.String(), nullable=True),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "decision in ('promoted', 'rejected', 'rolled_back')", name=op.f("ck_promotions_decision")
        ),
        sa.ForeignKeyConstraint(["ticker"], ["instruments.ticker"], name=op.f("fk_promotions_ticker")),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"], name=op.f("fk_promotions_model_id")),
        sa.ForeignKeyConstraint(
            ["previous_model_id"], ["models.model_id"], name=op.f("fk_promotions_previous_model_id")
        ),
        sa.PrimaryKeyConstraint("promotion_id", name=op.f("pk_promotions")),
    )
    op.create_index("ix_promotions_scope", "promotions", ["spec", "target", "ticker", "as_of"])
    _adopt_models()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "create trigger promotions_refuses_rewriting before update or delete or truncate on promotions "
            "for each statement execute function refuse_rewriting('a decision stands, a later one is added')"
        )
    else:
        _shut_on_sqlite()


def _adopt_models() -> None:
    """Write a promotion for each model: it counts from the day of its cutoff, as the newest model did until now."""
    midnight = (
        "models.cutoff::timestamp at time zone 'utc'"
        if op.get_bind().dialect.name == "postgresql"
        else "models.cutoff || ' 00:00:00.000000'"
    )
    op.execute(
        "insert into promotions (promotion_id, spec, target, ticker, market, model_id, previous_model_id, decision,"
        " reason, evidence, as_of, decided_at) "
        "select models.model_id || '-adopted', models.spec, models.target, models.ticker, models.market,"
        f" models.model_id, null, 'promoted', '{_REASON}', '{{}}', {midnight}, models.trained_at from models"
    )


def _shut_on_sqlite() -> None:
    for act in ("update", "delete"):
        op.execute(
            f"create trigger promotions_refuses_{act} before {act} on promotions "
            "begin select raise(abort, 'promotions can not be rewritten: a decision stands, a later one is added');"
            " end"
        )
    op.execute(
        "create trigger promotions_refuses_replace before insert on promotions when exists ("
        " select 1 from promotions as old where old.promotion_id = new.promotion_id) "
        "begin select raise(abort, 'promotions can not be rewritten: a decision stands'); end"
    )
