"""An assistant asks over stdio, with the SDK's own client, and can do nothing but read."""

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import COMMAND, environment, logentic
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from logentic.dashboard import costs, orders, overview, stock, storage
from logentic.dashboard.snapshot import open_snapshot
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
Calls = list[tuple[str, dict[str, Any]]]
QUESTIONS = {
    *("why_cost_changed", "what_is_wrong_with_invoice", "what_is_recoverable", "what_drives_storage_cost"),
    *("what_is_dead_stock", "how_long_stock_lasts", "which_orders_are_late", "what_an_order_costs"),
    *("what_is_the_price", "is_data_complete"),
}


def published(folder: Path, **settings: Any) -> Path:
    with Sandbox(Account(seed=5, scale=0.3, days=150, today=TODAY)) as sandbox:
        given = Settings(base_url=sandbox.url, api_token=sandbox.token, **settings)
        run_job(given, folder / "logentic.duckdb", JobOptions())
    return folder / "logentic.duckdb"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("mcp"))


@pytest.fixture
def unharmed(file: Path) -> Iterator[Path]:
    """The file and its folder, which must be as they were."""
    before = content(file)
    yield file
    assert content(file) == before


def content(file: Path) -> tuple[str, list[str]]:
    return sha256(file.read_bytes()).hexdigest(), sorted(str(path) for path in file.parent.rglob("*"))


def ask(file: Path, calls: Calls, *options: str) -> list[Any]:
    """The answers, each as the dict that it is; the one line of one that failed."""

    async def talk() -> list[Any]:
        started = StdioServerParameters(
            command=COMMAND, args=["mcp", "--db", str(file), *options], env=environment(file.parent), cwd=file.parent
        )
        async with Client(started) as client:
            answers = [await client.call_tool(name, arguments) for name, arguments in calls]
        return [each.content[0].text if each.is_error else each.structured_content for each in answers]

    return asyncio.run(talk())


def query(file: Path, *statements: str, options: tuple[str, ...] = ()) -> list[Any]:
    return ask(file, [("query", {"sql": sql}) for sql in statements], *options)


def rows_of(part: dict[str, Any]) -> list[dict[str, Any]]:
    return part["rows"]


def test_it_offers_ten_questions_and_the_tables_and_says_that_it_only_reads(file: Path) -> None:
    async def talk() -> list[Any]:
        async with Client(StdioServerParameters(command=COMMAND, args=["mcp", "--db", str(file)])) as client:
            return (await client.list_tools()).tools

    tools = asyncio.run(talk())
    assert {tool.name for tool in tools} == QUESTIONS | {"list_tables", "describe_table", "query"}
    assert all(tool.description and tool.annotations.read_only_hint for tool in tools)


