"""Run the `logentic` command as a shell does, in a process and an environment of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from logentic.sandbox import Sandbox

COMMAND = str(Path(sys.executable).with_name("logentic"))
# Root may read and write anywhere, unless it gives that right up.
AS_ANYBODY = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
KILLED_RUN = Path(__file__).with_name("killed_run.py")


def logentic(
    *arguments: object,
    cwd: Path,
    command: str | list[str] = COMMAND,
    more_environment: Mapping[str, str] = MappingProxyType({}),
    **settings: object,
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. Settings are named as in config.toml."""
    return subprocess.run(
        [*([command] if isinstance(command, str) else command), *map(str, arguments)],
        cwd=cwd,
        env={**environment(cwd, **settings), **more_environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def killed_run(step: str, file: Path, sandbox: Sandbox, *, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """A run that is killed when it comes to a step."""
    return subprocess.run(
        [sys.executable, KILLED_RUN, step, file, sandbox.url, sandbox.token],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def environment(home: Path, **settings: object) -> dict[str, str]:
    """Nothing but the path, an empty home and these settings."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home / "home"),
        **{f"LOGENTIC_{name.upper()}": str(value) for name, value in settings.items()},
    }


def access(sandbox: Sandbox, **more: object) -> dict[str, Any]:
    """The settings by which a process reaches a sandbox."""
    return {"base_url": sandbox.url, "api_token": sandbox.token, **more}
