"""Compare rows with the live records: what has to be created, updated or deleted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from logentic.push.lookup import Found, Lookup, Record
from logentic.push.push_log import Creation, PushLog
from logentic.push.rows import PushRow, Target, differences, missing_fields
from logentic.push.write_client import record_id

Action = Literal["create", "update", "delete", "unchanged", "unknown", "refused"]
CONTROLS = 3
BY_ID_LIMIT = 100  # records: more are looked up in the whole list


@dataclass(frozen=True)
class PlannedRow:
    """`differences`: (path, value of the record, value of the row). `reason`: why a row is refused or unknown."""

    row: PushRow
    action: Action
    record: Record | None = None
    differences: tuple[tuple[str, Any, Any], ...] = ()
    reason: str = ""
    field: str = ""  # that is refused

    @property
    def record_id(self) -> int | None:
        return record_id(self.record)


def make_plan(
    target: Target,
    rows: Sequence[PushRow],
    lookup: Lookup,
    push_log: PushLog,
    *,
    allow_delete: bool,
    lost_answer_seconds: float = 0,
) -> list[PlannedRow]:
    """Return a planned row for each row, in their order.

    A request that got no answer may still be at work for `lost_answer_seconds`: until then its row stays unknown.
    """
    names = {name for row in rows if row.record_id is None for name in row.names}
    found = lookup.find(names)
    creations = {row.number: _creation(push_log, row) for row in rows}
    ids = {row.record_id for row in rows if row.record_id is not None}
    ids |= {each.record_id for each in creations.values() if each and each.record_id is not None}
    missing = ids - found.by_id.keys()
    if len(missing) > BY_ID_LIMIT:
        found.by_id |= lookup.read_all().by_id
        missing = ids - found.by_id.keys()
    for key in missing:
        if key is not None and (record := lookup.read(key)) is not None:
            found.by_id[key] = record
    uncertain = {
        name
        for row in rows
        if (each := creations[row.number]) and each.is_uncertain and not found.records(row.names)
        for name in row.names
    }
    proof = find_uncertain(lookup, push_log, uncertain)
    planned = []
    for row in rows:
        creation = creations[row.number]
        found_here = proof if creation and creation.is_uncertain and not found.records(row.names) else found
        if found_here is proof and creation and creation.seconds_left(lost_answer_seconds) > 0:
            found_here = replace(proof, proves_absence=False, reason="may still be at work")
        planned.append(_plan_row(target, row, found_here, found, creation, allow_delete=allow_delete))
    return planned


def find_uncertain(lookup: Lookup, push_log: PushLog, names: set[tuple[str, Any]]) -> Found:
    """Look for records of which it is not known whether they were created."""
    controls = push_log.controls(CONTROLS)
    return lookup.find(names | {name for name, _ in controls}, controls, must_prove=True) if names else Found()


def _creation(push_log: PushLog, row: PushRow) -> Creation | None:
    return min(push_log.creations(row.names), key=lambda each: each.is_uncertain, default=None)


def _plan_row(
    target: Target, row: PushRow, names: Found, records: Found, creation: Creation | None, *, allow_delete: bool
) -> PlannedRow:
    record: Record | None
    skipped: tuple[str, ...] = ()
    if row.record_id is not None:
        record = records.by_id.get(row.record_id)
        if record is None:
            return PlannedRow(row, "refused", reason=f"the account has no record with id {row.record_id}", field="id")
    else:
        matches = names.records(row.names)
        record = matches[0] if matches else None
        if len(matches) > 1:
            ids = ", ".join(str(record_id(each)) for each in matches)
            return PlannedRow(row, "refused", reason=f"several records have it: {ids}", field=row.names[0][0])
        if record is None and creation and creation.record_id is not None:
            record, skipped = records.by_id.get(creation.record_id), target.names
            if record is None:
                reason = f"an earlier push created it as {creation.record_id}, and the account no longer has it"
                return PlannedRow(row, "refused", reason=reason, field=row.names[0][0])
        if record is None:
            return _plan_absent(target, row, names, creation)
    if row.is_delete:
        if not allow_delete:
            return PlannedRow(row, "refused", record, reason="deleting needs --allow-delete", field="delete")
        return PlannedRow(row, "delete", record)
    return compare(target, row, record, skipped)


def _plan_absent(target: Target, row: PushRow, names: Found, creation: Creation | None) -> PlannedRow:
    if row.is_delete:
        return PlannedRow(row, "unchanged", reason="the account has no such record")
    if not names.proves_absence:
        sent = f"sent at {creation.sent_at:%Y-%m-%d %H:%M:%S} UTC without an answer, and " if creation else ""
        return PlannedRow(row, "unknown", reason=f"{sent}{names.reason}")
    if missing := missing_fields(target, row):
        return PlannedRow(row, "refused", reason="required to create a record", field=", ".join(missing))
    if target.statuses and row.values["status"] != "PENDING":
        return PlannedRow(row, "refused", reason="must be PENDING to create an order", field="status")
    return PlannedRow(row, "create")


def compare(target: Target, row: PushRow, record: Record, skipped: Sequence[str] = ()) -> PlannedRow:
    """Plan the update of a record. An order that is no longer PENDING is refused."""
    found = tuple(differences(target, row, record, skipped))
    if not found:
        return PlannedRow(row, "unchanged", record)
    if target.statuses and record.get("status") != "PENDING":
        reason = f"the order is {record.get('status')}: only PENDING orders can be updated"
        return PlannedRow(row, "refused", record, found, reason, "status")
    if target.statuses and row.values.get("status", "PENDING") not in target.statuses:
        return PlannedRow(row, "refused", record, found, f"must be {' or '.join(target.statuses)}", "status")
    return PlannedRow(row, "update", record, found)


def count_actions(planned: Sequence[PlannedRow]) -> dict[str, int]:
    counts = Counter[str](each.action for each in planned)
    return {name: counts[name] for name in ("create", "update", "delete", "unchanged", "unknown", "refused")}
