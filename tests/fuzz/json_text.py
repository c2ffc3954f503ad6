"""Write JSON that no encoder would write: repeated names, raw bytes, numbers that no type can hold."""

import json
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any


class Raw(bytes):
    """JSON text that is written as it is, also where it is not valid."""


class Members(list[tuple[Any, Any]]):
    """The members of an object, in their order; a name may be repeated."""


def encode(value: Any) -> bytes:
    """Return the JSON text of a value, compact, as Laravel writes it."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, str):
        return encode_basestring(value).encode("utf-8", "surrogatepass")
    if isinstance(value, dict):
        value = Members(value.items())
    if isinstance(value, Members):
        return b"{" + b",".join(encode(name) + b":" + encode(part) for name, part in value) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(encode, value)) + b"]"
    if isinstance(value, Decimal):
        return f"{value:f}".encode()
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def nested(levels: int, inner: bytes = b"1", *, of_objects: bool = False) -> Raw:
    """Return a value within so many lists, or objects."""
    before, after = (b'{"a":', b"}") if of_objects else (b"[", b"]")
    return Raw(before * levels + inner + after * levels)
