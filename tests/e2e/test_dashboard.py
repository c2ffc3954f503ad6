"""The dashboard in a real browser: each page's numbers against SQL, filters, drill-down, downloads, for everyone."""

import csv
import io
import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from command_line import logentic
from playwright.sync_api import Browser, Page, expect

from .conftest import Visitor, press

PAGES = ("overview", "stock", "storage", "costs", "invoices", "month", "orders", "data health")
LAST_DAY = "(select max(date) from stock_daily)"
COSTS = """select date_trunc('month', coalesce(start_date, billed_date))::date as month, * from charges
    where not is_withdrawn and amount is not null"""
THIS_MONTH = (  # up to yesterday
    "coalesce(start_date, billed_date) between date_trunc('month', current_date - 1) and current_date - 1"
)
LAST_WHOLE_MONTH = "(date_trunc('month', current_date) - interval 1 month)::date"
# For each page, queries and what the page says of their one number.
NUMBERS = {
    "overview": {
        f"select sum(physical) from stock_daily where date = {LAST_DAY}": "{:,} units",
        f"""select cast(round(sum(physical) * 28 / (
            select sum(shipped) from stock_ledger_daily where date between {LAST_DAY} - 28 and {LAST_DAY} - 1
        )) as bigint) from stock_daily where date = {LAST_DAY}""": "lasts {} days as sold lately",
        """select coalesce(sum(cast(amount_at_stake as decimal(18, 2))), 0) from exception_status
        where direction = 'recoverable' and status = 'open'
            and (dispute_until is null or dispute_until >= current_date)""": ("{:,.2f} can still be disputed"),
        f"""select cast(sum(physical * price) as decimal(18, 2)) from stock_daily inner join items using (item_id)
        where date = {LAST_DAY}""": "worth {:,.2f} on",
        f"select sum(amount) from ({COSTS}) where {THIS_MONTH}": "cost {:,.2f}, ",
        f"""select cast(sum(amount) / count(distinct order_id) as decimal(18, 2)) from ({COSTS})
        where {THIS_MONTH}""": "{:,.2f} per order and",
        "select 12 * amount from findings where kind = 'storage_rate_change'": ": about {:,.0f} CAD a year",
        "select start_date from findings where kind = 'storage_rate_change'": (
            "Storage rate +6.2 % since {0.day} {0:%B %Y}"
        ),
    },
    "stock": {
        f"select sum(closing) from stock_ledger_daily where date = {LAST_DAY}": "units became {:,}",
        f"""select sum(shipped) from stock_ledger_daily where date > {LAST_DAY} - 30""": "movements, {:,} units",
        f"""select count(*) from stock_ledger_daily
        where is_observed and date > {LAST_DAY} - 30""": "of {:,} item-days",
    },
    "storage": {
        """select cast(abs(sum(difference)) as decimal(18, 2)) from invoice_reconciliation
        where charge_type = 'storage' and is_billed and status <> 'not_checked'""": "Storage was charged {:,.2f}",
        "select count(distinct item_id) from storage_cost_daily": "of {:,} items make 80 %",
        """select round(max(rate), 4)
        from (select median(rate) as rate from storage_cost_daily group by date)""": "then {:.4f}",
    },
    "costs": {
        f"select sum(amount) from ({COSTS}) where month = {LAST_WHOLE_MONTH}": "cost {:,.2f}",
        f"""select abs(sum(case when month = {LAST_WHOLE_MONTH} then amount else -amount end)) from ({COSTS})
        where month between {LAST_WHOLE_MONTH} - interval 1 month and {LAST_WHOLE_MONTH}""": "cost {:,.2f} ",
        f"""select cast(sum(amount) / count(distinct order_id) as decimal(18, 2)) from ({COSTS})
        where month = {LAST_WHOLE_MONTH} and order_id is not null""": "An order cost {:,.2f} in",
        f"""select max(cost) from (select sum(amount) as cost from ({COSTS})
        where month = {LAST_WHOLE_MONTH} and order_id is not null group by order_id)""": "to {:,.2f}; the median",
    },
    "invoices": {
        "select count(distinct payment_id) from charges where not is_withdrawn": "{:,} invoices: ",
        """select coalesce(sum(cast(amount_at_stake as decimal(18, 2))), 0) from exception_status
        where direction = 'recoverable' and status in ('open', 'disputed') and payment_id is not null""": (
            "{:,.2f} recoverable"
        ),
        """select coalesce(sum(cast(amount_at_stake as decimal(18, 2))), 0) from exception_status
        where direction = 'in_your_favour' and status in ('open', 'disputed') and payment_id is not null""": (
            "{:,.2f} in your favour"
        ),
    },
    "month": {
        "select max(month) from month_facts where subject = 'charge'": "{:%B %Y} is open",
    },
    "data health": {
        "select count(*) from logentic_raw.extract_windows where false": "Incomplete windows{}",
    },
    "orders": {
        "select count(*) from orders": "of {:,} orders are completed",
        "select sum(units)::bigint from orders": "{:,} units were ordered",
        """select cast(sum(amount) / count(distinct order_id) as decimal(18, 2)) from charges
        where charge_type = 'shipping' and not is_withdrawn and order_id in (select order_id from orders)""": (
            "cost {:,.2f} on average"
        ),
    },
}


