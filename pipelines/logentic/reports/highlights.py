"""Print answers to three first questions, read from the published tables."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from logentic.reports.exceptions import read_findings, sum_open_amounts
from logentic.reports.humanize import count
from logentic.reports.published_file import open_published
from logentic.reports.rate_changes import read_rate_changes
from logentic.settings import load_settings

MOVED_MOST = """
select
    items.sku,
    items.name,
    sum(ledger.received) as received,
    sum(ledger.shipped) as shipped,
    sum(ledger.returned) as returned,
    sum(ledger.adjusted) as adjusted,
    max_by(ledger.closing, ledger.date) as on_hand
from stock_ledger_daily as ledger
inner join items using (item_id)
where ledger.date > (select max(date) from stock_ledger_daily) - interval 30 day
group by items.sku, items.name
order by shipped desc, items.sku
limit 5
"""
STORAGE_BY_MONTH = """
select
    strftime(month, '%Y-%m') as month,
    cast(sum(average_volume_cuft) as decimal(18, 1)) as cubic_feet,
    cast(sum(price) as decimal(18, 2)) as price,
    cast(sum(billed) as decimal(18, 2)) as billed
from storage_cost_monthly
group by month
order by month
"""
LAST_INVOICE = """
select payment_id from invoices where billed_date is not null order by billed_date desc, payment_id desc limit 1
"""


def print_highlights(file: Path, console: Console) -> None:
    currency = load_settings().currency
    with open_published(file) as published:
        console.print(_table("What moved most in the last 30 days? (units)", published.execute(MOVED_MOST)), "")
        console.print(_table("What does storage cost?", published.execute(STORAGE_BY_MONTH)))
        for change in read_rate_changes(published):
            console.print(Text(f"{change.words} That is {change.cost(currency)}."))
        console.print()
        last = published.execute(LAST_INVOICE).fetchone()
        if last is None:
            console.print("What is wrong with the last invoice? There is no invoice yet.")
            return
    found = read_findings(file, last[0])
    rows = [
        (each.rule, each.charge_id, each.recoverable, each.in_your_favour, each.evidence)
        for each in sorted(found, key=lambda each: each.is_underbilled)
    ]
    names = ["rule", "charge_id", "recoverable", "in_your_favour", "evidence"]
    console.print(_table_of(f"What is wrong with the last invoice, {last[0]}?", names, rows))
    console.print(f"{count(len(found), 'exception')}: {sum_open_amounts(found).text(currency)}")


def _table(title: str, cursor: Any) -> Table:
    return _table_of(title, [name for name, *_ in cursor.description], cursor.fetchall())


def _table_of(title: str, names: list[str], rows: list[tuple[Any, ...]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for index, name in enumerate(names):
        numeric = all(isinstance(row[index], int | Decimal | None) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", no_wrap=index == 0)
    for row in rows:
        # As Text: rich would read [brackets] as markup.
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    return table
