"""Singer's own suite for taps, and what it leaves out: its test of primary keys cannot see a double."""

import pytest
from logentic.resources import RESOURCES
from singer_sdk.testing import SuiteConfig, get_tap_test_class
from singer_sdk.testing.runners import TapTestRunner

from account import CONFIG, SANDBOX
from tap_logentic import TapLogentic

EVERYTHING = SuiteConfig(max_records_limit=None)

TestTapLogentic = get_tap_test_class(TapLogentic, config=CONFIG, suite_config=EVERYTHING, parse_env_config=False)


@pytest.fixture(scope="module")
def synced() -> TapTestRunner:
    runner = TapTestRunner(TapLogentic, config=CONFIG, suite_config=EVERYTHING)
    runner.sync_all()
    return runner


@pytest.mark.parametrize("name", RESOURCES)
def test_every_record_of_the_account_arrives_once(name: str, synced: TapTestRunner) -> None:
    key = RESOURCES[name].key
    arrived = [tuple(record[part] for part in key) for record in synced.records[name]]
    assert len(arrived) == len(set(arrived)) > 0
    assert {record["id"] for record in synced.records[name]} == {row["id"] for row in SANDBOX.state().rows(name)}


def test_a_sync_from_its_last_state_reads_only_what_came_since(synced: TapTestRunner) -> None:
    state = synced.state_messages[-1]["value"]
    later = TapTestRunner(TapLogentic, config=CONFIG, suite_config=EVERYTHING, state=state)
    later.sync_all()
    assert 0 < len(later.records["orders"]) < len(synced.records["orders"])
    assert len(later.records["items"]) == len(synced.records["items"])
