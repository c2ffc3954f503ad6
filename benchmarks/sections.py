"""Measure section by section; each has one file of results and can be repeated alone."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS, HERE, OURS, Contender
from benchmarks.measure import Cost, run
from benchmarks.service import Service

ROOT = HERE.parent
ROUNDS, ROUNDS_OF_SLOW = (int(os.environ.get(name, n)) for name, n in (("ROUNDS", "3"), ("ROUNDS_OF_SLOW", "2")))
CONNECTIONS = "4"
Runs = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Section:
    """`is_long` ones are for `make bench-full`."""

    title: str
    measure: Callable[[], Runs]
    is_long: bool = False


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on a disk (never in memory), gone afterwards."""
    (ROOT / "build" / "benchmarks").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=ROOT / "build" / "benchmarks"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment(service: Service | None, folder: Path, **more: str) -> dict[str, str]:
    """Nothing but what a contender needs; its home is its own."""
    known = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "DLT_DATA_DIR": str(folder / "dlt")}
    known |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "AIRBYTE_LOGGING_ROOT": str(folder / "airbyte")}
    if service:
        known |= {"BASE_URL": service.url, "TOKEN": service.token}
        known |= {"LOGENTIC_BASE_URL": service.url, "LOGENTIC_API_TOKEN": service.token}
    return known | {"FILE": str(folder / "out.duckdb"), "CONNECTIONS": CONNECTIONS} | more


def first_load(contender: Contender, service: Service, folder: Path, **options: float) -> dict[str, Any]:
    """One contender reads the whole account into a new file; what it cost, asked for, lost."""
    service.reset(**options)
    log = folder / "log.txt"
    cost = run(contender.command(), environment(service, folder, **contender.variables), folder, log)
    found: dict[str, Any] = {"contender": contender.name, **asdict(cost), **service.counts()}
    found["fewest"] = _fewest(service.folder)["first_load"]
    if cost.status:
        found["error"] = log.read_text("utf-8", "replace").strip().splitlines()[-1][:300]
    elif contender.schema:
        found["differences"] = _check(contender, folder / "out.duckdb", service.folder)
        found["file_mb"] = round((folder / "out.duckdb").stat().st_size / 2**20, 1)
    return found


def in_turn(names: list[str], size: str, rounds: int, **options: float) -> Runs:
    """A B C A B C …: what disturbs the machine for a while disturbs all of them."""
    with Service(_account(size)) as service:
        for number in range(rounds):
            for name in names:
                contender = CONTENDERS[name]
                if contender.is_slow and number >= ROUNDS_OF_SLOW:
                    continue
                if problem := contender.install():
                    yield {"contender": name, "error": problem, "status": 1}
                    continue
                with scratch() as folder:
                    yield {
                        "size": size,
                        "load": os.getloadavg()[0],
                        **first_load(contender, service, folder, **options),
                    }


def peers() -> Runs:
    yield from in_turn(list(CONTENDERS), "S", ROUNDS)


def scale() -> Runs:
    yield from in_turn(["bytes", "floor", "logentic"], "M", ROUNDS + 2)


def peers_at_m() -> Runs:
    yield from in_turn(["requests_pandas", "dlt_tuned"], "M", 1)


def large() -> Runs:
    yield from in_turn(["floor", "logentic"], "10M", 1)


def latency() -> Runs:
    yield from in_turn(["floor", "logentic"], "S", 1, latency_ms=100)


def limit() -> Runs:
    yield from in_turn(["logentic"], "XS", 1, limit=60, limit_seconds=60)


def news() -> Runs:
    """A first load; runs five minutes apart that read a second time what one reading does not prove; then runs with
    nothing new, in turn with `import dlt` alone.
    """
    ours = CONTENDERS["logentic"]
    with Service(_account("S")) as service, scratch() as folder:
        yield {"what": "first load", **first_load(ours, service, folder)}
        steps = [("the next run", {}), *[("proving the rest at once", {"LOGENTIC_CONFIRM_PAGES": "1000000"})] * 2]
        for what, variables in [*steps, *[("nothing new", {})] * ROUNDS]:
            service.reset(advance_seconds=300)
            known = environment(service, folder, **variables)
            cost = run(ours.command(), known, folder, folder / "log.txt")
            yield {"what": what, **asdict(cost), **service.counts(), "look_back": _fewest(service.folder)["look_back"]}
            if what == "nothing new":
                yield {"what": "import dlt", **asdict(_python("import dlt", folder))}


def commands() -> Runs:
    """Commands that print and end."""
    ours = CONTENDERS["logentic"]
    with Service(_account("S")) as service, scratch() as folder:
        first_load(ours, service, folder)
        logentic, file = str(OURS.with_name("logentic")), str(folder / "out.duckdb")
        for _ in range(ROUNDS + 2):
            for what, command in (("--help", [logentic, "--help"]), ("status", [logentic, "status", "--db", file])):
                cost = run(command, environment(service, folder), folder, folder / "log.txt")
                yield {"what": what, **asdict(cost)}


