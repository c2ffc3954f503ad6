"""The marts as each format, read back by the library that others read it with."""

import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest
from command_line import logentic
from deltalake import DeltaTable
from pyiceberg.catalog.sql import SqlCatalog

from logentic.exports import parquet
from logentic.exports.export import MARK, export_marts
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
Read = Callable[[Path, str], pa.Table]
TABLE_COMMENT, COLUMN_COMMENT = "One row per charge; it's all.", "Before tax."


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("export") / "logentic.duckdb"
    with Sandbox(Account(seed=5, scale=0.2, days=60, today=TODAY)) as sandbox:
        run_job(Settings(base_url=sandbox.url, api_token=sandbox.token), file, JobOptions())
    with duckdb.connect(str(file)) as published:
        quoted = TABLE_COMMENT.replace("'", "''")
        published.execute(f"comment on table logentic_marts.charges is '{quoted}'")
        published.execute(f"comment on column logentic_marts.charges.amount is '{COLUMN_COMMENT}'")
    return file


def marts(file: Path) -> list[str]:
    with duckdb.connect(str(file), read_only=True) as published:
        found = published.execute("select table_name from duckdb_tables() where schema_name = 'logentic_marts'")
        return sorted(name for (name,) in found.fetchall())


def of_parquet(folder: Path, name: str) -> pa.Table:
    return pyarrow.parquet.read_table(folder / f"{name}.parquet")


def of_delta(folder: Path, name: str) -> pa.Table:
    return DeltaTable(str(folder / name)).to_pyarrow_table()


def iceberg(folder: Path) -> SqlCatalog:
    return SqlCatalog("logentic", uri=f"sqlite:///{folder}/catalog.db", warehouse=str(folder))


def of_iceberg(folder: Path, name: str) -> pa.Table:
    with iceberg(folder) as catalog:
        return catalog.load_table(("logentic_marts", name)).scan().to_arrow()


READERS: dict[str, Read] = {"parquet": of_parquet, "delta": of_delta, "iceberg": of_iceberg}


