"""Draw every chart in one style: colours for colour-blind readers, for light and dark."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import altair as alt
import pyarrow as pa

from logentic.dashboard.panels import CODES, Link
from logentic.dashboard.snapshot import QueryResult
from logentic.reports.humanize import label

# Colours of Okabe and Ito that are visible on white and on black.
BLUE, ORANGE, GREEN, RED, PINK, SKY, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#868686"
PALETTE = [BLUE, ORANGE, GREEN, PINK, SKY, RED, GREY]
FONT = "PT Sans, sans-serif"  # marimo's font, as in the text around the charts
HEIGHT = 260
LINK = alt.Href("link:N")
TIMES = ("date", "week", "first", "last")
FITTED = alt.AutoSizeParams(type="fit-x", contains="padding")
EMBED = {"embedOptions": {"actions": False, "renderer": "svg"}}


def result_data(result: QueryResult, *columns: str, link: Link | None = None) -> alt.Data:
    """Return the columns to draw; by default all. They are sent as CSV, because Altair checks values in any other form.

    With `link`, a mark links to the address of its row, if it is encoded by `LINK`.
    """
    table = result.table
    for place, name in enumerate(table.column_names):
        if name in CODES:
            texts = [None if text is None else label(text) for text in table.column(place).to_pylist()]
            table = table.set_column(place, name, pa.array(texts, pa.string()))
    table = table.select(columns) if columns else table
    if link:
        table = table.append_column("link", pa.array([link(row) for row in result.rows], pa.string()))
    shown = QueryResult(table)
    form = alt.CsvDataFormat(type="csv", parse={field.name: _kind(field.type) for field in shown.table.schema})
    return alt.Data(values=shown.csv().decode(), format=form)  # type: ignore[no-untyped-call]


def rows_data(rows: list[dict[str, Any]]) -> alt.Data:
    values = [
        {name: label(value) if name in CODES and value else _plain(value) for name, value in row.items()}
        for row in rows
    ]
    return alt.Data(values=values)  # type: ignore[no-untyped-call]


def unfold(
    result: QueryResult, columns: Mapping[str, str], key: str, kind: str, value: str, *, null_is_zero: bool = False
) -> list[dict[str, Any]]:
    """Return a row for each number in the columns: `key`, the column's title as `kind`, the number as `value`."""
    return [
        {key: row[key], kind: title, value: float(row[name] or 0)}
        for row in result.rows
        for name, title in columns.items()
        if null_is_zero or row[name] is not None
    ]


def finish(chart: Any, description: str, height: int | alt.Step = HEIGHT) -> Any:
    """Size the chart to its column, describe it for screen readers, and leave the background transparent."""
    sized = chart.properties(
        width="container",
        height=height,
        description=description,
        background="transparent",
        usermeta=EMBED,
        autosize=FITTED,
    )
    return (
        sized.configure(font=FONT)
        .configure_view(strokeWidth=0)
        .configure_axis(grid=True, gridOpacity=0.25, domainOpacity=0.4, labelFontSize=12, titleFontSize=12)
        .configure_legend(orient="bottom", title=None, labelFontSize=12, columns=2, symbolLimit=20)
    )


def number(field: str, title: str, form: str = ",.0f", **more: Any) -> alt.Y:
    return alt.Y(f"{field}:Q", title=title, axis=alt.Axis(format=form, tickCount=5), **more)


def day(field: str, title: str = "Day (UTC)", **more: Any) -> alt.X:
    return alt.X(
        f"{field}:T",
        title=title,
        axis=alt.Axis(labelOverlap="greedy", labelSeparation=12, format="%d %b %y", tickCount=6),
        **more,
    )


def horizontal(field: str, title: str, form: str = ",.0f") -> alt.X:
    return alt.X(
        f"{field}:Q", title=title, axis=alt.Axis(format=form, tickCount=5, labelOverlap="greedy", labelSeparation=8)
    )


def week(field: str) -> alt.X:
    return alt.X(
        f"yearmonthdate({field}):O",
        title="Week of",
        axis=alt.Axis(format="%d %b", labelAngle=0, labelOverlap="greedy", labelSeparation=8),
    )


def month(field: str) -> alt.X:
    return alt.X(f"{field}:O", title="Month", axis=alt.Axis(labelAngle=0, labelOverlap=True))


def colour(field: str, values: list[str], colours: list[str] | None = None) -> alt.Color:
    """Return the colour encoding; the same list of values gets the same colours in every chart."""
    chosen, values = (colours or PALETTE)[: len(values)], _labels(field, values)
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=values, range=chosen), sort=values)


def dash(field: str, values: list[str]) -> alt.StrokeDash:
    """Return a dash encoding, which distinguishes lines without colour."""
    values = _labels(field, values)
    return alt.StrokeDash(f"{field}:N", scale=alt.Scale(domain=values), sort=values)


def tooltips(**fields: str | tuple[str, str]) -> list[alt.Tooltip]:
    """Return the tooltip: for each field its title, or its title and the format of the number."""
    return [
        alt.Tooltip(f"{name}:Q", title=title[0], format=title[1])
        if isinstance(title, tuple)
        else alt.Tooltip(f"{name}:{'T' if name in TIMES else 'N'}", title=title)
        for name, title in fields.items()
    ]


def _labels(field: str, values: list[str]) -> list[str]:
    return [label(value) for value in values] if field in CODES else values


def _kind(of: pa.DataType) -> str:
    if pa.types.is_temporal(of):
        return "date"
    if pa.types.is_boolean(of):
        return "boolean"
    is_number = pa.types.is_integer(of) or pa.types.is_floating(of) or pa.types.is_decimal(of)
    return "number" if is_number else "string"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date | datetime) else value
