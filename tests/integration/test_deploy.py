"""The files in deploy/, run as they stand: cron's line by cron, the unit's command, the container's steps."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from command_line import access, environment

from logentic.monitoring.run_history import read_runs
from logentic.sandbox import Account, Sandbox
from logentic.state import State

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
LEFT_OUT = shutil.ignore_patterns(".*", "dist", "demo", "build", "tests", "benchmarks", "conformance", "__pycache__")
NOBODY = 65534
# As a container: the root file system read-only, a /tmp of its own, another user. Python may lie in root's own folder.
ISOLATED = """
mkdir {place}/python {place}/tmp
mount --bind {python} {place}/python
mount -t tmpfs -o mode=755 none /root
mkdir -p {python}
mount --bind {place}/python {python}
mount --bind {place}/data {place}/data
mount -t tmpfs -o mode=1777 none {place}/tmp
mount -o remount,bind,ro /
cd {place}/data
exec env TMPDIR={place}/tmp setpriv --reuid={user} --regid={user} --clear-groups "$0" "$@"
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=8, scale=0.05, days=8, today=date(2026, 3, 17))) as sandbox:
        yield sandbox


@pytest.fixture
def home(tmp_path: Path, sandbox: Sandbox) -> Path:
    """What the files take for /srv/logentic."""
    home = tmp_path / "srv"
    (home / "dlt_config").mkdir(parents=True)
    (home / ".venv").symlink_to(sys.prefix)
    shutil.copy(ROOT / "dlt_config" / "config.toml", home / "dlt_config")
    secrets = home / "dlt_config" / "secrets.toml"
    secrets.write_text(f'[logentic]\napi_token = "{sandbox.token}"\nbase_url = "{sandbox.url}"\n')
    return home


def deployed(name: str, home: Path) -> str:
    """The file with this test's folder and user for those that it expects."""
    text = (DEPLOY / name).read_text("utf-8").replace("/srv/logentic", str(home))
    return text.replace("logentic  cd", "root  cd").replace("su logentic logentic", "su root root")


def outcomes(home: Path) -> list[str]:
    return [row["outcome"] for row in read_runs(State(home / "data" / "logentic.duckdb"))]


@pytest.mark.skipif(not shutil.which("cron") or os.geteuid() != 0, reason="cron and root are needed")
def test_cron_runs_its_line(home: Path, tmp_path: Path) -> None:
    """By a cron daemon of its own: its folders are seen by it alone."""
    (table := tmp_path / "cron.d" / "logentic").parent.mkdir()
    every_minute = deployed("logentic.cron", home).replace("\n7 * ", "\n* * ").replace(" run ", " run --no-models ")
    table.write_text(every_minute)
    table.chmod(0o644)
    (tmp_path / "spool").mkdir()
    (tmp_path / "run").mkdir()
    mounts = {"cron.d": "/etc/cron.d", "spool": "/var/spool/cron/crontabs", "run": "/run"}
    script = "".join(f"mount --bind {tmp_path / name} {place}\n" for name, place in mounts.items()) + "exec cron -f"
    with subprocess.Popen(["unshare", "--mount", "sh", "-ec", script]) as cron:
        deadline = time.monotonic() + 240
        while "published" not in outcomes(home) and time.monotonic() < deadline and cron.poll() is None:
            time.sleep(1)
        cron.terminate()
    assert "published" in outcomes(home)
    assert '"step": "publish"' in (home / "logentic.log").read_text()


@pytest.mark.skipif(not shutil.which("logrotate") or os.geteuid() != 0, reason="logrotate and root are needed")
def test_the_log_is_rotated(home: Path, tmp_path: Path) -> None:
    configuration = tmp_path / "logrotate"
    configuration.write_text(deployed("logentic.logrotate", home))
    configuration.chmod(0o644)
    (home / "logentic.log").write_text("a line\n")
    command = ["logrotate", "--force", "--state", tmp_path / "rotated", configuration]
    subprocess.run(command, check=True, timeout=300)
    assert (home / "logentic.log.1.gz").exists()
    assert not (home / "logentic.log").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is needed")
def test_systemd_accepts_the_units(home: Path, tmp_path: Path) -> None:
    units = []
    for name in ("logentic.service", "logentic.timer"):
        unit = tmp_path / name
        unit.write_text(deployed(name, home).replace("User=logentic", "User=root"))
        units.append(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, timeout=300, check=False
    )
    assert [line for line in done.stderr.splitlines() if "logentic" in line] == []
    (when,) = [line.partition("=")[2] for line in units[1].read_text().splitlines() if line.startswith("OnCalendar=")]
    subprocess.run(["systemd-analyze", "calendar", when], check=True, capture_output=True, timeout=300)


