"""The section of docs/reconciliation.md on practices: what was measured before and now, by rule and by practice."""

from collections.abc import Iterable
from statistics import median
from typing import Any

from benchmarks.audit_models import ROOT
from benchmarks.practices.catalogue import HELD_OUT_SEEDS, PRACTICES, TUNED, TUNED_SEEDS
from benchmarks.practices.errors import REASONS, RULES
from benchmarks.practices.sources import SOURCES

PAGE = ROOT / "docs" / "reconciliation.md"
BEGIN = "<!-- practices: written by make practice-benchmark -->\n"
NONE = "–"
Row = dict[str, Any]


def write_page(results: Row) -> None:
    before, _, _ = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(before.rstrip("\n") + "\n\n" + BEGIN + section(results), "utf-8")


def section(results: Row) -> str:
    columns = [
        (f"{label}, {split.replace('_', ' ')}", [row for row in rows_of(results, label) if row["split"] == split])
        for split in ("held_out", "tuned")
        for label in ("before", "now")
    ]
    columns = [(name, rows) for name, rows in columns if rows]
    latest = results.get("now") or results.get("before") or {"accounts": {}}
    parts = [
        OPENING.format(
            practices=len(PRACTICES),
            sources=len(SOURCES),
            tuned=len(TUNED),
            held_out=len(PRACTICES) - len(TUNED),
            tuned_seeds=f"{min(TUNED_SEEDS)} to {max(TUNED_SEEDS)}",
            held_out_seeds=f"{min(HELD_OUT_SEEDS)} to {max(HELD_OUT_SEEDS)}",
        )
    ]
    parts += _table(["", *(name for name, _ in columns)], summary([rows for _, rows in columns]))
    parts += ["\n### By rule, on accounts with wrong charges\n"]
    parts += _by_rule([(name, [row for row in rows if row["percent"]]) for name, rows in columns])
    parts += ["\n### What nobody could know of these practices\n", UNKNOWABLE]
    parts += _table(["reason", "errors"], _unknowable(list(latest["accounts"].values())))
    parts += ["\n### By practice\n", BY_PRACTICE, *_by_practice(latest["accounts"])]
    return "\n".join(parts) + "\n"


def rows_of(results: Row, label: str) -> list[Row]:
    return list(results.get(label, {}).get("accounts", {}).values())


def summary(columns: list[list[Row]]) -> list[list[str]]:
    """Return the lines of the first table: a name, and a figure for each column."""
    lines: list[tuple[str, Any]] = [
        ("accounts: without errors, at 1 %, at 5 %", _accounts),
        ("charges", lambda rows: f"{sum(row['charges'] for row in rows):,}"),
        ("accounts whose tables could not be built", lambda rows: str(sum("failed" in row for row in rows))),
        ("alarms per 10,000 charges on error-free accounts", alarms),
        *(
            (f"{what} at {percent} % wrong charges", lambda rows, of=of, percent=percent: of(rows, percent))
            for percent in (1, 5)
            for what, of in (
                ("precision", precision),
                ("recall, of what is knowable", recall),
                ("recall in money", recalled),
            )
        ),
        ("price formulas recovered", lambda rows: _ratio(_sum(rows, "recovered"), _sum(rows, "formulas"))),
        (
            "price formulas stated as the contract states them",
            lambda rows: _ratio(_sum(rows, "stated"), _sum(rows, "formulas")),
        ),
        ("money not checked", lambda rows: _percent(_sum(rows, "unchecked_money"), _sum(rows, "money"))),
        (
            "charges not checked",
            lambda rows: _percent(_sum(rows, "unchecked"), sum(row["charges"] for row in _built(rows))),
        ),
        (
            "money of charges that follow no price",
            lambda rows: _percent(_sum(rows, "uncheckable_money"), _sum(rows, "money")),
        ),
        ("accrual error on error-free accounts: median, worst", accrual),
    ]
    return [[name, *(figure(rows) for rows in columns)] for name, figure in lines]


def _built(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if "failed" not in row]


def _sum(rows: Iterable[Row], name: str) -> float:
    return sum(row[name] for row in _built(rows))


def _rules(rows: Iterable[Row], name: str, rule: str | None = None) -> float:
    return sum(
        counts[name] for row in _built(rows) for of, counts in row["rules"].items() if rule is None or of == rule
    )


def _accounts(rows: list[Row]) -> str:
    return ", ".join(str(sum(row["percent"] == percent for row in rows)) for percent in (0, 1, 5))


def alarms(rows: list[Row]) -> str:
    clean = [row for row in _built(rows) if not row["percent"]]
    charges = sum(row["charges"] for row in clean)
    return f"{10_000 * _rules(clean, 'false') / charges:.1f}" if charges else NONE


def precision(rows: list[Row], percent: int, rule: str | None = None) -> str:
    wrong = [row for row in rows if row["percent"] == percent or not percent]
    found = _rules(wrong, "found", rule)
    return _share(found, found + _rules(wrong, "false", rule))


