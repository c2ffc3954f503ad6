"""Draw the pictures of the rate card in docs/finance.md: the price list, and charges beside their learned price.

The account of the sandbox is always the same; its prices of handling and picking rise on one day.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from logentic.job import JobOptions, run_job
from logentic.reports.price_list import print_prices, read_price_list
from logentic.reports.published_file import open_published, read_records
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

ACCOUNT = Account(
    seed=1, scale=0.3, days=90, today=date(2026, 3, 17), scenarios=["rate_change"], errors={"rate_deviation": 4}
)
FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
WIDTH, HEIGHT = 880, 460
LEFT, RIGHT, TOP, BOTTOM = 64, 96, 76, 48
ONE_DAY = timedelta(days=1)
HEADROOM = Decimal("0.2")
MOST_UNITS = 8  # orders with more are not drawn
INK, MUTED, GRID, DOT, LINE, WRONG = "#1f2933", "#52606d", "#e4e7eb", "#3b6ea5", "#9fb3c8", "#c81e1e"
CHARGES = """
select
    charges.start_date as day, cast(charges.amount as decimal(18, 2)) as amount, lines.units,
    cast(checked.expected as decimal(18, 2)) as expected, checked.rule is not distinct from 'rate_deviation' as is_wrong
from charges
inner join invoice_reconciliation as checked on charges.charge_id = checked.charge_id
inner join (
    select order_id, cast(sum(quantity) as integer) as units from order_lines group by order_id
) as lines on charges.order_id = lines.order_id
where charges.charge_type = 'picking' and charges.amount > 0 and lines.units <= $most
order by day, charges.charge_id
"""
PRICES = """
select fixed, per_unit, formula, valid_from, valid_to from learned_prices
where charge_type = 'picking' order by valid_from
"""


def main() -> None:
    with (
        TemporaryDirectory() as folder,
        Sandbox(ACCOUNT) as sandbox,
    ):
        file = Path(folder) / "logentic.duckdb"
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x")
        run_job(settings, file, JobOptions())
        found = read_price_list(file)
        command = "logentic prices --db logentic.duckdb"
        draw_terminal("prices", command, lambda console: print_prices(found, console, settings.currency))
        with open_published(file) as published:
            charges = read_records(published, CHARGES, {"most": MOST_UNITS})
            prices = read_records(published, PRICES)
    (FOLDER / "learned-price.svg").write_text(Plot.of(charges, prices).svg(), "utf-8")


def draw_terminal(name: str, command: str, show: Callable[[Console], None]) -> None:
    console = Console(record=True, width=100, file=StringIO(), force_terminal=True, highlight=False)
    console.print(f"$ {command}", style="bold green", highlight=False)
    show(console)
    (FOLDER / f"{name}.svg").write_text(console.export_svg(title="Terminal", unique_id=name), "utf-8")


@dataclass(frozen=True)
class Plot:
    """Charges by day and amount, and the lines of the learned price, one for each number of units."""

    charges: list[dict[str, Any]]
    prices: list[dict[str, Any]]
    first: date
    last: date
    highest: Decimal

    @classmethod
    def of(cls, charges: list[dict[str, Any]], prices: list[dict[str, Any]]) -> "Plot":
        days = [charge["day"] for charge in charges]
        return cls(charges, prices, min(days), max(days), max(charge["amount"] for charge in charges) + HEADROOM)

    def x(self, day: date) -> float:
        share = (day - self.first).days / (self.last - self.first).days
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, amount: Decimal) -> float:
        return round(HEIGHT - BOTTOM - float(amount / self.highest) * (HEIGHT - TOP - BOTTOM), 1)

    def svg(self) -> str:
        change = self.prices[-1]["valid_from"]
        about = f"Picking charges by day, the price learned from them, its change on {change}, and the exceptions."
        parts = [*self._axes(), *self._lines(), *self._dots(), *self._change(), *self._legend()]
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
                ' font-family="Helvetica, Arial, sans-serif" font-size="13">',
                f"<title>{escape(about)}</title>",
                f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
                *parts,
                "</svg>\n",
            ]
        )

    def _axes(self) -> Iterator[str]:
        for step in range(int(self.highest) + 1):
            y = self.y(Decimal(step))
            yield f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="{GRID}"/>'
            yield _text(LEFT - 8, y + 4, f"{step}.00", MUTED, "end")
        day = self.first
        while day <= self.last:
            if day.day in (1, 15):
                yield _text(self.x(day), HEIGHT - BOTTOM + 20, f"{day:%b} {day.day}", MUTED)
            day += ONE_DAY
        yield _text(LEFT, HEIGHT - 8, "day of the charge", MUTED, "start")
        yield _text(LEFT - 44, TOP - 14, "amount", MUTED, "start")

    def _lines(self) -> Iterator[str]:
        for units in range(1, MOST_UNITS + 1):
            path, y = "", 0.0
            for price in self.prices:
                start = max(price["valid_from"], self.first)
                end = price["valid_to"] + ONE_DAY if price["valid_to"] < self.last else self.last
                y = self.y(price["fixed"] + units * price["per_unit"])
                path += f"{'L' if path else 'M'}{self.x(start)} {y}L{self.x(end)} {y}"
            yield f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.5"/>'
            yield _text(WIDTH - RIGHT + 10, y + 4, f"{units} unit{'s' * (units > 1)}", MUTED, "start")

    def _dots(self) -> Iterator[str]:
        for charge in self.charges:
            if not charge["is_wrong"]:
                x, y = self.x(charge["day"]), self.y(charge["amount"])
                yield f'<circle cx="{x}" cy="{y}" r="2.6" fill="{DOT}" fill-opacity="0.75"/>'
        wrong = sorted((c for c in self.charges if c["is_wrong"]), key=lambda c: c["amount"] - c["expected"])
        for charge in wrong:
            x, y, price = self.x(charge["day"]), self.y(charge["amount"]), self.y(charge["expected"])
            yield f'<path d="M{x} {y}V{price}" stroke="{WRONG}" stroke-width="1.5"/>'
            yield f'<circle cx="{x}" cy="{y}" r="5" fill="{WRONG}" stroke="#ffffff"/>'
        for charge in wrong[-1:]:
            units = f"{charge['units']} unit{'s' * (charge['units'] > 1)}"
            words = f"{charge['amount']} for {units}; the price is {charge['expected']}"
            yield _text(self.x(charge["day"]) + 10, self.y(charge["amount"]) + 4, words, WRONG, "start", halo=True)

    def _change(self) -> Iterator[str]:
        for price in self.prices[1:]:
            x = self.x(price["valid_from"])
            yield f'<path d="M{x} {TOP - 8}V{HEIGHT - BOTTOM}" stroke="{INK}" stroke-dasharray="4 4"/>'
            day = price["valid_from"]
            yield _text(x + 8, TOP - 12, f"from {day.day} {day:%B}: {price['formula']}", INK, "start", halo=True)
            yield _text(x - 8, TOP - 12, f"before: {self.prices[0]['formula']}", INK, "end", halo=True)

    def _legend(self) -> Iterator[str]:
        yield f'<circle cx="{LEFT + 6}" cy="24" r="4" fill="{DOT}"/>'
        yield _text(LEFT + 18, 28, "a charge for picking", INK, "start")
        yield f'<path d="M{LEFT + 180} 24h26" stroke="{LINE}" stroke-width="2.5"/>'
        yield _text(LEFT + 214, 28, "the learned price, by units of the order", INK, "start")
        yield f'<circle cx="{LEFT + 486}" cy="24" r="5" fill="{WRONG}"/>'
        yield _text(LEFT + 498, 28, "an exception, and how far it is off", INK, "start")


def _text(x: float, y: float, words: str, colour: str, anchor: str = "middle", *, halo: bool = False) -> str:
    around = ' stroke="#ffffff" stroke-width="4" paint-order="stroke"' if halo else ""
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}"{around}>{escape(words)}</text>'


if __name__ == "__main__":
    sys.exit(main())
