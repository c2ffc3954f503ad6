"""Run Sail, a real engine that speaks Spark Connect, which tests stop and restart."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


class SailServer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with closing(socket.socket()) as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self.address = f"sc://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("sail")), "spark", "server", "--port", str(self.port)]
        # On a busy machine Sail (0.7) stops workers in the middle of a long task, which then hangs.
        patience = {f"SAIL_CLUSTER__WORKER_{name}_SECS": "36000" for name in ("HEARTBEAT_TIMEOUT", "MAX_IDLE_TIME")}
        environment = os.environ | patience | {"SAIL_MODE": "local-cluster", "TZ": "UTC"}
        with (self._folder / "sail.log").open("a") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log, env=environment)
        wait_for(self.port, self._process)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """Its tables go with it: they lived in its sessions."""
        self._process.kill()
        self._process.wait()


@contextmanager
def running(folder: Path) -> Iterator[SailServer]:
    server = SailServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("no server within a minute")
