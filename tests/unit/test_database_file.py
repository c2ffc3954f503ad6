"""The path of FILE: what it may be, where links lead, and what is refused in one line."""

import os
import socket
from pathlib import Path

import duckdb
import pytest

from logentic.database_file import database_path, followed, is_foreign, reached, require_file
from logentic.errors import UsageError
from logentic.state import State


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("s3://bucket/x.duckdb", "--destination filesystem"),
        ("GS://bucket/x", "--destination filesystem"),
        ("az://container/x", "--destination filesystem"),
        ("abfss://container@account/x", "--destination filesystem"),
        ("postgres://user:secret@host/db", "--destination postgres"),
        ("postgresql://user:secret@host/db", "--destination postgres"),
        ("md:mine", "Name a file on this machine"),
        ("motherduck:mine", "Name a file on this machine"),
        ("https://example.com/x.duckdb", "Name a file on this machine"),
        ("file:///srv/x.duckdb", "Give the path alone"),
        ("file:x", "Give the path alone"),
        ("s3:x", "--destination filesystem"),
        ("gs:x.duckdb", "--destination filesystem"),
        ("az:x", "--destination filesystem"),
        ("ABFSS:x", "--destination filesystem"),
        (" az:x", "--destination filesystem"),
        ("postgresql:x", "--destination postgres"),
        ("jdbc:duckdb:x", "Name a file on this machine"),
        ("http:x", "Name a file on this machine"),
        ("my_scheme://x", "Name a file on this machine"),
        ("duckdb:x", "Name a file on this machine"),
        ("~nobody-of-this-name/x.duckdb", "./~nobody-of-this-name"),
        ("~nobody-of-this-name", "./~nobody-of-this-name"),
        (" ", "Name one"),
        ("\t\n", "Name one"),
        ("\u00a0", "Name one"),
        (":memory:name", "Name one"),
        (":memory:", "Name one"),
        ("a\0b", "Name one"),
        ("", "Name one"),
    ],
)
def test_what_is_no_file_on_this_machine_is_refused_with_the_right_option(given: str, advice: str) -> None:
    with pytest.raises(UsageError) as refused:
        database_path(given)
    assert advice in refused.value.guidance
    assert "secret" not in str(refused.value)


def test_a_tilde_is_the_home_folder_only_at_the_begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert database_path("~/x.duckdb") == tmp_path / "x.duckdb"
    assert database_path("./~nobody-of-this-name") == Path("~nobody-of-this-name")
    assert database_path("a~b") == Path("a~b")


@pytest.mark.parametrize(
    "name", ["./az:x", "./a:b/x.duckdb", "a:b/x.duckdb", "C:x", "x.s3:y", "12:30.duckdb", "a b/s3:x"]
)
def test_a_colon_in_an_ordinary_name_is_a_letter(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert database_path(name).absolute() == tmp_path / name


def test_a_link_is_followed_also_to_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "first").symlink_to("second")
    (tmp_path / "second").symlink_to(tmp_path / "there" / "x.duckdb")
    assert followed(tmp_path / "first") == tmp_path / "there" / "x.duckdb"
    assert State(tmp_path / "first") == State(tmp_path / "second") == State(tmp_path / "there" / "x.duckdb")
    assert State(tmp_path / "first").folder == tmp_path / "there" / "x.duckdb.state"


def test_links_in_a_circle_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(UsageError, match="circle"):
        database_path(tmp_path / "a")
    with pytest.raises(UsageError, match="circle"):
        State(tmp_path / "a")


def test_what_is_no_ordinary_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name, kind in (("pipe", "a pipe"), ("folder", "a folder"), ("socket", "a socket"), ("link", "a pipe")):
            with pytest.raises(UsageError, match=f"is {kind}"):
                require_file(tmp_path / name)
    with pytest.raises(UsageError, match="is a device"):
        database_path("/dev/null")
    with pytest.raises(UsageError, match="--db"):
        State(Path("/dev/null/x")).prepare()


@pytest.mark.parametrize("name", ["x" * 250, "é" * 125, "x" * 5000])
def test_a_name_too_long_for_what_stands_beside_it_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="longer than 246 bytes"):
        database_path(tmp_path / name)
    with pytest.raises(UsageError, match="--db"):
        database_path(tmp_path / "/".join(["x" * 200] * 30))
    assert database_path(tmp_path / ("x" * 246))


@pytest.mark.parametrize("name", ["O'Brien", 'a"b', "a%41", "{{ x }}", "{x}", "a\nb", "[ab]*?", "a;b", "🦄", "$HOME"])
def test_engines_get_a_path_without_special_characters(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.mkdir()
    assert reached(path) == reached(path) != path
    assert not set(str(reached(path))) & set("'\"%{}\n[]*?;🦄$")
    (path / "x").write_text("here")
    assert (reached(path) / "x").read_text() == "here"


@pytest.mark.parametrize("name", ["plain", "été", "a b", "a-b_c.d", "a=b,c+d@e:f~g"])
def test_an_ordinary_path_stays_as_it_is(tmp_path: Path, name: str) -> None:
    assert reached(tmp_path / name) == tmp_path / name


def test_a_file_of_another_program_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    other, sqlite, damaged = tmp_path / "other.duckdb", tmp_path / "x.sqlite", tmp_path / "damaged"
    with duckdb.connect(str(other)) as connection:
        connection.execute("create table t as select 1")
    sqlite.write_bytes(b"SQLite format 3\0" + bytes(84))
    damaged.write_bytes(b"not what stood here")
    assert [is_foreign(path) for path in (other, sqlite, damaged)] == [True, True, False]
