"""Limit the memory of the process, and end it quickly."""

import atexit
import ctypes
import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

M_ARENA_MAX = -8  # from glibc's malloc.h
# If installed (for notebooks, a linter), pyarrow, dlt and requests import them, which costs 50 MB and a third of a
# second.
UNNEEDED_MODULES = {"numpy", "pandas", "chardet"}
# Price learning uses numpy. pyarrow does not support it if numpy was blocked when pyarrow was imported.
NEEDED_BY_MODELS = {"numpy"}
# imports leave half a million objects; with Python's default of 700 each is examined many times
OBJECTS_BETWEEN_COLLECTIONS = 50_000


def limit_memory() -> None:
    """Let Arrow allocate from the system, and let threads share two arenas instead of sixteen."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # pydantic would search all installed packages for plugins
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with suppress(AttributeError, OSError):  # other systems lack mallopt
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 20)


def release_memory() -> None:
    """Return freed memory to the system, also between blocks in use; call it after something large."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def hide_unneeded_modules(*, models: bool = False) -> None:
    """Hide `UNNEEDED_MODULES` from imports, unless the process is shared with code that may need them.

    `models`: the process may build the models.
    """
    if gc.get_threshold()[0] == OBJECTS_BETWEEN_COLLECTIONS:
        sys.meta_path.insert(0, _ModuleBlocker(UNNEEDED_MODULES - (NEEDED_BY_MODELS if models else set())))


def exit_process(code: int) -> NoReturn:
    """Flush the streams and end the process at once: destroying half a million objects costs 0.2 s of CPU."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the reader closed the pipe
            code = code or 120
    os._exit(code)


class _ModuleBlocker:
    """Import hook that reports the modules as not installed."""

    def __init__(self, modules: set[str]) -> None:
        self._modules = modules

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in self._modules:
            raise ModuleNotFoundError(f"No module named {name!r}: it is left out of this process", name=name)
