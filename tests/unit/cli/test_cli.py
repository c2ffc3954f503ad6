"""What the command line makes of words; the command as a shell sees it is tests/integration/test_command_line.py."""

from datetime import date

import pytest
import typer

from logentic.cli import app as cli
from logentic.errors import LogenticError, UsageError
from logentic.resources import RESOURCES


def test_the_names_that_help_must_not_import_are_the_real_ones() -> None:
    """They are copies, because help imports neither the schemas nor typer's list of commands."""
    assert set(cli.resource_names()) == set(RESOURCES)
    assert isinstance(group := typer.main.get_command(cli.app), typer.core.TyperGroup)
    assert set(group.commands) == cli.COMMANDS


def test_resources_are_chosen_by_name_and_all_of_them_without() -> None:
    assert cli._resources(None) == frozenset(RESOURCES)
    assert cli._resources("orders, items") == {"orders", "items"}
    for names in ("", "orders,", "Orders", "orders items"):
        with pytest.raises(UsageError, match="is no resource"):
            cli._resources(names)


def test_a_day_is_read_as_a_day() -> None:
    assert cli.parse_day("--start", "2026-01-31") == date(2026, 1, 31)
    assert cli.parse_day("--start", None) is None
    for text in ("2026-1-31", "2026-02-29", "2026-01-31T00:00", "today"):
        with pytest.raises(UsageError, match=f"--start '{text}' is not a day"):
            cli.parse_day("--start", text)


def test_an_error_is_one_line_however_many_a_library_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    cli._print_error(LogenticError("x.duckdb: IO Error:\n  no space left!", "Free space, then run again."))
    cli._print_error(LogenticError("the run was stopped"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "logentic: x.duckdb: IO Error: no space left. Free space, then run again.\nlogentic: the run was stopped.\n"
    )
