"""Keep the memory of the process small, and end it quickly."""

import atexit
import ctypes
import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

M_ARENA_MAX = -8  # of glibc's malloc.h
# Where they are installed (for notebooks, a linter), pyarrow, dlt and requests import them on sight: 50 MB and a third
# of a second.
NEEDLESS = {"numpy", "pandas", "chardet"}
OBJECTS_BETWEEN_COLLECTIONS = 50_000  # imports make half a million that stay: with 700, each is looked at many times


def keep_small() -> None:
    """Let Arrow take its memory from the system, and threads share two pools instead of sixteen."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it looks for some in all that is installed
    with suppress(AttributeError, OSError):  # other systems have other ways
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 20)


def give_back() -> None:
    """Return freed memory to the system, also from between blocks in use; worth calling after something large."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def leave_out_needless() -> None:
    """Hide `NEEDLESS` modules, in a process of our own only: one that others share may need them."""
    if gc.get_threshold()[0] == OBJECTS_BETWEEN_COLLECTIONS:
        sys.meta_path.insert(0, _Needless())


def leave(code: int) -> NoReturn:
    """End the process at once, streams flushed: destroying half a million objects costs 0.2 s of CPU."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # whoever read it has gone
            code = code or 120
    os._exit(code)


class _Needless:
    """As if they were not installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in NEEDLESS:
            raise ModuleNotFoundError(f"No module named {name!r}: it is left out of this process", name=name)
