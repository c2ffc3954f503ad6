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
# Paths in a payload that may have the order's id and the time of the step; the first one found wins.
ORDER_ID_PATHS = ("id", "data.id", "order.id", "order_id")
STEP_FIELDS = ("topic", "event", "event_type", "type", "step", "status")
STEPS = {name: name for name in ("created", "picked", "packed", "in_transit", "completed", "cancelled")}
STEPS["pending"] = "created"  # the status of an order that was just created
TIME_FIELDS = ("occurred_at", "updated_at", "created_at")
MAX_ID = 2**63 - 1
# Fields of an order that are kept in clear in addition to measures: at the top of a body, or in `data` or `order`.
KNOWN_IDS = frozenset(
    {"id", "order_id", "warehouse_id", "shopify_order_id", "stored_items.item_id", "stored_items.shopify_variant_id"}
)
KNOWN_TEXTS = frozenset({"order_type", "place.city", "place.province_code", "place.country_code"})


@dataclass(frozen=True)
class Event:
    """A delivery. `order_id` and `occurred_at` are None if the payload does not have them.

    `received_at` is this machine's time. `event_id` identifies the delivery, `content` its content: a keyed hash of
    topic and bytes. `topic_mismatch` is true if the signed body names another step than the topic, which is an unsigned
    header; None if the body names no step.
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
        """Return the event of a line that `as_line` wrote; raise ValueError, KeyError or TypeError for any other."""
        fields = simplejson.loads(line)
        for name in ("occurred_at", "received_at"):
            fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
        return cls(**fields)


class EventParser:
    """Parse deliveries into events; `order_id_paths` are tried after the known ones."""

    def __init__(self, pseudonyms: Pseudonymizer, order_id_paths: Sequence[str] = ()) -> None:
        self._pseudonyms = pseudonyms
        self._paths = [path.split(".") for path in (*ORDER_ID_PATHS, *order_id_paths)]

    def digest_content(self, topic: str | None, body: bytes) -> str:
        """Return a keyed hash that is equal for equal deliveries."""
        return self._pseudonyms.digest(f"{topic}\n".encode() + body)

    def parse(self, content: str, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Event:
        """Return the event of a delivery; raise ValueError if the body is not JSON."""
        try:
            payload = simplejson.loads(body.decode("utf-8"), use_decimal=True, allow_nan=False)
            shown = self._pseudonyms.pseudonymize_unlisted("", repaired(payload), is_known=is_known)
            text = simplejson.dumps(shown, use_decimal=True)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        except ArithmeticError:  # the exponent exceeds the range of decimals
            raise ValueError("a number that cannot be read") from None
        version, topic = headers.get("logentic-api-version"), headers.get("logentic-topic")
        return Event(
            event_id=f"{content[:16]}-{int(received_at.timestamp() * 1000)}",
            content=content,
            topic=topic,
            order_id=self._find_order_id(payload),
            occurred_at=_parse_occurred_at(payload),
            received_at=received_at,
            api_version=version,
            is_known_version=version == API_VERSION,
            body=redacted(text),
            topic_mismatch=_has_topic_mismatch(topic, payload),
        )

    def _find_order_id(self, payload: Any) -> int | None:
        for path in self._paths:
            found = payload
            for name in path:
                found = found.get(name) if isinstance(found, dict) else None
            if isinstance(found, str) and re.fullmatch(r"[0-9]{1,19}", found):
                found = int(found)
            if isinstance(found, int) and not isinstance(found, bool) and 0 < found <= MAX_ID:
                return found
        return None


def pseudonymize_body(body: str, pseudonyms: Pseudonymizer) -> str:
    """Pseudonymize a body that an earlier version stored, as `EventParser` does; pseudonyms stay as they are."""
    try:
        payload = simplejson.loads(body, use_decimal=True)
        shown = pseudonyms.pseudonymize_unlisted("", payload, again=True, is_known=is_known)
        return str(simplejson.dumps(shown, use_decimal=True))
    except (ValueError, RecursionError):  # earlier versions did not store such bodies
        return pseudonyms.pseudonym(body)


def is_known(path: str, value: Any) -> bool:
    """Return whether the reference names this field of an order, and it is not personal."""
    name = path
    for outer in ("data.", "order."):
        name = name.removeprefix(outer)
    return name in KNOWN_TEXTS or (name in KNOWN_IDS and re.fullmatch(r"[0-9]{1,19}", str(value)) is not None)


def _parts_of(payload: Any) -> list[dict[str, Any]]:
    """Return the objects that may have the order's fields: the payload, its `data` and its `order`."""
    parts = [payload, *(payload.get(name) for name in ("data", "order"))] if isinstance(payload, dict) else []
    return [part for part in parts if isinstance(part, dict)]


def _has_topic_mismatch(topic: str | None, payload: Any) -> bool | None:
    """Return whether the body names another step than the topic; None if either names none."""
    step = next(filter(None, map(_parse_step, _step_texts(payload))), None)
    return None if step is None or topic is None else step != _parse_step(topic)


def _step_texts(payload: Any) -> Iterator[Any]:
    """Yield the texts of a body that may name its step."""
    for part in _parts_of(payload):
        yield from (part.get(name) for name in STEP_FIELDS)


def _parse_step(text: Any) -> str | None:
    """Return the step that a text names, such as `order-in-transit`, `orders/in_transit` or `IN TRANSIT`; None for
    others.
    """
    if not isinstance(text, str):
        return None
    name = re.sub(r"[^a-z]+", "_", text.lower()).strip("_")
    return STEPS.get(re.sub(r"^orders?_", "", name))


def _parse_occurred_at(payload: Any) -> datetime | None:
    """Return the time in the payload; UTC if it has no zone."""
    for part in _parts_of(payload):
        for name in TIME_FIELDS:
            try:
                found = datetime.fromisoformat(part[name])
                return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
            except (KeyError, TypeError, ValueError, OverflowError):
                continue
    return None
