"""Fields under other names arrive as text: what is no value of the column is null, on every engine."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import jinja2
import pytest
from postgres_server import execute

MACROS = Path(__file__).parents[3] / "macros" / "payment_item_column.sql"
TEXTS = {
    "bigint": {"42": "42", "-7": "-7", "n/a": None, "": None, "1e999": None, "9" * 30: None},
    "decimal(38, 24)": {
        "12.5": "12.5", "-3": "-3", "1e-7": "0.0000001", ".5": "0.5", "2E3": "2000",
        "n/a": None, "12,50": None, "Infinity": None, "1e999999999": None, "9" * 30: None, "{}": None,
    },
    "date": {
        "2026-03-04": "2026-03-04", "2024-02-29": "2024-02-29", "2026-01-31": "2026-01-31", "2026-04-30": "2026-04-30",
        "2026-02-29": None, "2026-02-30": None, "2026-04-31": None, "2026-13-01": None, "0000-00-00": None,
        "soon": None,
    },
    "timestamp with time zone": {
        "2026-03-04T05:06:07Z": "2026-03-04 05:06:07", "2026-03-04 05:06:07.5+02:00": "2026-03-04 03:06:07.5",
        "2026-01-31T00:00:00Z": "2026-01-31 00:00:00", "2026-02-30T00:00:00Z": None, "yesterday at noon": None,
    },
}  # fmt: skip


def macro(name: str) -> Callable[[str, str], str]:
    environment = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"])
    environment.globals["column_type"] = lambda kind: kind
    return getattr(environment.from_string(MACROS.read_text("utf-8")).module, name)


def expected(kind: str, text: str) -> str:
    value = TEXTS[kind][text]
    return "null" if value is None else f"cast('{value}' as {kind})"


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_that_is_no_value_is_null_on_duckdb(kind: str) -> None:
    with duckdb.connect() as memory:
        memory.execute("set TimeZone = 'UTC'")
        for text in TEXTS[kind]:
            read = macro("default__readable")(f"'{text}'", kind)
            assert memory.execute(f"select {read} is not distinct from {expected(kind, text)}").fetchone() == (True,), (
                text
            )


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_that_is_no_value_is_null_on_postgresql(kind: str, postgres: str) -> None:
    for text in TEXTS[kind]:
        read = macro("postgres__readable")(f"'{text}'::varchar", kind)
        found = execute(postgres, f"set timezone = 'UTC'; select {read} is not distinct from {expected(kind, text)}")
        assert found == [(True,)], text
