"""From a finding to a corrected record: items are proposed, measured by a person, and pushed."""

import csv
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
from command_line import access, logentic
from pushed_orders import items_of, push, small_account

from logentic.sandbox import Sandbox
from logentic.sandbox.history import cubic_feet


def test_items_billed_at_another_size_are_measured_and_corrected(tmp_path: Path) -> None:
    with Sandbox(small_account()) as sandbox:
        days = defaultdict[int, list[date]](list)
        for row in sandbox.state().rows("inventory_history"):
            days[row["id"]].append(row["date"])
        cheap, dear = items_of(sandbox)[:2]
        for item_id, factor in ((cheap, Decimal("1.1")), (dear, Decimal(8))):
            size = cubic_feet(sandbox.state().tables["items"][item_id]) * factor
            for day in days[item_id]:
                sandbox.alter("inventory_history", (item_id, day), cubic_size=size)
        file, sizes = tmp_path / "a.duckdb", tmp_path / "sizes.csv"
        loaded = logentic("run", "--db", file, cwd=tmp_path, **access(sandbox))
        assert loaded.returncode == 0, loaded.stderr
        proposed = push(sandbox, tmp_path, "items", sizes, "--from-findings")
        assert proposed.stdout.startswith(f"{sizes}: 2 items to measure, ")
        rows = list(csv.DictReader(sizes.open(encoding="utf-8-sig")))
        assert [int(row["id"]) for row in rows] == [dear, cheap]
        assert Decimal(rows[0]["_yearly_amount"]) > Decimal(rows[1]["_yearly_amount"]) > 0
        with duckdb.connect(str(file), read_only=True) as published:
            query = "select amount, occurrences from findings where kind = 'item_size_disagrees' and item_id = ?"
            amount, occurrences = published.execute(query, [dear]).fetchone() or ()
        assert abs(Decimal(rows[0]["_yearly_amount"]) - amount * 365 / Decimal(occurrences)) <= Decimal("0.005")
        known = sandbox.state().tables["items"][dear]
        assert abs(Decimal(rows[0]["_proposed_width_in"]) - 2 * known["width_in"]) <= Decimal("0.02")  # 8 = 2 * 2 * 2
        assert push(sandbox, tmp_path, "items", sizes).stdout == "items: 2 unchanged\n"  # nobody has measured yet
        refused = push(sandbox, tmp_path, "items", sizes, "--from-findings")
        assert (refused.returncode, "may hold measurements" in refused.stderr) == (2, True)

        rows[0] |= {"width_in": "20", "depth_in": "21.5", "height_in": "12"}
        with sizes.open("w", encoding="utf-8-sig", newline="") as corrected:
            writer = csv.DictWriter(corrected, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        done = push(sandbox, tmp_path, "items", sizes, "--apply", allow_writes=True)
        assert done.returncode == 0, done.stderr
        after = sandbox.state().tables["items"]
        assert [float(after[dear][side]) for side in ("width_in", "depth_in", "height_in")] == [20, 21.5, 12]
        assert after[cheap]["updated_at"] < after[dear]["updated_at"]
