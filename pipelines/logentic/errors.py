"""The errors, grouped by what the user can do about them.

    LogenticError                     exit code 1
    ├── UsageError                    2   wrong option, setting or file: nothing was attempted
    ├── ServiceError                      the API responded with an error, or not at all
    │   ├── Unreachable                   no response, or only failures, for longer than we wait
    │   ├── Unauthorised                  401: the token is wrong, or was withdrawn
    │   ├── Forbidden                     403: the token may not read this resource
    │   ├── NotFound                      404
    │   ├── Refused                       400, 405, 422 and other responses that a retry cannot change
    │   ├── InvalidResponse               a response that differs from the reference
    │   └── UnsafeLink                    a `next` or redirect that leaves the configured origin, or turns in a circle
    ├── DeadlineReached                   the time of --max-duration has ended: the next run continues
    ├── StateError                        the state folder, FILE or the database cannot be used as it is
    │   ├── DamagedRaw                    a raw table that is stored and cannot be read
    │   └── UnreadableFile                a Parquet file that was written and cannot be read
    └── BuildError                        a model or a check failed: nothing was published

Every error carries one line that says what failed and where, and `guidance`: what to do. No error holds a
body, a query string or a token; text from others within it is made safe here.
"""

from logentic.sanitizer import one_line


class LogenticError(Exception):
    """The base class. `str(error)` says what failed and where; `guidance` what to do; `exit_code` goes to the shell."""

    exit_code = 1

    def __init__(self, message: str, guidance: str = "") -> None:
        super().__init__(one_line(message))
        self.guidance = one_line(guidance)


class UsageError(LogenticError):
    exit_code = 2


class ServiceError(LogenticError):
    """`status` is the HTTP status, or None without a response."""

    def __init__(self, message: str, guidance: str = "", status: int | None = None) -> None:
        super().__init__(message, guidance)
        self.status = status


class Unreachable(ServiceError): ...


class Unauthorised(ServiceError): ...


class Forbidden(ServiceError): ...


class NotFound(ServiceError): ...


class Refused(ServiceError): ...


class InvalidResponse(ServiceError): ...


class UnsafeLink(ServiceError): ...


class DeadlineReached(LogenticError): ...


class StateError(LogenticError): ...


class DamagedRaw(StateError):
    """A stored raw table that cannot be read; no resource can continue."""


class UnreadableFile(StateError):
    """A Parquet file of ours that cannot be read; `file` is its name without folders."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file} cannot be read: {reason}", "Run again: its rows are read from the service again.")
        self.file = file


class BuildError(LogenticError): ...


# DuckDB's messages if its memory limit is too low; a commit that needs more only reports that it cannot pin a block.
OUT_OF_MEMORY = ("Out of Memory", "failed to pin block", "could not allocate block", "failed to allocate data")


def is_out_of_memory(message: object) -> bool:
    return any(phrase in str(message) for phrase in OUT_OF_MEMORY)


def first_line(message: object) -> str:
    """Return the first line of a library's or engine's message, or of its details about the connection."""
    lines = [line.strip() for line in str(message).splitlines() if line.strip()] or ["no message"]
    details = (line.removeprefix("details = ").strip('"') for line in lines if line.startswith("details = "))
    return next(details, lines[0])
