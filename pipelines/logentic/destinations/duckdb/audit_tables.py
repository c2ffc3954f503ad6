"""Journals become tables of the working database, and come back from it when the state folder was lost."""

import duckdb

from logentic.audit_log import PUBLISHED, RUNS, Journal, Row
from logentic.database_file import reached
from logentic.state import State


def journal_sizes(state: State) -> dict[str, int]:
    """What decides whether there is something to publish. A line of history is no reason: each run writes one."""
    return {journal.name: journal.size(state.folder) for journal in PUBLISHED}


def load_journals(state: State) -> dict[str, int]:
    """Make the tables anew, and say the sizes of what they hold.

    What only the database knew, as the folder was lost, is written to the journals first.
    """
    with duckdb.connect(str(state.work)) as work:
        work.execute("set TimeZone = 'UTC'")
        work.execute("create schema if not exists logentic_raw")
        for journal in PUBLISHED:
            _restore(work, journal, state)
        if not RUNS.size(state.folder):  # it forgets its oldest lines: those shall not come back
            _restore(work, RUNS, state)
        sizes = journal_sizes(state)
        for journal in (*PUBLISHED, RUNS):
            work.execute(f"create or replace table logentic_raw.{journal.name} as {_rows_of(journal, state)}")
    return sizes


def add_run(state: State, row: Row) -> None:
    """The run that publishes stands in the table as well; its line in the journal is written when it has ended."""
    names = ", ".join(row)
    with duckdb.connect(str(state.work)) as work:
        work.execute("set TimeZone = 'UTC'")
        work.execute(
            f"insert into logentic_raw.{RUNS.name} ({names}) values ({', '.join('?' * len(row))})", [*row.values()]
        )


def _restore(work: duckdb.DuckDBPyConnection, journal: Journal, state: State) -> None:
    known = work.execute(
        "select column_name from information_schema.columns where table_schema = 'logentic_raw' and table_name = ?",
        [journal.name],
    ).fetchall()
    if not known:
        return
    columns = ", ".join(f'"{name}"' for (name,) in known)
    lost = work.execute(
        f"select {columns} from logentic_raw.{journal.name} as known"
        f" anti join ({_rows_of(journal, state)}) as written using (event_id)"
    )
    names = [column[0] for column in lost.description or ()]
    if rows := lost.fetchall():
        journal.append(state.folder, (dict(zip(names, row, strict=True)) for row in rows))


def _rows_of(journal: Journal, state: State) -> str:
    """The journal as a query. DuckDB reads a torn line as a row of nulls."""
    path = reached(journal.path(state.folder))
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in journal.columns.items())
    if not journal.size(state.folder):
        empty = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in journal.columns.items())
        return f"select {empty} where false"
    escaped = str(path).replace("'", "''")
    return (
        f"select distinct on (event_id) * from read_json('{escaped}', format = 'newline_delimited',"
        f" ignore_errors = true, columns = {{{columns}}}) where event_id is not null"
    )
