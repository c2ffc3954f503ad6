"""Compare the figures with the goals."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.figures import Figures, Spread

PEERS = ("requests_pandas", "dlt_tuned", "singer", "pyairbyte", "dlt_stock")
OURS = "logentic"


@dataclass(frozen=True)
class Goal:
    """`reached` is None where it was not measured; `key` names the note of what holds it (notes.toml)."""

    key: str
    wanted: str
    found: str = "not measured"
    reached: bool | None = None


def goals(figures: Figures) -> list[Goal]:
    return [
        *_cpu(figures),
        *_memory(figures),
        *_requests(figures),
        *_no_news(figures),
        *_models(figures),
        *_rest(figures),
    ]


def _cpu(figures: Figures) -> Iterator[Goal]:
    yield _at_most("cpu_s", "CPU at S ≤ 2 × the floor", figures.ratio("peers", OURS, "floor"), 2, " ×")
    yield _at_most("cpu_m", "CPU at M ≤ 1.3 × the floor", figures.ratio("scale", OURS, "floor"), 1.3, " ×")
    for key, peer, title, share in (
        ("stock_s", "dlt_stock", "stock dlt at S", 25),
        ("tuned_s", "dlt_tuned", "tuned dlt at S", 8),
        ("naive_s", "requests_pandas", "the naive loop at S", 3),
    ):
        yield _part(key, title, share, figures.ratio("peers", OURS, peer))
    for key, peer, title, share in (
        ("tuned_m", "dlt_tuned", "tuned dlt at M", 14),
        ("naive_m", "requests_pandas", "the naive loop at M", 7),
    ):
        ours, theirs = figures.of("scale", OURS, "cpu"), figures.of("peers_at_m", peer, "cpu")
        yield _part(key, title, share, ours.middle / theirs.middle if ours and theirs else None)
    behind, measured = [], 0
    for peer in PEERS:
        for figure, unit in (("cpu", "CPU"), ("wall", "wall time"), ("peak_mb", "memory")):
            ours, theirs = figures.of("peers", OURS, figure), figures.of("peers", peer, figure)
            if ours and theirs:
                measured += 1
                if ours.middle >= theirs.middle:
                    behind.append(f"{unit} of {peer}")
    found = f"behind in {', '.join(behind)}" if behind else "ahead in all"
    yield Goal("ahead", "ahead of every peer in CPU, wall time and memory", *((found, not behind) if measured else ()))


def _memory(figures: Figures) -> Iterator[Goal]:
    yield _at_most("memory_m", "peak memory at M ≤ 300 MB", _middle(figures.of("scale", OURS, "peak_mb")), 300, " MB")
    yield _at_most("memory_10m", "and no more at 10 M", _middle(figures.of("large", OURS, "peak_mb")), 300, " MB")


def _requests(figures: Figures) -> Iterator[Goal]:
    ratio = figures.ratio("latency", OURS, "floor", "wall")
    yield _at_most("latency", "at 100 ms a page, wall ≤ 1.15 × the floor with 4 connections", ratio, 1.15, " ×")
    wanted = "requests of a first load at S ≤ 1.05 × the fewest possible"
    if first := figures.of("peers", OURS, "requests"):
        fewest = figures.runs("peers", lambda run: run.get("contender") == OURS)[0]["fewest"]
        found = f"{first.middle / fewest:.3f} × ({first.middle:,.0f} of {fewest:,})"
        yield Goal("requests", wanted, found, first.middle <= 1.05 * fewest)
    else:
        yield Goal("requests", wanted)
    wanted = "requests with nothing new ≤ 8 and the look-back's pages"
    if again := figures.about("news", "nothing new", "requests"):
        last = figures.runs("news", lambda run: run.get("what") == "nothing new")[-1]
        pages, own = last["look_back"], sum(last["look_back"].values())
        named = ", ".join(f"{name} {last['asked'].get(name, 0)} for {count}" for name, count in pages.items())
        found = f"{again.middle:,.0f} for {own} pages that look back ({named})"
        yield Goal("requests_again", wanted, found, again.middle - own <= 8)
    else:
        yield Goal("requests_again", wanted)
    limited = figures.runs("limit")
    share = refused = None
    if limited:
        answered = limited[0]["asked"].get("status 200", 0)
        share = 100 * min(1.0, answered / (60 * limited[0]["seconds"] / 60))
        refused = 100 * limited[0]["asked"].get("status 429", 0) / limited[0]["requests"]
    yield _at_least("allowance", "under 60 a minute, ≥ 95 % of the allowance used", share, 95, " %")
    yield _at_most("refused", "and ≤ 1 % answers 429", refused, 1, " %")


def _no_news(figures: Figures) -> Iterator[Goal]:
    ours, bare = figures.about("news", "nothing new", "cpu"), figures.about("news", "import dlt", "cpu")
    wanted = "CPU of a run with nothing new ≤ 2 × `import dlt`"
    if ours and bare:
        ratio = ours.middle / bare.middle
        found = f"{ratio:.2f} × ({ours.show()} of {bare.show()} s)"
        yield Goal("no_news", wanted, found, ratio <= 2)
    else:
        yield Goal("no_news", wanted)


def _models(figures: Figures) -> Iterator[Goal]:
    first = _middle(figures.about("builds", "first run", "build"))
    yield _at_most("build_step", "build step of the demo ≤ 4 s", first, 4, " s")
    ours, bare = figures.about("builds", "one changed order", "cpu"), figures.about("builds", "import dlt", "cpu")
    wanted = "a run with one changed order, models included, ≤ 3.5 × `import dlt`"
    yield _at_most("one_change", wanted, ours.middle / bare.middle if ours and bare else None, 3.5, " ×")
    for section, size, part, title, most in (
        ("models", "600,000", "full", "full build", 0.5),
        ("models", "600,000", "day", "one new day", 0.4),
        ("models_at_10_million", "10 million", "day", "one new day", 0.6),
    ):
        measured = next(iter(figures.runs(section)), {})
        before = measured.get("beside", {}).get(part, {}).get("cpu_seconds")
        ratio = measured[part]["cpu_seconds"] / before if before else None
        wanted = f"models at {size} stock records: {title} ≤ {most} × the CPU of dbt's build"
        yield _at_most(f"models_{part}_{section}", wanted, ratio, most, " ×")
        if part == "full":
            yield _at_most("models_memory", "and ≤ 320 MB", measured.get(part, {}).get("peak_mb"), 320, " MB")
    large = next(iter(figures.runs("models_at_10_million")), {})
    wanted = "at 10 million, one new day ≤ 1/4 of the full build, the same tables"
    if large:
        day, whole = large["day"]["cpu_seconds"], large["day_in_full"]["cpu_seconds"]
        equal = "the same tables" if large["equal"] else "OTHER TABLES"
        found = f"{day / whole:.2f} × ({day} of {whole} CPU s), {equal}"
        yield Goal("models_day", wanted, found, day <= whole / 4 and large["equal"])
    else:
        yield Goal("models_day", wanted)
    size, packages = (_middle(figures.about("builds", "installed", name)) for name in ("megabytes", "packages"))
    yield _at_most("install", "an installation without extras ≤ 300 MB", size, 300, " MB")
    wanted = "and ≤ 50 packages"
    yield Goal("packages", wanted, f"{packages:.0f}", packages <= 50) if packages else Goal("packages", wanted)
    for what, most in (("make test", 300), ("make test-unit", 20)):
        yield _at_most(what, f"`{what}` ≤ {most} s", _middle(figures.about("tests", what, "wall")), most, " s")


def _rest(figures: Figures) -> Iterator[Goal]:
    linear = (
        ("linear", "cpu", "CPU"),
        ("linear_wall", "wall", "wall time"),
        ("linear_requests", "requests", "requests"),
    )
    for key, figure, what in linear:
        ratio = figures.ratio("scale", OURS, OURS, figure, elsewhere="peers")
        yield _at_most(key, f"{what} per row at M ≤ 1.1 × those at S", ratio and ratio / 10, 1.1, " ×")
    ours, copy = (figures.about("publishing", what, "wall", "M") for what in ("publish", "copy"))
    ratio = ours.middle / copy.middle if ours and copy else None
    yield _at_most("publish", "publishing costs a copy of the file at most (≤ 1.1 × its wall time)", ratio, 1.1, " ×")
    waits = figures.runs("dashboard")
    for key, wanted, kind, most in (
        ("paint", "dashboard at 2 million rows of history: first paint of each page ≤ 1 s", "first paint", 1),
        ("choice", "and each choice on it ≤ 0.5 s", ("another choice", "next page"), 0.5),
        ("overview", "and the overview drawn ≤ 2 s", "overview, drawn", 2),
    ):
        found = [
            figures.about("dashboard", what, "wall")
            for what in {run["what"] for run in waits if run["what"].endswith(kind)}
        ]
        yield _at_most(key, wanted, max((each.middle for each in found if each), default=None), most, " s")
    help_ = _middle(figures.about("commands", "--help", "cpu"))
    yield _at_most("help", "`logentic --help` ≤ 0.25 CPU s", help_, 0.25, " s")
    status = _middle(figures.about("commands", "status", "cpu"))
    yield _at_most("status", "`logentic status` ≤ 0.6 CPU s", status, 0.6, " s")


def _middle(figure: Spread | None) -> float | None:
    return figure.middle if figure else None


def _at_most(key: str, wanted: str, value: float | None, limit: float, unit: str) -> Goal:
    return Goal(key, wanted) if value is None else Goal(key, wanted, f"{_show(value)}{unit}", value <= limit)


def _at_least(key: str, wanted: str, value: float | None, limit: float, unit: str) -> Goal:
    return Goal(key, wanted) if value is None else Goal(key, wanted, f"{_show(value)}{unit}", value >= limit)


def _part(key: str, title: str, share: int, ratio: float | None) -> Goal:
    wanted = f"CPU ≤ 1/{share} of {title}"
    return Goal(key, wanted) if ratio is None else Goal(key, wanted, f"1/{1 / ratio:.1f}", ratio <= 1 / share)


def _show(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
