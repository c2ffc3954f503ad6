"""`make fuzz`: many cases of parser and pager, then whole runs; each failure with the command that repeats it.

Options are read from the environment, as `make` passes them: FUZZ_SEED (one or more numbers), FUZZ_CASES, FUZZ_RUNS,
FUZZ_SECONDS (0: as long as it takes), FUZZ_JOBS, FUZZ_CASE (one case by its name).
"""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from itertools import count, islice

from fuzz import account, cases, runs, workers
from fuzz.cases import Case, case_of, judge
from fuzz.mutations import CATALOGUE
from fuzz.workers import Result
from logentic.memory import keep_small, leave_out_needless

BOUND_SECONDS = 5.0
SHARE_OF_CASES = 0.55  # of the time; the rest is for whole runs


def main() -> int:
    """Fuzz; 1 where anything failed."""
    keep_small()
    leave_out_needless()  # as the command does
    if name := os.environ.get("FUZZ_CASE"):
        return _one(name)
    seeds = [int(seed) for seed in os.environ.get("FUZZ_SEED", "").split()] or [secrets.randbelow(10**6)]
    seconds = float(os.environ.get("FUZZ_SECONDS") or 60)
    most_cases, most_runs = (_number(name) for name in ("FUZZ_CASES", "FUZZ_RUNS"))
    if not seconds and (most_cases is None or most_runs is None):
        most_cases, most_runs = most_cases or 10_000, most_runs or 50
    jobs = int(os.environ.get("FUZZ_JOBS") or min(os.cpu_count() or 1, 4))
    print(f"fuzz: seeds {' '.join(map(str, seeds))}, {len(CATALOGUE)} mutations, {jobs} processes", flush=True)
    began = time.monotonic()
    account.warm_up()
    failed = _fuzz_cases(seeds, most_cases, began + seconds * SHARE_OF_CASES if seconds else None, jobs)
    failed += runs.fuzz(seeds, most_runs, began + seconds if seconds else None, jobs)
    return 1 if failed else 0


def _fuzz_cases(seeds: list[int], most: int | None, until: float | None, jobs: int) -> int:
    def named() -> Iterator[str]:
        for index in count():
            if until and time.monotonic() > until:
                return
            yield str(case_of(seeds[index % len(seeds)], index // len(seeds)))

    began, slowest = time.monotonic(), Result("", None, 0.0)
    passed, failures = 0, list[Result]()
    for result in workers.run(islice(named(), most), _judge, jobs, BOUND_SECONDS):
        slowest = max(slowest, result, key=lambda each: each.seconds)
        if result.wrong is None:
            passed += 1
        else:
            failures.append(result)
    seconds = time.monotonic() - began
    total = passed + len(failures)
    print(f"cases: {total} in {seconds:.0f} s, {total / max(seconds, 0.01):.0f} a second")
    print(f"cases: slowest {slowest.seconds:.2f} s: {slowest.name}")
    workers.report(failures)
    print(f"cases: {passed} passed, {len(failures)} failed", flush=True)
    return len(failures)


def _judge(name: str) -> str | None:
    return judge(Case.named(name))


def _one(name: str) -> int:
    """Repeat one case, with the traceback of an error that nobody expected."""
    if name.startswith("run/"):
        return runs.one(name)
    result = next(workers.run(iter([name]), _judge, 1, BOUND_SECONDS))
    print(f"{name}: {result.wrong or 'passed'} ({result.seconds:.2f} s)")
    print(f"{int(not result.wrong)} passed, {int(bool(result.wrong))} failed")
    return 1 if result.wrong else 0


def _number(name: str) -> int | None:
    return int(os.environ[name]) if os.environ.get(name) else None


assert cases.JUDGES.keys() == cases.SURFACES.keys()

if __name__ == "__main__":
    sys.exit(main())