def test_the_units_command_runs_as_it_stands(home: Path, sandbox: Sandbox) -> None:
    lines = deployed("logentic.service", home).splitlines()
    (command,) = [line.partition("=")[2] for line in lines if line.startswith("ExecStart=")]
    done = subprocess.run(
        [*shlex.split(command), "--no-models"],
        cwd=home,
        env=environment(home, **access(sandbox)),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert outcomes(home) == ["published"]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can only be taken by root")
def test_the_containers_steps_give_a_program_that_another_user_runs(sandbox: Sandbox) -> None:
    """Without a builder: its steps in a clean folder. Nothing but /data may be written."""
    place = Path(subprocess.check_output(["mktemp", "-d", "/tmp/container.XXXXXX"], text=True).strip())
    try:
        run_container(place, sandbox)
    finally:
        shutil.rmtree(place)


def run_container(place: Path, sandbox: Sandbox) -> None:
    source, program, data = place / "src", place / "logentic", place / "data"
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    shutil.copytree(ROOT / "tests" / "reconcile", source / "tests" / "reconcile")
    steps = [line for line in (DEPLOY / "Containerfile").read_text("utf-8").splitlines() if line[:1].isupper()]
    (sync,) = [step.removeprefix("RUN ") for step in steps if step.startswith("RUN uv")]
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    command = shlex.split(sync.replace("python3.11", sys.executable))
    settings = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(program), "UV_LINK_MODE": "hardlink"}
    subprocess.run([uv, *command[1:], "--quiet"], cwd=source, env=settings, check=True, timeout=400)
    shutil.rmtree(source)  # the second stage has none of it
    assert list(program.rglob("typer/__pycache__/*.pyc"))
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    place.chmod(0o755)
    told = {step.partition(" ")[0]: step.partition(" ")[2] for step in steps}
    words = " ".join(told[name].strip("[]").replace('"', "").replace(",", " ") for name in ("ENTRYPOINT", "CMD"))
    words = words.replace("/opt/logentic", str(program)).replace("/data", str(data))
    inside = {**environment(Path("/nowhere"), **access(sandbox)), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "sh",
            "-ec",
            ISOLATED.format(place=place, python=sys.base_prefix, user=NOBODY),
            *words.split(),
        ],
        cwd=data,
        env=inside,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in data.iterdir()) == ["logentic.duckdb", "logentic.duckdb.state"]
    assert (data / "logentic.duckdb").stat().st_uid == NOBODY


HIDDEN = [
    "dlt_config/secrets.toml",
    ".env",
    ".git/config",
    "secrets.toml",
    "deploy/secrets.toml",
    "pipelines/logentic/secrets.toml",
    "logentic.duckdb",
    "logentic.duckdb.state/hash_key",
    "data/logentic.duckdb.state/runs.jsonl",
    "notebooks/mine.csv",
    "models/marts/x.duckdb",
    "pipelines/logentic/.env",
    "pipelines/logentic/__pycache__/cli.cpython-311.pyc",
    "tests/conftest.py",
]


def is_sent(path: str) -> bool:
    """Whether a builder sees a file, as Docker reads .dockerignore: the last line that matches decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = line.strip().removeprefix("!")
        if not pattern or line.startswith("#"):
            continue
        inner = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(f"{inner}(/.*)?", path):
            sent = line.startswith("!")
    return sent


def test_the_builder_sees_what_it_needs_and_no_secret() -> None:
    assert [path for path in HIDDEN if is_sent(path)] == []
    assert not (ROOT / ".containerignore").exists(), "podman would read it instead"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    needed = {"pyproject.toml", "uv.lock", "README.md", "LICENSE", "pipelines/logentic/cli.py"}
    for name in included:
        found = [path for path in (ROOT / name).rglob("*") if path.is_file()] or [ROOT / name]
        needed |= {str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts}
    assert sorted(path for path in needed if not is_sent(path)) == []


def test_versions_are_pinned() -> None:
    container = (DEPLOY / "Containerfile").read_text("utf-8")
    images = re.findall(r"^FROM (\S+)", container, re.MULTILINE)
    assert [image for image in images if not re.search(r":\d+\.\d+\.\d+[\w.-]*$|@sha256:", image)] == []
    (uv,) = set(re.findall(r"uv==\d+\.\d+\.\d+", container))
    assert uv in (ROOT / "Makefile").read_text("utf-8")
    for workflow in (ROOT / ".github" / "workflows").iterdir():
        used = re.findall(r"uses: (\S+)", workflow.read_text("utf-8"))
        assert used
        assert [action for action in used if not re.search(r"@[0-9a-f]{40}$", action)] == []


def test_the_data_belong_to_the_containers_user() -> None:
    lines = (DEPLOY / "Containerfile").read_text("utf-8").splitlines()
    (user,) = [line.removeprefix("USER ").partition(":")[0] for line in lines if line.startswith("USER ")]
    made = [line for line in lines if line.startswith("RUN install ") and line.endswith(" /data")]
    assert len(made) == 1
    assert f"--owner={user} " in made[0]
    assert lines.index(made[0]) < lines.index("VOLUME /data")


def test_the_unit_gives_away_what_it_does_not_need() -> None:
    unit = [line.partition("=")[::2] for line in (DEPLOY / "logentic.service").read_text("utf-8").splitlines()]
    values = dict(unit)
    assert {"UMask", "MemoryMax", "SystemCallFilter", "ProtectSystem"} <= values.keys()
    assert values["CapabilityBoundingSet"] == ""
    (command,) = [value for name, value in unit if name == "ExecStart"]
    file = Path(shlex.split(command)[shlex.split(command).index("--db") + 1])
    assert Path(values["ReadWritePaths"]) == file.parent
    assert not Path(shlex.split(command)[0]).is_relative_to(file.parent), "a run cannot change its own program"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is needed")
def test_systemd_rates_the_unit_as_well_confined() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(DEPLOY / "logentic.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
