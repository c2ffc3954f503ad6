"""Read JSON in any encoding, with any numbers and nesting.

Numbers stay exact: integers, or decimals. Bytes that are not UTF-8 and lone surrogates become lone surrogates in the
result; `repaired` replaces each by U+FFFD.
"""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_NESTING = 100  # levels of one value
# Deeper containers are read as null if a document is too deep to parse. Values begin at level 4 or 5 of a page, so a
# value that was cut still has more than MAX_NESTING levels.
CUT_LEVEL = MAX_NESTING + 10
LONGEST_INTEGER = 4000  # digits; Python does not convert 4,300
STRING = r'"(?:[^"\\]++|\\.)*+"'
TOKEN = re.compile(STRING + r"|[\[\]{}]", re.DOTALL)
STRUCTURE = re.compile(STRING + r"|[\[\]{},:]", re.DOTALL)
STRING_OR_BLANKS = re.compile(f"({STRING})|[ \t\r\n]+", re.DOTALL)
NUMERIC_KEY = re.compile(r"-?\d{1,19}", re.ASCII)
SURROGATE = re.compile("[\ud800-\udfff]")
SURROGATE_OR_NUL = re.compile("[\0\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def loads(body: bytes, *, is_cut: bool = False) -> Any:
    """Parse bytes; raise ValueError if they are not JSON. If a name is repeated, the last value wins.

    `is_cut`: containers below CUT_LEVEL are null in any case, for callers that walk the whole value.
    """
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    try:
        document = _parse(text)
        if not is_cut or not is_too_deep(document):
            return document
    except RecursionError:
        pass
    text = _cut(text)
    try:
        return _parse(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: Any) -> bytes:
    """Return valid UTF-8 that `loads` reads as the same value."""
    import simplejson

    text = simplejson.dumps(value, use_decimal=True, allow_nan=True, ensure_ascii=False)
    return SURROGATE.sub(r"\\udfff", text).encode()


def compact(value: Any, *, sort_keys: bool = False) -> str:
    """Return the JSON text of a value without blanks."""
    import simplejson

    return str(
        simplejson.dumps(
            value,
            use_decimal=True,
            allow_nan=True,
            ensure_ascii=False,
            separators=(",", ":"),
            sort_keys=sort_keys,
        )
    )


def as_list(value: Any) -> list[Any] | None:
    """Return a list, even if PHP wrote it as an object with numeric keys; None for anything else."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and all(map(NUMERIC_KEY.fullmatch, value)):
        return list(value.values())
    return None


def row_texts(body: bytes) -> list[bytes]:
    """Return the JSON text of each row of `{"data": [...]}`, at any nesting and with its invalid bytes.

    Blanks between tokens are removed and escapes are decoded, so that equal rows have equal texts in every layout.
    """
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    rows: list[str] = []
    depth, start, name, is_of_rows = 0, 0, "", False
    for token in STRUCTURE.finditer(text):
        sign = text[token.start()]
        if sign in "[{":
            depth += 1
            if depth == 2 and (is_of_rows := name == '"data"'):
                rows, start = [], token.end()
        elif sign in "]}":
            depth -= 1
        elif sign == '"' and depth == 1:
            name = _normalized(token[0])
        if is_of_rows and ((sign == "," and depth == 2) or depth == 1):
            rows.append(text[start : token.start()])
            is_of_rows, start = depth == 2, token.end()
        elif sign == ":" and depth == 2:  # PHP wrote a list as an object
            start = token.end()
    normalized = (STRING_OR_BLANKS.sub(lambda found: _normalized(found[1] or ""), row) for row in rows)
    return [row.encode("utf-8", "surrogatepass") for row in normalized if row]


def is_damaged(value: Any, invalid: re.Pattern[str] = SURROGATE) -> bool:
    """Return whether a text or name within the value has a lone surrogate, or another invalid character."""
    if isinstance(value, str):
        return not (value.isascii() and invalid is SURROGATE) and bool(invalid.search(value))
    return isinstance(value, dict | list) and any(is_damaged(part, invalid) for part in _parts(value))


def repaired(value: Any, invalid: re.Pattern[str] = SURROGATE) -> Any:
    """Return the value with U+FFFD in place of each lone surrogate, or other invalid character."""
    if isinstance(value, str):
        return invalid.sub(REPLACEMENT, value) if is_damaged(value, invalid) else value
    if isinstance(value, dict):
        return {repaired(name, invalid): repaired(part, invalid) for name, part in value.items()}
    return [repaired(part, invalid) for part in value] if isinstance(value, list) else value


def is_too_deep(value: Any) -> bool:
    """Return whether a value has more than MAX_NESTING levels."""
    level, depth = [value], 0
    while containers := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        if depth > MAX_NESTING:
            return True
        level = [inner for part in containers for inner in (part.values() if isinstance(part, dict) else part)]
    return False


def _parts(value: Any) -> Iterator[str]:
    """Yield the texts within an object or list, and its names."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, str):
            yield part


def _parse(text: str) -> Any:
    import simplejson

    # Allow control characters in texts.
    lenient: dict[str, Any] = {"cls": simplejson.JSONDecoder, "strict": False}
    try:
        return simplejson.loads(text, use_decimal=True, allow_nan=True, **lenient)
    except (ValueError, ArithmeticError):  # possibly a number that Python does not convert
        return simplejson.loads(text, parse_int=_integer, parse_float=_decimal, allow_nan=True, **lenient)


def _normalized(string: str) -> str:
    """Return a JSON string without needless escapes."""
    import simplejson

    return str(simplejson.dumps(_parse(string), ensure_ascii=False)) if "\\" in string else string


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= LONGEST_INTEGER else Decimal(text)


def _decimal(text: str) -> Decimal | str:
    """Return a decimal, or the text if its exponent is out of range."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _cut(text: str) -> str:
    """Replace each container below CUT_LEVEL by null."""
    kept, depth, start = [], 0, 0
    for token in TOKEN.finditer(text):
        sign = text[token.start()]
        if sign in "[{":
            depth += 1
            if depth == CUT_LEVEL:
                kept.append(text[start : token.start()] + "null")
        elif sign in "]}":
            if depth == CUT_LEVEL:
                start = token.end()
            depth -= 1
    return "".join(kept) + (text[start:] if depth < CUT_LEVEL else "")
