"""Which place the settings name.

In: settings and a `State`. Out: a `Place`. Next: load.py, transform.py.
"""

from logentic.place import Place
from logentic.settings import Settings
from logentic.state import State


def place_of(settings: Settings, state: State) -> Place:
    if settings.destination == "postgres":
        from logentic.postgres_place import PostgresPlace

        return PostgresPlace(state)
    if settings.destination == "filesystem":
        if settings.engine == "spark":
            from logentic.spark_place import SparkPlace

            return SparkPlace(settings, state)
        from logentic.folder_place import FolderPlace

        return FolderPlace(settings, state)
    from logentic.duckdb_place import DuckdbPlace

    return DuckdbPlace(settings, state)
