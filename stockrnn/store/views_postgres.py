"""How Postgres replaces a view: grants go with a view that is dropped, and what stands on it forbids to drop it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DBAPIError

from stockrnn.store.guards_postgres import read_schema

JULIANDAY = """
create or replace function julianday(moment timestamptz) returns double precision language sql stable
return extract(epoch from moment) / 86400 + 2440587.5
"""
"""SQLite has this function: with it one text of a view counts days on both databases."""

RELATIONS = """
select
    pg_class.relname,
    case pg_class.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
    coalesce(starts_with(obj_description(pg_class.oid, 'pg_class'), :mark), false)
from pg_class
left join pg_class as known on known.oid = to_regclass('alembic_version')
where pg_class.relnamespace = coalesce(known.relnamespace, quote_ident(current_schema())::regnamespace::oid)
and pg_class.relkind in ('r', 'v', 'm', 'f', 'p')
"""

_GRANTS = """
with granted as (
    select null as attname, acl.* from pg_class, aclexplode(pg_class.relacl) as acl
    where pg_class.oid = cast(:view as regclass)
    union all
    select pg_attribute.attname, acl.* from pg_attribute, aclexplode(pg_attribute.attacl) as acl
    where pg_attribute.attrelid = cast(:view as regclass)
)

select
    granted.attname as column_name,
    granted.privilege_type || coalesce(' (' || quote_ident(granted.attname) || ')', '') as privilege,
    case granted.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(granted.grantee)) end as grantee,
    case when granted.is_grantable then ' with grant option' else '' end as with_option
from granted
inner join pg_class on pg_class.oid = cast(:view as regclass) and granted.grantee <> pg_class.relowner
"""

_IN_USE, _COLUMN_IN_USE, _OTHER_COLUMNS = "2BP01", "0A000", "42P16"
"""Something else depends on it; a view shows the column; a view that is replaced in place can only gain columns."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of the views of the version before.

    Attributes
    ----------
    grants
        Of each view that was dropped, who else had been allowed what.
    kept
        Each view that others' objects stand on, and what Postgres says of those.
    """

    grants: dict[str, Sequence[Row[Any]]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


def remove_views(connection: Connection, names: Iterable[str]) -> Removed:
    """Drop the views as far as nothing stands on them."""
    removed = Removed({}, {})
    for name in names:
        view = f"{read_schema(connection)}.{name}"
        grants = connection.execute(text(_GRANTS), {"view": view}).all()
        try:
            with connection.begin_nested():
                connection.execute(text(f"drop view {view}"))
        except DBAPIError as error:
            if _sqlstate(error) != _IN_USE:
                raise
            removed.kept[name] = _detail(error)
        else:
            removed.grants[name] = grants
    return removed


def make_view(connection: Connection, name: str, query: str, removed: Removed, *, mark: str) -> None:
    """Make a view, or replace it in place where it was kept; what was granted on it stays granted."""
    view = f"{read_schema(connection)}.{name}"
    connection.execute(text(f"create {'or replace ' if name in removed.kept else ''}view {view} as\n{query}"))
    connection.execute(text(f"comment on view {view} is '{mark}'"))
    if name in removed.grants:
        _grant(connection, view, removed.grants[name])


def drop_kept(connection: Connection, names: Iterable[str]) -> None:
    """Drop views that this version has no more; Postgres refuses and says who stands on them."""
    for name in names:
        connection.execute(text(f"drop view {read_schema(connection)}.{name}"))


def read_obstacles(error: DBAPIError, removed: Removed) -> str | None:
    """Return what stands in the way, in Postgres' words; None where the error is another one."""
    if _sqlstate(error) not in (_IN_USE, _COLUMN_IN_USE, _OTHER_COLUMNS):
        return None
    words = [_say(error, "message_primary"), _detail(error), *removed.kept.values()]
    return "; ".join(dict.fromkeys(word for word in words if word))


def _grant(connection: Connection, view: str, grants: Sequence[Row[Any]]) -> None:
    # a new view has what default privileges give, which somebody may have taken back
    for now in connection.execute(text(_GRANTS), {"view": view}).all():
        connection.execute(text(f"revoke {now.privilege} on {view} from {now.grantee}"))
    columns = connection.scalars(
        text("select attname from pg_attribute where attrelid = cast(:view as regclass)"), {"view": view}
    ).all()
    for then in grants:
        if then.column_name is None or then.column_name in columns:
            connection.execute(text(f"grant {then.privilege} on {view} to {then.grantee}{then.with_option}"))


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _detail(error: DBAPIError) -> str:
    return "; ".join(_say(error, "message_detail").splitlines())


def _say(error: DBAPIError, part: str) -> str:
    return getattr(getattr(error.orig, "diag", None), part, None) or ""
