"""Read the cells of a workbook from the file itself, not by a lenient library: value, formula, whether it is text."""

import os
import re
import shutil
import subprocess
import zipfile
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

SPREADSHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Cell:
    def __init__(self, element: ElementTree.Element, strings: list[str]) -> None:
        value = element.find(f"{SPREADSHEET}v")
        formula = element.find(f"{SPREADSHEET}f")
        self.formula = None if formula is None else formula.text
        self.is_text = element.get("t") in ("s", "str", "inlineStr")
        shown = "" if value is None or value.text is None else value.text
        self.value = strings[int(shown)] if element.get("t") == "s" else shown


def cells_of(path: Path) -> dict[str, dict[str, Cell]]:
    """Every cell of every sheet, from the file itself."""
    with zipfile.ZipFile(path) as parts:
        strings = [
            "".join(text.text or "" for text in item.iter(f"{SPREADSHEET}t"))
            for item in ElementTree.fromstring(parts.read("xl/sharedStrings.xml"))
        ]
        names = [
            s.get("name") for s in ElementTree.fromstring(parts.read("xl/workbook.xml")).iter(f"{SPREADSHEET}sheet")
        ]
        return {
            str(name): {
                str(cell.get("r")): Cell(cell, strings)
                for cell in ElementTree.fromstring(parts.read(f"xl/worksheets/sheet{number}.xml")).iter(
                    f"{SPREADSHEET}c"
                )
            }
            for number, name in enumerate(names, start=1)
        }


def links_of(path: Path) -> dict[str, dict[str, tuple[str, str]]]:
    """Of each sheet the cells with a link, and the sheet and cell that it leads to."""
    links = {}
    with zipfile.ZipFile(path) as parts:
        for number, name in enumerate(cells_of(path), start=1):
            sheet = ElementTree.fromstring(parts.read(f"xl/worksheets/sheet{number}.xml"))
            found = {link.get("ref"): link.get("location") for link in sheet.iter(f"{SPREADSHEET}hyperlink")}
            links[name] = {str(ref): (to.split("!")[0].strip("'"), to.split("!")[1]) for ref, to in found.items() if to}
    return links


def recomputed(workbook: Path, folder: Path) -> Path:
    """The workbook as LibreOffice computes it: what is stored is forgotten first, so that nothing else is read."""
    office = shutil.which("soffice")
    if not office and "CI" not in os.environ:
        pytest.skip("LibreOffice is not installed")
    assert office, "LibreOffice is missing: .ci/run installs it"
    forgotten = folder / "forgotten.xlsx"
    with zipfile.ZipFile(workbook) as stored, zipfile.ZipFile(forgotten, "w") as written:
        for name in stored.namelist():
            text = stored.read(name)
            if "worksheets/sheet" in name:
                text = re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", text)
            written.writestr(name, text)
    assert not any(cell.formula and cell.value for cells in cells_of(forgotten).values() for cell in cells.values())
    profile = f"-env:UserInstallation=file://{folder}/profile"
    convert = [office, profile, "--headless", "--convert-to", "xlsx", "--outdir", str(folder / "again"), str(forgotten)]
    subprocess.run(convert, check=True, capture_output=True, timeout=240)
    return folder / "again" / "forgotten.xlsx"


def cents(value: str) -> Decimal:
    return Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP)


def total_of(cells: dict[str, Cell], heading: str) -> Decimal:
    """The total in the second row, over the column of this heading."""
    place = next(name for name, cell in cells.items() if re.fullmatch(r"[A-Z]+3", name) and cell.value == heading)
    return cents(cells[place.replace("3", "2")].value)
