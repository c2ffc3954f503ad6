"""How many records the service announces for windows, without reading them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from logentic.api.client import Client
from logentic.api.pagination import read_page
from logentic.errors import Refused
from logentic.extract.windows import Window
from logentic.resources import Resource

# By how many days or seconds the two bounds are moved outwards: where the service includes both, one, or neither.
SHIFTS = ((0, 0), (0, 1), (1, 1))
TRIES = 3


class AnnouncedTotals:
    """`shift` is one of `SHIFTS`: the first until `add_up` finds another."""

    def __init__(self, client: Client, resource: Resource, connections: int) -> None:
        self.shift = SHIFTS[0]
        self._client, self._resource, self._connections = client, resource, connections

    def add_up(self, pieces: Sequence[Window]) -> list[int] | None:
        """Return the totals of neighbours, shifted so that none is lost or doubled; None where no shift does that."""
        whole = replace(pieces[-1], start=pieces[0].start, before=pieces[0].before)
        for self.shift in SHIFTS:
            for _ in range(TRIES):
                announced, totals = self.of(whole), self.of_all(pieces)
                if sum(totals) == announced:
                    return totals
                if self.of(whole) == announced:
                    break  # nothing moved meanwhile: it is the shift
        return None

    def of_all(self, windows: Sequence[Window]) -> list[int]:
        with ThreadPoolExecutor(self._connections) as pool:
            return list(pool.map(self.of, windows))

    def of(self, window: Window) -> int:
        before, after = (steps * window.kind.unit for steps in self.shift)
        params = replace(window, start=window.start - before, end=window.end + after).params()
        try:
            page = read_page(self._client, self._resource.path, {**params, "per_page": "1"}, str(window))
        except Refused:
            page = read_page(self._client, self._resource.path, params, str(window))
        return page.total