@pytest.mark.parametrize("layout", READERS)
def test_every_mart_is_read_back_with_its_rows_and_types(layout: str, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a folder" / "lake"
    done = logentic("export", "--db", file, "--format", layout, "--to", folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{folder}: {len(marts(file))} tables, ")
    said = json.loads((folder / MARK).read_text())
    assert (said["format"], sorted(said["tables"])) == (layout, marts(file))
    assert [path.name for path in folder.parent.iterdir()] == ["lake"]
    with duckdb.connect(str(file), read_only=True) as published:
        published.execute("set TimeZone = 'UTC'")
        for name in marts(file):
            published.register("read_back", READERS[layout](folder, name))
            types = {
                source: published.execute(f"select column_name, column_type from (describe {source})").fetchall()
                for source in (f"logentic_marts.{name}", "read_back")
            }
            # A HUGEINT has no type in these formats: it becomes the widest decimal without decimals.
            expected = [
                (column, "DECIMAL(38,0)" if kind == "HUGEINT" else kind)
                for column, kind in types[f"logentic_marts.{name}"]
            ]
            assert types["read_back"] == expected, name
            for more, less in ((f"logentic_marts.{name}", "read_back"), ("read_back", f"logentic_marts.{name}")):
                missing = published.execute(f"from {more} except all from {less}").fetchall()
                assert missing == [], name
            rows = published.execute("select count(*) from read_back").fetchall()
            assert rows == [(said["tables"][name],)]
            published.unregister("read_back")


def test_the_comments_are_where_each_format_has_them(file: Path, tmp_path: Path) -> None:
    for layout in READERS:
        export_marts(file, layout, tmp_path / layout, overwrite=False)
    schema = of_parquet(tmp_path / "parquet", "charges").schema
    assert schema.metadata[b"comment"].decode() == TABLE_COMMENT
    assert schema.field("amount").metadata[b"comment"].decode() == COLUMN_COMMENT
    delta = DeltaTable(str(tmp_path / "delta" / "charges"))
    assert delta.metadata().description == TABLE_COMMENT
    assert {field.name: field.metadata for field in delta.schema().fields}["amount"] == {"comment": COLUMN_COMMENT}
    with iceberg(tmp_path / "iceberg") as catalog:
        table = catalog.load_table(("logentic_marts", "charges"))
        assert table.properties["comment"] == TABLE_COMMENT
        assert table.schema().find_field("amount").doc == COLUMN_COMMENT


def test_all_tables_are_of_one_snapshot(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = tmp_path / "logentic.duckdb"
    served.write_bytes(file.read_bytes())
    write = parquet.write

    def publish_and_write(*arguments: object) -> dict[str, int]:
        newer = tmp_path / "newer.duckdb"
        newer.write_bytes(file.read_bytes())
        with duckdb.connect(str(newer)) as changed:
            changed.execute("delete from logentic_marts.orders")
        newer.replace(served)
        return write(*arguments)

    monkeypatch.setattr(parquet, "write", publish_and_write)
    first = export_marts(served, "parquet", tmp_path / "first", overwrite=False)
    monkeypatch.undo()
    second = export_marts(served, "parquet", tmp_path / "second", overwrite=False)
    assert first["tables"]["orders"] > second["tables"]["orders"] == 0


def test_a_folder_in_use_is_refused_and_an_earlier_export_replaced_as_a_whole(file: Path, tmp_path: Path) -> None:
    def export(*words: str) -> tuple[int, str]:
        done = logentic("export", "--db", file, "--format", "parquet", "--to", tmp_path / "lake", *words, cwd=tmp_path)
        assert done.stderr.count("\n") == (done.returncode != 0)
        return done.returncode, done.stderr

    (tmp_path / "lake").mkdir()
    assert export() == (0, ""), "an empty one is taken"
    (tmp_path / "lake" / "gone.parquet").touch()
    code, said = export()
    assert code == 2
    assert "already contains an export. Replace it: --overwrite." in said
    assert export("--overwrite") == (0, "")
    assert not (tmp_path / "lake" / "gone.parquet").exists()

    (tmp_path / "lake" / MARK).unlink()
    for words in ((), ("--overwrite",)):
        code, said = export(*words)
        assert code == 2
        assert "contains files that logentic export did not write" in said
    (tmp_path / "lake").rename(tmp_path / "kept")
    (tmp_path / "lake").touch()
    assert export()[0] == 2


def test_what_fails_leaves_the_earlier_export(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_marts(file, "parquet", tmp_path / "lake", overwrite=False)
    before = sorted(path.name for path in (tmp_path / "lake").iterdir())

    def fail(_: object, partial: Path, __: object) -> dict[str, int]:
        (partial / "begun").touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "write", fail)
    with pytest.raises(Exception, match="No space left on device"):
        export_marts(file, "parquet", tmp_path / "lake", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "lake").iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


@pytest.mark.parametrize(("layout", "library"), [("delta", "deltalake"), ("iceberg", "pyiceberg")])
def test_without_the_extra_one_line_says_what_to_install(layout: str, library: str, file: Path, tmp_path: Path) -> None:
    without = f"import sys; sys.modules['{library}'] = None; from logentic.cli.app import main; main()"
    words = ("export", "--db", file, "--format", layout, "--to", tmp_path / "lake")
    refused = logentic("-c", without, *words, cwd=tmp_path, command=sys.executable)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"logentic: --format {layout} needs {library}, which is not installed."
        f" Install it: pip install 'logentic-elt[{layout}]'\n"
    )
    assert not (tmp_path / "lake").exists()


def test_what_cannot_be_exported_is_one_line(file: Path, tmp_path: Path) -> None:
    for words, expected in (
        (("--format", "csv", "--to", tmp_path / "lake"), "--format 'csv' is not known"),
        (("--format", "ducklake", "--to", tmp_path / "lake"), "--format ducklake needs DuckDB's extension"),
        (("--format", "parquet", "--to", "/proc/lake"), "--to /proc/lake cannot be written"),
    ):
        refused = logentic("export", "--db", file, *words, cwd=tmp_path)
        assert refused.returncode == 2
        assert expected in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "lake").exists()


def test_the_command_imports_no_library_before_it_is_asked_for(tmp_path: Path) -> None:
    loaded = "import sys, logentic.cli.app; print({'mcp', 'deltalake', 'pyiceberg', 'duckdb'} & set(sys.modules))"
    assert logentic("-c", loaded, cwd=tmp_path, command=sys.executable).stdout == "set()\n"
