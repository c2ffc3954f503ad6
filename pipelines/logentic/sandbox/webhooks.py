"""Send webhook events for each step of an order; some may be lost, doubled or out of order."""

import hmac
import http.client
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from urllib.parse import urlsplit

from logentic.sandbox.encoding import Encoding
from logentic.sandbox.events import AccountEvent
from logentic.sandbox.live_account import LiveAccount

STEPS = ("created", "picked", "packed", "in_transit", "completed")
TOPICS = {f"order_{step}": f"order-{step.replace('_', '-')}" for step in STEPS}
TRIES = 3
RESPONSE_SECONDS = 3


@dataclass(frozen=True)
class Delivery:
    """A POST, with all its attempts."""

    due_at: datetime
    topic: str
    order_id: int
    body: bytes


class Webhooks:
    """Send the account's order events to a URL; the same seed has the same accidents."""

    def __init__(
        self,
        sandbox: LiveAccount,
        url: str,
        secret: str,
        *,
        seed: int = 1,
        losses: float = 0.0,
        duplicates: float = 0.0,
        disorder: float = 0.0,
        delay: timedelta = timedelta(0),
    ) -> None:
        self._sandbox, self._secret, self._random = sandbox, secret.encode(), Random(f"{seed}:webhooks")
        self._losses, self._duplicates, self._disorder, self._delay = losses, duplicates, disorder, delay
        self._encoding = Encoding(sandbox.readings, sandbox.account.days.zone)
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "127.0.0.1", parts.port or 80, parts.path
        self.lost: list[tuple[int, str]] = []
        self.statuses: list[int] = []

    def send(self, since: datetime, until: datetime) -> int:
        """Deliver the events after `since`, up to and including `until`; return the number of 2xx responses."""
        return sum(self._deliver(delivery) for delivery in self.deliveries(since, until))

    def deliveries(self, since: datetime, until: datetime) -> list[Delivery]:
        """Return the deliveries in the order in which they are due."""
        deliveries = []
        for event in self._sandbox.account.events:
            if event.kind not in TOPICS or not since < event.at <= until:
                continue
            if self._random.random() < self._losses:
                self.lost.append((event.key, event.kind))
                continue
            due_at = event.at + self._delay
            if self._random.random() < self._disorder:
                due_at += timedelta(hours=self._random.uniform(0, 48))
            copies = 2 if self._random.random() < self._duplicates else 1
            deliveries += [self._delivery(event, due_at)] * copies
        return sorted(deliveries, key=lambda delivery: delivery.due_at)

    def _delivery(self, event: AccountEvent, due_at: datetime) -> Delivery:
        fields = {"id": event.key, **(event.change or {}), "updated_at": event.at}
        return Delivery(due_at, TOPICS[event.kind], event.key, self._encoding.encode(fields).encode())

    def _deliver(self, delivery: Delivery) -> bool:
        """Try three times, until a response is 2xx."""
        for _ in range(TRIES):
            connection = http.client.HTTPConnection(self._host, self._port, timeout=RESPONSE_SECONDS)
            try:
                connection.request("POST", self._path, delivery.body, self.headers(delivery))
                status = connection.getresponse().status
            except OSError:
                status = 0
            finally:
                connection.close()
            self.statuses.append(status)
            if status // 100 == 2:
                return True
        return False

    def headers(self, delivery: Delivery) -> dict[str, str]:
        """Return the service's headers, with the signature."""
        return {
            "Content-Type": "application/json",
            "Signature": hmac.digest(self._secret, delivery.body, "sha256").hex(),
            "Logentic-Api-Version": "V1",
            "Logentic-Topic": delivery.topic,
            "User-Agent": "GuzzleHttp/6.5.5 curl/7.79.1 PHP/7.4.24",
        }


def steps_taken(sandbox: LiveAccount, until: datetime) -> dict[int, dict[str, datetime]]:
    """Return when each order took each step."""
    taken: dict[int, dict[str, datetime]] = {}
    for event in sandbox.account.events:
        if event.kind in TOPICS and event.at <= until:
            taken.setdefault(event.key, {})[event.kind.removeprefix("order_")] = event.at
    return taken
