"""A process that stays small.

In: a process of our own, before pyarrow is imported. Out: memory that was used once is given back, not kept for later.
Next: job.py.
"""

import ctypes
import os
from contextlib import suppress

M_ARENA_MAX = -8  # of glibc's malloc.h


def keep_small() -> None:
    """Arrow takes its memory from the system, and the system's threads share two pools instead of sixteen."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with suppress(AttributeError, OSError):  # other systems have other ways
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)
