"""Run what the documents tell a reader to run, and check that what they name exists.

`sh` and `python` blocks run in a copy of the checkout's root, `sql` blocks on the demo's file. LOGENTIC_BASE_URL
leads to a sandbox that takes the token which the documents print. `make demo` is run as written; of other targets, only
what make would do is checked.
"""

import fcntl
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import duckdb
import psycopg2
import pytest
import typer
from alert_receiver import AlertReceiver
from postgres_server import PostgresServer, execute

from logentic import errors
from logentic.cli.app import EXIT_CODES, app
from logentic.reports.quote.card import read_card
from logentic.sandbox import Account, Readings, Sandbox
from logentic.sandbox.billing import ALL_SCENARIOS
from logentic.settings import Settings, secret_names
from logentic.transform.plan import bind, load_plan

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
# Pages that other programs write, and pages whose lines do not wrap yet.
WRITTEN_ELSEWHERE = {
    "CHANGELOG.md",
    "finance.md",
    "performance.md",
    "reconciliation.md",
    "scale.md",
    "reliability.md",
    "tables.md",
}
TOKEN = "paste-your-token"
Environment = Mapping[str, str]
LANGUAGES = {"sh", "python", "sql", "toml", "text"}
# What other programs run, which are not installed here: see conformance/tests/test_clients.py.
LANGUAGES |= {"bash", "py"}
MAKE = """#!/bin/sh
# The environment is the one that runs the test: nothing is installed, and no test runs all tests.
case "$1" in
    demo) exec /usr/bin/make --old-file=.venv/.ready demo ;;
    *) exec /usr/bin/make --dry-run "$@" ;;
esac
"""


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path, *languages: str) -> list[Block]:
    text = page.read_text("utf-8")
    fenced = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = [Block(page, text.count("\n", 0, fence.start()) + 1, fence[1], fence[2]) for fence in fenced]
    return [block for block in found if not languages or block.language in languages]


def with_blocks(language: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, language)]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def table_under(page: Path, heading: str) -> list[list[str]]:
    """The rows of all tables of a section, cell by cell."""
    section = prose(page).split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    heads = {place for place, line in enumerate(lines) if line.startswith("| --- ")}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for place, line in enumerate(lines)
        if place not in heads and place + 1 not in heads
    ]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def run(command: list[str], desk: Path, base_url: str, home: str, more: Environment = MappingProxyType({})) -> None:
    (desk / home).mkdir(exist_ok=True)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("LOGENTIC_", "DLT_", "MAKE"))
    }
    environment |= {
        "PATH": f"{desk / 'shims'}:{environment['PATH']}",
        "HOME": str(desk / home),
        "DLT_DATA_DIR": str(desk / home / ".dlt"),  # as root dlt would use a folder of the machine
        "LOGENTIC_BASE_URL": base_url,
        **more,
    }
    with tempfile.TemporaryFile("w+") as told:
        shell = subprocess.Popen(command, cwd=desk, env=environment, stdout=told, stderr=told, start_new_session=True)
        try:
            code = shell.wait(timeout=300)
        finally:
            with suppress(ProcessLookupError):  # what a page left running when one of its commands failed
                os.killpg(shell.pid, signal.SIGKILL)
        told.seek(0)
        assert code == 0, told.read()


def stand_ins(desk: Path) -> dict[str, str]:
    """What a reader puts for the words in capitals: the newest invoice of the demo, an exception on it, its month."""
    if not (desk / "demo" / "logentic.duckdb").exists():
        return {}
    with duckdb.connect(str(desk / "demo" / "logentic.duckdb"), read_only=True) as published:
        found = published.execute(
            "select payment_id, exception_id, strftime(billed_date - interval 1 month, '%Y-%m') from exception_status"
            " where direction = 'recoverable' and billed_date is not null"
            " order by payment_id desc, amount_at_stake desc limit 1"
        ).fetchone()
    return dict(zip(("N", "ID", "MONTH"), map(str, found), strict=True))


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def run_shell(page: Path, desk: Path, base_url: str, more: Environment = MappingProxyType({})) -> None:
    """All blocks of a page in one shell, as someone types who reads down the page."""
    script = "".join(f"echo '{block}' >&2\n{block.text}\n" for block in blocks(page, "sh"))
    script = script.replace("localhost:5432", f"localhost:{more.get('PGPORT')}").replace("50051", str(free_port()))
    for word, meant in stand_ins(desk).items():
        script = re.sub(rf"(?<= ){word}(?= |\n)", meant, script)
    run(["bash", "-euo", "pipefail", "-c", script], desk, base_url, f"home_of_{page.stem}", more)


