"""Personal data becomes a keyed hash before it touches a disk.

In: values and the field they stand in. Out: the same values, hashed where they are personal. Equal values give
equal hashes under one key, so that joins and counts still work; a postal code keeps its area.
Next: rows.py, which calls this on every table it makes.
"""

import re
from collections.abc import Collection
from hashlib import blake2b
from itertools import accumulate
from typing import Any

import pyarrow as pa

PERSONAL_NAME = re.compile(r"name|mail|phone|address|postal|recipient|contact|note", re.IGNORECASE)
PERSONAL_VALUE = re.compile(
    r"[^@\s]+@[^@\s]+\.[^@\s]+"  # a mail address
    r"|^\s*(\+\d[\d\s().-]{7,17}\d|\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4})\s*$"  # a phone number, as one writes it
)


class Pseudonyms:
    """Hashes with one key; `None` as the key keeps everything as it is.

    `hash_fields` and `plain_fields` name fields, with all that lies within them, and outweigh the looks of names and
    values.
    """

    def __init__(
        self, key: bytes | None, hash_fields: Collection[str] = (), plain_fields: Collection[str] = ()
    ) -> None:
        self._key = key
        self._keyed = blake2b(key=key or b"", digest_size=16)
        self._hash_fields = frozenset(hash_fields)
        self._plain_fields = frozenset(plain_fields)

    def hashed(self, text: str) -> str:
        """32 hexadecimal digits (BLAKE2b keyed, RFC 7693)."""
        if self._key is None:
            return text
        hashing = self._keyed.copy()  # the key is mixed in once for all
        hashing.update(text.encode())
        return hashing.hexdigest()

    def digest(self, content: bytes) -> str:
        """32 hexadecimal digits by which equal contents are recognised; keyed where there is a key."""
        return blake2b(content, key=self._key or b"", digest_size=16).hexdigest()

    def covers(self, name: str, personal: Collection[str]) -> bool:
        """Whether a text field that the reference names is to be hashed."""
        return name not in self._plain_fields and (name in personal or name in self._hash_fields)

    def suspects(self, name: str, value: Any) -> bool:
        """Whether a value under a name that the reference does not know is taken for personal."""
        fields = set(accumulate(name.split("."), "{}.{}".format))
        if fields & self._plain_fields:
            return False
        looks_it = PERSONAL_NAME.search(name) or (isinstance(value, str) and PERSONAL_VALUE.search(value))
        return bool(fields & self._hash_fields or looks_it)

    def column(self, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Array:
        """A text column with every value hashed, each distinct value once."""
        if self._key is None:
            return values
        values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        coded = values.dictionary_encode()
        hashes = pa.array([self.known(name, text) for text in coded.dictionary.to_pylist()], pa.string())
        return hashes.take(coded.indices)

    def known(self, name: str, text: str) -> str:
        """A postal code keeps its area: a Canadian forward sortation area, a US sectional centre."""
        if self._key is not None and name.endswith("postal_code"):
            return f"{text.strip()[:3].upper()} {self.hashed(text)}"
        return self.hashed(text)

    def unknown(self, name: str, value: Any) -> Any:
        """A field that the reference does not name: hashed if its name or its value looks personal, at any depth."""
        if self._key is None or value is None or isinstance(value, bool):
            return value
        if isinstance(value, dict):
            return {inner: self.unknown(f"{name}.{inner}", part) for inner, part in value.items()}
        if isinstance(value, list):
            return [self.unknown(name, part) for part in value]
        return self.known(name, str(value)) if self.suspects(name, value) else value