def test_the_figures_are_those_of_the_other_screens(file: Path, tmp_path: Path) -> None:
    def command(*words: str) -> Any:
        return json.loads(logentic(*words, "--db", file, "--json", cwd=tmp_path).stdout)

    with duckdb.connect(str(file), read_only=True) as tables:
        invoice, last_stock = tables.execute(
            "select max(payment_id) filter (billed_date is not null), (select max(date) from stock_daily) from charges"
        ).fetchone()
    asked = ask(
        file,
        [
            ("why_cost_changed", {"month": "2026-02", "compared_with": "2025-12"}),
            ("what_is_wrong_with_invoice", {"invoice": invoice}),
            ("what_is_recoverable", {}),
            ("what_drives_storage_cost", {}),
            ("what_is_dead_stock", {}),
            ("how_long_stock_lasts", {}),
            ("which_orders_are_late", {}),
            ("what_an_order_costs", {"month": "2026-02", "by": "Weight"}),
            ("what_is_the_price", {}),
            ("is_data_complete", {}),
        ],
    )
    cost, wrong, recoverable, stored, dead, cover, late, order, price, complete = asked
    with open_snapshot(file) as snapshot:
        two_months = {"month": "2026-02", "back": 2}
        of_stock = {"stop": last_stock, "item": None}
        days = {"start": date(2025, 1, 1), "stop": date(2027, 1, 1), "item": None, "warehouse": None}
        assert [part["title"] for part in cost["parts"]] == [
            panel(snapshot, two_months).title for panel in (costs.spend, costs.bridge, costs.by_type)
        ]
        assert dead["answer"] == f"{stock.idle_items(snapshot, of_stock).title}."
        assert cover["answer"] == f"{stock.cover(snapshot, of_stock).title}."
        assert late["answer"] == f"{orders.waiting(snapshot, days).title}."
        assert stored["parts"][0]["title"] == storage.months(snapshot, days).title
        by_weight = costs.by_group(snapshot, {"month": "2026-02", "by": "Weight"})
        assert order["answer"] == f"{by_weight.title}. {overview.cost_per_order(snapshot, {}).title}."
    with duckdb.connect(str(file), read_only=True) as tables:
        (spent,) = tables.execute(
            "select sum(cast(value as decimal(18, 2))) from month_facts"
            " where subject = 'charges' and month = '2026-02-01'"
        ).fetchone()
    steps = {row["step"]: Decimal(row["amount"]) for row in rows_of(cost["parts"][1])}
    assert steps["February 2026"] == spent
    assert steps.pop("February 2026") == sum(steps.values())

    reconciled = command("reconcile", "--invoice", str(invoice))
    assert wrong["exceptions"] == reconciled["exceptions"][:50]
    assert wrong["exceptions"]
    kept = ("recoverable", "in_your_favour", "recommended_payment", "charges", "total", "tie_out")
    assert {name: wrong[name] for name in kept} == {name: reconciled[name] for name in kept}

    listed = [row for row in command("exceptions") if row["status"] in ("open", "disputed")]
    for amount in ("recoverable", "in_your_favour"):
        assert Decimal(recoverable[amount]) == sum(Decimal(row[amount]) for row in listed if row[amount])
        assert recoverable[amount] in recoverable["answer"]
    assert len(listed) == len(recoverable["exceptions"]) + recoverable["exceptions_left_out"]

    prices = command("prices")
    assert (price["prices"], price["off_card"]) == (prices["prices"], prices["off_card"])
    assert "picking: " in price["answer"]
    assert " since the first charge" in price["answer"]
    assert "per cubic foot and day" in price["answer"]

    status = command("status")
    assert (complete["resources"], complete["rejected_values"]) == (status["resources"], status["rejected_values"])
    assert complete["answer"].startswith("Complete, as of 2026-03-17")


def test_without_a_choice_the_last_month_that_ended_and_the_newest_invoice_are_meant(file: Path) -> None:
    cost, wrong = ask(file, [("why_cost_changed", {}), ("what_is_wrong_with_invoice", {})])
    assert cost["answer"].startswith("February 2026 cost ")
    assert f"Invoice {wrong['invoice']} has " in wrong["answer"]


def test_the_tables_have_their_comments_columns_and_rows(file: Path, tmp_path: Path) -> None:
    commented = tmp_path / "logentic.duckdb"
    commented.write_bytes(file.read_bytes())
    with duckdb.connect(str(commented)) as changed:
        changed.execute("comment on table logentic_marts.charges is 'One row per charge.'")
        changed.execute("comment on column logentic_marts.charges.amount is 'Before tax.'")
        (rows,) = changed.execute("select count(*) from charges").fetchone()
    listed, charges, missing = ask(
        commented,
        [("list_tables", {}), ("describe_table", {"table": "charges"}), ("describe_table", {"table": 'x" y'})],
    )
    assert {row["table"]: row["comment"] for row in listed["tables"]}["charges"] == "One row per charge."
    assert (charges["comment"], charges["rows"]) == ("One row per charge.", rows)
    assert {"column": "amount", "type": "DECIMAL(38,24)", "comment": "Before tax."} in charges["columns"]
    assert missing.startswith("logentic_marts has no table 'x\" y'. Its tables: accrual, ")


