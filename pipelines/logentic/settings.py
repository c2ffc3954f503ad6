"""All settings, as one typed object."""

import logging
import os
import re
import tomllib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import pendulum
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from logentic import config_folder
from logentic.errors import UsageError
from logentic.price_terms import ChargeRates, StorageRates
from logentic.sanitizer import register_secret

log = logging.getLogger("logentic")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # in this order, after `ca_file`
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
VISIBLE = re.compile(r"[!-~]*")  # ASCII without blanks and control characters
LARGEST_SECRET_BYTES = 65_536
# Secrets that others read in the environment: dlt's of a destination (whole or a part), and the engine's address.
SECRETS_OF_OTHERS = re.compile(r"(?:\w+__)?DESTINATION__(?:\w+__)?CREDENTIALS(?:__\w+)?|SPARK_REMOTE")
PUBLIC_PARTS = re.compile(r".*__(HOST|PORT|DATABASE|USERNAME|ENDPOINT_URL|REGION_NAME|DRIVERNAME|CONNECT_TIMEOUT)")
ORDINARY_WORDS = {"logentic", "postgres", "password"}  # as passwords they protect nothing, and messages hold them
PASSWORD = re.compile(r"//[^/@]*:([^/@]+)@|;token=([^;]+)")  # of a URL
RENAMED = {"patience_seconds": "retry_seconds"}  # former names, which work until the next release

_given_by_files: dict[str, str] = {}  # variables that this process has set


def _split(names: Any) -> Any:
    """Split a list that is written with commas in the environment."""
    return [name.strip() for name in names.split(",") if name.strip()] if isinstance(names, str) else names


def _split_at_blanks(urls: Any) -> Any:
    """Split a list of addresses, which may contain commas."""
    return urls.split() if isinstance(urls, str) else urls


FieldNames = Annotated[list[str], NoDecode, BeforeValidator(_split)]
AlertUrls = Annotated[list[SecretStr], NoDecode, BeforeValidator(_split_at_blanks)]


class Tax(BaseModel):
    """A tax on the whole invoice, in per cent."""

    name: str = Field(min_length=1, pattern="^[^;]*$")
    rate: Decimal = Field(ge=0, lt=100)


