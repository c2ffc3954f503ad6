"""Text of others, made safe to show: secrets redacted, nothing that a terminal, a messenger or a spreadsheet obeys."""

import io
import json
import logging
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logentic.dashboard.snapshot import QueryResult
from logentic.errors import InvalidResponse
from logentic.monitoring import json_log
from logentic.reports.terminal import Terminal
from logentic.sanitizer import (
    SafeRecord,
    cell,
    escaped_json,
    inert,
    one_line,
    printable,
    redacted,
    redacted_bytes,
    register_secret,
)
from logentic.settings import Settings

TOKEN = "17|tok/3f9c51d2a7e84b06x"
HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\x00b\x08\x7f",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "a\u200bb\ufeff",
    "line\r\nBcc: all@example.com",
    "next\u2028line\x85",
    "\ud800",
    "\U000e0041",
]
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0041]"
)


@pytest.fixture(autouse=True)
def _secret() -> None:
    Settings(api_token=TOKEN)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    for made in (printable(text), one_line(text), inert(text), escaped_json(json.dumps(text, ensure_ascii=False))):
        assert not OBEYED.search(made)
    assert "\n" not in one_line(text)
    assert json.loads(escaped_json(json.dumps(text, ensure_ascii=False))) == text, "JSON keeps the value"


@given(st.text(st.characters()))
def test_any_text_can_be_shown(text: str) -> None:
    shown = one_line(text)
    shown.encode()
    assert not OBEYED.search(shown)
    assert json.loads(escaped_json(json.dumps(text, ensure_ascii=False))) == text


@pytest.mark.parametrize("text", ["Zoë Ça, 密码 пароль", "🦄 👨‍👩‍👧", "نمی‌خواهم", "a\nb\tc", "$ € £ ≤ — …"])
def test_ordinary_text_of_any_language_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "written", [TOKEN, TOKEN.replace("/", "\\/"), "17%7Ctok%2F3f9c51d2a7e84b06x", TOKEN.partition("|")[2]]
)
def test_the_token_is_redacted_however_it_is_written(written: str) -> None:
    for made in (redacted, printable, one_line, inert, cell, escaped_json, lambda text: str(InvalidResponse(text))):
        assert "3f9c51d2a7e84b06" not in made(f"Bearer {written}!")
    assert redacted_bytes(f"Bearer {written}!".encode()) == b"Bearer ***!"


def test_short_words_are_no_secrets_and_a_body_without_one_is_the_same_object() -> None:
    register_secret("")
    register_secret("order")
    assert one_line("order 5") == "order 5"
    assert redacted_bytes(body := b'{"data": []}') is body


def test_records_of_any_logger_and_lines_for_machines_are_safe(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = f"\x1b[2J{TOKEN}\nforged: line"
    record = SafeRecord("any", logging.WARNING, "", 1, "said %s", (hostile,), None)
    assert record.getMessage() == "said [2J*** forged: line"
    json_log.write("log", message=hostile)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "\x1b[2J***\nforged: line"
    assert "\x1b" not in line


def test_the_packages_own_logger_is_safe_whoever_runs_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("logentic").warning("told: %s", f"\x1b[31m{TOKEN}")
    assert caplog.messages == ["told: [31m***"]


def test_alerts_hold_no_mention_no_tag_and_no_header() -> None:
    said = inert("<!here> <@U1> <https://evil.example|click> @channel @everyone &lt; *b* `c` [x](y)\r\nBcc: a@b.c")
    assert not set(said) & set("<>&@`*[]\r\n")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", " =1+1", "\x00=1+1", "\u202e=1", "\ufeff@x", "＝1+1", "\n+1"]
)
def test_a_formula_becomes_text(text: str) -> None:
    assert cell(text).startswith("'")
    assert cell(5) == 5
    assert cell("a=1") == "a=1"


def test_the_dashboards_download_neutralises_formulas_and_its_charts_get_the_values() -> None:
    answer = QueryResult(pa.table({"=name": ["=1+1", "plain", None, "\x1b[31m@x"], "n": [1, -2, 3, 4]}))
    assert answer.download().decode().splitlines() == [
        '"\'=name","n"',
        '"\'=1+1",1',
        '"plain",-2',
        ",3",
        '"[31m@x",4',
    ]
    assert b'"=1+1",1' in answer.csv()


def test_a_report_shows_markup_as_it_is_and_obeys_no_escape() -> None:
    console = Terminal(file=io.StringIO(), width=200)
    console.print(f"[bold]x[/bold] :warning: \x1b[31m{TOKEN}\u202e")
    console.print("bold", style="bold")
    assert console.file.getvalue() == "[bold]x[/bold] :warning: [31m***\nbold\n"


def test_every_report_prints_on_that_terminal() -> None:
    package = Path(json_log.__file__).parents[1]
    made = {path.name for path in package.rglob("*.py") if re.search(r"(?<!\w)Console\(", path.read_text("utf-8"))}
    assert made == {"progress.py"}, "bars of a run, of our own words alone"
