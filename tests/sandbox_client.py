"""Request one path of the sandbox, or all rows of a list by following `next`, with exact decimals."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import requests

from logentic.sandbox import Sandbox

TODAY = date(2026, 3, 18)
NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
YEARS = "start=2020-01-01&end=2030-01-01"


def get(sandbox: Sandbox, path: str, **query: object) -> requests.Response:
    url = path if path.startswith("http") else f"{sandbox.url}/{path}"
    headers = {"Authorization": f"Bearer {sandbox.token}", "Accept": "application/json"}
    return requests.get(url, params=query, headers=headers, timeout=10, allow_redirects=False)  # type: ignore[arg-type]


def walk(sandbox: Sandbox, path: str, **query: object) -> list[dict[str, Any]]:
    """All rows of a list, by following `next`."""
    rows: list[dict[str, Any]] = []
    url: str | None = path
    while url:
        page = get(sandbox, url, **query).json(parse_float=Decimal)
        rows += page["data"]
        links = page["meta"]["pagination"]["links"]
        url, query = links["next"] if links and links.get("next") else None, {}
    return rows
