"""Bars of two figures, contender by contender, as an SVG that any browser shows.

In: rows of (title, CPU seconds, megabytes, is it ours). Out: the SVG's text. Next: page.py.
"""

from html import escape

Row = tuple[str, float, float, bool]
LABELS, BARS, GAP, BAR, PITCH, TOP = 250, 290, 70, 16, 26, 58
OURS, OTHERS, TEXT, MUTED = "#0b7a5e", "#b4bcc8", "#1f2933", "#616e7c"


def bars(title: str, rows: list[Row]) -> str:
    """Two panels that share their rows; least CPU on top."""
    rows = sorted(rows, key=lambda row: row[1])
    width, height = LABELS + 2 * BARS + GAP + 80, TOP + PITCH * len(rows) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' font-family="Helvetica, Arial, sans-serif" font-size="12" role="img" aria-label="{escape(title)}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(12, 22, title, TEXT, "bold"),
    ]
    for panel, (name, unit) in enumerate((("CPU seconds", "s"), ("peak memory", "MB"))):
        left = LABELS + panel * (BARS + GAP)
        most = max(row[1 + panel] for row in rows)
        parts.append(_text(left, 46, name, MUTED))
        for place, row in enumerate(rows):
            value, top = row[1 + panel], TOP + place * PITCH
            length = max(1.0, BARS * value / most)
            colour = OURS if row[3] else OTHERS
            shown = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
            parts.append(f'<rect x="{left}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>')
            parts.append(_text(left + length + 6, top + 12, f"{shown} {unit}", TEXT))
    for place, row in enumerate(rows):
        label = _text(LABELS - 10, TOP + place * PITCH + 12, row[0], TEXT, "bold" if row[3] else "normal", "end")
        parts.append(label)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, colour: str, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" fill="{colour}" font-weight="{weight}" text-anchor="{anchor}">{escape(text)}</text>'
    )
