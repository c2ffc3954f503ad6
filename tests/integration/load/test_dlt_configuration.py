"""Settings written as dlt's users write them: `sources.logentic`, arguments, two accounts in one process."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from command_line import environment
from dlt.extract.items import TableNameMeta

from logentic.errors import UsageError
from logentic.load.source import logentic_source
from logentic.load.source_settings import check_arguments, settings_of_source
from logentic.sandbox import Account, Sandbox

TODAY = date(2026, 3, 17)
PIPELINE = """
import dlt
from logentic import logentic_source

def load(name, source):
    destination = dlt.destinations.duckdb("own.duckdb")
    dlt.pipeline(name, destination=destination, dataset_name=name).run(
        source.with_resources("items", "extract_windows")
    )
"""


@pytest.fixture(scope="module")
def accounts() -> Iterator[tuple[Sandbox, Sandbox]]:
    with (
        Sandbox(Account(seed=51, scale=0.05, days=5, today=TODAY)) as one,
        Sandbox(Account(seed=52, scale=0.1, days=5, today=TODAY)) as other,
    ):
        yield one, other


def run(folder: Path, program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = environment(folder) | {"DLT_DATA_DIR": str(folder / "dlt_data")} | variables
    return subprocess.run(
        [sys.executable, "-c", PIPELINE + program],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def ids(folder: Path, dataset: str) -> list[int]:
    with duckdb.connect(str(folder / "own.duckdb"), read_only=True) as database:
        return sorted(row[0] for row in database.execute(f"select id from {dataset}.items").fetchall())


def ids_of(sandbox: Sandbox) -> list[int]:
    return sorted(row["id"] for row in sandbox.state().rows("items"))


def write(folder: Path, name: str, text: str) -> None:
    (folder / ".dlt").mkdir(exist_ok=True)
    (folder / ".dlt" / name).write_text(text, "utf-8")


def test_two_accounts_load_in_one_process(accounts: tuple[Sandbox, Sandbox], tmp_path: Path) -> None:
    """Each by its own section, whatever the variables of the commands say."""
    one, other = accounts
    write(
        tmp_path,
        "secrets.toml",
        f'[sources.logentic]\napi_token = "{one.token}"\n[sources.logentic.eu]\napi_token = "{other.token}"\n',
    )
    write(
        tmp_path,
        "config.toml",
        f'[sources.logentic]\nbase_url = "{one.url}"\n[sources.logentic.eu]\nbase_url = "{other.url}"\n',
    )
    done = run(
        tmp_path,
        "load('ca', logentic_source())\nload('eu', logentic_source.clone(name='eu')())",
        LOGENTIC_API_TOKEN="of-another-account",
        LOGENTIC_BASE_URL="http://127.0.0.1:9/v1",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ids(tmp_path, "ca") == ids_of(one)
    assert ids(tmp_path, "eu") == ids_of(other) != ids_of(one)


def test_two_accounts_by_arguments(accounts: tuple[Sandbox, Sandbox], tmp_path: Path) -> None:
    one, other = accounts
    given = [f"api_token={each.token!r}, base_url={each.url!r}, connections=2" for each in accounts]
    done = run(
        tmp_path,
        f"load('ca', logentic_source({given[0]}))\nload('eu', logentic_source({given[1]}))",
        SOURCES__LOGENTIC__API_TOKEN="of-another-account",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (ids(tmp_path, "ca"), ids(tmp_path, "eu")) == (ids_of(one), ids_of(other))


def test_a_placeholder_is_looked_up_in_the_environment(accounts: tuple[Sandbox, Sandbox], tmp_path: Path) -> None:
    one, _ = accounts
    done = run(
        tmp_path,
        "load('ca', logentic_source(api_token=dlt.secrets.value, base_url=dlt.config.value))",
        SOURCES__LOGENTIC__API_TOKEN=one.token,
        SOURCES__LOGENTIC__BASE_URL=one.url,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ids(tmp_path, "ca") == ids_of(one)


def test_the_more_specific_place_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    def connections(name: str = "logentic", pipeline: str = "nightly", **arguments: int) -> int:
        return settings_of_source(arguments, name, pipeline).connections

    places = [
        ("LOGENTIC_CONNECTIONS", "5"),
        ("SOURCES__LOGENTIC__CONNECTIONS", "6"),
        ("SOURCES__LOGENTIC__EU__CONNECTIONS", "7"),
        ("NIGHTLY__SOURCES__LOGENTIC__EU__CONNECTIONS", "8"),
    ]
    monkeypatch.setenv("CONNECTIONS", "30")
    monkeypatch.setenv("SOURCES__CONNECTIONS", "31")
    assert connections("eu") == 4, "no section above sources.logentic counts"
    for variable, value in places:
        monkeypatch.setenv(variable, value)
        assert connections("eu") == int(value)
    assert connections("eu", "weekly") == 7
    assert connections() == 6
    assert connections("eu", connections=9) == 9


def test_lists_and_tables_are_those_of_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LOGENTIC__HASH_FIELDS", "tags, notes")
    monkeypatch.setenv("SOURCES__LOGENTIC__TAXES", "VAT 20")
    monkeypatch.setenv("SOURCES__LOGENTIC__CHARGE_ACCOUNTS", '{"*": "Freight"}')
    settings = settings_of_source({}, "logentic", "nightly")
    assert (settings.hash_fields, settings.charge_accounts) == (["tags", "notes"], {"*": "Freight"})
    assert [(tax.name, tax.rate) for tax in settings.taxes] == [("VAT", 20)]
    monkeypatch.setenv("SOURCES__LOGENTIC__CHARGE_ACCOUNTS", "Freight")
    with pytest.raises(UsageError, match="'charge_accounts' is no JSON"):
        settings_of_source({}, "logentic", "nightly")


def test_a_wrong_argument_is_named_without_its_value() -> None:
    with pytest.raises(UsageError, match="no setting 'token'"):
        logentic_source(token="secret-1")
    with pytest.raises(UsageError, match="setting 'api_token': must be ASCII") as refused:
        settings_of_source(check_arguments({"api_token": "secret 1"}), "logentic", "nightly")
    assert "secret 1" not in str(refused.value)


def test_the_format_of_a_call_is_also_that_of_companion_tables() -> None:
    source = logentic_source(api_token="x", base_url="http://127.0.0.1:1")
    for name, companion in (("orders", "orders__stored_items"), ("extract_windows", "rejected_values")):
        resource = source.resources[name]
        resource.apply_hints(table_format="delta")
        for table in (name, companion):
            schema = resource.compute_table_schema(None, TableNameMeta(table))
            assert (schema["table_format"], schema["write_disposition"]) == ("delta", "append"), table
