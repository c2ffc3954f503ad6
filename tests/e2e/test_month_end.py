"""The month end in a real browser, by keyboard: list, tie-out, exceptions, decision, letter, close. Compared with SQL."""

import csv
import io
import json
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
from playwright.sync_api import Browser, Download, Locator, Page, expect

from .conftest import Visitor, dashboard
from .test_dashboard import axe

ACCOUNTS = {"accrual_account": "Accrued liabilities", "charge_accounts": json.dumps({"*": "Warehouse costs"})}
NAME = "Marie Roy"


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
    with dashboard(books, **ACCOUNTS) as address:
        yield address


@pytest.fixture
def clerk(chromium: Browser, desk: str) -> Iterator[Visitor]:
    clerk = Visitor(chromium, desk)
    yield clerk
    clerk.context.close()
    assert clerk.wrong == []


def invoices(books: Path) -> list[dict[str, Any]]:
    """The invoices that are billed, as the command lists them."""
    listed = json.loads(logentic("invoices", "--db", books, "--json", cwd=books.parent).stdout)
    return [invoice for invoice in listed if invoice["billed_date"]]


def amount(text: str) -> str:
    return f"{Decimal(text):,.2f}"


def press(field: Locator, key: str = "Space") -> None:
    field.focus()
    field.page.keyboard.press(key)


def type_into(field: Locator, text: str) -> None:
    press(field, "ControlOrMeta+a")
    field.page.keyboard.type(text)
    field.page.keyboard.press("Tab")


def panel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=re.compile(name))


def test_the_list_leads_to_an_invoice_and_keeps_its_filters(clerk: Visitor, books: Path) -> None:
    newest = invoices(books)[0]
    page = clerk.open("?page=invoices&show=To+look+at")
    row = page.locator("tbody tr", has=page.get_by_role("link", name=str(newest["invoice"])))
    cells = row.inner_text().split("\t")
    assert cells[:3] == [newest["billed_date"], str(newest["invoice"]), amount(newest["total"])]
    assert cells[5:8] == [
        amount(newest["recoverable"]),
        amount(newest["in_your_favour"]),
        str(newest["open_exceptions"]),
    ]
    press(row.get_by_role("link"), "Enter")
    expect(panel(page, f"Invoice {newest['invoice']}: type the total")).to_be_visible()
    expect(page).to_have_url(re.compile(r"show=To[+%20]+look"))
    clerk.settle()
    assert [(found["id"], found["nodes"][0]["html"]) for found in axe(page)] == []


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
