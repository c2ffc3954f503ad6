"""A run that is killed with SIGKILL when it comes to a given step: `killed_run.py STEP FILE URL TOKEN`.

The real command runs in a process of its own; one function of it is wrapped to end the process without a farewell.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from logentic.cli.app import main

LOADING_STEPS = (
    "a page was read",
    "a window was done",
    "all was extracted",
    "all was normalised",
    "a file was loaded but not noted",
    "half was loaded",
    "the load was complete but not noted",
    "all was loaded",
)


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, nth: int = 1) -> None:
    """Die on the nth call of a function."""
    _wrap(owner, name, nth, lambda real, *args, **more: die())


def after(owner: Any, name: str, nth: int = 1) -> None:
    """Die when the nth call of a function has done its work."""

    def last(real: Callable[..., Any], *args: Any, **more: Any) -> None:
        real(*args, **more)
        die()

    _wrap(owner, name, nth, last)


def _wrap(owner: Any, name: str, nth: int, end: Callable[..., Any]) -> None:
    real, calls = getattr(owner, name), [0]

    def wrapped(*args: Any, **more: Any) -> Any:
        calls[0] += 1
        return end(real, *args, **more) if calls[0] == nth else real(*args, **more)

    setattr(owner, name, wrapped)


def arm(step: str) -> None:
    from dlt.common.storages import PackageStorage
    from dlt.pipeline.pipeline import Pipeline

    import logentic.api.client
    import logentic.destinations.postgres.publishing
    import logentic.extract.session
    import logentic.transform.build
    from logentic.destinations.duckdb import DuckdbDestination
    from logentic.destinations.postgres.destination import PostgresDestination
    from logentic.destinations.spark.destination import SparkDestination

    destinations = {"postgres": PostgresDestination, "filesystem": SparkDestination}
    destination = destinations.get(os.environ.get("LOGENTIC_DESTINATION", ""), DuckdbDestination)

    arms: dict[str, Callable[[], None]] = {
        "a page was read": lambda: after(logentic.api.client.Client, "_send", 5),
        "a window was done": lambda: after(logentic.extract.session.Session, "_receipt", 3),
        "all was extracted": lambda: after(Pipeline, "extract"),
        "all was normalised": lambda: after(Pipeline, "normalize"),
        "a file was loaded but not noted": lambda: before(PackageStorage, "complete_job", 4),
        "half was loaded": lambda: after(PackageStorage, "complete_job", 3),
        "the load was complete but not noted": lambda: before(PackageStorage, "complete_loading_package"),
        "all was loaded": lambda: after(Pipeline, "load"),
        "half of the models were built": kill_in_the_build,
        "before publishing": lambda: before(destination, "publish"),
        "in the middle of publishing": lambda: after(logentic.destinations.postgres.publishing, "_publish_table", 9),
        "as its files were written": lambda: after(SparkDestination, "_write_rest", 9),
        "between copy and swap": lambda: before(DuckdbDestination, "_read_all_blocks"),
        "after publishing": lambda: after(destination, "publish"),
    }
    arms[step]()


def kill_in_the_build() -> None:
    from logentic.destinations.duckdb import DuckdbEngine
    from logentic.destinations.postgres.engine import PostgresEngine
    from logentic.destinations.spark.engine import SparkEngine

    engines = {"postgres": PostgresEngine, "filesystem": SparkEngine}
    after(engines.get(os.environ.get("LOGENTIC_DESTINATION", ""), DuckdbEngine), "execute", 90)


if __name__ == "__main__":
    chosen, file, url, token = sys.argv[1:]
    os.environ.update(LOGENTIC_BASE_URL=url, LOGENTIC_API_TOKEN=token, LOGENTIC_WINDOW_PAGES="2")
    arm(chosen)
    sys.argv = ["logentic", "run", "--db", file]
    main()
