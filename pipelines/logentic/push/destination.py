"""A dlt destination that writes orders and items to the account."""

from pathlib import Path

import dlt
from dlt.common.destination.exceptions import DestinationTerminalException, DestinationTransientException
from dlt.common.schema import TTableSchema
from dlt.common.typing import TDataItems

from logentic.errors import LogenticError, ServiceError
from logentic.push.pusher import PushReport, push_rows
from logentic.push.rows import TARGETS, validate
from logentic.sanitizer import one_line
from logentic.settings import load_settings

BATCH_ROWS = 500
SHOWN_PROBLEMS = 5


class PushRefused(DestinationTerminalException):
    """Rows that no repetition can write."""


@dlt.destination(name="logentic", batch_size=BATCH_ROWS, loader_file_format="typed-jsonl", max_parallel_load_jobs=1)
def logentic_destination(
    items: TDataItems, table: TTableSchema, file: str = "logentic.duckdb", allow_delete: bool = False
) -> None:
    """Write rows of tables `orders` and `items`, in the fields of the API reference, to the account.

    Needs the setting `allow_writes`. Rows are compared with the live records first, and each is created at most once:
    the push log is in the state folder of `file`. Other settings come from where the command line takes them.

    Args:
        file: the file beside whose state folder, FILE.state, the push log is.
        allow_delete: delete the items of rows whose field `delete` is true.
    """
    settings, name = load_settings(), table["name"] or ""
    try:
        target = TARGETS.get(name)
        if target is None:
            raise PushRefused(f"{name} is not a table of logentic_destination: name it orders or items")
        rows, errors = validate(target, items)
        if errors:
            raise PushRefused(_problems([str(error) for error in errors], name))
        report = push_rows(settings, Path(file), target, rows, apply=True, allow_delete=allow_delete)
    except ServiceError as error:
        raise DestinationTransientException(_with_guidance(error)) from error
    except LogenticError as error:
        raise PushRefused(_with_guidance(error)) from error
    if report.stopped:
        raise DestinationTransientException(_with_guidance(report.stopped))
    if report.has_failures:
        raise PushRefused(_problems(_failures(report), name))


def _failures(report: PushReport) -> list[str]:
    failures = []
    for result in report.results:
        if result.is_failure:
            texts = [f"{name}: {text}" for name, found in (result.errors or {}).items() for text in found]
            failures.append(f"{result.planned.row.label}: {result.outcome}: {'; '.join(texts) or result.reason}")
    return failures


def _problems(problems: list[str], table: str) -> str:
    more = f", and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
    return one_line(f"{table}: {'; '.join(problems[:SHOWN_PROBLEMS])}{more}")


def _with_guidance(error: LogenticError) -> str:
    return one_line(f"{error}. {error.guidance}")
