"""Settings: where they come from, which wins, and what a wrong one says."""

import json
import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from logentic import config_folder, project_folder
from logentic.errors import UsageError
from logentic.sanitizer import redacted
from logentic.secret_files import SECRETS_OF_OTHERS, give_secrets_to_others
from logentic.settings import (
    Settings,
    _warn_of_former_name,
    load_settings,
    require_token,
    secret_names,
)

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
    monkeypatch.setenv("DLT_CONFIG_FOLDER", str(project_folder() / "dlt_config"))
    shipped = load_settings()
    monkeypatch.setenv("DLT_CONFIG_FOLDER", str(tmp_path))
    assert shipped == load_settings()


SECRETS = {"api_token", "hash_key", "dashboard_password", "webhook_secret", "ping_url", "alert_urls"}
WRONG = {
    "connections": ("0", "greater than or equal to 1"),
    "window_pages": ("many", "integer"),
    "timeout_seconds": ("-1", "greater than 0"),
    "earliest_date": ("31.01.2026", "date"),
    "timezone": ("Mars/Olympus", "must be a time zone such as America/Toronto"),
    "storage_basis": ("weekly", "'daily', 'average', 'month_start', 'month_end' or 'peak'"),
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


BAD_URLS = {
    "a port beyond all": "https://x.example:99999/v1",
    "a port of letters": "https://x.example:abc/v1",
    "port 0": "https://x.example:0/v1",
    "a negative port": "https://x.example:-1/v1",
    "a port of superscripts": "https://x.example:8²/v1",
    "a blank before": " https://x.example/v1",
    "a blank after": "https://x.example/v1 ",
    "a blank within": "https://x .example/v1",
    "a blank in the path": "https://x.example/v 1",
    "a line end after": "https://x.example/v1\n",
    "a line end within": "https://x.exa\nmple/v1",
    "a tab": "https://x.example/\tv1",
    "a zero byte": "https://x.example/\0v1",
    "an escape": "https://x.example/\x1b[31mv1",
    "a host with an accent": "https://b\u00fccher.example/v1",
    "a path with an accent": "https://x.example/v\u00e9",
    "a blank that does not break": "https://x.example/v1\u00a0",
    "no host": "https:///v1",
    "nothing": "",
    "only a scheme": "https://",
    "only a port": "https://:443/v1",
    "no scheme": "//x.example/v1",
    "one slash": "https:/x.example/v1",
    "backslashes": "https:\\\\x.example\\v1",
    "another scheme": "ftp://x.example/v1",
    "an empty user": "https://@x.example/v1",
    "a password alone": "https://:SECRET@x.example/v1",
    "an empty query": "https://x.example/v1?",
    "an empty fragment": "https://x.example/v1#",
    "an open bracket": "https://[::1/v1",
    "no address in brackets": "https://[x]/v1",
    "two dots": "https://x..example/v1",
    "a host of signs": "https://x<y>.example/v1",
    "an encoded host": "https://x%2eexample/v1",
    "a dash before the host": "https://-x.example/v1",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS)
def test_a_base_url_that_is_none_is_one_line(folder: Path, url: str) -> None:
    (folder / "secrets.toml").write_text(f"[logentic]\nbase_url = {json.dumps(url)}\n")
    with pytest.raises(UsageError, match=r"^setting 'base_url': must ") as raised:
        load_settings()
    assert raised.value.exit_code == 2
    assert "SECRET" not in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("HTTPS://X.example/v1/", "https://X.example/v1"),
        ("https://x.example", "https://x.example"),
        ("https://x.example:8443/api/v1", "https://x.example:8443/api/v1"),
        ("https://xn--bcher-kva.example/v1", "https://xn--bcher-kva.example/v1"),
        ("https://under_score.example/v1", "https://under_score.example/v1"),
        ("https://[2001:db8::1]:8443/v1", "https://[2001:db8::1]:8443/v1"),
        ("https://10.0.0.7/v1", "https://10.0.0.7/v1"),
    ],
)
def test_a_base_url_of_any_usual_form_is_taken(folder: Path, url: str, form: str) -> None:
    assert load_settings(base_url=url).base_url == form