def recall(rows: list[Row], percent: int, rule: str | None = None) -> str:
    wrong = [row for row in rows if row["percent"] == percent or not percent]
    return _share(_rules(wrong, "found", rule), _rules(wrong, "injected", rule))


def recalled(rows: list[Row], percent: int) -> str:
    wrong = [row for row in rows if row["percent"] == percent]
    return _share(_rules(wrong, "found_money"), _rules(wrong, "injected_money"))


def accrual(rows: list[Row]) -> str:
    errors = [
        abs((row["accrual"] or 0) - row["accrual_truth"]) / row["accrual_truth"]
        for row in _built(rows)
        if not row["percent"] and row["accrual_truth"]
    ]
    return f"{100 * median(errors):.1f} %, {100 * max(errors):.1f} %" if errors else NONE


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.3f}" if whole else NONE


def _ratio(part: float, whole: float) -> str:
    return f"{part:.0f} of {whole:.0f} ({100 * part / whole:.0f} %)" if whole else NONE


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else NONE


def _table(head: list[str], lines: Iterable[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *lines)]


def _by_rule(columns: list[tuple[str, list[Row]]]) -> list[str]:
    head = [
        "accounts",
        "rule",
        "injected",
        "found",
        "false alarms",
        "precision",
        "recall",
        "money injected",
        "found",
        "false",
    ]
    lines = [
        [
            name,
            f"`{rule}`",
            *(f"{_rules(rows, counted, rule):.0f}" for counted in ("injected", "found", "false")),
            precision(rows, 0, rule),
            recall(rows, 0, rule),
            *(f"{_rules(rows, counted, rule):,.2f}" for counted in ("injected_money", "found_money", "false_money")),
        ]
        for name, rows in columns
        if rows
        for rule in RULES
    ]
    return _table(head, lines) if lines else ["Not measured."]


def _unknowable(rows: list[Row]) -> list[list[str]]:
    return [
        [said, str(sum(row.get("unknowable", {}).get(reason, 0) for row in rows))] for reason, said in REASONS.items()
    ]


def _by_practice(rows: dict[str, Row]) -> list[str]:
    head = ["practice", "measured", "alarms", "missed", "formulas recovered, stated", "not checked", "sources"]
    lines = []
    for practice in PRACTICES.values():
        mine = [row for name, row in rows.items() if name.startswith(f"{practice.name}, ")]
        built = _built(mine)
        failed = len(mine) - len(built)
        formulas = f"{_sum(mine, 'recovered'):.0f}, {_sum(mine, 'stated'):.0f} of {_sum(mine, 'formulas'):.0f}"
        figures = [
            f"{_rules(mine, 'false'):.0f}",
            f"{_rules(mine, 'injected') - _rules(mine, 'found'):.0f} of {_rules(mine, 'injected'):.0f}",
            formulas,
            _percent(_sum(mine, "unchecked_money"), _sum(mine, "money")),
        ]
        if not built:
            figures = ["could not be built" if failed else "not measured", NONE, NONE, NONE]
        sources = ", ".join(f"[{SOURCES[name].title}]({SOURCES[name].address})" for name in practice.sources)
        split = "tuned" if practice.name in TUNED else "held out"
        lines.append([practice.says.replace("|", "/"), split, *figures, sources])
    return _table(head, lines)


OPENING = """\
## Accounts billed as others bill

The accounts above come from the sandbox, whose billing was written beside the rules. These do not:
`benchmarks/practices` makes accounts from {sources} public rate cards and billing manuals of fulfilment providers,
marketplaces and carriers, and was written from the definitions of the tables and of the API alone. There are
{practices} practices and combinations; of the settings only the currency is given, no card and no storage basis. For
each practice three accounts have no wrong charge, one has 1 % and one has 5 %, spread evenly over the rules as far as
the account has such charges. Rules may be tuned on {tuned} practices, on seeds {tuned_seeds}; the other {held_out} are
held out and only measured, on seeds {held_out_seeds} (`TUNED` in `benchmarks/practices/catalogue.py`). This section is
written by `make practice-benchmark`; the first row says how many accounts were measured.

- An alarm is a row of `invoice_exceptions` that names no wrong charge, or names it under another rule.
- A formula is recovered where `expected` equals the contract's amount for at least 98 % of the charges of its type,
  period and segment, those billed wrong included, which only a formula can price. It is stated as the contract states
  it where, besides, `rate_card` names each of its figures that at least 20 charges show, and has no more prices for the
  type than the contract has. Formulas that fewer than 20 charges follow are not counted; a percentage that changes
  every week counts once.
- Money not checked is that of charges with the status `not_checked`, of all money of charges, without sign.
- The accrual's error is its distance from what the bills that follow charge for the days up to its day, by what a day
  of storage costs, else by the share of days.
"""
UNKNOWABLE = """\
Decided from the truth alone, before anything was measured; these errors count in no row above.
"""
BY_PRACTICE = """\
All accounts of the practice together, as measured last.
"""
