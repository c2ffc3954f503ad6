"""What a run that was killed left behind is finished, or taken back."""

import shutil
from pathlib import Path

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from logentic.resources import RAW_KEYS
from logentic.state import State

ADDRESSES = {"postgres": "ctid"}


def recover(pipeline: dlt.Pipeline) -> bool:
    """Finish pending packages; say whether there were any.

    A kill between the commit of a file's rows and dlt's note of it brings the file again: its doubles are removed.
    Rows of a load that can no longer be completed (its package is lost) are removed too: no receipt counts them.
    """
    kind = pipeline.destination.destination_type.rpartition(".")[2]
    pending = [*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()]
    if pending:
        pipeline.run()
    if kind != "filesystem":  # there a file that comes again takes its own place, and folder_place.py removes orphans
        _remove_doubles_and_orphans(pipeline, pending, ADDRESSES.get(kind, "rowid"))
    _sweep(Path(pipeline.working_dir) / "normalize")
    return bool(pending)


def set_packages_aside(state: State, keep: int = 3) -> list[Path]:
    """Move packages that are not loaded out of dlt's folder, and forget what dlt remembers: it asks the destination."""
    moved = set()
    for room in ("normalize/extracted", "load/new", "load/normalized"):
        for package in sorted((state.dlt / "logentic" / room).glob("*")):
            place = state.set_aside / package.name / room.replace("/", "_")
            shutil.rmtree(place, ignore_errors=True)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            package.replace(place)
            moved.add(place.parent)
    for old in sorted(state.set_aside.glob("*"))[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(state.dlt / "logentic", ignore_errors=True)
    return sorted(moved)


def forget_old_packages(pipeline: dlt.Pipeline, keep: int = 20) -> None:
    """dlt keeps a folder for each package that it loaded; the newest are enough for `dlt pipeline … info`."""
    loaded = Path(pipeline.working_dir) / "load" / "loaded"
    if not loaded.is_dir():
        return
    for package in sorted(loaded.iterdir(), key=lambda folder: float(folder.name))[:-keep]:
        shutil.rmtree(package, ignore_errors=True)


def _remove_doubles_and_orphans(pipeline: dlt.Pipeline, pending: list[str], address: str) -> None:
    for table, key in RAW_KEYS.items():
        if pending:
            _execute(pipeline, _doubles(key, pending, address), table)
        _execute(
            pipeline,
            "delete from {table} where _dlt_load_id not in (select load_id from {loads} where status = 0)",
            table,
        )


def _doubles(key: tuple[str, ...], load_ids: list[str], address: str) -> str:
    """Rows that stand there twice, but for one of them; `address` is what the database calls the place of a row."""
    loads = ", ".join(f"'{load_id}'" for load_id in load_ids)
    columns = ", ".join(f'"{name}"' for name in ("_dlt_load_id", *key))
    return (
        f"delete from {{table}} where {address} in (select {address} from (select {address}, row_number() over ("
        f"partition by {columns} order by {address}) as copy from {{table}} where _dlt_load_id in ({loads})) as copies"
        " where copy > 1)"
    )


def _execute(pipeline: dlt.Pipeline, sql: str, table: str) -> None:
    with pipeline.sql_client() as client:
        names = {name: client.make_qualified_table_name(name) for name in (table, "_dlt_loads")}
        try:
            client.execute_sql(sql.format(table=names[table], loads=names["_dlt_loads"]))
        except DatabaseUndefinedRelation:
            return


def _sweep(folder: Path) -> None:
    """Extractions that were killed half way leave their files; no package of dlt's will ever take them up."""
    for package in folder.glob("extracted_new/*"):
        shutil.rmtree(package, ignore_errors=True)
