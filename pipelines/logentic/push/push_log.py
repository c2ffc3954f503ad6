"""The durable record of every write: it makes a push at most once, and is its audit log."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from logentic.api.records import RecordPseudonymizer
from logentic.audit_log import PUSH_LOG
from logentic.json_text import compact
from logentic.push.rows import Name, Target
from logentic.push.write_client import Outcome, WriteResponse
from logentic.sanitizer import json_excerpt

FOUND, SENT, ANSWERED = "found", "sent", "answered"


@dataclass(frozen=True)
class Creation:
    """What is known of a record that was to be created: its id, or only when the request was sent."""

    sent_at: datetime
    record_id: int | None = None

    @property
    def is_uncertain(self) -> bool:
        return self.record_id is None

    def seconds_left(self, lost_answer_seconds: float) -> float:
        """Return for how long the service may still work on the request, by this machine's clock."""
        return lost_answer_seconds - (datetime.now(UTC) - self.sent_at).total_seconds()


class PushLog:
    """The push log of one account in a state folder. Each line is on disk when its method returns."""

    def __init__(self, folder: Path, base_url: str, target: Target, pseudonymizer: RecordPseudonymizer) -> None:
        self._folder, self._base_url, self._target = folder, base_url, target
        self._pseudonymizer = pseudonymizer
        self._push_id = uuid4().hex
        self._creations: dict[Name, Creation] = {}

    @classmethod
    def read(cls, folder: Path, base_url: str, target: Target, pseudonymizer: RecordPseudonymizer) -> "PushLog":
        """Return the log with the lines of earlier pushes."""
        found = cls(folder, base_url, target, pseudonymizer)
        found._read()
        return found

    def creations(self, names: Iterable[Name]) -> list[Creation]:
        """Return what is known of the creations under these names."""
        return [self._creations[name] for name in names if name in self._creations]

    def sent(self, method: str, path: str, names: Iterable[Name], fields: Mapping[str, Any] | None) -> None:
        """Record that a request is about to be sent."""
        content = self._content(fields) if fields is not None else None
        at = self._append(SENT, method=method, path=path, names=_text(names), content=content)
        if method == "POST":
            self._creations |= dict.fromkeys(names, Creation(at))

    def answered(self, method: str, path: str, names: Iterable[Name], response: WriteResponse) -> None:
        """Record the answer to a request, or that there was none."""
        self._append(
            ANSWERED,
            method=method,
            path=path,
            names=_text(names),
            outcome=response.outcome.value,
            status=response.status,
            record_id=response.record_id,
            reason=", ".join([response.reason, *filter(None, response.errors)]),
            content=self._content(response.record) if response.record is not None else None,
        )
        if method == "POST":
            self._apply(names, response.outcome, response.record_id)

    def found(self, names: Iterable[Name], record_id: int) -> None:
        """Record that a request without an answer had created a record."""
        self._append(FOUND, method="POST", names=_text(names), outcome=Outcome.WRITTEN.value, record_id=record_id)
        self._apply(names, Outcome.WRITTEN, record_id)

    def controls(self, count: int) -> list[tuple[Name, int]]:
        """Return the records that were created last: a look-up that does not find them proves nothing."""
        created = [(name, each) for name, each in self._creations.items() if each.record_id is not None]
        created.sort(key=lambda pair: pair[1].sent_at)
        return [(name, each.record_id) for name, each in created[-count:] if each.record_id is not None]

    def _apply(self, names: Iterable[Name], outcome: Outcome, record_id: int | None) -> None:
        for name in names:
            before = self._creations.get(name)
            if before is None:
                continue
            if outcome is Outcome.WRITTEN and record_id is not None:
                self._creations[name] = Creation(before.sent_at, record_id)
            elif outcome not in (Outcome.WRITTEN, Outcome.LOST):
                del self._creations[name]

    def _read(self) -> None:
        for line in PUSH_LOG.read(self._folder):
            if line.get("base_url") != self._base_url or line.get("resource") != self._target.name:
                continue
            names = [(name, value) for name, value in json.loads(line.get("names") or "[]")]
            if line.get("method") == "DELETE" and line.get("outcome") == Outcome.WRITTEN.value:
                deleted = line.get("record_id")
                self._creations = {n: each for n, each in self._creations.items() if each.record_id != deleted}
            if line.get("method") != "POST":
                continue
            if line["event"] == SENT:
                self._creations |= dict.fromkeys(names, Creation(line["at"]))
            else:
                self._apply(names, Outcome(line["outcome"]), line.get("record_id"))

    def _append(self, event: str, **values: Any) -> datetime:
        at = datetime.now(UTC)
        line = {"push_id": self._push_id, "at": at.isoformat(), "base_url": self._base_url}
        line |= {"resource": self._target.name, "event": event}
        PUSH_LOG.append(self._folder, [line | {name: value for name, value in values.items() if value is not None}])
        return at

    def _content(self, fields: Mapping[str, Any]) -> str:
        return json_excerpt(compact(self._pseudonymizer.record(self._target.resource, dict(fields))))


def _text(names: Iterable[Name]) -> str:
    return json.dumps([list(name) for name in names])
