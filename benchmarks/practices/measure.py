"""Build each account with today's code and compare what is published with the truth, charge by charge.

A formula counts as recovered where the published `expected` is the contract's amount for at least 98 % of its probes:
the account's own charges of that price, those that were billed wrong included, which only the formula can price. It
counts as stated where, besides, the published `rate_card` names every figure of it that at least 20 charges show, and
has no more prices for the type than the contract: one price is one row (or the rows of its tiers).
"""

import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.audit_models import Models
from benchmarks.practices.account import PROBES, PracticeAccount
from benchmarks.practices.billing import Charge
from benchmarks.practices.prices import ZERO
from benchmarks.practices.raw import write_raw
from logentic.errors import BuildError

Row = dict[str, Any]
RECOVERED_SHARE = 0.98
NUMBER = re.compile(r"\d+(?:\.\d+)?")
NO_FIGURES = {"charges", "explained_share", "error_amount", "valid_from", "valid_to", "charge_type", "source"}


def build(account: PracticeAccount, file: Path, models: Models | None) -> str | None:
    """Write the account and build its tables; return the error if that fails.

    `models`: the plan without its checks; None: the command, as a user would (slower, with every check).
    """
    write_raw(account, file)
    if models and account.contract.currency == "CAD":
        try:
            models.run(file)
        except BuildError as error:
            return str(error).partition("\n")[0]
        return None
    command = [str(Path(sys.executable).with_name("logentic")), "build", "--db", str(file)]
    settings = os.environ | {"LOGENTIC_CURRENCY": account.contract.currency}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1]


def measure(account: PracticeAccount, file: Path, models: Models | None) -> Row:
    row: Row = {"split": account.split, "percent": account.percent, "charges": len(account.visible())}
    if (failure := build(account, file, models)) is not None:
        return row | {"failed": failure}
    with duckdb.connect(str(file), read_only=True) as published:
        return row | _exceptions(account, published) | _checked(account, published) | _accrual(account, published)


def _exceptions(account: PracticeAccount, published: duckdb.DuckDBPyConnection) -> Row:
    wrong = account.wrong()
    ids = {subject for _, subject in wrong}
    found = {
        (str(rule), str(charge_id) if charge_id else f"{order_id} {charge_type}"): Decimal(amount or 0)
        for rule, charge_id, order_id, charge_type, amount in published.execute(
            "select rule, charge_id, order_id, charge_type, amount_at_stake from logentic_marts.invoice_exceptions"
        ).fetchall()
    }
    rules: dict[str, Row] = {}
    for (rule, subject), (money, beyond) in wrong.items():
        counts = _of(rules, rule)
        if beyond:
            counts["beyond"] += 1
            continue
        counts["injected"] += 1
        counts["injected_money"] += money
        if (rule, subject) in found:
            counts["found"] += 1
            counts["found_money"] += money
    examples = []
    for (rule, subject), money in found.items():
        # What nobody could know is in no row, found or not; a knowable error under another rule is a false alarm.
        if (rule, subject) not in wrong and not (subject in ids and _is_beyond(wrong, subject)):
            counts = _of(rules, rule)
            counts["false"] += 1
            counts["false_money"] += money
            examples.append(f"{rule} {subject}")
    return {
        "rules": {
            rule: {name: _plain(value) for name, value in counts.items()} for rule, counts in sorted(rules.items())
        },
        "unknowable": dict(Counter(beyond for _, beyond in wrong.values() if beyond)),
        "false_examples": examples[:3],
        "missed_examples": [" ".join(key) for key, (_, beyond) in wrong.items() if not beyond and key not in found][:3],
    }


def _is_beyond(wrong: dict[tuple[str, str], tuple[Decimal, str | None]], subject: str) -> bool:
    return any(beyond for (_, other), (_, beyond) in wrong.items() if other == subject)


def _of(rules: dict[str, Row], rule: str) -> Row:
    empty = {"injected": 0, "found": 0, "false": 0, "beyond": 0}
    money = {"injected_money": ZERO, "found_money": ZERO, "false_money": ZERO}
    return rules.setdefault(rule, empty | money)


