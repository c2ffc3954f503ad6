"""Orders to push, and what a sandbox has of them."""

import io
import json
import os
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest.mock import patch

from command_line import access

from logentic.cli.app import app
from logentic.errors import LogenticError
from logentic.sandbox import Account, Sandbox

ACCOUNT: dict[str, Any] = {"seed": 3, "scale": 0.1, "days": 10}


def small_account() -> Account:
    return Account(**ACCOUNT)


def items_of(sandbox: Sandbox) -> list[int]:
    return sorted(sandbox.state().tables["items"])


def order(name: str, item_id: int, **more: Any) -> dict[str, Any]:
    return {
        "external_name": name,
        "order_type": "DELIVERY",
        "status": "PENDING",
        "warehouse_id": 1,
        "recipient": {"name": f"Zoë of {name}", "email": f"{name}@example.com", "phone": "5145550199"},
        "place": {
            "address1": f"{name} rue Saint-Denis",
            "postal_code": "H2R 2Y8",
            "city": "Montréal",
            "province_code": "QC",
            "country_code": "CA",
        },
        "stored_items": [{"item_id": item_id, "quantity": 2}],
        **more,
    }


def item(name: str, **more: Any) -> dict[str, Any]:
    sides = {"width_in": 4, "depth_in": 5.5, "height_in": 6, "weight": 1.25}
    return {"external_name": name, "name": f"Lamp {name}", **sides, **more}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(rows))
    return path


def written_orders(sandbox: Sandbox) -> Counter[str]:
    """Return how often each order was created, by the name within its recipient: the service may drop other names."""
    created = (event for event in sandbox.account.events if event.resource == "orders" and event.kind == "inserted")
    return Counter(event.change["recipient"]["name"].removeprefix("Zoë of ") for event in created if event.change)


def push(
    sandbox: Sandbox, folder: Path, resource: str, rows: Any, *options: str, **settings: object
) -> CompletedProcess[str]:
    """Run the command in this process."""
    file = rows if isinstance(rows, Path) else write_rows(folder / "rows.json", rows)
    arguments = ["push", resource, str(file), "--db", str(folder / "a.duckdb"), *options]
    environment = {f"LOGENTIC_{name.upper()}": str(value) for name, value in access(sandbox, **settings).items()}
    out, err = io.StringIO(), io.StringIO()
    with patch.dict(os.environ, environment), redirect_stdout(out), redirect_stderr(err):
        try:
            code = app(arguments, standalone_mode=False) or 0
        except LogenticError as error:
            print(f"logentic: {error}. {error.guidance}", file=err)
            code = error.exit_code
    return CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
