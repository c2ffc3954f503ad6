"""The month end in a real browser, by keyboard alone: from the list to the journal, compared with SQL and commands."""

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import duckdb
import pytest
from command_line import logentic
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from .conftest import Visitor, dashboard, press, visiting
from .test_dashboard import axe

SETTINGS = {
    "company_address": "Nordic Candles Inc.;12 Rue Ontario, Montréal",
    "warehouse_address": "Example Warehouse;1 Quai, Montréal",
    "signature": "Marie Roy;Finance",
    "accrual_account": "Accrued liabilities",
    "charge_accounts": json.dumps({"*": "Warehouse costs"}),
}
NAME = "Marie Roy"
STILL = """() => new Promise(still => {
    const restart = () => { clearTimeout(timer); timer = setTimeout(still, 700) }
    let timer = setTimeout(still, 700)
    new MutationObserver(restart).observe(document.body, {subtree: true, childList: true, attributes: true})
})"""


@pytest.fixture(scope="module")
def books(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The account in a file of its own, because these tests decide on it."""
    own = tmp_path_factory.mktemp("books") / file.name
    shutil.copy(file, own)
    shutil.copytree(f"{file}.state", f"{own}.state")
    (own.parent / "home").mkdir()
    return own


@pytest.fixture(scope="module")
def desk(books: Path) -> Iterator[str]:
    with dashboard(books, **SETTINGS) as address:
        yield address


@pytest.fixture
def clerk(chromium: Browser, desk: str) -> Iterator[Visitor]:
    with visiting(chromium, desk) as clerk:
        yield clerk


def asked(books: Path, *command: str) -> Any:
    return json.loads(logentic(*command, "--db", books, "--json", cwd=books.parent).stdout)


def invoices(books: Path) -> list[dict[str, Any]]:
    """The invoices that are billed, the newest first, as the command lists them."""
    return [invoice for invoice in asked(books, "invoices") if invoice["billed_date"]]


def exceptions(books: Path, invoice: int) -> list[dict[str, Any]]:
    return list(asked(books, "exceptions", "--invoice", str(invoice)))


def one_row(books: Path, query: str) -> tuple[Any, ...]:
    with duckdb.connect(str(books), read_only=True) as connection:
        return connection.execute(query).fetchone() or ()


def last_month(books: Path) -> str:
    return str(one_row(books, "select strftime(max(billed_date) - interval 1 month, '%Y-%m') from charges")[0])


def amount(value: object) -> str:
    return f"{Decimal(str(value)):,.2f}"


def type_into(field: Locator, text: str) -> None:
    press(field, "ControlOrMeta+a")
    field.page.keyboard.type(text)
    field.page.keyboard.press("Tab")


IS_FOCUSED = "element => element.getRootNode().activeElement === element"


def submit(region: Locator, button: str) -> None:
    """Press the button of a form, and wait until the page is drawn anew."""
    press(region.get_by_role("button", name=button), "Enter")
    expect(region.page.get_by_text("Saved", exact=True).first).to_be_visible()
    region.page.evaluate(STILL)


def choose(group: Locator, label: str) -> None:
    """A group of radio buttons is one stop of Tab; arrows lead from one to the next, Space chooses."""
    press(group)
    radios = group.get_by_role("radio")
    focused = [radio.evaluate(IS_FOCUSED) for radio in radios.all()].index(True)
    wanted = [text.strip().startswith(label) for text in group.locator("label").all_inner_texts()].index(True)
    step = 1 if wanted > focused else -1
    for place in range(focused, wanted, step):
        group.page.keyboard.press("ArrowDown" if step > 0 else "ArrowUp")
        expect(radios.nth(place + step)).to_be_focused()
    group.page.keyboard.press("Space")
    expect(radios.nth(wanted)).to_be_checked()


def panel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=re.compile(name))


def open_invoice(clerk: Visitor, invoice: int) -> tuple[Page, Locator]:
    """The page of an invoice, and its exceptions."""
    page = clerk.open(f"?page=invoices&invoice={invoice}")
    queue = page.get_by_role("region", name="Exceptions", exact=True)
    expect(queue.get_by_role("checkbox").first).to_be_visible()
    page.evaluate(STILL)
    return page, queue


def rows_of(region: Locator) -> list[list[str]]:
    return [row.inner_text().split("\t") for row in region.locator("tbody tr").all()]


def download(region: Locator, name: str) -> tuple[str, bytes]:
    with region.page.expect_download() as saved:
        press(region.get_by_role("link", name=name), "Enter")
    return saved.value.suggested_filename, Path(saved.value.path()).read_bytes()


def letter_of(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title='The letter']")


def violations(page: Page) -> list[tuple[str, str]]:
    return [(found["id"], found["nodes"][0]["html"]) for found in axe(page)]


def test_the_list_leads_to_an_invoice_and_keeps_its_filters(clerk: Visitor, books: Path) -> None:
    newest = invoices(books)[0]
    page = clerk.open("?page=invoices&show=To+look+at")
    row = page.locator("tbody tr", has=page.get_by_role("link", name=str(newest["invoice"])))
    cells = row.inner_text().split("\t")
    assert cells[:3] == [newest["billed_date"], str(newest["invoice"]), amount(newest["total"])]
    assert cells[5:10] == [
        amount(newest["recoverable"]),
        amount(newest["in_your_favour"]),
        str(newest["open_exceptions"]),
        newest["dispute_until"],
        "",
    ]
    assert cells[11] == amount(newest["recommended_payment"])
    press(row.get_by_role("link"), "Enter")
    expect(panel(page, f"Invoice {newest['invoice']}: type the total")).to_be_visible()
    expect(page).to_have_url(re.compile(r"show=To[+%20]+look"))


def test_the_total_on_the_paper_is_compared_and_kept(clerk: Visitor, books: Path) -> None:
    invoice = invoices(books)[0]
    number, short = invoice["invoice"], Decimal(invoice["total"]) - 10
    page, _ = open_invoice(clerk, number)
    region = panel(page, f"Invoice {number}")
    submit_without_a_total(region)
    for total, said in (
        (short, "the paper is 10.00 lower than the charges with tax"),
        (short + 10, "ties to the cent"),
    ):
        type_into(region.get_by_role("textbox", name="Total on the paper"), amount(total))
        type_into(region.get_by_role("textbox", name="Your name"), NAME)
        submit(region, "Compare and keep")
        expect(region).to_have_accessible_name(re.compile(said))
        assert Decimal(invoices(books)[0]["invoice_total"]) == total
    expect(region.get_by_label("Your name")).to_have_value(NAME)


def submit_without_a_total(region: Locator) -> None:
    press(region.get_by_role("button", name="Compare and keep"), "Enter")
    expect(region.get_by_text("Type the total on the paper.")).to_be_visible()


def test_the_variance_adds_up_although_a_type_has_charges_without_a_price(clerk: Visitor, books: Path) -> None:
    number = invoices(books)[0]["invoice"]
    page, _ = open_invoice(clerk, number)
    region = panel(page, "billed, .* than expected")
    heads = [head.inner_text() for head in region.locator("th").all()]
    shown = {row[0]: dict(zip(heads[1:], row[1:], strict=True)) for row in rows_of(region)}
    assert (
        shown["All"]["Charges"] == f"{one_row(books, f'select count(*) from charges where payment_id = {number}')[0]:,}"
    )
    for name, row in shown.items():
        money = {head: Decimal(cell.replace(",", "")) for head, cell in row.items()}
        assert money["Billed"] == money["Expected"] + money["Difference"] + money["Not checked"], name
        assert money["Difference"] == money["In price"] + money["In volume"], name
        of_type = "" if name == "All" else f"and charge_type = '{name.lower()}'"
        assert (money["Billed"], money["In volume"]) == one_row(
            books,
            f"""select cast(sum(billed) as decimal(18, 2)), cast(coalesce(sum(billed) filter (where rule in
                ('duplicate_charge', 'cancelled_order', 'unknown_order', 'outside_period')), 0) as decimal(18, 2))
            from invoice_reconciliation where payment_id = {number} {of_type}""",
        ), name
    mixed = [row for row in shown.values() if "0.00" not in (row["Expected"], row["Not checked"])]
    assert mixed, "a type of which some charges have a price"


def test_exceptions_are_searched_sorted_selected_and_decided_on_with_their_evidence(
    clerk: Visitor, books: Path
) -> None:
    number = invoices(books)[1]["invoice"]
    found = exceptions(books, number)
    page, queue = open_invoice(clerk, number)
    amounts = [Decimal(each["amount_at_stake"]) for each in found]
    press(queue.get_by_role("columnheader", name="amount").get_by_role("button", name="Sort"), "Enter")
    expect(queue.locator("tbody tr").first).to_contain_text(amount(min(amounts)))

    duplicate = next(each for each in found if each["rule"] == "duplicate_charge")
    type_into(queue.get_by_placeholder("Search"), "duplicate")
    press(queue.get_by_placeholder("Search"), "Enter")
    expect(queue.locator("tbody tr")).to_have_count(1)
    page.evaluate(STILL)
    press(queue.locator("tbody").get_by_role("checkbox"))
    evidence = panel(page, "Evidence of 1 exception")
    expect(evidence).to_contain_text(duplicate["evidence"])
    expect(panel(page, f"Charge {duplicate['charge_id']}")).to_contain_text(amount(duplicate["billed"]))
    formula, order_name = one_row(
        books,
        f"""select card.formula, orders.external_name from charge_prices as prices
        inner join rate_card as card using (charge_type, price_id) inner join orders using (order_id)
        where prices.charge_id = {duplicate["charge_id"]}""",
    )
    expect(panel(page, "by the rate card")).to_contain_text(formula)
    expect(panel(page, f"Order {duplicate['order_id']}")).to_contain_text(order_name)

    type_into(queue.get_by_placeholder("Search"), "order")
    press(queue.get_by_placeholder("Search"), "Enter")
    wanted = [each for each in found if "order" in each["exception_id"]]
    expect(queue.locator("tbody tr")).to_have_count(len(wanted))
    page.evaluate(STILL)
    press(queue.get_by_role("checkbox", name="Select all"))
    expect(panel(page, f"Evidence of {len(wanted)} exceptions")).to_be_visible()
    press(queue.get_by_label("Decision"), "A")
    type_into(queue.get_by_role("textbox", name="Note"), "not worth it; =1+1")
    type_into(queue.get_by_role("textbox", name="Your name"), NAME)
    submit(queue, "Decide on the selected")
    said = {each["exception_id"]: (each["status"], each["note"], each["set_by"]) for each in exceptions(books, number)}
    decided = {each["exception_id"]: ("accepted", "not worth it; =1+1", NAME) for each in wanted}
    assert said == {each["exception_id"]: ("open", None, None) for each in found} | decided
    left = sum(
        Decimal(each["amount_at_stake"])
        for each in found
        if each["exception_id"] not in decided and each["direction"] == "recoverable"
    )
    expect(queue).to_contain_text(f"{amount(left)} recoverable")


def test_nothing_selected_is_said_and_nothing_recorded(clerk: Visitor, books: Path) -> None:
    number = invoices(books)[2]["invoice"]
    page, queue = open_invoice(clerk, number)
    press(queue.get_by_role("button", name="Decide on the selected"), "Enter")
    expect(page.get_by_text("Not saved", exact=True)).to_be_visible()
    assert {each["status"] for each in exceptions(books, number)} == {"open"}


def test_each_decision_on_the_payment_is_recorded_with_its_amount(clerk: Visitor, books: Path) -> None:
    number = invoices(books)[2]["invoice"]
    page, _ = open_invoice(clerk, number)
    for label, typed, note, recorded in (
        ("Hold", "", "wait for the paper", lambda _: None),
        ("Approve in part", "", "", lambda invoice: invoice["recommended_payment"]),
        ("Approve in part", "1,000.50", "as agreed", lambda _: "1000.50"),
        ("Approve: pay", "", "", lambda invoice: invoice["total"]),
    ):
        region = panel(page, "Recommended payment")
        region.locator("label", has_text=label).click()
        type_into(region.get_by_role("textbox", name="Another amount"), typed)
        type_into(region.get_by_role("textbox", name="Note on the payment"), note)
        type_into(region.get_by_role("textbox", name="Your name"), NAME)
        submit(region, "Record the decision")
        invoice = invoices(books)[2]
        last = invoice["decisions"][0]
        assert (last["amount"], last["note"], last["decided_by"]) == (recorded(invoice), note or None, NAME)
        expect(region).to_contain_text(NAME)
    assert [each["decision"] for each in invoice["decisions"]] == [
        "approve",
        "approve_in_part",
        "approve_in_part",
        "hold",
    ]
    listed = clerk.open("?page=invoices")
    row = next(row for row in rows_of(panel(listed, "invoices:")) if row[1] == str(number))
    assert row[10] == amount(invoice["total"])
    assert row[9]


def test_the_letter_is_previewed_edited_downloaded_and_copied(clerk: Visitor, books: Path) -> None:
    number = invoices(books)[3]["invoice"]
    wrong = [each for each in exceptions(books, number) if each["direction"] == "recoverable"]
    page, queue = open_invoice(clerk, number)
    expect(panel(page, "Words of the letter")).to_have_count(0)
    press(queue.get_by_role("checkbox", name="Select all"))
    expect(panel(page, "Evidence of ")).to_be_visible()
    submit(queue, "Decide on the selected")
    total = sum(Decimal(each["amount_at_stake"]) for each in wrong)
    letter = letter_of(page).locator("main")
    expect(letter).to_contain_text(f"dispute {len(wrong)} charges, by {amount(total)} CAD before tax")
    for each in wrong:
        expect(letter).to_contain_text(each["exception_id"])

    words = panel(page, "Words of the letter")
    type_into(words.get_by_role("textbox", name="Subject"), "About our last call")
    press(words.get_by_label("After the table"), "ControlOrMeta+End")
    page.keyboard.type("\nPlease call me <b>today</b>.")
    page.keyboard.press("Tab")
    expect(letter).to_contain_text("Please call me <b>today</b>.")
    region = panel(page, "Letter: About our last call")
    for kind, ending in (("Word", "docx"), ("HTML", "html"), ("text", "txt")):
        name, written = download(region, f"Download as {kind}")
        assert name == f"letter-{number}.{ending}"
        text = ZipFile(io.BytesIO(written)).read("word/document.xml") if kind == "Word" else written
        for said in ("About our last call", amount(total), wrong[0]["exception_id"], "Nordic Candles Inc."):
            assert said.encode() in text, (kind, said)
        assert (b"Please call me <b>today</b>." in text) == (kind == "text")
    press(letter_of(page).get_by_role("button", name="Copy as e-mail"), "Enter")
    expect(letter_of(page).get_by_role("button")).to_contain_text("Copied")
    clerk.context.grant_permissions(["clipboard-read"])
    copied = page.evaluate("async () => (await (await navigator.clipboard.read())[0].getType('text/html')).text()")
    assert "<table" in copied
    assert wrong[0]["exception_id"] in copied
    assert "Copy as e-mail" not in copied


def test_the_workbook_is_downloaded(clerk: Visitor, books: Path) -> None:
    number = invoices(books)[0]["invoice"]
    page, _ = open_invoice(clerk, number)
    name, written = download(panel(page, "For your files"), "Download the workbook")
    assert name == f"invoice-{number}.xlsx"
    assert "xl/workbook.xml" in ZipFile(io.BytesIO(written)).namelist()


def test_a_month_is_closed_after_its_preview_and_opened_again_with_a_reason(clerk: Visitor, books: Path) -> None:
    month = last_month(books)
    page = clerk.open(f"?page=month&month={month}")
    charged, facts = one_row(
        books,
        f"""select cast(sum(value) as decimal(18, 2)), count(*) from month_facts
        where subject = 'charge' and month = '{month}-01'""",
    )
    region = panel(page, "is open$")
    expect(region).to_contain_text(f"{facts:,} charges")
    expect(region).to_contain_text(f"charges of {amount(charged)} CAD before tax. Warning: ")
    press(region.get_by_role("button", name="Close the month"), "Enter")
    expect(region.get_by_text("Confirm first")).to_be_visible()
    press(region.get_by_role("checkbox"))
    type_into(region.get_by_role("textbox", name="Your name"), NAME)
    submit(region, "Close the month")
    closed = panel(page, "is closed$")
    expect(closed).to_contain_text(f"By {NAME} at ")
    refused = logentic("close", month, "--yes", "--db", books, cwd=books.parent)
    assert f"was closed by {NAME}" in refused.stderr

    page = clerk.open(f"?page=month&month={month}")  # without marimo's message, whose button has no name
    closed = panel(page, "is closed$")
    expect(closed).to_be_visible()
    assert violations(page) == []
    press(closed.get_by_role("button", name="Open the month again"), "Enter")
    expect(closed.get_by_text("Give the reason.")).to_be_visible()
    type_into(closed.get_by_role("textbox", name="Reason"), "two bills came late")
    submit(closed, "Open the month again")
    expect(panel(page, "is open$")).to_be_visible()


def test_the_accrual_is_that_of_the_command_also_as_a_journal(clerk: Visitor, books: Path) -> None:
    month = last_month(books)
    accrued = asked(books, "accrual", "--month", month)
    page = clerk.open(f"?page=month&month={month}")
    region = panel(page, "Accrual at")
    expect(region).to_have_accessible_name(f"Accrual at {accrued['accrued_on']}: {amount(accrued['total'])}")
    name, written = download(region, "Journal for QuickBooks")
    assert name == f"journal-{month}-quickbooks.csv"
    lines = list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"))))
    debits = sum(Decimal(line["Debits"] or 0) for line in lines)
    assert debits == sum(Decimal(line["Credits"] or 0) for line in lines) == 2 * Decimal(accrued["total"])


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_pictures_of_the_month_end(
    scheme: str, width: int, chromium: Browser, desk: str, books: Path, tmp_path: Path
) -> None:
    """Each finance page passes axe and does not scroll sideways; for docs, when PICTURES names their folder."""
    folder, kind = Path(os.environ.get("PICTURES", tmp_path)), "narrow" if width < 600 else scheme
    visitor = Visitor(chromium, desk, scheme, width)
    number = invoices(books)[3]["invoice"]
    disputed = next(each["exception_id"] for each in exceptions(books, number) if each["direction"] == "recoverable")
    logentic("exceptions", "set", disputed, "disputed", "--db", books, "--by", NAME, cwd=books.parent)
    pages = {
        "?page=invoices": {"invoice-list": "invoices:"},
        f"?page=invoices&invoice={number}": {
            "invoice-tie-out": f"^Invoice {number}",
            "invoice-variance": "than expected",
            "exception-queue": "^Exceptions",
            "exception-evidence": "^Evidence",
            "invoice-payment": "^Recommended payment",
            "letter-words": "^Words of the letter",
            "letter": "^Letter:",
        },
        f"?page=month&month={last_month(books)}": {"month": ""},
    }
    for path, parts in pages.items():
        page = visitor.open(path)
        page.evaluate(STILL)
        if "exception-queue" in parts:
            press(page.locator(".lg-queue tbody").get_by_role("checkbox").first)
            expect(panel(page, "Evidence of 1 exception")).to_be_visible()
            page.evaluate(STILL)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} must not scroll sideways"
        for name, region in parts.items():
            part = panel(page, region) if region else page.locator(".lg-page").filter(has_text="Accrual at")
            part.screenshot(path=folder / f"{name}-{kind}.png", animations="disabled")
    visitor.context.close()
    assert visitor.wrong == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Marimo-Server-Token": "guessed"}, 401), ({"Origin": "https://elsewhere.example"}, 403)],
)
def test_a_write_without_the_token_or_from_another_site_is_refused(
    headers: dict[str, str], status: int, clerk: Visitor
) -> None:
    page = clerk.open("?page=invoices")
    for path in ("api/kernel/set_ui_element_value", "api/kernel/function_call", "api/kernel/run"):
        assert page.request.post(f"{clerk.address}/{path}", headers=headers, data={}).status == status
    assert page.request.post(f"{clerk.address}/api/kernel/execute", headers=headers, data={}).status in (401, 403)
