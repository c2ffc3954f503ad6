"""The models: dbt, in this process, imported only here.

In: a place with its raw tables. Out: staging views and marts, built and checked by the data tests.
Next: publish.py.
"""

import json
import os
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from logentic import project_folder
from logentic.errors import BuildError
from logentic.place import Place
from logentic.places import place_of
from logentic.settings import Settings
from logentic.state import State

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_PARSED: dict[str, "Manifest"] = {}  # by target, database and --vars


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
        "storage_basis": settings.storage_basis,
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
    place = place_of(settings, state)
    if place.target == "spark":  # where the engine has gone, each model would wait for it anew
        step.append("--fail-fast")
    arguments = _arguments(settings, state, place)
    with place.dbt():
        manifest = _parsed(place, arguments).deepcopy()  # type: ignore[no-untyped-call]
        outcome = dbtRunner(manifest).invoke([*step, *(["--full-refresh"] if anew else []), *arguments])
    if outcome.exception is not None:
        raise _failed(outcome.exception)
    results = list(getattr(outcome.result, "results", []))
    failed = [result for result in results if str(result.status) in ("error", "fail", "runtime error")]
    if failed:
        worst = failed[0]
        raise BuildError(
            f"{len(failed)} of {len(results)} models and checks failed: {worst.node.name}:"
            f" {_first_line(worst.message)}",
            f"Nothing was published; the rows it found are shown by the SQL in {state.dbt}/compiled.",
        )
    return Built(
        models=sum(result.node.resource_type == "model" for result in results),
        tests=sum(result.node.resource_type == "test" for result in results),
        warnings=tuple(f"{r.node.name}: {_first_line(r.message)}" for r in results if str(r.status) == "warn"),
    )


def _arguments(settings: Settings, state: State, place: Place) -> list[str]:
    project, work = str(project_folder()), str(state.dbt)
    told = ["--quiet", "--no-use-colors", "--no-write-json", "--log-level-file", "none"]
    folders = ["--log-path", work, "--target-path", work, "--project-dir", project, "--profiles-dir", project]
    folders += ["--target", place.target]
    variables = json.dumps(model_settings(settings))
    return [*told, *folders, "--vars", variables]


def _parsed(place: Place, arguments: list[str]) -> "Manifest":
    """The models as dbt understands them: two thirds of a small build, so done once in a process for equal settings."""
    known_by = f"{place.target} {place.database} {arguments[-1]}"
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    if known_by not in _PARSED:
        outcome = dbtRunner().invoke(["parse", *arguments])
        if not isinstance(outcome.result, Manifest):
            raise _failed(outcome.exception)
        _PARSED[known_by] = outcome.result
    return _PARSED[known_by]


def _failed(exception: BaseException | None) -> BuildError:
    return BuildError(f"the models could not be built: {_first_line(exception)}", "Nothing was published.")


def _first_line(message: object) -> str:
    return next((line.strip() for line in str(message).splitlines() if line.strip()), "no message")
