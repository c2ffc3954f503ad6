"""Bill the merchant: charges for every shipped order and stored item, and a monthly invoice."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil
from random import Random
from typing import Any

from logentic.sandbox.billing_errors import Charge, InjectedError, Month, inject
from logentic.sandbox.billing_traps import PRICING, TRAPS, handling, picking, set_traps
from logentic.sandbox.days import ONE_DAY, Days, month_start, next_month
from logentic.sandbox.events import AccountEvent
from logentic.sandbox.history import History

SHIPPING = {"QC": Decimal("7.25"), "ON": Decimal("8.95"), "NY": Decimal("18.00")}
SHIPPING_ELSEWHERE, SHIPPING_PER_POUND = Decimal("13.50"), Decimal("0.48")
FIRST_CHARGE_ID, FIRST_PAYMENT_ID = 500_001, 7_001
INVOICE_AFTER = timedelta(days=2, hours=6)
SCENARIOS = frozenset({"credits", "rebills", "custom_work"})
ALL_SCENARIOS = SCENARIOS | PRICING | frozenset(TRAPS)
NEW_RATES_AFTER = timedelta(days=40, hours=12)


@dataclass
class Billing:
    """Read the events once, in order, and write the charges that they cause."""

    seed: int
    days: Days
    end: datetime
    first: date
    history: History
    storage_charges: str
    errors: Mapping[str, int]
    scenarios: frozenset[str]
    months: dict[date, Month] = field(default_factory=dict)
    charges: list[Charge] = field(default_factory=list)

    def run(self, happenings: Iterable[AccountEvent]) -> tuple[list[AccountEvent], list[InjectedError]]:
        """Return the events of charges and invoices, in order, and the labels of injected errors."""
        self._random = Random(f"{self.seed}:billing")
        self._orders: dict[int, dict[str, Any]] = {}
        self._weights: dict[int, Decimal] = {}
        for event in happenings:
            self.history.pass_to(event.at)
            self.history.apply(event)
            if event.resource == "items" and event.change:
                self._weights.setdefault(event.key, event.change.get("weight", Decimal(0)))
            elif event.resource == "orders" and event.change:
                self._order(event)
        self.history.pass_to(self.end)
        self._storage()
        return self._issue()

    def _month(self, day: date) -> Month:
        start = month_start(day)
        if start not in self.months:
            number = (start.year - self.first.year) * 12 + start.month - self.first.month
            invoiced_at = self.days.start(next_month(start)) + INVOICE_AFTER
            self.months[start] = Month(start, next_month(start), invoiced_at, FIRST_PAYMENT_ID + number)
        return self.months[start]

    def _order(self, event: AccountEvent) -> None:
        order = self._orders.setdefault(event.key, {})
        order.update(event.change or {})
        month = self._month(self.days.of(event.at))
        if event.kind == "order_in_transit":
            self._charge_order(event, order, month)
        elif event.kind == "order_completed":
            month.completed[event.key] = event.at
        elif event.kind == "order_cancelled":
            month.cancelled.append((event.key, self.days.of(event.at)))

    def _charge_order(self, event: AccountEvent, order: Mapping[str, Any], month: Month) -> None:
        day = self.days.of(event.at)
        lines = order["stored_items"]
        units = sum(line["quantity"] for line in lines)
        pounds = ceil(sum(self._weights[line["item_id"]] * line["quantity"] for line in lines))
        base = SHIPPING.get(order["place"]["province_code"], SHIPPING_ELSEWHERE)
        is_new = day >= self.first + NEW_RATES_AFTER
        late = self._lateness(event.key)
        for number, (charge_type, quantity, amount) in enumerate(
            (
                ("handling", 1, handling(self.scenarios, is_new)),
                ("picking", units, picking(self.scenarios, is_new, units)),
                ("shipping", pounds, base + SHIPPING_PER_POUND * pounds),
            )
        ):
            fields = {
                "type": charge_type,
                "description": f"{charge_type.capitalize()} {order['external_name']}",
                "amount": amount,
                "quantity": quantity,
                "start": day,
                "end": day,
                "order_id": event.key,
            }
            charge = Charge(event.at + timedelta(seconds=number), fields)
            self.charges.append(charge)
            if late:
                charge.created_at += late
                fields["start"] = fields["end"] = self.days.of(charge.created_at)
                continue
            if not self._credit(charge, month):
                month.order_charges.append(charge)

    def _lateness(self, order_id: int) -> timedelta:
        """Delay one order's charge in fifty by days; it is dated on the day it came."""
        random = Random(f"{self.seed}:late:{order_id}")
        is_late = "late_paperwork" in self.scenarios and random.random() < 0.02
        return timedelta(days=random.randint(1, 5)) if is_late else timedelta(0)

    def _credit(self, charge: Charge, month: Month) -> bool:
        """Credit some charges within their month, and bill some of these again."""
        chance, hours = self._random.random(), self._random.randint(20, 150)
        rebilled = chance < 0.001
        is_wanted = "rebills" in self.scenarios if rebilled else chance < 0.002 and "credits" in self.scenarios
        at = charge.created_at + timedelta(hours=hours)
        if not is_wanted or self.days.of(at) >= month.end:
            return False
        taken_back = {"amount": -charge.fields["amount"], "description": f"Credit: {charge.fields['description']}"}
        self.charges.append(Charge(at, charge.fields | taken_back))
        if rebilled:
            self.charges.append(Charge(at + timedelta(minutes=1), dict(charge.fields)))
        return True

    def _storage(self) -> None:
        """Bill storage by one open charge per item and month, or one for all items."""
        seen: set[tuple[date, int | None]] = set()
        for day, rows in self.history.rows.items():
            month = self._month(day)
            for item_id in rows if self.storage_charges == "item" else [None]:
                if (month.start, item_id) in seen:
                    continue
                seen.add((month.start, item_id))
                named = rows[item_id]["external_name"] if item_id is not None else "all items"
                fields = {"type": "storage", "description": f"Storage {named}", "start": day, "item_id": item_id}
                charge = Charge(self.days.start(day + ONE_DAY), fields, kind="storage_opened")
                self.charges.append(charge)
                month.storage_charges.append(charge)

    def _custom_work(self, month: Month) -> Iterator[Charge]:
        random = Random(f"{self.seed}:custom:{month.start}")
        day = month.start + timedelta(days=11)
        if "custom_work" in self.scenarios and day > self.first and random.random() < 0.6:
            amount = Decimal(random.randint(2000, 30000)) / 100
            work = random.choice(("Relabelling", "Photographs, 12 items", "Pallet repair", "Kitting – gift boxes"))
            fields = {"type": "custom", "description": work, "amount": amount, "quantity": 1, "start": day, "end": day}
            yield Charge(self.days.start(day) + timedelta(hours=15), fields)

    def _issue(self) -> tuple[list[AccountEvent], list[InjectedError]]:
        events: list[AccountEvent] = []
        errors: list[InjectedError] = []
        altered: list[tuple[datetime, Charge, dict[str, Any]]] = []
        for month in sorted(self.months.values(), key=lambda month: month.start):
            self.charges.extend(self._custom_work(month))
            if month.invoiced_at >= self.end:
                continue
            invoice = {"billed_date": self.days.of(month.invoiced_at), "before": month.end}
            events.append(AccountEvent(month.invoiced_at, "invoice_issued", "invoices", month.payment_id, invoice))
            random = Random(f"{self.seed}:errors:{month.start}")
            traps = set_traps(month, Random(f"{self.seed}:traps:{month.start}"), self.scenarios, self.history)
            errors.extend(traps.errors)
            self.charges.extend(traps.added)
            altered.extend((month.invoiced_at + timedelta(seconds=1), *change) for change in traps.altered)
            wrong = inject(month, random, self.errors, set(self._orders), self.history)
            errors.extend(wrong.errors)
            self.charges.extend(wrong.added)
            altered.extend((month.invoiced_at + timedelta(seconds=1), *change) for change in wrong.altered)
        self.charges = [charge for charge in self.charges if not charge.is_forgotten and charge.created_at < self.end]
        self.charges.sort(key=lambda charge: charge.created_at)
        for charge_id, charge in enumerate(self.charges, FIRST_CHARGE_ID):
            charge.charge_id = charge_id
            fields = charge.fields | {"created_at": charge.created_at}
            events.append(AccountEvent(charge.created_at, charge.kind, "payment_items", charge_id, fields))
        for at, charge, change in altered:
            events.append(AccountEvent(at, "charge_altered", "payment_items", charge.charge_id, change))
        events.sort(key=lambda event: event.at)
        return events, errors
