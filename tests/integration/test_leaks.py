"""Nothing leaks: the token stands nowhere, personal data only as keyed hashes."""

import subprocess
import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import duckdb
import pytest
from command_line import COMMAND, access, environment

from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Fault, Readings, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
TOKEN = "tok-3f9c51d2a7e84b06"  # of the sandbox only


def texts_of(file: Path) -> set[str]:
    """Every text in every table, of raw, staging and marts."""
    found = set()
    with duckdb.connect(str(file), read_only=True) as published:
        columns = published.execute(
            "select table_schema, table_name, column_name from information_schema.columns where data_type = 'VARCHAR'"
            " and table_schema <> 'main'"
        ).fetchall()
        for schema, table, column in columns:
            rows = published.execute(f'select distinct "{column}" from "{schema}"."{table}"').fetchall()
            found |= {row[0] for row in rows if row[0]}
    return found


def personal_values(sandbox: Sandbox) -> set[str]:
    values = set()
    for order in sandbox.state().rows("orders"):
        values |= set(order["recipient"].values())
        values |= {order["place"][name] for name in ("address1", "address2", "postal_code")}
    return {value for value in values if value}


@pytest.mark.parametrize("readings", [Readings(), Readings(extra_fields=True)], ids=["quick way", "careful way"])
def test_personal_data_are_hashed_before_they_are_stored(readings: Readings, tmp_path: Path) -> None:
    with Sandbox(Account(seed=81, scale=0.1, days=15, today=TODAY), readings=readings) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
        run_job(settings, tmp_path / "hashed", JobOptions())
        run_job(settings.model_copy(update={"keep_personal_data": True}), tmp_path / "kept", JobOptions(models=False))
        personal = personal_values(sandbox) | ({"lea.roy@boutique.example"} if readings.extra_fields else set())
        cities = {order["place"]["city"] for order in sandbox.state().rows("orders")}
    assert len(personal) > 100
    hashed, kept = texts_of(tmp_path / "hashed"), texts_of(tmp_path / "kept")
    assert not hashed & personal
    assert not any("@" in text for text in hashed if "extra" not in text and "{" not in text)
    assert personal - kept <= {"lea.roy@boutique.example"}, "what the user asks to keep is kept"
    assert cities <= hashed
    areas = {text.split(" ")[0] for text in hashed if len(text) == 36 and text[3] == " "}
    assert areas, "a postal code keeps its area"


def test_equal_persons_have_equal_hashes_and_another_key_gives_others(tmp_path: Path) -> None:
    with Sandbox(Account(seed=82, scale=0.1, days=15, today=TODAY)) as sandbox:
        hashes = {}
        for name, key in (("one", "a"), ("same", "a"), ("other", "b")):
            settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key=key)
            run_job(settings, tmp_path / name, JobOptions(models=False))
            with duckdb.connect(str(tmp_path / name), read_only=True) as published:
                rows = published.execute("select id, recipient__email from logentic_raw.orders order by id").fetchall()
                hashes[name] = rows
    assert hashes["one"] == hashes["same"]
    assert not {mail for _, mail in hashes["one"]} & {mail for _, mail in hashes["other"]}


FAULTS = {
    "all is well": [],
    "failures": [
        Fault("server_error", path="/v1/orders", times=None),
        Fault("not_json", path="/v1/items", after=1, times=None),
    ],
    "a next elsewhere": [Fault("next_elsewhere", path="/v1/items/item_quantities", times=None)],
    "the token is refused": [Fault("unauthorized", after=2, times=None)],
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_the_token_stands_in_no_file_no_output_and_no_process_list(faults: list[Fault], tmp_path: Path) -> None:
    account = Account(seed=83, scale=0.1, days=10, today=TODAY)
    command = [COMMAND, "run", "--debug", "--db", "db", *(["--no-models"] if faults else [])]
    listed: set[bytes] = set()
    with (
        Sandbox(account, token=TOKEN, readings=Readings(page_size="capped"), faults=faults) as sandbox,
        (tmp_path / "output").open("wb") as output,
    ):
        known = environment(tmp_path, **access(sandbox, retry_seconds=1)) | {"RUNTIME__LOG_LEVEL": "DEBUG"}
        process = subprocess.Popen(command, cwd=tmp_path, env=known, stdout=output, stderr=output)
        while process.poll() is None:
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):  # it has ended
                    listed.add(line.read_bytes())
            time.sleep(0.05)
    assert sandbox.requests
    assert all(fault.struck for fault in faults), "a fault was never met: the case would show nothing"
    assert any(COMMAND.encode() in line for line in listed)
    assert [line for line in listed if TOKEN.encode() in line] == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []
    assert b"per_page" not in (tmp_path / "output").read_bytes(), "no query string in a message"


def test_an_identifier_of_the_api_cannot_become_sql(tmp_path: Path) -> None:
    """A field's name is the service's: whatever it holds, it ends as a column."""
    name = 'x"; drop table logentic_raw.orders; --'
    with Sandbox(Account(seed=84, scale=0.1, days=6, today=TODAY)) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
        order = min(row["id"] for row in sandbox.state().rows("orders"))
        sandbox.alter("orders", order, **{name: "value"})
        run_job(settings, tmp_path / "db", JobOptions(models=False))
        sandbox.alter("orders", order, **{name: "another"})
        run_job(settings, tmp_path / "db", JobOptions(models=False))
    with duckdb.connect(str(tmp_path / "db"), read_only=True) as published:
        assert published.execute("select count(*) from logentic_raw.orders").fetchone()[0] > 0
