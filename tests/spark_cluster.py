"""Run a real Spark cluster on 127.0.0.1: master, two workers that a test may kill, and a Spark Connect server.

All end by their process groups, because an executor is a child of its worker. It needs Java 17, and the environment of
conformance/spark_cluster.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sail_server import wait_for

HOME = next(
    (Path(__file__).parents[1] / "conformance" / "spark_cluster" / ".venv").glob("lib/*/site-packages/pyspark"), None
)
# Small tables in many steps: what costs is planning, compiling and starting tasks, not rows.
SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1500m",
    "spark.executor.memory": "1g",
    "spark.executor.cores": "1",
    "spark.default.parallelism": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.ui.retainedExecutions": "1",
    "spark.ui.enabled": "false",
    "spark.eventLog.enabled": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -Duser.timezone=UTC",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -Duser.timezone=UTC",
}


class SparkCluster:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        master, port = _free_port(), _free_port()
        deploy = "org.apache.spark.deploy"
        here = ("--host", "127.0.0.1", "--webui-port", "0")
        wait_for(master, self._run("master", "spark-class", f"{deploy}.master.Master", *here, "--port", str(master)))
        url = f"spark://127.0.0.1:{master}"
        for name in ("worker1", "worker2"):
            size = ("--cores", "1", "--memory", "1200m", "--work-dir", str(self._folder / name))
            self.workers.append(self._run(name, "spark-class", f"{deploy}.worker.Worker", *here, *size, url))
        settings = SETTINGS | {
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": str(port),
            "spark.sql.warehouse.dir": str(self._folder / "warehouse"),
            "spark.local.dir": str(self._folder / "scratch"),
        }
        options = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        server = "org.apache.spark.sql.connect.service.SparkConnectServer"
        wait_for(
            port, self._run("server", "spark-submit", "--master", url, *options, "--class", server, "spark-internal")
        )
        self.address = f"sc://127.0.0.1:{port}"

    def cpu_seconds(self) -> float:
        """Of all its processes that are still there, and of those that they waited for."""
        return sum(_cpu_of_group(process.pid) for process in self._processes)

    def stop(self) -> None:
        for process in self._processes:
            kill(process)

    def _run(self, name: str, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        assert HOME
        environment = os.environ | {
            "SPARK_HOME": str(HOME),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "256m" if program == "spark-class" else SETTINGS["spark.driver.memory"],
            "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1",
            "SPARK_CONF_DIR": str(self._folder),
            "TZ": "UTC",
        }
        environment.pop("SPARK_REMOTE", None)
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(HOME / "bin" / program), *arguments],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process


def kill(process: "subprocess.Popen[bytes]") -> None:
    """With its executor."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def running(folder: Path) -> Iterator[SparkCluster]:
    cluster = SparkCluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _cpu_of_group(group: int) -> float:
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
