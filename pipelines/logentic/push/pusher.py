"""Push rows: make a plan, send what it asks for, each creation at most once, and report what became of each row."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from logentic.api.client import FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS
from logentic.api.records import RecordPseudonymizer
from logentic.errors import Forbidden, ServiceError, Unauthorised, Unreachable
from logentic.privacy.pseudonyms import pseudonym_key
from logentic.push.lookup import Lookup, Record
from logentic.push.plan import PlannedRow, compare, count_actions, find_uncertain, make_plan
from logentic.push.push_log import PushLog
from logentic.push.rows import OWN_FIELDS, Name, PushRow, Target, nested
from logentic.push.write_client import Outcome, WriteClient, WriteResponse, record_id, require_writes
from logentic.settings import Settings, require_token
from logentic.state import State

log = logging.getLogger("logentic")
LARGEST_ATTEMPTS = 3  # requests for one row, each after a look-up has proved that the one before came to nothing
LOGGED_WAIT_SECONDS = 10
DONE = {"create": "created", "update": "updated", "delete": "deleted"}
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PushResult:
    """`outcome`: created, updated, deleted, unchanged; or refused, failed, unknown, not_sent; planned without --apply.

    `errors`: messages of the service by field.
    """

    planned: PlannedRow
    outcome: str
    record_id: int | None = None
    reason: str = ""
    errors: Mapping[str, list[str]] | None = None

    @property
    def is_failure(self) -> bool:
        return self.outcome in ("refused", "failed", "unknown", "not_sent")


@dataclass(frozen=True)
class PushReport:
    """`stopped`: why the push ended before all rows were sent; `requests` counts those that ask for a change."""

    resource: str
    results: tuple[PushResult, ...]
    is_applied: bool
    requests: int = 0
    stopped: ServiceError | None = None

    @property
    def plan(self) -> dict[str, int]:
        return count_actions([result.planned for result in self.results])

    @property
    def outcomes(self) -> dict[str, int]:
        return dict(Counter(result.outcome for result in self.results))

    @property
    def has_failures(self) -> bool:
        return any(result.is_failure for result in self.results)


class StopPush(Exception):
    """No further request makes sense; the cause is the `ServiceError` that says why."""


class Pusher:
    """Push rows of one resource. Requests are sent one after another."""

    def __init__(
        self, settings: Settings, client: WriteClient, push_log: PushLog, target: Target, *, allow_delete: bool
    ) -> None:
        self._settings, self._target, self._allow_delete = settings, target, allow_delete
        self._client, self._push_log = client, push_log
        self._lookup = Lookup(client, target)
        self._failing_since: float | None = None
        self._delay = FIRST_DELAY_SECONDS
        self._requests = 0

    def push(self, rows: Sequence[PushRow], *, apply: bool, progress: Progress = lambda *_: None) -> PushReport:
        """Make a plan and, with `apply`, send it."""
        if apply:
            require_writes(self._settings.allow_writes)
            self._wait_for_lost_answers(row.names for row in rows)
        planned = make_plan(
            self._target,
            rows,
            self._lookup,
            self._push_log,
            allow_delete=self._allow_delete,
            lost_answer_seconds=self._settings.lost_answer_seconds,
        )
        if apply:
            self._remember_found(planned)
        results = {each.row.number: _first_result(each, "not_sent" if apply else "planned") for each in planned}
        stopped = None
        if apply:
            waiting = [each for each in planned if each.action in DONE]
            done = 0
            try:
                for each in self._apply(waiting):
                    results[each.planned.row.number] = each
                    done += 1
                    progress(done, len(waiting))
            except StopPush as stop:
                stopped = stop.__cause__ if isinstance(stop.__cause__, ServiceError) else None
        report = tuple(results[each.row.number] for each in planned)
        if apply and not stopped:
            report = self._with_duplicates(report)
        return PushReport(self._target.name, report, apply, self._requests, stopped)

    def _apply(self, waiting: list[PlannedRow]) -> Iterable[PushResult]:
        """Yield the result of each row; rows whose answer was lost come last, after a look-up."""
        attempt = 1
        while waiting:
            lost: list[PlannedRow] = []
            try:
                for planned in waiting:
                    result = self._send(planned)
                    if result is None:
                        lost.append(planned)
                    else:
                        yield result
            except StopPush:
                yield from (PushResult(each, "unknown", reason="no answer: push again to look it up") for each in lost)
                raise
            waiting, results = self._resolve(lost, is_last=attempt == LARGEST_ATTEMPTS)
            yield from results
            attempt += 1

    def _send(self, planned: PlannedRow) -> PushResult | None:
        """Send one row; None if it is not known whether the service created the record."""
        if planned.action == "create":
            return self._create(planned)
        if planned.record_id is None:
            return PushResult(planned, "failed", reason="the record has no id")
        return self._change(planned, planned.record_id)

    def _create(self, planned: PlannedRow) -> PushResult | None:
        body = nested(planned.row.values)
        response = self._request("POST", self._target.resource.path, planned.row.names, body, planned.row.label)
        if response.outcome is Outcome.LOST or (response.outcome is Outcome.WRITTEN and response.record_id is None):
            return None
        return self._result(planned, response)

    def _change(self, planned: PlannedRow, key: int) -> PushResult:
        """Update or delete a record, from a fresh reading; after a lost answer it is read again."""
        path = f"{self._target.resource.path}/{key}"
        for attempt in range(LARGEST_ATTEMPTS + 1):
            record = self._read(key)
            if planned.action == "delete":
                if record is None:
                    return PushResult(planned, "deleted", key)
                if attempt == LARGEST_ATTEMPTS:
                    break
                response = self._request("DELETE", path, planned.row.names, None, planned.row.label, key)
            else:
                if record is None:
                    return PushResult(planned, "failed", key, "the account no longer has the record")
                fresh = compare(self._target, planned.row, record, _skipped(planned))
                if fresh.action == "unchanged":
                    return PushResult(planned, "updated", key)
                if fresh.action == "refused":
                    return PushResult(planned, "refused", key, fresh.reason)
                if attempt == LARGEST_ATTEMPTS:
                    break
                body = whole_record(planned.row, record, _skipped(planned))
                response = self._request("PUT", self._update_path(record, key), planned.row.names, body, str(key), key)
            if response.outcome is not Outcome.LOST:
                return self._result(planned, response, key)
        return PushResult(planned, "failed", key, f"no answer to {LARGEST_ATTEMPTS} requests, and no change")

    def _update_path(self, record: Record, key: int) -> str:
        """Return the address of an update. An order is named by its Shopify id where that is its only name."""
        shopify_id = record.get("shopify_order_id")
        if self._target.statuses and shopify_id and not record.get("external_name"):
            return f"/shopify_orders/{quote(str(shopify_id), safe='')}"
        return f"{self._target.resource.path}/{key}"

    def _read(self, key: int) -> Record | None:
        try:
            return self._lookup.read(key)
        except ServiceError as error:
            raise StopPush from error

    def _request(
        self, method: str, path: str, names: tuple[Name, ...], body: Record | None, where: str, key: int | None = None
    ) -> WriteResponse:
        """Send one request, again only after an answer that says that it was not accepted."""
        limited = 0.0
        while True:
            self._push_log.sent(method, path, names, body)
            response = self._client.write(method, path, body, f"{self._target.name} {where}")
            self._requests += 1
            if response.record is None and key is not None:
                response = replace(response, record={"id": key})
            self._push_log.answered(method, path, names, response)
            if response.status in (401, 403):
                kind = Unauthorised if response.status == 401 else Forbidden
                raise StopPush from kind(
                    f"{method} {self._target.name}: status {response.status}",
                    "This token may not write: ask Logentic for the right, or set LOGENTIC_API_TOKEN.",
                    response.status,
                )
            if response.outcome is Outcome.LIMITED:
                wait = response.wait or self._delay
                limited += wait
                if limited > self._settings.rate_limit_seconds:
                    raise StopPush from Unreachable(
                        f"{method} {self._target.name}: the rate limit asks to wait {wait:.0f} s",
                        "Run again later: what was written is not sent again.",
                        429,
                    )
                if not response.wait:
                    time.sleep(wait)
                continue
            if response.outcome in (Outcome.NOT_SENT, Outcome.LOST):
                self._back_off(response)
                if response.outcome is Outcome.NOT_SENT:
                    continue
            else:
                self._failing_since, self._delay = None, FIRST_DELAY_SECONDS
            return response

    def _back_off(self, response: WriteResponse) -> None:
        """Wait after a failure; stop the push if every request failed for `retry_seconds`."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
            if response.outcome is Outcome.LOST:  # a single lost answer is no reason to wait
                return
        if now + self._delay - self._failing_since > self._settings.retry_seconds:
            raise StopPush from Unreachable(
                f"{self._target.name}: {response.reason} from {self._client.origin}",
                "Run again later: what was written is not sent again.",
                response.status,
            )
        log.info("%s: %s; waiting %.1f s", self._target.name, response.reason, self._delay)
        time.sleep(self._delay)
        self._delay = min(2 * self._delay, LONGEST_DELAY_SECONDS)

    def _result(self, planned: PlannedRow, response: WriteResponse, key: int | None = None) -> PushResult:
        if response.outcome is Outcome.WRITTEN:
            return PushResult(planned, DONE[planned.action], response.record_id or key)
        if planned.action == "delete" and response.status == 404:
            return PushResult(planned, "deleted", key)
        return PushResult(planned, "failed", key, response.reason, response.errors)

    def _resolve(self, lost: list[PlannedRow], *, is_last: bool) -> tuple[list[PlannedRow], list[PushResult]]:
        """Look up the rows whose answer was lost; return those to send again, and the results of the others."""
        if not lost:
            return [], []
        self._wait_for_lost_answers(each.row.names for each in lost)
        names = {name for each in lost for name in each.row.names}
        try:
            found = find_uncertain(self._lookup, self._push_log, names)
        except ServiceError as error:
            return [], [PushResult(each, "unknown", reason=f"no answer, and no look-up: {error}") for each in lost]
        again, results = list[PlannedRow](), list[PushResult]()
        for planned in lost:
            matches = found.records(planned.row.names)
            key = record_id(matches[0]) if matches else None
            if len(matches) > 1:
                ids = ", ".join(str(record_id(each)) for each in matches)
                results.append(PushResult(planned, "failed", reason=f"no answer, and several records have it: {ids}"))
            elif key is not None:
                self._push_log.found(planned.row.names, key)
                results.append(PushResult(planned, "created", key))
            elif not found.proves_absence:
                results.append(PushResult(planned, "unknown", reason=f"no answer, and {found.reason}"))
            elif is_last:
                results.append(PushResult(planned, "failed", reason="no answer, and the account has no such record"))
            else:
                again.append(planned)
        return again, results

    def _wait_for_lost_answers(self, rows: Iterable[Iterable[Name]]) -> None:
        """Wait until the service no longer works on requests that it did not answer."""
        uncertain = [each for names in rows for each in self._push_log.creations(names) if each.is_uncertain]
        wait = max((each.seconds_left(self._settings.lost_answer_seconds) for each in uncertain), default=0.0)
        wait = min(wait, self._settings.lost_answer_seconds)  # the clock may have been set back
        if wait > LOGGED_WAIT_SECONDS:
            log.warning(
                "%s: waiting %.0f s before %d lost answers are looked up", self._target.name, wait, len(uncertain)
            )
        if wait > 0:
            time.sleep(wait)

    def _remember_found(self, planned: Sequence[PlannedRow]) -> None:
        """Record which of the requests without an answer had created a record."""
        for each in planned:
            if each.record_id is None:
                continue
            if any(creation.is_uncertain for creation in self._push_log.creations(each.row.names)):
                self._push_log.found(each.row.names, each.record_id)

    def _with_duplicates(self, results: tuple[PushResult, ...]) -> tuple[PushResult, ...]:
        """Report records of which another writer created a second one at the same time."""
        created = [each for each in results if each.outcome == "created"]
        try:
            found = self._lookup.find({name for each in created for name in each.planned.row.names})
        except ServiceError:
            return results
        checked = []
        for each in results:
            others = found.records(each.planned.row.names) if each.outcome == "created" else []
            ids = sorted({key for other in others if (key := record_id(other)) is not None and key != each.record_id})
            if ids:
                reason = f"created, and another writer created it as well: {', '.join(map(str, ids))}"
                each = replace(each, outcome="failed", reason=reason)  # noqa: PLW2901
            checked.append(each)
        return tuple(checked)