def test_a_query_returns_exact_values_and_no_more_rows_than_allowed(file: Path) -> None:
    few, default, exact, wide = ask(
        file,
        [
            ("query", {"sql": "from range(1000)", "limit": 3}),
            ("query", {"sql": "from range(1000)", "limit": 900}),
            ("query", {"sql": "select 0.10::decimal(38, 24) as a, date '2026-01-02' as d, 'x' as t, null as n"}),
            ("query", {"sql": "select repeat('x', 90000) as t from range(10)"}),
        ],
        *("--max-rows", "20"),
    )
    assert (few["rows"], few["is_complete"]) == ([[0], [1], [2]], False)
    assert (len(default["rows"]), default["is_complete"]) == (20, False)
    assert exact["rows"] == [["0.100000000000000000000000", "2026-01-02", "x", None]]
    assert exact["is_complete"]
    assert (len(wide["rows"]), wide["is_complete"]) == (2, False)


REFUSED = {
    "insert into logentic_marts.items select * from items": "a query only reads, and this is INSERT",
    "delete from logentic_raw.orders": "a query only reads, and this is DELETE",
    "create table mine (a int)": "a query only reads, and this is CREATE",
    "with gone as (delete from logentic_marts.items returning 1) select * from gone": "read-only mode",
    "copy orders to 'orders.csv'": "a query only reads, and this is COPY",
    "export database 'all'": "a query only reads, and this is EXPORT",
    "attach 'other.duckdb'": "a query only reads, and this is ATTACH",
    "select * from read_csv('{secret}')": "read_csv() is not allowed",
    "select * from READ_TEXT('{secret}')": "read_text() is not allowed",
    "select (select content from read_blob('{secret}'))": "read_blob() is not allowed",
    "select * from glob('/*')": "glob() is not allowed",
    "from '{secret}'": "file system operations are disabled",
    "from query('select 1')": "query() is not allowed",
    "from json_execute_serialized_sql('{{}}')": "json_execute_serialized_sql() is not allowed",
    "from enable_logging(storage = 'file', storage_path = 'log')": "enable_logging() is not allowed",
    "from arrow_scan(1, 2, 3)": "arrow_scan() is not allowed",
    "set memory_limit = '1TB'": "a query only reads, and this is SET",
    "pragma enable_profiling": "a query only reads, and this is ",
    "install httpfs": "a query only reads, and this is LOAD",
    "call pragma_version()": "a query only reads, and this is CALL",
    "select 1; drop table logentic_marts.items": "a query is one statement, and this is 2",
    "": "a query is one statement, and this is 0",
    "selec * from orders": 'syntax error at or near "selec"',
    "select nope from orders": 'column "nope" not found',
    "select * from nowhere": "nowhere does not exist",
}