def one(published: duckdb.DuckDBPyConnection, query: str) -> Any:
    return (published.execute(query).fetchone() or (None,))[0]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_the_numbers_of_the_tables_to_everyone(
    name: str, visitor: Visitor, published: duckdb.DuckDBPyConnection
) -> None:
    page = visitor.open(f"?page={name}")
    for query, shown in NUMBERS[name].items():
        expect(page.locator("body")).to_contain_text(shown.format(one(published, query)))
    assert [(found["id"], found["nodes"][0]["html"]) for found in axe(page)] == []
    expect(page.locator("text=/Error:|Exception:|Traceback/")).to_have_count(0)


def test_the_parts_of_the_bridge_add_up_to_the_cost_of_the_month(
    visitor: Visitor, published: duckdb.DuckDBPyConnection
) -> None:
    page = visitor.open("?page=costs&back=1")
    panel = page.get_by_role("region", name=re.compile("volume .*, mix .*, price "))
    panel.locator("summary").click()
    before, volume, mix, price, after = (
        Decimal(row.locator("td").last.inner_text().replace(",", "")) for row in panel.locator("tbody tr").all()
    )
    assert (
        before + volume + mix + price
        == after
        == one(published, f"select sum(amount) from ({COSTS}) where month = {LAST_WHOLE_MONTH}")
    )
    types = page.get_by_role("region", name=re.compile("The largest change is"))
    types.locator("summary").click()
    rows = [row.inner_text().replace(",", "").split("\t") for row in types.locator("tbody tr").all()]
    assert [sum(Decimal(row[place]) for row in rows) for place in range(1, 6)] == [before, volume, mix, price, after]


def test_another_month_is_compared_and_stays_in_the_address(
    visitor: Visitor, published: duckdb.DuckDBPyConnection
) -> None:
    page = visitor.open("?page=costs")
    month = one(published, f"select max(month) from ({COSTS}) where month < {LAST_WHOLE_MONTH}")
    cost = one(published, f"select sum(amount) from ({COSTS}) where month = '{month}'")
    page.get_by_label("Month", exact=True).select_option(label=f"{month:%B %Y}")
    expect(page.locator("h2").first).to_contain_text(f"{month:%B %Y} cost {cost:,.2f}")
    expect(page).to_have_url(re.compile(f"month={month:%Y-%m}"))
    page.get_by_label("Compared with").select_option("The same month of last year")
    expect(page.locator("body")).to_contain_text(f"{month:%B} {month.year - 1} has no costs to compare with")


