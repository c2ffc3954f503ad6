"""A Logentic account to develop against: the account, its API over HTTP, its faults, and the truth about it.

In: `Account(seed=1)`. Out: `with Sandbox(account) as sandbox:` gives `sandbox.url` and `sandbox.token`; `truth`
says what every table must then hold. A row's way: events.py → warehouse.py (what happens) → billing.py (what it
costs) → account.py (one list of events) → state.py (what is so at a moment) → api.py (how the API says it) →
server.py (HTTP).
"""

from logentic.sandbox.account import Account
from logentic.sandbox.clock import Clock
from logentic.sandbox.faults import Fault, random_faults
from logentic.sandbox.readings import Readings
from logentic.sandbox.server import Sandbox

__all__ = ["Account", "Clock", "Fault", "Readings", "Sandbox", "random_faults"]
