"""Write docs/settings.md, docs/cli.md, docs/exit-codes.md and the settings of dlt_config/config.toml from the code.

With --check nothing is written, and the exit code is 1 if a file is stale. `make docs-reference` writes them.
"""

import json
import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import typer
from pydantic.fields import FieldInfo

from logentic.cli.app import EXIT_CODES, app
from logentic.settings import Settings, secret_names

ROOT = Path(__file__).parents[1]
WRITTEN_BY = "`make docs-reference` writes this page."
SETTINGS = f"""\
# Settings

{WRITTEN_BY}

Set a value in the environment as `LOGENTIC_` and the name in capitals, such as
`LOGENTIC_TIMEZONE=America/Toronto`, or in `config.toml` under `[logentic]`. `logentic settings`
prints the values in force and where each comes from. [configure.md](configure.md) describes files,
precedence and secrets.
"""
CLI = f"""\
# Command line

{WRITTEN_BY}

`logentic --help`, and `--help` after each command, print the same.

- `LOGENTIC_DB` names FILE for every command but `demo`; `--db` takes precedence. Commands that read use
  `logentic.duckdb` in the current folder if neither is given; `run`, `build` and `serve` require one.
- `--debug`, before or after the command, prints tracebacks and each request, never the token.
- `--version` prints the versions that a bug report needs.
- `--install-completion` installs completion for your shell.

Exit codes: [exit-codes.md](exit-codes.md).
"""
EXIT = f"""\
# Exit codes

{WRITTEN_BY}

An error is one line on stderr: what failed, where, and what to do. Results go to stdout.

| code | meaning |
| --- | --- |
"""
CONFIG = """\
# Settings that differ from their defaults. Each line below shows a default, or an example where there is none.
# `logentic settings` prints what is in force. The environment takes precedence: LOGENTIC_TIMEZONE=America/Toronto.
# Secrets belong in the environment or in secrets.toml. Units, ranges and reasons: docs/settings.md.

[logentic]
"""
TABLES = """
# Tables go below all other settings. Rates and prices of the contract, with examples: docs/rate-card.md.
# [logentic.payment_item_aliases]
# amount = ["total_price"]

# [[logentic.storage_rates]]
# rate = "0.021"
# valid_from = 2026-01-01

# [[logentic.charge_rates]]
# charge_type = "picking"
# fixed = "0.90"
# per = "units"
# per_unit = "0.35"
# valid_from = 2026-01-01

"""
BOUNDS = {annotated_types.Ge: "≥ {.ge}", annotated_types.Gt: "> {.gt}", annotated_types.Le: "≤ {.le}"}


def main(arguments: list[str]) -> int:
    config = ROOT / "dlt_config" / "config.toml"
    pages = {
        ROOT / "docs" / "settings.md": SETTINGS + "".join(setting_tables()),
        ROOT / "docs" / "cli.md": CLI + "".join(command_sections()),
        ROOT / "docs" / "exit-codes.md": EXIT + "".join(f"| {code} | {text} |\n" for code, text in EXIT_CODES.items()),
        config: CONFIG + "".join(config_lines()) + TABLES + config.read_text("utf-8")[settings_end(config) :],
    }
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" not in arguments:
        for path in stale:
            path.write_text(pages[path], "utf-8")
        return 0
    for path in stale:
        print(f"{path.relative_to(ROOT)} is stale: run `make docs-reference` and commit it.", file=sys.stderr)
    return int(bool(stale))


def settings_end(config: Path) -> int:
    """Return where the settings of dlt begin."""
    return config.read_text("utf-8").index("[runtime]")


def groups() -> dict[str, dict[str, FieldInfo]]:
    found: dict[str, dict[str, FieldInfo]] = {}
    for name, field in Settings.model_fields.items():
        found.setdefault(about(field)["group"], {})[name] = field
    return found