def test_a_figure_of_the_overview_is_that_of_the_command_line_and_leads_to_its_page(
    visitor: Visitor, file: Path
) -> None:
    exceptions = json.loads(logentic("exceptions", "--db", file, "--json", cwd=file.parent).stdout)
    page = visitor.open("?page=overview")
    for label, name in (("Recoverable", "recoverable"), ("In your favour", "in_your_favour")):
        amount = sum(Decimal(each[name] or 0) for each in exceptions)
        expect(page.locator(".lg-tile", has_text=label).get_by_role("link")).to_have_text(f"{amount:,.2f}")
    for label, title in (("Recoverable", "Invoices"), ("Cost, 1", "Costs"), ("Stock", "Stock")):
        page = visitor.open("?page=overview")
        page.locator(".lg-tile", has_text=label).get_by_role("link").press("Enter")
        expect(page.locator("h1")).to_have_text(title)
    page = visitor.open("?page=overview")
    page.get_by_role("link", name=re.compile("Storage rate")).press("Enter")
    expect(page.locator("h1")).to_have_text("Storage")


def axe(page: Page) -> list[dict[str, Any]]:
    """What a screen reader, a keyboard or weak eyes would stumble over."""
    return list(Axe().run(page).response["violations"])


def test_a_filter_changes_the_page_and_the_address_that_others_can_open(
    visitor: Visitor, published: duckdb.DuckDBPyConnection
) -> None:
    page = visitor.open("?page=orders")
    warehouse = one(published, "select max(warehouse_id) from orders")
    count = one(published, f"select count(*) from orders where warehouse_id = {warehouse}")
    page.get_by_label("Warehouse").select_option(label=f"Warehouse {warehouse}")
    expect(page.locator("h2").first).to_contain_text(f"of {count:,} orders are completed")
    expect(page).to_have_url(re.compile(rf"warehouse={warehouse}"))
    shared = page.url
    page.goto("about:blank")
    page.goto(shared)
    expect(page.locator("h2").first).to_contain_text(f"of {count:,} orders are completed")


def test_days_in_the_address_are_those_of_the_page(visitor: Visitor, published: duckdb.DuckDBPyConnection) -> None:
    first, last = published.execute(f"select {LAST_DAY} - 9, {LAST_DAY} - 3").fetchone() or (None, None)
    item, opening, closing = published.execute(
        f"""select item_id, min_by(opening, date), max_by(closing, date) from stock_ledger_daily
        where date between '{first}' and '{last}' group by item_id order by sum(shipped) desc limit 1"""
    ).fetchone() or (None, 0, 0)
    page = visitor.open(f"?page=stock&from={first}&to={last}&item={item}")
    expect(page.locator("body")).to_contain_text(f"{opening:,} units became {closing:,}")


def test_a_bar_leads_to_its_movements_and_a_movement_to_the_record_of_the_api(
    visitor: Visitor, published: duckdb.DuckDBPyConnection
) -> None:
    page = visitor.open("?page=stock")
    page.get_by_label("Bar to open").select_option("returned")
    returned = one(published, f"select sum(returned) from stock_ledger_daily where date > {LAST_DAY} - 30")
    expect(page.locator("body")).to_contain_text(f"movements, {returned:,} units")
    page.get_by_label("Bar to open").select_option("received")
    behind = page.get_by_role("region", name=re.compile("Behind the bar “received”"))
    row = behind.locator("tbody tr").first
    record = row.locator("td").last.inner_text()
    press(row.get_by_role("link", name=record), "Enter")
    delivered = one(published, f"select delivered from logentic_staging.stg_item_quantities where record_id = {record}")
    said = page.get_by_role("region", name=f"Record {record} of the API")
    expect(said.locator("tbody tr").first).to_contain_text(f"{delivered:,}")


def test_the_last_runs_are_shown_as_the_command_line_shows_them(visitor: Visitor, file: Path) -> None:
    runs = json.loads(logentic("status", "--runs", "--db", file, "--json", cwd=file.parent).stdout)
    page = visitor.open("?page=data health")
    ended_well = sum(run["outcome"] in ("published", "unchanged") for run in runs)
    panel = page.get_by_role("region", name=f"{ended_well} of the last {len(runs)} runs succeeded")
    panel.locator("summary").click()
    rows = [row.inner_text().split("\t") for row in panel.locator("tbody tr").all()]
    assert [row[3].lower() for row in rows] == [run["outcome"] for run in reversed(runs)]
    assert sum(int(row[5].replace(",", "")) for row in rows) == sum(run["rows_new"] for run in runs)


