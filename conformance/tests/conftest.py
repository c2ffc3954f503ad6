"""The sandbox answers while the tests run; settings come from the tests alone."""

import os
from collections.abc import Iterator

import pytest

from account import SANDBOX

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]  # Singer's come by themselves

for name in [name for name in os.environ if name.startswith(("LOGENTIC_", "TAP_LOGENTIC_"))]:
    del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _serving() -> Iterator[None]:
    yield
    SANDBOX.__exit__()