def _taxes(text: Any) -> Any:
    """Parse `GST 5, QST 9.975`: names and per cents, separated by commas."""
    if not isinstance(text, str):
        return text
    pairs = [part.strip().removesuffix("%").strip().rpartition(" ") for part in text.split(",") if part.strip()]
    return [{"name": name.strip(), "rate": rate} for name, _, rate in pairs]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LOGENTIC_", extra="forbid", frozen=True, hide_input_in_errors=True)

    api_token: SecretStr = SecretStr("")
    hash_key: SecretStr = SecretStr("")
    dashboard_password: SecretStr = SecretStr("")
    webhook_secret: SecretStr = SecretStr("")
    base_url: str = "https://api.getlogentic.com/v1"
    ca_file: str = ""
    destination: Literal["duckdb", "postgres", "filesystem"] = "duckdb"
    raw_format: Literal["parquet", "delta"] = "parquet"
    engine: Literal["none", "spark"] = "none"
    timezone: str = "UTC"
    earliest_date: date = date(2015, 1, 1)
    connections: Annotated[int, Field(ge=1, le=32)] = 4
    timeout_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60
    retry_seconds: Annotated[float, Field(gt=0)] = 45
    rate_limit_seconds: Annotated[float, Field(ge=0, le=86_400)] = 900
    window_pages: Annotated[int, Field(ge=1)] = 40
    confirm_pages: Annotated[int, Field(ge=0)] = 200
    load_every_seconds: Annotated[float, Field(gt=0)] = 300
    order_overlap_days: Annotated[int, Field(ge=0)] = 1
    quantity_overlap_minutes: Annotated[int, Field(ge=0)] = 60
    history_lookback_days: Annotated[int, Field(ge=1)] = 7
    dispute_days: Annotated[int, Field(ge=0)] = 90
    keep_personal_data: bool = False
    hash_fields: FieldNames = []
    plain_fields: FieldNames = []
    allow_plain_http: bool = False
    storage_basis: Literal["daily", "average", "month_start", "month_end", "peak"] = "daily"
    storage_rates: StorageRates = []
    charge_rates: ChargeRates = []
    webhook_file: str = "logentic.duckdb"
    webhook_hash: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    webhook_encoding: Literal["hex", "base64"] = "hex"
    webhook_order_id_paths: FieldNames = []
    webhook_duplicate_hours: Annotated[float, Field(gt=0)] = 24
    webhook_attempts: Annotated[int, Field(ge=1)] = 5
    webhook_connections: Annotated[int, Field(ge=1)] = 200
    promised_hours: Annotated[float, Field(gt=0)] = 48
    stuck_hours: Annotated[float, Field(gt=0)] = 72
    payment_item_aliases: dict[str, list[str]] = {}
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "CAD"
    taxes: Annotated[list[Tax], NoDecode, BeforeValidator(_taxes)] = Field("GST 5, QST 9.975", validate_default=True)
    company_address: str = ""
    warehouse_address: str = ""
    signature: str = ""
    answer_days: Annotated[int, Field(ge=1)] = 14
    accrual_account: str = "Accrued liabilities"
    charge_accounts: dict[str, str] = {"*": "Fulfilment costs"}
    journal_tax_rate: str = "Tax Exempt"
    approval_tolerance: Annotated[Decimal, Field(ge=0)] | None = None
    alert_urls: AlertUrls = []
    alert_amount: Annotated[Decimal, Field(ge=0)] = Decimal(100)
    freshness_hours: Annotated[float, Field(gt=0)] = 26
    duckdb_memory: str = "200MB"
    load_memory: str = "64MB"
    duckdb_storage_version: str = "v1.2.0"

    @field_validator("base_url")
    @classmethod
    def _is_an_origin_and_path(cls, value: str) -> str:
        example = "such as https://api.getlogentic.com/v1"
        if not VISIBLE.fullmatch(value):
            raise ValueError(f"must be a URL {example}, in ASCII and without blanks or control characters")
        try:
            parts = urlsplit(value)
            host, port = parts.hostname or "", parts.port
            is_host = bool(IPv6Address(host) if ":" in host else HOST.fullmatch(host) and ".." not in host)
        except ValueError:
            raise ValueError(
                f"must be a URL {example}, with a host and, where there is one, a port of 1 to 65535"
            ) from None
        if parts.scheme not in ("http", "https") or not parts.netloc or "\\" in value:
            raise ValueError(f"must be a URL {example}")
        if "@" in parts.netloc or "?" in value or "#" in value:
            raise ValueError("must hold neither a user, a query nor a fragment")
        if not is_host or port == 0:
            raise ValueError(f"must be a URL {example}, with a host and, where there is one, a port of 1 to 65535")
        return f"{parts.scheme}:{value.partition(':')[2]}".rstrip("/")

    @field_validator("api_token")
    @classmethod
    def _can_travel(cls, value: SecretStr) -> SecretStr:
        if not VISIBLE.fullmatch(value.get_secret_value()):
            raise ValueError("must be ASCII, without blanks, line ends or control characters")
        return value

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value not in pendulum.timezones():
            raise ValueError("must be a time zone such as America/Toronto")
        return value

    @model_validator(mode="after")
    def _keeps_the_token_off_the_wire(self) -> "Settings":
        parts = urlsplit(self.base_url)
        if parts.scheme == "http" and parts.hostname not in LOOPBACK and not self.allow_plain_http:
            raise ValueError("base_url is plain http: use https, or set allow_plain_http to send the token unencrypted")
        return self

    @model_validator(mode="after")
    def _hashes_a_field_or_does_not(self) -> "Settings":
        if both := sorted({*self.hash_fields} & {*self.plain_fields}):
            raise ValueError(f"hash_fields and plain_fields both name {both[0]!r}: leave it in one of them")
        return self

    @model_validator(mode="after")
    def _builds_where_the_engine_reads(self) -> "Settings":
        if self.engine != "none" and self.destination != "filesystem":
            raise ValueError(f"engine {self.engine} builds the tables of filesystem, not of {self.destination}")
        return self

    @model_validator(mode="after")
    def _redacts_its_secrets(self) -> "Settings":
        register_secret(self.api_token.get_secret_value(), is_sent=True)
        secrets = [self.hash_key, self.dashboard_password, *self.alert_urls]
        for secret in (*(each.get_secret_value() for each in secrets), *webhook_secrets(self)):
            register_secret(secret)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = (InitSettingsSource(settings_cls, _table(name)) for name in ("secrets.toml", "config.toml"))
        former = {name: os.environ[_variable(name)] for name in RENAMED if _variable(name) in os.environ}
        environment = _with_present_names(former) | _secrets_in_files()
        return (init_settings, env_settings, InitSettingsSource(settings_cls, environment), *files)


