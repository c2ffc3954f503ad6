"""Send an alert once when a problem appears, and once when it is over."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from logentic.currencies import minor_digits
from logentic.database_file import is_duckdb, read_by_duckdb
from logentic.errors import LogenticError, StateError, UsageError
from logentic.monitoring.run_history import COMPLETE_OUTCOMES, read_runs
from logentic.resources import RECEIPTS, RESOURCES
from logentic.sanitizer import inert
from logentic.settings import Settings
from logentic.state import State

log = logging.getLogger("logentic")

SENT_NOTE = "alerts"
LOCK_WAIT_SECONDS = 60  # to wait for another process that is sending
LINES_PER_KIND = 5
EXCEPTIONS = """
select
    'exception ' || exception_id,
    concat(rule, ': ', cast(amount_at_stake as decimal(38, {digits})), ' ', replace(direction, '_', ' '),
        coalesce(', charge ' || charge_id, ''), coalesce(', invoice ' || payment_id, ''))
from logentic_marts.exception_status
where status in ('open', 'disputed') and amount_at_stake >= ?
order by amount_at_stake desc, 1
"""
STUCK = """
select
    'stuck ' || order_id,
    concat('order ', order_id, ' is stuck: ', status, ', no step taken since ',
        strftime(timezone('UTC', last_step_at), '%Y-%m-%d'))
from (
    select *, greatest(created_at, picked_at, packed_at, in_transit_at, completed_at) as last_step_at
    from logentic_marts.order_fulfilment
)
where is_stuck
order by last_step_at, order_id
"""
REJECTED = """
select
    concat('rejected ', resource, '.', field),
    concat(resource, case when field = '' then '' else '.' || field end, ' could not be read in ',
        count(*), case when count(*) = 1 then ' record' else ' records' end, ': see rejected_values')
from (
    select resource, regexp_replace(field, '[.][0-9]+[.]', '.') as field  -- of whichever line
    from logentic_marts.rejected_values
    where closed_at is null
)
group by resource, field
order by 1
"""
UNKNOWN_FIELDS = """
select 'field ' || table_name || '.' || column_name, table_name || ' has the new field ' || column_name
from information_schema.columns
where table_schema = 'logentic_raw' and table_name in (select unnest(?)) and column_name[:5] <> '_dlt_'
    and table_name || '.' || column_name not in (select unnest(?))
