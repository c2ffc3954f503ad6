"""Write docs/performance.md and its plot from the stored results.

notes.toml has the reason for each goal that is not reached. The same results give the same files.
"""

import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path

from benchmarks.contenders import CONTENDERS, HERE
from benchmarks.figures import Figures, Spread
from benchmarks.goals import OURS, Goal, goals

DOCS = HERE.parent / "docs"
# Rows of the plot: title, CPU seconds, megabytes, whether it is ours.
Bar = tuple[str, float, float, bool]
LABELS, BARS, GAP, THICK, PITCH, TOP = 250, 290, 70, 16, 26, 58
OURS_COLOUR, OTHERS_COLOUR, TEXT_COLOUR, MUTED_COLOUR = "#0b7a5e", "#b4bcc8", "#1f2933", "#616e7c"
INTRODUCTION = """# Performance

What a run costs, and how it compares with others. `make bench` measures and writes this page; do not edit it.

An account is rendered beforehand and served over loopback by a process of its own, 50 rows a page. Size S is 20,000
orders with 40,000 lines, 2,000 items, 200,000 rows of inventory history, 20,000 stock records and 50,000 charges; M is
ten times that, 10 M a hundred times. CPU is that of all processes of a contender, the service's excluded; memory is the
most that they held together. Contenders run in turn, each into a new file; after each run its rows are counted and its
numbers added up against the account. Shown are medians, with minimum and maximum where there is more than one run.
"""


def write_page(results: Path, docs: Path = DOCS) -> None:
    figures = Figures(results)
    notes = tomllib.loads((HERE / "notes.toml").read_text("utf-8"))
    parts = [INTRODUCTION, *_goals(figures, notes), *_peers(figures), *_sizes(figures), *_profile(figures, notes)]
    parts += [*_details(figures), *_circumstances(figures)]
    (docs / "performance.md").write_text("\n".join(parts), "utf-8")
    if rows := _bars(figures):
        (docs / "performance.svg").write_text(
            _draw_bars("First load at S, extraction, load and publish", rows), "utf-8"
        )


def _goals(figures: Figures, notes: dict[str, dict[str, str]]) -> Iterator[str]:
    found = goals(figures)
    measured = [goal for goal in found if goal.reached is not None]
    reached = sum(bool(goal.reached) for goal in measured)
    yield f"## Goals\n\n{reached} of {len(measured)} measured goals are reached.\n"
    rows = [(goal.wanted, goal.found, _verdict(goal, notes["held_by"])) for goal in found]
    yield from _table(("goal", "figure", "reached, or what holds it"), rows)


def _verdict(goal: Goal, held_by: dict[str, str]) -> str:
    if goal.reached is None:
        return "—"
    return "yes" if goal.reached else f"**no**: {held_by.get(goal.key, 'see where our own time goes, below')}"


def _peers(figures: Figures) -> Iterator[str]:
    if not figures.runs("peers"):
        return
    yield "## First load at S\n\n![CPU and memory of a first load at S](performance.svg)\n"
    rows = []
    for name, contender in CONTENDERS.items():
        if not (cpu := figures.of("peers", name, "cpu")):
            failed = [run["error"] for run in figures.sections["peers"]["runs"] if run.get("contender") == name]
            rows.append((contender.title, "", "", "", "", "", failed[0] if failed else "not measured"))
            continue
        ratio = figures.ratio("peers", name, "floor")
        rows.append(
            (
                f"**{contender.title}**" if name == OURS else contender.title,
                cpu.show(),
                f"{ratio:.1f} ×" if ratio else "",
                _show(figures.of("peers", name, "wall")),
                _show(figures.of("peers", name, "peak_mb")),
                _show(figures.of("peers", name, "requests")),
                _lost(figures, "peers", name),
            )
        )
    yield from _table(("", "CPU s", "of the floor", "wall s", "peak MB", "requests", "lost or rounded"), rows)
    cost = [run["server_cpu"] for run in figures.runs("peers", lambda run: run.get("contender") == "bytes")]
    if cost:
        yield f"The service itself used {min(cost):.2f}–{max(cost):.2f} CPU s per load, beside these.\n"


