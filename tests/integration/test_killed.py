"""kill -9 at every step: the next run ends with exact tables, each row once."""

import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from raw_tables import raw_differences
from truth_tables import differences

from logentic.job import Options, run_job
from logentic.recovery import KEYS
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
SCRIPT = Path(__file__).parents[1] / "killed_run.py"
STEPS = (
    "a page was read",
    "a window was done",
    "all was extracted",
    "all was normalised",
    "a file was loaded but not noted",
    "half was loaded",
    "the load was complete but not noted",
    "all was loaded",
    "half of the models were built",
    "before publishing",
    "between copy and swap",
    "after publishing",
)


@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_at_any_step_is_made_good_by_the_next(step: str, tmp_path: Path) -> None:
    """Once in the first load, once in a later one."""
    account = Account(seed=41, scale=0.2, days=40, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account) as sandbox:
        now = sandbox.clock.now()
        sandbox.clock.set(now - timedelta(days=2))
        killed = killed_run(step, file, sandbox)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        sandbox.clock.set(now)
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
        is_of_models = step in STEPS[STEPS.index("half of the models were built") :]
        run_job(settings, file, Options(models=is_of_models))
        assert raw_differences(file, sandbox) == {}
        assert not is_of_models or differences(file, account, now) == {}
        assert doubled(file) == {}
    left = [path.name for path in tmp_path.rglob("*.partial")]
    assert left == []


def test_a_later_run_that_is_killed_leaves_the_published_file_as_it_was(tmp_path: Path) -> None:
    account = Account(seed=42, scale=0.1, days=30, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account) as sandbox:
        now = sandbox.clock.now()
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
        sandbox.clock.set(now - timedelta(days=2))
        run_job(settings, file, Options())
        published = file.read_bytes()
        sandbox.clock.set(now)
        for step in ("a file was loaded but not noted", "half of the models were built", "between copy and swap"):
            assert killed_run(step, file, sandbox).returncode == -signal.SIGKILL
            assert file.read_bytes() == published
        run_job(settings, file, Options())
        assert differences(file, account, now) == {}
        assert doubled(file) == {}


def killed_run(step: str, file: Path, sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, step, file, sandbox.url, sandbox.token],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def doubled(file: Path) -> dict[str, int]:
    """Rows of raw that stand there more than once, by table."""
    with duckdb.connect(str(file), read_only=True) as published:
        counts = {
            table: published.execute(
                f"select count(*) - count(distinct ({', '.join(chr(34) + name + chr(34) for name in key)}))"
                f" from logentic_raw.{table}"
            ).fetchone()[0]
            for table, key in KEYS.items()
        }
    return {table: count for table, count in counts.items() if count}
