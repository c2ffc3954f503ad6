"""Keep the former name of `logentic.webhooks` until the next release."""

from logentic.webhooks import application

__all__ = ["application"]
