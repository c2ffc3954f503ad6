"""The key of the hashes of personal data."""

import re
import secrets
from hashlib import blake2b, sha256
from pathlib import Path

from logentic.atomic_write import create_once
from logentic.errors import StateError
from logentic.privacy.pseudonyms import Pseudonyms
from logentic.settings import Settings

KEY_BYTES = 32
KEY = rb"[0-9a-fA-F]{64}"


def pseudonyms(settings: Settings, folder: Path) -> Pseudonyms:
    """Hashes keyed as the settings say, else by the key that the folder keeps."""
    return Pseudonyms(hash_key(settings, folder), settings.hash_fields, settings.plain_fields)


def hash_key(settings: Settings, folder: Path) -> bytes | None:
    """32 bytes; None where personal data are kept as they are."""
    if settings.keep_personal_data:
        return None
    given = settings.hash_key.get_secret_value()
    return blake2b(given.encode(), digest_size=32).digest() if given else keep_key(folder)


def fingerprint_of(key: bytes | None) -> str | None:
    """Tells two keys apart and says nothing about either; None where personal data are kept as they are."""
    return None if key is None else sha256(b"logentic key fingerprint" + key).hexdigest()[:16]


def check_fingerprint(where: str, stored: str | None, key: bytes | None) -> None:
    """Refuse to add pseudonyms of another key, or values in clear, to what is stored in `where`."""
    if stored == fingerprint_of(key):
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


def keep_key(folder: Path) -> bytes:
    """The key of the hashes of personal data, made once, readable by its owner only.

    Of two processes that make it at once, both use the one that is kept. Raises `StateError` where the file cannot be
    read or written, or holds anything but 32 bytes in hexadecimal digits.
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