def publishing() -> Runs:
    """Publishing again and again, in turn with a copy of the same file."""
    ours = CONTENDERS["logentic"]
    for size in ("S", "M"):
        with Service(_account(size)) as service, scratch() as folder:
            first_load(ours, service, folder)
            log = folder / "publishing.txt"
            command = [str(OURS), "-m", "benchmarks.publishing", str(folder / "out.duckdb"), str(ROUNDS + 2)]
            cost = run(command, environment(service, folder, PYTHONPATH=str(ROOT)), folder, log)
            if cost.status:
                yield {"error": log.read_text("utf-8").strip().splitlines()[-1]}
                continue
            yield from ({"size": size, **found} for found in json.loads(log.read_text("utf-8")))


def profile() -> Runs:
    """Where our own time goes, at two sizes."""
    for size in ("S", "M"):
        with Service(_account(size)) as service:
            for _ in range(ROUNDS if size == "S" else 1):
                with scratch() as folder:
                    service.reset()
                    log = folder / "profile.txt"
                    known = environment(service, folder, PYTHONPATH=str(ROOT), PHASES=str(folder / "phases.json"))
                    cost = run([str(OURS), "-m", "benchmarks.profiled"], known, folder, log)
                    if cost.status:
                        yield {"error": log.read_text("utf-8").strip().splitlines()[-1]}
                        continue
                    phases = json.loads((folder / "phases.json").read_text("utf-8"))
                    yield {"size": size, **asdict(cost), "phases": phases}


def models() -> Runs:
    yield _told("models.py", "--records", "600000", "--rounds", str(ROUNDS), *_beside())


def models_at_10_million() -> Runs:
    yield _told("models.py", "--records", "10000000", "--memory", "2GB", *_beside())


def builds() -> Runs:
    """Runs with their models, and what is installed for them."""
    for options in (("--rounds", str(ROUNDS)), ("--install",)):
        found = _told("-m", "benchmarks.builds", *options)
        yield from found if isinstance(found, list) else [found]


def tests() -> Runs:
    """The test suites on an idle machine."""
    for target in ("test-unit", "test"):
        with scratch() as folder:
            cost = run(["make", "-C", str(ROOT), target], dict(os.environ), folder, folder / "log.txt")
            log = (folder / "log.txt").read_text("utf-8", "replace")
        yield {"error": log[-500:]} if cost.status else {"what": f"make {target}", **asdict(cost)}


def dashboard() -> Runs:
    """How long a reader waits, at two million rows of inventory history."""
    found = _told("dashboard.py", "--rounds", str(ROUNDS))
    yield from found if isinstance(found, list) else [found]


def _beside() -> list[str]:
    """With BESIDE=folder, models are measured beside those of another checkout that is set up."""
    return ["--beside", os.environ["BESIDE"]] if os.environ.get("BESIDE") else []


def _told(script: str, *options: str) -> Any:
    """What a script, or a module (-m), of its own process found; or that it failed."""
    command = [str(OURS), script if script == "-m" else str(HERE / script), *options]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if finished.returncode:
        return {"error": (finished.stderr.strip() or "no output").splitlines()[-1]}
    return json.loads(finished.stdout)


def _python(code: str, folder: Path) -> Cost:
    return run([str(OURS), "-c", code], environment(None, folder), folder, folder / "log.txt")


def _check(contender: Contender, file: Path, account: Path) -> list[str]:
    """By a process of its own, so that this one stays small."""
    command = [str(OURS), "-m", "benchmarks.check", str(file), contender.name, str(account / "account.json")]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if finished.returncode:
        return [f"not checked: {finished.stderr.strip().splitlines()[-1]}"]
    return list(json.loads(finished.stdout))


def _account(size: str) -> Path:
    """Its folder; made by a process of its own, so that this one stays small."""
    command = [str(OURS), "-m", "benchmarks.account", size]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip())


@cache
def _fewest(account: Path) -> dict[str, Any]:
    command = [str(OURS), "-m", "benchmarks.fewest", str(account)]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout))


SECTIONS = {
    "peers": Section("First load at S, side by side", peers),
    "news": Section("Runs with nothing new", news),
    "commands": Section("Commands that print and end", commands),
    "profile": Section("Where our own time goes", profile),
    "publishing": Section("Publishing and a copy", publishing),
    "builds": Section("Runs with their models", builds),
    "models": Section("Models at 600,000 stock records", models),
    "dashboard": Section("The dashboard at 2 million rows of history", dashboard),
    "tests": Section("The test suites", tests, is_long=True),
    "limit": Section("Under a limit of 60 a minute", limit, is_long=True),
    "latency": Section("At 100 ms a page", latency, is_long=True),
    "scale": Section("First load at M", scale, is_long=True),
    "peers_at_m": Section("Peers at M", peers_at_m, is_long=True),
    "large": Section("First load at 10 M", large, is_long=True),
    "models_at_10_million": Section("Models at 10 million stock records", models_at_10_million, is_long=True),
}
