"""Measure the audit on the practices: `python -m benchmarks.practices`.

Results go to results/practices.json, and from there into docs/reconciliation.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.audit_models import ROOT, Models
from benchmarks.practices.account import accounts, make_account
from benchmarks.practices.catalogue import PRACTICES, RATES
from benchmarks.practices.measure import measure
from benchmarks.practices.page import write_page

RESULTS = ROOT / "benchmarks" / "results" / "practices.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.practices", description=__doc__)
    parser.add_argument("--only", default="", help="practices whose name contains this; nothing is written")
    parser.add_argument(
        "--percent", type=int, choices=sorted(set(RATES)), help="accounts with this share of wrong charges"
    )
    parser.add_argument("--rounds", type=int, default=len(RATES), help="how many accounts of each practice")
    parser.add_argument("--label", choices=("before", "now"), default="now", help="under which the results are kept")
    parser.add_argument("--resume", action="store_true", help="keep what was measured under the label, and go on")
    parser.add_argument(
        "--command", action="store_true", help="build with `logentic build` instead of the compiled SQL"
    )
    parser.add_argument("--page", action="store_true", help="only write the page from the results")
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    if options.page:
        write_page(kept)
        return 0
    rows = kept.get(options.label, {}).get("accounts", {}) if options.resume else {}
    due = list(accounts())[: options.rounds * len(PRACTICES)]
    due = [one for one in due if options.only in one[0] and options.percent in (None, one[2])]
    models = None if options.command else Models()
    for number, one in enumerate(due, 1):
        account = make_account(*one)
        if account.name in rows:
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows[account.name] = row = measure(account, Path(folder) / "account.duckdb", models)
        print(f"{number} of {len(due)}: {account.name}: {_line(row)}", flush=True)
        if not options.only:
            commit = subprocess.run(
                ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
            )
            kept[options.label] = {"commit": commit.stdout.strip(), "accounts": rows}
            RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
    if not options.only:
        write_page(kept)
    return 0


def _line(row: dict) -> str:  # type: ignore[type-arg]
    if "failed" in row:
        return f"failed: {row['failed']}"
    rules = row["rules"].values()
    told = [f"{name} {sum(counts[name] for counts in rules)}" for name in ("injected", "found", "false")]
    told += [f"formulas {row['recovered']}, stated {row['stated']} of {row['formulas']}"]
    told += [f"not checked {100 * row['unchecked_money'] / row['money']:.1f} %"]
    told += [f"accrual {row['accrual']} of {row['accrual_truth']}", *row["false_examples"], *row["not_recovered"][:4]]
    return ", ".join(told)


if __name__ == "__main__":
    sys.exit(main())
