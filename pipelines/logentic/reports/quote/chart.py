"""Draw the cost of each contract by volume, by mix and by storage, as one SVG."""

from decimal import Decimal
from html import escape
from math import ceil, floor
from pathlib import Path

from logentic.reports.output_files import output_file
from logentic.reports.quote.comparison import AXES, STEPS, Quote
from logentic.reports.quote.screen import AXIS_TITLES
from logentic.sanitizer import one_line

WIDTH, HEIGHT, LEFT, TOP, GAP = 340, 230, 70, 56, 96
COLOURS = ("#222222", "#888888", "#0b6fb8", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#0f766e")
DASHES = ("", "5 4")  # of what was billed and what is learned; cards have whole lines
GRID = 4


def draw_chart(found: Quote) -> str:
    """Return the SVG: a panel for each axis, a line for each contract."""
    totals = [total for one in found.contracts for axis in AXES for total in one.sensitivity[axis]]
    low, high = min(totals), max(totals)
    step = _step((high - low) / GRID or Decimal(1))
    low, high = floor(low / step) * step, ceil(high / step) * step
    height = TOP + HEIGHT + 60 + 20 * len(found.contracts)
    width = LEFT + len(AXES) * (WIDTH + GAP) - GAP + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="sans-serif" font-size="12" role="img">',
        f"<title>Cost of {found.months[0]:%Y-%m} to {found.months[-1]:%Y-%m} by volume, mix and storage</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, axis in enumerate(AXES):
        parts += _panel(found, axis, LEFT + number * (WIDTH + GAP), low, high, step)
    for number, one in enumerate(found.contracts):
        y = TOP + HEIGHT + 56 + 20 * number
        parts.append(f'<path d="M{LEFT} {y - 4}h28" {_stroke(number)}/>')
        parts.append(f'<text x="{LEFT + 36}" y="{y}">{escape(one_line(one.name))}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(found: Quote, axis: str, left: int, low: Decimal, high: Decimal, step: Decimal) -> list[str]:
    def y_of(total: Decimal) -> float:
        return round(float(TOP + HEIGHT - HEIGHT * (total - low) / ((high - low) or 1)), 1)

    def x_of(change: int) -> float:
        return round(left + WIDTH * (change - STEPS[0]) / (STEPS[-1] - STEPS[0]), 1)

    title, _, note = AXIS_TITLES[axis].partition(" (")
    parts = [f'<text x="{left}" y="{TOP - 30}" font-weight="bold">Cost by {escape(title)} ({found.currency})</text>']
    parts += [f'<text x="{left}" y="{TOP - 14}" fill="#555">{escape(note.removesuffix(")"))}</text>'] if note else []
    line = low
    while line <= high:
        y = y_of(line)
        parts.append(f'<path d="M{left} {y}h{WIDTH}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{line:,.0f}</text>')
        line += step
    for change in STEPS[::2] if STEPS[0] % 20 == 0 else STEPS[1::2]:
        label = f"{change:+} %" if change else "as it was"
        parts.append(f'<text x="{x_of(change)}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{label}</text>')
    for number, one in enumerate(found.contracts):
        points = " ".join(f"{x_of(at)},{y_of(total)}" for at, total in zip(STEPS, one.sensitivity[axis], strict=True))
        parts.append(f'<polyline points="{points}" {_stroke(number)}/>')
    return parts


def _stroke(number: int) -> str:
    dash = f' stroke-dasharray="{DASHES[number]}"' if number < len(DASHES) and DASHES[number] else ""
    return f'fill="none" stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="2"{dash}'


def _step(rough: Decimal) -> Decimal:
    """Return the round number at or above a step: 1, 2 or 5 times a power of ten."""
    power = Decimal(10) ** rough.adjusted()
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def write_chart(found: Quote, path: Path) -> None:
    with output_file("--chart", path, ".svg") as partial:
        partial.write_text(draw_chart(found), "utf-8")
