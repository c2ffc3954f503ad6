"""Measure how long a reader waits for the dashboard: the first paint of each page, and each choice on it.

Print the waits in seconds as a JSON list. The account is made by SQL, built and published as a run does; Chromium shows
it. A wait ends with the last change that the browser shows.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from playwright.sync_api import Browser, Page, sync_playwright
from stock_account import generate

from logentic.state import State

LOGENTIC = str(Path(sys.executable).with_name("logentic"))
PAGES = ("overview", "stock", "storage", "costs", "invoices", "month", "orders", "data health")
NEWEST_INVOICE = "select max(payment_id) from invoices where billed_date is not null"
WHOLE = "&from=2000-01-01"  # all days that the tables hold
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
# Charts are drawn within shadow roots; a drawing is a change there.
WATCH = """() => {
    window.changed = performance.now();
    const seen = new WeakSet();
    const watch = root => {
        if (seen.has(root)) return;
        seen.add(root);
        new MutationObserver(() => { window.changed = performance.now(); look(root); })
            .observe(root, {subtree: true, childList: true, characterData: true});
        look(root);
    };
    const look = root => root.querySelectorAll('*').forEach(e => e.shadowRoot && watch(e.shadowRoot));
    watch(document);
}"""
STILL = "() => performance.now() - window.changed > 700"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of inventory history")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dashboard-", dir=Path.cwd() / "build"))
    try:
        state = State(folder / "account.duckdb")
        generate(state.work, folder / "day.duckdb", options.rows)
        subprocess.run([LOGENTIC, "build", "--db", str(state.file)], check=True, stdout=sys.stderr)
        print(json.dumps(list(waits(state.file, options.rounds))))
    finally:
        shutil.rmtree(folder)


def waits(file: Path, rounds: int) -> Iterator[dict[str, Any]]:
    with served(file) as address, sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        with duckdb.connect(str(file), read_only=True) as published:
            (invoice,) = published.execute(NEWEST_INVOICE).fetchone() or (None,)
        for _ in range(rounds):
            for name in PAGES:
                yield from waits_of(name, browser, f"{address}/?page={name}")
            if invoice:
                yield from waits_of("invoice", browser, f"{address}/?page=invoices&invoice={invoice}")
            for name in ("stock", "storage"):
                with visit(browser, f"{address}/?page={name}{WHOLE}") as page:
                    page.wait_for_function(STILL)
                    yield {"what": f"{name}, all days, drawn", "wall": page.evaluate("window.changed / 1000")}
        browser.close()


def waits_of(name: str, browser: Browser, url: str) -> Iterator[dict[str, Any]]:
    """A new reader opens the page, chooses something else in each list, and goes on to the next page."""
    with visit(browser, url) as page:
        page.wait_for_function(STILL)
        yield {"what": f"{name}, first paint", "wall": page.evaluate(FIRST_PAINT)}
        yield {"what": f"{name}, drawn", "wall": page.evaluate("window.changed / 1000")}
        for chosen in page.locator("select").all():
            if chosen.locator("option").count() > 1:
                yield waited(page, f"{name}, another choice", partial(chosen.select_option, index=1))
        place = PAGES.index(name) if name in PAGES else len(PAGES) - 1
        following = PAGES[(place + 1) % len(PAGES)].capitalize()
        click = page.get_by_role("button", name=following, exact=True).click
        yield waited(page, f"{name}, to the next page", click)


def waited(page: Page, what: str, act: Callable[[], object]) -> dict[str, Any]:
    began = page.evaluate("window.changed = performance.now()")
    act()
    page.wait_for_function(STILL)
    return {"what": what, "wall": (page.evaluate("window.changed") - began) / 1000}


@contextmanager
def visit(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(f"({WATCH})()")
    page.goto(url)
    page.locator(".lg-panel").first.wait_for()
    yield page
    context.close()


@contextmanager
def served(file: Path) -> Iterator[str]:
    command = [LOGENTIC, "dashboard", "--db", str(file), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