# From a page, the name of a panel and what is pressed in it, to a part of the address and the title of the panel there.
MARK = "svg.marks [role='link'][tabindex='0']"
LEADS = [
    ("overview", "things? needs? attention", "a[href*='storage-rate']", "page=storage", "The rate was"),
    ("overview", "November cost|to .* cost", MARK, r"page=costs.*type=\w+", r"\w+ charges of \w+ \d+: "),
    ("overview", "costs .* per order", MARK, r"page=costs.*month=\d", "charges of"),
    ("overview", "can still be disputed", "a[href*='invoice=']", r"invoice=\d+", "^Invoice "),
    ("overview", "can still be disputed", "a[href*='order=']", r"order=\d+", "^Order "),
    ("stock", "units became", MARK, "movement=received", "Behind the bar “received”"),
    ("stock", "less than two weeks", MARK, r"item=\d+", "units of SKU-"),
    ("stock", "in the building on", MARK, r"item=\d+", "units of SKU-"),
    ("storage", "Storage was charged", MARK, r"from=\d{4}-\d\d-01", "Storage was charged"),
    ("storage", "make 80 %", MARK, r"item=\d+", "^1 of 1 items"),
    ("storage", "cost most to store", MARK, "size=", "cubic feet make 80 %"),
    ("storage", "on how storage is measured", "tbody a", r"item=\d+", "^1 of 1 items"),
    ("costs", "cost .* of it shipping", MARK, "type=", "charges? of"),
    ("costs", "The largest change is", MARK, "type=", "charges? of"),
    ("costs", "An order cost", MARK, "orders=", "most expensive orders? of .*, .*, cost"),
    ("costs", "most expensive orders", "tbody a", r"order=\d+", "^Order "),
    ("orders", "are completed", MARK, r"from=.*status=\w+", r"orders? created \d"),
    ("orders", "units were ordered", MARK, "from=", r"orders? created \d"),
    ("orders", "Shipping an order cost", MARK, "type=shipping", "shipping charges of"),
    ("orders", r"orders? created \d", "tbody a", r"order=\d+", "^Order "),
    ("data health", "Every window", MARK, r"resource=\w+", "Every window"),
    ("data health", "runs succeeded", MARK, "run=", "^Run of"),
]


@pytest.mark.parametrize(("name", "title", "pressed", "leads_to", "found"), LEADS)
def test_a_bar_and_a_row_lead_to_what_they_count_by_keyboard(
    name: str, title: str, pressed: str, leads_to: str, found: str, visitor: Visitor
) -> None:
    page = visitor.open(f"?page={name}")
    target = page.get_by_role("region", name=re.compile(title)).first.locator(pressed).first
    press(target, "Enter")
    expect(page).to_have_url(re.compile(leads_to))
    expect(page.get_by_role("region", name=re.compile(found)).first).to_be_visible()


