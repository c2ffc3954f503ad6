"""Print the settings in force, and where each value comes from."""

import json
from typing import Any

from pydantic import SecretStr

from logentic.sanitizer import one_line
from logentic.settings import Settings, find_sources

HIDDEN = "***"


def list_settings(settings: Settings) -> list[dict[str, Any]]:
    """Return name, group, value, source and default of each setting; secrets are hidden."""
    values, sources = settings.model_dump(mode="json"), find_sources()
    defaults = Settings.model_construct().model_dump(mode="json", warnings=False)
    return [
        {
            "name": name,
            "group": about["group"],
            "value": _hide(getattr(settings, name), values[name]),
            "source": sources[name],
            "default": defaults[name],
        }
        for name, about in ((name, field.json_schema_extra) for name, field in Settings.model_fields.items())
        if isinstance(about, dict)
    ]


def print_settings(listed: list[dict[str, Any]]) -> None:
    """Print a line for each setting; long values and paths are not cut, so that they can be copied."""
    group = ""
    for row in listed:
        if row["group"] != group:
            print(("\n" if group else "") + row["group"])
            group = row["group"]
        print(one_line(f"  {row['name']:<25} {_as_text(row['value']):<36} {row['source']}"))


def _hide(value: Any, shown: Any) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else ""
    if isinstance(value, list) and value and isinstance(value[0], SecretStr):
        return [HIDDEN] * len(value)
    return shown


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
