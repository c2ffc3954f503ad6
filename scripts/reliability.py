"""Write docs/reliability.md: each promise, the tests that verify it, and how many of their cases passed.

The arguments are JUnit reports of the tests that promises.py names (`make reliability` makes them). The exit code is 1
if a promise names a test that was not run or did not pass. With --check nothing is written, and the exit code is 1 if a
promise names a test that does not exist. With --tests the named tests are printed, for pytest.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

from promises import PROMISES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reliability.md"
SOAK = ROOT / "benchmarks" / "soak.json"
HEAD = """# What is promised, and what holds it

Written by `make reliability` from the results of the tests; not by hand. Each test was seen to fail when the code that
it guards was broken.

"""


def main(arguments: list[str]) -> int:
    """Write the page, or with --check only look for the tests; return 1 if a promise is not verified."""
    if arguments == ["--check"]:
        existing = tests()
        missing = [name for name in named() if name not in existing]
        for name in missing:
            print(f"{PAGE.name}: no such test: {name}", file=sys.stderr)
        return 1 if missing else 0
    if arguments == ["--tests"]:
        print(*sorted(test_ids()))
        return 0
    passed, failed = results(map(Path, arguments))
    lines = [HEAD]
    for part, promises in PROMISES.items():
        lines.append(f"## {part}\n\n| promise | how it is tested | tests | cases passed |\n| --- | --- | --- | --- |\n")
        for promise, how, tests_of_it in promises:
            names = ", ".join(f"`{test}`" for test in tests_of_it)
            lines.append(f"| {promise} | {how} | {names} | {sum(passed[test] for test in tests_of_it)} |\n")
        lines.append("\n")
    PAGE.write_text("".join(lines) + soak(), "utf-8")
    broken = [name for name in named() if failed[name] or not passed[name]]
    for name in broken:
        print(f"not held: {name}: {failed[name]} failed, {passed[name]} passed", file=sys.stderr)
    if not SOAK.exists():
        print("no figures of many runs: make soak, then make reliability", file=sys.stderr)
    return 1 if broken else 0


def named() -> list[str]:
    return [test for promises in PROMISES.values() for _, _, tests_of_it in promises for test in tests_of_it]


def tests() -> set[str]:
    """Return every test module with its tests."""
    found = set()
    for path in ROOT.glob("tests/**/test_*.py"):
        names = re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
        found |= {path.stem, *(f"{path.stem}::{name}" for name in names)}
    return found


def test_ids() -> set[str]:
    """Return the named tests as arguments of pytest. A test of a module that is named as a whole is left out."""
    modules = {path.stem: str(path) for path in ROOT.glob("tests/**/test_*.py")}
    ids = set()
    for module, separator, test in (name.partition("::") for name in named()):
        if not separator or module not in named():
            ids.add(modules[module] + separator + test)
    return ids


def results(reports: Iterable[Path]) -> tuple[Counter[str], Counter[str]]:
    """Return how many cases of each test, and of each module, passed and failed."""
    passed, failed = Counter[str](), Counter[str]()
    for case in chain.from_iterable(ElementTree.parse(report).iter("testcase") for report in reports):
        if case.find("skipped") is not None:
            continue
        module = next(part for part in case.get("classname", "").split(".") if part.startswith("test_"))
        test = f"{module}::{case.get('name', '').partition('[')[0]}"
        outcome = failed if case.find("failure") is not None or case.find("error") is not None else passed
        for name in (module, test):
            outcome[name] += 1
    return passed, failed


def soak() -> str:
    """Return the measurements of the last `make soak`: runs of one process on a changing account."""
    if not SOAK.exists():
        return ""
    measured = json.loads(SOAK.read_text("ascii"))
    lines = [
        f"## Over {measured['runs']} runs, one an hour\n",
        "`make soak` measures it (`benchmarks/soak.json`). Early is the second fifth of the runs, late the last one.\n",
        "| figure | early | late | flat |\n| --- | --- | --- | --- |",
    ]
    for name, (early, late) in measured["early and late"].items():
        lines.append(f"| {name} | {early:.1f} | {late:.1f} | {'yes' if measured['flat'][name] else 'no'} |")
    lines.append(f"\nThe file grows by {measured['file kB a run']} kB a run: every version and every receipt is kept.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