def _lost(figures: Figures, section: str, name: str) -> str:
    if CONTENDERS[name].schema is None:
        return "keeps nothing"
    found = {
        tuple(run.get("differences", [])) for run in figures.runs(section, lambda run: run.get("contender") == name)
    }
    return "; ".join(sorted({text for texts in found for text in texts})) or "nothing"


def _sizes(figures: Figures) -> Iterator[str]:
    rows = []
    for size, sections in (("S", ("peers",)), ("M", ("scale", "peers_at_m")), ("10 M", ("large",))):
        for section in sections:
            for name, contender in CONTENDERS.items():
                if (cpu := figures.of(section, name, "cpu")) and (size != "S" or name in {"bytes", "floor", OURS}):
                    wall, peak = figures.of(section, name, "wall"), figures.of(section, name, "peak_mb")
                    rows.append(
                        (size, contender.title, cpu.show(), _show(wall), _show(peak), _lost(figures, section, name))
                    )
    if any(row[0] != "S" for row in rows):
        yield "## With size\n"
        yield from _table(("size", "", "CPU s", "wall s", "peak MB", "lost or rounded"), rows)


def _profile(figures: Figures, notes: dict[str, dict[str, str]]) -> Iterator[str]:
    if not figures.runs("profile"):
        return
    yield "## Where our own time goes\n"
    yield (
        "CPU seconds of `logentic run --no-models` by the file whose code was at work, sampled; DuckDB's threads count"
        " for the phase that waits for them.\n"
    )
    sizes = sorted({run["size"] for run in figures.runs("profile")}, reverse=True)
    sums: dict[str, dict[str, float]] = {}
    for size in sizes:
        runs = figures.runs("profile", lambda run, size=size: run["size"] == size)
        for run in runs:
            for phase, seconds in run["phases"].items():
                at = sums.setdefault(phase, {})
                at[size] = at.get(size, 0.0) + seconds / len(runs)
    rows = [(phase, *(f"{at.get(size, 0):.2f}" for size in sizes)) for phase, at in sums.items()]
    rows.sort(key=lambda row: -float(row[-1]))
    yield from _table(("phase", *sizes), [row for row in rows if any(float(cell) >= 0.01 for cell in row[1:])])
    yield f"Next to improve: {notes['next']['improve']}\n"


def _details(figures: Figures) -> Iterator[str]:
    rows = []
    for what in ("first load", "the next run", "proving the rest at once", "nothing new", "import dlt"):
        if cpu := figures.about("news", what, "cpu"):
            figure = [_show(figures.about("news", what, name)) for name in ("wall", "peak_mb", "requests")]
            rows.append((what, cpu.show(), *figure))
    if rows:
        yield "## Runs with nothing new\n\nFive minutes apart, at S.\n"
        yield from _table(("", "CPU s", "wall s", "peak MB", "requests"), rows)
    rows = []
    for section, title in (("models", "600,000"), ("models_at_10_million", "10 million")):
        for run in figures.runs(section):
            for part, named in (
                ("small", "full build of 2,000"),
                ("full", "full build"),
                ("day", "one new day"),
            ):
                if cost := run.get(part):
                    before = run.get("beside", {}).get(part)
                    ratio = f"{cost['cpu_seconds'] / before['cpu_seconds']:.2f}" if before else ""
                    costs = [cost, before] if before else [cost]
                    columns = (
                        " / ".join(form.format(each[name]) for each in costs)
                        for name, form in (("cpu_seconds", "{:.2f}"), ("wall_seconds", "{:.2f}"), ("peak_mb", "{:.0f}"))
                    )
                    rows.append((title, named, *columns, ratio))
    if rows:
        yield "## Models\n\nOurs / the last version that built with dbt, in turn over the same raw tables.\n"
        yield from _table(("stock records", "", "CPU s", "wall s", "peak MB", "CPU, ours ÷ dbt"), rows)
    rows = []
    for what in ("first run", "one changed order", "import dlt"):
        if cpu := figures.about("builds", what, "cpu"):
            rows.append((what, *(_show(figures.about("builds", what, name)) for name in ("build", "wall")), cpu.show()))
    if rows:
        yield "## Runs with their models\n\nOver the demo's account of 4,453 orders.\n"
        yield from _table(("", "build step s", "wall s", "CPU s"), rows)
    rows = []
    for size in ("S", "M"):
        for what in ("publish", "copy"):
            if cpu := figures.about("publishing", what, "cpu", size):
                wall, file = (figures.about("publishing", what, name, size) for name in ("wall", "file_mb"))
                rows.append((size, what, _show(file), cpu.show(), _show(wall)))
    for what in ("--help", "status"):
        if cpu := figures.about("commands", what, "cpu"):
            rows.append(("S", f"logentic {what}", "", cpu.show(), _show(figures.about("commands", what, "wall"))))
    if rows:
        yield "## Publishing and commands\n"
        yield from _table(("size", "", "file MB", "CPU s", "wall s"), rows)
    waits = list(dict.fromkeys(run["what"] for run in figures.runs("dashboard")))
    if waits:
        yield "## Dashboard\n\nAt two million rows of inventory history, each reader with an empty cache.\n"
        yield from _table(("wait", "s"), [(what, _show(figures.about("dashboard", what, "wall"))) for what in waits])


