"""Write the workbook: a cover, a summary, and the tables behind them, ready to print."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from logentic.currencies import minor_digits, minor_unit
from logentic.errors import UsageError
from logentic.reports.cover import Cover, build_cover
from logentic.reports.output_files import output_file
from logentic.reports.reconciliation import Reconciliation
from logentic.reports.sheets import Sheet, SheetColumn
from logentic.reports.tie_out import cents
from logentic.sanitizer import printable

MOST_ROWS = 1_048_000
TITLE, TOTAL, HEADER, FIRST = 0, 1, 2, 3  # the rows of a sheet
HEIGHT = 13.5
COVER_TEXT = 62
WIDTHS = {
    "money": 11,
    "amount": 11,
    "number": 11,
    "share": 9,
    "count": 8,
    "id": 9,
    "date": 11,
    "month": 9,
    "time": 16,
    "text": 12,
}
WIDE = {"evidence": 48, "reason": 60, "what_was_said": 34, "name": 30, "description": 24, "exception_id": 28}
WIDE |= {"basis": 40, "finding": 60, "note": 40, "kind": 22, "what": 20}
NUMERIC = ("money", "amount", "number", "share", "count")
FILTER = 3  # characters that the arrow of a filter takes of a heading
FORMATS: dict[str, dict[str, Any]] = {
    "money": {"num_format": "#,##0.00;[Red]-#,##0.00"},
    "number": {"num_format": "#,##0.00##;[Red]-#,##0.00##"},
    "share": {"num_format": "0.0 %"},
    "count": {"num_format": "#,##0;[Red]-#,##0"},
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
    "faint": {"align": "left", "font_color": "#595959", "italic": True, "indent": 1},
    "wrong": {"bg_color": "#FCE4E4"},
    "header": {
        "align": "left",
        "bold": True,
        "font_color": "#FFFFFF",
        "bg_color": "#1F3864",
        "text_wrap": True,
        "valign": "vcenter",
        "indent": 1,
    },
    "header_right": {"align": "right", "indent": 0},
    "total": {"bold": True, "num_format": "#,##0.00;[Red]-#,##0.00", "bg_color": "#E7ECF5"},
    "total_count": {"bold": True, "num_format": "#,##0", "bg_color": "#E7ECF5"},
    "total_text": {"align": "left", "bold": True, "bg_color": "#E7ECF5", "indent": 1},
}
STATUSES = ("matched", "exception", "settled", "not_checked")


class Workbook:
    """The workbook of one reconciliation."""

    def __init__(self, path: Path, found: Reconciliation) -> None:
        self.found = found
        options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self.book = xlsxwriter.Workbook(str(path), {**options, "default_date_format": "yyyy-mm-dd"})
        base = {"font_name": "Calibri", "font_size": 10, "valign": "top"}
        looks = {**FORMATS, "header_right": FORMATS["header"] | FORMATS["header_right"]}
        looks["amount"] = looks["money"]
        self.digits, self.unit = minor_digits(found.currency), minor_unit(found.currency)
        for name in ("money", "amount", "total"):
            whole = looks[name]["num_format"].replace("0.00", f"{Decimal(0):.{self.digits}f}")
            looks[name] = looks[name] | {"num_format": whole}
        self.formats: dict[str, Format] = {name: self.book.add_format(base | look) for name, look in looks.items()}
        self.book.set_properties({"title": found.title, "subject": "Reconciliation of the warehouse's charges"})
        # Without it, the time of writing would make two files of the same numbers differ.
        self.book.set_properties({"title": found.title, "created": found.known_at.replace(tzinfo=None)})

    def write(self, cover: Cover) -> None:
        self.cover(cover)
        self.summary()
        for sheet in cover.sheets:
            self.sheet(sheet.without_empty_columns())
        self.book.close()

    def page(self, name: str, *, repeat: bool = True, landscape: bool = True) -> Worksheet:
        """Add a worksheet that prints one page wide, numbered, with its header on each page."""
        page = self.book.add_worksheet(name)
        page.set_paper(1)
        page.set_landscape() if landscape else page.set_portrait()
        page.set_margins(0.5, 0.5, 0.6, 0.6)
        page.fit_to_pages(1, 0)
        page.hide_gridlines(2)
        page.set_footer(f"&L&8{self.found.title.replace('&', '&&')}&C&8&A&R&8&P / &N")
        page.set_row(TITLE, 26)
        if repeat:
            page.repeat_rows(HEADER)
            page.freeze_panes(FIRST, 0)
            page.set_row(TOTAL, 16)
            page.set_row(HEADER, 30)
        return page

    def cover(self, cover: Cover) -> None:
        page = self.page("Cover", repeat=False, landscape=False)
        page.set_column(0, 0, 26)
        page.set_column(1, 1, 14)
        page.set_column(2, 2, COVER_TEXT)
        page.write_string(0, 0, cover.title, self.formats["title"])
        page.write_string(1, 0, cover.subtitle, self.formats["faint"])
        row = 3
        for part in cover.parts:
            for column in range(3):
                page.write_blank(row, column, None, self.formats["part"])
            page.write_string(row, 0, part.heading, self.formats["part"])
            for label, amount, words in part.lines:
                row += 1
                page.write_string(row, 0, printable(label), self.formats["wrapped"])
                if isinstance(amount, Decimal):
                    page.write_number(row, 1, float(amount), self.formats["money"])
                elif amount is not None:
                    page.write_number(row, 1, amount, self.formats["count"])
                page.write_string(row, 2, printable(words), self.formats["wrapped"])
                page.set_row(row, HEIGHT * _lines(words, COVER_TEXT))
            row += 2

    def summary(self) -> None:
        """Write the sums by charge type, each a formula on the sheet of charges. The four statuses add up to the billed
        sum.
        """
        charges = self.found.charges.without_empty_columns()
        page = self.page("Summary")
        names = [column.name for column in charges.columns]
        last = FIRST + len(charges.rows)

        def cells(name: str) -> str:
            letter = xl_col_to_name(names.index(name))
            return f"Charges!${letter}${FIRST + 1}:${letter}${last}"

        page.write_string(TITLE, 0, f"{self.found.title}: summary, {self.found.currency}", self.formats["title"])
        heads = ("Charge type", "Charges", "Billed", "Matched", "Exceptions", "Settled", "Not checked")
        for index, head in enumerate(heads):
            page.write_string(HEADER, index, head, self.formats["header_right" if index else "header"])
        page.set_column(0, 0, 28)
        page.set_column(1, 6, 14)
        for offset, kind in enumerate(self.found.types):
            row, is_it = FIRST + offset, f"EXACT({cells('charge_type')},$A{FIRST + offset + 1})"
            page.write_string(row, 0, kind, self.formats["text"])
            count, billed = self.found.amount_of(None, kind)
            page.write_formula(row, 1, f"=SUMPRODUCT(--{is_it})", self.formats["count"], count)
            self._formula(page, row, 2, f"SUMPRODUCT({is_it}*{cells('billed')})", billed)
            for index, status in enumerate(STATUSES):
                amounts = f'SUMPRODUCT({is_it}*({cells("status")}="{status}")*{cells("billed")})'
                self._formula(page, row, 3 + index, amounts, self.found.amount_of(status, kind)[1])
        end = FIRST + len(self.found.types)
        page.write_string(TOTAL, 0, "Total", self.formats["total_text"])
        page.write_formula(TOTAL, 1, f"=SUM(B{FIRST + 1}:B{end})", self.formats["total_count"], len(charges.rows))
        # Of the charges and not of the rows below, which are rounded: a charge may hold parts of cents.
        self._formula(page, TOTAL, 2, f"SUM({cells('billed')})", self.found.amount_of()[1], "total")
        for index, status in enumerate(STATUSES):
            amounts = f'SUMPRODUCT(({cells("status")}="{status}")*{cells("billed")})'
            self._formula(page, TOTAL, 3 + index, amounts, self.found.amount_of(status)[1], "total")

    def sheet(self, sheet: Sheet) -> None:
        """Write title, total, header and rows. The total is of the rows that a filter leaves."""
        if len(sheet.rows) > MOST_ROWS:
            raise UsageError(
                f"{sheet.name} has {len(sheet.rows):,} rows, more than a worksheet holds",
                "Use --csv DIR, or one invoice at a time.",
            )
        page = self.page(sheet.name)
        page.write_string(TITLE, 0, f"{self.found.title}: {sheet.name.lower()}", self.formats["title"])
        last = FIRST + len(sheet.rows)
        adds_up = bool(sheet.rows) and any(column.kind == "money" for column in sheet.columns)
        for index, column in enumerate(sheet.columns):
            page.set_column(index, index, _width(column))
            is_right = column.kind in NUMERIC
            page.write_string(HEADER, index, column.heading, self.formats["header_right" if is_right else "header"])
            if column.kind == "money" and sheet.rows:
                letter = xl_col_to_name(index)
                self._formula(
                    page, TOTAL, index, f"SUBTOTAL(9,{letter}{FIRST + 1}:{letter}{last})", sheet.total(index), "total"
                )
            else:
                label = "" if index else "Total of the rows shown" if adds_up else sheet.about
                page.write_string(TOTAL, index, label, self.formats["total_text"])
            for row, values in enumerate(sheet.rows, start=FIRST):
                self._cell(page, row, index, column, values[index])
        wide = [(index, WIDE[column.name]) for index, column in enumerate(sheet.columns) if column.name in WIDE]
        for row, values in enumerate(sheet.rows, start=FIRST):
            # Not every program fits the height of a row to its text when it opens a file.
            if (lines := max((_lines(values[index], width) for index, width in wide), default=1)) > 1:
                page.set_row(row, HEIGHT * lines)
        if "status" in (names := [column.name for column in sheet.columns]) and sheet.rows:
            status = f'${xl_col_to_name(names.index("status"))}{FIRST + 1}="exception"'
            rule = {"type": "formula", "criteria": f"={status}", "format": self.formats["wrong"]}
            page.conditional_format(FIRST, 0, last - 1, len(names) - 1, rule)
        page.autofilter(HEADER, 0, max(last - 1, HEADER), len(sheet.columns) - 1)
        if not sheet.rows:
            page.write_string(FIRST, 0, "None.", self.formats["faint"])

    def _cell(self, page: Worksheet, row: int, index: int, column: SheetColumn, value: Any) -> None:
        look = self.formats["wrapped" if column.name in WIDE else column.kind]
        if value is None:
            page.write_blank(row, index, None, look)
        elif column.kind in (*NUMERIC, "id"):
            page.write_number(row, index, float(value) if isinstance(value, Decimal) else value, look)
        elif column.kind in ("date", "month", "time"):
            moment = value.replace(tzinfo=None) if isinstance(value, datetime) else value
            page.write_datetime(row, index, moment, look)
        else:
            page.write_string(row, index, printable(value), look)

    def _formula(
        self, page: Worksheet, row: int, index: int, formula: str, value: Decimal, look: str = "money"
    ) -> None:
        page.write_formula(
            row, index, f"=ROUND({formula},{self.digits})", self.formats[look], float(cents(value, self.unit))
        )


def _width(column: SheetColumn) -> int:
    """Return a width that fits the values and the longest word of the heading."""
    longest = max(map(len, column.heading.split()))
    return WIDE.get(column.name, max(WIDTHS[column.kind], longest + FILTER))


def _lines(words: Any, width: int) -> int:
    """Return how many lines a text takes in a column of `width` characters."""
    return sum(max(1, -(-len(line) // int(width * 1.25))) for line in str(words or "").split("\n"))


def write_workbook(found: Reconciliation, path: Path) -> None:
    """Write the workbook completely, or not at all."""
    with output_file("--xlsx", path, ".xlsx") as partial:
        try:
            Workbook(partial, found).write(build_cover(found))
        except xlsxwriter.exceptions.FileCreateError as error:
            raise OSError(*error.args[0].args) from None
