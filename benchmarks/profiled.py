"""Run `logentic run --no-models` and measure the CPU seconds of each phase; write them to the file PHASES.

A thread reads every few milliseconds how much CPU time each thread has used since, and adds it to the phase of the
innermost frame that has one. A phase is named by the file that does it; nothing of the product is replaced.
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_SECONDS = 0.004
START, IMPORTS, REST = "start of Python", "imports", "the rest"
# The first that stands in a file's path; within dlt its own steps, else what it does around them.
PHASES = (
    ("/logentic/api/client.py", "fetch"),
    ("/logentic/api/pagination.py", "fetch"),
    ("/logentic/extract/parsing.py", "parse"),
    ("/logentic/privacy/pseudonyms.py", "hash personal data"),
    ("/logentic/extract/diff.py", "compare with what is stored"),
    ("/logentic/extract/stored_records.py", "compare with what is stored"),
    ("/logentic/destinations/dlt_tables.py", "compare with what is stored"),
    ("/logentic/destinations/duckdb.py", "open the working database, publish"),
    ("/logentic/settings.py", "settings"),
    ("/dlt/normalize/", "dlt: normalise"),
    ("/dlt/load/", "dlt: load"),
    ("/dlt/destinations/", "dlt: load"),
    ("/dlt/extract/", "dlt: extract (write parquet)"),
    ("/dlt/common/data_writers/", "dlt: extract (write parquet)"),
    ("/dlt/common/schema/", "dlt: schemas and state"),
    ("/dlt/", "dlt: schemas and state"),
    ("/logentic/", "plan, windows, receipts"),
)


class Sampler(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.phases: Counter[str] = Counter({START: time.process_time()})
        self.ended = threading.Event()
        self._process, self._threads = time.process_time(), dict[int, float]()
        self._main = threading.main_thread().ident

    def run(self) -> None:
        while not self.ended.wait(EVERY_SECONDS):
            self.look()

    def look(self) -> None:
        """Whose CPU time went up since the last look; what no thread of Python used is the main thread's (DuckDB)."""
        process = time.process_time()
        unknown, self._process = process - self._process, process
        main = REST
        for ident, frame in sys._current_frames().items():
            try:
                spent = time.clock_gettime(time.pthread_getcpuclockid(ident))
            except OSError:  # it has ended
                continue
            more = spent - self._threads.get(ident, 0.0 if self._threads else spent)
            self._threads[ident] = spent
            unknown -= more
            if ident == self.ident:
                continue
            phase = phase_of(frame)
            self.phases[phase] += more
            main = phase if ident == self._main else main
        self.phases[main] += max(0.0, unknown)


def phase_of(frame: FrameType | None) -> str:
    found = None
    while frame:
        path = frame.f_code.co_filename
        if path.startswith("<frozen importlib"):
            return IMPORTS
        found = found or next((phase for part, phase in PHASES if part in path), None)
        frame = frame.f_back
    return found or REST


def main() -> None:
    sampler = Sampler()
    sampler.look()
    sampler.start()
    from logentic.cli.app import main as logentic

    sys.argv = ["logentic", "run", "--no-models", "--db", os.environ["FILE"]]
    try:
        logentic()
    finally:
        sampler.ended.set()
        sampler.join()
        sampler.look()
        phases = {name: round(seconds, 3) for name, seconds in sampler.phases.most_common() if seconds >= 0.0005}
        Path(os.environ["PHASES"]).write_text(json.dumps(phases), "utf-8")


if __name__ == "__main__":
    main()
