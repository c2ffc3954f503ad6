"""Publish on PostgreSQL: replace the published tables by the checked build, in one transaction."""

from dataclasses import dataclass, replace
from typing import Any

WORK, READ = "logentic_work_", "logentic_"
SCHEMAS = ("staging", "marts")
PATIENCE = "30s"  # to wait for readers when a table gets other columns
RELATIONS = """
select format('%%s.%%I', replace(n.nspname, %(prefix)s, ''), c.relname), c.relkind::text, pg_get_viewdef(c.oid),
    array_agg(quote_ident(a.attname) order by a.attnum),
    array_agg(format_type(a.atttypid, a.atttypmod) order by a.attnum)
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'v')
group by n.oid, n.nspname, c.oid, c.relname, c.relkind
order by c.relkind, c.oid -- tables, then views, each after what it reads
"""
GRANTS = """
select string_agg(format('grant %s on {0} to %s', privilege_type,
    case when grantee = 0 then 'public' else quote_ident(grantee::regrole::text) end), ';')
from (select (aclexplode(relacl)).* from pg_class where oid = '{0}'::regclass) as acl
"""


@dataclass(frozen=True)
class Relation:
    is_view: bool
    definition: str | None
    columns: dict[str, str]

    def fits(self, built: "Relation") -> bool:
        """Return whether it can be altered instead of recreated: a table may gain columns, a view only at its end."""
        if self.is_view != built.is_view:
            return False
        if self.is_view:
            return [*self.columns.items()] == [*built.columns.items()][: len(self.columns)]
        return all(built.columns.get(name) == kind for name, kind in self.columns.items())


def is_published(cursor: Any) -> bool:
    """Return whether every built table can be read."""
    return not _relations(cursor, WORK).keys() - _relations(cursor, READ).keys()


def publish(cursor: Any) -> int:
    """Return the number of bytes that analysts can read."""
    cursor.execute(f"set local lock_timeout = '{PATIENCE}'; set local search_path = pg_catalog")
    for schema in SCHEMAS:
        cursor.execute("select 1 from pg_namespace where nspname = %s", [READ + schema])
        if not cursor.fetchone():
            cursor.execute(f"create schema {READ}{schema}")
    built, published = _relations(cursor, WORK), _relations(cursor, READ)
    grants = _drop_what_does_not_fit(cursor, built, published)
    for name, relation in built.items():
        (_publish_view if relation.is_view else _publish_table)(cursor, name, relation, published.get(name))
    for granted in filter(None, grants):
        cursor.execute(granted)
    cursor.execute(
        "select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class as c"
        f" inner join pg_namespace as n on c.relnamespace = n.oid where n.nspname = '{READ}marts' and relkind = 'r'"
    )
    return int(cursor.fetchone()[0])


def _drop_what_does_not_fit(
    cursor: Any, built: dict[str, Relation], published: dict[str, Relation]
) -> list[str | None]:
    """Drop what cannot be altered, with our views on it; return statements that restore the grants."""
    unfit = [name for name, relation in built.items() if name in published and not published[name].fits(relation)]
    if unfit:
        unfit += [name for name in published if name in built and published[name].is_view and name not in unfit]
    grants = []
    for name in sorted(unfit, key=list(published).index, reverse=True):
        cursor.execute(GRANTS.format(READ + name))
        grants.append(cursor.fetchone()[0])
        cursor.execute(f"drop {'view' if published.pop(name).is_view else 'table'} {READ}{name}")
    return grants


def _publish_table(cursor: Any, name: str, built: Relation, before: Relation | None) -> None:
    work, read = WORK + name, READ + name
    if before is None:
        cursor.execute(f"create table {read} (like {work})")
        before = built
    added = [column for column in built.columns if column not in before.columns]
    if added:
        more = ", ".join(f"add column {column} {built.columns[column]}" for column in added)
        cursor.execute(f"alter table {read} {more}")
    day = next((column for column, kind in built.columns.items() if kind == "date"), "null::date")
    _move_rows(cursor, work, read, ", ".join([*before.columns, *added]), f"coalesce({day}, 'infinity')")


def _move_rows(cursor: Any, work: str, read: str, columns: str, day: str) -> None:
    """Find days that differ by a sum of row hashes; within them compare whole rows.

    Nulls are equal. Repeated rows are numbered.
    """
    built = f"(select {columns}, row({columns})::{read} as whole from {work}) as built"
    counted = "select {} as day, count(*) as rows, sum(hash_record_extended({}, 0)) as hashes from {} group by 1"
    cursor.execute(
        f"select day::text from ({counted.format(day, 'built.whole', built)}) as built"
        f" full join ({counted.format(day, 'published', read + ' as published')}) as published using (day)"
        " where (built.rows, built.hashes) is distinct from (published.rows, published.hashes)"
    )
    if not (days := [found for (found,) in cursor.fetchall()]):
        return
    these = f"{day} = any(%(days)s::date[])"
    same = f"select from {built} where {these} and built.whole = published"
    cursor.execute(f"delete from {read} as published where {these} and not exists ({same})", {"days": days})
    same = f"select from {read} as published where {these} and published = built.whole"
    insert = f"insert into {read} ({columns}) select {columns} from"
    cursor.execute(f"{insert} {built} where {these} and not exists ({same})", {"days": days})
    cursor.execute(f"select (select count(*) from {work}) = (select count(*) from {read})")
    if not cursor.fetchone()[0]:
        cursor.execute(f"delete from {read}")
        cursor.execute(f"{insert} {work}")


def _publish_view(cursor: Any, name: str, built: Relation, before: Relation | None) -> None:
    """Replace the view only if it changed, because replacing waits for its readers."""
    definition = str(built.definition).replace(WORK, READ)
    if before is None or before.definition != definition or before.columns != built.columns:
        cursor.execute(f"create or replace view {READ}{name} as {definition}")


def _relations(cursor: Any, prefix: str) -> dict[str, Relation]:
    """Return the relations by schema and name without the prefix."""
    cursor.execute(RELATIONS, {"prefix": prefix, "schemas": [prefix + schema for schema in SCHEMAS]})
    relations = {
        name: Relation(kind == "v", definition, dict(zip(columns, types, strict=True)))
        for name, kind, definition, columns, types in cursor.fetchall()
    }
    if prefix == READ:
        return relations
    # Publish views as tables, so that all marts show the same moment.
    return {name: replace(one, is_view=one.is_view and name[:6] != "marts.") for name, one in relations.items()}
