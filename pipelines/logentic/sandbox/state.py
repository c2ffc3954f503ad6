"""The state of the account at a moment: its events, applied up to then."""

from collections.abc import Iterable
from datetime import date, datetime

from logentic.sandbox.account import Account
from logentic.sandbox.days import ONE_DAY, next_month
from logentic.sandbox.events import COUNTERS, AccountEvent, Row, effect
from logentic.sandbox.readings import Readings

ORDER_FIELDS = (
    *("id", "external_name", "shopify_order_id", "order_type", "status", "warehouse_id", "created_at", "updated_at"),
    *("recipient", "stored_items", "place"),
)
ITEM_FIELDS = (
    *("id", "name", "external_name", "shopify_variant_id", "description", "width_in", "depth_in", "height_in"),
    *("weight", "price", "notify_email", "expiration_warning_in_days", "ht_code", "country_of_origin"),
    *("back_order_limit", "is_prepackaged", "created_at", "updated_at"),
)
CHARGE_FIELDS = (
    *("id", "payment_id", "type", "description", "amount", "quantity", "start", "end", "billed_date"),
    *("order_id", "item_id", "total_volume", "created_at", "updated_at"),
)
FIELDS = {"orders": ORDER_FIELDS, "items": ITEM_FIELDS, "payment_items": CHARGE_FIELDS}


class AccountState:
    """The account at `now`; `version` changes whenever a row may have changed."""

    def __init__(self, account: Account, readings: Readings) -> None:
        self.account, self.readings = account, readings
        self.version = 0
        self._begin()

    def _begin(self) -> None:
        self.now: datetime = self.account.days.start(self.account.first_day)
        self.tables: dict[str, dict[int, Row]] = {"orders": {}, "items": {}, "payment_items": {}, "item_quantities": {}}
        self.variants: dict[int, str | None] = {}
        self._history = self.account.new_history()
        self._applied = 0
        self._last: AccountEvent | None = None
        self._skus: dict[int, str | None] = {}
        self._counters: dict[int, Row] = {}
        self._unbilled: set[int] = set()
        self._open_storage: set[int] = set()
        self._storage_until: date | None = None
        self._lists: dict[str, list[Row]] = {}

    def pass_to(self, now: datetime) -> None:
        """Move to a moment."""
        events = self.account.events
        is_another_past = self._applied > 0 and events[self._applied - 1] is not self._last
        if now < self.now or is_another_past:
            self._begin()
        applied = self._applied
        while applied < len(events) and events[applied].at <= now:
            event = events[applied]
            self._history.pass_to(event.at)
            self._history.apply(event)
            self._apply(event)
            applied += 1
        self._history.pass_to(now)
        self.now = now
        if applied == self._applied and self._history.today == self._storage_until:
            return
        self._restate_storage(self._open_storage)
        self._storage_until = self._history.today
        self._applied, self._last = applied, events[applied - 1] if applied else None
        self._lists.clear()
        self.version += 1

    def rows(self, resource: str) -> list[Row]:
        """Return all rows of a list in order of creation; history by day, then item."""
        if resource not in self._lists:
            if resource == "inventory_history":
                past = [row for by_item in self._history.rows.values() for row in by_item.values()]
                self._lists[resource] = past + list(self._history.day_so_far().values())
            else:
                self._lists[resource] = list(self.tables[resource].values())
        return self._lists[resource]

    def _apply(self, event: AccountEvent) -> None:
        if event.resource == "item_quantities":
            self._count(event)
        elif event.resource == "invoices":
            self._bill(event)
        elif event.resource in FIELDS:
            self._put(event)

    def _count(self, event: AccountEvent) -> None:
        """Add a record of the five counters for a movement, or change the item's only record."""
        records = self.tables["item_quantities"]
        before = self._counters.get(event.key)
        is_new = before is None or self.readings.quantities == "history"
        change = zip(COUNTERS, effect(event), strict=True)
        row = Row(
            id=len(records) + 1 if is_new or before is None else before["id"],
            item_id=event.key,
            sku=self._skus.get(event.key),
            **{counter: (before[counter] if before else 0) + delta for counter, delta in change},
            updated_at=event.at,
            created_at=event.at if is_new or before is None else before["created_at"],
        )
        records[row["id"]] = self._counters[event.key] = row
        if event.kind == "counted" and self.readings.restated_history_days:
            found = (event.change or {}).get("adjusted", 0)
            self._history.restate_after_count(event.key, found, self.readings.restated_history_days)

    def _put(self, event: AccountEvent) -> None:
        table = self.tables[event.resource]
        if event.change is None:
            table.pop(event.key, None)
            self._unbilled.discard(event.key)
            self._open_storage.discard(event.key)
            return
        before = table.get(event.key) or dict.fromkeys(FIELDS[event.resource], None) | {"id": event.key}
        table[event.key] = row = Row(before | {"updated_at": event.at} | dict(event.change))
        if event.resource == "items":
            self.variants[event.key], self._skus[event.key] = row["shopify_variant_id"], row["external_name"]
        elif event.resource == "payment_items":
            if row["billed_date"] is None:
                self._unbilled.add(event.key)
                if self.readings.open_payment_id:
                    row["payment_id"] = self.account.payment_id(row["start"])
            if event.kind == "storage_opened":
                self._open_storage.add(event.key)

    def _bill(self, event: AccountEvent) -> None:
        """Assign the month's charges to their invoice, and finish those of storage."""
        invoice = event.change or {}
        charges = self.tables["payment_items"]
        due = {charge_id for charge_id in self._unbilled if charges[charge_id]["start"] < invoice["before"]}
        self._restate_storage(self._open_storage & due)
        billed = {"payment_id": event.key, "billed_date": invoice["billed_date"], "updated_at": event.at}
        for charge_id in due:
            charges[charge_id] = Row(charges[charge_id] | billed)
        self._unbilled -= due
        self._open_storage -= due

    def _restate_storage(self, charge_ids: Iterable[int]) -> None:
        """Add the day that has ended to the open storage charges."""
        charges = self.tables["payment_items"]
        for charge_id in charge_ids:
            charge = charges[charge_id]
            last = min(next_month(charge["start"]), self._history.today) - ONE_DAY
            billed = self._history.storage(charge["item_id"], charge["start"], last)
            restated_at = self.account.days.start(billed["end"] + ONE_DAY)
            if charge["end"] != billed["end"]:
                charges[charge_id] = Row(charge | billed | {"updated_at": restated_at})
