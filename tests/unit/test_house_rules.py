"""The house rule that can be counted, by the numbers that docs/architecture.md gives."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULE = r"A module of more than (?P<module>\d+) lines, or a model of more than (?P<model>\d+), is two things"
PLACES = {
    "module": ("pipelines/logentic/**/*.py", "benchmarks/*.py", "docs/*.py", "notebooks/*.py", "deploy/*/*.py"),
    "model": ("models/**/*.sql",),
}


@pytest.mark.parametrize("kind", PLACES)
def test_what_is_longer_than_the_house_rule_says_is_two_things(kind: str) -> None:
    rule = re.search(RULE, (ROOT / "docs" / "architecture.md").read_text("utf-8"))
    assert rule
    lines = {
        str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines())
        for place in PLACES[kind]
        for file in ROOT.glob(place)
    }
    assert len(lines) > 20
    assert {name: count for name, count in lines.items() if count > int(rule[kind])} == {}
