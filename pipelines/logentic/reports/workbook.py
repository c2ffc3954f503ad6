"""Write the workbook: a page to sign, a summary, and the tables behind them, ready to print."""

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from logentic.currencies import minor_digits, minor_unit
from logentic.errors import UsageError
from logentic.reports.cover import Cover, CoverPart, build_cover
from logentic.reports.exceptions import OPEN_STATUSES
from logentic.reports.output_files import output_file
from logentic.reports.reconciliation import Reconciliation
from logentic.reports.sheets import Sheet, SheetColumn
from logentic.reports.tie_out import cents
from logentic.sanitizer import printable

MOST_ROWS = 1_048_000
MOST_LINKS = 65_000  # a worksheet allows 65,530
TITLE, TOTAL, HEADER, FIRST = 0, 1, 2, 3  # the rows of a sheet
HEIGHT = 13.5
NUMERIC = ("money", "amount", "number", "share", "count")
DATED = {"date": 10, "month": 7, "time": 16}  # characters
PADDING = 2  # characters; an indent takes one
ARROW = 11  # points, for the filter arrow below a heading
WIDEST = 24  # characters of a text column; longer text wraps
WIDTHS = {"evidence": 34, "reason": 44, "what_was_said": 20, "basis": 40, "finding": 64, "note": 44, "formula": 34}
# Print the columns before the first of these: more do not fit on a page at a readable size.
NOT_PRINTED = {
    "Exceptions": ("days_left", "amount_at_stake"),
    "Charges": ("rule",),
    "Rate card": ("tier", "driver"),
}
# Redundant, because the item has its SKU.
OMITTED = ("item_id",)
PRINTED_STATUSES = ("exception", "not_checked")
COVER_WIDTHS = (26, 13, 13, 9, 14, 10, 10, 10)
TOP_HEADINGS = ("Exception", "Recoverable", "In your favour", "Order", "Item", "Billed", "Expected", "Deadline")
TOP = {"rule": "text", "recoverable": "amount", "in_your_favour": "amount", "order_id": "id", "sku": "text"}
TOP |= {"billed": "amount", "expected": "amount", "dispute_until": "date"}
MOST_TOP = 8
SUMMARY_WIDTHS = (34, 10, 13, 13, 13, 13, 13, 13, 13)
SIGNATURES = ("Prepared by", "Approved by")
FORMATS: dict[str, dict[str, Any]] = {
    "money": {"align": "right", "num_format": "#,##0.00;[Red]-#,##0.00"},
    "number": {"align": "right", "num_format": "#,##0.00??;[Red]-#,##0.00??"},
    "share": {"align": "right", "num_format": "0.0 %"},
    "count": {"align": "right", "num_format": "#,##0;[Red]-#,##0"},
    "id": {"num_format": "0", "align": "left", "indent": 1},
    "date": {"num_format": "yyyy-mm-dd", "align": "left", "indent": 1},
    "month": {"num_format": "yyyy-mm", "align": "left", "indent": 1},
    "time": {"num_format": "yyyy-mm-dd hh:mm", "align": "left", "indent": 1},
    "text": {"align": "left", "num_format": "@", "indent": 1},
    "wrapped": {"align": "left", "num_format": "@", "indent": 1, "text_wrap": True},
    "title": {"align": "left", "bold": True, "font_size": 16, "font_color": "#1F3864", "indent": 1},
    "part": {
        "align": "left",
        "bold": True,
        "font_size": 12,
        "font_color": "#1F3864",
        "bottom": 1,
        "bottom_color": "#1F3864",
        "indent": 1,
    },
    "link": {"font_color": "#0B4F9E", "underline": 1},
    "fill_in": {"bottom": 1},
    "sum": {"align": "right", "bold": True, "num_format": "#,##0.00;[Red]-#,##0.00", "top": 1},
    "sum_text": {"align": "left", "bold": True, "indent": 1},
    "part_right": {"align": "right", "font_color": "#595959", "bottom": 1, "bottom_color": "#1F3864"},
    "faint": {"align": "left", "font_color": "#595959", "italic": True, "indent": 1},
    "wrong": {"bg_color": "#FCE4E4"},
    "header": {
        "align": "left",
        "bold": True,
        "font_color": "#FFFFFF",
        "bg_color": "#1F3864",
        "text_wrap": True,
        "indent": 1,
    },
    "header_right": {"align": "right", "indent": 0},
    "total": {
        "align": "right",
        "indent": 1,
        "bold": True,
        "num_format": "#,##0.00;[Red]-#,##0.00",
        "bg_color": "#E7ECF5",
    },
    "total_count": {"align": "right", "bold": True, "num_format": "#,##0", "bg_color": "#E7ECF5"},
    "total_text": {"align": "left", "bold": True, "bg_color": "#E7ECF5", "indent": 1},
}
# The columns of the summary after type and count: heading, status, and the column of charges that it sums.
SUMMED: tuple[tuple[str, str | None, str], ...] = (
    ("Billed", None, "billed"),
    ("Matched", "matched", "billed"),
    ("Exceptions", "exception", "billed"),
    ("Settled", "settled", "billed"),
    ("Not checked", "not_checked", "billed"),
    ("Expected", None, "expected"),
    ("Difference", None, "difference"),
)


