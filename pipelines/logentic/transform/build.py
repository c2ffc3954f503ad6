"""The models: dbt, in this process, imported only here."""

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logentic import project_folder
from logentic.currencies import minor_digits
from logentic.destinations.base import Destination, destination_of
from logentic.errors import BuildError, first_line, is_out_of_memory
from logentic.settings import Settings
from logentic.state import State

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


@dataclass(frozen=True)
class Built:
    models: int
    tests: int
    warnings: tuple[str, ...]


def model_settings(settings: Settings) -> dict[str, Any]:
    """What the models need to know of the settings, as dbt vars."""
    return {
        "models_version": models_version(),
        "timezone": settings.timezone,
        "earliest_date": str(settings.earliest_date),
        "storage_basis": settings.storage_basis,
        "minor_digits": minor_digits(settings.currency),
        "dispute_days": settings.dispute_days,
        "promised_hours": settings.promised_hours,
        "stuck_hours": settings.stuck_hours,
        "payment_item_aliases": settings.payment_item_aliases,
        "storage_rates": [
            {"rate": str(r.rate), "valid_from": str(r.valid_from), "valid_to": str(r.valid_to)}
            for r in settings.storage_rates
        ],
        "charge_rates": [
            {"driver": r.per} | {name: str(value) for name, value in r if name != "per" and value is not None}
            for r in settings.charge_rates
        ],
    }


def models_version() -> str:
    """Which models these are, in a few letters: tables that others made are not added to."""
    folder, digest = project_folder(), sha256()
    for path in sorted([folder / "dbt_project.yml", *folder.glob("macros/*.sql"), *folder.glob("models/*/*.sql")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def build(settings: Settings, state: State, *, only_checks: bool = False, anew: bool = False) -> Built:
    """Build all models and run all data tests, or the tests alone. A failure is a `BuildError` that names it.

    Built are the days that anything new bears upon; `anew`, or with other models or settings than last time, all days.
    """
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    from dbt.cli.main import dbtRunner

    step = ["test", "--select", "test_type:data"] if only_checks else ["build", "--exclude-resource-type", "unit_test"]
    destination = destination_of(settings, state)
    manifest = _parsed(destination, state)
    arguments = [*_arguments(destination, state.dbt), "--vars", json.dumps(model_settings(settings))]
    with destination.dbt():
        outcome = dbtRunner(manifest).invoke(
            [*step, *(["--full-refresh"] if anew else []), *destination.dbt_options, *arguments]
        )
    if outcome.exception is not None:
        raise _failed(outcome.exception)
    results = list(getattr(outcome.result, "results", []))
    failed = [result for result in results if str(result.status) in ("error", "fail", "runtime error")]
    # Where a step between models does not compile, dbt skips what reads it and says of nothing that it failed.
    failed = failed or [result for result in results if str(result.status) == "skipped" and result.message]
    if failed:
        worst = failed[0]
        advice = f"Nothing was published; the rows it found are shown by the SQL in {state.folder / 'dbt'}/compiled."
        if is_out_of_memory(worst.message):
            advice = f"Nothing was published; set LOGENTIC_DUCKDB_MEMORY to more than {settings.duckdb_memory}."
        raise BuildError(
            f"{len(failed)} of {len(results)} models and checks failed: {worst.node.name}: {_reason(worst.message)}",
            advice,
        )
    return Built(
        models=sum(result.node.resource_type == "model" for result in results),
        tests=sum(result.node.resource_type == "test" for result in results),
        warnings=tuple(f"{r.node.name}: {first_line(r.message)}" for r in results if str(r.status) == "warn"),
    )


def _parsed(destination: Destination, state: State) -> "Manifest":
    """The models as dbt understands them, whatever the settings: nothing that is parsed depends on one.

    A third of a small build, so done once for all processes, by dbt's own means.
    """
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    with destination.dbt(only_parse=True):
        outcome = dbtRunner().invoke(["parse", *_arguments(destination, _folder_of_parse(destination, state))])
    if not isinstance(outcome.result, Manifest):
        raise _failed(outcome.exception)
    return outcome.result


def _folder_of_parse(destination: Destination, state: State) -> Path:
    """Beside the models, as Python keeps what it compiles; in the state folder where that cannot be written, or where
    other databases cannot share it.
    """
    if not destination.is_parse_shared:
        return state.dbt
    folder = project_folder() / "target" / destination.dbt_target
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder if os.access(folder, os.W_OK) else state.dbt


def _arguments(destination: Destination, target: Path) -> list[str]:
    project = str(project_folder())
    told = ["--log-level", "none", "--log-level-file", "none", "--no-use-colors", "--no-write-json"]
    folders = ["--log-path", str(target), "--target-path", str(target), "--project-dir", project]
    return [*told, *folders, "--profiles-dir", project, "--target", destination.dbt_target]


def _failed(exception: BaseException | None) -> BuildError:
    return BuildError(f"the models could not be built: {_reason(exception)}", "Nothing was published.")


def _reason(message: object) -> str:
    """dbt says what kind of error it is, once or twice, and in which model; then what happened."""
    said = [line for line in str(message).splitlines() if not re.fullmatch(r"\s*\w+ Error( in .*)?", line)]
    return first_line("\n".join(said) or message)
