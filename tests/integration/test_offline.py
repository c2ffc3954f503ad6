"""Without a network: the demo needs none, and nothing is written but where it was asked for."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from command_line import COMMAND, environment

# In a network of its own there is no interface but the loopback one, and that is down until somebody raises it.
RAISE_LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sH14s", b"lo", 1, b""))  # SIOCSIFFLAGS, IFF_UP
os.execv(sys.argv[1], sys.argv[1:])
"""
ALONE = ["unshare", "--map-root-user", "--net", sys.executable, "-c", RAISE_LOOPBACK]


def alone(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ALONE, *command], cwd=cwd, env=environment(cwd), capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if not shutil.which("unshare") or alone("/bin/true", cwd=tmp_path).returncode:
        pytest.skip("this machine does not let a process leave its network")
    (tmp_path / "home").mkdir()
    return tmp_path


def test_a_process_that_left_the_network_reaches_nobody(folder: Path) -> None:
    """Else the test below would prove nothing."""
    program = "import socket; socket.create_connection(('192.0.2.1', 443), 2)"
    assert "Network is unreachable" in alone(sys.executable, "-c", program, cwd=folder).stderr


def test_the_demo_fills_every_table_without_a_network_and_writes_where_it_was_asked_to(folder: Path) -> None:
    done = alone(COMMAND, "demo", "--db", "demo/logentic.duckdb", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "Load a simulated account" in done.stderr.splitlines()[0]
    assert "seconds" in done.stderr.splitlines()[0]
    lines = done.stdout.splitlines()
    assert [line.split(" ")[0].rstrip(":,") for line in lines] == ["Loaded", "Tables", "Invoice", "See", "Open"]
    assert re.fullmatch(r"Open the dashboard: \S*logentic dashboard --db demo/logentic.duckdb", lines[-1])
    shown = alone(*shlex.split(lines[3].partition(": ")[2]), cwd=folder)
    assert shown.returncode == 0, shown.stderr
    with duckdb.connect(str(folder / "demo" / "logentic.duckdb"), read_only=True) as published:
        tables = [name for (name,) in published.execute(TABLES).fetchall()]
        counts = {name: published.execute(f"select count(*) from logentic_marts.{name}").fetchone() for name in tables}
    assert len(counts) > 10
    # No month of the demo was closed, and its ledger never parts from its history.
    empty = {name for name, count in counts.items() if count == (0,)}
    assert empty == {"invoice_decisions", "rejected_values", "restatements", "stock_ledger_breaks"}
    assert sorted(path.name for path in folder.iterdir()) == ["demo", "home"]
    assert sorted(path.name for path in (folder / "demo").iterdir()) == ["logentic.duckdb", "logentic.duckdb.state"]
    assert list((folder / "home").iterdir()) == []


TABLES = "select table_name from information_schema.tables where table_schema = 'logentic_marts'"
