"""Send an alert once when a problem appears, and once when it is over."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from logentic.database_file import is_duckdb, read_by_duckdb
from logentic.errors import LogenticError, StateError, UsageError
from logentic.monitoring.run_history import WHOLE, runs
from logentic.resources import RECEIPTS, RESOURCES
from logentic.sanitizer import inert
from logentic.settings import Settings
from logentic.state import State

log = logging.getLogger("logentic")

TOLD = "alerts"
SENDING_SECONDS = 60  # to wait for another process that is sending
LINES_OF_A_KIND = 5
EXCEPTIONS = """
select
    'exception ' || exception_id,
    concat(rule, ' of ', cast(amount_at_stake as decimal(38, 2)), coalesce(' on charge ' || charge_id, ''),
        coalesce(', invoice ' || payment_id, ''))
from logentic_marts.invoice_exceptions where amount_at_stake >= ?
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


def wrong_now(settings: Settings, state: State, now: datetime) -> dict[str, str]:
    """Return the current problems, by a key that is stable for as long as a problem lasts."""
    return {**_wrong_with_runs(settings, state, now), **_wrong_in_file(settings, state)}


def tell(settings: Settings, state: State, *, is_beginning: bool = False) -> None:
    """Send what is news, if anyone wants it. An alert that cannot be sent is no reason for a run to fail.

    A run that begins tells what an earlier one could not; how old the data are it leaves to its own end.
    """
    if not settings.alert_urls:
        return
    try:
        told = state.read_note(TOLD, dict[str, str])
        wrong = wrong_now(settings, state, datetime.now(UTC))
        if is_beginning:
            wrong = {**{key: line for key, line in wrong.items() if key != "stale"}, **told}
        tell_news(settings, state, wrong)
    except (LogenticError, OSError, duckdb.Error) as error:
        log.warning("an alert could not be sent: %s", error)


def tell_news(settings: Settings, state: State, wrong: dict[str, str]) -> list[str]:
    """Send what was not told yet, then what is over; the titles of what was sent.

    One process at a time, by a lock of its own: a run that waits holds its lock for long, and must not silence others.
    """
    with state.locked(SENDING_SECONDS, "alerts.lock", "another message is being sent"):
        return _tell_news(settings, state, wrong)


def _tell_news(settings: Settings, state: State, wrong: dict[str, str]) -> list[str]:
    told = state.read_note(TOLD, dict[str, str])
    news = {key: line for key, line in wrong.items() if key not in told}
    over = {key: line for key, line in told.items() if key not in wrong}
    sent = []
    if news:
        sent.append(_send(settings, f"Logentic, {state.file.name}: {_count(news)} to look at", _lines(news)))
        told = {**told, **news}
        state.write_note(TOLD, told)
    if over:
        sent.append(_send(settings, f"Logentic, {state.file.name}: {_count(over)} well again", _lines(over)))
        state.write_note(TOLD, {key: line for key, line in told.items() if key not in over})
    return sent


def send_test(settings: Settings) -> None:
    _send(settings, "Logentic: a test", "Alerts arrive here. Nothing is wrong.")


def _wrong_with_runs(settings: Settings, state: State, now: datetime) -> dict[str, str]:
    wrong = {}
    ended = [row for row in runs(state) if row["outcome"] not in ("interrupted", "stopped")]
    if ended and ended[-1]["outcome"] in ("failed", "killed"):
        last = ended[-1]
        wrong["run"] = f"the run of {last['started_at']:%Y-%m-%d %H:%M} UTC {_was(last['outcome'])}: {last['error']}"
    asked = [row for row in ended if row.get("requests")]
    if asked and asked[-1]["incomplete_windows"]:
        wrong["incomplete"] = f"{asked[-1]['incomplete_windows']} windows are incomplete; the next run asks again"
    whole = [row["started_at"] for row in asked if row["outcome"] in WHOLE]
    oldest = max(whole) if whole else ended[0]["started_at"] if ended else now
    if now - oldest > timedelta(hours=settings.freshness_hours):
        since = f"of {oldest:%Y-%m-%d %H:%M} UTC" if whole else "not there yet"
        wrong["stale"] = f"the data are {since}: older than {settings.freshness_hours:g} hours"
    return wrong


def _wrong_in_file(settings: Settings, state: State) -> dict[str, str]:
    """New fields, exceptions of some amount, stuck orders, values that could not be read.

    A file without such tables has nothing wrong in it.
    """
    if not is_duckdb(state.file):
        return {}
    known = [f"{name}.{column}" for name, schema in _schemas().items() for column in schema]
    found: dict[str, str] = {}
    with duckdb.connect(str(read_by_duckdb(state.file)), read_only=True) as published:
        asked: tuple[tuple[str, list[Any]], ...] = (
            (UNKNOWN_FIELDS, [list(_schemas()), known]),
            (EXCEPTIONS, [settings.alert_amount]),
            (STUCK, []),
            (REJECTED, []),
        )
        for sql, values in asked:
            try:
                found.update(published.execute(sql, values).fetchall())
            except (duckdb.CatalogException, duckdb.BinderException):  # an earlier version published it
                continue
    return found


def _schemas() -> dict[str, list[str]]:
    tables = {resource.name: resource.schema().names for resource in RESOURCES.values()}
    return {**tables, "extract_windows": RECEIPTS.names}


def _count(lines: dict[str, str]) -> str:
    return "1 thing is" if len(lines) == 1 else f"{len(lines)} things are"


def _lines(found: dict[str, str]) -> str:
    """All of it; of many of a kind the first, and how many more. Text of the service becomes inert."""
    kinds: dict[str, list[str]] = {}
    for key, line in found.items():
        kinds.setdefault(key.split(" ")[0], []).append(line)
    lines = []
    for kind, told in kinds.items():
        lines += told[:LINES_OF_A_KIND]
        if more := len(told) - LINES_OF_A_KIND:
            lines += [f"and {more} more of this kind ({kind})"] if more > 0 else []
    return "\n".join(f"- {inert(line)}" for line in lines)


def _was(outcome: str) -> str:
    return "was killed" if outcome == "killed" else outcome


def _send(settings: Settings, title: str, body: str) -> str:
    """To every address; an address holds secrets and is never shown."""
    title = inert(title)
    try:
        import apprise
    except ModuleNotFoundError:
        raise UsageError("alert_urls is set, and apprise is not installed", "Install logentic-elt[alerts].") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    messenger = apprise.Apprise()
    for number, url in enumerate(settings.alert_urls, start=1):
        if not messenger.add(url.get_secret_value()):
            raise UsageError(f"alert_urls: the address number {number} is not understood", "See docs/operator.md.")
    if not messenger.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT):
        raise StateError(f"the message {title!r} was not taken by every address", "The next run sends it.")
    return title
