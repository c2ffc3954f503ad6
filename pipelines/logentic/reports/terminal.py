"""A console that prints account text as plain text: no markup, emoji names or escapes."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table

from logentic.sanitizer import printable


def plain_table(title: str | None, *columns: str, left: int = 1) -> Table:
    """Return a table without borders, whose columns are right-aligned except the first `left`."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index < left else "right", no_wrap=True)
    return table


class Terminal(Console):
    """A console without markup, whose text holds no control characters and no secrets."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))
