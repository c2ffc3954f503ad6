"""A run waits for another one."""

import threading
import time
from pathlib import Path

import pytest

from logentic.errors import StateError
from logentic.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "new" / "logentic.duckdb")
    state.prepare()
    return state


def test_a_run_that_waits_gets_its_turn_or_gives_up_in_time(state: State) -> None:
    leave = threading.Event()
    entered = threading.Event()

    def first() -> None:
        with State(state.file).locked():
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    began = time.monotonic()
    with pytest.raises(StateError), state.locked(0.3):
        pass
    assert time.monotonic() - began >= 0.3
    assert thread.is_alive(), "it gave up before it could have had its turn"
    threading.Timer(0.2, leave.set).start()
    with state.locked(60):
        assert leave.is_set()
    thread.join()


@pytest.mark.parametrize(("wait", "lines"), [(60, 1), (5, 0)])
def test_a_long_wait_for_another_run_is_logged_once(
    state: State, wait: float, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    held = threading.Event()

    def hold() -> None:
        with state.locked():
            held.set()
            time.sleep(1)

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    with state.locked(wait):
        pass
    other.join()
    assert len(caplog.records) == lines
    assert all("another run is in progress on" in record.getMessage() for record in caplog.records)
