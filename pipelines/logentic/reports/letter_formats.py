"""Render a letter as plain text, Markdown, HTML, or a Word document."""

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from html import escape
from types import MappingProxyType

from logentic.sanitizer import one_line

RULE = "_" * 32


@dataclass(frozen=True)
class SummaryTable:
    """A row for each charge; the last two columns are amounts. `totals` are labels with amounts."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    totals: list[tuple[str, str]]
    caption: str

    @property
    def all_rows(self) -> list[tuple[str, ...]]:
        """Return the rows, and the totals as rows: the label before the two columns of amounts."""
        empty = ("",) * (len(self.columns) - 3)
        return [*self.rows, *((*empty, label, "", amount) for label, amount in self.totals)]

    def is_amount(self, column: int) -> bool:
        return column >= len(self.columns) - 2


@dataclass(frozen=True)
class Evidence:
    """The facts about one charge: labels with texts."""

    title: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Letter:
    """The parts of a letter, in the order in which they are written. All texts are printable, each on one line."""

    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    date: str
    subject: str
    salutation: str
    opening: tuple[str, ...]
    summary: SummaryTable
    request: tuple[str, ...]
    evidence: list[Evidence]
    remarks: tuple[str, ...]
    closing: str
    signature: tuple[str, ...]

    @property
    def words(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the paragraphs before and after the table, which a person may edit."""
        return (self.salutation, *self.opening), self.request

    def reword(self, subject: str, before: str, after: str) -> "Letter":
        """Return the letter with other words around the same table and evidence; each line is a paragraph."""
        salutation, *opening = _paragraphs(before) or [""]
        return replace(
            self,
            subject=one_line(subject).strip(),
            salutation=salutation,
            opening=tuple(opening),
            request=tuple(_paragraphs(after)),
        )


def _paragraphs(words: str) -> list[str]:
    return [line for line in (one_line(line).strip() for line in words.splitlines()) if line]


def render_text(letter: Letter) -> bytes:
    blocks = [
        "\n".join(letter.sender),
        "\n".join(letter.recipient),
        letter.date,
        f"Subject: {letter.subject}",
        letter.salutation,
        *letter.opening,
        "\n".join(_text_table(letter.summary)),
        *letter.request,
    ]
    for each in letter.evidence:
        blocks += [each.title, "\n".join(f"   {label}: {words}" for label, words in each.facts)]
    blocks += [*letter.remarks, letter.closing, "\n".join(("", "", RULE, *letter.signature))]
    return _encoded("\n\n".join(block for block in blocks if block) + "\n")


def _text_table(table: SummaryTable) -> Iterator[str]:
    rows = [table.columns, *table.all_rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.columns))]
    for number, row in enumerate(rows):
        if number in (1, 1 + len(table.rows)):
            yield "-" * (sum(widths) + 2 * len(widths) - 2)
        cells = (
            cell.rjust(width) if table.is_amount(column) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
    yield table.caption


def render_markdown(letter: Letter) -> bytes:
    table = letter.summary
    rules = ["---:" if table.is_amount(column) else "---" for column in range(len(table.columns))]
    rows = [table.columns, rules, *(map(_markdown, row) for row in table.all_rows)]
    blocks = [
        "\\\n".join(map(_markdown, letter.sender)),
        "\\\n".join(map(_markdown, letter.recipient)),
        letter.date,
        f"# {_markdown(letter.subject)}",
        letter.salutation,
        *map(_markdown, letter.opening),
        "\n".join(f"| {' | '.join(row)} |" for row in rows),
        table.caption,
        *map(_markdown, letter.request),
    ]
    for each in letter.evidence:
        blocks += [f"## {each.title}", "\n".join(f"- {label}: {_markdown(words)}" for label, words in each.facts)]
    signature = "\\\n".join(map(_markdown, letter.signature))
    blocks += [*map(_markdown, letter.remarks), letter.closing, RULE.replace("_", "\\_"), signature]
    return _encoded("\n\n".join(block for block in blocks if block) + "\n")


def _markdown(words: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|~&])", r"\\\1", words)


HTML_STYLE = """
@page { margin: 22mm; }
body { font: 11pt/1.45 "Liberation Sans", Arial, sans-serif; color: #1a1a1a; background: #fff; max-width: 44em;
  margin: 2em auto; padding: 0 1em; overflow-wrap: break-word; }
address { font-style: normal; margin-bottom: 1.6em; }
h1 { font-size: 13pt; margin: 1.6em 0 1em; }
h2 { font-size: 11pt; margin: 1.4em 0 .3em; break-after: avoid; }
table { border-collapse: collapse; width: 100%; margin: 1em 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25em .6em .25em 0; border-bottom: 1px solid #bbb; vertical-align: top; }
th { border-bottom-color: #1a1a1a; }
.amount { text-align: right; white-space: nowrap; padding-right: 0; padding-left: .6em; }
caption { caption-side: bottom; text-align: left; font-size: 9pt; padding-top: .4em; }
tr, section { break-inside: avoid; }
tfoot tr:last-child td { font-weight: bold; border-bottom: 0; }
dl { margin: 0; display: grid; grid-template-columns: 8em 1fr; gap: .15em .8em; }
dt { font-weight: bold; }
dd { margin: 0; min-width: 0; }
.signature { margin-top: 4em; border-top: 1px solid #1a1a1a; padding-top: .3em; width: 18em; }
@media (max-width: 30em) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4em; } }
"""


