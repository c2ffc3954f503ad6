"""The webhook receiver as an ASGI application, for a server of your own: `logentic.webhooks:application`."""

from logentic.cli.event_server import application

__all__ = ["application"]
