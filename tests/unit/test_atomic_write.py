"""Small files: whole or not at all, and nothing left of a process that was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from logentic.atomic_write import create_once, remove_partial_files, replace_file

KILLED = (
    "import os, signal, sys; from pathlib import Path; from logentic import atomic_write;"
    "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL);"
    "atomic_write.replace_file(Path(sys.argv[1]), b'new')"
)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.json"
    replace_file(path, b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    return path


def test_a_killed_process_leaves_the_old_file_and_its_partial_one_is_removed(note: Path) -> None:
    assert note.read_bytes() == b"old"
    assert len(list(note.parent.glob(".*.partial"))) == 1
    remove_partial_files(note.parent)
    assert [path.name for path in note.parent.iterdir()] == ["note.json"]


def test_what_a_running_process_or_another_machine_writes_stays(note: Path) -> None:
    [left] = note.parent.glob(".*.partial")
    elsewhere = left.with_name(left.name.replace(os.uname().nodename, "another-machine"))
    ours = left.with_name(f".other.x.{os.uname().nodename[:60]}.{os.getpid()}.partial")
    left.rename(elsewhere)
    ours.touch()
    remove_partial_files(note.parent)
    assert {path.name for path in note.parent.glob(".*")} == {elsewhere.name, ours.name}


def test_only_one_of_two_creates_a_file(tmp_path: Path) -> None:
    assert create_once(tmp_path / "key", b"first")
    assert not create_once(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
