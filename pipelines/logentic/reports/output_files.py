"""Files that people get: written whole, or what stood there stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logentic.atomic_write import replacing
from logentic.errors import UsageError


@contextmanager
def delivered(option: str, path: Path, *endings: str) -> Iterator[Path]:
    """`endings` are those by which a program, and who reads a folder, knows such a file; none where any will do."""
    if endings and path.suffix.lower() not in endings:
        named = path.with_suffix(endings[0]) if path.name else Path(f"file{endings[0]}")
        raise UsageError(f"{option} {path} does not end in {' or '.join(endings)}", f"Name it {named}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            yield partial
    except OSError as error:
        raise UsageError(
            f"{option} {path} cannot be written: {error.strerror or error}",
            "Close it if it is open, or name another, in a folder that you may write to.",
        ) from None
