"""The queue of events: kept before answered, once, whatever happens to the disk or the process."""

import subprocess
import sys
from concurrent.futures import wait
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logentic.errors import StateError
from logentic.events.event import Event, EventParser
from logentic.events.queue import EventQueue, list_segments, read_events
from logentic.privacy.pseudonyms import Pseudonymizer

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 17, 12, tzinfo=UTC)
PARSER = EventParser(Pseudonymizer(b"k" * 32))


def event(number: int, at: datetime = NOW) -> Event:
    body = b'{"id": %d}' % number
    return PARSER.parse(PARSER.digest_content("order-picked", body), {"logentic-topic": "order-picked"}, body, at)


def kept(folder: Path) -> list[int | None]:
    return [found.order_id for segment in list_segments(folder) for found in read_events(segment)]


def test_what_was_answered_is_read_back_as_it_was_and_in_order(tmp_path: Path) -> None:
    queue = EventQueue.open(tmp_path, DAY)
    events = [event(number) for number in range(1, 500)]
    wait([queue.put(each) for each in events])
    queue.close()
    assert [found for segment in list_segments(tmp_path) for found in read_events(segment)] == events


def test_equal_content_is_kept_once_within_the_window_also_over_a_restart(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    queue = EventQueue.open(tmp_path, DAY)
    assert [queue.put(event(1, now)).result(), queue.put(event(1, now)).result()] == [True, False]
    queue.close()
    queue = EventQueue.open(tmp_path, DAY)
    assert not queue.put(event(1, now + DAY / 2)).result()
    assert queue.put(event(1, now + 2 * DAY)).result()
    queue.close()
    assert kept(tmp_path) == [1, 1]


@pytest.mark.parametrize("tail", [b"", b"1234abcd {", b"\x00" * 999, b"\xff\xfe garbage\nmore garbage"])
def test_a_damaged_end_costs_nothing_that_was_answered(tmp_path: Path, tail: bytes) -> None:
    queue = EventQueue.open(tmp_path, DAY)
    wait([queue.put(event(number)) for number in (1, 2, 3)])
    queue.close()
    with list_segments(tmp_path)[-1].open("ab") as file:
        file.write(tail)
    queue = EventQueue.open(tmp_path, timedelta(days=9999))
    wait([queue.put(event(number)) for number in (3, 4)])
    queue.close()
    assert kept(tmp_path) == [1, 2, 3, 4]


def test_a_record_with_a_wrong_bit_is_passed_over_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    queue = EventQueue.open(tmp_path, DAY)
    wait([queue.put(event(number)) for number in (1, 2, 3)])
    queue.close()
    path = list_segments(tmp_path)[-1]
    path.write_bytes(path.read_bytes().replace(b'"order_id": 2', b'"order_id": 7'))
    assert kept(tmp_path) == [1, 3]
    assert "line 2 is damaged" in caplog.text


def test_a_full_disk_refuses_and_what_was_kept_before_stays_whole(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the same error comes from the same call."""
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_event_queue import EventQueue, event, DAY\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "queue = EventQueue.open(Path(sys.argv[1]), DAY)\n"
        "assert queue.put(event(1)).result() is True\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))\n"
        "failures = [type(queue.put(event(n)).exception()).__name__ for n in range(2, 30)]\n"
        "assert failures[-1] == 'OSError' and queue.failure and not queue.can_write(), failures\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10**9, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))\n"
        "assert queue.put(event(29)).result() is True and queue.can_write()\n"
        "print(failures.count('NoneType'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    held = int(done.stdout)
    assert kept(tmp_path) == [1, *range(2, 2 + held), 29]


def test_one_receiver_keeps_a_folder(tmp_path: Path) -> None:
    queue = EventQueue.open(tmp_path, DAY)
    with pytest.raises(StateError, match="another receiver"):
        EventQueue.open(tmp_path, DAY)
    queue.close()


def test_files_are_the_owners_only(tmp_path: Path) -> None:
    queue = EventQueue.open(tmp_path / "events", DAY)
    queue.put(event(1)).result()
    queue.close()
    assert [
        oct(path.stat().st_mode & 0o777) for path in (tmp_path / "events", *list_segments(tmp_path / "events"))
    ] == [
        "0o700",
        "0o600",
    ]


def test_a_large_queue_is_several_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logentic.events.queue.SEGMENT_BYTES", 2000)
    queue = EventQueue.open(tmp_path, DAY)
    for number in range(1, 60):
        queue.put(event(number)).result()
    queue.close()
    assert len(list_segments(tmp_path)) > 3
    assert kept(tmp_path) == list(range(1, 60))
