"""Write log lines for machines to stderr: one JSON object a line."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

from logentic.sanitizer import json_text

_STATE = {"json": False}


def use_json() -> None:
    """Write JSON from now on, including the warnings of the package."""
    _STATE["json"] = True
    logger = logging.getLogger("logentic")
    logger.addHandler(_JsonHandler())
    logger.propagate = False


def are_json() -> bool:
    return _STATE["json"]


def write(event: str, level: str = "info", **fields: Any) -> None:
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event, **fields}
    print(json_text(line), file=sys.stderr, flush=True)


class _JsonHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        write("log", record.levelname.lower(), message=record.getMessage())
