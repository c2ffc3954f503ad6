"""Delete records of a published file, and return the (id, day) of what is gone and of what `verify` names."""

from datetime import date
from pathlib import Path

import duckdb

from logentic.verify.verification import VerificationResult

DAY = {
    "orders": "updated_at",
    "item_quantities": "updated_at",
    "inventory_history": "date",
    "payment_items": "start",
    "items": "null",
}
Named = list[tuple[int, date | None]]


def lose(file: Path, resource: str, where: str) -> Named:
    """Delete records from FILE, and from the working database, whence FILE would come back."""
    lost: Named = []
    for path in (file, file.with_name(f"{file.name}.state") / "work.duckdb"):
        with duckdb.connect(str(path)) as database:
            database.execute("set TimeZone = 'UTC'")
            listed = f"select id, ({DAY[resource]})::date from logentic_raw.{resource} where {where} order by id"
            lost = database.execute(listed).fetchall()
            database.execute(f"delete from logentic_raw.{resource} where {where}")
    assert lost, f"no {resource} where {where}: nothing would be tested"
    return lost


def named(verdicts: list[VerificationResult], side: str = "missing") -> dict[str, Named]:
    """(id, day) of every difference, by resource."""
    return {
        verdict.resource: sorted((key, one.day) for one in verdict.differences for key in getattr(one, side))
        for verdict in verdicts
        if verdict.differences
    }


def assert_equal(verdicts: list[VerificationResult]) -> None:
    for verdict in verdicts:
        assert (verdict.differences, verdict.unclear, verdict.failure) == ([], [], ""), verdict.resource