class Described(Protocol):
    """What a workbook says of its content on each page."""

    @property
    def title(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def known_at(self) -> datetime: ...


class Workbook:
    """The workbook of one reconciliation, or of other tables."""

    found: Reconciliation

    def __init__(self, path: Path, described: Described, subject: str) -> None:
        self.title = described.title
        options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self.book = xlsxwriter.Workbook(str(path), {**options, "default_date_format": "yyyy-mm-dd"})
        base = {"font_name": "Calibri", "font_size": 10, "valign": "top"}
        looks = {**FORMATS, "header_right": FORMATS["header"] | FORMATS["header_right"]}
        looks["amount"] = looks["money"]
        self.digits, self.unit = minor_digits(described.currency), minor_unit(described.currency)
        for name in ("money", "amount", "total", "sum"):
            whole = looks[name]["num_format"].replace("0.00", f"{Decimal(0):.{self.digits}f}")
            looks[name] = looks[name] | {"num_format": whole}
        looks |= {f"link_{kind}": looks[kind] | FORMATS["link"] for kind in ("id", "text")}
        self.formats: dict[str, Format] = {name: self.book.add_format(base | look) for name, look in looks.items()}
        self.book.set_properties({"title": self.title, "subject": subject})
        # Without it, the time of writing would make two files of the same numbers differ.
        self.book.set_properties({"title": self.title, "created": described.known_at.replace(tzinfo=None)})
        self.sheets: dict[str, Sheet] = {}
        self.rows: dict[str, dict[int, int]] = {}
        self.amounts: dict[str, dict[str, str]] = {}  # by page: the cell of the last amount with this label

    def write(self, found: Reconciliation, cover: Cover) -> None:
        self.found = found
        for sheet in cover.sheets:
            is_said = self.found.invoice is not None and sheet.name in ("Charges", "Exceptions")
            omitted = (*OMITTED, "payment_id") if is_said else OMITTED
            self.sheets[sheet.name] = sheet.without(*omitted).without_empty_columns("charge_type")
        self.rows = {name: self._row_of_charges(sheet) for name, sheet in self.sheets.items()}
        self.cover(cover)
        self.summary(cover)
        for sheet in self.sheets.values():
            self.sheet(sheet)
        self.book.close()

    def page(self, name: str, *, repeat: bool = True, landscape: bool = True) -> Worksheet:
        """Add a worksheet that prints one page wide, numbered, with its header on each page."""
        page = self.book.add_worksheet(name)
        page.set_paper(1)
        page.set_landscape() if landscape else page.set_portrait()
        page.set_margins(0.4, 0.4, 0.6, 0.6)
        page.fit_to_pages(1, 0)
        page.hide_gridlines(2)
        page.set_footer(f"&L&8{self.title.replace('&', '&&')}&C&8&A&R&8&P / &N")
        page.set_row(TITLE, 26)
        if repeat:
            page.repeat_rows(HEADER)
            page.freeze_panes(FIRST, 0)
            page.set_row(TOTAL, 16)
        return page

    def cover(self, cover: Cover) -> None:
        """Write the page to sign."""
        page = self.page("Cover", repeat=False, landscape=False)
        page.fit_to_pages(1, 1)
        page.center_horizontally()
        for index, width in enumerate(COVER_WIDTHS):
            page.set_column(index, index, width)
        page.write_string(0, 0, cover.title, self.formats["title"])
        page.write_string(1, 0, cover.subtitle, self.formats["faint"])
        row = 3
        last = len(COVER_WIDTHS) - 1
        for label, value in cover.facts:
            page.write_string(row, 0, label, self.formats["text"])
            page.merge_range(row, 1, row, 4, printable(value), self.formats["text" if value else "fill_in"])
            row += 1
        row += 1
        for part in cover.parts:
            if part.is_for_signing:
                row = self._part(page, row, part, COVER_WIDTHS, amount=1, number=2)
        row = self._top_exceptions(page, row)
        for label in SIGNATURES:
            page.set_row(row, 26)
            page.write_string(row, 0, label, self.formats["text"])
            for columns in ((1, 4), (6, last)):
                page.merge_range(row, columns[0], row, columns[1], "", self.formats["fill_in"])
            page.write_string(row, 5, "Date", self.formats["text"])
            row += 1
        page.print_area(0, 0, row, last)

    def _part(
        self, page: Worksheet, row: int, part: CoverPart, widths: tuple[int, ...], *, amount: int, number: int
    ) -> int:
        """Write a heading and lines with money and numbers in columns of their own; return the row after them."""
        last, words_at = len(widths) - 1, max(amount, number) + 1
        for column in range(last + 1):
            page.write_blank(row, column, None, self.formats["part"])
        page.write_string(row, 0, part.heading, self.formats["part"])
        if any(line.amount is not None or line.is_to_fill_in for line in part.lines):
            page.write_string(row, amount, self.found.currency, self.formats["part_right"])
        if any(line.number is not None for line in part.lines):
            page.write_string(row, number, "Number", self.formats["part_right"])
        amounts: dict[str, str] = self.amounts.setdefault(page.name, {})
        for line in part.lines:
            row += 1
            page.write_string(row, 0, printable(line.label), self.formats["sum_text" if line.is_sum else "wrapped"])
            here = f"$A${row + 1}"
            if line.amount is not None:
                formula = self._with_cells(line.formula, {**amounts, "here": here})
                self._amount(page, row, amount, formula, line.amount, "sum" if line.is_sum else "money")
                amounts[line.label] = xl_rowcol_to_cell(row, amount)
            elif line.is_to_fill_in:
                page.write_blank(row, amount, None, self.formats["fill_in"])
            if line.number is not None:
                formula = self._with_cells(line.number_formula, {**amounts, "here": here})
                if formula:
                    page.write_formula(row, number, f"={formula}", self.formats["count"], line.number)
                else:
                    page.write_number(row, number, line.number, self.formats["count"])
            if line.words:
                page.merge_range(row, words_at, row, last, printable(line.words), self.formats["wrapped"])
            lines = _lines(line.words, sum(widths[words_at:]))
            page.set_row(row, HEIGHT * max(lines, _lines(line.label, widths[0])))
        return row + 2

    def _top_exceptions(self, page: Worksheet, row: int) -> int:
        """Write the exceptions with the largest open amounts, each with a link to its row; return the row after."""
        findings = self.sheets["Exceptions"]
        names = [column.name for column in findings.columns]
        chosen = [index for index, finding in enumerate(self.found.findings) if finding.status in OPEN_STATUSES]
        if not chosen:
            return row
        chosen.sort(key=lambda index: self.found.findings[index].is_underbilled)
        for column, heading in enumerate(TOP_HEADINGS):
            is_right = list(TOP.values())[column] in NUMERIC
            page.write_string(row, column, heading, self.formats["header_right" if is_right else "header"])
        for index in chosen[:MOST_TOP]:
            row += 1
            for column, (name, kind) in enumerate(TOP.items()):
                value = findings.rows[index][names.index(name)] if name in names else None
                link = f"internal:'Exceptions'!A{FIRST + index + 1}" if column == 0 else ""
                self._cell(page, row, column, SheetColumn(name, kind), value, link)
        if len(chosen) > MOST_TOP:
            row += 1
            page.write_string(row, 0, f"and {len(chosen) - MOST_TOP:,} more: see Exceptions", self.formats["faint"])
        return row + 2

    def summary(self, cover: Cover) -> None:
        """Write the sums by charge type, each a formula on the sheet of charges. The four statuses add up to the billed
        sum; so do expected, difference and not checked.
        """
        page = self.page("Summary")
        page.write_string(TITLE, 0, f"{self.title}: summary, {self.found.currency}", self.formats["title"])
        heads = ("Charge type", "Charges", *(heading for heading, _, _ in SUMMED))
        for index, (head, width) in enumerate(zip(heads, SUMMARY_WIDTHS, strict=True)):
            page.write_string(HEADER, index, head, self.formats["header_right" if index else "header"])
            page.set_column(index, index, width)
        for offset, kind in enumerate(self.found.types):
            row = FIRST + offset
            is_it = f"EXACT({{Charges.charge_type}},$A{row + 1})"
            page.write_string(row, 0, kind, self.formats["text"])
            count, _ = self.found.amount_of(None, kind)
            page.write_formula(row, 1, self._with_cells(f"=SUMPRODUCT(--{is_it})"), self.formats["count"], count)
            for index, (_, status, column) in enumerate(SUMMED, start=2):
                condition = f'*({{Charges.status}}="{status}")' if status else ""
                formula = self._with_cells(f"SUMPRODUCT({is_it}{condition}*{{Charges.{column}}})")
                self._amount(page, row, index, formula, self.found.amount_of(status, kind, column)[1])
        end = FIRST + len(self.found.types)
        page.write_string(TOTAL, 0, "Total", self.formats["total_text"])
        count, _ = self.found.amount_of()
        page.write_formula(TOTAL, 1, f"=SUM(B{FIRST + 1}:B{end})", self.formats["total_count"], count)
        # A sum of the charges, not of the rounded rows below: charges may have fractions of cents.
        for index, (_, status, column) in enumerate(SUMMED, start=2):
            condition = f'({{Charges.status}}="{status}")*' if status else ""
            formula = self._with_cells(f"SUMPRODUCT({condition}{{Charges.{column}}})")
            self._amount(page, TOTAL, index, formula, self.found.amount_of(status, None, column)[1], "total")
        row = end + 1
        for part in cover.parts:
            if not part.is_for_signing:
                row = self._part(page, row, part, SUMMARY_WIDTHS, amount=2, number=1)

    def sheet(self, sheet: Sheet) -> None:
        """Write title, total, header and rows. The total is of the rows that pass the filter."""
        if len(sheet.rows) > MOST_ROWS:
            raise UsageError(
                f"{sheet.name} has {len(sheet.rows):,} rows, more than a worksheet holds",
                "Use --csv DIR, or one invoice at a time.",
            )
        name = sheet.tab or sheet.name
        page = self.page(name)
        page.write_string(TITLE, 0, f"{self.title}: {name.lower()}", self.formats["title"])
        last = FIRST + len(sheet.rows)
        names = [column.name for column in sheet.columns]
        adds_up = bool(sheet.rows) and any(column.kind == "money" for column in sheet.columns)
        widths = [self._width(sheet, index) for index in range(len(names))]
        links = self._links(sheet)
        for index, column in enumerate(sheet.columns):
            page.set_column(index, index, widths[index])
            is_right = column.kind in NUMERIC
            page.write_string(HEADER, index, column.heading, self.formats["header_right" if is_right else "header"])
            if column.kind == "money" and sheet.rows:
                letter = xl_col_to_name(index)
                formula = f"SUBTOTAL(9,{letter}{FIRST + 1}:{letter}{last})"
                self._amount(page, TOTAL, index, formula, sheet.total(index), "total")
            else:
                label = "" if index else "Total of the rows shown" if adds_up else sheet.about
                page.write_string(TOTAL, index, label, self.formats["total_text"])
            for row, values in enumerate(sheet.rows, start=FIRST):
                self._cell(page, row, index, column, values[index], links.get((row, index), ""))
        heads = [_lines(column.heading, widths[index] - PADDING) for index, column in enumerate(sheet.columns)]
        page.set_row(HEADER, HEIGHT * max(heads) + ARROW)
        texts = [index for index, column in enumerate(sheet.columns) if column.kind == "text"]
        for row, values in enumerate(sheet.rows, start=FIRST):
            # Not every program adjusts the height of a row to its text when it opens a file.
            if (lines := max((_lines(values[index], widths[index]) for index in texts), default=1)) > 1:
                page.set_row(row, HEIGHT * lines)
        if sheet.name == "Charges" and sheet.rows:
            status = f'${xl_col_to_name(names.index("status"))}{FIRST + 1}="exception"'
            rule = {"type": "formula", "criteria": f"={status}", "format": self.formats["wrong"]}
            page.conditional_format(FIRST, 0, last - 1, len(names) - 1, rule)
        page.autofilter(HEADER, 0, max(last - 1, HEADER), len(sheet.columns) - 1)
        if not sheet.rows:
            page.write_string(FIRST, 0, "None.", self.formats["faint"])
        self._set_print_area(page, sheet, names)

    def _set_print_area(self, page: Worksheet, sheet: Sheet, names: list[str]) -> None:
        """Print the columns that fit and, on the sheet of charges, those that are wrong or not checked, which come
        first.
        """
        rows = len(sheet.rows)
        if sheet.name == "Charges":
            statuses = [values[names.index("status")] for values in sheet.rows]
            rows = sum(status in PRINTED_STATUSES for status in statuses)
            words = f"Totals are of all {len(statuses):,} charges. Printed: the {rows:,} wrong or not checked."
            page.set_header(f"&L&8{words}")
        columns = min(
            (names.index(name) for name in NOT_PRINTED.get(sheet.name, ()) if name in names), default=len(names)
        )
        page.print_area(0, 0, FIRST + max(rows, 1) - 1, columns - 1)

    def _row_of_charges(self, sheet: Sheet) -> dict[int, int]:
        """Return the row of each charge on a sheet that names charges."""
        names = [column.name for column in sheet.columns]
        if "charge_id" not in names:
            return {}
        index = names.index("charge_id")
        return {values[index]: row for row, values in enumerate(sheet.rows, start=FIRST) if values[index] is not None}

    def _links(self, sheet: Sheet) -> dict[tuple[int, int], str]:
        """Return the links of cells: from an exception to its charge, and back from its status."""
        names = [column.name for column in sheet.columns]
        other, column = {"Exceptions": ("Charges", "charge_id"), "Charges": ("Exceptions", "status")}.get(
            sheet.name, ("", "")
        )
        if column not in names:
            return {}
        both = [charge for charge in self.rows[sheet.name] if charge in self.rows[other]][:MOST_LINKS]
        return {
            (self.rows[sheet.name][charge], names.index(column)): f"internal:'{other}'!A{self.rows[other][charge] + 1}"
            for charge in both
        }

    def _with_cells(self, formula: str, amounts: dict[str, str] | None = None) -> str:
        """Return the formula with ranges for `{Sheet.column}` and cells for `{label}`."""

        def cells(found: re.Match[str]) -> str:
            name, _, column = found[1].partition(".")
            if found[1] in (amounts or {}):
                return (amounts or {})[found[1]]
            if found[1] == "digits":
                return str(self.digits)
            sheet = self.sheets[name]
            letter = xl_col_to_name([each.name for each in sheet.columns].index(column))
            return f"{name}!${letter}${FIRST + 1}:${letter}${FIRST + max(len(sheet.rows), 1)}"

        return re.sub(r"\{([^{}]+)\}", cells, formula)

    def _cell(self, page: Worksheet, row: int, index: int, column: SheetColumn, value: Any, link: str = "") -> None:
        look = self.formats["wrapped" if column.kind == "text" else column.kind]
        if link:
            look = self.formats[f"link_{column.kind}"]
            page.write_url(row, index, link, look)  # the value is displayed instead of its text
        if value is None:
            page.write_blank(row, index, None, look)
        elif column.kind in (*NUMERIC, "id"):
            page.write_number(row, index, float(value) if isinstance(value, Decimal) else value, look)
        elif column.kind in ("date", "month", "time"):
            moment = value.replace(tzinfo=None) if isinstance(value, datetime) else value
            page.write_datetime(row, index, moment, look)
        else:
            page.write_string(row, index, printable(value), look)

    def _amount(self, page: Worksheet, row: int, index: int, formula: str, value: Decimal, look: str = "money") -> None:
        """Write an amount: a rounded formula with its value, or the value where there is no formula."""
        amount = float(cents(value, self.unit))
        if formula:
            page.write_formula(row, index, f"=ROUND({formula},{self.digits})", self.formats[look], amount)
        else:
            page.write_number(row, index, amount, self.formats[look])

    def _width(self, sheet: Sheet, index: int) -> float:
        """Return a width that fits the values and the longest word of the heading."""
        column = sheet.columns[index]
        values = (values[index] for values in sheet.rows if values[index] is not None)
        if column.kind in DATED:
            widest = DATED[column.kind]
        elif column.kind in NUMERIC:
            numbers = [*values, sheet.total(index)] if column.kind == "money" else values
            widest = max((len(f"{value:,.4f}".rstrip("0")) for value in numbers), default=0)
        else:
            longest = max((len(line) for value in values for line in str(value).split("\n")), default=0)
            widest = min(longest, WIDTHS.get(column.name, WIDEST))
        return max(widest, *map(len, column.heading.split())) + PADDING


@lru_cache(maxsize=10_000)
def _lines(words: Any, width: float) -> int:
    """Return the number of lines of a text in a column of `width` digits; letters are narrower."""
    letters = int(width * 1.25)
    lines = str(words or "").split("\n")
    return sum(len(textwrap.wrap(line, letters)) if len(line) > letters else 1 for line in lines)


def write_workbook(found: Reconciliation, path: Path) -> None:
    """Write the workbook completely, or not at all."""
    with _workbook(path, found, "Reconciliation of the warehouse's charges") as book:
        book.write(found, build_cover(found))


def write_sheets(described: Described, sheets: list[Sheet], path: Path, subject: str) -> None:
    """Write a workbook of tables alone."""
    with _workbook(path, described, subject) as book:
        for sheet in sheets:
            book.sheet(sheet)
        book.book.close()


@contextmanager
def _workbook(path: Path, described: Described, subject: str) -> Iterator[Workbook]:
    with output_file("--xlsx", path, ".xlsx") as partial:
        try:
            yield Workbook(partial, described, subject)
        except xlsxwriter.exceptions.FileCreateError as error:
            raise OSError(*error.args[0].args) from None