def _circumstances(figures: Figures) -> Iterator[str]:
    yield "## Measured\n"
    rows = []
    for name, section in figures.sections.items():
        versions = ", ".join(f"{package} {number}" for package, number in section["versions"].items())
        load = ", ".join(map(str, section["load"]))
        rows.append((name, section["measured_at"], section["commit"], load, versions))
    yield from _table(("section", "at (UTC)", "commit", "load before", "versions"), rows)
    if figures.sections:
        cores = {section["cores"] for section in figures.sections.values()}
        yield f"On {'/'.join(map(str, sorted(cores)))} cores. One section again: `make bench SECTIONS=peers`.\n"


def _bars(figures: Figures) -> list[Bar]:
    rows = []
    for name, contender in CONTENDERS.items():
        cpu, peak = figures.of("peers", name, "cpu"), figures.of("peers", name, "peak_mb")
        if cpu and peak:
            rows.append((contender.title, cpu.middle, peak.middle, name == OURS))
    return rows


def _show(figure: Spread | None) -> str:
    return figure.show() if figure else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
    yield ""


def _draw_bars(title: str, rows: list[Bar]) -> str:
    """Draw two figures, contender by contender, as an SVG: two panels with the same rows, the least CPU on top."""
    rows = sorted(rows, key=lambda row: row[1])
    width, height = LABELS + 2 * BARS + GAP + 80, TOP + PITCH * len(rows) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' font-family="Helvetica, Arial, sans-serif" font-size="12" role="img" aria-label="{escape(title)}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(12, 22, title, TEXT_COLOUR, "bold"),
    ]
    for panel, (name, unit) in enumerate((("CPU seconds", "s"), ("peak memory", "MB"))):
        left = LABELS + panel * (BARS + GAP)
        most = max(row[1 + panel] for row in rows)
        parts.append(_text(left, 46, name, MUTED_COLOUR))
        for place, row in enumerate(rows):
            value, top = row[1 + panel], TOP + place * PITCH
            length = max(1.0, BARS * value / most)
            colour = OURS_COLOUR if row[3] else OTHERS_COLOUR
            shown = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
            parts.append(f'<rect x="{left}" y="{top}" width="{length:.1f}" height="{THICK}" rx="2" fill="{colour}"/>')
            parts.append(_text(left + length + 6, top + 12, f"{shown} {unit}", TEXT_COLOUR))
    for place, row in enumerate(rows):
        label = _text(LABELS - 10, TOP + place * PITCH + 12, row[0], TEXT_COLOUR, "bold" if row[3] else "normal", "end")
        parts.append(label)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, colour: str, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" fill="{colour}" font-weight="{weight}" text-anchor="{anchor}">{escape(text)}</text>'
    )
