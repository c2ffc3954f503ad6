"""What this account answers to the questions that the reference leaves open (docs/api.md)."""

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
from logentic.resources import MOMENT, RESOURCES, Resource
from logentic.sanitizer import one_line
from logentic.settings import Settings

PAGE_SIZE = 250
HISTORY = timedelta(days=31)
Row = dict[str, Any]


@dataclass(frozen=True)
class Filter:
    """`by`: the field that it looks at. `within`: the field of a row that narrows the list to few others."""

    start: str
    end: str
    by: str
    unit: timedelta = timedelta(days=1)
    within: str | None = None
    path: str | None = None


FILTERS = {
    "orders": [Filter("updated_at_start", "updated_at_end", "updated_at", within="external_name")],
    "item_quantities": [
        Filter(
            "updated_at_start",
            "updated_at_end",
            "updated_at",
            unit=timedelta(seconds=1),
            path="/items/{item_id}/item_quantities",
        )
    ],
    "inventory_history": [Filter("start", "end", "date", path="/items/inventory/{id}")],
    "payment_items": [
        Filter("start", "end", "start"),
        Filter("billed_date_start", "billed_date_end", "billed_date", within="payment_id"),
    ],
}
OPTIONAL = {"inventory_history": {"warehouse_id"}}  # nothing is missing where an account has one warehouse


@dataclass(frozen=True)
class Ends:
    """Whether a filter includes the day or second that it names; None: no row could tell."""

    filter: str
    start_included: bool | None
    end_included: bool | None


@dataclass
class ListAnswer:
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
    ends: list[Ends] = field(default_factory=list)


@dataclass
class Answers:
    base_url: str
    lists: list[ListAnswer]
    token: Literal["accepted"] = "accepted"  # noqa: S105 - a verdict, no token
    asked_at: datetime | None = None  # by this machine
    service_clock: datetime | None = None  # None: the service does not say
    seconds_ahead: int | None = None  # of the service, compared with this machine
    rate_limit: dict[str, int] = field(default_factory=dict)
    requests: int = 0

    def findings(self) -> list[str]:
        """What somebody should look at: each a sentence."""
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


def check_account(settings: Settings) -> Answers:
    """Ask; a list that fails is an answer, a token that is refused or a service that is not there an error."""
    return _Check(settings).run()


class _Check:
    def __init__(self, settings: Settings) -> None:
        self._client = Client(settings)
        self._pseudonyms = Pseudonymizer(b"only asked", settings.hash_fields, settings.plain_fields)
        self._zone = ZoneInfo(settings.timezone)
        self._answers = Answers(settings.base_url, [])

    def run(self) -> Answers:
        for resource in RESOURCES.values():
            try:
                self._answers.lists.append(self._ask(resource))
            except Unauthorised:
                raise
            except ServiceError as failure:
                if isinstance(failure, Unreachable) and failure.status is None:
                    raise
                self._answers.lists.append(ListAnswer(resource.name, failure.status, f"{failure}. {failure.guidance}"))
            except LogenticError as failure:
                self._answers.lists.append(ListAnswer(resource.name, 200, f"{failure}. {failure.guidance}"))
        self._answers.requests = self._client.traffic.requests
        return self._answers

    def _ask(self, resource: Resource) -> ListAnswer:
        params: dict[str, str] = {}
        if resource.name == "inventory_history":
            today = self._client.service_time().date()
            params = {"start": str(today - HISTORY), "end": str(today)}
        try:
            page = self._page(resource, resource.path, {**params, "per_page": str(PAGE_SIZE)})
        except Refused:
            page = self._page(resource, resource.path, params)
        rows = _rows(page, resource.name)
        answer = ListAnswer(resource.name, 200, total=page.total, page_size=page.per_page)
        if rows:
            answer.sorted_by = order_of(rows)
            answer.decimals = decimal_form(resource, rows)
            answer.times = time_forms(resource, rows)
            seen = {name for row in rows for name, _ in fields_of(resource, row)}
            expected = _expected(resource)
            answer.new_fields = sorted({self._shown(resource, name) for name in seen - expected})
            answer.missing_fields = sorted(expected - seen - OPTIONAL.get(resource.name, set()))
            answer.personal_fields = sorted(set(self._personal(resource, rows, expected)))
        answer.ends = [self._try(resource, one, rows) for one in FILTERS.get(resource.name, [])]
        return answer

    def _personal(self, resource: Resource, rows: list[Row], expected: set[str]) -> Iterator[str]:
        """The unknown fields that the raw tables hold pseudonymized."""
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
        """A path as text to print, without names that may be personal: channel.*, recipient__*"""
        name, *inner = path.split(".")
        if not resource.is_about_people:
            is_personal = PERSONAL_NAME.search(name)
            parts = [part if not is_personal or is_kept_name(part) else "*" for part in inner]
            return one_line(".".join([name, *parts]))
        line, name, *inner = ["", name, *inner]
        if resource.lines and name == resource.lines.field and inner:
            line, name, *inner = [f"{name}.", *inner]
        if not self._pseudonyms.can_be_column(name):
            record = f"{name.partition('__')[0]}__"
            name = f"{record}*" if any(column.startswith(record) for column in resource.columns) else "*"
        return ".".join([line + name, *(part if is_kept_name(part) else "*" for part in inner)])

    def _try(self, resource: Resource, asked: Filter, rows: list[Row]) -> Ends:
        """Ask for one row by the very moment that it bears; then, where it is not found, from before and to after."""
        name = f"{asked.start}, {asked.end}"
        row, at = next(self._usable(resource, asked, rows), (None, None))
        if row is None or at is None:
            return Ends(name, None, None)
        if self._holds(resource, asked, row, (at, at)):
            return Ends(name, start_included=True, end_included=True)
        return Ends(
            name,
            start_included=self._holds(resource, asked, row, (at, at + asked.unit)),
            end_included=self._holds(resource, asked, row, (at - asked.unit, at)),
        )

    def _usable(self, resource: Resource, asked: Filter, rows: list[Row]) -> Iterator[tuple[Row, datetime]]:
        """Rows that bear one moment, in the past, that means the same in UTC and to the warehouse."""
        today = datetime.combine(self._client.service_time().date(), time(), UTC)
        for row in rows:
            at = _moment(row.get(asked.by))
            if at is None or at >= today - timedelta(days=1) or (asked.within and row.get(asked.within) is None):
                continue
            if asked.by == "start" and row.get("end") != row["start"]:
                continue  # whether a longer span is found is another question
            if asked.unit == timedelta(seconds=1):
                if not at.microsecond:
                    yield row, at
            elif resource.columns[asked.by] != MOMENT or at.date() == at.astimezone(self._zone).date():
                yield row, datetime.combine(at.date(), time(), UTC)

    def _holds(self, resource: Resource, asked: Filter, row: Row, span: tuple[datetime, datetime]) -> bool | None:
        """Whether the list of a span holds the row; None where it is not on the first page of several."""
        form = "%Y-%m-%d" if asked.unit == timedelta(days=1) else "%Y-%m-%dT%H:%M:%SZ"
        params = {asked.start: span[0].strftime(form), asked.end: span[1].strftime(form), "per_page": str(PAGE_SIZE)}
        if asked.within:
            params[asked.within] = str(row[asked.within])
        path = asked.path.format_map(row) if asked.path else resource.path
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
