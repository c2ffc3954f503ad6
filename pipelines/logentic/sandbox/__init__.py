"""Simulate a Logentic account: the account, its API over HTTP, its faults, and the expected tables."""

from logentic.sandbox.account import Account
from logentic.sandbox.clock import Clock
from logentic.sandbox.faults import Fault, random_faults
from logentic.sandbox.readings import Readings
from logentic.sandbox.server import Sandbox

__all__ = ["Account", "Clock", "Fault", "Readings", "Sandbox", "random_faults"]