def _checked(account: PracticeAccount, published: duckdb.DuckDBPyConnection) -> Row:
    rows = {
        charge_id: (expected, status)
        for charge_id, expected, status in published.execute(
            "select charge_id, expected, status from logentic_marts.invoice_reconciliation"
        ).fetchall()
    }
    visible = account.visible()
    unchecked = [charge for charge in visible if rows.get(charge.charge_id, (None, ""))[1] == "not_checked"]
    recovered = {
        name: _is_recovered(charges, {charge_id: expected for charge_id, (expected, _) in rows.items()})
        for name, charges in account.formulas().items()
    }
    cards = _rate_card(published)
    stated = {
        name: recovered[name] and _is_stated(account, name, charges, cards)
        for name, charges in account.formulas().items()
    }
    return {
        "money": _plain(sum((abs(charge.amount) for charge in visible), ZERO)),
        "unchecked": len(unchecked),
        "unchecked_money": _plain(sum((abs(charge.amount) for charge in unchecked), ZERO)),
        # Without a price in any contract, or without a type: no one could check it.
        "uncheckable_money": _plain(sum((abs(c.amount) for c in visible if not c.formula and not c.is_credit), ZERO)),
        "formulas": len(recovered),
        "recovered": sum(recovered.values()),
        "stated": sum(stated.values()),
        "not_recovered": sorted(name for name, is_recovered in recovered.items() if not is_recovered),
        "not_stated": sorted(name for name, is_stated in stated.items() if recovered[name] and not is_stated),
    }


def _is_recovered(charges: list[Charge], expected: dict[int, Decimal | None]) -> bool:
    hits = sum(expected.get(charge.charge_id) == charge.right for charge in charges)
    return hits >= RECOVERED_SHARE * len(charges)


def _rate_card(published: duckdb.DuckDBPyConnection) -> dict[str, list[Row]]:
    answer = published.execute("select * from logentic_marts.rate_card")
    names = [column[0] for column in answer.description or ()]
    cards: dict[str, list[Row]] = {}
    for values in answer.fetchall():
        row = dict(zip(names, values, strict=True))
        cards.setdefault(row["charge_type"], []).append(row)
    return cards


def _is_stated(account: PracticeAccount, name: str, charges: list[Charge], cards: dict[str, list[Row]]) -> bool:
    charge_type, _, _ = name.split("|")
    if charge_type == "storage":  # whose basis is what `expected` follows
        return True
    rows = cards.get(charge_type, [])
    segment = "segment" if rows and "segment" in rows[0] else "zone"
    prices = {(row[segment], row["valid_from"]) for row in rows}
    contracted = sum(
        len(prices) for term in account.contract.terms if term.charge_type == charge_type for _, prices in term.periods
    )
    shown = Counter(figure for charge in charges if charge.rule is None for figure in charge.constants)
    figures = {number for row in rows for number in _figures(row)}
    named = all(spellings & figures for spellings, count in shown.items() if count >= PROBES)
    return named and len(prices) <= max(contracted, 1)


def _figures(row: Row) -> set[Decimal]:
    texts = (str(value) for name, value in row.items() if name not in NO_FIGURES and value is not None)
    return {Decimal(number).normalize() + ZERO for text in texts for number in NUMBER.findall(text)}


def _accrual(account: PracticeAccount, published: duckdb.DuckDBPyConnection) -> Row:
    found: tuple[date | None, Decimal | None] | None = published.execute(
        "select max(as_of_date), sum(amount) from logentic_marts.accrual"
    ).fetchone()
    as_of, amount = found or (None, None)
    if as_of is None:
        return {"accrual": None, "accrual_truth": None}
    return {"accrual": _plain(amount or ZERO), "accrual_truth": _plain(account.unbilled(as_of))}


def _plain(value: Any) -> Any:
    return float(round(value, 2)) if isinstance(value, Decimal) else value
