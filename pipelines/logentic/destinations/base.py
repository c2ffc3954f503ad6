"""Where the tables go: what a run needs of it, whichever it is."""

from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from logentic.audit_log import Row
from logentic.extract.stored_records import Query


class Place(Protocol):
    """It is cheap to make and keeps nothing open."""

    what: str  # it is called in a message
    target: str  # of dbt; "" where no models are built
    database: str  # as dbt names it
    table_format: Literal["delta"] | None  # that dlt writes, where there is a choice

    def require_loaded(self) -> None:
        """A `UsageError` where no run has been yet."""

    def is_published(self) -> bool:
        """Whether what analysts read is there."""

    def published_version(self) -> str:
        """Differs when what analysts read was changed by somebody else; "" where that is not known."""

    def is_damaged(self) -> bool:
        """Whether what was loaded holds a block or a file that cannot be read. All of it is read for that."""

    def set_aside(self) -> str:
        """Move what is damaged out of the way, and say so in a sentence; `open` makes it again."""

    def check_files(self, files: list[str]) -> None:
        """Raise `UnreadableFile` for a Parquet file that would be loaded and could not be read afterwards."""

    def remove_orphans(self) -> None:
        """Remove files of loads that are not complete."""

    def locked(self, wait_seconds: float) -> AbstractContextManager[None]:
        """One run at a time, whichever machine it is on."""

    def open(self, key: bytes | None, *, accept_new_key: bool) -> bool:
        """Make sure that it is there, whole, of our format, and made with this key for personal data.

        Whether it is signed with this key: a new one is not yet.
        """

    def kept_open(self) -> AbstractContextManager[Any]:
        """Where to open it costs something, it is open until the end of this, for all that follows but dbt."""

    def sign(self, key: bytes | None) -> None:
        """Note the format, and which key was used."""

    def raw(self) -> Query:
        """The raw tables, to be asked without dlt."""

    def dlt_destination(self) -> Any:
        """What dlt loads into."""

    def load_journals(self) -> dict[str, int]:
        """Make tables of the journals, and say the sizes of what they hold."""

    def add_run(self, row: Row) -> None:
        """The run that publishes, before it has ended."""

    def dbt(self, *, only_parse: bool = False) -> AbstractContextManager[None]:
        """Lets dbt reach it, or only know what it is; what dbt keeps open is closed at the end."""

    def publish(self) -> int:
        """Put what was built where analysts read, in one step; how many bytes that is."""
