"""Measure runs with their models over the demo's account: the first, then runs with one changed order each.

Print JSON: of the first run the wall seconds of its build step, of each later run the CPU and wall seconds of the whole
process, and of `import dlt` in turn with it. With --install, what the wheel takes in an empty environment instead.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import run
from benchmarks.sections import OURS, ROOT, environment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--install", action="store_true", help="measure the size of an installation")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="logentic-builds-"))
    try:
        print(json.dumps(installation(folder) if options.install else runs(folder, options.rounds), indent=1))
    finally:
        shutil.rmtree(folder)


def runs(folder: Path, rounds: int) -> list[dict[str, Any]]:
    from logentic.sandbox import Account, Sandbox

    found, log = [], folder / "log.txt"
    with Sandbox(Account()) as sandbox:
        known = environment(None, folder, LOGENTIC_BASE_URL=sandbox.url, LOGENTIC_API_TOKEN=sandbox.token)
        command = [str(OURS.with_name("logentic")), "run", "--db", str(folder / "account.duckdb")]
        order = max(sandbox.state().rows("orders"), key=lambda row: row["id"])
        for number in range(rounds + 1):
            cost = run(command, known, folder, log)
            seconds = re.search(r"build (\S+) s", log.read_text("utf-8"))
            if cost.status or not seconds:
                raise SystemExit(log.read_text("utf-8")[-500:])
            what = "one changed order" if number else "first run"
            found.append({"what": what, "cpu": cost.cpu, "wall": cost.wall, "build": float(seconds[1])})
            sandbox.alter("orders", order["id"], city=f"City {number}")
            bare = run([str(OURS), "-c", "import dlt"], environment(None, folder), folder, log)
            found.append({"what": "import dlt", "cpu": bare.cpu, "wall": bare.wall})
    return found


def installation(folder: Path) -> list[dict[str, Any]]:
    """Install the wheel as `pip install` does, without bytecode and without what the environment itself brings."""
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    locked = folder / "locked.txt"
    exported = [uv, "export", "--quiet", "--frozen", "--no-hashes", "--no-emit-project", "--output-file", str(locked)]
    subprocess.run(exported, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    target = folder / "installed"
    install = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target)]
    subprocess.run([*install, "--constraint", str(locked), str(wheel)], check=True)
    size = sum(path.lstat().st_size for path in target.rglob("*") if path.is_file() and path.suffix != ".pyc")
    packages = sum(1 for _ in target.glob("*.dist-info"))
    return [{"what": "installed", "megabytes": round(size / 1e6), "packages": packages}]


if __name__ == "__main__":
    main()
