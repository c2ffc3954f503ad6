"""Pseudonymize personal data before it is written to disk, by a keyed hash.

Two rules apply to fields that the reference does not name. In orders, their lines and events (`pseudonymize_unlisted`)
every text and number is hashed unless its name is on the allow-list of measures (measures.py). Elsewhere
(`pseudonymize_unknown`) a value is hashed if its name or its form looks personal. `hash_fields` and `plain_fields`
override both.
"""

import re
import secrets
from collections.abc import Callable, Collection
from functools import lru_cache
from hashlib import blake2b, sha256
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa

from logentic.atomic_write import create_once
from logentic.errors import StateError
from logentic.extra_columns import column_name
from logentic.json_text import compact, is_too_deep, loads
from logentic.privacy.measures import is_field_name, is_identifier, is_kept_name, is_measure
from logentic.sanitizer import json_excerpt
from logentic.settings import Settings

PERSONAL_NAME = re.compile(r"name|mail|phone|address|postal|recipient|contact|note", re.IGNORECASE)
PERSONAL_VALUE = re.compile(
    r"[^@\s]@[^@\s]+\.[^@\s]"  # a mail address; matching takes linear time
    r"|^\s*(\+\d[\d\s().-]{7,17}\d|\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4})\s*$"  # common notations of a phone number
)
HASHED = re.compile(r"([^\n]{1,3} )?[0-9a-f]{32}")  # the result of `pseudonym`, or of `known` for a postal code
EXCERPT = 100
# Short numbers, numbers with an exponent, days and times: they are not personal, and a column may reject them.
HARMLESS = re.compile(
    r"[-+]?\d{0,6}(\.\d{0,24})?([eE][-+]?\d+)?|\s*|nan|-?inf"
    r"|-?\d{1,4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d\d(:\d\d(\.\d{1,9})?)?(Z|[-+]\d\d:?\d\d)?)?",
    re.ASCII,
)
KEY_BYTES = 32
KEY = rb"[0-9a-fA-F]{64}"
IsKnown = Callable[[str, Any], bool]
TRUTHS = ("true", "false")  # JSON text of truth values in stored columns


