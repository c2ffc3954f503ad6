"""Names that a reader meets in more than one module mean one thing."""

import ast
from collections import defaultdict
from pathlib import Path

import logentic


def test_a_class_name_is_unique_in_the_package() -> None:
    package = Path(logentic.__file__).parent
    modules = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                modules[node.name].append(f"{path.relative_to(package)}:{node.lineno}")
    assert len(modules) > 100
    assert {name: places for name, places in modules.items() if len(places) > 1} == {}
