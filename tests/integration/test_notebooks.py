"""The notebooks: each runs from top to bottom on an account, and becomes HTML and Jupyter."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import access, environment, logentic

from logentic.sandbox import Account, Sandbox

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "dashboard")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("account")
    (folder / "home").mkdir()
    with Sandbox(Account(seed=5, scale=0.1, days=70)) as sandbox:
        done = logentic("run", "--db", "shop.duckdb", cwd=folder, **access(sandbox))
    assert done.returncode == 0, done.stderr
    return folder / "shop.duckdb"


def marimo(file: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "marimo", *arguments, "--", "--db", str(file)],
        cwd=file.parent,
        env=environment(file.parent),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_to_its_answer_and_becomes_html_and_jupyter(name: str, file: Path, tmp_path: Path) -> None:
    notebook = shutil.copy(FOLDER / f"{name}.py", tmp_path)  # an export leaves a session beside its notebook
    page, jupyter = tmp_path / "page.html", tmp_path / "notebook.ipynb"
    marimo(file, "export", "html", notebook, "--no-include-code", "--output", str(page))
    assert "The answer" in page.read_text("utf-8")
    marimo(file, "export", "ipynb", notebook, "--include-outputs", "--output", str(jupyter))
    cells = json.loads(jupyter.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert "The answer" in json.dumps(outputs)
