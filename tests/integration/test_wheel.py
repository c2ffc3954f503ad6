"""The built wheel in an empty environment: a `logentic` that runs from any folder, whole and without a secret."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import duckdb
import pytest
from command_line import logentic

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
LEFT_OUT = shutil.ignore_patterns(".*", "dist", "demo", "target", "logs", "__pycache__", "*.duckdb*")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a developer's tree, in which a secrets.toml lies where the documentation says."""
    tree = tmp_path_factory.mktemp("tree") / "main"
    shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
    (tree / "dlt_config" / "secrets.toml").write_text('[logentic]\napi_token = "SECRET"\n')
    uv("build", "--wheel", "--out-dir", str(tree / "dist"), str(tree))
    (wheel,) = (tree / "dist").glob("*.whl")
    return wheel


def uv(*arguments: str) -> None:
    subprocess.run([UV, "--quiet", *arguments], cwd=ROOT, check=True, timeout=300)


def test_the_wheel_holds_the_project_and_no_secret(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder in ("models", "macros", "tests/reconcile"):
        inside = {f"logentic/project/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert inside
        assert inside <= names
    settings = {name for name in names if "dlt_config" in name}
    assert settings == {f"logentic/project/dlt_config/{name}.toml" for name in ("config", "secrets.example")}
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert {"logentic/project/dbt_project.yml", "logentic/project/profiles.yml", "logentic/py.typed"} <= names


def test_the_installed_wheel_runs_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "empty"
    locked = tmp_path / "locked.txt"
    uv("export", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project", "--output-file", str(locked))
    uv("venv", "--python", sys.executable, str(environment))
    uv("pip", "install", "--python", str(environment), "--constraint", str(locked), str(wheel))
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "home").mkdir(parents=True)
    done = logentic("demo", "--db", "shop.duckdb", cwd=elsewhere, command=str(environment / "bin" / "logentic"))
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(elsewhere / "shop.duckdb"), read_only=True) as published:
        tables = [name for (name,) in published.execute(TABLES).fetchall()]
        counts = {name: published.execute(f"select count(*) from logentic_marts.{name}").fetchone() for name in tables}
    assert len(counts) > 10
    empty = {name for name, count in counts.items() if count == (0,)}
    assert empty == {"invoice_decisions", "rejected_values", "restatements", "stock_ledger_breaks"}
    assert sorted(path.name for path in elsewhere.iterdir()) == ["home", "shop.duckdb", "shop.duckdb.state"]
    assert list((elsewhere / "home").iterdir()) == []


TABLES = "select table_name from information_schema.tables where table_schema = 'logentic_marts'"