@pytest.fixture
def service() -> Iterator[str]:
    """An account like the reader's own, small, with the documents' token; the same on each call."""
    with Sandbox(Account(seed=3, scale=0.2, days=40), token=TOKEN) as sandbox:
        yield sandbox.url


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the README's commands were typed; one for all workers of a test run."""
    shared = tmp_path_factory.getbasetemp()
    folder = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "desk"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            lay_out(folder)
            with Sandbox(Account(seed=3, scale=0.2, days=40), token=TOKEN) as sandbox:
                run_shell(ROOT / "README.md", folder, sandbox.url)
            after_readme(folder).mkdir()
            for name in ("demo", "examples", "logentic.duckdb", "logentic.duckdb.state"):
                copy(folder / name, after_readme(folder))
    return folder


def after_readme(desk: Path) -> Path:
    """The folder of the files as the README's commands leave them, which no other page changes."""
    return desk.with_name("after_readme")


def copy(path: Path, folder: Path) -> None:
    (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)


def lay_out(folder: Path) -> None:
    (folder / "shims").mkdir(parents=True)
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path.name not in ("demo", "dist"):
            (folder / path.name).symlink_to(path)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "shims" / "make").write_text(MAKE)
    (folder / "shims" / "make").chmod(0o755)


@pytest.mark.parametrize(
    "page",
    [page for page in with_blocks("sh") if page.name not in ("README.md", "warehouses.md", "cli.md")],
    ids=lambda page: page.name,
)
def test_the_commands_of_a_page_run(page: Path, desk: Path, service: str) -> None:
    environment = {
        "PATH": f"{desk / 'shims'}:{desk / '.venv' / 'bin'}:{os.environ['PATH']}",
        "LOGENTIC_API_TOKEN": TOKEN,
    }
    run_shell(page, desk, service, environment)
    written = {path.name for path in (desk / f"home_of_{page.stem}").iterdir()}
    uses_marimo = any(f"\n{command} " in page.read_text("utf-8") for command in ("marimo", "logentic mcp"))
    assert written <= ({".cache", ".config"} if uses_marimo else set()), "only marimo's own"


