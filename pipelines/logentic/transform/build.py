"""Build the models: run their compiled plan on the destination's engine."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from logentic.currencies import minor_digits
from logentic.destinations.base import destination_of
from logentic.settings import Settings
from logentic.state import State
from logentic.transform.artifacts import write_artifacts
from logentic.transform.plan import load_plan, models_version
from logentic.transform.runner import Result, Runner

NOTED_SECONDS = 0.1  # a faster model is left out of the run's record


@dataclass(frozen=True)
class Built:
    """`models`, `tests`: of the plan; `unchanged`: models that were not run, because nothing that they read changed.
    `slowest`: {model or check: [seconds, rows]} of those that took the longest.
    """

    models: int
    tests: int
    unchanged: int
    warnings: tuple[str, ...]
    slowest: dict[str, list[float | int | None]] = field(default_factory=dict)


def model_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that the models read, by their names in the plan and in dbt's vars."""
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
        "charge_rates": [rate.model_dump(mode="json", exclude_defaults=True) for rate in settings.charge_rates],
    }


def build(
    settings: Settings,
    state: State,
    *,
    only_checks: bool = False,
    full_refresh: bool = False,
    keep_steps: bool = False,
    progress: Callable[[str, int, int], None] = lambda name, number, count: None,
) -> Built:
    """Build all models and run all checks, or the checks alone. The first failure is a `BuildError` that names it.

    A build makes the tables whose inputs changed; for tables by day, only the days that new data affects. After
    `full_refresh` or a change of models or settings it makes all days. `progress` takes the name of each model, its
    number and their number.
    """
    destination = destination_of(settings, state)
    plan = load_plan(destination.dbt_target)
    with destination.models(keep_steps=keep_steps) as engine:
        runner = Runner(plan, engine, model_settings(settings), progress)
        try:
            runner.check() if only_checks else runner.build(full_refresh=full_refresh)
        finally:
            with suppress(OSError):
                write_artifacts(runner, state.dbt)
    return _built(runner.results)


def _built(results: list[Result]) -> Built:
    checks = [result for result in results if result.node.kind == "check"]
    slow = [result for result in results if result.seconds >= NOTED_SECONDS]
    return Built(
        models=len(results) - len(checks),
        tests=len(checks),
        unchanged=sum(result.status == "skipped" and result.node.kind != "check" for result in results),
        warnings=tuple(result.message for result in checks if result.status == "warn"),
        slowest={each.node.name: [each.seconds, each.rows] for each in sorted(slow, key=lambda each: -each.seconds)},
    )
