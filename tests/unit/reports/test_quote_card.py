"""Cards are read exactly, and each mistake is named by line and field."""

from decimal import Decimal
from pathlib import Path

import pytest

from logentic.errors import UsageError
from logentic.reports.quote.card import CardError, read_card
from logentic.reports.quote.packaging import read_measured

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples" / "cards").glob("*.toml"))
TABLE = """name = "zones"
[[zone_tables]]
charge_type = "shipping"
per = "started_weight"
zones = { near = "QC", far = "*" }
rows = [
  { upto = 1, near = 5, far = 7.25 },
  { upto = 5, near = 6, far = 9 },
]
"""


def mistakes(folder: Path, text: str) -> list[str]:
    path = folder / "card.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(CardError) as caught:
        read_card(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.mistakes]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_cards(path: Path) -> None:
    card = read_card(path)

    assert card.rates
    assert card.storage
    assert card.currency == "CAD"


def test_there_is_an_example_for_each_family() -> None:
    families = {"per-order", "first-and-additional", "per-unit", "zones-and-weight", "pallets", "monthly"}

    assert {path.stem for path in EXAMPLES} == families


def test_a_zone_table_is_one_price_for_each_zone_and_step(tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(TABLE + "above = { near = 0.30, far = 0.55 }\n", "utf-8")
    rates = read_card(tmp_path / "card.toml").rates

    assert [(rate.fixed, rate.segment, rate.per_unit, rate.included) for rate in rates] == [
        (5, {"region": "QC", "started_weight": "..1"}, 0, 0),
        (6, {"region": "QC", "started_weight": "1..5"}, 0, 0),
        (6, {"region": "QC", "started_weight": "5.."}, Decimal("0.30"), 5),
        (Decimal("7.25"), {"started_weight": "..1"}, 0, 0),
        (9, {"started_weight": "1..5"}, 0, 0),
        (9, {"started_weight": "5.."}, Decimal("0.55"), 5),
    ]


RATE = '[[charge_rates]]\ncharge_type = "a"\n'
MISTAKES = {
    'name = "x"\n[[fees]\n': ["2: Expected ']]' at the end of an array declaration"],
    f'name = "x"\n{RATE}fixed = 1\nprice = 2\n': ["5: charge_rates 1, price: this field is not known"],
    f'name = "x"\n{RATE}per_unit = -1\nper = "units"\n': [
        "4: charge_rates 1, per_unit: input should be greater than or equal to 0"
    ],
    f'name = "x"\n{RATE}fixed = 1\n\n{RATE}fixed = 0.00001\n': [
        "6: charge_rates 2: fixed = 0.00001 has more than 4 decimals"
    ],
    'name = "x"\n[[fees]]\ncharge_type = "a"\n[[fees]]\namount = 3\n': [
        "2: fees 1, amount: this field is missing",
        "4: fees 2, charge_type: this field is missing",
    ],
    'name = "x"\n[[storage]]\nrate = 20\nunit = "pallet"\n': [
        "2: storage 1: unit_size is missing: how many cubic feet a pallet holds"
    ],
    'name = "x"\n': ["1: the card has no price: write [[charge_rates]], [[zone_tables]], [[storage]] or [[fees]]"],
    TABLE.replace(", far = 9", ""): ["8: zone_tables 1, rows 2: far is missing"],
    TABLE.replace("upto = 5", "upto = 1"): ["8: zone_tables 1, rows 2: upto = 1 is not above the row before it"],
    TABLE.replace('"*"', '"QC|ON"'): ["5: zone_tables 1, zones: QC is in two zones: leave it in one of them"],
    TABLE + "above = { near = 1 }\n": [
        "10: zone_tables 1, above: far is missing in zones or in above: both have the same names"
    ],
    f'name = "x"\nincluded = ["A"]\n{RATE}fixed = 1\n': [
        "2: included: a has a price in this card: leave one of them"
    ],
    f'name = "x"\n{RATE}fixed = 1\n{RATE}fixed = 2\n': [
        "2: charge_rates: two prices of a hold at once: end one before the other begins (entries 1 and 2)"
    ],
    f'name = "x"\n{RATE}fixed = 1\n[[minimums]]\namount = 9\nof = ["b"]\n': [
        "7: minimums 1, of: the card has no price of b"
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES, ids=[lines[0].partition(": ")[2][:40] for lines in MISTAKES.values()])
def test_a_mistake_is_named_by_line_and_field(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text) == MISTAKES[text]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item,width_in\nA,1\n", ":2: only 1 of three sides are given"),
        ("item,weight\nA,-1\n", ":2: weight = -1 is no size"),
        ("item,weight\nA,1\nA,2\n", ":3: A was measured above"),
        ("sku,weight\nA,1\n", ":1: the columns are not item, width_in, depth_in, height_in, weight"),
    ],
)
def test_measured_sizes_are_refused_by_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "sizes.csv").write_text(text, "utf-8")
    with pytest.raises(UsageError, match=message):
        read_measured(tmp_path / "sizes.csv")
