"""Write the tables of docs/scale.md from benchmarks/results/engines.json.

Prices are list prices; the page names their source.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "engines.json"
PAGE = HERE.parent / "docs" / "scale.md"
NAMES = {"duckdb": "DuckDB", "postgres": "PostgreSQL", "sail": "Sail", "spark": "Spark"}
MACHINE_HOUR = 0.0816  # of two cores
DBU_HOUR = 0.15  # one for two cores
DATABASE_MONTH, GIGABYTE_MONTH = 730 * 0.065, 0.115
BUILDS_A_MONTH = 30
Built = dict[str, Any]


def write_page() -> None:
    found, page = json.loads(RESULTS.read_text("utf-8")), PAGE.read_text("utf-8")
    for name, rows in TABLES.items():
        filled = "\n".join(f"| {' | '.join(row)} |" for row in rows(found))
        place = re.compile(f"(<!-- {name} -->\n\n).*?(<!-- end -->)", re.DOTALL)
        page, count = place.subn(rf"\g<1>{filled}\n\n\g<2>", page)
        assert count == 1, f"docs/scale.md has no place for {name}"
    PAGE.write_text(page, "utf-8")


def measured(found: list[Built]) -> Iterator[list[str]]:
    engines = [engine for engine in NAMES if any(run["engine"] == engine for run in found)]
    yield ["stock records", *(NAMES[engine] for engine in engines)]
    yield ["---"] * (len(engines) + 1)
    for size in sorted({run["records"] for run in found}):
        runs = {run["engine"]: run for run in found if run["records"] == size}
        yield [_size(size), *(_cost(runs.get(engine)) for engine in engines)]


def per_row(found: list[Built]) -> Iterator[list[str]]:
    yield [
        "engine",
        "CPU s per million",
        "without any",
        "GB per million",
        "measured up to",
        "an hour of two cores builds",
    ]
    yield ["---"] * 6
    for engine, name in NAMES.items():
        if line := _line(found, engine):
            slope, fixed, largest = line
            reach = f"{(7200 - fixed) / slope / 1e6:,.0f} million"
            disk = f"{_gigabytes(found, engine) * 1e6:.1f}"
            yield [name, f"{slope * 1e6:,.0f}", f"{fixed:,.0f}", disk, _size(largest), reach]


def bill(found: list[Built]) -> Iterator[list[str]]:
    prices: dict[str, tuple[str, Callable[[float, int], float]]] = {
        "duckdb": ("the file, on a machine rented for the build", lambda cpu, size: _hours(cpu) * MACHINE_HOUR),
        "postgres": (
            "PostgreSQL, managed",
            lambda cpu, size: DATABASE_MONTH + size * _gigabytes(found, "postgres") * GIGABYTE_MONTH,
        ),
        "sail": ("Sail, on such a machine", lambda cpu, size: _hours(cpu) * MACHINE_HOUR),
        "spark": ("Spark, as managed jobs", lambda cpu, size: _hours(cpu) * (MACHINE_HOUR + DBU_HOUR)),
    }
    lines = {engine: line for engine in prices if (line := _line(found, engine))}
    yield ["stock records", *(prices[engine][0] for engine in lines)]
    yield ["---"] * (len(lines) + 1)
    for size in (1_000_000, 10_000_000, 100_000_000):
        costs = [prices[engine][1](slope * size + fixed, size) for engine, (slope, fixed, _) in lines.items()]
        yield [_size(size), *(f"${cost:,.2f}" for cost in costs)]


TABLES = {"measured": measured, "per row": per_row, "bill": bill}


def _hours(cpu: float) -> float:
    """Of two cores, in a month."""
    return BUILDS_A_MONTH * cpu / 2 / 3600


def _cost(run: Built | None) -> str:
    if run is None:
        return "not tried"
    return f"{run['cpu_seconds']:,.0f}" if run["outcome"] == "built" else str(run["outcome"])


def _line(found: list[Built], engine: str) -> tuple[float, float, int] | None:
    """CPU seconds of a record, CPU seconds without one, and the largest size that was built."""
    runs = [run for run in found if run["engine"] == engine and run["outcome"] == "built"]
    built = sorted((run["records"], run["cpu_seconds"]) for run in runs)
    if len(built) < 2:
        return None
    (small, little), (large, much) = built[0], built[-1]
    slope = (much - little) / (large - small)
    return slope, max(little - slope * small, 0), large


def _gigabytes(found: list[Built], engine: str) -> float:
    """On the disk, raw and built, by stock record, in the largest build."""
    run = max((run for run in found if run["engine"] == engine and "gigabytes" in run), key=lambda run: run["records"])
    return float(run["gigabytes"] / run["records"])


def _size(records: int) -> str:
    return f"{records / 1e6:g} million" if records >= 1e6 else f"{records:,}"
