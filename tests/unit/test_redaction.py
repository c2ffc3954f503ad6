"""Secrets are replaced in what people read; in responses only the token that was sent is."""

from logentic.sanitizer import one_line, redacted_bytes
from logentic.settings import Settings

TOKEN = "17|made-up-token-0123456789"


def test_a_response_loses_the_token_and_keeps_values_that_equal_another_secret() -> None:
    Settings(api_token=TOKEN, dashboard_password="Boston-1", hash_key="blue socks")
    body = b'{"name": "Boston-1, blue socks", "note": "17|made-up-token-0123456789", "key": "made-up-token-0123456789"}'
    assert redacted_bytes(body) == b'{"name": "Boston-1, blue socks", "note": "***", "key": "***"}'


def test_a_message_loses_every_secret() -> None:
    Settings(api_token=TOKEN, dashboard_password="Boston-1", hash_key="blue socks")
    assert one_line(f"{TOKEN} Boston-1\nblue socks") == "*** *** ***"
