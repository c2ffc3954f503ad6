"""Personal values that are recognised wherever they appear: none may leave in clear."""

import re
from collections.abc import Iterable
from typing import Any

WORD = "Zanzibar"
NUMBER = 98765432101234
TOKEN = "a-token-that-nobody-may-see"
_FORMS = re.compile(rf"{WORD}|{NUMBER}|{TOKEN}".encode(), re.IGNORECASE)


def recipient(number: int) -> dict[str, str]:
    """Return a recipient of an order whose every value is a canary."""
    return {
        "name": f"{WORD} Canary {number}",
        "email": f"{WORD}.{number}@example.com".lower(),
        "phone": f"+1 {NUMBER} {number}",
    }


def place(known: dict[str, Any], number: int) -> dict[str, Any]:
    """Return an address whose personal parts are canaries; city, province and country stay."""
    return {
        **known,
        "address1": f"{number} {WORD} Road",
        "address2": f"{WORD} wing",
        "postal_code": f"H2X {WORD}",
    }


def found_in(*texts: str | bytes | None) -> str | None:
    """Return the first canary that one of the texts holds, shortened; None where there is none."""
    for text in texts:
        content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text or b""
        if match := _FORMS.search(content):
            return content[max(match.start() - 40, 0) : match.end() + 20].decode("utf-8", "replace")
    return None


def found_in_rows(rows: Iterable[dict[str, Any]]) -> str | None:
    """Return the column, and the value, in which a canary is in clear."""
    listed = list(rows)
    if not found_in(str(listed)):
        return None
    for row in listed:
        for name, value in row.items():
            if found := found_in(name, value if isinstance(value, str) else str(value)):
                return f"{name[:60]!r} holds {found!r}"
    return "a value"
