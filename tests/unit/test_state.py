"""The state folder: made for its owner alone, locked by one run, and never a reason to lose what is published."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logentic import state as state_module
from logentic.errors import StateError, UsageError
from logentic.privacy.pseudonyms import load_pseudonymizer, read_or_create_key
from logentic.settings import Settings
from logentic.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "new" / "logentic.duckdb")
    state.prepare()
    return state


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_stands_beside_the_file_and_is_its_owners_alone(state: State) -> None:
    assert state.folder == state.file.with_name("logentic.duckdb.state")
    assert mode(state.folder) == 0o700
    assert {path.parent for path in (state.work, state.dlt, state.dbt)} == {state.folder}
    state.prepare()


def test_a_file_that_is_a_folder_or_lies_in_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        State(tmp_path).prepare()
    (tmp_path / "in_the_way").touch()
    for file in (tmp_path / "in_the_way" / "x.duckdb", tmp_path / "in_the_way" / "deep" / "x.duckdb"):
        with pytest.raises(UsageError, match=r"--db .*x.duckdb: ") as raised:
            State(file).prepare()
        assert raised.value.guidance == "Choose a file in a folder that you may write to."
    (tmp_path / "y.duckdb.state").touch()
    with pytest.raises(UsageError, match=r"y.duckdb: "):
        State(tmp_path / "y.duckdb").prepare()


def test_one_run_at_a_time(state: State) -> None:
    with state.locked():
        with pytest.raises(StateError, match="another run is in progress") as raised, State(state.file).locked():
            pass
        assert "--wait" in raised.value.guidance
    with state.locked():
        pass


def test_a_lock_is_given_back_when_a_run_fails(state: State) -> None:
    with pytest.raises(ZeroDivisionError), state.locked():
        raise ZeroDivisionError
    with state.locked():
        pass


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)


@given(note=st.dictionaries(st.text(), values))
def test_a_note_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, note: dict[str, object]) -> None:
    state = State(tmp_path_factory.mktemp("state") / "logentic.duckdb")
    state.prepare()
    state.write_note("built", note)
    assert state.read_note("built") == note
    assert [path.name for path in state.folder.iterdir()] == ["built.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "\udcff"])
def test_a_note_that_is_missing_forgotten_or_damaged_is_empty(state: State, text: str) -> None:
    assert state.read_note("built") == {}
    (state.folder / "built.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert state.read_note("built") == {}
    state.forget_note("built")
    state.forget_note("built")
    assert not (state.folder / "built.json").exists()


def test_the_log_of_runs_ends_with_the_newest_and_does_not_grow_for_ever(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state.last_run() == {}
    monkeypatch.setattr(state_module, "RUNS_KEPT", 3)
    for number in range(5):
        state.log_run({"event_id": str(number)})
        assert state.last_run() == {"event_id": str(number)}
    lines = (state.folder / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["event_id"] for line in lines] == ["2", "3", "4"]
    (state.folder / "runs.jsonl").write_text('{"event_id": "5"}\n{"cut')
    assert state.last_run() == {"event_id": "5"}


def test_the_key_of_hashes_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    key = read_or_create_key(folder)
    assert len(key) == 32
    assert read_or_create_key(folder) == key
    assert read_or_create_key(tmp_path / "other") != key
    assert mode(folder / "hash_key") == 0o600


@pytest.mark.parametrize("text", ["not hexadecimal", "é"])
def test_a_damaged_key_is_not_replaced_by_another(tmp_path: Path, text: str) -> None:
    """A new key would part every customer's old rows from the new ones."""
    (tmp_path / "hash_key").write_text(text)
    with pytest.raises(StateError, match="is damaged"):
        read_or_create_key(tmp_path)
    assert (tmp_path / "hash_key").read_text() == text


def test_hashes_are_keyed_as_the_settings_say(tmp_path: Path) -> None:
    by_folder = load_pseudonymizer(Settings(), tmp_path).pseudonym("Zoë")
    assert load_pseudonymizer(Settings(), tmp_path).pseudonym("Zoë") == by_folder
    by_secret = load_pseudonymizer(Settings(hash_key="secret"), tmp_path).pseudonym("Zoë")
    assert by_secret == load_pseudonymizer(Settings(hash_key="secret"), tmp_path / "elsewhere").pseudonym("Zoë")
    assert len({"Zoë", by_folder, by_secret}) == 3
    assert by_secret == "97a38f48f0aa20ee0c904e5d530c08da", "the hashes of a secret never change"
    assert load_pseudonymizer(Settings(keep_personal_data=True, hash_key="secret"), tmp_path).pseudonym("Zoë") == "Zoë"


def test_the_lock_of_alerts_is_not_that_of_runs(state: State) -> None:
    alerts = ("alerts.lock", "another message is being sent")
    with (
        state.locked(),
        state.locked(0, *alerts),
        pytest.raises(StateError, match="another message is being sent"),
        state.locked(0, *alerts),
    ):
        raise AssertionError
