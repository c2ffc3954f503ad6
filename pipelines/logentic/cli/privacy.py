"""Define the command for personal data that earlier versions loaded in clear: privacy."""

from typing import Annotated

import typer

from logentic.cli.options import OptionalDb, state_file
from logentic.errors import StateError, UsageError


def privacy(
    db: OptionalDb = None,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Pseudonymize them in the raw tables, and publish FILE.")
    ] = False,
) -> None:
    """List columns with personal data that an earlier version loaded in clear.

    \b
    Examples:
      logentic privacy --db logentic.duckdb
    """
    from logentic.destinations.base import destination_class, destination_of
    from logentic.extract.stored_records import Stored
    from logentic.job import read_built
    from logentic.load import privacy_rewrite as rules
    from logentic.privacy.pseudonyms import load_pseudonymizer
    from logentic.reports.humanize import count
    from logentic.settings import load_settings
    from logentic.state import State

    settings = load_settings()
    db = state_file(db, settings)
    state = State(db.absolute())
    work = destination_class(settings).working_database(state)
    if settings.keep_personal_data:
        raise UsageError("keep_personal_data is set", "Personal data are kept by choice: unset it first.")
    destination = destination_of(settings, state)
    destination.require_loaded()
    state.prepare()
    with state.locked():
        if state.has_packages():
            raise StateError(f"{db}: the last run was interrupted", "Run first, so that its rows are loaded.")
        used = load_pseudonymizer(settings, state.folder)
        destination.open(used.key, accept_new_key=False)
        if not rewrite:
            raw = destination.raw()
            columns = rules.clear_columns(raw, used)
            raw.close()
            print("\n".join(map(str, columns)) or "no clear values")
            return
        changed = rules.rewrite(work, used, settings.duckdb_storage_version)
        raw = destination.raw()
        loads = Stored(raw).loads()
        rules.write_clear_columns(state, raw, used)
        raw.close()
        for column, values in changed.items():
            print(f"{column}: {count(values, 'value')} pseudonymized")
        if not changed:
            print("no clear values")
        elif loads and read_built(state).get("load") == loads[-1]:
            destination.publish()
            print(f"published {db}")
        else:
            state.forget_note("built")
            print(f"{db} still holds them: logentic run --db {db} builds and publishes it")
