"""Search for the cheapest card of one type of charge: formulas, and the segments and dates between them.

The objective is a description length: the cost of stating the card, plus one for each charge that it leaves unpriced.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from logentic.price_terms import CATEGORIES
from logentic.transform.prices.card import EPOCH, Condition, OneOf, Range
from logentic.transform.prices.facts import (
    COUNTS,
    DAYS,
    MEASURES,
    MISSING,
    MONTH_VOLUMES,
    QUANTITY_SCALE,
    RATE_SCALE,
    SIZES,
    Booleans,
    Charges,
    Integers,
    Quantity,
)
from logentic.transform.prices.formulas import (
    DIVISORS,
    Formula,
    Known,
    bounds,
    dimensional_weight,
    first_and_additional,
    fixed_amounts,
    per_unit,
    percentages,
    rounded_parts,
    surcharges,
    two_quantities,
)
from logentic.transform.prices.thresholds import DEFAULT as LIMITS
from logentic.transform.prices.votes import fewest_decimals

Proposal = Callable[[Charges, Known], Iterator[Formula]]
# From simple to complex: a stage is tried only if the ones before it leave charges unpriced. The second proposals of
# each stage build on the results of the first.
STAGES: tuple[tuple[tuple[Proposal, ...], tuple[Proposal, ...]], ...] = (
    ((per_unit,), (first_and_additional,)),
    ((per_unit, two_quantities, dimensional_weight), (first_and_additional, surcharges, rounded_parts)),
    ((per_unit, percentages), (first_and_additional,)),
)
NUMBERS = (*map(Quantity, (*MONTH_VOLUMES, *COUNTS, *MEASURES, "value", *SIZES)),)
DIMENSIONAL = tuple(Quantity("weight", divisor=divisor) for divisor in DIVISORS)
TIMES = tuple(map(Quantity, DAYS))  # the first of those that fit equally well
LARGEST_CATEGORY = 80  # values; a category with more of them is a list of names


@dataclass(frozen=True)
class Part:
    """One price of a plan: its conditions, its formula, and by how many charges it beats the next best one."""

    conditions: tuple[Condition, ...]
    formula: Formula
    margin: float


@dataclass(frozen=True)
class Draft:
    """A card under consideration: its parts, the charges it leaves unpriced, and its total cost, in charges."""

    parts: tuple[Part, ...]
    missed: float
    cost: float

    def explains(self, charges: Charges) -> Booleans:
        is_explained = np.zeros(len(charges), bool)
        for part in self.parts:
            held = np.ones(len(charges), bool)
            for condition in part.conditions:
                held &= condition.holds(charges)
            if held.any():
                is_explained[held] = part.formula.explains(charges.take(held))
        return is_explained

    @property
    def own_cost(self) -> float:
        return self.cost - self.missed


Option = Formula | Draft  # how the charges of a segment may be priced


@dataclass(frozen=True)
class Split:
    """Prices that differ by a category, or along a quantity or day: each step then has its lowest value and option."""

    cost: float  # a lower bound, until the segments are searched
    axis: Quantity | str
    steps: tuple[tuple[int, int], ...] = ()


class Search:
    """The search for one type of charge, with a limited number of segments to search."""

    def __init__(self, stage: int) -> None:
        self.proposals = STAGES[stage]
        self.numbers = NUMBERS + (DIMENSIONAL if dimensional_weight in self.proposals[0] else ())
        self.searches = LIMITS.searches
        self._whole: Candidates | None = None

    def single(self, charges: Charges) -> Draft:
        """Return the cheapest single price of all charges of the type."""
        self._whole = self._candidates(charges.sample(LIMITS.sample), ())
        first, margin = _winner(self._whole.costs + (~self._whole.matrix).sum(1))
        return self._single(self._whole.options[first], charges, margin)

    def plan(
        self, charges: Charges, known: Sequence[Formula] = (), depth: int = LIMITS.depth, has_time: bool = False
    ) -> Draft:
        """Return the cheapest plan found for these charges."""
        self.searches -= 1
        sample = charges.sample(LIMITS.sample)
        candidates = self._whole if self._whole and depth == LIMITS.depth else self._candidates(sample, known)
        leaf_costs = candidates.costs + (~candidates.matrix).sum(1)
        first, margin = _winner(leaf_costs)
        best = self._single(candidates.options[first], charges, margin)
        is_small = len(charges) < LIMITS.trusted_charges
        if best.missed <= max(1, LIMITS.solved_share * len(charges)) or is_small or depth == 0 or self.searches <= 0:
            return best
        # A split must pay off on the sample alone: a pattern in a few of its charges may be chance.
        splits = sorted(self._splits(candidates, has_time), key=lambda split: split.cost)
        # If one price explains most charges, accept any gain; otherwise a split must lead to a usable card.
        is_rough = best.missed > LIMITS.rough_share * len(charges)
        if not splits or splits[0].cost >= leaf_costs[first] - is_rough * LIMITS.worthwhile_share * len(sample):
            return best
        kinds = {(isinstance(split.axis, str), split.axis in TIMES): split for split in reversed(splits)}
        for split in sorted(kinds.values(), key=lambda split: split.cost):
            if split.cost <= LIMITS.close * splits[0].cost:
                if isinstance(split.axis, str):
                    plan = self._by_category(charges, split.axis, candidates, depth, has_time, best)
                else:
                    plan = self._by_axis(charges, split.axis, candidates, split.steps, depth, has_time)
                best = min(best, plan, key=lambda plan: plan.cost)
        return best

    def _splits(self, candidates: "Candidates", has_time: bool) -> Iterator[Split]:
        # Within a period, the volume of the month identifies the month.
        numbers = [axis for axis in self.numbers if not (has_time and axis.column in MONTH_VOLUMES)]
        for axis in (*numbers, *(() if has_time else TIMES)):
            if split := candidates.steps(axis):
                yield split
        for name in CATEGORIES:
            if split := candidates.by_category(name):
                yield split

    def by_period(self, charges: Charges) -> Draft | None:
        """Return the plan whose whole card changes on some days; the candidates are cards of windows of time."""
        days = charges.column("charge_date")
        edges = np.quantile(days, np.linspace(0, 1, LIMITS.windows + 1)).astype(np.int64)
        windows = [charges.take((days >= low) & (days <= high)) for low, high in pairwise(edges)]
        plans: list[Option] = []
        for window in windows:
            self.searches = LIMITS.searches
            plans.append(self.plan(window, has_time=True))
        sample = charges.sample(LIMITS.sample)
        candidates = Candidates.of(plans, sample)
        splits = [split for axis in TIMES if (split := candidates.steps(axis))]
        self.searches = LIMITS.searches
        best = min(splits, key=lambda split: split.cost, default=None)
        if best is None or isinstance(best.axis, str):
            return None
        return self._by_axis(charges, best.axis, candidates, best.steps, LIMITS.depth, True)

    def _needs_search(self, missed: float, charges: Charges) -> bool:
        """Return whether a segment is worth searching: more charges are off than careless billing explains."""
        return self.searches > 0 and missed > max(1, LIMITS.nearly_solved_share * len(charges))

    def _candidates(self, sample: Charges, known: Sequence[Formula]) -> "Candidates":
        """Return the candidate prices: formulas of the whole type, and those that these charges propose."""
        voters = sample.sample(LIMITS.voters)
        found: list[Formula] = [*known, *fixed_amounts(voters)]
        is_small = len(sample) < LIMITS.proposing_charges
        if not known or not (is_small or self._covered(found, voters) >= LIMITS.covered_share):
            found += (formula for propose in self.proposals[0] for formula in propose(voters, ()))
            lines = Candidates.of(found, voters).best(20)
            found += (formula for propose in self.proposals[1] for formula in propose(voters, lines))
            found += bounds(voters, Candidates.of(found, voters).best(10))
        return Candidates.of(found or [Formula()], sample)

    def _covered(self, formulas: Sequence[Formula], charges: Charges) -> float:
        return float(explanations(formulas, charges).any(0).mean())

    def _single(self, option: Option, charges: Charges, margin: float) -> Draft:
        """Return the plan that prices all of the charges by one option."""
        missed = int((~option.explains(charges)).sum())
        if isinstance(option, Draft):
            return replace(option, missed=missed, cost=missed + option.own_cost)
        return Draft((Part((), option, margin),), missed, missed + option.cost)

    def _by_axis(
        self,
        charges: Charges,
        axis: Quantity,
        candidates: "Candidates",
        steps: Sequence[tuple[int, int]],
        depth: int,
        has_time: bool,
    ) -> Draft:
        """Return the plan whose prices change along a quantity or in time; each segment may have its own plan."""
        values = charges.quantity(axis)
        is_time = axis in TIMES
        options = [candidates.options[index] for _, index in steps]
        limits = [
            self._limit(charges.take((values >= start) & (values < end)), axis, left, right)
            for (start, _, end), (left, right) in zip(
                _triples([low for low, _ in steps]), pairwise(options), strict=True
            )
        ]
        parts: list[Part] = []
        missed = float((values == MISSING).sum())
        cost = missed + (LIMITS.change_in_time if is_time else LIMITS.step) * len(limits)
        limits = list(accumulate(limits, max))
        for above, upto, option in zip([None, *limits], [*limits, None], options, strict=True):
            condition = Range(axis, above, upto)
            inside = charges.take(condition.holds(charges))
            if not len(inside):
                continue
            margin = candidates.margin(condition)
            plans = (self._single(choice, inside, margin) for choice in self._simpler(option, candidates, inside))
            plan = min(plans, key=lambda plan: plan.cost)
            if self._needs_search(plan.missed, inside):
                nested = self.plan(inside, candidates.formulas, depth - 1, has_time or is_time)
                plan = min(plan, replace(nested, cost=nested.cost + LIMITS.step), key=lambda plan: plan.cost)
            parts += _within(condition, plan)
            missed, cost = missed + plan.missed, cost + plan.cost
        return Draft(tuple(parts), missed, cost)

    def _simpler(self, option: Option, candidates: "Candidates", charges: Charges) -> list[Option]:
        """Return an option, and the best formula that is cheaper to state: a segment may need only a fixed amount."""
        sample = charges.sample(LIMITS.voters)
        formulas = [*candidates.formulas, *fixed_amounts(sample)]
        cheaper = [formula for formula in formulas if formula.cost < _own_cost(option)]
        return [option, *Candidates.of(cheaper, sample).best(1)] if cheaper else [option]

    def _limit(self, charges: Charges, axis: Quantity, left: Option, right: Option) -> int:
        """Return the limit between two prices: where the fewest charges are off and, among those, the roundest number
        or day.
        """
        order = np.argsort(charges.quantity(axis), kind="stable")
        charges = charges.take(order)
        values = charges.quantity(axis)
        gain = np.cumsum(left.explains(charges).astype(np.int64) - right.explains(charges))
        ends = np.flatnonzero(np.diff(values, append=values[-1] + 1))  # the last charge of each value
        best = int(np.argmax(gain[ends[:-1]])) if len(ends) > 1 else 0
        last = best
        while last + 2 < len(ends) and gain[ends[last + 1]] == gain[ends[best]]:
            last += 1
        low, high = int(values[ends[best]]), int(values[ends[min(last + 1, len(ends) - 1)]]) - 1
        if axis not in TIMES:
            return fewest_decimals(low, max(low, high), QUANTITY_SCALE)
        starts = [day for day in range(low + 1, high + 2) if (EPOCH + timedelta(day)).day == 1]
        return (starts[0] - 1) if starts else high

    def _by_category(
        self,
        charges: Charges,
        name: str,
        candidates: "Candidates",
        depth: int,
        has_time: bool,
        best: Draft,
    ) -> Draft:
        """Return the plan with separate prices for values of a category, or `best` if that costs less.

        Values with the same plan share it.
        """
        codes, counts = np.unique(charges.column(name), return_counts=True)
        plans: dict[Draft, list[str]] = {}
        missed = cost = 0.0
        for code in codes[np.argsort(-counts, kind="stable")]:
            inside = charges.take(charges.column(name) == code)
            offs = {plan: int((~plan.explains(inside)).sum()) for plan in plans}
            chosen = min(offs, key=lambda plan: offs[plan], default=None)
            if chosen is None or self._needs_search(offs[chosen], inside):
                own = self.plan(inside, candidates.formulas, depth - 1, has_time)
                if chosen is None or own.cost + LIMITS.category < offs[chosen]:
                    chosen, offs[own] = own, int(own.missed)
                    cost += own.cost - own.missed + LIMITS.category
            plans.setdefault(chosen, []).append(charges.labels[name][code])
            missed, cost = missed + offs[chosen], cost + offs[chosen]
            if cost >= best.cost:
                return best
        if len(plans) == 1:
            return best
        parts: list[Part] = []
        for found, values in plans.items():
            plan, condition = found, OneOf(name, tuple(sorted(values)))
            if len(values) > 1:  # if single values have too few charges, all values together may have enough
                inside = charges.take(condition.holds(charges))
                shared = self._single(plan, inside, 0)
                if self._needs_search(shared.missed, inside):
                    own = self.plan(inside, candidates.formulas, depth - 1, has_time)
                    if own.cost < shared.cost:
                        plan = own
                        missed, cost = missed + own.missed - shared.missed, cost + own.cost - shared.cost
            parts += _within(condition, plan)
        return Draft(tuple(parts), missed, cost)


@dataclass(frozen=True)
class Candidates:
    """Formulas and, for each charge of a sample, whether they explain it."""

    options: list[Option]
    costs: NDArray[np.float64]
    matrix: NDArray[np.bool_]
    charges: Charges

    @classmethod
    def of(cls, options: Iterable[Option], charges: Charges) -> "Candidates":
        """Keep one option of those that explain the same charges, and those that explain what no other does."""
        ordered = sorted(dict.fromkeys(options), key=_own_cost)
        matrix, costs = explanations(ordered, charges), np.array([_own_cost(option) for option in ordered])
        seen: dict[bytes, int] = {}
        for index, row in enumerate(np.packbits(matrix, axis=1)):
            seen.setdefault(row.tobytes(), index)
        first = np.array(list(seen.values()), np.int64)
        kept = first[np.array(list(_cover(matrix[first], costs[first])), np.int64)]
        return cls([ordered[index] for index in kept], costs[kept], matrix[kept], charges)

    @property
    def formulas(self) -> list[Formula]:
        return [option for option in self.options if isinstance(option, Formula)]

    def best(self, count: int) -> list[Formula]:
        order = np.argsort(self.costs - self.matrix.sum(1), kind="stable")[:count]
        return [option for index in order if isinstance(option := self.options[index], Formula)]

    def steps(self, axis: Quantity) -> Split | None:
        """Return the cheapest sequence of options along an axis, if it is more than one.

        A dynamic programme over bins of values: the misses of a bin are a sum over its charges, so it is exact. Where
        the options change, a second one looks at each value, so that bins decide between no two axes.
        """
        values = self.charges.quantity(axis)
        order = np.argsort(values, kind="stable")
        order = order[values[order] != MISSING]
        missing = len(values) - len(order)
        if missing * 10 > len(values) or len(order) == 0:
            return None
        distinct = np.flatnonzero(np.diff(values[order], prepend=values[order[0]] - 1))
        if len(distinct) < 2:
            return None
        switch = LIMITS.change_in_time if axis in TIMES else LIMITS.step
        matrix, starts = self.matrix[:, order].astype(np.int32), distinct
        if is_coarse := len(distinct) > (LIMITS.days if axis in TIMES else LIMITS.bins):
            places = np.linspace(0, len(order) - 1, LIMITS.bins)
            starts = distinct[np.unique(np.searchsorted(distinct, places, "right") - 1)]
        cost, steps = self._cheapest(matrix, starts, switch)
        if is_coarse and len(steps) > 1:
            ends = np.append(starts, len(order))
            near = np.searchsorted(starts, [start for start, _ in steps[1:]])
            finer = [distinct[(distinct >= ends[at - 1]) & (distinct < ends[at + 1])] for at in near]
            cost, steps = self._cheapest(matrix, np.unique(np.concatenate([starts, *finer])), switch)
        if len(steps) < 2:
            return None
        found = tuple((int(values[order[start]]), option) for start, option in steps)
        # Do not add a divisor that the prices themselves already use.
        used = {quantity.divisor for _, option in steps for quantity in _quantities(self.options[option])}
        return Split(cost + missing + LIMITS.discovered * (axis.divisor not in used | {0}), axis, found)

    def _cheapest(
        self, matrix: NDArray[np.int32], starts: Integers, switch: float
    ) -> tuple[float, list[tuple[int, int]]]:
        """Return the cost of the cheapest sequence of options, and where each begins; it changes at `starts` only."""
        sizes = np.diff(starts, append=matrix.shape[1])
        misses = (sizes - np.add.reduceat(matrix, starts, axis=1)).T
        total = self.costs + misses[0]
        is_switch = np.zeros(misses.shape, bool)
        sources = np.zeros(len(starts), np.int64)
        for index in range(1, len(starts)):
            sources[index] = np.argmin(total)
            switched = total[sources[index]] + switch + self.costs
            is_switch[index] = switched < total
            total = np.minimum(total, switched) + misses[index]
        option, steps = int(np.argmin(total)), list[tuple[int, int]]()
        cost = float(total[option])
        for index in range(len(starts) - 1, -1, -1):
            if index == 0 or is_switch[index, option]:
                steps.append((int(starts[index]), option))
                option = int(sources[index])
        return cost, steps[::-1]

    def by_category(self, name: str) -> Split | None:
        """Return the split where each value of a category has its own best option."""
        codes, values = np.unique(self.charges.column(name), return_inverse=True)
        if not 1 < len(codes) <= LARGEST_CATEGORY:
            return None
        groups = np.eye(len(codes), dtype=np.float32)[values]
        misses = (~self.matrix).astype(np.float32) @ groups
        best = np.unique((misses + self.costs[:, None]).argmin(0))
        return Split(float(misses.min(0).sum() + self.costs[best].sum() + LIMITS.category * len(best)), name)

    def margin(self, condition: Range) -> float:
        return _winner(self.costs + (~self.matrix[:, condition.holds(self.charges)]).sum(1))[1]


def _own_cost(option: Option) -> float:
    return option.cost if isinstance(option, Formula) else option.own_cost


def _quantities(option: Option) -> Iterator[Quantity]:
    formulas = [option] if isinstance(option, Formula) else [part.formula for part in option.parts]
    return (quantity for formula in formulas for _, quantity in formula.terms)


def explanations(options: Sequence[Option], charges: Charges) -> NDArray[np.bool_]:
    """Return, for each option, which charges it explains; all at once for formulas that differ only in their fixed
    part.
    """
    matrix = np.empty((len(options), len(charges)), bool)
    groups: dict[tuple[tuple[int, Quantity], ...], list[Formula]] = {}
    rows: dict[tuple[tuple[int, Quantity], ...], list[int]] = {}
    for index, option in enumerate(options):
        if isinstance(option, Formula) and option.minimum is None and option.maximum is None:
            groups.setdefault(option.terms, []).append(option)
            rows.setdefault(option.terms, []).append(index)
        else:
            matrix[index] = option.explains(charges)
    for terms, formulas in groups.items():
        exact = Formula(terms=terms).exact(charges)
        rest = charges.amounts * RATE_SCALE - exact
        fixed = np.array([formula.fixed * RATE_SCALE for formula in formulas])
        is_near = np.abs(rest - fixed[:, None]) * 2 <= charges.minor_unit * RATE_SCALE
        matrix[rows[terms]] = is_near & (exact != MISSING)
    return matrix


def _winner(costs: NDArray[np.float64]) -> tuple[int, float]:
    """Return the index of the lowest cost, and its distance from the next lowest."""
    order = np.argsort(costs, kind="stable")
    return int(order[0]), float(costs[order[1]] - costs[order[0]]) if len(costs) > 1 else 0.0


def _cover(matrix: NDArray[np.bool_], costs: NDArray[np.float64]) -> Iterator[int]:
    """Yield the options that explain most, the simplest, and then those that explain most of the remainder."""
    gains, left = matrix.sum(1), np.ones(matrix.shape[1], bool)
    simple = np.argsort(costs, kind="stable")[:15].tolist()
    chosen = dict.fromkeys([*np.argsort(costs - gains, kind="stable")[:15].tolist(), *simple])
    covered = matrix[list(chosen)].any(0)
    while covered.any() and len(chosen) < LIMITS.kept_formulas:
        gains, left = gains - matrix[:, covered].sum(1), left & ~covered
        index = int(np.argmax(gains))
        if gains[index] < LIMITS.price:
            break
        chosen[index] = None
        covered = matrix[index] & left
    yield from chosen


def _within(condition: Condition, plan: Draft) -> Iterator[Part]:
    for part in plan.parts:
        yield replace(part, conditions=(condition, *part.conditions))


def _triples(starts: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield, for each limit, the lowest value before it, at it, and the end of the segment after it."""
    bounds = [*starts, 2**61]
    return zip(bounds[:-2], bounds[1:-1], bounds[2:], strict=True)