def test_what_is_no_query_of_the_tables_is_refused_in_one_line(unharmed: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("who,what\nmarie,paid\n")
    said = query(unharmed, *(sql.format(secret=secret) for sql in REFUSED))
    for sql, line, expected in zip(REFUSED, said, REFUSED.values(), strict=True):
        assert isinstance(line, str), sql
        assert expected in line, sql
        assert "\n" not in line
        assert "marie" not in line
    assert not list(unharmed.parent.glob("*.csv"))


def test_duckdb_itself_refuses_it_as_well(file: Path, tmp_path: Path) -> None:
    from logentic.assistant.guarded_query import open_guarded

    (tmp_path / "secret.csv").write_text("who\nmarie\n")
    here = "who is a variable, and no table"  # noqa: F841
    with open_guarded(file) as connection:
        for statement in (
            f"from read_csv('{tmp_path}/secret.csv')",
            f"copy (select 1) to '{tmp_path}/out.csv'",
            f"attach '{tmp_path}/other.duckdb'",
            "set enable_external_access = true",
            "set threads = 1",
            "from enable_logging(storage = 'file')",
            "delete from logentic_marts.items",
            "from here",
        ):
            with pytest.raises(duckdb.Error, match=r"disabled|locked|read-only|does not exist"):
                connection.execute(statement)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_a_query_that_takes_too_long_is_stopped_and_the_next_is_answered(unharmed: Path) -> None:
    slow, large, after = query(
        unharmed,
        "select sum(hash(a.range + b.range)) from range(10000000) a, range(10000000) b",
        "select list(range) from range(10000000000000)",
        "select 1",
        options=("--timeout", "1"),
    )
    assert slow == "the query took longer than 1 s and was stopped. Ask for fewer days, or for sums instead of rows."
    assert large.endswith("Ask for fewer days, or for sums instead of rows.")
    assert after["rows"] == [[1]]


def test_what_is_asked_wrongly_is_one_line(file: Path) -> None:
    said = ask(
        file,
        [
            ("why_cost_changed", {"month": "2026-13"}),
            ("why_cost_changed", {"month": "2020-01"}),
            ("why_cost_changed", {"month": "2026-02", "compared_with": "2026-02"}),
            ("what_is_wrong_with_invoice", {"invoice": 1}),
            ("what_is_wrong_with_invoice", {"invoice": "x"}),
            ("what_is_the_price", {"charge_type": "flying"}),
            ("what_an_order_costs", {"by": "Colour"}),
            ("what_drives_storage_cost", {"start": "2026-03-01", "end": "2026-02-01"}),
            ("query", {"sql": "select 1", "limit": 0}),
            ("list_tables", {"schema": "main"}),
        ],
    )
    for line, expected in zip(
        said,
        (
            *("'2026-13' is not a month. ", "has no charge of 2020-01. ", "2026-02 is not before 2026-02. "),
            *("has no invoice 1. ", "invoice: ", "has no charges of type 'flying'. ", "by: "),
            *("there are no storage costs from 2026-03-01 to 2026-02-01. ", "limit: ", "'main' is not a schema"),
        ),
        strict=True,
    ):
        assert expected in line
        assert "\n" not in line


def test_a_file_with_personal_data_is_refused_unless_asked_for(tmp_path: Path, file: Path) -> None:
    clear = published(tmp_path, keep_personal_data=True)
    refused = logentic("mcp", "--db", clear, cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"logentic: {clear} was loaded with keep_personal_data: ")
    assert refused.stderr.count("\n") == 1
    assert query(clear, "select 1", options=("--allow-personal-data",))[0]["rows"] == [[1]]


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    missing = logentic("mcp", "--db", tmp_path / "none.duckdb", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("logentic: --db ")
    assert missing.stderr.count("\n") == 1


def test_a_file_that_a_run_replaces_is_read_anew(file: Path, tmp_path: Path) -> None:
    served = tmp_path / "logentic.duckdb"
    served.write_bytes(file.read_bytes())

    async def talk() -> list[Any]:
        async with Client(StdioServerParameters(command=COMMAND, args=["mcp", "--db", str(served)])) as client:
            one = {"sql": "select count(*) from duckdb_tables() where table_name = 'fresh'"}
            before = await client.call_tool("query", one)
            newer = tmp_path / "newer.duckdb"
            newer.write_bytes(file.read_bytes())
            with duckdb.connect(str(newer)) as changed:
                changed.execute("create table fresh (a int)")
            newer.replace(served)
            after = await client.call_tool("query", one)
            return [each.structured_content["rows"] for each in (before, after)]

    assert asyncio.run(talk()) == [[[0]], [[1]]]


def test_without_the_extra_one_line_says_what_to_install(file: Path, tmp_path: Path) -> None:
    without = "import sys; sys.modules['mcp'] = None; from logentic.cli.app import main; main()"
    refused = logentic("-c", without, "mcp", "--db", file, cwd=tmp_path, command=sys.executable)
    assert refused.returncode == 2
    assert refused.stderr == (
        "logentic: logentic mcp needs mcp, which is not installed. Install it: pip install 'logentic-elt[mcp]'\n"
    )
