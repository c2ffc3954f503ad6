"""Read secrets from files that environment variables ending in _FILE name.

No message shows the path: a user may have put the secret itself there.
"""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from logentic.errors import UsageError
from logentic.sanitizer import register_secret

LARGEST_SECRET_BYTES = 65_536
# Secrets of other libraries in the environment: those of dlt's destinations (whole or in parts), and the engine's
# address.
SECRETS_OF_OTHERS = re.compile(r"(?:\w+__)?DESTINATION__(?:\w+__)?CREDENTIALS(?:__\w+)?|SPARK_REMOTE")
PUBLIC_PARTS = re.compile(r".*__(HOST|PORT|DATABASE|USERNAME|ENDPOINT_URL|REGION_NAME|DRIVERNAME|CONNECT_TIMEOUT)")
# passwords too common to redact: they protect nothing, and messages contain these words
ORDINARY_WORDS = {"logentic", "postgres", "password"}
PASSWORD = re.compile(r"//[^/@]*:([^/@]+)@|;token=([^;]+)")  # in a URL

_given_by_files: dict[str, str] = {}  # variables that this process has set


def read_secret_file(direct: str, path: str) -> str:
    """Return the content of a file without trailing line ends."""
    variable = f"{direct}_FILE"
    if os.environ.get(direct):
        raise UsageError(f"{direct} and {variable} are both set", "Unset one of them.")
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(LARGEST_SECRET_BYTES + 1)
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except (OSError, ValueError, RuntimeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error_text(error)
        raise UsageError(f"{variable}: the file cannot be read: {reason}", f"Correct or unset {variable}.") from None
    if not text or len(content) > LARGEST_SECRET_BYTES or "\0" in text:
        reason = "holds a NUL" if "\0" in text else f"is larger than {LARGEST_SECRET_BYTES} bytes"
        raise UsageError(f"{variable}: the file {reason if text else 'is empty'}", f"Correct or unset {variable}.")
    return text


def give_secrets_to_others() -> None:
    """Set the variables of dlt and Spark whose values are in files, named by the same variable and _FILE.

    From then on, all of their secrets in the environment are redacted.
    """
    for direct in [name for name in _given_by_files if not os.environ.get(f"{name}_FILE")]:
        if os.environ.get(direct) == _given_by_files.pop(direct):
            del os.environ[direct]
    for variable, path in sorted(os.environ.items()):
        direct = variable.removesuffix("_FILE")
        if path and direct != variable and SECRETS_OF_OTHERS.fullmatch(direct):
            if os.environ.get(direct) == _given_by_files.get(direct, ""):
                os.environ.pop(direct, None)
            os.environ[direct] = _given_by_files[direct] = read_secret_file(direct, path)
    for name, value in os.environ.items():
        if SECRETS_OF_OTHERS.fullmatch(name) and not name.endswith("_FILE") and not PUBLIC_PARTS.fullmatch(name):
            _register_secrets_of(name, value)


def _register_secrets_of(name: str, value: str) -> None:
    """Register a variable's secrets; of a URL only the password, because messages must show the host."""
    passwords = [part for found in PASSWORD.findall(value) for part in found if part]
    is_url = "://" in value
    for secret in passwords if is_url else [value]:
        for text in {secret, unquote(secret)} - ORDINARY_WORDS:
            register_secret(text)


def error_text(error: Exception) -> str:
    """Return the system's message about a file, without the file's name."""
    return (error.strerror if isinstance(error, OSError) else None) or "its name is not valid"
