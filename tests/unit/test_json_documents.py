"""JSON that a command prints: one helper writes it, without secrets and without what a terminal obeys."""

import ast
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from logentic.cli import app as cli
from logentic.sanitizer import UNSAFE, json_text, print_json, register_secret

PACKAGE = Path(cli.__file__).parents[1]
WRITERS = {"json", "simplejson", "orjson", "escaped_json"}
SECRET = 'pa"ss/wörd-\\7f3e'
HOSTILE = "\x1b[2J\x7f\x9b\u202e\ud800\r\n"


def modules_of_commands() -> list[Path]:
    found = [path for path in PACKAGE.glob("cli/*.py") if "import typer" in path.read_text("utf-8")]
    assert {path.stem for path in found} >= {*("app", "finance", "explore", "account", "events", "privacy")}
    return found


def names_in(path: Path) -> set[str]:
    """Everything that a module imports or calls by name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.name.partition(".")[0] for alias in node.names} | {getattr(node, "module", None) or ""}
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
    return names


@pytest.mark.parametrize("path", modules_of_commands(), ids=lambda path: path.stem)
def test_a_module_of_commands_writes_no_json_itself(path: Path) -> None:
    assert not names_in(path) & {*WRITERS, "dumps", "dump"}


def test_no_module_prints_json_that_it_wrote() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                assert "dumps" not in ast.unparse(node), f"{path.name}, line {node.lineno}"


VALUES = {
    "a text": SECRET,
    "within a text": f"Bearer {SECRET}!",
    "a name": {SECRET: 1},
    "JSON within a text": json.dumps({"token": SECRET}),
    "JSON with escaped slashes": SECRET.replace("/", "\\/"),
    "deep within": [{"a": ({"b": SECRET},)}],
    "a path": Path("/srv") / "x" / SECRET,
}


@pytest.mark.parametrize("is_exact", [False, True])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_secret_is_redacted_wherever_it_stands(value: Any, is_exact: bool) -> None:
    register_secret(SECRET)
    document = json_text(value, is_exact=is_exact)
    json.loads(document)
    assert "***" in document
    assert "7f3e" not in document


@pytest.mark.parametrize("number", [123456789, -12345678.5, Decimal("0.12345678")])
def test_a_number_that_holds_a_secret_becomes_text_and_the_document_stays_json(number: Any) -> None:
    register_secret("345678")
    for is_exact in (False, True):
        assert "***" in json.loads(json_text({"n": number}, is_exact=is_exact))["n"]


def test_nothing_is_printed_that_a_terminal_obeys_and_the_values_stay(capsys: pytest.CaptureFixture[str]) -> None:
    value = {HOSTILE: HOSTILE, "rows": [{"é": HOSTILE}]}
    print_json(value)
    document = capsys.readouterr().out
    assert not UNSAFE.search(document)
    assert json.loads(document) == value
    assert not UNSAFE.search(json_text(value, is_exact=True))


def test_other_values_are_written_as_before() -> None:
    value = {"day": date(2026, 3, 4), "n": 1, "x": 1.5, "no": None, "is": True, 7: "seven", "amount": Decimal("1.10")}
    assert json_text(value) == (
        '{"day": "2026-03-04", "n": 1, "x": 1.5, "no": null, "is": true, "7": "seven", "amount": "1.10"}'
    )
    assert json_text([Decimal("1.10"), 10**30, "é"], is_exact=True) == f'[1.10, {10**30}, "é"]'
