"""The account that both suites read. It listens from the import on: they need its address while pytest collects.

Rows of history come by warehouse, so that no part of a primary key is null, which Singer forbids.
"""

from datetime import date

from logentic.sandbox import Account, Readings, Sandbox

SANDBOX = Sandbox(
    Account(seed=91, scale=0.1, days=45, today=date(2026, 3, 17)), readings=Readings(history_rows="warehouse")
).__enter__()
CONFIG = {"base_url": SANDBOX.url, "api_token": SANDBOX.token}
