"""Settings: where they come from, which wins, and what a wrong one says."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from logentic import config_folder, project_folder
from logentic.errors import UsageError
from logentic.settings import Settings, load_settings, require_token

SECRET = "a-token-that-nobody-may-see"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of settings, and the one in force."""
    monkeypatch.setenv("DLT_CONFIG_FOLDER", str(tmp_path))
    return tmp_path


def test_the_environment_wins_over_secrets_over_config_over_defaults(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("connections", "window_pages", "dispute_days", "timeout_seconds")
    defaults = Settings()

    def found() -> list[float]:
        return [getattr(load_settings(), name) for name in names]

    expected = [getattr(defaults, name) for name in names]
    assert found() == expected
    (folder / "config.toml").write_text("[logentic]\nconnections = 11\nwindow_pages = 12\ndispute_days = 13\n")
    assert found() == [11, 12, 13, expected[3]]
    (folder / "secrets.toml").write_text("[logentic]\nconnections = 21\nwindow_pages = 22\n")
    assert found() == [21, 22, 13, expected[3]]
    monkeypatch.setenv("LOGENTIC_CONNECTIONS", "31")
    assert found() == [31, 22, 13, expected[3]]
    assert load_settings(connections=5, window_pages=None).connections == 5
    assert load_settings(window_pages=None).window_pages == 22


def test_tables_of_other_tools_in_the_same_file_are_not_ours(folder: Path) -> None:
    (folder / "config.toml").write_text(
        "connections = 9\n[runtime]\nlog_level = 'ERROR'\n[logentic]\nwindow_pages = 3\n"
    )
    assert load_settings().window_pages == 3
    assert load_settings().connections == Settings().connections


def test_what_is_shipped_is_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file is where a user looks a default up: it must say what holds without it."""
    monkeypatch.setenv("DLT_CONFIG_FOLDER", str(project_folder() / "dlt_config"))
    shipped = load_settings()
    monkeypatch.setenv("DLT_CONFIG_FOLDER", str(tmp_path))
    assert shipped == load_settings()
    text = (project_folder() / "dlt_config" / "config.toml").read_text()
    unnamed = {name for name in Settings.model_fields if f"\n{name} = " not in text and f"\n# {name} = " not in text}
    assert unnamed == {*SECRETS, "storage_rates", "charge_rates", "payment_item_aliases"}
    assert all(f"[logentic.{name}]" in text for name in ("payment_item_aliases", "[storage_rates]".strip("[]")))


SECRETS = {"api_token", "hash_key", "dashboard_password", "webhook_secret", "alert_urls"}
WRONG = {
    "connections": ("0", "greater than or equal to 1"),
    "window_pages": ("many", "integer"),
    "timeout_seconds": ("-1", "greater than 0"),
    "earliest_date": ("31.01.2026", "date"),
    "timezone": ("Mars/Olympus", "must be a time zone such as America/Toronto"),
    "storage_basis": ("weekly", "'daily', 'month_end' or 'peak'"),
    "keep_personal_data": ("perhaps", "boolean"),
    "base_url": ("api.getlogentic.com", "must be a URL such as https://"),
    "storage_rates": ('[{"rate": "-1"}]', "greater than 0"),
}


@pytest.mark.parametrize(("name", "value", "reason"), [(n, v, r) for n, (v, r) in WRONG.items()])
def test_a_wrong_setting_is_named_with_what_it_must_be(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(f"LOGENTIC_{name.upper()}", value)
    with pytest.raises(UsageError, match=f"^setting '{name}") as raised:
        load_settings()
    assert reason in str(raised.value)
    assert f"LOGENTIC_{name.upper()}" in raised.value.guidance
    assert str(folder / "config.toml") in raised.value.guidance
    assert raised.value.exit_code == 2


def test_a_setting_that_does_not_exist_is_named(folder: Path) -> None:
    (folder / "config.toml").write_text("[logentic]\nconections = 4\n")
    with pytest.raises(UsageError, match="setting 'conections'"):
        load_settings()


@pytest.mark.parametrize("name", ["config.toml", "secrets.toml"])
def test_a_file_that_cannot_be_read_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("[logentic\n")
    with pytest.raises(UsageError, match=name) as raised:
        load_settings()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://api.getlogentic.com/v1", "http://127.0.0.1.evil.example/v1", "http://10.0.0.7:8350/v1"]
)
def test_plain_http_is_for_this_machine_alone_unless_it_is_allowed(folder: Path, url: str) -> None:
    with pytest.raises(UsageError, match="plain http"):
        load_settings(base_url=url)
    assert load_settings(base_url=url, allow_plain_http=True).base_url == url


@pytest.mark.parametrize("host", ["127.0.0.1:8350", "localhost", "[::1]:8350"])
def test_plain_http_to_this_machine_is_allowed(folder: Path, host: str) -> None:
    assert load_settings(base_url=f"http://{host}/v1/").base_url == f"http://{host}/v1"


@pytest.mark.parametrize("extra", ["?key=SECRET", "#SECRET", "@user:SECRET"])
def test_a_url_holds_no_secret_and_its_refusal_shows_none(folder: Path, extra: str) -> None:
    url = f"https://{extra[1:]}@x.example/v1" if extra[0] == "@" else f"https://x.example/v1{extra}"
    with pytest.raises(UsageError, match="base_url") as raised:
        load_settings(base_url=url)
    assert "SECRET" not in str(raised.value)


def test_the_token_is_never_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGENTIC_API_TOKEN", SECRET)
    monkeypatch.setenv("LOGENTIC_HASH_KEY", SECRET)
    settings = load_settings()
    assert settings.api_token.get_secret_value() == SECRET
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    monkeypatch.setenv("LOGENTIC_CONNECTIONS", "0")
    with pytest.raises(UsageError) as raised:
        load_settings()
    assert SECRET not in str(raised.value)
    assert raised.value.__suppress_context__, "pydantic's own error shows what it was given"


def test_a_missing_token_says_what_to_do(folder: Path) -> None:
    with pytest.raises(UsageError, match="LOGENTIC_API_TOKEN is not set") as raised:
        require_token(load_settings())
    assert "logentic demo" in raised.value.guidance
    require_token(load_settings(api_token="x"))


def test_rates_are_exact(folder: Path) -> None:
    (folder / "config.toml").write_text('[[logentic.storage_rates]]\nrate = "0.021"\nvalid_from = 2026-01-01\n')
    (rate,) = load_settings().storage_rates
    assert (rate.rate, rate.valid_from, rate.valid_to) == (Decimal("0.021"), date(2026, 1, 1), date(9999, 12, 31))


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().connections = 9


def test_the_folder_of_settings_is_the_users_own_if_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DLT_CONFIG_FOLDER", raising=False)
    monkeypatch.chdir(tmp_path)
    assert config_folder() == project_folder() / "dlt_config"
    (tmp_path / ".dlt").mkdir()
    assert config_folder() == tmp_path / ".dlt"
    (tmp_path / "dlt_config").mkdir()
    assert config_folder() == tmp_path / "dlt_config"
    monkeypatch.setenv("DLT_CONFIG_FOLDER", "chosen")
    assert config_folder() == tmp_path / "chosen"
    monkeypatch.setenv("DLT_PROJECT_DIR", str(tmp_path / "other"))
    assert config_folder() == tmp_path / "other" / "chosen"


def test_lists_of_fields_are_written_with_commas_and_a_field_stands_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGENTIC_HASH_FIELDS", "place__city, carrier")
    assert load_settings().hash_fields == ["place__city", "carrier"]
    monkeypatch.setenv("LOGENTIC_PLAIN_FIELDS", "carrier")
    with pytest.raises(UsageError, match="both name 'carrier'"):
        load_settings()
