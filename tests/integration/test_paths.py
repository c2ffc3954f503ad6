"""`--db` with any name: runs and reports work, links are followed, and files of others are left alone."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from command_line import COMMAND, access, environment, logentic
from raw_tables import raw_differences

from logentic.errors import StateError
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

RAW_ONLY = JobOptions(models=False)
NAMES = {
    "quotes and templates": 'O\'Brien "x" {{ y }} {z}.duckdb',
    "what a URL escapes": "a%41 b% c#d?e=f&g.duckdb",
    "what a shell expands": "$HOME [ab]* ; ~ `x`.duckdb",
    "lines and tabs": "a\nb\tc.duckdb",
    "a backslash": "a\\b.duckdb",
    "other scripts": "Zoë 密码 🦄.duckdb",
    "no UTF-8": os.fsdecode(b"\xff\xe9.duckdb"),
    "as an option": "-x.duckdb",
    "colons": "a:b.duckdb",
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=3, scale=0.05, days=6, today=date(2026, 3, 17))) as sandbox:
        yield sandbox


def settings_of(sandbox: Sandbox) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="of the test")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_that_a_file_system_allows_works(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name.removesuffix(".duckdb")
    file = folder / name
    home = environment(tmp_path, **access(sandbox, hash_key="of the test"))
    for _ in range(2):
        command = [COMMAND, "run", "--no-models", "--db", os.path.relpath(file, tmp_path)]
        done = subprocess.run(command, cwd=tmp_path, env=home, capture_output=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr
        sandbox.clock.advance(timedelta(days=1))
    told = subprocess.run([COMMAND, "status", "--db", file], env=home, capture_output=True, timeout=300, check=False)
    assert told.returncode == 0, told.stderr
    assert sorted(path.name for path in folder.iterdir()) == sorted((name, f"{name}.state"))
    copy = tmp_path / "plain.duckdb"
    copy.write_bytes(file.read_bytes())
    run_job(settings_of(sandbox), file, RAW_ONLY)
    copy.write_bytes(file.read_bytes())
    assert raw_differences(copy, sandbox) == {}


def test_the_models_are_built_and_read_whatever_the_name(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / 'O\'Brien "x" {{ y }} % ? \\ [z].duckdb'
    run_job(settings_of(sandbox), file, JobOptions())
    for command in (["exceptions"], ["verify"], ["events"], ["status", "--runs"]):
        done = logentic(*command, "--db", file, cwd=tmp_path, **access(sandbox))
        assert done.returncode == 0, done.stderr


def test_a_link_stays_a_link_and_its_target_is_published(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "there" / "x.duckdb"
    (link := tmp_path / "link.duckdb").symlink_to(target)
    run_job(settings_of(sandbox), link, RAW_ONLY)
    sandbox.clock.advance(timedelta(days=1))
    run_job(settings_of(sandbox), target, RAW_ONLY)
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.duckdb", "there"]
    assert raw_differences(link, sandbox) == {}


@pytest.mark.parametrize(
    "address",
    [
        *("s3://bucket/x.duckdb", "md:mine", "postgres://me:secret@host/db", "gs://b/x"),
        *("az:x", "jdbc:duckdb:x", "~nobody-of-this-name/x.duckdb", " "),
    ],
)
def test_an_address_is_refused_in_one_line_and_nothing_is_made(tmp_path: Path, address: str) -> None:
    for command in ("run", "status", "events", "exceptions", "serve", "notify", "dashboard", "demo", "check"):
        done = logentic(command, "--db", address, cwd=tmp_path, api_token="token-of-nobody", webhook_secret="secret-x")
        assert done.returncode == 2, (command, done.stderr)
        assert done.stderr.count("\n") == 1
        assert "secret" not in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []


def make_foreign(path: Path, kind: str) -> None:
    if kind == "sqlite":
        with sqlite3.connect(path) as connection:
            connection.execute("create table t (x)")
            connection.commit()
    elif kind == "another database":
        with duckdb.connect(str(path)) as connection:
            connection.execute("create table t as select 1 as x")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes({"empty": b"", "text": b"a,b\n1,2\n"}[kind])


@pytest.mark.parametrize("kind", ["sqlite", "another database", "empty", "text", "pipe"])
def test_a_file_of_another_program_is_one_line_and_stays(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    make_foreign(path := tmp_path / "theirs.db", kind)
    (tmp_path / "home").mkdir()
    before = None if kind == "pipe" else path.read_bytes()
    for command in ("run", "status", "exceptions", "verify", "dashboard"):
        done = logentic(command, "--db", path, cwd=tmp_path, **access(sandbox))
        assert done.returncode in (1, 2), (command, done.stderr)
        line = done.stderr.splitlines()[-1]
        assert any(words in line for words in ("not a file that logentic", "not made by logentic", "is a pipe")), line
        assert "Traceback" not in done.stderr
    assert kind == "pipe" or path.read_bytes() == before
    assert list((tmp_path / "home").iterdir()) == [], "nothing is fetched into HOME"


@pytest.mark.parametrize("kind", ["sqlite", "another database"])
def test_a_file_that_took_the_place_of_ours_is_not_replaced(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    run_job(settings_of(sandbox), file := tmp_path / "db", RAW_ONLY)
    file.unlink()
    make_foreign(file, kind)
    before = file.read_bytes()
    sandbox.clock.advance(timedelta(days=1))
    with pytest.raises(StateError, match="is not replaced"):
        run_job(settings_of(sandbox), file, RAW_ONLY)
    assert file.read_bytes() == before
    file.write_bytes(b"damaged")
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}
    assert State(file).folder.exists()
