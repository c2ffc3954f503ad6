"""Define every number that decides whether a price is learned, trusted or used for exceptions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """Costs are counted in charges: leaving one charge unpriced costs 1, about 12 bits."""

    # The cost of stating a card. A price that explains fewer charges than it costs is not kept.
    price: float = 2  # a row of the card
    parameter: float = 1  # a number other than zero in it
    finer_decimal: float = 0.5  # each decimal of a rate beyond a cent: contracts rarely have many
    second_quantity: float = 1  # contracts with two quantities are rarer than those with one
    discovered: float = 1  # a divisor or a number of included units that was searched for
    step: float = 1  # a limit of weight, units or volume between two prices
    change_in_time: float = 3  # prices change rarely: a change costs as much as three wrong charges
    category: float = 0.5  # another region, order type, ... with its own price

    # Limits of the search.
    solved_share: float = 0.005  # of charges unpriced: below it, the search stops
    sample: int = 2_000  # charges for choosing a formula; limits between prices are placed on all charges
    voters: int = 600  # charges whose differences propose formulas
    constants: int = 80  # the most common amounts, proposed as fixed prices
    item_limits: int = 40  # limits of weight, volume and longest side that tell items apart
    surcharges: int = 4  # sets of items whose surcharge is tried with each price
    kept_formulas: int = 60  # formulas that are kept for the search for segments
    bins: int = 120  # candidate positions of a limit, before it is placed exactly
    days: int = 400  # the same for dates
    depth: int = 4  # nested segments: order type, region, weight, date
    searches: int = 60  # segments of one type that are searched
    windows: int = 5  # of time, whose cards are compared if no single card explains the type
    close: float = 1.05  # of the best split's cost: other splits up to it are searched as well
    worthwhile_share: float = 0.03  # of the charges: a split of a rough price with a smaller gain is not followed
    rough_share: float = 0.15  # of the charges unpriced: above it, one price does not describe them
    proposing_charges: int = 100  # a smaller segment uses formulas of the whole type, or a fixed amount
    # of a segment's charges explained by formulas of the whole type: it proposes none of its own
    covered_share: float = 0.95
    simple_card: float = 8  # a card that costs no more than this, or ...
    simple_share: float = 0.01  # ... no more than this share of its charges, is final
    nearly_solved_share: float = 0.02  # if it leaves no more charges unpriced than careless billing does

    # A price is trusted where it rests on enough charges. Semantics: "at least 90 % ... and at least 20 of them".
    trusted_charges: int = 20
    trusted_share: float = 0.90
    tier_charges: int = 8  # per tier without any deviation, in a table that explains nearly all of its charges
    tier_share: float = 0.95  # of that table's charges
    table_steps: int = 8  # below the open-ended tier: larger tables are stated as the search found them
    large_card: int = 12  # prices: in a larger card, a charge billed by another of its prices is not an exception
    segment_share: float = 0.85  # of the charges of the same categories, by any price of the card
    card_share: float = 0.50  # of the charges of the type: below it the type counts as unknown
    card_cost: float = 0.15  # of its charges: a card that costs more repeats the charges one by one

    # The day of a price change is uncertain: within these many days of it, both prices are accepted.
    late_days: int = 14  # after the end of a price
    early_days: int = 7  # before the beginning of a learned one

    # A charge that differs from a trusted price is an exception, unless one of these makes the price doubtful for it.
    fraction_tolerance: float = 0.02  # of the price, if it is a percentage or has fractions of a cent: rounding differs
    alike_in_price: float = 0.04  # of a price's charges with the same difference: a practice, not an error
    many_alike_in_price: float = 0.02  # the same, if there are many charges
    alike_in_month: float = 0.05  # of the type's charges in a month with the same difference or ratio
    alike_at_other_price: float = 0.0075  # of the type's charges with the same difference, all at another of its prices
    same_sign_in_month: float = 0.10  # of the type's charges in a month with differences in the same direction
    off_in_category: float = 0.25  # of the charges at the price of one region, order type, ... that differ
    alike: int = 3  # fewer charges are not a pattern
    many_alike: int = 10
    same_sign: int = 5  # up to four errors in one direction may be chance
    steps_off: int = 5  # multiples of the difference between two prices, such as heavy units that no fact counts
    neighbours: int = 10  # adjacent charges by day or weight: if half of them differ, the price does not apply there


DEFAULT = Thresholds()
