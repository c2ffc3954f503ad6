"""Read the stored results: medians, minima and maxima, by contender and size."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

Runs = list[dict[str, Any]]


@dataclass(frozen=True)
class Spread:
    """Of one figure in all runs."""

    middle: float
    least: float
    most: float
    runs: int

    def show(self, unit: str = "") -> str:
        text = _round(self.middle)
        if self.runs > 1:
            text += f" ({_round(self.least)}–{_round(self.most)})"
        return text + unit


@dataclass(frozen=True)
class Figures:
    folder: Path

    @cached_property
    def sections(self) -> dict[str, dict[str, Any]]:
        found = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(self.folder.glob("*.json"))}
        return {name: section for name, section in found.items() if "section" in section}  # webhooks has its own page

    def runs(self, section: str, where: Callable[[dict[str, Any]], bool] = lambda run: True) -> Runs:
        return [run for run in self.sections.get(section, {}).get("runs", []) if "error" not in run and where(run)]

    def errors(self, section: str) -> list[str]:
        return [run["error"] for run in self.sections.get(section, {}).get("runs", []) if "error" in run]

    def of(self, section: str, contender: str, figure: str) -> Spread | None:
        """One figure of a contender in a section."""
        return spread(self.runs(section, lambda run: run.get("contender") == contender), figure)

    def about(self, section: str, what: str, figure: str, size: str | None = None) -> Spread | None:
        """One figure of what else a section measures."""
        return spread(
            self.runs(section, lambda run: run.get("what") == what and size in {None, run.get("size")}), figure
        )

    def ratio(
        self, section: str, one: str, other: str, figure: str = "cpu", elsewhere: str | None = None
    ) -> float | None:
        a, b = self.of(section, one, figure), self.of(elsewhere or section, other, figure)
        return a.middle / b.middle if a and b and b.middle else None


def spread(runs: Runs, figure: str) -> Spread | None:
    values = [float(run[figure]) for run in runs if figure in run]
    return Spread(median(values), min(values), max(values), len(values)) if values else None


def _round(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