class Pseudonymizer:
    """Pseudonymize values with one key; a key of None keeps all values as they are.

    `hash_fields` and `plain_fields` name fields, with everything within them, and override all other rules.
    """

    def __init__(
        self, key: bytes | None, hash_fields: Collection[str] = (), plain_fields: Collection[str] = ()
    ) -> None:
        self._key = key
        self._keyed = blake2b(key=key or b"", digest_size=16)
        self._hash_fields = frozenset(hash_fields)
        self._plain_fields = frozenset(plain_fields)

    @property
    def key(self) -> bytes | None:
        return self._key

    def chosen_fields(self) -> list[list[str]]:
        """Return `hash_fields` and `plain_fields`."""
        return [sorted(self._hash_fields), sorted(self._plain_fields)]

    def pseudonym(self, text: str) -> str:
        """Return 32 hexadecimal digits (keyed BLAKE2b, RFC 7693)."""
        if self._key is None:
            return text
        hashing = self._keyed.copy()  # the key is hashed once for all values
        hashing.update(text.encode("utf-8", "surrogatepass"))
        return hashing.hexdigest()

    def digest(self, content: bytes) -> str:
        """Return 32 hexadecimal digits that are equal for equal contents; keyed if there is a key."""
        return blake2b(content, key=self._key or b"", digest_size=16).hexdigest()

    def can_be_column(self, name: str) -> bool:
        """Return whether a field of an order that the reference does not name may have a column of its name.

        A field within a nested record (recipient__marie) may be named after a person: only common field names are kept.
        """
        if self._key is None or self._is_plain(name):
            return is_identifier(name)
        outer, _, inner = column_name(name).partition("__")
        return is_field_name(name) and (not inner or is_kept_name(inner, (outer,)))

    def more_key(self, name: str, column: str) -> str:
        """Return the key in `_more_fields` of a field whose name is hidden.

        `column` is the column that an earlier version gave the field, so that both have one key; empty for none.
        """
        outer, _, inner = column.partition("__")
        return f"{outer}__{self.pseudonym(inner)}" if outer and inner and is_identifier(name) else self.pseudonym(name)

    def is_personal(self, name: str, personal: Collection[str]) -> bool:
        """Return whether a text field that the reference names is hashed."""
        return name not in self._plain_fields and (name in personal or name in self._hash_fields)

    def looks_personal(self, name: str, value: Any) -> bool:
        """Return whether a value under a name that the reference does not know is treated as personal."""
        if self._is_plain(name):
            return False
        return bool(_fields(name) & self._hash_fields) or _looks_personal(name, value)

    def pseudonymize_unlisted(
        self, name: str, value: Any, *, again: bool = False, is_known: IsKnown = lambda *_: False
    ) -> Any:
        """Hash a field of an order or event that the reference does not name, unless it is on the allow-list.

        Within objects, names that are not field names are hashed as well. `again`: the value was read from a table, and
        pseudonyms in it are kept. `is_known` returns whether a path with a text or number is kept.
        """
        if self._key is None or value is None or isinstance(value, bool) or self._is_plain(name):
            return value
        if isinstance(value, dict):
            paths = [(f"{name}.{inner}" if name else inner, inner, part) for inner, part in value.items()]
            return {
                self._name(path, inner, again=again): self.pseudonymize_unlisted(
                    path, part, again=again, is_known=is_known
                )
                for path, inner, part in paths
            }
        if isinstance(value, list):
            return [self.pseudonymize_unlisted(name, part, again=again, is_known=is_known) for part in value]
        is_kept = self.keeps(name, value, again=again) or (
            is_known(name, value) and not _fields(name) & self._hash_fields
        )
        return value if is_kept else self.known(name, str(value))

    def pseudonymize_text(self, name: str, value: Any, *, again: bool = False) -> str | None:
        """Do the same for a column of text. A text that is a JSON object or list is treated as one: a stored column
        does not tell them apart, nor a truth value from its text.
        """
        # Earlier versions hashed a text that looks personal as a whole; keep its pseudonym.
        if isinstance(value, str) and self._key is not None and (again or not _looks_personal(name, value)):
            value = _structure(value)
        found = value if value in TRUTHS else self.pseudonymize_unlisted(name, value, again=again)
        return found if found is None or isinstance(found, str) else compact(found)

    def keeps(self, name: str, value: Any, *, again: bool = False) -> bool:
        """Return whether `pseudonymize_unlisted` keeps a text or number in clear."""
        text = str(value)
        if self._key is None or self._is_plain(name) or not text.strip() or (again and HASHED.fullmatch(text)):
            return True
        return is_measure(name, value) and not _fields(name) & self._hash_fields

    def excerpt(self, name: str, value: Any, personal: Collection[str] | None) -> str:
        """Return the JSON text of a value that could not be read: shortened, and hashed if it may be personal.

        `personal` names the personal fields of orders; None outside orders, where only values that look personal are
        hashed.
        """
        if isinstance(value, dict | list) and is_too_deep(value):
            return "{…}" if isinstance(value, dict) else "[…]"
        if personal is None:
            shown = self.pseudonymize_unknown(name, value)
        elif isinstance(value, dict | list):
            shown = self.pseudonymize_unlisted(name, value)
        else:
            is_kept = value is None or isinstance(value, bool) or bool(HARMLESS.fullmatch(str(value)))
            is_kept = self._key is None or self._is_plain(name) or (is_kept and not self.is_personal(name, personal))
            shown = value if is_kept else self.pseudonym(str(value))
        text = json_excerpt(compact(shown))
        return text if len(text) <= EXCERPT else f"{text[: EXCERPT - 1]}…"

    def row_excerpt(self, row: Any) -> str:
        """Return the JSON text of a row whose key could not be read, shortened, its texts and numbers hashed."""
        text = "[…]" if is_too_deep(row) else json_excerpt(compact(self.pseudonymize_unlisted("row", row)))
        return text if len(text) <= EXCERPT else f"{text[: EXCERPT - 1]}…"

    def column(self, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Hash every value of a text column, each distinct value once."""
        if self._key is None:
            return values
        values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        coded = values.dictionary_encode()
        hashes = pa.array([self.known(name, text) for text in coded.dictionary.to_pylist()], pa.string())
        return hashes.take(coded.indices)

    def known(self, name: str, text: str) -> str:
        """Hash a text; a postal code keeps its area (Canadian forward sortation area, US sectional centre)."""
        if self._key is not None and name.endswith("postal_code"):
            return f"{text.strip()[:3].upper()} {self.pseudonym(text)}"
        return self.pseudonym(text)

    def pseudonymize_unknown(self, name: str, value: Any) -> Any:
        """Hash a field that the reference does not name if its name or its value looks personal, at any depth.

        Within an object whose name looks personal, names that are no names of fields are hashed as well.
        """
        if self._key is None or value is None or isinstance(value, bool):
            return value
        if isinstance(value, dict):
            paths = [(f"{name}.{inner}", inner, part) for inner, part in value.items()]
            is_suspect = self.looks_personal(name, None)
            return {
                self._name(path, inner, again=False) if is_suspect else inner: self.pseudonymize_unknown(path, part)
                for path, inner, part in paths
            }
        if isinstance(value, list):
            return [self.pseudonymize_unknown(name, part) for part in value]
        return self.known(name, str(value)) if self.looks_personal(name, value) else value

    def _is_plain(self, name: str) -> bool:
        return bool(_fields(name) & self._plain_fields)

    def _name(self, path: str, name: str, *, again: bool) -> str:
        """Return the name of a field within an unknown object, hashed unless it is a common field name."""
        outer = tuple(path[: -len(name)].split(".")) if name else ()
        if is_kept_name(name, outer) or self._is_plain(path) or (again and HASHED.fullmatch(name)):
            return name
        return self.pseudonym(name)


@lru_cache(maxsize=4096)
def _fields(path: str) -> frozenset[str]:
    """Return a field and the fields around it, each by the service's name and by its column's."""
    parts = path.split(".")
    named = frozenset(accumulate(parts, "{}.{}".format))
    return named.union(accumulate([column_name(parts[0]), *parts[1:]], "{}.{}".format), ["__".join(parts[:2])])


def _looks_personal(name: str, value: Any) -> bool:
    return bool(PERSONAL_NAME.search(name) or (isinstance(value, str) and PERSONAL_VALUE.search(value)))


def _structure(text: str) -> Any:
    """Return the object or list that a text encodes, else the text."""
    if text[:1] not in ("{", "["):
        return text
    try:
        value = loads(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return text
    return text if is_too_deep(value) else value


def load_pseudonymizer(settings: Settings, folder: Path) -> Pseudonymizer:
    """Return a pseudonymizer with the key of the settings, else with the one in the folder."""
    return Pseudonymizer(pseudonym_key(settings, folder), settings.hash_fields, settings.plain_fields)


def pseudonym_key(settings: Settings, folder: Path) -> bytes | None:
    """Return the key, 32 bytes; None if personal data is kept in clear."""
    if settings.keep_personal_data:
        return None
    given = settings.hash_key.get_secret_value()
    return blake2b(given.encode(), digest_size=32).digest() if given else read_or_create_key(folder)


def key_fingerprint(key: bytes | None) -> str | None:
    """Return a digest that tells keys apart without revealing them; None if personal data is kept in clear."""
    return None if key is None else sha256(b"logentic key fingerprint" + key).hexdigest()[:16]


def check_fingerprint(where: str, stored: str | None, key: bytes | None) -> None:
    """Refuse to add pseudonyms of another key, or clear values, to the data in `where`."""
    if stored == key_fingerprint(key):
        return
    if stored is None:
        raise StateError(
            f"{where} was made with keep_personal_data, or with a damaged hash_key: its values are not pseudonyms of"
            " the key in force",
            "Set keep_personal_data as before; or pseudonymize what comes from now on: logentic run --new-hash-key.",
        )
    if key is None:
        raise StateError(
            f"{where} holds pseudonyms, and keep_personal_data would add values in clear",
            "Unset keep_personal_data; or go on in clear: logentic run --new-hash-key.",
        )
    raise StateError(
        f"{where} was made with another key for personal data",
        "Restore hash_key in the state folder, or set LOGENTIC_HASH_KEY, as it was; or go on with the new one, by which"
        " no person is recognised from before: logentic run --new-hash-key.",
    )


def read_or_create_key(folder: Path) -> bytes:
    """Return the key in the folder. Create it once, readable by its owner only; two processes both use the one that is
    kept.

    Raises `StateError` if the file cannot be read or written, or is not 32 bytes in hexadecimal digits.
    """
    path = folder / "hash_key"
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            create_once(path, secrets.token_bytes(KEY_BYTES).hex().encode())
        text = path.read_bytes()
    except OSError as error:
        raise StateError(
            f"{path}, the key for personal data, cannot be used: {error.strerror or error}",
            "Free space or correct its permissions, then run again; or set LOGENTIC_HASH_KEY.",
        ) from None
    if not re.fullmatch(KEY, text.strip()):
        raise StateError(
            f"{path}, the key for personal data, is damaged: it must hold {KEY_BYTES} bytes in hexadecimal digits",
            "Restore it from a backup. If there is none, remove it and go on with a new key, by which no person is"
            " recognised from before: logentic run --new-hash-key.",
        )
    return bytes.fromhex(text.decode("ascii"))
