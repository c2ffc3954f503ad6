"""For every test: settings come from the test alone, and examples are tried without a stopwatch."""

import os

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "suite", deadline=None, max_examples=60, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own token, host or proxy must not reach a test."""
    for name in list(os.environ):
        if name.startswith("LOGENTIC_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
