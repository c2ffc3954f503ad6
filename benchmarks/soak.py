"""Run scheduled runs over a moving account, one an hour, and check that nothing grows that should not.

Print a line every 50 runs and a verdict, which compares the last fifth of the runs with the second; soak.json keeps the
verdict for docs/reliability.md. The runs share one process, so that a memory leak would show. The models are built
after each fifth of the runs.
"""

import argparse
import json
import logging
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean

from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Clock, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
EVERY = 50
RESULT = Path(__file__).with_suffix(".json")
# Rows of news and the receipts of windows are kept for good: these may grow, and the table says by how much a run.
LIMITS = {"memory MB": 1.10, "requests": 1.25, "seconds": 1.5}


@dataclass
class Sample:
    run: int
    memory: float
    file: int
    state: int
    requests: int
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    runs = parser.parse_args().runs
    logging.getLogger("logentic").setLevel(logging.ERROR)
    start = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
    # The account's events reach some weeks beyond its today.
    account = Account(seed=1, scale=0.2, days=60 + runs // 24, today=TODAY + timedelta(days=runs // 24))
    print(f"{'run':>5}{'memory MB':>11}{'file MB':>9}{'state MB':>10}{'requests':>10}{'seconds':>9}")
    samples = []
    with tempfile.TemporaryDirectory() as folder, Sandbox(account, clock=Clock(start)) as sandbox:
        state = State(Path(folder) / "logentic.duckdb")
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
        for run in range(1, runs + 1):
            began = time.monotonic()
            models = run % (runs // 5) == 0 or run == runs
            outcome = run_job(settings, state.file, JobOptions(models=models))
            seconds = time.monotonic() - began - outcome.seconds.get("build", 0)
            samples.append(Sample(run, memory_mb(), *sizes(state), outcome.loaded.traffic.requests, seconds))
            if run % EVERY == 0 or run == runs:
                show(samples[-(run % EVERY or EVERY) :])
            sandbox.clock.advance(timedelta(hours=1))
    return judge(samples)


def show(samples: list[Sample]) -> None:
    """What the last of them left; the mean of what each took."""
    last, megabyte = samples[-1], 2**20
    requests, seconds = mean(s.requests for s in samples), mean(s.seconds for s in samples)
    print(
        f"{last.run:>5}{last.memory:>11.0f}{last.file / megabyte:>9.1f}{last.state / megabyte:>10.1f}"
        f"{requests:>10.1f}{seconds:>9.2f}",
        flush=True,
    )


def judge(samples: list[Sample]) -> int:
    """The last fifth of the runs beside the second: the first one warms up."""
    fifth = len(samples) // 5
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    found = {
        "memory MB": (mean(s.memory for s in early), mean(s.memory for s in late)),
        "requests": (mean(s.requests for s in early), mean(s.requests for s in late)),
        "seconds": (mean(s.seconds for s in early), mean(s.seconds for s in late)),
    }
    flat = {name: after <= before * LIMITS[name] for name, (before, after) in found.items()}
    for name, (before, after) in found.items():
        verdict = "flat" if flat[name] else "GROWS"
        print(f"{name}: {before:.1f} in runs {fifth + 1} to {2 * fifth}, {after:.1f} in the last {fifth}: {verdict}")
    hours = late[-1].run - early[-1].run
    kilobytes = (late[-1].file - early[-1].file) / hours / 1024
    print(f"file: {kilobytes:.0f} kB a run; it keeps every version and receipt")
    result = {"runs": len(samples), "early and late": found, "flat": flat, "file kB a run": round(kilobytes, 1)}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", "ascii")
    return 0 if all(flat.values()) else 1


def memory_mb() -> float:
    """What the process holds now, not its peak, so that it can also be seen to fall."""
    resident = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(resident) * 4096 / 2**20


def sizes(state: State) -> tuple[int, int]:
    return state.file.stat().st_size, sum(path.stat().st_size for path in state.folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    raise SystemExit(main())
