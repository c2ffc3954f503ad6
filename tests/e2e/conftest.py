"""A browser, a published file, and the dashboard between them, all real.

Debian's Chromium is driven by Playwright. Where it is missing the tests are skipped, unless REQUIRE_BROWSER is set, as
in CI. Whatever a page asks of any other host than this machine, or writes to the console as an error, fails the test.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from command_line import COMMAND, access, environment, logentic

from logentic.sandbox import Account, Sandbox
from logentic.sandbox.clock import Clock

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
if not CHROMIUM and "REQUIRE_BROWSER" not in os.environ:
    pytest.skip("no chromium on this machine: apt-get install chromium", allow_module_level=True)

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright  # noqa: E402

expect.set_options(timeout=20_000)
TAB_STOPS = 300
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--mute-audio"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("account")
    (folder / "home").mkdir()
    return folder


@pytest.fixture(scope="session")
def file(folder: Path) -> Path:
    """Some months of an account, as runs of the last four days have seen it."""
    now = datetime.now(UTC)
    with Sandbox(Account(seed=5, scale=0.5, days=130), clock=Clock(now)) as sandbox:
        for hours in range(96, 0, -12):
            sandbox.clock.set(now - timedelta(hours=hours))
            publish(folder / "logentic.duckdb", sandbox, "--no-models")
        sandbox.clock.set(now)
        return publish(folder / "logentic.duckdb", sandbox)


def publish(file: Path, sandbox: Sandbox, *options: str) -> Path:
    done = logentic("run", "--db", file, *options, cwd=file.parent, **access(sandbox))
    assert done.returncode == 0, done.stderr
    return file


@contextmanager
def dashboard(file: Path, *options: str, **settings: object) -> Iterator[str]:
    """`logentic dashboard` as a process of its own; its address."""
    command = [COMMAND, "dashboard", "--db", str(file), "--port", "0", *options]
    process = subprocess.Popen(command, env=environment(file.parent, **settings), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def address(file: Path) -> Iterator[str]:
    with dashboard(file) as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


class Visitor:
    """One person with a browser, who notes what should not happen."""

    def __init__(self, browser: Browser, address: str, scheme: str = "light", width: int = 1280) -> None:
        self.address, self.wrong = address, list[str]()
        self.context = browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 900},
            locale="en-GB",
            accept_downloads=True,
        )
        self.page: Page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", self._asked)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.address}/{path}")
        expect(self.page.locator(".lg-panel").first).to_be_visible()
        self.settle()
        return self.page

    def settle(self) -> None:
        """All charts are drawn."""
        self.page.wait_for_function(
            "() => { const has = e => e.querySelector('.marks') || [...e.querySelectorAll('*')].some("
            "e => e.shadowRoot && has(e.shadowRoot)); return [...document.querySelectorAll('.lg-chart')].every(has) }"
        )

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.wrong.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.address, self.address.replace("http", "ws"), "data:", "blob:")):
            self.wrong.append(f"asked {request.url}")


def press(target: Locator, key: str = "Space") -> None:
    """Go to the target by Tab, as someone without a mouse does, and press a key there.

    A long table is one stop of Tab; the arrow keys lead from link to link.
    """
    expect(target).to_be_visible()
    for _ in range(TAB_STOPS):
        if target.evaluate("element => element.contains(element.getRootNode().activeElement)"):
            return target.page.keyboard.press(key)
        is_in_table = target.evaluate(
            "element => element.closest('.lg-scroll tbody')?.contains(element.getRootNode().activeElement)"
        )
        target.page.keyboard.press("ArrowDown" if is_in_table else "Tab")
    raise AssertionError(f"{target} cannot be reached by Tab")


@contextmanager
def visiting(browser: Browser, address: str) -> Iterator[Visitor]:
    visitor = Visitor(browser, address)
    yield visitor
    visitor.context.close()
    assert visitor.wrong == []


@pytest.fixture
def visitor(chromium: Browser, address: str) -> Iterator[Visitor]:
    with visiting(chromium, address) as visitor:
        yield visitor


@pytest.fixture
def published(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
