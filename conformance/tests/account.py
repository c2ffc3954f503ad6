"""The account that both suites read. They want its address while pytest still collects: it listens from then on.

Rows of history come by warehouse, so that no part of a primary key is null, which Singer forbids.
"""

from datetime import date

from logentic.sandbox import Account, Readings, Sandbox

SANDBOX = Sandbox(
    Account(seed=91, scale=0.1, days=45, today=date(2026, 3, 17)), readings=Readings(history_rows="warehouse")
)
CONFIG = {"base_url": SANDBOX.url, "api_token": SANDBOX.token}
