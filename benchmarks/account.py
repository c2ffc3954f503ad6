"""Write an account of a chosen size to disk, as the JSON that a service would send.

For each list the folder has `LIST.rows` (its rows as JSON, one after another, commas between) and `LIST.starts` (where
each row begins); `account.json` has what filters need, and the counts and exact sums that a contender's tables are
checked against. The same size always gives the same bytes.

Rows are in the order of their ids, which is the order of their days. A size of 1 is 20,000 orders with 40,000 lines,
2,000 items, 200,000 rows of history (100 days), 20,000 stock records and 50,000 charges.
"""

import json
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from benchmarks.merchant import DAYS, LISTS, NOW, Merchant

SIZES = {"tiny": 0.01, "XS": 0.05, "S": 1, "M": 10, "10M": 100}
WHERE = Path(__file__).parents[1] / "build" / "benchmarks"
LAYOUT = 1  # counts up when the same size means other bytes


@dataclass
class Block:
    """Rows that every filter on days takes or leaves together."""

    first: int
    rows: int
    start: str
    end: str
    billed: str | None = None


@dataclass
class Table:
    """One list on its way to the disk."""

    folder: Path
    name: str
    rows: int = 0
    size: int = 0
    blocks: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rows = (self.folder / f"{self.name}.rows").open("wb")
        self._starts = (self.folder / f"{self.name}.starts").open("wb")
        self._times = (self.folder / f"{self.name}.times").open("wb")

    def add(self, texts: Sequence[str], start: str, end: str, billed: str | None = None) -> None:
        """Rows of one day, or of one month."""
        if not texts:
            return
        encoded = [text.encode() for text in texts]
        starts = array("Q", accumulate((len(row) + 1 for row in encoded), initial=self.size))
        self.size = starts.pop()
        self._rows.write(b",".join(encoded) + b",")
        starts.tofile(self._starts)
        self.blocks.append(Block(self.rows, len(encoded), start, end, billed))
        self.rows += len(encoded)

    def add_times(self, times: Sequence[int]) -> None:
        """When each row changed last, in seconds: for filters on `updated_at`."""
        array("q", times).tofile(self._times)

    def close(self) -> dict[str, Any]:
        array("Q", [self.size]).tofile(self._starts)
        for file in (self._rows, self._starts, self._times):
            file.close()
        return {"rows": self.rows, "blocks": [vars(block) for block in self.blocks]}


def prepare(size: str) -> Path:
    """The folder of an account of that size, made where it does not stand yet."""
    folder = WHERE / f"account-{size}"
    if (folder / "account.json").is_file():
        if json.loads((folder / "account.json").read_text("utf-8"))["layout"] == LAYOUT:
            return folder
        (folder / "account.json").unlink()
    folder.mkdir(parents=True, exist_ok=True)
    write_account(folder, SIZES[size])
    return folder


def write_account(folder: Path, scale: float) -> None:
    tables = {name: Table(folder, name) for name in LISTS}
    merchant = Merchant(scale, tables)
    for day in range(DAYS):
        merchant.day(day)
    lists = {name: table.close() for name, table in tables.items()}
    sums = {name: str(value) for name, value in merchant.sums.items()}
    counts = {name: table["rows"] for name, table in lists.items()}
    counts["orders__stored_items"] = 2 * counts["orders"]
    (folder / "account.json").write_text(
        json.dumps({"layout": LAYOUT, "now": NOW, "counts": counts, "sums": sums, "lists": lists}), "utf-8"
    )


if __name__ == "__main__":
    print(prepare(sys.argv[1]))
