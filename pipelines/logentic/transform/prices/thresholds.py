"""Every number that decides whether a price is learned, trusted or held against a charge."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """Costs are counted in charges: 1 is what it costs to leave one charge unpriced, about 12 bits."""

    # What a card costs to state. A price that explains fewer charges than it costs is not worth stating.
    price: float = 2  # a row of the card
    parameter: float = 1  # a number other than zero in it
    finer_decimal: float = 0.5  # each decimal of a rate below a cent: contracts rarely have many
    second_quantity: float = 1  # contracts that count two things are rarer than those that count one
    discovered: float = 1  # a divisor or a number of included units that was searched for
    step: float = 1  # a limit of weight, units or volume between two prices
    change_in_time: float = 3  # prices change rarely: a day between two prices costs as much as three wrong charges
    category: float = 0.5  # a further region, order type, ... with a price of its own

    # How far the search goes.
    solved_share: float = 0.005  # of charges unpriced: below it nothing more complicated is tried
    sample: int = 2_000  # charges that a formula is chosen on; limits between prices are placed on all of them
    voters: int = 600  # charges whose differences propose formulas
    constants: int = 80  # the commonest amounts, proposed as fixed prices
    item_limits: int = 40  # of weight, volume and longest side, by which items are told apart
    surcharges: int = 4  # sets of items whose surcharge is looked for beside each price
    kept_formulas: int = 60  # formulas that go on to the search for segments
    bins: int = 120  # places where a limit is first looked for, before it is placed exactly
    days: int = 400  # the same in time
    depth: int = 4  # nested segments: order type, region, weight, date
    searches: int = 60  # segments of one type that are looked into
    windows: int = 5  # of time, whose cards are compared where no single card explains the type
    close: float = 1.05  # of the best split's cost: others up to it are looked into as well
    worthwhile_share: float = 0.03  # of the charges: a split of a rough price that gains less leads nowhere
    rough_share: float = 0.15  # of the charges unpriced: from here on one price is no description of them
    proposing_charges: int = 100  # a smaller segment follows formulas of the whole, or has an amount of its own
    covered_share: float = 0.95  # of a segment's charges that formulas of the whole explain: it proposes none itself
    simple_card: float = 8  # a card that costs no more, or ...
    simple_share: float = 0.01  # ... no more than this share of its charges, is not improved upon
    nearly_solved_share: float = 0.02  # where it leaves no more charges unpriced than careless billing does

    # A price is trusted where it rests on enough charges. Semantics: "at least 90 % ... and at least 20 of them".
    trusted_charges: int = 20
    trusted_share: float = 0.90
    tier_charges: int = 8  # of one tier without any deviation, in a table that explains nearly all of its charges
    tier_share: float = 0.95  # of that table's charges
    table_steps: int = 8  # below the open tier: more of them are stated as the search found them
    large_card: int = 12  # prices: with more of them, a charge that is billed by another one is not accused
    segment_share: float = 0.85  # of the charges of the same categories, by whichever price of the card
    card_share: float = 0.50  # of the charges of the type: below it nothing is known about the type
    card_cost: float = 0.15  # of its charges: a card that is costlier to state repeats the charges one by one

    # On which day a price changes is fuzzy: these many days around it both are right.
    late_days: int = 14  # after the end of a price
    early_days: int = 7  # before the beginning of a learned one

    # A charge off a trusted price is accused, unless one of these makes the price doubtful for it.
    fraction_tolerance: float = 0.02  # of the price, where it is a percentage or has parts of a cent: rounding differs
    alike_in_price: float = 0.04  # of a price's charges with the same difference: a practice, not an error
    many_alike_in_price: float = 0.02  # the same, of many charges
    alike_in_month: float = 0.05  # of the type's charges in a month with the same difference or ratio
    alike_at_other_price: float = 0.0075  # of the type's charges with the same difference, all at another of its prices
    same_sign_in_month: float = 0.10  # of the type's charges in a month off in the same direction
    off_in_category: float = 0.25  # of the charges at the price of one region, order type, ...
    alike: int = 3  # fewer charges are no pattern
    many_alike: int = 10
    same_sign: int = 5  # chance alone puts four errors on one side
    steps_off: int = 5  # multiples of a difference between two prices, such as heavy units that no fact counts
    neighbours: int = 10  # charges next to it by day, or by weight: where half are off, the price does not hold there


DEFAULT = Thresholds()
