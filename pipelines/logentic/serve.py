"""The former name of `logentic.webhooks`; it goes with the next release."""

from logentic.webhooks import application

__all__ = ["application"]