BAD_TOKENS = {
    "a blank within": f"{SECRET} x",
    "a blank before": f" {SECRET}",
    "a line end after": f"{SECRET}\n",
    "a header after it": f"{SECRET}\r\nX-Evil: 1",
    "a zero byte": f"{SECRET}\0",
    "a tab": f"{SECRET}\t",
    "an accent": f"{SECRET}\u00e9",
    "a quotation mark of a word processor": f"\u201c{SECRET}\u201d",
    "a blank that does not break": f"{SECRET}\u00a0",
    "a mark of byte order": f"\ufeff{SECRET}",
    "only blanks": "   ",
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_token_that_no_header_can_carry_is_one_line_that_does_not_show_it(folder: Path, token: str) -> None:
    (folder / "secrets.toml").write_text(f"[logentic]\napi_token = {json.dumps(token)}\n")
    with pytest.raises(UsageError, match=r"^setting 'api_token': must be ASCII") as raised:
        load_settings()
    assert raised.value.exit_code == 2
    assert SECRET not in str(raised.value) + raised.value.guidance
    with pytest.raises(ValidationError) as direct:
        Settings(api_token=token)
    assert SECRET not in str(direct.value)


def test_each_secret_can_be_given_as_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(secret_names()) == SECRETS
    for name in SECRETS:
        (folder / name).write_text(f"https://{name}\r\n\n")
        monkeypatch.setenv(f"LOGENTIC_{name.upper()}_FILE", str(folder / name))
    (folder / "secrets.toml").write_text('[logentic]\napi_token = "of-the-table"\n')
    settings = load_settings()
    for name in SECRETS - {"alert_urls"}:
        assert getattr(settings, name).get_secret_value() == f"https://{name}"
    assert [url.get_secret_value() for url in settings.alert_urls] == ["https://alert_urls"]
    assert load_settings(api_token="of-the-call").api_token.get_secret_value() == "of-the-call"


def test_a_file_of_addresses_has_one_on_each_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "urls").write_text("json://a/x,y\njson://b\n")
    monkeypatch.setenv("LOGENTIC_ALERT_URLS_FILE", str(folder / "urls"))
    assert [url.get_secret_value() for url in load_settings().alert_urls] == ["json://a/x,y", "json://b"]


