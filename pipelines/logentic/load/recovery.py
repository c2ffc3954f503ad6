"""Finish or undo the work of a killed run."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from logentic.destinations.base import Destination
from logentic.state import State

if TYPE_CHECKING:
    import dlt


def recover(pipeline: "dlt.Pipeline", destination: Destination) -> bool:
    """Finish pending packages; return whether there were any.

    A kill between the commit of a file's rows and dlt's record of it loads the file again: the second copies are
    removed. So are the rows of a load that can no longer be completed (its package is lost): no receipt counts them.
    """
    pending = [*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()]
    if pending:
        pipeline.run()
    destination.remove_unfinished(pipeline, pending)
    _remove_half_extracted(Path(pipeline.working_dir) / "normalize")
    return bool(pending)


def set_packages_aside(state: State, keep: int = 3) -> list[Path]:
    """Move packages that are not loaded out of dlt's folder, and reset dlt's local state, so that it asks the
    destination.
    """
    moved = set()
    for room in ("normalize/extracted", "load/new", "load/normalized"):
        for package in sorted((state.dlt / "logentic" / room).glob("*")):
            target = state.set_aside / package.name / room.replace("/", "_")
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            package.replace(target)
            moved.add(target.parent)
    for old in sorted(state.set_aside.glob("*"))[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(state.dlt / "logentic", ignore_errors=True)
    return sorted(moved)


def forget_old_packages(pipeline: "dlt.Pipeline", keep: int = 20) -> None:
    """Remove old folders of loaded packages; the newest are enough for `dlt pipeline … info`."""
    loaded = Path(pipeline.working_dir) / "load" / "loaded"
    if not loaded.is_dir():
        return
    for package in sorted(loaded.iterdir(), key=lambda folder: float(folder.name))[:-keep]:
        shutil.rmtree(package, ignore_errors=True)


def _remove_half_extracted(folder: Path) -> None:
    """Remove the files of an extraction that was killed, because dlt never uses them again."""
    for package in folder.glob("extracted_new/*"):
        shutil.rmtree(package, ignore_errors=True)
