"""Show a quote: on the screen, as JSON, and as sheets of a workbook or CSV files."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from logentic.currencies import decimal_text, money
from logentic.reports.humanize import count
from logentic.reports.quote.comparison import AXES, STEPS, Contract, CostDifference, Quote
from logentic.reports.sheets import Sheet, SheetColumn
from logentic.reports.terminal import plain_table
from logentic.sanitizer import one_line, printable

CENT = Decimal("0.01")
WIDEST = 1_000  # characters of a table
AXIS_TITLES = {
    "volume": "number of orders",
    "mix": "orders of several units (the number of orders stays)",
    "storage": "stored volume",
}
AXIS_TEXTS = {axis: f"Cost by {title}" for axis, title in AXIS_TITLES.items()}


def print_quote(found: Quote, console: Console) -> None:
    """Print the totals, then what they are made of and rest on."""
    months = f"{found.months[0]:%Y-%m} to {found.months[-1]:%Y-%m}"
    console.print(
        f"{months}: {count(found.orders, 'order')}, {decimal_text(found.units).removesuffix('.00')} units"
        f" ({found.currency})"
    )
    console.print()
    for title, headings, rows in (_totals(found), _by_type(found), _by_month(found)):
        _print_table(console, title, headings, rows)
    for card in found.cards:
        _print_card(console, found, card)
    if found.packaging:
        _print_table(console, *_packaging(found))
    for axis in AXES:
        _print_table(console, *_by_axis(found, axis))
    console.print(Text(check_text(found)))


def _print_table(console: Console, title: str, headings: list[str], rows: list[list[str]]) -> None:
    table = plain_table(one_line(title), *(one_line(heading) for heading in headings))
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    # Many cards are wider than a terminal: it may wrap a line, but no amount is cut.
    width, console.width = console.width, WIDEST
    console.print(table)
    console.width = width
    console.print()


def _print_card(console: Console, found: Quote, card: Contract) -> None:
    for what, differences in (("orders", found.order_differences), ("items, storage", found.item_differences)):
        own = [one for one in differences if one.card == card.name]
        if own:
            headings = [what.partition(",")[0].removesuffix("s"), *(one.name for one in found.contracts), "difference"]
            rows = [_difference_row(one, found.currency) for one in own]
            _print_table(console, f"{card.name}: the {what} that differ most", headings, rows)
    for text in (*unpriced_texts(found, card), break_even_text(found, card)):
        console.print(Text(one_line(text)))
    console.print()


def _difference_row(one: CostDifference, currency: str) -> list[str]:
    amounts = ["" if amount is None else money(amount, currency) for amount in one.amounts]
    return [one.name or str(one.key), *amounts, _signed(one.difference, currency)]


def unpriced_texts(found: Quote, card: Contract) -> Iterator[str]:
    """Yield a line for each part of the history that the card does not price."""
    for one in card.unpriced:
        billed = money(one.billed, found.currency)
        yield f"{card.name}: {one.charge_type} not priced for {one.count:,}, kept as billed ({billed}). {one.reason}"


def break_even_text(found: Quote, card: Contract) -> str:
    """Say from which volume on a card is cheaper than what was billed."""
    per_month = found.orders // max(len(found.months), 1)
    if not card.break_even:
        cheaper = "costs less" if card.total < found.contracts[0].total else "costs more"
        return (
            f"{card.name}: no break-even volume; it {cheaper} than was billed, from a tenth to five times the orders."
        )
    parts = [
        f"{'above' if one.is_cheaper_above else 'below'} {one.orders_per_month:,} orders a month"
        for one in card.break_even
    ]
    return f"{card.name}: it costs less than was billed {' and '.join(parts)} (now {per_month:,})."


def check_text(found: Quote) -> str:
    """Say how far the learned prices explain the bills."""
    check, currency = found.check, found.currency
    share = check.unexplained_share
    percent = "" if share is None else f" They leave {(share * 100).quantize(CENT):f} % of the bills unexplained:"
    return (
        f"Check: the learned prices give {money(check.learned, currency)}, billed were"
        f" {money(check.billed, currency)}.{percent} {money(check.without_price, currency)} without a price,"
        f" {money(check.off_price, currency)} off their price, {money(check.not_owed, currency)} billed twice or for"
        f" cancelled or unknown orders. {money(check.unbilled, currency)} of the learned prices was not billed."
    )


def _totals(found: Quote) -> tuple[str, list[str], list[list[str]]]:
    headings = ["", "total", "difference", "%", "per order", "per unit", "kept as billed"]
    billed = found.contracts[0].total
    rows = []
    for one in found.contracts:
        gap = one.total - billed
        share = f"{(gap / billed * 100).quantize(Decimal('0.1'), ROUND_HALF_UP):+}" if billed else ""
        is_first = one is found.contracts[0]
        rows.append(
            [
                one.name,
                money(one.total, found.currency),
                "" if is_first else _signed(gap, found.currency),
                "" if is_first else share,
                *(
                    "" if each is None else f"{each.quantize(CENT, ROUND_HALF_UP):,f}"
                    for each in (found.per_order(one), found.per_unit(one))
                ),
                money(one.unpriced_amount, found.currency) if one.unpriced_amount else "",
            ]
        )
    return "Total", headings, rows


def _by_type(found: Quote) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [charge_type, *(money(one.of_type(charge_type), found.currency) for one in found.contracts)]
        for charge_type in found.types
    ]
    return "By charge type", ["", *(one.name for one in found.contracts)], rows


def _by_month(found: Quote) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [f"{month:%Y-%m}", *(money(one.of_month(month), found.currency) for one in found.contracts)]
        for month in found.months
    ]
    return "By month", ["", *(one.name for one in found.contracts)], rows


def _by_axis(found: Quote, axis: str) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [
            f"{step:+} %" if step else "as it was",
            *(money(c.sensitivity[axis][index], found.currency) for c in found.contracts),
        ]
        for index, step in enumerate(STEPS)
    ]
    return AXIS_TEXTS[axis], ["", *(one.name for one in found.contracts)], rows


def _packaging(found: Quote) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [one.sku or str(one.item_id), one.card, *(_signed(each, found.currency) for each in amounts)]
        for one in found.packaging
        for amounts in [(one.orders, one.storage, one.total, one.per_year)]
    ]
    return "Change by measured sizes", ["item", "card", "orders", "storage", "together", "a year"], rows


def _signed(amount: Decimal, currency: str) -> str:
    return f"{'+' if amount > 0 else ''}{money(amount, currency)}"


def as_dict(found: Quote) -> dict[str, Any]:
    """Return a quote as `--json` prints it; amounts are texts, so that no reader rounds them."""
    names = [one.name for one in found.contracts]

    def differences(all_of_them: list[CostDifference]) -> list[dict[str, Any]]:
        return [
            {
                "card": one.card,
                "id": one.key,
                "name": one.name,
                "amounts": dict(zip(names, (None if a is None else f"{a:f}" for a in one.amounts), strict=True)),
                "difference": f"{one.difference:f}",
            }
            for one in all_of_them
        ]

    share = found.check.unexplained_share
    return {
        "file": str(found.file),
        "currency": found.currency,
        "from": f"{found.months[0]:%Y-%m}",
        "to": f"{found.months[-1]:%Y-%m}",
        "orders": found.orders,
        "units": f"{found.units:f}",
        "contracts": [
            {
                "name": one.name,
                "total": f"{one.total:f}",
                "kept_as_billed": f"{one.unpriced_amount:f}",
                "per_order": None if found.per_order(one) is None else f"{found.per_order(one):f}",
                "per_unit": None if found.per_unit(one) is None else f"{found.per_unit(one):f}",
                "lines": [
                    {"month": f"{month:%Y-%m}", "charge_type": charge_type, "amount": f"{amount:f}"}
                    for (month, charge_type), amount in sorted(one.lines.items())
                ],
                "not_priced": [
                    {
                        "charge_type": part.charge_type,
                        "reason": part.reason,
                        "count": part.count,
                        "billed": f"{part.billed:f}",
                    }
                    for part in one.unpriced
                ],
                "sensitivity": {
                    axis: {str(step): f"{total:f}" for step, total in zip(STEPS, totals, strict=True)}
                    for axis, totals in one.sensitivity.items()
                },
                "break_even": [
                    {"orders_per_month": at.orders_per_month, "is_cheaper_above": at.is_cheaper_above}
                    for at in one.break_even
                ],
            }
            for one in found.contracts
        ],
        "check": {
            name: f"{getattr(found.check, name):f}"
            for name in ("billed", "learned", "without_price", "off_price", "not_owed", "unbilled")
        }
        | {"unexplained_share": None if share is None else f"{share:f}"},
        "orders_that_differ": differences(found.order_differences),
        "items_that_differ": differences(found.item_differences),
        "packaging": [
            {
                "card": one.card,
                "id": one.item_id,
                "sku": one.sku,
                "orders": f"{one.orders:f}",
                "storage": f"{one.storage:f}",
                "total": f"{one.total:f}",
                "per_year": f"{one.per_year:f}",
            }
            for one in found.packaging
        ],
    }


def build_sheets(found: Quote) -> list[Sheet]:
    """Return the tables of a quote: its lines, what was not priced, what differs, and the sensitivity."""
    names = [one.name for one in found.contracts]
    amounts = tuple(SheetColumn(printable(name), "money") for name in names)
    keys = sorted({key for one in found.contracts for key in one.lines})
    lines = [(*key, *(one.lines.get(key, Decimal(0)) for one in found.contracts)) for key in keys]
    unpriced = [
        (one.name, part.charge_type, part.reason, part.count, part.billed)
        for one in found.cards
        for part in one.unpriced
    ]
    moved = [
        (axis, Decimal(step) / 100, *(one.sensitivity[axis][index] for one in found.contracts))
        for axis in AXES
        for index, step in enumerate(STEPS)
    ]
    text = [SheetColumn(name, "text") for name in ("card", "charge_type", "reason", "name", "by")]
    card, charge_type, reason, name, by = text
    month, number = SheetColumn("month", "month"), SheetColumn("count", "count")
    plain = tuple(SheetColumn(column.name, "amount") for column in amounts)
    difference = SheetColumn("difference", "amount")
    sheets = [
        Sheet("Quote", (month, charge_type, *amounts), lines, "The cost of the period under each contract"),
        Sheet(
            "Not priced",
            (card, charge_type, reason, number, SheetColumn("billed", "money")),
            unpriced,
            "What a card does not price stays at the billed amount",
        ),
    ]
    for title, key, differences in (
        ("Orders", "order_id", found.order_differences),
        ("Items", "item_id", found.item_differences),
    ):
        rows = [(one.card, one.key, one.name, *one.amounts, one.difference) for one in differences]
        columns = (card, SheetColumn(key, "id"), name, *plain, difference)
        sheets.append(Sheet(title, columns, rows, f"The {title.lower()} whose cost a card changes most"))
    sheets.append(Sheet("Sensitivity", (by, SheetColumn("change", "share"), *plain), moved, "Cost by volume and mix"))
    changed = [(one.card, one.item_id, one.sku, one.orders, one.storage, one.per_year) for one in found.packaging]
    effects = tuple(SheetColumn(name, "amount") for name in ("orders", "storage", "per_year"))
    columns = (card, SheetColumn("item_id", "id"), SheetColumn("sku", "text"), *effects)
    sheets.append(Sheet("Packaging", columns, changed, "What measured sizes change, by item"))
    return [sheet for sheet in sheets if sheet.rows]
