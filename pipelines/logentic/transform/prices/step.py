"""The steps of the plan that learn prices and apply them."""

import pyarrow as pa

from logentic.price_terms import ChargeRate
from logentic.transform.prices.engine import Prices, learn_prices
from logentic.transform.prices.facts import Charges, read_facts
from logentic.transform.runner import StepContext

FACTS = "int_charge_facts"
LINES = "int_order_lines_measured"
CHARGE_PRICES = "charge_prices"


def write_learned_prices(context: StepContext) -> int:
    """Learn the account's prices; the price of each charge is kept for the step that writes it."""
    contract = [ChargeRate.model_validate(rate) for rate in context.settings["charge_rates"]]
    prices: Prices = learn_prices(_read_charges(context), contract)
    context.kept[CHARGE_PRICES] = prices.charge_prices
    learned = pa.concat_tables([prices.learned_prices, prices.beside_contract])
    context.engine.write_arrow(context.table, learned)
    return len(learned)


def _read_charges(context: StepContext) -> Charges:
    facts, lines = (context.engine.read_arrow(f"select * from {context.reads[name]}") for name in (FACTS, LINES))
    return read_facts(facts, 10 ** (4 - int(context.settings["minor_digits"])), lines)


def write_charge_prices(context: StepContext) -> int:
    """Write the price of each charge, as just learned."""
    prices: pa.Table = context.kept.pop(CHARGE_PRICES)
    context.engine.write_arrow(context.table, prices)
    return len(prices)
