"""The command as a shell sees it: exit codes, one line on stderr for each error, results alone on stdout."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest
from command_line import COMMAND, access, environment, logentic

from logentic.sandbox import Account, Fault, Sandbox
from logentic.sandbox.billing import ALL_SCENARIOS, SCENARIOS

TOKEN = "a-token-that-nobody-may-see"
HEAVY = {"dlt", "duckdb", "pyarrow", "dbt", "pandas", "pendulum", "pydantic", "pycurl", "numpy"}
USAGE = {
    "a missing token": (["run", "--db", "x.duckdb"], {"api_token": ""}, "LOGENTIC_API_TOKEN is not set.*logentic demo"),
    "a word for the invoice to decide on": (
        ["invoices", "decide", "x", "hold"],
        {},
        "x is not an invoice number",
    ),
    "an unknown option": (["run", "--db", "x.duckdb", "--dry"], {}, r"No such option: --dry.*See: logentic run --help"),
    "an unknown command": (["rum"], {}, r"No such command 'rum'.*See: logentic --help"),
    "a wrong day": (
        ["run", "--db", "x.duckdb", "--start", "31.01.2026"],
        {},
        "--start '31.01.2026' is not a day.*2026-01-31",
    ),
    "a day that is none": (["run", "--db", "x.duckdb", "--end", "2026-02-30"], {}, "--end '2026-02-30' is not a day"),
    "a start after the end": (
        ["run", "--db", "x.duckdb", "--start", "2026-02-02", "--end", "2026-02-01"],
        {},
        "--start 2026-02-02 lies after --end 2026-02-01",
    ),
    "an unknown resource": (
        ["run", "--db", "x.duckdb", "--select", "orders,shoes"],
        {},
        "'shoes' is no resource.*orders",
    ),
    "an unknown thing to fail on": (
        ["run", "--db", "x.duckdb", "--fail-on", "rain"],
        {},
        "'rain' is not known.*incomplete",
    ),
    "status of runs that is to fail on values": (
        ["status", "--db", "x.duckdb", "--runs", "--fail-on", "rejected"],
        {},
        "--fail-on checks the tables, and --runs lists the run history. Use one of them",
    ),
    "a number that is none": (["run", "--db", "x.duckdb", "--wait", "long"], {}, "Invalid value for '--wait'"),
    "a folder as file": (["run", "--db", "folder"], {}, "--db .*folder is a folder"),
    "a file as folder": (["run", "--db", "in_the_way/x.duckdb"], {}, "--db .*x.duckdb: .*Choose a file in a folder"),
    "a wrong setting": (
        ["run", "--db", "x.duckdb"],
        {"window_pages": "many"},
        "setting 'window_pages'.*LOGENTIC_WINDOW_PAGES",
    ),
    "a wrong zone": (["run", "--db", "x.duckdb"], {"timezone": "Mars"}, "setting 'timezone': must be a time zone"),
    "plain http": (
        ["run", "--db", "x.duckdb"],
        {"base_url": "http://x.example/v1"},
        "base_url is plain http: use https",
    ),
    "no file in the working folder": (["status"], {}, "--db logentic.duckdb does not exist. Make it: logentic run"),
    "a file that the environment names": (["reconcile"], {"db": "y.duckdb"}, "--db y.duckdb does not exist"),
    "a file of the environment to run into": (["run"], {"db": "folder", "api_token": "t"}, "--db .*folder is a folder"),
    "a word for an invoice": (
        ["reconcile", "--invoice", "N"],
        {},
        "--invoice N is not an invoice number.*such as 7005",
    ),
    "no file to report on": (["status", "--db", "x.duckdb"], {}, "x.duckdb does not exist. Make it: logentic run"),
}


@pytest.mark.parametrize(("arguments", "settings", "said"), USAGE.values(), ids=USAGE)
def test_wrong_usage_is_one_line_that_says_what_to_do(
    arguments: list[str], settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "in_the_way").touch()
    done = logentic(*arguments, cwd=tmp_path, **{"api_token": TOKEN, "base_url": "http://127.0.0.1:9/v1", **settings})
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert re.match(f"logentic: .*{said}", line), line
    assert not list(tmp_path.glob("x.duckdb")), "nothing was attempted"


def test_a_host_that_cannot_be_reached_is_one_line_after_the_patience(tmp_path: Path) -> None:
    settings = {"api_token": TOKEN, "base_url": "http://127.0.0.1:9/v1", "retry_seconds": 0.3}
    done = logentic("run", "--db", "x.duckdb", cwd=tmp_path, **settings)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = errors(done)
    assert "no response from http://127.0.0.1:9 (the connection was refused). Check the network" in line
    assert not (tmp_path / "x.duckdb").exists()


def test_a_token_that_is_refused_is_one_line_and_is_not_shown(tmp_path: Path, sandbox: Sandbox) -> None:
    done = logentic("run", "--db", "x.duckdb", cwd=tmp_path, **access(sandbox, api_token=TOKEN))
    assert done.returncode == 1
    (line,) = errors(done)
    assert "status 401. The token is wrong or was withdrawn: set LOGENTIC_API_TOKEN." in line
    assert TOKEN not in done.stderr


@pytest.mark.parametrize("arguments", [("--debug", "run"), ("run", "--debug")])
def test_a_traceback_and_the_requests_are_shown_only_with_debug(
    tmp_path: Path, sandbox: Sandbox, arguments: tuple[str, str]
) -> None:
    done = logentic(*arguments, "--db", "x.duckdb", cwd=tmp_path, **access(sandbox, api_token=TOKEN))
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "the service's clock: 401" in done.stderr
    assert TOKEN not in done.stderr


def test_a_run_puts_its_summary_on_stdout_and_all_else_on_stderr(tmp_path: Path, sandbox: Sandbox) -> None:
    text = logentic("run", "--db", "new/x.duckdb", "--no-models", cwd=tmp_path, **access(sandbox))
    assert (text.returncode, errors(text)) == (0, [])
    assert "…" in text.stderr
    assert re.search(r"^orders +\d+ ", text.stdout, re.MULTILINE)
    assert "published: new/x.duckdb" in text.stdout
    with duckdb.connect(str(tmp_path / "new/x.duckdb"), read_only=True) as published:
        stored = published.execute("select count(*) from logentic_raw.orders").fetchone()
    again = logentic("run", "--db", "new/x.duckdb", "--no-models", "--json", cwd=tmp_path, **access(sandbox))
    summary = json.loads(again.stdout)
    assert again.returncode == 0
    assert summary["resources"]["orders"] | {"new": 0, "changed": 0} == summary["resources"]["orders"]
    assert stored is not None
    assert stored[0] > 10
    status = logentic("status", "--db", "new/x.duckdb", "--json", cwd=tmp_path)
    assert status.stderr == ""
    assert json.loads(status.stdout)["resources"]["orders"]["versions"] == stored[0]


def test_a_resource_that_is_refused_is_one_line_and_the_others_are_loaded(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.faults = [Fault("forbidden", path="/v1/orders", times=None)]
    done = logentic("run", "--db", "x.duckdb", "--no-models", "--json", cwd=tmp_path, **access(sandbox))
    assert done.returncode == 1
    (line,) = errors(done)
    assert re.match("logentic: orders.* status 403. This token may not read this resource", line)
    resources = json.loads(done.stdout)["resources"]
    assert "orders" not in resources
    assert all(
        resources[name]["new"] > 0 for name in ("items", "item_quantities", "inventory_history", "payment_items")
    )


def test_a_window_that_is_incomplete_fails_a_run_that_asked_to_be_told(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.faults = [Fault("false_total", path="/v1/items", times=None)]
    options = ("run", "--db", "x.duckdb", "--no-models", "--select", "items")
    told = logentic(*options, "--fail-on", "incomplete", cwd=tmp_path, **access(sandbox))
    assert (told.returncode, errors(told)) == (3, [])
    assert re.search(r"incomplete: items .*announced and \d+ read; the next run reads them again", told.stdout)
    assert logentic(*options, cwd=tmp_path, **access(sandbox)).returncode == 0


def test_an_interrupted_run_says_that_the_next_one_goes_on(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.faults = [Fault("stall", path="/v1/orders", times=None, seconds=60)]
    command = [COMMAND, "run", "--db", "x.duckdb", "--no-models", "--select", "orders"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path, **access(sandbox)), stderr=subprocess.PIPE, text=True
    ) as process:
        sandbox_was_asked(sandbox, "/v1/orders")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=300)
    assert process.returncode == 1
    assert [line for line in stderr.splitlines() if not line.endswith("…")] == [
        "logentic: interrupted; what was loaded is kept, and the next run continues"
    ]


def sandbox_was_asked(sandbox: Sandbox, path: str) -> None:
    while not sandbox.struck["stall"]:
        sandbox.stopping.wait(0.05)


def test_a_run_learns_prices_in_its_own_process(tmp_path: Path, sandbox: Sandbox) -> None:
    """Of the modules that a run leaves out, none is needed by a step of the build."""
    done = logentic("run", "--db", "x.duckdb", cwd=tmp_path, **access(sandbox))
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as published:
        ((charge_types,),) = published.execute("select count(distinct charge_type) from learned_prices").fetchall()
    assert charge_types >= 2


def test_the_sandbox_command_prints_what_a_run_needs(tmp_path: Path) -> None:
    command = [COMMAND, "sandbox", "--port", "0", "--scale", "0.1", "--days", "5", "--scenario", "tiers"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(2)]
        exported = dict(re.fullmatch(r"export LOGENTIC_(\w+)=(\S+)\n", line).groups() for line in lines)  # type: ignore[union-attr]
        settings = {name.lower(): value for name, value in exported.items()}
        run = logentic("run", "--db", "x.duckdb", "--no-models", "--select", "items", cwd=tmp_path, **settings)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
    assert (run.returncode, process.returncode, stdout, stderr) == (0, 0, "", "")


def test_a_scenario_that_the_sandbox_does_not_know_is_one_line_that_names_those_it_knows(tmp_path: Path) -> None:
    done = logentic("sandbox", "--port", "0", "--scenario", "tiers", "--scenario", "tears", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("logentic: The sandbox has no scenario tears. Those that can be added: ")
    assert all(name in done.stderr for name in ALL_SCENARIOS - SCENARIOS)


def test_the_versions_of_all_parts_are_one_line(tmp_path: Path) -> None:
    done = logentic("--version", cwd=tmp_path)
    parts = ", ".join(f"{name} {version(name)}" for name in ("logentic-elt", "dlt", "duckdb", "dbt-core", "dbt-duckdb"))
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(re.escape(parts) + r", Python 3[.\d]+\n", done.stdout)


def test_the_short_word_for_help_is_known(tmp_path: Path) -> None:
    for command in ([], ["run"], ["exceptions", "set"]):
        asked = [logentic(*command, word, cwd=tmp_path) for word in ("-h", "--help")]
        assert asked[0].stdout == asked[1].stdout
        assert [done.returncode for done in asked] == [0, 0]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    program = f"import sys; sys.argv = ['logentic', *{arguments!r}]; from logentic.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert done.returncode == (0 if arguments else 2)
    assert "Usage: logentic" in done.stdout
    assert "typer" in imported
    # typer reads an option's default with pydantic when it shows it.
    assert imported & HEAVY <= ({"pydantic"} if "run" in arguments else set())


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What stands on stderr beside the steps that a run names as it goes."""
    return [line for line in done.stderr.splitlines() if not line.endswith("…")]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=41, scale=0.1, days=20, today=date(2026, 3, 17))) as sandbox:
        yield sandbox