def test_a_bar_is_selected_by_click_and_by_arrow_keys(visitor: Visitor, published: duckdb.DuckDBPyConnection) -> None:
    page = visitor.open("?page=orders")
    bars = page.get_by_role("region", name=re.compile("are completed")).locator("svg.marks [role='link']")
    said = bars.nth(1).get_attribute("aria-label") or ""
    count = re.search(r"Orders: ([\d,]+)", said)
    assert count, said
    bars.nth(1).click()
    listed = page.get_by_role("region", name=re.compile(rf"^{count[1]} \w.* created"))
    expect(listed).to_be_visible()
    by_click = page.url
    page = visitor.open("?page=orders")
    bars = page.get_by_role("region", name=re.compile("are completed")).locator("svg.marks [role='link']")
    press(bars.first, "ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(by_click)


@pytest.mark.parametrize("name", ["stock", "costs", "invoices", "orders"])
def test_headers_sort_by_keyboard_and_say_so(name: str, visitor: Visitor) -> None:
    page = visitor.open(f"?page={name}")
    tables = page.locator(".lg-panel:not(:has(details)) table")
    assert tables.count()
    for table in tables.all():
        numeric = table.locator("th.n")
        if not numeric.count():
            continue
        head = numeric.first
        column = head.evaluate("head => head.cellIndex") + 1
        for order in ("ascending", "descending"):
            press(head.get_by_role("button"), "Enter")
            expect(head).to_have_attribute("aria-sort", order)
            cells = table.locator(f"tbody td:nth-child({column})").all()
            shown = [float(text.replace(",", "")) for cell in cells if (text := cell.inner_text())]
            assert shown == sorted(shown, reverse=order == "descending")


def test_another_choice_keeps_the_order_of_a_table_and_another_page_does_not(visitor: Visitor) -> None:
    page = visitor.open("?page=orders")
    table = page.get_by_role("region", name=re.compile(r"orders? created \d")).locator("table").first
    press(table.get_by_role("button", name="Units"), "Enter")
    page.get_by_label("Orders listed").select_option("Cancelled")
    expect(page.get_by_role("region", name=re.compile("cancelled orders? created")).first).to_be_visible()
    expect(table.locator("th[aria-sort='ascending']")).to_have_text("Units")
    shown = [int(cell.inner_text()) for cell in table.locator("tbody td:nth-child(5)").all()]
    assert shown == sorted(shown)
    page.get_by_role("button", name="Storage").click()
    expect(page.locator("h1")).to_have_text("Storage")
    expect(page.locator("th[aria-sort='ascending']")).to_have_count(0)


def test_a_sketch_of_the_page_is_shown_until_it_is_drawn(chromium: Browser, address: str) -> None:
    page = chromium.new_page()
    page.route("**/*.js", lambda route: route.abort())  # what the first answer shows without any script
    page.goto(f"{address}/?page=overview", wait_until="commit")
    page.wait_for_function("getComputedStyle(document.body, '::before').backgroundImage.includes('gradient')")
    page.close()


def test_a_table_is_downloaded_exactly(visitor: Visitor, published: duckdb.DuckDBPyConnection) -> None:
    page = visitor.open("?page=storage")
    panel = page.get_by_role("region", name=re.compile("Storage was charged"))
    panel.locator("summary").click()
    with page.expect_download() as download:
        panel.get_by_text("Download as CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8"))))
    assert download.value.suggested_filename == "storage-by-month.csv"
    expected = published.execute("select cast(sum(billed) as decimal(18, 2)) from storage_cost_monthly").fetchone()
    assert (sum(Decimal(row["billed"]) for row in rows),) == expected


def test_the_keyboard_goes_from_page_to_page(visitor: Visitor) -> None:
    page = visitor.open("?page=overview")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Stock")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("h1")).to_have_text("Storage")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Stock")
    expect(page).to_have_url(re.compile("page=stock"))


@pytest.mark.parametrize(
    ("scheme", "width", "names"),
    [
        ("light", 1280, PAGES),
        ("dark", 1280, PAGES),
        ("light", 390, PAGES),
    ],
)
def test_pictures(
    scheme: str, width: int, names: tuple[str, ...], chromium: Browser, address: str, tmp_path: Path
) -> None:
    """Each page passes axe and does not scroll sideways; for docs, when PICTURES names their folder."""
    folder = Path(os.environ.get("PICTURES", tmp_path))
    visitor = Visitor(chromium, address, scheme, width)
    for name in names:
        page = visitor.open(f"?page={name}")
        for chart in page.locator(".lg-chart").all():
            expect(chart.locator("svg.marks")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} must not scroll sideways"
        assert axe(page) == [], name
        page.set_viewport_size({"width": width, "height": 2600})
        page.wait_for_timeout(500)  # the legends find their place
        bottom = page.evaluate("Math.ceil(document.querySelector('.lg-page').getBoundingClientRect().bottom) + 24")
        page.set_viewport_size({"width": width, "height": min(bottom, 2600)})
        kind = "narrow" if width < 600 else scheme
        page.screenshot(path=folder / f"{name}-{kind}.png", animations="disabled")
        page.set_viewport_size({"width": width, "height": 900})
    visitor.context.close()
    assert visitor.wrong == []
