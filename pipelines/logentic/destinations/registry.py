"""Which place the settings name."""

from logentic.destinations.base import Place
from logentic.settings import Settings
from logentic.state import State


def place_of(settings: Settings, state: State) -> Place:
    if settings.destination == "postgres":
        from logentic.destinations.postgres.destination import PostgresPlace

        return PostgresPlace(state)
    if settings.destination == "filesystem":
        if settings.engine == "spark":
            from logentic.destinations.spark.destination import SparkPlace

            return SparkPlace(settings, state)
        from logentic.destinations.filesystem.destination import FolderPlace

        return FolderPlace(settings, state)
    from logentic.destinations.duckdb.destination import DuckdbPlace

    return DuckdbPlace(settings, state)
