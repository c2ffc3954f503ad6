"""One account of a practice: its world, its charges, and the truth about both."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from benchmarks.practices.billing import Charge, charges_of
from benchmarks.practices.catalogue import HELD_OUT_SEEDS, PRACTICES, RATES, TUNED, TUNED_SEEDS, Practice
from benchmarks.practices.contract import Contract
from benchmarks.practices.errors import Injector, Missing
from benchmarks.practices.prices import ZERO
from benchmarks.practices.world import NOW, TODAY, World, make_world

FIRST_CHARGE, FIRST_INVOICE = 300_001, 9_001
WEEKLY = 6  # a price of more periods changes by the week
PROBES = 20  # a price that fewer right charges follow is no price that could be learned


@dataclass
class PracticeAccount:
    practice: Practice
    seed: int
    percent: int
    contract: Contract
    world: World
    charges: list[Charge]  # all until the horizon, those that nobody has seen yet included
    missing: list[Missing]

    @property
    def name(self) -> str:
        return f"{self.practice.name}, seed {self.seed}, {self.percent} %"

    @property
    def split(self) -> str:
        return "tuned" if self.practice.name in TUNED else "held_out"

    def visible(self) -> list[Charge]:
        return [charge for charge in self.charges if charge.created_at <= NOW]

    def invoices(self) -> dict[date, int]:
        """Return the payment id of each billed date."""
        billed = sorted({charge.bill.billed for charge in self.charges})
        return {day: FIRST_INVOICE + number for number, day in enumerate(billed)}

    def wrong(self) -> dict[tuple[str, str], tuple[Decimal, str | None]]:
        """Return what is wrong, as (rule, charge id, or order id and type): the money, and why nobody could know it."""
        found = {
            (charge.rule, str(charge.charge_id)): (_at_stake(charge), charge.beyond)
            for charge in self.visible()
            if charge.rule
        }
        lost = {("missing_charge", f"{m.order_id} {m.charge_type}"): (m.right, m.beyond) for m in self.missing}
        return found | lost

    def formulas(self) -> dict[str, list[Charge]]:
        """Return the charges that show each price of the contract which enough right charges follow.

        A price that changes every week is one formula, however many weeks there are.
        """
        weekly = {term.charge_type for term in self.contract.terms if len(term.periods) > WEEKLY}
        shown: dict[str, list[Charge]] = {}
        for charge in self.visible():
            if charge.formula and charge.rule in (None, "rate_deviation", "storage_overbilled", "storage_underbilled"):
                charge_type, first, segment = charge.formula.split("|")
                first = "every week" if charge_type in weekly else first
                shown.setdefault(f"{charge_type}|{first}|{segment}", []).append(charge)
        return {
            name: charges
            for name, charges in shown.items()
            if sum(charge.rule is None for charge in charges) >= PROBES or name.startswith("storage|")
        }

    def unbilled(self, as_of: date) -> Decimal:
        """Return what the bills that follow charge for the days up to and including as_of.

        A charge for a longer period counts with what its days cost, else with its share of days. Credits to come, and
        charges for what happens later on the day of NOW, are left out: nobody could expect them.
        """
        total = ZERO
        for charge in self.charges:
            is_to_come = charge.created_at > NOW
            if charge.bill.billed <= TODAY or charge.start > as_of or (is_to_come and charge.is_credit):
                continue
            if charge.happened_at and charge.happened_at > NOW:
                continue
            length = (charge.end - charge.start).days + 1
            past = min((as_of - charge.start).days + 1, length)
            if past < length and charge.by_day:
                total += sum(charge.by_day[:past], ZERO)
            else:
                total += charge.amount * past / length
        return total


def _at_stake(charge: Charge) -> Decimal:
    if charge.rule in ("rate_deviation", "storage_overbilled", "storage_underbilled"):
        return abs(charge.amount - charge.right)
    return abs(charge.amount)


def make_account(name: str, seed: int, percent: int) -> PracticeAccount:
    practice = PRACTICES[name]
    contract = practice.contract(seed)
    world = make_world(seed, practice.shape)
    charges = charges_of(contract, world, seed)
    missing = Injector(practice, contract, world, charges, seed).run(percent) if percent else []
    for number, charge in enumerate(charges):
        charge.charge_id = FIRST_CHARGE + number
    return PracticeAccount(practice, seed, percent, contract, world, charges, missing)


def accounts() -> Iterator[tuple[str, int, int]]:
    """Yield every account that is measured: practice, seed, per cent of wrong charges."""
    for number in range(len(RATES)):
        for name in PRACTICES:
            yield name, (TUNED_SEEDS if name in TUNED else HELD_OUT_SEEDS)[number], RATES[number]
