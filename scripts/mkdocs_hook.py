"""Add the pages at the root, and linked files, to the site of docs/ (a hook of mkdocs, see mkdocs.yml).

A link to a file that does not exist stays as it is, and `mkdocs build --strict` fails on it.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
AT_ROOT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "DECISIONS.md": "decisions.md",
    "CHANGELOG.md": "changelog.md",
}
DBT = ROOT / "build" / "dbt" / "static_index.html"
LINK = re.compile(r"(?<=\]\()(?!https?://|#)([^)#\s]+)(?=[)#])")


def on_files(files: Files, config: Any) -> Files:
    for source, page in AT_ROOT.items():
        files.append(File.generated(config, page, content=_rewritten((ROOT / source).read_text("utf-8"), ROOT)))
    for path in _pointed_to():
        files.append(File.generated(config, f"source/{path}", abs_src_path=str(ROOT / path)))
    if DBT.exists():
        files.append(File.generated(config, "dbt/index.html", abs_src_path=str(DBT)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    return markdown if page.file.src_uri in AT_ROOT.values() else _rewritten(markdown, ROOT / "docs")


def _rewritten(markdown: str, folder: Path) -> str:
    return LINK.sub(lambda found: _in_site(found[1], folder), markdown)


def _in_site(target: str, folder: Path) -> str:
    path = (folder / target).resolve()
    if not path.is_relative_to(ROOT):
        return target
    inside = path.relative_to(ROOT).as_posix()
    if inside in AT_ROOT:
        return AT_ROOT[inside]
    if inside.startswith("docs/"):
        return inside.removeprefix("docs/")
    file = _file(path)
    return f"source/{file.relative_to(ROOT).as_posix()}" if file else target


def _file(path: Path) -> Path | None:
    """Return the file; for a folder its first file."""
    if path.is_dir():
        return next((file for file in sorted(path.iterdir()) if file.is_file() and file.name != "secrets.toml"), None)
    return path if path.is_file() else None


def _pointed_to() -> set[str]:
    """Return the files outside docs/ to which some page links."""
    found = set()
    for page in [*(ROOT / name for name in AT_ROOT), *(ROOT / "docs").glob("*.md")]:
        for target in LINK.findall(page.read_text("utf-8")):
            name = _in_site(target, page.parent)
            if name.startswith("source/"):
                found.add(name.removeprefix("source/"))
    return found
