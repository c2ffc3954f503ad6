"""Parse a webhook delivery into an event: which order, which step, when."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import simplejson

from logentic.json_text import repaired
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.sanitizer import redacted

API_VERSION = "V1"
# Where payloads are known to carry the order's id, and the time of what happened, most telling first.
ORDER_ID_PATHS = ("id", "data.id", "order.id", "order_id")
STEP_FIELDS = ("topic", "event", "event_type", "type", "step", "status")
STEPS = {name: name for name in ("created", "picked", "packed", "in_transit", "completed", "cancelled")}
STEPS["pending"] = "created"  # the status of an order that was created
TIME_FIELDS = ("occurred_at", "updated_at", "created_at")
MAX_ID = 2**63 - 1
# What stays of an order beside measures: at the top of a body, or within `data` or `order`.
KNOWN_IDS = frozenset(
    {"id", "order_id", "warehouse_id", "shopify_order_id", "stored_items.item_id", "stored_items.shopify_variant_id"}
)
KNOWN_TEXTS = frozenset({"order_type", "place.city", "place.province_code", "place.country_code"})


@dataclass(frozen=True)
class Event:
    """One delivery. `order_id` and `occurred_at` are None where the payload does not say them.

    `received_at` is this machine's time. `event_id` tells deliveries apart, `content` their content: a keyed hash of
    topic and bytes. `topic_mismatch`: whether the signed body names another step than the topic, a header, which is not
    signed; None where the body names none.
    """

    event_id: str
    content: str
    topic: str | None
    order_id: int | None
    occurred_at: datetime | None
    received_at: datetime
    api_version: str | None
    is_known_version: bool
    body: str
    topic_mismatch: bool | None = None

    def as_line(self) -> bytes:
        return simplejson.dumps(vars(self), default=datetime.isoformat).encode()

    @classmethod
    def from_line(cls, line: bytes) -> "Event":
        """Raises ValueError, KeyError or TypeError where the line is not one that `as_line` wrote."""
        fields = simplejson.loads(line)
        for name in ("occurred_at", "received_at"):
            fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
        return cls(**fields)


class Reader:
    """Makes events of deliveries; `order_id_paths` are tried after the known ones."""

    def __init__(self, pseudonyms: Pseudonymizer, order_id_paths: Sequence[str] = ()) -> None:
        self._pseudonyms = pseudonyms
        self._paths = [path.split(".") for path in (*ORDER_ID_PATHS, *order_id_paths)]

    def content(self, topic: str | None, body: bytes) -> str:
        """Equal for equal deliveries; says nothing about them, since the key is ours."""
        return self._pseudonyms.digest(f"{topic}\n".encode() + body)

    def read(self, content: str, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Event:
        """Raises ValueError where the body is not JSON."""
        try:
            payload = simplejson.loads(body.decode("utf-8"), use_decimal=True, allow_nan=False)
            shown = self._pseudonyms.pseudonymize_unlisted("", repaired(payload), is_known=is_known)
            text = simplejson.dumps(shown, use_decimal=True)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        except ArithmeticError:  # an exponent beyond what decimals hold
            raise ValueError("a number that cannot be read") from None
        version, topic = headers.get("logentic-api-version"), headers.get("logentic-topic")
        return Event(
            event_id=f"{content[:16]}-{int(received_at.timestamp() * 1000)}",
            content=content,
            topic=topic,
            order_id=self._order_id(payload),
            occurred_at=_occurred_at(payload),
            received_at=received_at,
            api_version=version,
            is_known_version=version == API_VERSION,
            body=redacted(text),
            topic_mismatch=_differs(topic, payload),
        )

    def _order_id(self, payload: Any) -> int | None:
        for path in self._paths:
            found = payload
            for name in path:
                found = found.get(name) if isinstance(found, dict) else None
            if isinstance(found, str) and re.fullmatch(r"[0-9]{1,19}", found):
                found = int(found)
            if isinstance(found, int) and not isinstance(found, bool) and 0 < found <= MAX_ID:
                return found
        return None


def pseudonymized_body(body: str, pseudonyms: Pseudonymizer) -> str:
    """A body that an earlier version kept, as `Reader` would keep it; what is hashed already stays."""
    try:
        payload = simplejson.loads(body, use_decimal=True)
        shown = pseudonyms.pseudonymize_unlisted("", payload, again=True, is_known=is_known)
        return str(simplejson.dumps(shown, use_decimal=True))
    except (ValueError, RecursionError):  # no version kept such a body
        return pseudonyms.pseudonym(body)


def is_known(path: str, value: Any) -> bool:
    """Whether the reference names this field of an order, and it is not personal."""
    name = path
    for outer in ("data.", "order."):
        name = name.removeprefix(outer)
    return name in KNOWN_TEXTS or (name in KNOWN_IDS and re.fullmatch(r"[0-9]{1,19}", str(value)) is not None)


def _differs(topic: str | None, payload: Any) -> bool | None:
    """Whether the body names another step than the topic; None where either names none."""
    step = next(filter(None, map(_step, _said(payload))), None)
    return None if step is None or topic is None else step != _step(topic)


def _said(payload: Any) -> Iterator[Any]:
    """The texts of a body that may name its step."""
    for place in (payload, *(payload.get(name) for name in ("data", "order") if isinstance(payload, dict))):
        if isinstance(place, dict):
            yield from (place.get(name) for name in STEP_FIELDS)


def _step(text: Any) -> str | None:
    """`order-in-transit`, `orders/in_transit` and `IN TRANSIT` are one step; other words are none."""
    if not isinstance(text, str):
        return None
    name = re.sub(r"[^a-z]+", "_", text.lower()).strip("_")
    return STEPS.get(re.sub(r"^orders?_", "", name))


def _occurred_at(payload: Any) -> datetime | None:
    """The time that the payload gives, UTC where it names no zone."""
    for place in (payload, *(payload.get(name) for name in ("data", "order") if isinstance(payload, dict))):
        for name in TIME_FIELDS if isinstance(place, dict) else ():
            try:
                found = datetime.fromisoformat(place.get(name))
                return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
            except (TypeError, ValueError, OverflowError):
                continue
    return None
