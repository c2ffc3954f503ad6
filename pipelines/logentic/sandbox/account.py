"""Generate an account: all events of its life, as one list in order of time."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Literal

from logentic.sandbox.billing import ALL_SCENARIOS, FIRST_PAYMENT_ID, SCENARIOS, Billing
from logentic.sandbox.billing_errors import DEFAULT_ERRORS, InjectedError
from logentic.sandbox.days import Days, next_month
from logentic.sandbox.events import AccountEvent
from logentic.sandbox.fulfilment import Fulfilment
from logentic.sandbox.history import History, Rates
from logentic.sandbox.replenishment import Replenishment
from logentic.sandbox.warehouse import Warehouse

STORAGE_RATES = ((0, Decimal("0.0325")), (75, Decimal("0.0345")))
EVENTS_AHEAD_DAYS = 30


class Account:
    """A merchant's account, from its first day until some weeks after today.

    `errors` gives the number of billing errors of each rule per invoice, `scenarios` the legitimate oddities of bills;
    traps (billing_traps.py) appear only on request. `timezone` is the warehouse's: history and bills use its days. Two
    accounts that begin on the same day are equal up to the end of the shorter one.
    """

    def __init__(
        self,
        seed: int = 1,
        scale: float = 1.0,
        days: int = 180,
        today: date | None = None,
        timezone: str = "UTC",
        *,
        scenarios: Iterable[str] = SCENARIOS,
        errors: Mapping[str, int] | None = None,
        storage_charges: Literal["item", "account"] = "item",
        returned_as: Literal["returned", "adjusted"] = "returned",
    ) -> None:
        self.scenarios = frozenset(scenarios)
        unknown = (self.scenarios - ALL_SCENARIOS) | (set(errors or ()) - set(DEFAULT_ERRORS))
        if unknown:
            raise ValueError(f"no such scenario or rule: {', '.join(sorted(unknown))}")
        self.seed, self.scale, self.timezone = seed, scale, timezone
        self.today = today or datetime.now(UTC).date()
        self.first_day = self.today - timedelta(days=days - 1)
        self.days = Days(timezone)
        self.storage_rates: Rates = tuple((self.first_day + timedelta(days=n), rate) for n, rate in STORAGE_RATES)
        # Generate up to the end of a month and past its invoice, so that an invoice does not depend on the length of
        # the account.
        self.end = self.days.start(next_month(self.today + timedelta(days=EVENTS_AHEAD_DAYS)) + timedelta(days=4))
        events = self._warehouse_events(returned_as)
        billing = Billing(
            seed=seed,
            days=self.days,
            end=self.end,
            first=self.first_day,
            history=self.new_history(),
            storage_charges=storage_charges,
            errors=DEFAULT_ERRORS if errors is None else errors,
            scenarios=self.scenarios,
        )
        charges, errors_found = billing.run(events)
        self.errors: list[InjectedError] = errors_found
        self.events: list[AccountEvent] = sorted([*events, *charges], key=lambda event: event.at)

    def _warehouse_events(self, returned_as: str) -> list[AccountEvent]:
        warehouse = Warehouse(Random(f"{self.seed}:warehouse"))
        fulfilment = Fulfilment(warehouse, self.scale, returned_as=returned_as)
        replenishment = Replenishment(warehouse, self.scale, on_receipt=fulfilment.restocked)
        start = self.days.start(self.first_day)
        replenishment.open(start)
        fulfilment.open(start)
        warehouse.run(self.end)
        return warehouse.events

    def new_history(self) -> History:
        """Return an empty history of this account."""
        return History(self.days, self.first_day, self.storage_rates)

    def payment_id(self, day: date) -> int:
        """Return the number of the invoice for a day's charges."""
        return FIRST_PAYMENT_ID + (day.year - self.first_day.year) * 12 + day.month - self.first_day.month

    def insert(self, event: AccountEvent) -> None:
        """Add an event after all others of the same moment."""
        self.events.insert(bisect_right(self.events, event.at, key=lambda other: other.at), event)