def about(field: FieldInfo) -> dict[str, Any]:
    if not isinstance(field.json_schema_extra, dict):
        raise TypeError("declare each setting with `setting()`")
    return field.json_schema_extra


def setting_tables() -> Iterator[str]:
    for group, fields in groups().items():
        yield f"\n## {group}\n\n| setting | default | unit, range | meaning | change it |\n"
        yield "| --- | --- | --- | --- | --- |\n"
        for name, field in fields.items():
            default = default_text(field)
            unit = ", ".join(filter(None, (str(about(field)["unit"]), allowed_values(field))))
            cells = (
                f"`{name}`",
                f"`{default}`" if default else "",
                unit,
                f"{field.description}.",
                about(field)["change"],
            )
            yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |\n"


def default_text(field: FieldInfo) -> str:
    """Return the default as TOML writes it; empty where there is none."""
    default = field.default
    if default in ("", [], {}, None) or "SecretStr" in str(field.annotation):
        return ""
    if isinstance(default, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in default.items()) + " }"
    return str(default).lower() if isinstance(default, bool) else str(default)


def allowed_values(field: FieldInfo) -> str:
    if text := about(field)["values"]:
        return str(text)
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(field.annotation))
    if field.annotation is bool:
        return "`true`, `false`"
    return ", ".join(bound.format(each) for each in field.metadata if (bound := BOUNDS.get(type(each))))


def config_lines() -> Iterator[str]:
    hidden = {*secret_names(), "payment_item_aliases", "storage_rates", "charge_rates"}  # in secrets.toml, and below
    for group, fields in groups().items():
        shown = {name: field for name, field in fields.items() if name not in hidden}
        yield f"\n# {group}\n" if shown else ""
        for name, field in shown.items():
            yield f"# {name} = {toml_value(field):<{40 - len(name)}} # {field.description}\n"


def toml_value(field: FieldInfo) -> str:
    default = field.default
    if default is None:
        return '"5"'
    if isinstance(default, dict | int | float | date):
        return default_text(field)
    return "[]" if default == [] else json.dumps(str(default), ensure_ascii=False)


def command_sections() -> Iterator[str]:
    for panel, commands in panels().items():
        yield f"\n## {panel}\n"
        for name, command in commands.items():
            text, _, examples = (command.help or "").partition("Examples:\n")
            yield f"\n### {name}\n\n{re.sub(chr(8), '', text).strip()}\n"
            if examples:
                lines = "".join(f"{line.strip()}\n" for line in examples.splitlines() if line.strip())
                yield f"\n```{'text' if name in ENDLESS else 'sh'}\n{lines}```\n"
            rows = [row for parameter in command.params for row in parameter_rows(parameter)]
            yield "\n| | meaning | default |\n| --- | --- | --- |\n" if rows else ""
            yield from rows


ENDLESS = {"dashboard", "serve", "sandbox"}  # they run until Ctrl-C


def panels() -> dict[str, dict[str, Any]]:
    """Return the commands by group, each with its subcommands, such as `exceptions set`."""
    found: dict[str, dict[str, Any]] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        group = found.setdefault(command.rich_help_panel, {})
        group[name] = command
        group |= {f"{name} {word}": below for word, below in getattr(command, "commands", {}).items()}
    return found


def parameter_rows(parameter: Any) -> Iterator[str]:
    if parameter.name == "help":
        return
    metavar = "" if getattr(parameter, "is_flag", False) else f" {parameter.metavar or 'N'}"
    is_option = parameter.param_type_name == "option"
    spelled = [f"{option}{metavar}" for option in parameter.opts] if is_option else [parameter.metavar]
    spelled += [option for option in getattr(parameter, "secondary_opts", []) if is_option]
    default = parameter.default
    shown = f"`{default}`" if default not in (None, False, True, ()) and not callable(default) else ""
    yield f"| {', '.join(f'`{each}`' for each in spelled)} | {parameter.help} | {shown} |\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