def load_settings(**overrides: Any) -> Settings:
    """Return the settings; raise a `UsageError` that names a wrong one and never shows its value."""
    give_secrets_to_others()
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except SettingsError as error:
        name = str(error).split('"')[1]
        raise UsageError(
            f"LOGENTIC_{name.upper()} is no JSON",
            f"Write it as JSON, or as a table of {config_folder() / 'config.toml'}.",
        ) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        setting, *parts = first["loc"] or ("",)  # the setting, and within a list the entry and its field
        reason = first["msg"].removeprefix("Value error, ")
        inner = "".join(f", entry {part + 1}" if isinstance(part, int) else f", field {part!r}" for part in parts)
        where = f"setting {setting!r}{inner}: " if setting else ""
        raise UsageError(
            f"{where}{reason}",
            f"Set LOGENTIC_{str(setting).upper()} or correct {config_folder() / 'config.toml'}." if setting else "",
        ) from None


def webhook_secrets(settings: Settings) -> list[str]:
    """Return the secrets: one, or several separated by commas while a new one replaces an old one."""
    return [secret.strip() for secret in settings.webhook_secret.get_secret_value().split(",") if secret.strip()]


def interval_of_schedule() -> tuple[date | None, date | None]:
    """Return the days of dlt's variables DLT_INTERVAL_START and DLT_INTERVAL_END, both included; a scheduler sets them.

    Part of a day counts as the whole day: windows have days, and reading more than asked does no harm.
    """
    start, end = (_moment(name) for name in ("DLT_INTERVAL_START", "DLT_INTERVAL_END"))
    if start and end and start >= end:
        raise UsageError("DLT_INTERVAL_START lies not before DLT_INTERVAL_END", "Correct or unset them.")
    return start and start.date(), end and (end - timedelta(microseconds=1)).date()


def _moment(variable: str) -> datetime | None:
    given = os.environ.get(variable)
    try:
        moment = datetime.fromisoformat(given) if given else None
    except ValueError:
        raise UsageError(f"{variable} is not a time", "Write it as 2026-01-31T00:00:00+00:00, or unset it.") from None
    return moment and (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))


def require_token(settings: Settings) -> None:
    """Check the token and the certificates before anything is started."""
    trusted_certificates(settings)
    if not settings.api_token.get_secret_value():
        raise UsageError(
            "no API token: LOGENTIC_API_TOKEN is not set",
            "Set it to your account's token, or try without one: logentic demo",
        )


def trusted_certificates(settings: Settings) -> str:
    """Return the file (or folder) of certificates of the authorities that are trusted; by default certifi's."""
    named = {"ca_file": settings.ca_file, **{name: os.environ.get(name, "") for name in CERTIFICATE_VARIABLES}}
    name = next((name for name, path in named.items() if path), None)
    if name is None or not settings.base_url.startswith("https:"):
        import certifi

        return certifi.where()
    import ssl

    path = Path(named[name])
    try:
        path = path.expanduser()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if path.is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except (OSError, ValueError, RuntimeError) as error:  # an `SSLError` is an `OSError`
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error_text(error)
        raise UsageError(f"{name}: {path}: {reason}", f"Correct or unset {_variable(name)}.") from None
    return str(path)