def test_a_byte_order_mark_and_a_tilde_are_no_obstacle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "token").write_bytes(b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("LOGENTIC_API_TOKEN_FILE", "~/token")
    assert load_settings().api_token.get_secret_value() == SECRET


def test_a_secret_given_twice_is_an_error_and_an_empty_variable_gives_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "token").write_text(SECRET)
    monkeypatch.setenv("LOGENTIC_API_TOKEN_FILE", str(folder / "token"))
    monkeypatch.setenv("LOGENTIC_API_TOKEN", "another")
    with pytest.raises(UsageError, match="LOGENTIC_API_TOKEN and LOGENTIC_API_TOKEN_FILE are both set"):
        load_settings()
    monkeypatch.setenv("LOGENTIC_API_TOKEN_FILE", "")
    assert load_settings().api_token.get_secret_value() == "another"


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\x00", b"x" * 100_000], ids=str)
def test_a_file_of_a_secret_that_cannot_be_read_is_one_line_that_does_not_show_it(
    name: str, content: bytes | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes the variable for that of the secret itself must not find it in a log."""
    path = folder / SECRET
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(f"LOGENTIC_{name.upper()}_FILE", str(path))
    with pytest.raises(UsageError, match=rf"^LOGENTIC_{name.upper()}_FILE: the file ") as raised:
        load_settings()
    assert raised.value.exit_code == 2
    assert SECRET not in str(raised.value) + raised.value.guidance
    assert "\n" not in str(raised.value)


def test_a_folder_is_no_file_of_a_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGENTIC_API_TOKEN_FILE", str(folder))
    with pytest.raises(UsageError, match="LOGENTIC_API_TOKEN_FILE: the file cannot be read: Is a directory"):
        load_settings()


def test_a_token_in_a_file_is_checked_as_any_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "token").write_text(f"{SECRET}\nanother")
    monkeypatch.setenv("LOGENTIC_API_TOKEN_FILE", str(folder / "token"))
    with pytest.raises(UsageError, match=r"^setting 'api_token': must be ASCII"):
        load_settings()


OF_OTHERS = [
    "DESTINATION__POSTGRES__CREDENTIALS",
    "DESTINATION__POSTGRES__CREDENTIALS__PASSWORD",
    "DESTINATION__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY",
    "DESTINATION__CREDENTIALS",
    "LOGENTIC__DESTINATION__POSTGRES__CREDENTIALS",
    "SPARK_REMOTE",
]


@pytest.fixture
def clean_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Without variables of others, before and after."""
    for name in list(os.environ):
        if SECRETS_OF_OTHERS.fullmatch(name.removesuffix("_FILE")):
            monkeypatch.delenv(name)
    yield folder
    for name in list(os.environ):
        if name.endswith("_FILE"):
            monkeypatch.delenv(name)
    give_secrets_to_others()


@pytest.mark.parametrize("name", OF_OTHERS)
def test_a_secret_of_dlt_or_spark_can_be_given_as_a_file(
    name: str, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clean_environment / "secret").write_text(f"sc://reader:{SECRET}@host/x\r\n")
    monkeypatch.setenv(f"{name}_FILE", str(clean_environment / "secret"))
    for _ in range(2):  # also where the variable was set by the settings read before
        load_settings()
        assert os.environ[name] == f"sc://reader:{SECRET}@host/x"
    assert redacted(f"user reader, password {SECRET}") == "user reader, password ***"
    (clean_environment / "secret").write_text("sc://another\n")
    load_settings()
    assert os.environ[name] == "sc://another"
    monkeypatch.delenv(f"{name}_FILE")
    load_settings()
    assert name not in os.environ


def test_dlt_finds_a_password_that_is_in_a_file(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clean_environment / "password").write_text(f"{SECRET}\n")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD_FILE", str(clean_environment / "password"))
    load_settings()
    import dlt

    assert dlt.secrets["destination.postgres.credentials.password"] == SECRET


@pytest.mark.parametrize("name", OF_OTHERS)
@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\x00", b"a\x00b", b"x" * 100_000], ids=str)
def test_a_file_for_dlt_that_cannot_be_read_is_one_line_that_does_not_show_it(
    name: str, content: bytes | None, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clean_environment / SECRET
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(f"{name}_FILE", str(path))
    with pytest.raises(UsageError, match=rf"^{name}_FILE: the file ") as raised:
        load_settings()
    assert SECRET not in str(raised.value) + raised.value.guidance
    assert name not in os.environ


def test_a_secret_of_dlt_given_twice_is_an_error(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = OF_OTHERS[0]
    (clean_environment / "secret").write_text(SECRET)
    monkeypatch.setenv(f"{name}_FILE", str(clean_environment / "secret"))
    monkeypatch.setenv(name, "another")
    with pytest.raises(UsageError, match=f"{name} and {name}_FILE are both set"):
        load_settings()
    assert os.environ[name] == "another"


@pytest.mark.parametrize("name", ["DESTINATION__FILESYSTEM__KWARGS", "SSL_CERT", "PGPASS", "DESTINATION__LOG"])
def test_other_variables_that_end_in_file_are_left_alone(
    name: str, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{name}_FILE", "/missing")
    load_settings()
    assert name not in os.environ


def test_a_url_that_holds_no_password_and_the_host_stay_readable(
    clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://logentic:logentic@warehouse.example/account")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS__HOST", "warehouse.example")
    load_settings()
    assert redacted("logentic: warehouse.example account") == "logentic: warehouse.example account"


def test_a_former_name_works_with_a_notice_and_the_present_one_wins(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _warn_of_former_name.cache_clear()
    (folder / "config.toml").write_text("[logentic]\npatience_seconds = 11\n")
    assert [load_settings().retry_seconds for _ in range(2)] == [11, 11]
    assert [record.getMessage() for record in caplog.records] == [
        "the setting patience_seconds is now called retry_seconds; the former name works until the next release"
    ]
    monkeypatch.setenv("LOGENTIC_PATIENCE_SECONDS", "12")
    assert load_settings().retry_seconds == 12
    monkeypatch.setenv("LOGENTIC_RETRY_SECONDS", "13")
    assert load_settings().retry_seconds == 13