def render_html(letter: Letter) -> bytes:
    """Return a self-contained page, to be read, printed or pasted into a mail."""
    table = letter.summary
    body = [
        *(_html_lines("address", lines) for lines in (letter.sender, letter.recipient) if lines),
        f"<p>{escape(letter.date)}</p>",
        f"<h1>{escape(letter.subject)}</h1>",
        *map(_html_paragraph, (letter.salutation, *letter.opening)),
        "<table>",
        f"<caption>{escape(table.caption)}</caption>",
        f"<thead>{_html_row(table, table.columns, 'th')}</thead>",
        f"<tbody>{''.join(_html_row(table, row) for row in table.rows)}</tbody>",
        f"<tfoot>{''.join(_html_row(table, row) for row in table.all_rows[len(table.rows) :])}</tfoot>",
        "</table>",
        *map(_html_paragraph, letter.request),
    ]
    for each in letter.evidence:
        facts = "".join(f"<dt>{escape(label)}</dt><dd>{escape(words)}</dd>" for label, words in each.facts)
        body.append(f"<section><h2>{escape(each.title)}</h2><dl>{facts}</dl></section>")
    body += [*map(_html_paragraph, (*letter.remarks, letter.closing)), _html_lines("p", letter.signature, "signature")]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(letter.subject)}'
    page = f'<!doctype html>\n<html lang="en"><head>{head}</title><style>{HTML_STYLE}</style></head>\n<body>\n'
    return _encoded(page + "\n".join(body) + "\n</body></html>\n")


def _html_paragraph(words: str) -> str:
    return f"<p>{escape(words)}</p>"


