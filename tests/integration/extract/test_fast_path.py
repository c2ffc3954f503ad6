"""Pages of the sandbox take the fast path of parsing."""

from datetime import date
from typing import Any

import pytest
from json_pages import AS_IT_IS, assert_equal

from logentic.api.client import Client
from logentic.api.pagination import read_pages
from logentic.extract import parsing as rows_module
from logentic.extract.parsing import Rows, read_fallback, read_rows
from logentic.resources import RESOURCES, Resource
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings


def test_pages_as_the_sandbox_writes_them_take_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the quick way could quietly never be taken; and it gives what the careful way gives."""
    pages = pages_of_the_sandbox()
    carefully = {name: read_fallback(RESOURCES[name], found, AS_IT_IS, name) for name, found in pages.items()}

    def refuse(resource: Resource, *_: object) -> Rows:
        raise AssertionError(f"{resource.name} went the careful way")

    monkeypatch.setattr(rows_module, "read_fallback", refuse)
    for name, found in pages.items():
        read = read_rows(RESOURCES[name], found, AS_IT_IS, name)
        assert read.read >= 10
        assert_equal(read, carefully[name])


def pages_of_the_sandbox() -> dict[str, list[Any]]:
    with Sandbox(Account(seed=2, scale=0.2, days=40, today=date(2026, 3, 17))) as sandbox:
        client = Client(Settings(base_url=sandbox.url, api_token=sandbox.token))
        span = {"start": "2026-02-01", "end": "2026-03-17"}
        return {
            name: list(read_pages(client, resource.path, span if "date" in resource.columns else {}, name))
            for name, resource in RESOURCES.items()
        }