def test_the_commands_for_other_destinations_run_and_the_reader_can_only_read(
    desk: Path, service: str, postgres_server: PostgresServer
) -> None:
    page = ROOT / "docs" / "warehouses.md"
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres_server.port), "PGUSER": "postgres"}
    run_shell(
        page, desk, service, {**server, "PATH": f"{desk / 'shims'}:{postgres_server.programs}:{os.environ['PATH']}"}
    )
    reader = postgres_server.url("account", "logentic_reader")
    assert execute(reader, "select count(*) from logentic_marts.stock_ledger_daily") > [(0,)]
    for statement in (
        "delete from logentic_marts.orders",
        "create table logentic_marts.mine (a int)",
        "create table public.mine (a int)",
        "select * from logentic_raw.orders",
        "select * from logentic_work_marts.orders",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(reader, statement)


@pytest.mark.parametrize("block", blocks(ROOT / "docs" / "cli.md", "sh"), ids=str)
def test_the_examples_of_the_command_line_run(block: Block, desk: Path, service: str, tmp_path: Path) -> None:
    """On copies of the reader's files, with an invoice, an exception, a month and an order that are in them."""
    for name in ("demo", "examples", "logentic.duckdb", "logentic.duckdb.state"):
        copy(after_readme(desk) / name, tmp_path)
    with duckdb.connect(str(tmp_path / "logentic.duckdb"), read_only=True) as published:
        (order,) = published.execute("select max(order_id) from orders").fetchone() or (None,)
    (tmp_path / "items.csv").write_text("external_name,name,width_in,depth_in,height_in,weight\nL-1,Lamp,8,8,14,3\n")
    (tmp_path / "orders.csv").write_text("id,status\n")
    (tmp_path / "orders.json").write_text("[]")
    found = stand_ins(tmp_path)
    examples = {"7005": "N", "4711-duplicate_charge": "ID", r"2026-01(?!-)": "MONTH"}
    script = re.sub(r"(.*--fail-on.*)", r"\1 || [ $? = 3 ]", block.text).replace("19015", str(order))
    if "--letter" in script:  # which asks for what was disputed
        script = f"logentic exceptions set {found['ID']} disputed --note 'for the letter'\n{script}"
    of_demo = any(re.search(example, script) for example in examples)
    for example, word in examples.items():
        script = re.sub(example, found[word], script)
    with AlertReceiver() as alerts:
        settings = {"LOGENTIC_API_TOKEN": TOKEN, "LOGENTIC_ALERT_URLS": alerts.url}
        settings |= {"LOGENTIC_DB": "demo/logentic.duckdb"} if of_demo else {}
        commands = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        run(["bash", "-euo", "pipefail", "-c", script], tmp_path, service, "home", {"PATH": commands, **settings})


def test_the_readme_leads_to_a_demo_and_to_tables_of_ones_own(desk: Path) -> None:
    for file in ("demo/logentic.duckdb", "logentic.duckdb"):
        with duckdb.connect(str(desk / file), read_only=True) as published:
            assert published.execute("select count(*) from stock_ledger_daily").fetchone() > (0,), file
    assert not list((desk / "home_of_README").iterdir())


@pytest.mark.parametrize("block", [block for page in PAGES for block in blocks(page, "python")], ids=str)
def test_the_python_of_a_page_runs(block: Block, desk: Path, service: str) -> None:
    setup = f"import os; os.environ['LOGENTIC_API_TOKEN'] = {TOKEN!r}\n"
    run([sys.executable, "-c", setup + block.text], desk, service, home="home_of_a_dlt_user")


@pytest.mark.parametrize("page", with_blocks("sql"), ids=lambda page: page.name)
def test_every_query_of_a_page_finds_something_in_the_demo(page: Path, desk: Path) -> None:
    with duckdb.connect(str(desk / "demo" / "logentic.duckdb"), read_only=True) as published:
        for block in blocks(page, "sql"):
            for statement in published.extract_statements(block.text):
                rows = published.execute(statement).fetchall()
                assert rows or statement.type != duckdb.StatementType.SELECT, f"{block}: {statement.query}"


def test_settings_shown_as_a_file_are_settings() -> None:
    shown = [block for page in PAGES if page.name != "quote.md" for block in blocks(page, "toml")]
    assert shown
    for block in shown:
        tables = tomllib.loads(block.text)
        table = tables.get("logentic") or tables["sources"]["logentic"]  # as dlt's users write it
        Settings(**{name: value for name, value in table.items() if name != "eu"})


def test_cards_shown_as_a_file_are_cards(tmp_path: Path) -> None:
    shown = blocks(ROOT / "docs" / "quote.md", "toml")
    assert shown
    for block in shown:
        (tmp_path / "card.toml").write_text(block.text, "utf-8")
        assert read_card(tmp_path / "card.toml").priced_types, block


def test_every_block_says_what_it_is() -> None:
    assert [str(block) for page in PAGES for block in blocks(page) if block.language not in LANGUAGES] == []


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not target.startswith("https://") and (not file.exists() or (anchor and anchor not in anchors(file))):
            broken.append(target)
    assert broken == []


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [str(page.relative_to(ROOT)) for page in PAGES[1:] if f"({page.relative_to(ROOT)})" not in readme] == []


def test_the_page_for_finance_has_every_rule_as_the_tables_have_it() -> None:
    """Each verdict in its order, with its sentence, whether it asks or claims, and whose money it is about."""
    (node,) = [node for node in load_plan("duckdb").nodes if node.name == "rules"]
    verdicts = duckdb.sql(f"from ({bind(node.sql, {})}) order by precedence")
    names = verdicts.columns
    rules = {row[0]: dict(zip(names, row, strict=True)) for row in verdicts.fetchall()}
    page = [row for row in table_under(ROOT / "docs" / "finance.md", "The rules") if code(row[0])[0] in rules]
    asked = {code(row[0])[0]: row[1:] for row in page if len(row) == 5}
    others = {code(row[0])[0]: row[1:] for row in page if code(row[0])[0] not in asked and len(row) == 3}
    assert list(asked) == [name for name, rule in rules.items() if rule["status"] == "exception"]
    assert list(asked) == [code(row[0])[0] for row in page if len(row) == 3][: len(asked)], "the table of conditions"
    assert list(others) == [name for name, rule in rules.items() if rule["status"] != "exception"]
    money = {"recoverable": "recoverable", "in_your_favour": "in your favour"}
    for name, rule in rules.items():
        sentence = shown_sentence(rule["evidence"])
        if rule["evidence_if_stated"]:
            sentence += f" By your own card: {shown_sentence(rule['evidence_if_stated'])}"
        if rule["status"] != "exception":
            assert [code(others[name][0]), others[name][1]] == [[rule["status"]], sentence], name
            continue
        says, kind, whose, silent = asked[name]
        assert says == sentence, name
        kinds = {True: kind == "a question", False: kind == "a claim", None: kind.startswith("a claim by your ")}
        assert kinds[rule["is_question"]], name
        assert "else a question" in kind or rule["is_question"] is not None, name
        assert whose.startswith(money.get(rule["direction"], "recoverable, or in your favour")), name
        assert silent, name


def shown_sentence(text: str) -> str:
    """A sentence of the rules as the page has it: what a charge fills in is "…"."""
    return re.sub(r"…( …)*", "…", re.sub(r"\{\w+\}", "…", text))


def test_the_changelog_ends_with_the_version_that_is_built() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[0] == version


def test_every_variable_that_a_page_names_is_a_setting() -> None:
    named = {name for page in PAGES for name in re.findall(r"\bLOGENTIC_([A-Z_]+)\b", page.read_text("utf-8"))}
    files = {f"{name}_file" for name in secret_names()}
    others = {"dbt_db", "db"}  # read by profiles.yml, and by the commands in place of --db
    assert {name.lower() for name in named} - files - others <= set(Settings.model_fields)


def commands() -> dict[str, Any]:
    """Every command by its words, such as `exceptions set`."""
    found: dict[str, Any] = {}
    for name, command in typer.main.get_command(app).commands.items():
        found[name] = command
        found |= {f"{name} {word}": below for word, below in getattr(command, "commands", {}).items()}
    return found


def options() -> dict[str, set[str]]:
    """The commands that have each option; `--debug` and `--help` are everyone's."""
    found: dict[str, set[str]] = {}
    for name, command in commands().items():
        for parameter in command.params:
            for option in [*parameter.opts, *parameter.secondary_opts]:
                if option.startswith("--"):
                    found.setdefault(option, set()).add(name)
    found.pop("--help", None)
    return found


def test_no_page_names_a_command_or_an_option_that_does_not_exist() -> None:
    for page in PAGES:
        codes = code(prose(page)) + [line for block in blocks(page, "sh", "text") for line in block.text.splitlines()]
        for line in codes:
            for command, rest in re.findall(r"(?:^|(?<!that)[\s/])logentic ([a-z]+)\b([^|&>]*)", line):
                assert command in commands(), f"{page.name}: {line}"
                longer = f"{command} {rest.split()[0]}" if rest.split() else command
                words = longer if longer in commands() else command
                unknown = [
                    option for option in re.findall(r"--[a-z-]+", rest) if words not in options().get(option, ())
                ]
                assert unknown == [], f"{page.name}: {line}"


def test_the_messages_that_the_operator_looks_up_are_those_of_the_code() -> None:
    source = "".join(file.read_text("utf-8") for file in (ROOT / "pipelines" / "logentic").rglob("*.py"))
    for row in table_under(ROOT / "docs" / "recover.md", "Messages"):
        for phrase in code(row[0]):
            for part in re.sub(r"status \d+", "status {status}", phrase).split("…"):
                assert part.strip().split(" orders")[0] in source, phrase


def test_the_architecture_names_every_module_and_no_other() -> None:
    layout = next(
        block.text for block in blocks(ROOT / "docs" / "architecture.md", "text") if "pyproject.toml" in block.text
    )
    package = ROOT / "pipelines" / "logentic"
    modules = {path.name for path in package.glob("*.py")} | {
        f"{path.parent.name}/" for path in package.glob("*/__init__.py")
    }
    assert set(re.findall(r"^    (\S+)", layout, re.MULTILINE)) == modules
    tops = " ".join(
        line.split("   ")[0] if "README" not in line else line for line in layout.splitlines() if line[0] != " "
    )
    assert [name for name in re.findall(r"\S+[./]\S*", tops) if not (ROOT / name).exists()] == []


def test_the_architecture_draws_the_layers_that_are_checked() -> None:
    drawn = blocks(ROOT / "docs" / "architecture.md", "text")[-1].text.split("\n")[:-1]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    assert drawn == next(contract["layers"] for contract in contracts if contract["type"] == "layers")


def test_every_open_reading_is_an_option_of_the_sandbox_and_documented() -> None:
    rows = table_under(ROOT / "docs" / "api.md", "Open: what the reference does not say")
    named = {option for row in rows for option in code(row[-1])}
    assert {option for option in named if "(" not in option} == set(Readings.__dataclass_fields__)


def test_every_scenario_of_the_sandbox_is_documented() -> None:
    rows = table_under(ROOT / "docs" / "sandbox.md", "Billing scenarios")
    assert {code(row[0])[0] for row in rows} == ALL_SCENARIOS


@pytest.mark.parametrize(
    ("script", "page", "word"),
    [
        ("tables", "docs/tables.md", "cubic feet"),
        ("reference", "docs/settings.md", "Requests sent at once"),
        ("reference", "docs/cli.md", "--full-refresh"),
        ("reference", "docs/exit-codes.md", "Failure"),
        ("reference", "dlt_config/config.toml", "window_pages"),
    ],
)
def test_a_generated_page_is_fresh_and_a_stale_one_is_noticed(
    script: str, page: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location(script, ROOT / "scripts" / f"{script}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(["--check"]) == 0
    for name in ("docs", "dlt_config"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    stale = tmp_path / page
    stale.write_text(stale.read_text("utf-8").replace(word, "litres"), "utf-8")
    assert module.main(["--check"]) == 1
    assert module.main([]) == 0
    assert stale.read_text("utf-8") == (ROOT / page).read_text("utf-8")


def test_the_file_of_settings_shows_valid_values() -> None:
    """Each line of config.toml, without its #, is a setting, and what it shows is valid."""
    text = (ROOT / "dlt_config" / "config.toml").read_text("utf-8").split("[runtime]")[0]
    given = tomllib.loads(re.sub(r"^# (?=\w+ =|\[)", "", text, flags=re.MULTILINE))["logentic"]
    secrets = (ROOT / "dlt_config" / "secrets.example.toml").read_text("utf-8")
    assert {*given, *re.findall(r"^(?:# )?(\w+) =", secrets, re.MULTILINE)} == set(Settings.model_fields)
    defaults, shown = Settings().model_dump(), Settings(**given).model_dump()
    examples = {"approval_tolerance", "payment_item_aliases", "storage_rates", "charge_rates"}
    assert {name for name in defaults if shown[name] != defaults[name]} == examples


def test_the_readme_shows_six_tables_and_the_changelog_names_all() -> None:
    marts = {file.stem for file in (ROOT / "models" / "marts").glob("*.sql")}
    first_screen = (ROOT / "README.md").read_text("utf-8").split("\n## ")[0]
    shown = re.findall(r"^\| `(\w+)` \|", first_screen, re.MULTILINE)
    assert len(shown) == 6
    assert set(shown) <= marts <= set(code(prose(ROOT / "CHANGELOG.md")))


def test_every_error_has_a_documented_exit_code() -> None:
    assert {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type)} <= set(EXIT_CODES)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in WRITTEN_ELSEWHERE], ids=lambda page: page.name
)
def test_the_lines_of_a_page_wrap(page: Path) -> None:
    """Prose; tables and lines that cannot be split are as long as they are."""
    long = [line for line in prose(page).splitlines() if len(line) > 104 and not re.match(r"\||!\[|\S+$|<|#", line)]
    assert long == []
