"""Write log lines to stderr as JSON, one object a line."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

from logentic.sanitizer import json_text

_STATE = {"json": False}


def enable() -> None:
    """Write JSON from now on, including warnings of the package."""
    _STATE["json"] = True
    logger = logging.getLogger("logentic")
    logger.addHandler(_JsonHandler())
    logger.propagate = False


def is_enabled() -> bool:
    return _STATE["json"]


def write(event: str, level: str = "info", **fields: Any) -> None:
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event, **fields}
    print(json_text(line), file=sys.stderr, flush=True)


class _JsonHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        write("log", record.levelname.lower(), message=record.getMessage())
