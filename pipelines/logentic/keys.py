"""The key of the hashes of personal data.

In: settings and the folder that keeps the key where the settings name none. Out: `Pseudonyms` made with it.
Next: rows.py hashes.
"""

import os
import secrets
from hashlib import blake2b
from pathlib import Path

from logentic.errors import StateError
from logentic.personal import Pseudonyms
from logentic.settings import Settings


def pseudonyms(settings: Settings, folder: Path) -> Pseudonyms:
    """Hashes keyed as the settings say, else by the key that the folder keeps."""
    return Pseudonyms(hash_key(settings, folder), settings.hash_fields, settings.plain_fields)


def hash_key(settings: Settings, folder: Path) -> bytes | None:
    """32 bytes; None where personal data are kept as they are."""
    if settings.keep_personal_data:
        return None
    given = settings.hash_key.get_secret_value()
    return blake2b(given.encode(), digest_size=32).digest() if given else keep_key(folder)


def keep_key(folder: Path) -> bytes:
    """The key of the hashes of personal data, made once, readable by its owner only."""
    path = folder / "hash_key"
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError:
        key = secrets.token_bytes(32)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key.hex())
    except ValueError:
        raise StateError(f"{path} is damaged", "Restore it, or set LOGENTIC_HASH_KEY.") from None
    return key
