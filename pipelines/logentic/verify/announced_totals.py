"""Read how many records the service announces for windows, without reading the records."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from logentic.api.client import Client
from logentic.api.pagination import read_page
from logentic.errors import Refused
from logentic.extract.windows import Window
from logentic.resources import Resource

# Units by which both bounds are moved outwards, if the service includes both, one, or neither.
SHIFTS = ((0, 0), (0, 1), (1, 1))
TRIES = 3


class AnnouncedTotals:
    """`shift` is the first of `SHIFTS` until `read_matching_totals` finds another."""

    def __init__(self, client: Client, resource: Resource, connections: int) -> None:
        self.shift = SHIFTS[0]
        self._client, self._resource, self._connections = client, resource, connections

    def read_matching_totals(self, pieces: Sequence[Window]) -> list[int] | None:
        """Return totals of adjacent windows that add up to the total of all; None if no shift achieves that."""
        whole = replace(pieces[-1], start=pieces[0].start, before=pieces[0].before)
        for self.shift in SHIFTS:
            for _ in range(TRIES):
                announced, totals = self.read_total(whole), self.read_totals(pieces)
                if sum(totals) == announced:
                    return totals
                if self.read_total(whole) == announced:
                    break  # nothing changed meanwhile, so the shift is wrong
        return None

    def read_totals(self, windows: Sequence[Window]) -> list[int]:
        with ThreadPoolExecutor(self._connections) as pool:
            return list(pool.map(self.read_total, windows))

    def read_total(self, window: Window) -> int:
        before, after = (steps * window.kind.unit for steps in self.shift)
        params = replace(window, start=window.start - before, end=window.end + after).params()
        try:
            page = read_page(self._client, self._resource.path, {**params, "per_page": "1"}, str(window))
        except Refused:
            page = read_page(self._client, self._resource.path, params, str(window))
        return page.total
