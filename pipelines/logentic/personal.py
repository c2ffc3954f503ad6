"""Personal data becomes a keyed hash before it touches a disk.

In: values and the field they stand in. Out: the same values, hashed where they are personal. Equal values give
equal hashes under one key, so that joins and counts still work; a postal code keeps its area.
Next: rows.py, which calls this on every table it makes.
"""

import re
from hashlib import blake2b
from typing import Any

import pyarrow as pa

PERSONAL_NAME = re.compile(r"name|mail|phone|address|recipient|contact|note", re.IGNORECASE)
PERSONAL_VALUE = re.compile(
    r"[^@\s]+@[^@\s]+\.[^@\s]+"  # a mail address
    r"|^\s*(\+\d[\d\s().-]{7,17}\d|\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4})\s*$"  # a phone number, as one writes it
)


class Pseudonyms:
    """Hashes with one key; `None` as the key keeps everything as it is."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def hashed(self, text: str) -> str:
        """32 hexadecimal digits (BLAKE2b keyed, RFC 7693)."""
        if self._key is None:
            return text
        return blake2b(text.encode(), key=self._key, digest_size=16).hexdigest()

    def column(self, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Array:
        """A text column with every value hashed, each distinct value once."""
        if self._key is None:
            return values
        encode = self._postal_code if name.endswith("postal_code") else self.hashed
        values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        coded = values.dictionary_encode()
        hashes = pa.array([encode(text) for text in coded.dictionary.to_pylist()], pa.string())
        return hashes.take(coded.indices)

    def unknown(self, name: str, value: Any) -> Any:
        """A field that the reference does not name: hashed if its name or its value looks personal, at any depth."""
        if self._key is None or value is None or isinstance(value, bool):
            return value
        if isinstance(value, dict):
            return {inner: self.unknown(f"{name}.{inner}", part) for inner, part in value.items()}
        if isinstance(value, list):
            return [self.unknown(name, part) for part in value]
        if PERSONAL_NAME.search(name) or (isinstance(value, str) and PERSONAL_VALUE.search(value)):
            return self.hashed(str(value))
        return value

    def _postal_code(self, code: str) -> str:
        """The area (a Canadian forward sortation area, a US sectional centre) and a hash of the whole."""
        return f"{code.strip()[:3].upper()} {self.hashed(code)}"
