"""`make fuzz`: many cases of parser and pager, then whole runs; each failure with the command that repeats it.

Options are read from the environment, as `make` passes them: FUZZ_SEED (one or more numbers), FUZZ_CASES, FUZZ_RUNS,
FUZZ_SECONDS (0: as long as it takes), FUZZ_JOBS, FUZZ_CASE (one case by its name).
"""

import os
import secrets
import sys
import time
import warnings
from collections.abc import Iterator
from itertools import count, islice

from fuzz import account, cases, runs, workers
from fuzz.cases import Case, case_of, judge
from fuzz.mutations import CATALOGUE
from logentic.monitoring.memory import hide_unneeded_modules, limit_memory

BOUND_SECONDS = 5.0
SHARE_OF_CASES = 0.55  # of the time; the rest is for whole runs


def main() -> int:
    """Fuzz; 1 where anything failed."""
    limit_memory()
    hide_unneeded_modules(models=True)  # as the command does
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
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
    passed, failed = _fuzz_cases(seeds, most_cases, began + seconds * SHARE_OF_CASES if seconds else None, jobs)
    more_passed, more_failed = runs.fuzz(seeds, most_runs, began + seconds if seconds else None, jobs)
    print(f"{passed + more_passed} passed, {failed + more_failed} failed")
    return 1 if failed + more_failed else 0


def _fuzz_cases(seeds: list[int], most: int | None, until: float | None, jobs: int) -> tuple[int, int]:
    def named() -> Iterator[str]:
        for index in count():
            if until and time.monotonic() > until:
                return
            yield str(case_of(seeds[index % len(seeds)], index // len(seeds)))

    return workers.report("cases", workers.run(islice(named(), most), _judge, jobs, BOUND_SECONDS))


def _judge(name: str) -> str | None:
    return judge(Case.named(name))


def _one(name: str) -> int:
    """Repeat one case; 1 where it fails."""
    if name.startswith("run/"):
        return runs.one(name)
    return workers.report("cases", workers.run(iter([name]), _judge, 1, BOUND_SECONDS))[1]


def _number(name: str) -> int | None:
    return int(os.environ[name]) if os.environ.get(name) else None


assert cases.JUDGES.keys() == cases.SURFACES.keys()

if __name__ == "__main__":
    sys.exit(main())
