"""`python -m logentic.cli` is the command `logentic`."""

from logentic.cli.app import program

program()
