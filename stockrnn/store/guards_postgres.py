"""The guards as Postgres' triggers.

They fire whatever `session_replication_role` says. Their functions name the schema of each table and search nothing
but Postgres' own catalog, so that no table, function or operator of a session stands in for ours.
"""

from sqlalchemy import Connection, text

from stockrnn.store.guarded import (
    BAR_STORED,
    GUARDED,
    HOURS_AFTER,
    HOURS_BEFORE,
    IN_USE,
    LATE,
    LIVE_UNTIL,
    MARKET,
    PREFIX,
    SOURCE,
    TIMES,
    is_continuous,
    naming_tickers,
)
from stockrnn.types import CONTINUOUS_HOURS

_FUNCTION = "returns trigger language plpgsql set search_path = pg_catalog, pg_temp as"
_CHANGED = "(old.ticker is distinct from new.ticker or old.market is distinct from new.market)"


def read_schema(connection: Connection) -> str:
    """Return the schema of our tables, quoted where it has to be."""
    query = "select relnamespace::regnamespace::text from pg_class where oid = to_regclass('instruments')"
    schema: str = connection.execute(text(query)).scalar_one()
    return schema


def make_functions(schema: str) -> list[str]:
    """Return the statements that make the functions, which the triggers call."""
    bodies = {
        "refuse_rewriting": "raise exception '% can not be rewritten: %', tg_table_name, tg_argv[0];",
        "check_forecast": _check_forecast(schema),
        "keep_market": f"raise exception '{MARKET}';",
        "keep_instrument": _keep_instrument(schema),
        "check_source": _check_source(schema),
    }
    return [
        f"create or replace function {schema}.{PREFIX}{name}() {_FUNCTION} $$ begin {body} end $$"
        for name, body in bodies.items()
    ]


def make_triggers(schema: str) -> dict[str, list[str]]:
    """Return the name and the statements of each trigger."""

    def trigger(table: str, name: str, events: str, call: str, per: str = "row") -> tuple[str, list[str]]:
        named, on = f"{PREFIX}{table}_{name}", f"{schema}.{table}"
        action = f"for each {per} execute function {schema}.{PREFIX}{call}"
        return named, [
            f"create trigger {named} before {events} on {on} {action}",
            f"alter table {on} enable always trigger {named}",
        ]

    return dict(
        [
            *(
                trigger(table, "rewrite", "update or delete or truncate", f"refuse_rewriting('{words}')", "statement")
                for table, words in GUARDED.items()
            ),
            trigger("forecasts", "insert", "insert", "check_forecast()"),
            trigger("instruments", "update", "update", "keep_market()", f"row when {_CHANGED}"),
            trigger("instruments", "delete", "delete", "keep_instrument()"),
            trigger("prices", "source", "insert or update of ticker, source", "check_source()"),
        ]
    )


def read_triggers(connection: Connection, *, working: bool = False) -> dict[str, str]:
    """Return the triggers that stand, and what drops each; `working` leaves out those that were disabled."""
    rows = connection.execute(
        text(
            "select pg_trigger.tgname, pg_trigger.tgrelid::regclass::text, pg_trigger.tgenabled from pg_trigger "
            "inner join pg_class on pg_trigger.tgrelid = pg_class.oid "
            "inner join pg_class as known on known.oid = to_regclass('instruments') "
            "where pg_class.relnamespace = known.relnamespace and starts_with(pg_trigger.tgname, :prefix)"
        ),
        {"prefix": PREFIX},
    )
    return {name: f"drop trigger {name} on {table}" for name, table, enabled in rows if enabled == "A" or not working}


def _check_forecast(schema: str) -> str:
    calendar = f"(select instruments.calendar from {schema}.instruments where instruments.ticker = new.ticker)"
    return f"""
    new.recorded_at := clock_timestamp();
    if new.cutoff < date '0001-01-01' or new.target_session > date '9999-12-30'
        or new.issued_at < timestamptz '0001-01-02 00:00:00+00'
        or new.issued_at > timestamptz '9999-12-30 00:00:00+00'
        or new.target_opens_at at time zone 'UTC' < new.target_session - interval '{HOURS_BEFORE} hours'
        or new.target_opens_at at time zone 'UTC' >= new.target_session + interval '{HOURS_AFTER} hours'
    then raise exception '{TIMES}'; end if;
    if new.live_until is distinct from new.target_opens_at and not coalesce(
        new.target = 'close' and {is_continuous(calendar)} and new.live_until > new.target_opens_at
        and new.live_until <= new.target_opens_at + interval '{CONTINUOUS_HOURS} hours', false)
    then raise exception '{LIVE_UNTIL}'; end if;
    if new.kind = 'live' and (
        select instruments.market from {schema}.instruments where instruments.ticker = new.ticker
    ) is distinct from 'simulated' then
        if new.recorded_at >= new.live_until then raise exception '{LATE}'; end if;
        if exists (
            select 1 from {schema}.prices
            where prices.ticker = new.ticker and prices.session = new.target_session
        ) then raise exception '{BAR_STORED}'; end if;
    end if;
    return new;"""


def _keep_instrument(schema: str) -> str:
    naming = " or ".join(
        f"exists (select 1 from {schema}.{table} where {table}.ticker = old.ticker)" for table in naming_tickers()
    )
    return f"if {naming} then raise exception '{IN_USE}'; end if; return old;"


def _check_source(schema: str) -> str:
    market = f"(select instruments.market from {schema}.instruments where instruments.ticker = new.ticker)"
    return f"""
    if (new.source = 'simulated') is distinct from (coalesce({market}, 'real') = 'simulated')
    then raise exception '{SOURCE}'; end if;
    return new;"""
