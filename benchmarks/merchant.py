"""Generate a merchant's account day by day, as the rows that the service would send, with the exact sums of their
numbers.

Nothing is random: the n-th order is always the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

DAYS, FIRST_DAY = 100, date(2025, 12, 8)
START = int(datetime(2025, 12, 8, tzinfo=UTC).timestamp())
NOW = START + DAYS * 86400 - 4 * 3600  # the last day has four hours left
FIRST_ID = {"orders": 19_001, "items": 28_001, "item_quantities": 1, "payment_items": 500_001}
LISTS = ("orders", "items", "item_quantities", "inventory_history", "payment_items")
CITIES = (("Montréal", "QC", "H2R 2Y8"), ("Québec", "QC", "G1R 4P5"), ("Toronto", "ON", "M5V 2T6"))
# As PHP prints the sum of 0.1 and 0.2: a column of binary floats adds it up to something else.
LONG_NUMBER = "0.30000000000000004"


class Rows(Protocol):
    def add(self, texts: Sequence[str], start: str, end: str, billed: str | None = None) -> None: ...

    def add_times(self, times: Sequence[int]) -> None: ...


class Merchant:
    def __init__(self, scale: float, tables: Mapping[str, Rows]) -> None:
        self.items, self.orders, self.records = int(2_000 * scale), int(20_000 * scale), int(20_000 * scale)
        self.tables = tables
        self.sums: dict[str, Decimal | int] = dict.fromkeys(
            (
                *("lines.quantity", "items.weight", "items.price", "quantities.supply", "quantities.delivered"),
                *("history.volume", "history.price", "history.supply", "charges.amount"),
            ),
            Decimal(0),
        )
        self._supply = [40 + i * 7 % 200 for i in range(self.items)]
        self._delivered = [i % 300 for i in range(self.items)]
        self._volume = [500 + i * 37 % 9000 for i in range(self.items)]  # cubic feet, four decimals
        self._weight = [50 + i * 11 % 900 for i in range(self.items)]  # pounds, two decimals
        self._stored = [0] * self.items  # the month's daily prices, six decimals
        self._month_start = FIRST_DAY
        self._record = self._charge = 0
        self._history = [self._fixed_history(i) for i in range(self.items)]
        rows = [self._item(i) for i in range(self.items)]
        self.tables["items"].add(rows, "", "")

    def day(self, number: int) -> None:
        """Everything that happens on one day, and the month's storage charges on its last."""
        day = FIRST_DAY + timedelta(days=number)
        text, billed = day.isoformat(), _billed_on(day)
        begin, end = START + number * 86400, min(START + (number + 1) * 86400, NOW)
        orders = range(*(-(-(at - START) * self.orders // (NOW - START)) for at in (begin, end)))
        times = [START + n * (NOW - START) // self.orders for n in orders]
        self.tables["orders"].add([self._order(n, at) for n, at in zip(orders, times, strict=True)], text, text)
        self.tables["orders"].add_times(times)
        records = list(self._records_until(end))
        self.tables["item_quantities"].add([row for row, _ in records], text, text)
        self.tables["item_quantities"].add_times([at for _, at in records])
        self.tables["inventory_history"].add(list(self._day_of_history(text)), text, text)
        self.tables["payment_items"].add(list(self._order_charges(orders, times, text, billed)), text, text, billed)
        if (day + timedelta(days=1)).month != day.month or number == DAYS - 1:
            first = self._month_start.isoformat()
            self.tables["payment_items"].add(list(self._storage_charges(first, text, billed)), first, text, billed)
            self._month_start = day + timedelta(days=1)

    def _item(self, i: int) -> str:
        long = i % 997 == 7
        weight = LONG_NUMBER if long else _number(self._weight[i], 100)
        self.sums["items.weight"] += Decimal(weight)
        self.sums["items.price"] += Decimal(900 + i % 5000) / 100
        name = f'Mug n° {i}, \\"special\\" edition'
        return (
            f'{{"id":{FIRST_ID["items"] + i},"name":"{name}","external_name":"SKU-{i:05}",'
            f'"shopify_variant_id":"{40000000000000 + i * 1117}","description":"{name}\\nFrom our café collection.",'
            f'"width_in":{_number(300 + i % 900, 100)},"depth_in":6.07,"height_in":4.9,"weight":{weight},'
            f'"price":{_number(900 + i % 5000, 100)},"notify_email":null,"expiration_warning_in_days":null,'
            f'"ht_code":"4784.19","country_of_origin":"IN","back_order_limit":0,"is_prepackaged":false,'
            f'"created_at":"2025-12-08T00:00:00Z","updated_at":"2025-12-08T00:00:00Z"}}'
        )

    def _order(self, n: int, at: int) -> str:
        lines = [(n * 7 + 13 * j) % self.items for j in (0, 1)]
        units = [1 + (n + j) % 3 for j in (0, 1)]
        self.sums["lines.quantity"] += sum(units)
        stored = ",".join(
            f'{{"item_id":{FIRST_ID["items"] + i},"shopify_variant_id":"{40000000000000 + i * 1117}","quantity":{q}}}'
            for i, q in zip(lines, units, strict=True)
        )
        city, province, postal_code = CITIES[n % 3]
        street, status = 100 + n % 5000, "COMPLETED" if at < NOW - 3 * 86400 else "PENDING"
        return (
            f'{{"id":{FIRST_ID["orders"] + n},"external_name":"#{1001 + n}",'
            f'"shopify_order_id":"{5000000000000 + n * 2311}","order_type":"DELIVERY","status":"{status}",'
            f'"warehouse_id":1,"created_at":"{_moment(at - 3600 * (1 + n % 40))}","updated_at":"{_moment(at)}",'
            f'"recipient":{{"name":"José Tremblay {n % 700}","email":"customer{n % 9000}@example.com",'
            f'"phone":"5145{n % 1000000:06}"}},"stored_items":[{stored}],'
            f'"place":{{"address1":"{street} King St W","address2":null,"postal_code":"{postal_code}","city":"{city}",'
            f'"province_code":"{province}","country_code":"CA"}}}}'
        )

    def _records_until(self, end: int) -> Iterator[tuple[str, int]]:
        """One record of every item on the first day, the others spread over the days that follow."""
        spread = self.records - self.items
        while self._record < self.records:
            n = self._record
            later = n - self.items
            at = (
                START + n * 86400 // self.items
                if later < 0
                else START + 86400 + later * (NOW - START - 86400) // spread
            )
            if at >= end:
                return
            i, turn = n % self.items, n // self.items
            if turn:
                sold = 1 + (i + turn) % 3
                self._delivered[i] += sold
                self._supply[i] += (12 if turn % 5 == 0 else 0) - sold
            self.sums["quantities.supply"] += self._supply[i]
            self.sums["quantities.delivered"] += self._delivered[i]
            moment = _moment(at)
            yield (
                (
                    f'{{"id":{1 + n},"item_id":{FIRST_ID["items"] + i},"sku":"SKU-{i:05}","supply":{self._supply[i]},'
                    f'"receiving":0,"prepared":0,"back_ordered":0,"delivered":{self._delivered[i]},'
                    f'"updated_at":"{moment}","created_at":"{moment}"}}'
                ),
                at,
            )
            self._record += 1

    def _fixed_history(self, i: int) -> str:
        return (
            f'{{"id":{FIRST_ID["items"] + i},"name":"Mug n° {i}, \\"special\\" edition","external_name":"SKU-{i:05}",'
            f'"cubic_size":{_number(self._volume[i], 10000)},"weight":{_number(self._weight[i], 100)},"date":"'
        )

    def _day_of_history(self, day: str) -> Iterator[str]:
        volumes = prices = 0
        for i, (fixed, supply, cubic) in enumerate(zip(self._history, self._supply, self._volume, strict=True)):
            volume = cubic * supply
            price = (volume * 325 + 50) // 100
            self._stored[i] += price
            volumes += volume
            prices += price
            yield (
                f'{fixed}{day}","total_volume":{_number(volume, 10**4)},"total_storage_price":{_number(price, 10**6)},'
                f'"prepared":0,"receiving":0,"supply":{supply}}}'
            )
        self.sums["history.volume"] += Decimal(volumes) / 10**4
        self.sums["history.price"] += Decimal(prices) / 10**6
        self.sums["history.supply"] += sum(self._supply)

    def _order_charges(self, orders: range, times: list[int], day: str, billed: str | None) -> Iterator[str]:
        for n, at in zip(orders, times, strict=True):
            charges = [("handling", 250, 1), ("shipping", 725 + 48 * (1 + n % 9), 1 + n % 9)]
            if n % 10 == 0:
                charges.append(("picking", 125, 1))
            for kind, cents, quantity in charges:
                text = f"{kind.capitalize()} #{1001 + n}"
                order = FIRST_ID["orders"] + n
                yield self._charge_row(kind, text, cents, quantity, (day, day), billed, str(order), "null", "null", at)

    def _storage_charges(self, first: str, last: str, billed: str | None) -> Iterator[str]:
        days = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
        at = int(datetime.fromisoformat(last).replace(tzinfo=UTC).timestamp())
        for i, price in enumerate(self._stored):
            item, volume = str(FIRST_ID["items"] + i), _number(self._volume[i] * self._supply[i] * days, 10**4)
            cents = (price + 5000) // 10000
            yield self._charge_row(
                "storage", f"Storage SKU-{i:05}", cents, days, (first, last), billed, "null", item, volume, at
            )
        self._stored = [0] * self.items

    def _charge_row(
        self,
        kind: str,
        text: str,
        cents: int,
        quantity: int,
        span: tuple[str, str],
        billed: str | None,
        order: str,
        item: str,
        volume: str,
        at: int,
    ) -> str:
        self.sums["charges.amount"] += Decimal(cents) / 100
        payment = "null" if billed is None else 7000 + int(billed[:4]) * 12 + int(billed[5:7]) - 24300
        billed_date = "null" if billed is None else f'"{billed}"'
        self._charge += 1
        return (
            f'{{"id":{FIRST_ID["payment_items"] + self._charge - 1},"payment_id":{payment},"type":"{kind}",'
            f'"description":"{text}","amount":{_number(cents, 100)},"quantity":{quantity},"start":"{span[0]}",'
            f'"end":"{span[1]}","billed_date":{billed_date},"order_id":{order},"item_id":{item},'
            f'"total_volume":{volume},"created_at":"{_moment(at)}","updated_at":"{_moment(at)}"}}'
        )


def _number(units: int, unit: int) -> str:
    """As PHP writes it: without zeros at the end."""
    return f"{units / unit:.15g}"


def _moment(at: int) -> str:
    day, second = divmod(at - START, 86400)
    return f"{_DAY_TEXTS[day]}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


_DAY_TEXTS = {day: (FIRST_DAY + timedelta(days=day)).isoformat() for day in range(-3, DAYS + 1)}


def _billed_on(day: date) -> str | None:
    """The third of the next month, if that has come."""
    billed = (day.replace(day=1) + timedelta(days=32)).replace(day=3)
    return billed.isoformat() if billed < FIRST_DAY + timedelta(days=DAYS) else None
