"""Extract a Logentic account completely from its API, as a dlt source."""

import os
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logentic.load.source import logentic_source
    from logentic.push.destination import logentic_destination

__all__ = ["logentic_destination", "logentic_source"]


def config_folder() -> Path:
    """Return the folder of config.toml and secrets.toml: the user's own if there is one, else the packaged one."""
    project = Path(os.environ.get("DLT_PROJECT_DIR", "."))
    if chosen := os.environ.get("DLT_CONFIG_FOLDER"):
        return (project / chosen).resolve()
    for name in ("dlt_config", ".dlt"):
        if (project / name).is_dir():
            return (project / name).resolve()
    return project_folder() / "dlt_config"


def project_folder() -> Path:
    """Return the folder with models/ and dlt_config/: inside the wheel, or the root of a checkout."""
    packaged = Path(__file__).parent / "project"
    return packaged if packaged.is_dir() else Path(__file__).parents[2]


def _folder_of_dlt() -> Path:
    """Return where dlt stores its pipelines by default, by dlt's own rules."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/dlt")
    home = Path("~").expanduser()
    if not os.access(home, os.W_OK):
        return Path(gettempdir()) / "dlt"
    if "XDG_DATA_HOME" in os.environ and not (home / ".dlt").is_dir():
        return Path(os.environ["XDG_DATA_HOME"]) / "dlt"
    return home / ".dlt"


os.environ.setdefault("DLT_CONFIG_FOLDER", str(config_folder()))
# An absolute DLT_CONFIG_FOLDER would also move dlt's data folder (dlt 1.31), so set that to dlt's own default.
os.environ.setdefault("DLT_DATA_DIR", str(_folder_of_dlt()))
# A receipt counts only if its load is complete, so each row needs the id of its load.
os.environ.setdefault("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID", "true")


def __getattr__(name: str) -> Any:
    if name == "logentic_source":
        from logentic.load.source import logentic_source

        return logentic_source
    if name == "logentic_destination":
        from logentic.push.destination import logentic_destination

        return logentic_destination
    raise AttributeError(f"module 'logentic' has no attribute {name!r}")
