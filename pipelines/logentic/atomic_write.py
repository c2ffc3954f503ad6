"""Small files that are there whole or not at all, also after a crash or on a full disk."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

WITHOUT_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


def create_once(path: Path, content: bytes) -> bool:
    """Write a file that only its owner may read, unless it exists; False where it did. Of two processes one wins."""
    partial = _written(path, content)
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        if path.exists():  # a file system without hard links: the next best
            return False
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, in the place of the one that is there."""
    partial = _written(path, content)
    try:
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _written(path: Path, content: bytes) -> Path:
    """A file beside it, on the disk."""
    descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".partial")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems do not sync folders
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
