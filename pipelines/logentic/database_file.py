"""Resolve the path of FILE: as given, with links resolved, and in a form that the engines accept.

Any name that a file system allows works. DuckDB, dbt and dlt insert a path into SQL, templates and patterns, so they
are given one without special characters: if the real path has some, a link to it in the folder for temporary files. For
some names a link is not enough: dlt expands a `%`, and DuckDB 2.0 reads a backslash as a slash and a `?` as the start
of a query, and rejects bytes that are not UTF-8. In these cases their output, or a copy of their input, is in that
folder. It is removed when the process ends; the next run starts from FILE again, and reads from the service what FILE
lacks.
"""

import atexit
import os
import re
import shutil
import stat
from functools import cache, lru_cache
from pathlib import Path
from tempfile import mkdtemp

from logentic.errors import UsageError

MOST_LINKS = 40  # the limit of Linux
LONGEST_NAME = 255  # bytes, on most file systems
BESIDE = len("..partial")  # the longest name derived from FILE: .FILE.partial
SIMPLE = re.compile(r"[\w./ @+,:=~-]*")  # letters of any language; no quotes, patterns, templates or escapes
BUCKETS = (
    "s3",
    "s3a",
    "s3n",
    "gs",
    "gcs",
    "az",
    "azure",
    "abfs",
    "abfss",
    "wasb",
    "wasbs",
    "adl",
    "r2",
    "hf",
    "hdfs",
    "dbfs",
)
SCHEMES = (
    *BUCKETS,
    *("postgres", "postgresql", "mysql", "sqlite", "duckdb", "ducklake", "md", "motherduck", "quack", "snowflake"),
    *("jdbc", "odbc", "file", "http", "https", "ftp", "ftps", "sftp", "ssh", "data"),
)
# A known scheme, or any text before `://`. A file with such a name is written ./az:x.
ELSEWHERE = re.compile(rf"([\w.+-]+)://|({'|'.join(SCHEMES)}):", re.IGNORECASE)
MEMORY = ":memory:"
OTHERS = {
    **dict.fromkeys(
        BUCKETS,
        "For a bucket: --destination filesystem, with the address in DESTINATION__FILESYSTEM__BUCKET_URL.",
    ),
    **dict.fromkeys(
        ("postgres", "postgresql"),
        "For PostgreSQL: --destination postgres, with the address in DESTINATION__POSTGRES__CREDENTIALS.",
    ),
    "file": "Give the path alone, without file:.",
}
KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}
SQLITE = b"SQLite format 3"
MAGIC = slice(8, 12)  # the position of DUCK in a DuckDB file


def database_path(given: str | Path) -> Path:
    """Return the path that --db names. Raises `UsageError` if it cannot be a file on this machine."""
    text = str(given)
    if found := ELSEWHERE.match(text.strip()):
        scheme = found[found.lastindex or 0].lower()  # the rest may contain a password
        advice = OTHERS.get(scheme, "Name a file on this machine, such as logentic.duckdb.")
        raise UsageError(f"--db {scheme}:… is not a file on this machine", advice)
    if text.startswith(MEMORY) or "\0" in text or not text.strip():
        raise UsageError(f"--db {text!r} is no file", "Name one, such as logentic.duckdb.")
    path = _in_home(text) if text.startswith("~") else Path(text)
    if len(os.fsencode(path.name)) > LONGEST_NAME - BESIDE:
        raise UsageError(
            f"--db {path}: the name is longer than {LONGEST_NAME - BESIDE} bytes", "Choose a shorter name."
        )
    require_file(path, also_folder=True)
    return path


def _in_home(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        account = text.partition("/")[0]
        raise UsageError(
            f"--db {account}/… is in the home folder of an account that this machine does not have",
            f"Give the path in full, or ./{account} if this is the name of the file or folder.",
        ) from None


def followed(path: Path) -> Path:
    """Return the absolute path that a link points to, which may not exist yet. Raises `UsageError` for a cycle."""
    found = path.absolute()
    for _ in range(MOST_LINKS):
        if not found.is_symlink():
            return found
        found = found.parent / found.readlink()
    raise UsageError(f"--db {path}: its links form a cycle", "Correct the link, or name another file.")


def kind_of(path: Path) -> str:
    """Return the kind of a path that is not a regular file: a folder, a pipe, a device, …; "" for a file or a missing
    path.
    """
    try:
        mode = followed(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise UsageError(f"--db {path}: {error.strerror or error}", "Choose another file.") from None
    return next((name for is_it, name in KINDS.items() if is_it(mode)), "")


def require_file(path: Path, *, also_folder: bool = False) -> None:
    """Refuse a path that is not a regular file or that DuckDB cannot open. Folders are checked later."""
    if (kind := kind_of(path)) and not (also_folder and kind == "a folder"):
        raise UsageError(f"--db {path} is {kind}", "Name a file, such as logentic.duckdb.")


def is_duckdb(path: Path) -> bool:
    """Return whether a file starts like DuckDB's. It is not opened, because DuckDB would load extensions for other
    formats.
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(MAGIC.stop)[MAGIC] == b"DUCK"


def is_foreign(file: Path) -> bool:
    """Return whether another program made the file; a damaged file may be ours."""
    with file.open("rb") as opened:
        if opened.read(len(SQLITE)) == SQLITE:
            return True
    if not is_duckdb(file):
        return False
    import duckdb

    try:
        with duckdb.connect(str(read_by_duckdb(file)), read_only=True) as found:
            found.execute("select 1 from logentic_raw.extract_windows limit 1")
    except duckdb.CatalogException:
        return True
    except duckdb.Error:
        return False
    return False


def reached(path: Path) -> Path:
    """Return a path to the same file that every engine accepts."""
    return path if SIMPLE.fullmatch(str(path)) else _link(path)


def written_folder(path: Path, *, by_dlt: bool = False) -> Path:
    """Return the folder in which DuckDB or dlt writes: `path`, a link to it, or a substitute."""
    real = os.path.realpath(path)
    is_fit = SIMPLE.fullmatch(real) if by_dlt else _can_be_opened(real)
    return reached(path) if is_fit else _temporary(path)


def read_by_duckdb(file: Path) -> Path:
    """Return a path by which DuckDB can read a database file: the file, a link to it, or a copy."""
    file = followed(file)
    if _can_be_opened(os.path.realpath(file)):
        return reached(file)
    found = file.stat()
    return _copy(file, found.st_mtime_ns, found.st_size)


def _can_be_opened(real: str) -> bool:
    try:
        real.encode()
    except UnicodeEncodeError:
        return False
    return not set(real) & set("\\?")


@cache
def _temporary(path: Path) -> Path:
    return Path(mkdtemp(dir=_folder_of_links(), prefix="folder-"))


@lru_cache(maxsize=1)
def _copy(file: Path, *_: int) -> Path:
    copy = _temporary(file) / "copy.duckdb"
    shutil.copyfile(file, copy)
    return copy


@cache
def _link(path: Path) -> Path:
    link = _folder_of_links() / f"{len(list(_folder_of_links().iterdir()))}.duckdb"
    link.symlink_to(path)
    return link


@cache
def _folder_of_links() -> Path:
    folder = Path(mkdtemp(prefix="logentic-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
