"""A service that repeats the token and sends what terminals, mail and chats obey: it reaches nobody."""

import json
import re
import subprocess
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from alert_receiver import AlertReceiver
from command_line import COMMAND, environment, logentic
from tiny_service import Asked, Reply, TinyService, page

from logentic.job import JobOptions, run_job
from logentic.monitoring.alerts import send_alerts
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TOKEN = "17|echo/3f9c51d2a7e84b06x"
SECRET_PART = "3f9c51d2a7e84b06"
HOSTILE = "\x1b[31m\u202e<!here>"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


def echoing(asked: Asked) -> Reply:
    """An item that repeats the header, and refusals whose request id does."""
    given = asked.headers["Authorization"]
    if asked.path.endswith("/items"):
        reply = page([{"id": 1, "name": f"{given} {HOSTILE}", "description": "as PHP writes it"}])
        return replace(reply, body=reply.body.replace("as PHP writes it", given.replace("/", "\\/")))
    return Reply(422, json.dumps({"message": given}), {"X-Request-Id": f"{given} \x1b[31m x", "Server": given})


def test_an_echoed_token_reaches_no_output_and_no_file(tmp_path: Path) -> None:
    with TinyService(echoing) as service:
        settings = {"base_url": service.url, "api_token": TOKEN, "retry_seconds": 0.5}
        for options in ([], ["--log-format", "json"]):
            done = logentic("run", "--no-models", "--db", "db", *options, cwd=tmp_path, **settings)
            assert done.returncode == 1
            assert not OBEYED.search((done.stdout + done.stderr).replace("\n", ""))
            assert SECRET_PART not in done.stdout + done.stderr
        debug = subprocess.run(
            [COMMAND, "--debug", "run", "--no-models", "--db", "db"],
            cwd=tmp_path,
            env=environment(tmp_path, **settings),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert SECRET_PART not in debug.stdout + debug.stderr
        for command in (["get", "items"], ["get", "orders"], ["check"], ["check", "--json"], ["status", "--db", "db"]):
            done = logentic(*command, cwd=tmp_path, **settings)
            assert SECRET_PART not in done.stdout + done.stderr, command
            assert not OBEYED.search((done.stdout + done.stderr).replace("\n", "")), command
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if SECRET_PART.encode() in path.read_bytes()] == []
    with duckdb.connect(str(tmp_path / "db.state" / "work.duckdb"), read_only=True) as work:
        ((name,),) = work.execute("select name from logentic_raw.items").fetchall()
    assert name == f"Bearer *** {HOSTILE}", "the rest of a value is loaded as it is"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An account whose names, descriptions and types are hostile."""
    file = tmp_path_factory.mktemp("hostile") / "logentic.duckdb"
    with Sandbox(Account(seed=62, scale=0.2, days=50, today=date(2026, 3, 17))) as sandbox:
        for row in sandbox.state().rows("items")[:20]:
            sandbox.alter("items", row["id"], name=f"{HOSTILE}\r\n=cmd()", external_name=f"{HOSTILE}{row['id']}")
        for row in sandbox.state().rows("payment_items"):
            sandbox.alter("payment_items", row["id"], description=f"{HOSTILE}\n# {row['description']}\u2028=1+1")
        run_job(Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x"), file, JobOptions())
    return file


def test_reports_letters_and_tables_hold_nothing_that_is_obeyed(file: Path) -> None:
    folder = file.parent
    with duckdb.connect(str(file), read_only=True) as published:
        invoice, exception = published.execute(
            "select payment_id, exception_id from exception_status where payment_id is not null"
            " and charge_id is not null and direction = 'recoverable' order by payment_id desc, exception_id limit 1"
        ).fetchall()[0]
    note = f"{HOSTILE} note"
    outputs = [logentic("exceptions", "set", exception, "disputed", "--db", file, "--note", note, cwd=folder)]
    for letter in ("letter.md", "letter.txt", "letter.html", "letter.docx"):
        arguments = ("reconcile", "--db", file, "--invoice", invoice, "--csv", "tables", "--letter", letter)
        outputs.append(logentic(*arguments, "--xlsx", "book.xlsx", cwd=folder))
    outputs += [logentic("exceptions", "--db", file, cwd=folder), logentic("status", "--db", file, cwd=folder)]
    for done in outputs:
        assert done.returncode == 0, done.stderr
        assert not OBEYED.search((done.stdout + done.stderr).replace("\n", ""))
    with zipfile.ZipFile(folder / "letter.docx") as document:
        (folder / "letter.xml").write_bytes(document.read("word/document.xml"))
    letters = [folder / f"letter.{ending}" for ending in ("md", "txt", "html", "xml")]
    written = [*letters, *(folder / "tables").iterdir()]
    for path in written:
        text = path.read_text("utf-8")
        assert not OBEYED.search(text.replace("\n", "").replace("\r", "")), path.name
    assert "<!here>" not in (folder / "letter.md").read_text("utf-8"), "escaped in Markdown"
    assert not re.search(r"^# .*\u202e|^#? ?=1", (folder / "letter.txt").read_text("utf-8"), re.MULTILINE)


def test_alerts_of_a_hostile_account_are_inert(file: Path) -> None:
    wrong = {"stuck 1": f"order 1 is stuck: {HOSTILE} @channel\r\nBcc: x@y.z", "run": "status 422, request <@U1>"}
    with AlertReceiver() as receiver:
        send_alerts(Settings(api_token="token-of-alerts", alert_urls=[receiver.url]), State(file), wrong)
        ((title, body),) = receiver.messages
    assert not OBEYED.search(title)
    assert not set(body) & set("<>@&\x1b\u202e")
    assert body.count("\n") == 1