def secret_names() -> list[str]:
    """Return the settings that hold secrets; each can also be given as a file, by LOGENTIC_<NAME>_FILE."""
    return [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]


def _secrets_in_files() -> dict[str, str]:
    """Read the files that LOGENTIC_<NAME>_FILE name. No message shows the path: it may be the secret itself."""
    found = {}
    for name in secret_names():
        direct = _variable(name)
        if path := os.environ.get(f"{direct}_FILE"):
            found[name] = _secret_in_file(direct, path)
    return found


def give_secrets_to_others() -> None:
    """Set the variables of dlt and Spark whose values are in files, named by the same variable and _FILE.

    All their secrets in the environment are redacted from now on.
    """
    for direct in [name for name in _given_by_files if not os.environ.get(f"{name}_FILE")]:
        if os.environ.get(direct) == _given_by_files.pop(direct):
            del os.environ[direct]
    for variable, path in sorted(os.environ.items()):
        direct = variable.removesuffix("_FILE")
        if path and direct != variable and SECRETS_OF_OTHERS.fullmatch(direct):
            if os.environ.get(direct) == _given_by_files.get(direct, ""):
                os.environ.pop(direct, None)
            os.environ[direct] = _given_by_files[direct] = _secret_in_file(direct, path)
    for name, value in os.environ.items():
        if SECRETS_OF_OTHERS.fullmatch(name) and not name.endswith("_FILE") and not PUBLIC_PARTS.fullmatch(name):
            _register_secrets_of(name, value)


def _register_secrets_of(name: str, value: str) -> None:
    """Register a variable's secrets; of a URL only the password, because messages must show the host."""
    passwords = [part for found in PASSWORD.findall(value) for part in found if part]
    is_url = "://" in value
    for secret in passwords if is_url else [value]:
        for text in {secret, unquote(secret)} - ORDINARY_WORDS:
            register_secret(text)


def _secret_in_file(direct: str, path: str) -> str:
    """Return the content of a file without trailing line ends."""
    variable = f"{direct}_FILE"
    if os.environ.get(direct):
        raise UsageError(f"{direct} and {variable} are both set", "Unset one of them.")
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(LARGEST_SECRET_BYTES + 1)
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except (OSError, ValueError, RuntimeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error_text(error)
        raise UsageError(f"{variable}: the file cannot be read: {reason}", f"Correct or unset {variable}.") from None
    if not text or len(content) > LARGEST_SECRET_BYTES or "\0" in text:
        reason = "holds a NUL" if "\0" in text else f"is larger than {LARGEST_SECRET_BYTES} bytes"
        raise UsageError(f"{variable}: the file {reason if text else 'is empty'}", f"Correct or unset {variable}.")
    return text


def _variable(name: str) -> str:
    """Return the environment variable of a setting; a name in capitals is one already."""
    return name if name.isupper() else f"LOGENTIC_{name.upper()}"


def error_text(error: Exception) -> str:
    """Return the system's message about a file, without the file's name."""
    return (error.strerror if isinstance(error, OSError) else None) or "its name is not valid"


def _table(name: str) -> dict[str, Any]:
    """Return the [logentic] table of a TOML file; empty if the file or the table does not exist."""
    path = config_folder() / name
    try:
        return _with_present_names(dict(tomllib.loads(path.read_text("utf-8")).get("logentic", {})))
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}", "Correct the file or remove it.") from None


def _with_present_names(values: dict[str, Any]) -> dict[str, Any]:
    """Rename settings that are given by a former name; a present name takes precedence."""
    for name in RENAMED.keys() & values.keys():
        _warn_of_former_name(name)
    former_first = sorted(values, key=lambda name: name not in RENAMED)
    return {RENAMED.get(name, name): values[name] for name in former_first}


@cache
def _warn_of_former_name(name: str) -> None:
    log.warning("the setting %s is now called %s; the former name works until the next release", name, RENAMED[name])
