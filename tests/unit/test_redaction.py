"""Secrets are replaced in what people read; in responses only the token that was sent is."""

import json

import pytest

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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32"])
def test_a_response_in_any_encoding_loses_the_token(encoding: str) -> None:
    Settings(api_token=TOKEN)
    assert TOKEN not in redacted_bytes(f'{{"note": "{TOKEN}"}}'.encode(encoding)).decode(encoding)


def test_a_token_with_escaped_letters_is_found_and_no_other_value_changes() -> None:
    Settings(api_token=TOKEN)
    body = rb'{"a": "17|\u006dade-up-token-0123456789", "b": "\\u0061 \u0022 \u005c \u0041"}'
    read = json.loads(redacted_bytes(body))
    assert read == {"a": "***", "b": json.loads(body)["b"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("letters", [1, len(TOKEN)])
def test_an_escaped_token_is_found_in_any_encoding_and_the_rest_stays(encoding: str, letters: int) -> None:
    Settings(api_token=TOKEN)
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in TOKEN[:letters]) + TOKEN[letters:]
    body = f'{{"name": "é {escaped}", "note": "日本 \\u0022"}}'.encode(encoding)
    assert json.loads(redacted_bytes(body)) == {"name": "é ***", "note": '日本 "'}


@pytest.mark.parametrize("hidden", ["\0", "\x1b", "\xad", "\u200b"])
def test_a_token_split_by_a_character_that_is_removed_is_redacted(hidden: str) -> None:
    Settings(api_token=TOKEN)
    assert TOKEN not in one_line(TOKEN[:20] + hidden + TOKEN[20:])
