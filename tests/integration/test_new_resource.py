"""A resource that is declared in resources.py, and nowhere else, is extracted, verified and listed by every command."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import duckdb
import pytest
from command_line import logentic
from tiny_service import TOKEN, Asked, Reply, TinyService, page

import logentic as package

DECLARATION = """
SHIPMENTS = Resource(
    name="shipments",
    path="/shipments",
    key=("id",),
    columns={"id": INTEGER, "carrier": TEXT, "weight": MEASURE, "email": TEXT, "sent_at": MOMENT},
    window=WindowKind("sent_day", ("sent_at",), "sent_from", "sent_to", overlap=ONE_DAY, is_one_way=True),
    look_back=lambda settings: 3 * ONE_DAY,
    personal=frozenset({"email"}),
    filters=frozenset({"external_name"}),
)
"""
FORM = "%a, %d %b %Y %H:%M:%S GMT"
NOW = datetime(2026, 3, 17, 12, tzinfo=UTC)
Run = Callable[..., CompletedProcess[str]]


class Account(TinyService):
    """Three shipments; nothing else."""

    def __init__(self) -> None:
        super().__init__(self._reply)
        self.now = NOW
        self.shipments = [
            {"id": n, "carrier": "dhl", "weight": "1.50", "email": "a@b.ca", "sent_at": f"2026-03-{day}T08:00:00Z"}
            for n, day in ((1, "02"), (2, "10"), (3, "16"))
        ]

    def windows(self) -> list[dict[str, str]]:
        """The days that shipments were asked for."""
        lists = [asked.query for asked in self.asked if asked.path == "/v1/shipments"]
        return [{name: query[name] for name in ("sent_from", "sent_to") if name in query} for query in lists]

    def _reply(self, asked: Asked) -> Reply:
        name, _, record_id = asked.path.removeprefix("/v1/").partition("/")
        rows = self.shipments if name == "shipments" else []
        if name == "shipments" and record_id:
            found = [row for row in rows if str(row["id"]) == record_id]
            reply = Reply(200, json.dumps({"data": found[0]})) if found else Reply(404, '{"message": "not found"}')
        else:
            first, last = asked.query.get("sent_from", ""), asked.query.get("sent_to", "9999")
            reply = page([row for row in rows if first <= str(row["sent_at"])[:10] <= last])
        return Reply(reply.status, reply.body, {"Date": self.now.strftime(FORM)})


@pytest.fixture
def account() -> Iterator[Account]:
    with Account() as service:
        yield service


@pytest.fixture
def declare(tmp_path: Path, account: Account) -> Callable[[str], Run]:
    """The command line of a copy of the package in which resources.py has one more resource."""

    def declared(text: str) -> Run:
        copy = tmp_path / "copy" / "logentic"
        shutil.copytree(Path(package.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
        before, registry, after = (copy / "resources.py").read_text().partition("RESOURCES = {")
        assert "in (ITEMS," in after
        (copy / "resources.py").write_text(before + text + registry + after.replace("(ITEMS,", "(SHIPMENTS, ITEMS,", 1))
        return lambda *words: logentic(
            *words,
            cwd=tmp_path,
            command=[sys.executable, "-m", "logentic.cli"],
            more_environment={"PYTHONPATH": str(copy.parent)},
            base_url=account.url,
            api_token=TOKEN,
            retry_seconds=1,
        )

    return declared


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(file)) as connection:
        return connection.execute(f"set TimeZone = 'UTC'; {query}").fetchall()


def test_a_resource_that_is_declared_in_one_place_is_known_everywhere(
    account: Account, declare: Callable[[str], Run], tmp_path: Path
) -> None:
    run, file = declare(DECLARATION), tmp_path / "logentic.duckdb"
    first = run("run", "--db", file, "--no-models")
    assert (first.returncode, account.windows()) == (0, [{}]), first.stderr
    loaded = rows(file, "select id, carrier, weight, email, sent_at from logentic_raw.shipments order by id")
    assert [(row[0], row[1], str(row[2])[:4]) for row in loaded] == [(n, "dhl", "1.50") for n in (1, 2, 3)]
    assert all("@" not in str(row[3]) for row in loaded), "personal fields are pseudonymized"

    account.asked.clear()
    account.now += timedelta(days=1)
    gone = account.shipments.pop()
    account.shipments.append({**account.shipments[1], "id": 4, "sent_at": "2026-03-18T08:00:00Z"})
    assert run("run", "--db", file, "--no-models", "--select", "shipments").returncode == 0
    assert account.windows() == [{"sent_from": "2026-03-13"}], "the look-back and the overlap, up to now"
    states = "select id, _is_removed from logentic_raw.shipments order by id, _seen_at"
    assert rows(file, states) == [(1, False), (2, False), (3, False), (3, True), (4, False)]
    assert f"/v1/shipments/{gone['id']}" in [asked.path for asked in account.asked]
    receipts = rows(
        file,
        "select filter, window_start::date::varchar, total_announced, rows_new, rows_removed, is_complete"
        " from logentic_raw.extract_windows where resource = 'shipments' order by finished_at",
    )
    assert receipts == [
        ("sent_day", "2015-01-01", 3, 3, 0, True),
        ("sent_day", "2026-03-14", 1, 1, 1, True),
    ]

    status = json.loads(run("status", "--db", file, "--json").stdout)["resources"]["shipments"]
    assert (status["first_day"], status["last_day"], status["versions"]) == ("2026-03-02", "2026-03-18", 5)
    assert status["incomplete_windows"] == 0

    verified = run("verify", "--db", file, "--json")
    assert json.loads(verified.stdout)["resources"]["shipments"]["differences"] == [], verified.stderr
    rows(file, "delete from logentic_raw.shipments where id = 1")
    lost = json.loads(run("verify", "--db", file, "--json").stdout)["resources"]["shipments"]["differences"]
    assert [(each["day"], each["missing"], each["surplus"]) for each in lost] == [("2026-03-02", [1], [])]

    assert json.loads(run("get", "shipments", 1).stdout) == {**account.shipments[0], "email": "***"}
    assert len(json.loads(run("get", "shipments", "--external-name", "any").stdout)) == 3
    assert "shipments" in run("get", "parcels").stderr
    checked = json.loads(run("check", "--json").stdout)
    assert "shipments" in [each["resource"] for each in checked["lists"]]


def test_an_unusual_window_kind_is_one_clear_line(declare: Callable[[str], Run], tmp_path: Path) -> None:
    run = declare(DECLARATION.replace("overlap=ONE_DAY", "overlap=ONE_DAY, unit=ONE_DAY / 24"))
    for words in (("run", "--no-models"), ("verify",)):
        told = run(*words, "--db", tmp_path / "logentic.duckdb")
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
        assert told.stderr.startswith(
            "logentic: resources.py, shipments: window kind 'sent_day' has a unit of 1:00:00. Windows are of days or"
        )
