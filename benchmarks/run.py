"""`make bench`: measure sections, store their results, and write docs/performance.md from all stored results.

Without arguments the sections of some minutes are measured, with `--full` all; `--page` only writes the page. Sections
that are not measured keep their results.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.page import write_page
from benchmarks.sections import ROOT, SECTIONS

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], help="sections to measure")
    parser.add_argument("--full", action="store_true", help="all sections, the long ones as well")
    parser.add_argument("--missing", action="store_true", help="only sections that have no results yet")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page")
    options = parser.parse_args()
    names = options.sections or [name for name, section in SECTIONS.items() if options.full or not section.is_long]
    if options.missing:
        names = [name for name in names if not (RESULTS / f"{name}.json").is_file()]
    for name in [] if options.page else names:
        measure(name)
    write_page(RESULTS)
    return 0


def measure(name: str) -> None:
    """Runs a section; its results replace those that stood, and stand as far as it came should it be interrupted."""
    print(f"{name}: {SECTIONS[name].title}", file=sys.stderr, flush=True)
    RESULTS.mkdir(exist_ok=True)
    found: dict[str, Any] = {"section": name, **circumstances(), "runs": []}
    for result in SECTIONS[name].measure():
        found["runs"].append(result)
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        (RESULTS / f"{name}.json").write_text(text, "utf-8")
        print(f"  {line(result)}", file=sys.stderr, flush=True)


def circumstances() -> dict[str, Any]:
    """What the figures depend on."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("dlt", "duckdb", "pyarrow", "pycurl", "dbt-core")},
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def line(result: dict[str, Any]) -> str:
    """One run, for whoever watches."""
    if "error" in result:
        return f"{result.get('contender', '')} FAILED: {result['error']}"
    parts = [str(result.get("contender") or result.get("what") or result.get("size") or "")]
    parts += [
        f"{result[key]:.2f} {unit}"
        for key, unit in (("cpu", "CPU s"), ("wall", "s"), ("peak_mb", "MB"))
        if key in result
    ]
    parts += [f"{result['requests']} requests"] if "requests" in result else []
    return ", ".join([*parts, *result.get("differences", [])])


if __name__ == "__main__":
    sys.exit(main())
