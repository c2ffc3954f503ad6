"""Write files for people: completely, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logentic.atomic_write import replacing
from logentic.errors import UsageError


@contextmanager
def output_file(option: str, path: Path, *endings: str) -> Iterator[Path]:
    """Yield a partial file that replaces `path` at the end. `endings` are the allowed suffixes; empty allows any."""
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
