"""Find the numbers that most charges agree on, in integers."""

import numpy as np

from logentic.transform.prices.facts import MISSING, RATE_SCALE, Charges, Integers

HALF_CENT = 5_000  # in millionths
CATEGORIES = ("order_type", "region", "warehouse")


def points_in_most(low: Integers, high: Integers, count: int = 3, whole: int = RATE_SCALE) -> list[int]:
    """Return the points that lie in most of the closed intervals, each with the fewest decimals possible.

    Intervals that contain a point are left out when the next one is sought. `whole` is the integer that stands for 1.
    """
    points: list[int] = []
    while len(points) < count and len(low):
        starts, ends = np.sort(low), np.sort(high)
        depth = np.searchsorted(starts, starts, "right") - np.searchsorted(ends, starts, "left")
        best = int(np.argmax(depth))
        if depth[best] < min(3, len(low)):
            break
        start = int(starts[best])
        point = fewest_decimals(start, max(start, int(ends[np.searchsorted(ends, start)])), whole)
        points.append(point)
        is_outside = (low > point) | (high < point)
        low, high = low[is_outside], high[is_outside]
    return points


def fewest_decimals(low: int, high: int, whole: int) -> int:
    """Return the number from `low` to `high` with the fewest decimals, closest to the middle."""
    step = whole
    while -(-low // step) * step > high:
        step //= 10
    first, last = -(-low // step), high // step
    return min(max((low + high) // 2 // step, first), last) * step


def differences(charges: Charges, amounts: Integers, values: Integers, alike: Integers | None = None) -> list[int]:
    """Return the rates per unit of `values` that explain most differences between successive charges.

    Only charges of the same category, with the same number in `alike`, are compared.
    """
    day = charges.column("charge_date")
    groups = [np.zeros(len(charges), np.int64) if alike is None else alike]
    rises, runs = [], []
    for group in [groups[0], *(charges.column(name) for name in CATEGORIES)]:
        if group is not groups[0] and (group == group[:1]).all():
            continue
        order = np.lexsort((day, group, groups[0]))
        for lag in (1, 2):
            later, earlier = order[lag:], order[:-lag]
            is_pair = (values[later] != values[earlier]) & (np.minimum(values[later], values[earlier]) != MISSING)
            is_pair &= (group[later] == group[earlier]) & (groups[0][later] == groups[0][earlier])
            later, earlier = later[is_pair], earlier[is_pair]
            rises.append(amounts[later] - amounts[earlier])
            runs.append(values[later] - values[earlier])
    rise, run = np.concatenate(rises), np.concatenate(runs)
    rise, run = np.where(run < 0, -rise, rise), np.abs(run)
    rise, run = rise[rise > 0], run[rise > 0]
    exact, counts = np.unique(
        (rise * RATE_SCALE // np.maximum(run, 1))[rise * RATE_SCALE % np.maximum(run * HALF_CENT, 1) == 0],
        return_counts=True,
    )
    rates = exact[np.argsort(-counts, kind="stable")[:5]].tolist()
    margin = charges.minor_unit - 1
    spans = points_in_most(-((margin - rise) * RATE_SCALE // run), (rise + margin) * RATE_SCALE // run, 2)
    return [rate for rate in dict.fromkeys([*rates, *spans]) if rate > 0]
