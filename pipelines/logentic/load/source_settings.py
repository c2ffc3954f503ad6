"""The settings of one source: arguments, then dlt's `sources.logentic`, then the settings that the commands use."""

from collections.abc import Iterator, Mapping
from typing import Any

from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.typing import ConfigValueSentinel

from logentic.errors import UsageError
from logentic.settings import Settings, decode_text, load_settings, secret_names

SECTION = "logentic"


def check_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of those that have one; `dlt.secrets.value`, `dlt.config.value` and None have none."""
    if unknown := sorted(arguments.keys() - Settings.model_fields.keys()):
        raise UsageError(
            f"logentic_source() has no setting {unknown[0]!r}", "docs/settings.md and `logentic settings` list them."
        )
    return {
        name: value
        for name, value in arguments.items()
        if value is not None and not isinstance(value, ConfigValueSentinel)
    }


def settings_of_source(arguments: Mapping[str, Any], name: str, pipeline_name: str) -> Settings:
    """Return the settings of the source of this name; a setting that is found in a more specific place wins."""
    found = {}
    for key in Settings.model_fields.keys() - arguments.keys():
        value = next(_values(key, name, pipeline_name), None)
        if value is not None:
            found[key] = decode_text(key, value)
    return load_settings(**found | dict(arguments))


def _values(key: str, name: str, pipeline_name: str) -> Iterator[Any]:
    """Yield what dlt's providers have for a setting, in dlt's own order: pipeline, provider, section.

    Other than dlt, look in no section above `sources.logentic`: variables such as TIMEZONE belong to other programs.
    """
    sections: list[tuple[str, ...]] = [("sources", SECTION)]
    if name != SECTION:  # logentic_source.clone(name="…")
        sections.insert(0, ("sources", SECTION, name))
    is_secret = key in secret_names()
    for pipeline in (pipeline_name, None):
        for provider in Container()[PluggableRunContext].providers.providers:
            if provider.is_empty or not provider.supports_sections:
                continue
            if is_secret and not provider.supports_secrets:
                continue
            for path in sections:
                value, _ = provider.get_value(key, str, pipeline, *path)
                if value is not None:
                    yield value