order by 1
"""


def find_problems(settings: Settings, state: State, now: datetime) -> dict[str, str]:
    """Return the current problems, by a key that is stable for as long as a problem lasts."""
    return {**_find_run_problems(settings, state, now), **_find_file_problems(settings, state)}


def send_due_alerts(settings: Settings, state: State, *, is_beginning: bool = False) -> None:
    """Send new alerts if alert_urls is set; log a failure, because it must not fail the run.

    At its beginning a run sends the alerts that an earlier run could not send. It reports stale data only at its end.
    """
    if not settings.alert_urls:
        return
    try:
        sent = state.read_note(SENT_NOTE, dict[str, str])
        problems = find_problems(settings, state, datetime.now(UTC))
        if is_beginning:
            problems = {**{key: line for key, line in problems.items() if key != "stale"}, **sent}
        send_alerts(settings, state, problems)
    except (LogenticError, OSError, duckdb.Error) as error:
        log.warning("an alert could not be sent: %s", error)


def send_alerts(settings: Settings, state: State, problems: dict[str, str]) -> list[str]:
    """Send problems that were not sent yet, then problems that are over; return the titles of the messages.

    A separate lock lets one process send at a time: a run that waits holds its own lock for long, and must not stop
    others.
    """
    with state.locked(LOCK_WAIT_SECONDS, "alerts.lock", "another message is being sent"):
        sent = state.read_note(SENT_NOTE, dict[str, str])
        new = {key: line for key, line in problems.items() if key not in sent}
        over = {key: line for key, line in sent.items() if key not in problems}
        name, titles = state.file.name, []
        if new:
            titles.append(_send(settings, f"Logentic, {name}: {_count_text(new)} to look at", _body_of(new)))
            sent = {**sent, **new}
            state.write_note(SENT_NOTE, sent)
        if over:
            titles.append(_send(settings, f"Logentic, {name}: {_count_text(over)} well again", _body_of(over)))
            state.write_note(SENT_NOTE, {key: line for key, line in sent.items() if key not in over})
        return titles


def send_test_alert(settings: Settings) -> None:
    _send(settings, "Logentic: a test", "Alerts arrive here. Nothing is wrong.")


def _find_run_problems(settings: Settings, state: State, now: datetime) -> dict[str, str]:
    problems = {}
    ended = [row for row in read_runs(state) if row["outcome"] not in ("interrupted", "stopped")]
    if ended and ended[-1]["outcome"] in ("failed", "killed"):
        last = ended[-1]
        ended_how = "was killed" if last["outcome"] == "killed" else "failed"
        problems["run"] = f"the run of {last['started_at']:%Y-%m-%d %H:%M} UTC {ended_how}: {last['error']}"
    asked = [row for row in ended if row.get("requests")]
    if asked and asked[-1]["incomplete_windows"]:
        problems["incomplete"] = (
            f"{asked[-1]['incomplete_windows']} windows are incomplete; the next run reads them again"
        )
    complete = [row["started_at"] for row in asked if row["outcome"] in COMPLETE_OUTCOMES]
    oldest = max(complete) if complete else ended[0]["started_at"] if ended else now
    if now - oldest > timedelta(hours=settings.freshness_hours):
        since = f"of {oldest:%Y-%m-%d %H:%M} UTC" if complete else "not there yet"
        problems["stale"] = f"the data are {since}: older than {settings.freshness_hours:g} hours"
    return problems


def _find_file_problems(settings: Settings, state: State) -> dict[str, str]:
    """Return new fields, exceptions from alert_amount on, stuck orders and values that could not be read.

    Tables that an earlier version of the file does not have are skipped.
    """
    if not is_duckdb(state.file):
        return {}
    known = [f"{name}.{column}" for name, schema in _known_columns().items() for column in schema]
    found: dict[str, str] = {}
    with duckdb.connect(str(read_by_duckdb(state.file)), read_only=True) as published:
        queries: tuple[tuple[str, list[Any]], ...] = (
            (UNKNOWN_FIELDS, [list(_known_columns()), known]),
            (EXCEPTIONS.format(digits=minor_digits(settings.currency)), [settings.alert_amount]),
            (STUCK, []),
            (REJECTED, []),
        )
        for sql, values in queries:
            try:
                found.update(published.execute(sql, values).fetchall())
            except (duckdb.CatalogException, duckdb.BinderException):  # the file is from an earlier version
                continue
    return found


def _known_columns() -> dict[str, list[str]]:
    tables = {resource.name: resource.schema().names for resource in RESOURCES.values()}
    return {**tables, "extract_windows": RECEIPTS.names}


def _count_text(lines: dict[str, str]) -> str:
    return "1 thing is" if len(lines) == 1 else f"{len(lines)} things are"


def _body_of(problems: dict[str, str]) -> str:
    """Return the lines of a message, at most LINES_PER_KIND of each kind. Text of the service becomes inert."""
    kinds: dict[str, list[str]] = {}
    for key, line in problems.items():
        kinds.setdefault(key.split(" ")[0], []).append(line)
    lines = []
    for kind, found in kinds.items():
        lines += found[:LINES_PER_KIND]
        if (more := len(found) - LINES_PER_KIND) > 0:
            lines.append(f"and {more} more of this kind ({kind})")
    return "\n".join(f"- {inert(line)}" for line in lines)


def _send(settings: Settings, title: str, body: str) -> str:
    """Send to every address and return the title. An address holds secrets and is never shown."""
    title = inert(title)
    try:
        import apprise
    except ModuleNotFoundError:
        raise UsageError("alert_urls is set, and apprise is not installed", "Install logentic-elt[alerts].") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    messenger = apprise.Apprise()
    for number, url in enumerate(settings.alert_urls, start=1):
        if not messenger.add(url.get_secret_value()):
            raise UsageError(f"alert_urls: the address number {number} is not understood", "See docs/alerts.md.")
    if not messenger.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT):
        raise StateError(f"the message {title!r} was not taken by every address", "The next run sends it.")
    return title