def _html_lines(tag: str, lines: Iterable[str], style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return f"<{tag}{named}>{'<br>'.join(map(escape, lines))}</{tag}>"


def _html_row(table: SummaryTable, row: tuple[str, ...], tag: str = "td") -> str:
    scope = ' scope="col"' if tag == "th" else ""
    cells = (
        f"<{tag}{scope}{' class=amount' if table.is_amount(column) else ''}>{escape(cell)}</{tag}>"
        for column, cell in enumerate(row)
    )
    return f"<tr>{''.join(cells)}</tr>"


WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"
CONTENT_TYPES = f"""{XML}<Types xmlns="{PACKAGE}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/word/document.xml" ContentType="{WORD_TYPE}.document.main+xml"/>
<Override PartName="/word/styles.xml" ContentType="{WORD_TYPE}.styles+xml"/>
<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>
</Types>"""
RELATIONSHIPS = f"""{XML}<Relationships xmlns="{PACKAGE}/relationships">
<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="word/document.xml"/>
<Relationship Id="rId2" Type="{PACKAGE}/relationships/metadata/core-properties" Target="docProps/core.xml"/>
</Relationships>"""
DOCUMENT_RELATIONSHIPS = f"""{XML}<Relationships xmlns="{PACKAGE}/relationships">
<Relationship Id="rId1" Type="{OFFICE}/styles" Target="styles.xml"/>
</Relationships>"""
STYLES = f"""{XML}<w:styles xmlns:w="{WORD}"><w:docDefaults><w:rPrDefault><w:rPr>
<w:rFonts w:ascii="Arial" w:hAnsi="Arial" w:cs="Arial"/><w:sz w:val="21"/><w:lang w:val="en-CA"/>
</w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after="140" w:line="264" w:lineRule="auto"/></w:pPr>
</w:pPrDefault></w:docDefaults>
<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>
<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:basedOn w:val="Normal"/>
<w:pPr><w:keepNext/><w:spacing w:before="280" w:after="200"/><w:outlineLvl w:val="0"/></w:pPr>
<w:rPr><w:b/><w:sz w:val="25"/></w:rPr></w:style>
<w:style w:type="paragraph" w:styleId="Heading2"><w:name w:val="heading 2"/><w:basedOn w:val="Normal"/>
<w:pPr><w:keepNext/><w:spacing w:before="240" w:after="60"/><w:outlineLvl w:val="1"/></w:pPr>
<w:rPr><w:b/></w:rPr></w:style>
<w:style w:type="paragraph" w:styleId="Line"><w:name w:val="Line"/><w:basedOn w:val="Normal"/>
<w:pPr><w:spacing w:after="0"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Caption"><w:name w:val="caption"/><w:basedOn w:val="Normal"/>
<w:pPr><w:spacing w:before="80" w:after="200"/></w:pPr><w:rPr><w:sz w:val="18"/></w:rPr></w:style>
<w:style w:type="paragraph" w:styleId="Fact"><w:name w:val="Fact"/><w:basedOn w:val="Normal"/>
<w:pPr><w:keepLines/><w:spacing w:after="40"/><w:ind w:left="1900" w:hanging="1900"/></w:pPr></w:style>
</w:styles>"""
SECTION = (
    '<w:sectPr><w:pgSz w:w="12240" w:h="15840"/><w:pgMar w:top="1300" w:right="1300" w:bottom="1300" w:left="1300"'
    ' w:header="700" w:footer="700" w:gutter="0"/></w:sectPr>'
)
BORDERS = "".join(f'<w:{side} w:val="single" w:sz="4" w:color="999999"/>' for side in ("top", "bottom", "insideH"))
TABLE_TWIPS = 9640  # the width between the margins


def render_docx(letter: Letter) -> bytes:
    """Return a Word document, with the few parts that Word, Google Docs and LibreOffice need."""
    body = [
        *_word_lines(letter.sender),
        *_word_lines(letter.recipient),
        _word_paragraph(letter.date),
        _word_paragraph(letter.subject, "Heading1"),
        *map(_word_paragraph, (letter.salutation, *letter.opening)),
        _word_table(letter.summary),
        _word_paragraph(letter.summary.caption, "Caption"),
        *map(_word_paragraph, letter.request),
    ]
    for each in letter.evidence:
        body.append(_word_paragraph(each.title, "Heading2"))
        body += [_word_fact(*fact, is_last=fact == each.facts[-1]) for fact in each.facts]
    body += [_word_paragraph("", "Line"), *map(_word_paragraph, (*letter.remarks, letter.closing)), _word_paragraph("")]
    body += [_word_paragraph(line, "Line") for line in (RULE, *letter.signature)]
    document = f'{XML}<w:document xmlns:w="{WORD}"><w:body>{"".join(body)}{SECTION}</w:body></w:document>'
    core = (
        f'{XML}<cp:coreProperties xmlns:cp="{PACKAGE}/metadata/core-properties"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{escape(letter.subject)}</dc:title></cp:coreProperties>'
    )
    parts = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": RELATIONSHIPS,
        "docProps/core.xml": core,
        "word/_rels/document.xml.rels": DOCUMENT_RELATIONSHIPS,
        "word/styles.xml": STYLES,
        "word/document.xml": document,
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in parts.items():
            package.writestr(zipfile.ZipInfo(name), _encoded(part), zipfile.ZIP_DEFLATED)
    return written.getvalue()


def _word_run(words: str, *, is_bold: bool = False) -> str:
    bold = "<w:rPr><w:b/></w:rPr>" if is_bold else ""
    return f'<w:r>{bold}<w:t xml:space="preserve">{escape(words, quote=False)}</w:t></w:r>'


def _word_paragraph(words: str, style: str = "Normal", *, is_bold: bool = False, is_right: bool = False) -> str:
    right = '<w:jc w:val="right"/>' if is_right else ""
    properties = f'<w:pPr><w:pStyle w:val="{style}"/>{right}</w:pPr>'
    return f"<w:p>{properties}{_word_run(words, is_bold=is_bold) if words else ''}</w:p>"


def _word_lines(lines: tuple[str, ...]) -> list[str]:
    return [_word_paragraph(line, "Line") for line in (*lines, "")] if lines else []


def _word_fact(label: str, words: str, *, is_last: bool) -> str:
    """Return a paragraph that stays on the page of the next fact."""
    text = f"{_word_run(label, is_bold=True)}<w:r><w:tab/></w:r>{_word_run(words)}"
    keep = "" if is_last else "<w:keepNext/>"
    return f'<w:p><w:pPr><w:pStyle w:val="Fact"/>{keep}</w:pPr>{text}</w:p>'


def _word_table(table: SummaryTable) -> str:
    rows = [table.columns, *table.all_rows]
    # Widths in proportion to the longest text of each column; the charge's description gets the rest.
    longest = [max(len(row[column]) for row in rows) + 2 for column in range(len(table.columns))]
    widths = [150 * letters for letters in longest]
    widths[-3] = max(TABLE_TWIPS - sum(widths) + widths[-3], 1500)
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    properties = (
        f'<w:tblPr><w:tblW w:w="{sum(widths)}" w:type="dxa"/><w:tblBorders>{BORDERS}</w:tblBorders>'
        '<w:tblLayout w:type="fixed"/></w:tblPr>'
    )
    lines = "".join(
        _word_row(table, row, widths, is_head=number == 0, is_total=number == len(rows) - 1)
        for number, row in enumerate(rows)
    )
    return f"<w:tbl>{properties}<w:tblGrid>{grid}</w:tblGrid>{lines}</w:tbl>"


def _word_row(table: SummaryTable, row: tuple[str, ...], widths: list[int], *, is_head: bool, is_total: bool) -> str:
    cells = "".join(
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>'
        + _word_paragraph(cell, "Line", is_bold=is_head or is_total, is_right=table.is_amount(column))
        + "</w:tc>"
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    head = "<w:tblHeader/>" if is_head else ""
    return f"<w:tr><w:trPr><w:cantSplit/>{head}</w:trPr>{cells}</w:tr>"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


RENDERERS: MappingProxyType[str, Callable[[Letter], bytes]] = MappingProxyType(
    {".docx": render_docx, ".html": render_html, ".txt": render_text, ".md": render_markdown}
)
