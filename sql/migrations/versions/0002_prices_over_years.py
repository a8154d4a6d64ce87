"""Corporate actions, what became of each nightly update, and days between two times on both databases."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables of corporate actions and the columns of updates."""
    op.create_table(
        "corporate_actions",
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("ex_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ticker"], ["instruments.ticker"], name=op.f("fk_corporate_actions_ticker")),
        sa.PrimaryKeyConstraint("ticker", "ex_date", "kind", name=op.f("pk_corporate_actions")),
    )
    op.create_table(
        "action_revisions",
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("ex_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ticker"], ["instruments.ticker"], name=op.f("fk_action_revisions_ticker")),
        sa.PrimaryKeyConstraint("ticker", "ex_date", "kind", "superseded_at", name=op.f("pk_action_revisions")),
    )
    op.add_column("instruments", sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "instruments", sa.Column("no_data_nights", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("instruments", sa.Column("no_data_at", sa.DateTime(timezone=True), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        # so that one text of a view counts days on both databases: SQLite has this function
        op.execute(
            "create function julianday(moment timestamptz) returns double precision language sql stable "
            "return extract(epoch from moment) / 86400 + 2440587.5"
        )
