"""Find out how this account behaves where the reference is silent (docs/api.md)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from logentic.api.client import Client, Response, parse_count, parse_service_time
from logentic.api.pagination import Page, list_not_found, parse_rows, split_page
from logentic.api.probe_fields import decimal_form, fields_of, leaves, order_of, time_forms
from logentic.errors import LogenticError, NotFound, Refused, ServiceError, Unauthorised, Unreachable
from logentic.privacy.measures import is_kept_name
from logentic.privacy.pseudonyms import PERSONAL_NAME, Pseudonymizer
from logentic.resources import ONE_DAY, RESOURCES, Resource, WindowKind
from logentic.sanitizer import one_line
from logentic.settings import Settings

PAGE_SIZE = 250
HISTORY = timedelta(days=31)
Row = dict[str, Any]


@dataclass(frozen=True)
class FilterBounds:
    """Whether a filter includes the day or second that it names; None: no row could tell."""

    filter: str
    start_included: bool | None
    end_included: bool | None


@dataclass
class ListProbe:
    resource: str
    status: int | None
    error: str = ""
    total: int | None = None
    page_size: int | None = None
    sorted_by: str | None = None
    decimals: str | None = None
    times: list[str] = field(default_factory=list)
    new_fields: list[str] = field(default_factory=list)
    missing_fields: list[str] = field(default_factory=list)
    personal_fields: list[str] = field(default_factory=list)
    ends: list[FilterBounds] = field(default_factory=list)


@dataclass
class AccountProbe:
    base_url: str
    lists: list[ListProbe]
    token: Literal["accepted"] = "accepted"  # noqa: S105 - a verdict, no token
    asked_at: datetime | None = None  # by this machine's clock
    service_clock: datetime | None = None  # None: no clock in the response
    seconds_ahead: int | None = None  # the service's clock less this machine's
    rate_limit: dict[str, int] = field(default_factory=dict)
    requests: int = 0

    def findings(self) -> list[str]:
        """Return one sentence for each finding that needs attention."""
        return [
            f"{answer.resource}: {what} {name}"
            for answer in self.lists
            for what, names in (
                ("new field", answer.new_fields),
                ("missing field", answer.missing_fields),
                ("pseudonymized:", answer.personal_fields),
            )
            for name in names
        ]


def check_account(settings: Settings) -> AccountProbe:
    """Probe the account. A list that fails is part of the result; a rejected token or an unreachable service raises."""
    return _Probe(settings).run()


class _Probe:
    def __init__(self, settings: Settings) -> None:
        self._client = Client(settings)
        self._pseudonyms = Pseudonymizer(b"only asked", settings.hash_fields, settings.plain_fields)
        self._zone = ZoneInfo(settings.timezone)
        self._answers = AccountProbe(settings.base_url, [])

    def run(self) -> AccountProbe:
        for resource in RESOURCES.values():
            try:
                self._answers.lists.append(self._ask(resource))
            except Unauthorised:
                raise
            except ServiceError as failure:
                if isinstance(failure, Unreachable) and failure.status is None:
                    raise
                self._answers.lists.append(ListProbe(resource.name, failure.status, f"{failure}. {failure.guidance}"))
            except LogenticError as failure:
                self._answers.lists.append(ListProbe(resource.name, 200, f"{failure}. {failure.guidance}"))
        self._answers.requests = self._client.traffic.requests
        return self._answers

    def _ask(self, resource: Resource) -> ListProbe:
        params: dict[str, str] = {}
        if resource.window.is_required:
            today = self._client.service_time().date()
            params = {resource.window.start: str(today - HISTORY), resource.window.end: str(today)}
        try:
            page = self._page(resource, resource.path, {**params, "per_page": str(PAGE_SIZE)})
        except Refused:
            page = self._page(resource, resource.path, params)
        rows = _rows(page, resource.name)
        answer = ListProbe(resource.name, 200, total=page.total, page_size=page.per_page)
        if rows:
            answer.sorted_by = order_of(rows)
            answer.decimals = decimal_form(resource, rows)
            answer.times = time_forms(resource, rows)
            seen = {name for row in rows for name, _ in fields_of(resource, row)}
            expected = _expected(resource)
            answer.new_fields = sorted({self._shown(resource, name) for name in seen - expected})
            answer.missing_fields = sorted(expected - seen - resource.optional)
            answer.personal_fields = sorted(set(self._personal(resource, rows, expected)))
        answer.ends = [self._try(resource, one, rows) for one in resource.window_kinds if one.columns]
        return answer

    def _personal(self, resource: Resource, rows: list[Row], expected: set[str]) -> Iterator[str]:
        """Return the unknown fields that the raw tables store pseudonymized."""
        line = f"{resource.lines.field}." if resource.lines else ""
        for row in rows:
            for name, value in fields_of(resource, row):
                if name in expected:
                    continue
                for leaf, part in leaves(name, value):
                    path = leaf.removeprefix(line)
                    if not resource.is_about_people:
                        if self._pseudonyms.looks_personal(path, part):
                            yield self._shown(resource, leaf)
                    elif "*" in (shown := self._shown(resource, leaf)) or not self._pseudonyms.keeps(path, part):
                        yield shown

    def _shown(self, resource: Resource, path: str) -> str:
        """Return a path as text to print, without names that may be personal: channel.*, recipient__*"""
        name, *inner = path.split(".")
        if not resource.is_about_people:
            is_personal = PERSONAL_NAME.search(name)
            parts = [part if not is_personal or kept else "*" for part, kept in _kept([name, *inner])]
            return one_line(".".join([name, *parts]))
        line, name, *inner = ["", name, *inner]
        if resource.lines and name == resource.lines.field and inner:
            line, name, *inner = [f"{name}.", *inner]
        parts = [part if kept else "*" for part, kept in _kept([name, *inner])]
        if not self._pseudonyms.can_be_column(name):
            record = f"{name.partition('__')[0]}__"
            name = f"{record}*" if any(column.startswith(record) for column in resource.columns) else "*"
        return ".".join([line + name, *parts])

    def _try(self, resource: Resource, asked: WindowKind, rows: list[Row]) -> FilterBounds:
        """Request one row by its exact moment; if it is not found, by spans that end or start there."""
        name = f"{asked.start}, {asked.end}"
        row, at = next(self._usable(resource, asked, rows), (None, None))
        if row is None or at is None:
            return FilterBounds(name, None, None)
        if self._holds(resource, asked, row, (at, at)):
            return FilterBounds(name, start_included=True, end_included=True)
        return FilterBounds(
            name,
            start_included=self._holds(resource, asked, row, (at, at + asked.unit)),
            end_included=self._holds(resource, asked, row, (at - asked.unit, at)),
        )

    def _usable(self, resource: Resource, asked: WindowKind, rows: list[Row]) -> Iterator[tuple[Row, datetime]]:
        """Yield rows with a single moment, in the past, that is on the same day in UTC and at the warehouse."""
        today = datetime.combine(self._client.service_time().date(), time(), UTC)
        for row in rows:
            first, *others = (row.get(name) for name in asked.columns)
            at = _moment(first)
            if at is None or at >= today - ONE_DAY or (asked.narrowed_by and row.get(asked.narrowed_by) is None):
                continue
            if any(other != first for other in others):
                continue  # a separate check tests longer spans
            if asked.is_exact:
                if not at.microsecond:
                    yield row, at
            elif not resource.has_moments(asked) or at.date() == at.astimezone(self._zone).date():
                yield row, datetime.combine(at.date(), time(), UTC)

    def _holds(self, resource: Resource, asked: WindowKind, row: Row, span: tuple[datetime, datetime]) -> bool | None:
        """Return whether the list of a span contains the row; None if it is not on the first page of several."""
        form = "%Y-%m-%dT%H:%M:%SZ" if asked.is_exact else "%Y-%m-%d"
        params = {asked.start: span[0].strftime(form), asked.end: span[1].strftime(form), "per_page": str(PAGE_SIZE)}
        if asked.narrowed_by:
            params[asked.narrowed_by] = str(row[asked.narrowed_by])
        path = resource.path
        if resource.item_path and resource.item_column:
            path = resource.item_path.format(row[resource.item_column])
        try:
            page = self._page(resource, path, params)
        except Refused:
            del params["per_page"]
            page = self._page(resource, path, params)
        key = [name for name in resource.key if name in row]
        found = any(all(other.get(name) == row[name] for name in key) for other in _rows(page, resource.name))
        return found or (None if page.next else False)

    def _page(self, resource: Resource, path: str, params: Mapping[str, str]) -> Page:
        def read(answer: Response) -> Page:
            self._note(answer)
            return split_page(answer, resource.name)

        try:
            return self._client.get(path, params, resource.name, read)
        except NotFound:
            raise list_not_found(resource.name) from None

    def _note(self, answer: Response) -> None:
        noted, now = self._answers, datetime.now(UTC)
        noted.asked_at = now.replace(microsecond=0)
        if parse_service_time(answer.head):
            noted.service_clock = answer.at
            noted.seconds_ahead = round((answer.at - now).total_seconds())
        for name in ("limit", "remaining"):
            if (value := parse_count(answer.headers.get(f"x-ratelimit-{name}", ""))) is not None:
                noted.rate_limit[name] = value


def _kept(path: list[str]) -> list[tuple[str, bool]]:
    """Return the names within the first one, and whether each is kept."""
    return [(path[at], is_kept_name(path[at], tuple(path[:at]))) for at in range(1, len(path))]


def _expected(resource: Resource) -> set[str]:
    lines = {f"{resource.lines.field}.{name}" for name in resource.lines.columns} if resource.lines else set()
    return {*resource.columns, *lines}


def _rows(page: Page, where: str) -> list[Row]:
    return [row for row in parse_rows(page, where) if isinstance(row, dict)]


def _moment(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
