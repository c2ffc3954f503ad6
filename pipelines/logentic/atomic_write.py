"""Write small files completely or not at all, also after a crash or on a full disk."""

import errno
import glob
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

WITHOUT_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


def create_once(path: Path, content: bytes) -> bool:
    """Write a file that only its owner may read, unless it exists; return False if it does. Safe between processes."""
    partial = _written(path, content)
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        if path.exists():  # fallback for file systems without hard links
            return False
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file by one that only its owner may read."""
    with replacing(path, _written(path, content)):
        pass
    _sync_folder(path.parent)


@contextmanager
def replacing(path: Path, partial: Path | None = None) -> Iterator[Path]:
    """Yield a path to write; it replaces `path` at the end, and is removed on an error.

    The default is .NAME.partial beside `path`; a killed process's file of this name is removed first.
    """
    if partial is None:
        partial = path.with_name(f".{path.name}.partial")
        partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def remove_partial_files(folder: Path) -> None:
    """Remove files that killed processes of this machine left while writing."""
    for path in folder.glob(f".*.{glob.escape(platform.node()[:60])}.*.partial"):
        if (found := re.search(r"\.(\d+)\.partial$", path.name)) and not _is_running(int(found[1])):
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # belongs to another user
        pass
    return True


def _written(path: Path, content: bytes) -> Path:
    """Write a file beside `path`, synced to the disk, and return its path."""
    suffix = f".{platform.node()[:60]}.{os.getpid()}.partial"
    descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=suffix)
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
