"""Make untrusted text safe to show: from the service, a sender of events, a file name, a library's error.

Secrets are registered once, by `Settings`, and are replaced by `***` in all text that passes through here. Every output
boundary calls one function of this module: errors and log records (`one_line`), the terminal and the letter
(`printable`), alerts (`inert`), CSV (`cell`), JSON (`json_text`, `print_json`), response bodies (`redacted_bytes`).
"""

import json
import logging
import re
from decimal import Decimal
from typing import Any
from urllib.parse import quote

REDACTED = "***"
SHORTEST_SECRET = 6  # characters: a shorter one would also match ordinary words and numbers
SHORTEST_PART = 16  # characters of a token's part that is a secret on its own

# Control characters (C0, C1, DEL), bidirectional marks and overrides, invisible characters, lone surrogates. Tabs and
# newlines are kept, and so are the joiners U+200C and U+200D, which Persian text and emoji need.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
WIDE_ENCODINGS = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# \u0061 in JSON is the letter a; quotes and backslashes stay escaped.
ESCAPED_ASCII = r"(?<!\\)((?:\\\\)*)\\u00(?!22|5[cC])([2-6][0-9a-fA-F]|7[0-9a-eA-E])"
ESCAPED_TEXT, ESCAPED_BYTES = re.compile(ESCAPED_ASCII), re.compile(ESCAPED_ASCII.encode())
# Control characters as JSON writes them, also in a JSON text that is a value; including the rest of a colour sequence.
CONTROL_ESCAPES = re.compile(
    r"\\+(?:[bfnrt]|u00[01][0-9a-fA-F]|u007[fF]|u00[89][0-9a-fA-F]|u20[0-6][0-9a-fA-F]|u[fF]e[fF]{2}"
    r"|ud[89a-fA-F][0-9a-fA-F]{2})(?:\[[0-9;]*[A-Za-z])?"
)
FORMULA_SIGNS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")  # spreadsheets accept the full-width signs as well
# Alerts are sent to mail, Slack, Discord, Telegram and others, each with its own markup.
INERT = str.maketrans({"<": "‹", ">": "›", "&": "＆", "@": "＠", "`": "'", "*": "∗", "[": "(", "]": ")"})

_secrets: set[str] = set()
_tokens: set[str] = set()  # those that are sent to the service, which is the only one that can repeat them


def register_secret(secret: str, *, is_sent: bool = False) -> None:
    """Redact a secret and its encodings from all text from now on; if it is sent, from responses as well."""
    parts = [part for part in secret.split("|") if len(part) >= SHORTEST_PART]  # Laravel: number|secret
    for text in (secret, *parts):
        if len(text) >= SHORTEST_SECRET:
            quoted = quote(text, safe="")
            ways = {text, quoted, quoted.lower(), text.replace("/", "\\/"), json.dumps(text)[1:-1]}
            _secrets.update(ways)
            if is_sent and len(text) >= SHORTEST_PART:
                _tokens.update(ways)


def redacted(text: str) -> str:
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def redacted_bytes(body: bytes) -> bytes:
    """Return a response without the tokens that it repeats; the same object if it repeats none.

    Only tokens that no ordinary value can equal are removed: data must stay as the service wrote them.
    """
    encodings = ("utf-8", *(WIDE_ENCODINGS if b"\0" in body else ()))
    for encoding in encodings if _tokens else ():
        if "\\u00".encode(encoding) in body:
            body = _unescape_ascii(body, encoding)
    for secret in sorted(_tokens, key=len, reverse=True):
        for encoding in encodings:
            if (encoded := secret.encode(encoding, "surrogatepass")) in body:
                body = body.replace(encoded, REDACTED.encode(encoding))
    return body


def _unescape_ascii(body: bytes, encoding: str) -> bytes:
    """Replace JSON escapes of ASCII letters by the letters; return a body of another encoding unchanged."""
    if encoding == "utf-8":  # no decoding: the body may contain bytes that are not UTF-8
        return ESCAPED_BYTES.sub(lambda found: found[1] + bytes.fromhex(found[2].decode()), body)
    try:
        text = body.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        return body
    return ESCAPED_TEXT.sub(lambda found: found[1] + chr(int(found[2], 16)), text).encode(encoding, "surrogatepass")


def printable(text: object) -> str:
    """Return text without secrets and without characters that control a terminal, a mail client or an editor."""
    return redacted(UNSAFE.sub(_replacement, LINE_ENDS.sub("\n", redacted(str(text)))))


def one_line(text: object) -> str:
    """Return printable text on one line, where a line end would start another entry; spaces stay."""
    return printable(text).replace("\n", " ").replace("\t", " ")


def json_excerpt(document: str) -> str:
    """Redact a JSON text and put it on one line. Shortening comes after it, because a cut could split a secret.

    A secret that escaped control characters split is redacted as well.
    """
    text = one_line(document)
    joined = CONTROL_ESCAPES.sub("", text)
    return found if (found := redacted(joined)) != joined else text


def inert(text: object) -> str:
    """Return one line without mentions, links, tags or emphasis for any messenger."""
    return one_line(text).translate(INERT)


def cell(value: Any) -> Any:
    """Return a value for a CSV file: a text that a spreadsheet would take for a formula gets an apostrophe."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    starts = (value[:1], text[:1], text.lstrip()[:1])
    return f"'{text}" if any(start in FORMULA_SIGNS for start in starts if start) else text


def escaped_json(document: str) -> str:
    """Escape unsafe characters in a JSON text: the values stay the same, and terminals ignore them."""
    return UNSAFE.sub(lambda found: _escape(found[0]), redacted(document))


def json_text(value: Any, *, indent: int | None = None, is_exact: bool = False) -> str:
    """Return the JSON text of a value, for a terminal or a program.

    Secrets are redacted in the values before they are written, because JSON within JSON escapes them differently. Other
    types become text. `is_exact`: decimals are numbers with all digits, and text is not escaped to ASCII.
    """
    shown = _redacted_parts(value, is_exact=is_exact)
    if is_exact:
        import simplejson

        document = simplejson.dumps(shown, indent=indent, use_decimal=True, ensure_ascii=False, allow_nan=True)
    else:
        document = json.dumps(shown, indent=indent)
    return escaped_json(document)


def print_json(value: Any) -> None:
    """Print the result of a command with `--json`."""
    print(json_text(value, indent=2))


def _redacted_parts(value: Any, *, is_exact: bool) -> Any:
    if isinstance(value, dict):
        return {
            redacted(name) if isinstance(name, str) else name: _redacted_parts(part, is_exact=is_exact)
            for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redacted_parts(part, is_exact=is_exact) for part in value]
    if value is None or isinstance(value, bool):
        return value
    text = redacted(str(value))
    is_number = isinstance(value, int | float) or (is_exact and isinstance(value, Decimal))
    return value if is_number and text == str(value) else text


class SafeRecord(logging.LogRecord):
    """A log record of any library with a safe message, for a process of our own."""

    def getMessage(self) -> str:  # noqa: N802 - logging's name
        return one_line(super().getMessage())


class SafeMessages(logging.Filter):
    """Make the messages of the package's own logger safe in any process."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = one_line(record.getMessage()), ()
        return True


def _replacement(found: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= found[0] <= "\udfff" else ""


def _escape(character: str) -> str:
    if character in "\r\x0b\x0c":  # outside the values of a JSON text; inside they are escaped already
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


logging.getLogger("logentic").addFilter(SafeMessages())