def push_rows(
    settings: Settings,
    file: Path,
    target: Target,
    rows: Sequence[PushRow],
    *,
    apply: bool,
    allow_delete: bool,
    progress: Progress = lambda *_: None,
) -> PushReport:
    """Push rows, with the push log in the state folder of FILE; one push at a time."""
    require_token(settings)
    state = State(file.absolute())
    state.prepare()
    with state.locked(name="push.lock", what="another push is at work"):
        client, key = WriteClient(settings), pseudonym_key(settings, state.folder)
        pseudonymizer = RecordPseudonymizer(key, settings.hash_fields, settings.plain_fields)
        push_log = PushLog.read(state.folder, client.base_url, target, pseudonymizer)
        pusher = Pusher(settings, client, push_log, target, allow_delete=allow_delete)
        return pusher.push(rows, apply=apply, progress=progress)


def whole_record(row: PushRow, record: Record, skipped: Sequence[str] = ()) -> Record:
    """Return the body of an update that is right whether the service replaces records or patches them.

    It has every field of the record that is not empty, and the fields of the row.
    """
    body = {name: value for name, value in record.items() if name not in OWN_FIELDS and value is not None}
    for group, value in body.items():
        if isinstance(value, dict):
            body[group] = {name: part for name, part in value.items() if part is not None}
    given = nested({path: value for path, value in row.values.items() if path not in skipped})
    for name, value in given.items():
        body[name] = {**body.get(name, {}), **value} if isinstance(value, dict) else value
    return body


def _skipped(planned: PlannedRow) -> tuple[str, ...]:
    """Return the names that the service did not keep: the record was found by its id, in the push log."""
    record = planned.record or {}
    if planned.row.record_id is not None or any(
        str(record.get(name)) == str(value) for name, value in planned.row.names
    ):
        return ()
    return tuple(name for name, _ in planned.row.names)


def _first_result(planned: PlannedRow, outcome: str) -> PushResult:
    """Return the result of a row before anything is sent; `outcome` is that of rows to send."""
    if planned.action in DONE:
        return PushResult(planned, outcome, planned.record_id)
    return PushResult(planned, planned.action, planned.record_id, planned.reason)
