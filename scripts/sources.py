"""Write models/staging/sources.yml from the descriptions of the raw tables; --check says whether it is of them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from logentic.resources import Description
from logentic.transform.descriptions import RAW, descriptions
from logentic.transform.plan import plan_file, plan_of

FILE = Path(__file__).parents[1] / "models" / "staging" / "sources.yml"
TABLES = (
    "orders",
    "orders__stored_items",
    "items",
    "item_quantities",
    "inventory_history",
    "payment_items",
    "order_events",
    "rejected_values",
    "extract_windows",
    "exception_log",
    "month_close",
    "closed_facts",
    "invoice_decisions",
    "runs",
    "_dlt_loads",
)
HEAD = """\
# `python scripts/sources.py` writes this file.
version: 2

sources:
  - name: raw
    description: What the extractor read, as append-only logs of versions. Nothing in it is ever updated or deleted.
    schema: "{{ var('raw_schema', 'logentic_raw') }}"
    tables:
"""
# `dbt source freshness`; the alert of the setting freshness_hours is after as long.
FRESHNESS = """\
        config:
          loaded_at_field: inserted_at
          freshness:
            warn_after: {count: 26, period: hour}
            error_after: {count: 50, period: hour}
"""


def main() -> None:
    text = HEAD + "".join(lines())
    is_current = FILE.read_text("utf-8") == text
    if sys.argv[1:] != ["--check"]:
        FILE.write_text(text, "utf-8")
    elif not is_current:
        raise SystemExit("models/staging/sources.yml is stale: run `python scripts/sources.py`, then `make plan`.")


def lines() -> Iterator[str]:
    found = descriptions(plan_of(plan_file("duckdb").read_text("utf-8")))
    for table in TABLES:
        described: Description = found[f'{RAW}."{table}"']
        yield f"      - name: {table}\n        description: >\n{folded(described.text, 10)}"
        if table == "_dlt_loads":
            yield FRESHNESS
        yield "        columns:\n"
        for column, meaning in described.columns.items():
            yield f"          - name: {column}\n            description: >\n{folded(meaning, 14)}"


def folded(text: str, indent: int) -> str:
    blanks = " " * indent
    return "".join(f"{line}\n" for line in wrap(text, 110, initial_indent=blanks, subsequent_indent=blanks))


if __name__ == "__main__":
    main()
