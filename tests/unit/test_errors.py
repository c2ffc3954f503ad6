"""Every error carries an exit code and what to do, and no more."""

import pytest

from logentic import errors
from logentic.errors import LogenticError, ServiceError, UnreadableFile, UsageError

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LogenticError)]


@pytest.mark.parametrize("kind", CLASSES)
def test_the_exit_code_says_whose_turn_it_is(kind: type[LogenticError]) -> None:
    error = kind("x", "y") if kind is UnreadableFile else kind("x")
    assert error.exit_code == (2 if kind is UsageError else 1)


def test_an_error_says_what_failed_and_what_to_do() -> None:
    error = ServiceError("orders, page 3: status 500", "Run again later.", 500)
    assert (str(error), error.guidance, error.status) == ("orders, page 3: status 500", "Run again later.", 500)
    assert LogenticError("x").guidance == ""
