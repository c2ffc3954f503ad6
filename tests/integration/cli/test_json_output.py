"""Every command that takes --json, with a secret that stands in what it would print."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import typer
from command_line import access, logentic

from logentic.cli.app import app
from logentic.events.event import EventParser
from logentic.events.queue import EventQueue
from logentic.job import JobOptions, run_job
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.sandbox import Account, Sandbox
from logentic.sanitizer import UNSAFE
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
FILE, QUEUE_OF = "log\x7f\u202eentic.duckdb", "not_yet_run.duckdb"
# Of each command, its further words and a text of its output, which becomes a secret.
COMMANDS = {
    ("run",): (["--no-models", "--db", FILE], "item_quantities"),
    ("status",): (["--db", FILE], "item_quantities"),
    ("status", "--runs"): (["--db", FILE], "outcome"),
    ("check",): ([], "item_quantities"),
    ("settings",): ([], "base_url"),
    ("verify",): (["--db", FILE], "item_quantities"),
    ("events",): (["--db", QUEUE_OF], "orders/picked"),
    ("accrual",): (["--month", "2026-03", "--db", FILE], "accrued_on"),
    ("invoices",): (["--db", FILE], "recommended_payment"),
    ("exceptions",): (["--db", FILE], "exception_id"),
    ("export",): (["--db", FILE, "--format", "parquet", "--to", "lake", "--overwrite"], "parquet"),
    ("prices",): (["--db", FILE], "charge_type"),
    ("quote",): (["--from", "2026-02", "--to", "2026-02", "--db", FILE], "picking"),
    ("reconcile",): (["--month", "2026-03", "--db", FILE], "exceptions"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json")


@pytest.fixture(scope="module")
def sandbox(folder: Path) -> Iterator[Sandbox]:
    with Sandbox(Account(seed=93, scale=0.1, days=20, today=TODAY)) as it:
        run_job(Settings(base_url=it.url, api_token=it.token, hash_key="x"), folder / FILE, JobOptions())
        queue = EventQueue.open(State(folder / QUEUE_OF).events, timedelta(hours=1))
        parser = EventParser(Pseudonymizer(b"x"))
        topic = "orders/picked\x7f\u202e"
        event = parser.parse(parser.digest_content(topic, b"{}"), {"logentic-topic": topic}, b"{}", datetime.now(UTC))
        queue.put(event).result()
        queue.close()
        yield it


def test_every_command_with_json_is_tried() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    with_json = {name for name, each in group.commands.items() if any("--json" in one.opts for one in each.params)}
    assert with_json == {words[0] for words in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_secret_and_control_characters_never_appear(command: tuple[str, ...], sandbox: Sandbox, folder: Path) -> None:
    words, secret = COMMANDS[command]
    settings = access(sandbox, hash_key="x")
    shown = logentic(*command, *words, "--json", cwd=folder, **settings)
    assert shown.returncode == 0, shown.stderr
    assert secret in shown.stdout
    hidden = logentic(*command, *words, "--json", cwd=folder, **settings, dashboard_password=secret)
    assert hidden.returncode == 0, hidden.stderr
    assert secret not in hidden.stdout
    for output in (shown.stdout, hidden.stdout):
        assert not UNSAFE.search(output)
        json.loads(output)
