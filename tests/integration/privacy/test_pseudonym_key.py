"""The key of pseudonyms: made whole or not at all, once, and never changed without a word, wherever the tables go."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dlt
import pytest
from command_line import access, logentic
from dlt.pipeline.exceptions import PipelineStepFailed

from logentic import logentic_source
from logentic.cli.event_server import make_receiver
from logentic.errors import StateError
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

RAW_ONLY = JobOptions(models=False)
KEEP_KEY = (
    "import sys, pathlib; from logentic.privacy.pseudonyms import read_or_create_key;"
    "print(read_or_create_key(pathlib.Path(sys.argv[1])).hex())"
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=8, scale=0.05, days=8, today=date(2026, 3, 17))) as sandbox:
        yield sandbox


def settings_of(sandbox: Sandbox, **more: Any) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, **more)


def test_processes_that_make_it_at_once_agree(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KEEP_KEY, str(tmp_path / "state")]
    made = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    keys = {process.communicate(timeout=300)[0].strip() for process in made}
    assert keys == {(tmp_path / "state" / "hash_key").read_text()}
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["hash_key"]


def test_a_full_disk_leaves_no_key_and_the_next_run_makes_one(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    limited = f"trap '' XFSZ; ulimit -f 0; exec {sys.executable} -c '{KEEP_KEY}' {tmp_path / 'state'}"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=300, check=False)
    assert "StateError" in done.stderr
    assert "cannot be used: File too large" in done.stderr
    assert list((tmp_path / "state").iterdir()) == []
    assert subprocess.run([sys.executable, "-c", KEEP_KEY, tmp_path / "state"], timeout=300, check=True)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"ab" * 31, b"ab" * 33, b"a" * 63, b"zz" * 32, b"\x00" * 32, b"\xff" * 64, b"ab" * 32 + b"\nab"],
    ids=["empty", "a line", "31 bytes", "33 bytes", "odd", "no digits", "binary", "no ASCII", "two lines"],
)
def test_a_damaged_key_is_one_line_and_reads_nothing(sandbox: Sandbox, tmp_path: Path, content: bytes) -> None:
    state = State(tmp_path / "db")
    state.prepare()
    (state.folder / "hash_key").write_bytes(content)
    done = logentic("run", "--db", "db", cwd=tmp_path, **access(sandbox))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "is damaged: it must hold 32 bytes" in done.stderr
    assert "--new-hash-key" in done.stderr
    assert (state.folder / "hash_key").read_bytes() == content
    assert not sandbox.requests


CHANGES = {
    "another key": ({"hash_key": "first key"}, {"hash_key": "second key"}, "another key"),
    "values in clear": ({"hash_key": "first key"}, {"keep_personal_data": True}, "holds pseudonyms"),
    "pseudonyms after values in clear": (
        {"keep_personal_data": True},
        {"hash_key": "first key"},
        "was made with keep_personal_data",
    ),
}


@pytest.mark.parametrize("destination", ["duckdb", "filesystem"])
@pytest.mark.parametrize(("before", "after", "words"), CHANGES.values(), ids=CHANGES)
def test_another_key_is_refused_until_it_is_accepted_and_then_is_the_one(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    destination: str,
    before: dict[str, Any],
    after: dict[str, Any],
    words: str,
) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    file = tmp_path / "db"
    first, second = (settings_of(sandbox, destination=destination, **each) for each in (before, after))
    run_job(first, file, RAW_ONLY)
    asked = len(sandbox.requests)
    with pytest.raises(StateError, match=words):
        run_job(second, file, RAW_ONLY)
    assert len(sandbox.requests) == asked
    run_job(first, file, RAW_ONLY)
    run_job(second, file, JobOptions(models=False, accept_new_key=True))
    run_job(second, file, RAW_ONLY)
    with pytest.raises(StateError):
        run_job(first, file, RAW_ONLY)


def test_a_run_that_was_stopped_in_time_has_signed_what_it_loaded(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "db"
    run_job(settings_of(sandbox, hash_key="first key"), file, JobOptions(models=False, select=frozenset({"items"})))
    (State(file).folder / "built.json").unlink()
    file.unlink()
    with pytest.raises(StateError, match="another key"):
        run_job(settings_of(sandbox, hash_key="second key"), file, RAW_ONLY)


def test_a_receiver_does_not_hash_with_another_key(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "db"
    run_job(settings_of(sandbox), file, RAW_ONLY)
    (State(file).folder / "hash_key").unlink()
    with pytest.raises(StateError, match="another key"):
        make_receiver(settings_of(sandbox, webhook_secret="a secret"), State(file))


def test_a_dlt_pipeline_does_not_go_on_with_another_key_also_on_another_machine(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in access(sandbox, hash_key="first key").items():
        monkeypatch.setenv(f"LOGENTIC_{name.upper()}", str(value))

    def run(folder: str) -> None:
        destination = dlt.destinations.duckdb(str(tmp_path / "own.duckdb"))
        pipeline = dlt.pipeline("mine", destination=destination, dataset_name="shop", pipelines_dir=tmp_path / folder)
        pipeline.run(logentic_source().with_resources("items", "extract_windows"))

    run("one")
    sandbox.clock.advance(timedelta(days=1))
    run("one")
    monkeypatch.setenv("LOGENTIC_HASH_KEY", "second key")
    for folder in ("one", "two"):
        with pytest.raises(PipelineStepFailed, match="another key"):
            run(folder)
    monkeypatch.setenv("LOGENTIC_HASH_KEY", "first key")
    run("three")
