"""Publishing on a real PostgreSQL: what was built takes the place of what analysts read, and disturbs nobody."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from postgres_server import execute

from logentic.destinations.postgres.connection import connected, credentials
from logentic.destinations.postgres.destination import PostgresDestination
from logentic.destinations.postgres.publishing import is_published
from logentic.errors import StateError
from logentic.settings import Settings
from logentic.state import State

SCHEMAS = ("logentic_raw", "logentic_work_marts", "logentic_work_staging")
READ = "select * from logentic_marts.stock order by 1, 2"


@pytest.fixture
def destination(postgres: str, tmp_path) -> PostgresDestination:
    execute(
        postgres,
        *(f"create schema {schema}" for schema in SCHEMAS),
        "create table logentic_work_marts.stock (item bigint, day date, units numeric(38, 24), note text)",
        "insert into logentic_work_marts.stock select item, date '2026-01-01' + day, item * day / 7.0, null"
        " from generate_series(1, 20) as item, generate_series(1, 30) as day",
        "create view logentic_work_staging.stg_stock as select item, day from logentic_work_marts.stock",
    )
    return PostgresDestination(Settings(), State(tmp_path / "state"))


@pytest.fixture
def reader(destination: PostgresDestination, postgres: str) -> Iterator[Any]:
    """Someone who may read what is published, in a transaction of theirs, under a role of their own."""
    destination.publish()
    execute(
        postgres,
        "do $$ begin create role analyst login; exception when duplicate_object then null; end $$",
        "grant usage on schema logentic_marts to analyst",
        "grant select on logentic_marts.stock to analyst",
    )
    with closing(psycopg2.connect(postgres.replace("postgres:none", "analyst:none"))) as connection:
        yield connection.cursor()


def test_what_was_built_is_what_is_read(destination: PostgresDestination, postgres: str) -> None:
    with connected(credentials()) as connection:
        assert not is_published(connection.cursor())
    assert destination.publish() > 0
    assert destination.is_published()
    built = execute(postgres, READ.replace("logentic_marts", "logentic_work_marts"))
    assert execute(postgres, READ) == built
    assert len(built) == 600
    assert execute(postgres, "select count(*) from logentic_staging.stg_stock") == [(600,)]


def test_only_rows_that_differ_are_written(destination: PostgresDestination, postgres: str) -> None:
    destination.publish()
    before = dict(execute(postgres, "select (item, day)::text, xmin::text from logentic_marts.stock"))
    execute(
        postgres,
        "update logentic_work_marts.stock set note = '' where item = 3 and day = '2026-01-05'",
        "delete from logentic_work_marts.stock where item = 4 and day = '2026-01-06'",
        "insert into logentic_work_marts.stock values (99, null, null, null)",
    )
    destination.publish()
    after = dict(execute(postgres, "select (item, day)::text, xmin::text from logentic_marts.stock"))
    written = {key for key, transaction in after.items() if before.get(key) != transaction}
    assert written == {"(3,2026-01-05)", "(99,)"}
    assert before.keys() - after.keys() == {"(4,2026-01-06)"}


def test_what_is_built_as_a_view_is_published_as_rows(destination: PostgresDestination, postgres: str) -> None:
    """It might read what is half built."""
    view = "create view logentic_work_marts.totals as select sum(units) as units from logentic_work_marts.stock"
    execute(postgres, view)
    destination.publish()
    before = execute(postgres, "select units from logentic_marts.totals")
    execute(postgres, "update logentic_work_marts.stock set units = 0")
    assert execute(postgres, "select units from logentic_marts.totals") == before


def test_rows_that_stand_there_twice_are_read_twice(destination: PostgresDestination, postgres: str) -> None:
    destination.publish()
    execute(postgres, "insert into logentic_work_marts.stock select * from logentic_work_marts.stock where item = 1")
    destination.publish()
    assert execute(postgres, "select count(*) from logentic_marts.stock") == [(630,)]


def test_a_reader_sees_the_old_rows_or_the_new_ones_and_waits_for_nobody(
    destination: PostgresDestination, postgres: str, reader: Any
) -> None:
    """The reader's transaction stays open while a build is published, and the publisher's while the reader reads."""
    reader.execute("set lock_timeout = '1s'")
    reader.execute("select sum(units), count(*) from logentic_marts.stock")
    before = reader.fetchone()
    execute(postgres, "update logentic_work_marts.stock set units = units + 1")
    with connected(credentials()) as connection:
        connection.autocommit = False
        from logentic.destinations.postgres.publishing import publish

        publish(connection.cursor())
        reader.execute("select sum(units), count(*) from logentic_marts.stock")
        assert reader.fetchone() == before
        connection.commit()
    reader.execute("select sum(units), count(*) from logentic_marts.stock")
    assert reader.fetchone() == (before[0] + 600, before[1])


def test_a_reader_cannot_write(reader: Any) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        reader.execute("delete from logentic_marts.stock")


@pytest.mark.parametrize(
    "change",
    [
        "update logentic_work_marts.stock set units = 0",
        "alter table logentic_work_marts.stock add column sku text default 'A'",
        "alter table logentic_work_marts.stock alter column note type bigint using null",
        "alter table logentic_work_marts.stock drop column note",
    ],
)
def test_grants_outlive_a_publication_whatever_became_of_the_columns(
    destination: PostgresDestination, postgres: str, reader: Any, change: str
) -> None:
    execute(postgres, change)
    destination.publish()
    reader.execute(READ)
    built = execute(postgres, "select * from logentic_work_marts.stock order by 1, 2")
    assert sorted(map(repr, reader.fetchall())) == sorted(map(repr, built))


def test_a_view_that_someone_made_stays_and_is_named_where_it_stands_in_the_way(
    destination: PostgresDestination, postgres: str
) -> None:
    destination.publish()
    execute(postgres, "create view report as select sum(units) as units from logentic_marts.stock")
    execute(postgres, "update logentic_work_marts.stock set units = 2")
    destination.publish()
    assert execute(postgres, "select units from report") == [(1200,)]
    execute(postgres, "alter table logentic_work_marts.stock alter column units type text")
    with pytest.raises(StateError, match="other objects depend"):
        destination.publish()
    assert execute(postgres, "select units from report") == [(1200,)]


def test_a_publication_that_fails_half_way_changes_nothing(destination: PostgresDestination, postgres: str) -> None:
    destination.publish()
    execute(
        postgres,
        "update logentic_work_marts.stock set units = 3",
        "create table logentic_work_marts.zones (name text)",
        "create view logentic_marts.zones as select 1 as one",
        "create view others as select * from logentic_marts.zones",
    )
    with pytest.raises(StateError, match="other objects depend"):
        destination.publish()
    assert execute(postgres, "select count(*) from logentic_marts.stock where units = 3") < [(600,)]
    execute(postgres, "drop view others")
    destination.publish()
    assert execute(postgres, "select count(*) from logentic_marts.stock where units = 3") == [(600,)]
