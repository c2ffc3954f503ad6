"""Write docs/tables.md from the models' .yml and the descriptions of resources.

With --check nothing is written, and the exit code is 1 if the page is stale. `make docs-tables` writes it.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from logentic.resources import RECEIPTS, REJECTED_VALUES, RESOURCES, Resource

ROOT = Path(__file__).parents[1]

OPENING = """\
# Tables

For analysts. Questions that the tables answer, with queries: [analyst.md](analyst.md).
This page is written by `scripts/tables.py` from the models' own descriptions: correct it there, not here.

Money and volumes are exact decimals, never floating. Times are UTC. A day is a calendar day in the setting `timezone`.
The same column has the same name and meaning in every table.
"""
MARTS = """
## What analysts read: `logentic_marts`

These are the tables to query. They are also in `main`, so that `select * from orders` works.
"""
STAGING = """
## The latest version of every record: `logentic_staging`

Views on the raw tables: renamed, typed, one row per key. Read them where a mart leaves out a column that you need.
"""
RAW = """
## What the API said, and when: `logentic_raw`

Append-only logs of versions. A row is added when what the API says of a key is new or differs from the version before;
nothing is ever updated or deleted. The latest version of a key is the row with the greatest `_seen_at`.

Every table of a resource ends with the same columns: `_seen_at`, the service's time at which this version was read;
`_is_removed`, true if the API no longer returns the key (the other columns then repeat the last known values; lines
have none); and `_dlt_load_id`, the load that wrote the row. A field that the reference does not name becomes another
text column, exactly as in the JSON. Columns marked *hashed* hold personal data: see
[personal-data.md](personal-data.md). Its staging view describes each column.
"""
TYPES = {
    pa.int64(): "bigint",
    pa.string(): "varchar",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamp with time zone",
}


def main(arguments: list[str]) -> int:
    path, page = ROOT / "docs" / "tables.md", "".join(written())
    if "--check" not in arguments:
        path.write_text(page, "utf-8")
        return 0
    if path.exists() and path.read_text("utf-8") == page:
        return 0
    print("docs/tables.md is stale: run `make docs-tables` and commit it with the models.", file=sys.stderr)
    return 1


def written() -> Iterator[str]:
    yield OPENING
    for heading, folder in ((MARTS, "marts"), (STAGING, "staging")):
        models = sorted(described(folder), key=lambda model: str(model["name"]))
        yield heading
        yield "\n" + " · ".join(f"[{model['name']}](#{model['name']})" for model in models) + "\n"
        for model in models:
            yield from as_section(model)
    yield RAW
    for resource in RESOURCES.values():
        yield from as_raw_section(resource)
    rejected = "Values that could not be read: a row when one is found or changes, one with `_is_removed` at its end."
    yield raw_table("rejected_values", "`resource`, `key`, `field`", rejected, REJECTED_VALUES)
    yield raw_table("extract_windows", "`window_id`", "The receipts: one row per window that a run read.", RECEIPTS)


def described(folder: str) -> Iterator[dict[str, Any]]:
    for file in sorted((ROOT / "models" / folder).glob("*.yml")):
        yield from yaml.safe_load(file.read_text("utf-8")).get("models", [])


def as_section(model: dict[str, Any]) -> Iterator[str]:
    """Return heading, grain, key and columns. Raise an error that names a model without one of them."""
    name, description = str(model["name"]), one_line(model.get("description", ""))
    key = re.search(r"\s*Key: ([\w, ]+?)(?: \(([^)]*)\))?\.", description)
    if not key or not re.search(r"\bone row per\b", description, re.IGNORECASE):
        raise SystemExit(f"model {name}: its description must say `One row per …` and `Key: …`.")
    note = f" ({key[2]})" if key[2] else ""
    yield f"\n### {name}\n\n{description.replace(key[0], '')}\n\nKey: {as_code(key[1])}{note}.\n"
    yield "\n| column | meaning |\n| --- | --- |\n"
    for column in model.get("columns", []):
        if not column.get("description"):
            raise SystemExit(f"model {name}: column {column['name']} has no description.")
        yield f"| `{column['name']}` | {escaped(one_line(column['description']))}{as_rules(column)} |\n"


def as_rules(column: dict[str, Any]) -> str:
    """Return what the build tests of a column: its accepted values, and the table that it references."""
    said = ""
    for test in column.get("data_tests", []):
        if not isinstance(test, dict):
            continue
        if "accepted_values" in test:
            said += f" One of {as_code(', '.join(test['accepted_values']['arguments']['values']))}."
        if "relationships" in test:
            target = re.sub(r"ref\('(\w+)'\)", r"\1", test["relationships"]["arguments"]["to"])
            said += f" In [{target}](#{target})."
    return said


def as_raw_section(resource: Resource) -> Iterator[str]:
    grain = f"One row per version of a record of `GET {resource.path}`."
    yield raw_table(resource.name, as_code(", ".join(resource.key)), grain, resource.schema(), resource.personal)
    if resource.lines:
        lines, parent = resource.lines, resource.lines.parent
        grain = f"The lines of one version of a record of `{resource.name}`: same `_seen_at`."
        yield raw_table(lines.table, as_code(f"{parent}, line_number"), grain, lines.schema())


def raw_table(name: str, key: str, grain: str, schema: pa.Schema, personal: frozenset[str] = frozenset()) -> str:
    columns = "".join(
        f"| `{field.name}` | {as_type(field.type)} |{' *hashed*' if field.name in personal else ''} |\n"
        for field in schema
        if not field.name.startswith("_")
    )
    heading = f"\n### logentic_raw.{name}\n\n{grain}\n\nKey of a record: {key}.\n"
    return f"{heading}\n| column | type | |\n| --- | --- | --- |\n{columns}"


def as_type(kind: pa.DataType) -> str:
    return f"decimal({kind.precision},{kind.scale})" if pa.types.is_decimal(kind) else TYPES[kind]


def as_code(names: str) -> str:
    return ", ".join(f"`{name.strip()}`" for name in names.split(","))


def one_line(text: str) -> str:
    return " ".join(text.split())


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
