"""Define all settings, as one typed object."""

import json
import logging
import os
import re
import tomllib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from ipaddress import IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

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
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from logentic import config_folder
from logentic.errors import UsageError
from logentic.price_terms import ChargeRates, StorageBasis, StorageRates
from logentic.sanitizer import register_secret
from logentic.secret_files import error_text, give_secrets_to_others, read_secret_file

if TYPE_CHECKING:
    import ssl

log = logging.getLogger("logentic")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # in this order, after `ca_file`
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
VISIBLE = re.compile(r"[!-~]*")  # printable ASCII without blanks
RENAMED = {"patience_seconds": "retry_seconds"}  # former names, which work until the next release


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


def setting(
    default: Any, group: str, meaning: str, *, change: str, unit: str = "", values: str = "", **constraints: Any
) -> Any:
    """Declare a setting with the text of its reference page (scripts/reference.py)."""
    about: Any = {"group": group, "unit": unit, "values": values, "change": change}
    return Field(default, description=meaning, json_schema_extra=about, **constraints)


class Settings(BaseSettings):
    """All settings; `logentic settings` prints those in force."""

    model_config = SettingsConfigDict(env_prefix="LOGENTIC_", extra="forbid", frozen=True, hide_input_in_errors=True)

    # Account
    api_token: SecretStr = setting(
        SecretStr(""), "Account", "Token of the account", change="Required by every command that queries the account."
    )
    base_url: str = setting(
        "https://api.getlogentic.com/v1",
        "Account",
        "Address of the API; the token is sent to this host only",
        values="an ASCII URL; an international host name in its `xn--` form",
        change="For the sandbox, or behind a proxy.",
    )
    allow_plain_http: bool = setting(
        False, "Account", "Send the token over plain http to another host", change="Only within a network you trust."
    )
    ca_file: str = setting(
        "",
        "Account",
        "Certificates to trust instead of the bundled ones",
        values="path of a PEM file or folder",
        change="Behind a proxy with its own certificate authority.",
    )
    timezone: str = setting(
        "UTC",
        "Account",
        "Time zone in which the warehouse counts its days",
        values="a name such as `America/Toronto`",
        change="Before the first load.",
    )
    earliest_date: date = setting(
        date(2015, 1, 1),
        "Account",
        "Day on which daily tables begin; earlier records count from this day on",
        change="If the account is older.",
    )

    # Loading
    connections: int = setting(
        4, "Loading", "Requests sent at once", ge=1, le=32, change="Lower it if the service often returns 429 or 503."
    )
    timeout_seconds: float = setting(
        60, "Loading", "Time limit of one request", unit="s", gt=0, le=86_400, change="On a slow connection."
    )
    retry_seconds: float = setting(
        45,
        "Loading",
        "How long to retry while every request fails; waits that the service asks for do not count",
        unit="s",
        gt=0,
        change="To survive longer outages.",
    )
    rate_limit_seconds: float = setting(
        900,
        "Loading",
        "Longest wait for one response when the service limits requests",
        unit="s",
        ge=0,
        le=86_400,
        change="If runs fail with `for longer than rate_limit_seconds`.",
    )
    window_pages: int = setting(
        40,
        "Loading",
        "Split windows of more pages than this",
        unit="pages",
        ge=1,
        change="Lower it if one window takes longer than `--max-duration`.",
    )
    confirm_pages: int = setting(
        200,
        "Loading",
        "Pages that a run reads a second time, until every window is confirmed",
        unit="pages",
        ge=0,
        change="0 skips confirmation.",
    )
    load_every_seconds: float = setting(
        300,
        "Loading",
        "Load a long extraction this often, so that an interruption loses no more",
        unit="s",
        gt=0,
        change="To lose less work when a first load is interrupted.",
    )
    order_overlap_days: int = setting(
        1, "Loading", "Overlap between two readings of orders", unit="days", ge=0, change="If orders arrive late."
    )
    quantity_overlap_minutes: int = setting(
        60,
        "Loading",
        "Overlap between two readings of stock records",
        unit="min",
        ge=0,
        change="If stock records arrive late.",
    )
    history_lookback_days: int = setting(
        7,
        "Loading",
        "Days of inventory history that each run reads again",
        unit="days",
        ge=1,
        change="If the warehouse corrects older days.",
    )

    # Writing
    allow_writes: bool = setting(
        False,
        "Writing",
        "Let `logentic push` and `logentic_destination` change the account",
        change="To write orders or items; leave it off everywhere else.",
    )
    lost_answer_seconds: float = setting(
        120,
        "Writing",
        "Time after which the service no longer works on a request that it did not answer",
        unit="s",
        ge=0,
        le=86_400,
        change="If records appear long after a request was lost.",
    )

    # Destination
    destination: Literal["duckdb", "postgres", "filesystem"] = setting(
        "duckdb",
        "Destination",
        "Where the tables go: a DuckDB file, PostgreSQL, or a folder or bucket",
        change="To publish to a warehouse.",
    )
    raw_format: Literal["parquet", "delta"] = setting(
        "parquet",
        "Destination",
        "Format of raw tables in a folder or bucket; `delta` needs `logentic-elt[delta]`",
        change="Before the first load.",
    )
    engine: Literal["none", "spark"] = setting(
        "none",
        "Destination",
        "Engine that builds the tables of a folder or bucket; `spark` needs `logentic-elt[spark]` and `SPARK_REMOTE`",
        change="To build tables in a bucket.",
    )
    duckdb_memory: str = setting(
        "200MB",
        "Destination",
        "Memory limit of DuckDB while it builds tables",
        change="Raise it if a build ends with Out of Memory; one million charges need 500MB.",
    )
    load_memory: str = setting(
        "64MB",
        "Destination",
        "Memory limit of DuckDB while it compares and loads rows",
        change="Raise it if loading ends with Out of Memory.",
    )
    duckdb_storage_version: str = setting(
        "v1.2.0",
        "Destination",
        "Oldest DuckDB version that can open the published file",
        change="Before the file is first made.",
    )

    # Personal data
    hash_key: SecretStr = setting(
        SecretStr(""),
        "Personal data",
        "Key of the pseudonyms; if empty, made once and kept in the state folder",
        values="64 hexadecimal digits",
        change="To use the same pseudonyms in several files.",
    )
    keep_personal_data: bool = setting(
        False, "Personal data", "Load personal data without pseudonymizing it", change="If you may store it in clear."
    )
    hash_fields: FieldNames = setting(
        [],
        "Personal data",
        "Further fields to pseudonymize",
        values="names, such as `place__city`",
        change="If `logentic check` shows a personal field in clear.",
    )
    plain_fields: FieldNames = setting(
        [],
        "Personal data",
        "Fields to load in clear although they look personal",
        values="names, such as `carrier`",
        change="If a field that you need is pseudonymized.",
    )

    # Contract
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = setting(
        "CAD",
        "Contract",
        "Currency of charges and invoices; amounts are rounded to its smallest unit",
        values="ISO 4217 code",
        change="If you are billed in another currency.",
    )
    taxes: Annotated[list[Tax], NoDecode, BeforeValidator(_taxes)] = setting(
        "GST 5, QST 9.975",
        "Contract",
        "Taxes on an invoice, by name and per cent",
        values="`NAME RATE`, with commas; empty for none",
        change="If another tax applies.",
        validate_default=True,
    )
    storage_basis: StorageBasis = setting(
        "daily", "Contract", "Volume that storage is billed by", change="If the contract bills by another volume."
    )
    storage_rates: StorageRates = setting(
        [],
        "Contract",
        "Contract rates of storage per cubic foot and day",
        values="[rate card](rate-card.md)",
        change="To audit against your contract.",
    )
    charge_rates: ChargeRates = setting(
        [],
        "Contract",
        "Contract prices of other charges",
        values="[rate card](rate-card.md)",
        change="To audit against your contract.",
    )
    payment_item_aliases: dict[str, list[str]] = setting(
        {},
        "Contract",
        "Names under which this account's charges carry a field, besides the built-in ones",
        values="a table",
        change="If `logentic check` names a missing field of charges.",
    )
    dispute_days: int = setting(
        90,
        "Contract",
        "How long an invoice can be disputed; its charges are read again once a week",
        unit="days",
        ge=0,
        change="If the contract sets another period.",
    )

    # Orders
    promised_hours: float = setting(
        48,
        "Orders",
        "Time within which an order must leave the warehouse",
        unit="h",
        gt=0,
        change="If another time was agreed.",
    )
    stuck_hours: float = setting(
        72,
        "Orders",
        "An open order without progress for this long is stuck",
        unit="h",
        gt=0,
        change="If orders wait longer.",
    )

    # Month end
    company_address: str = setting(
        "",
        "Month end",
        "Sender of the letter to the warehouse; its first line is the company on the workbook",
        values="lines separated by `;` or line ends",
        change="Before the first letter.",
    )
    warehouse_address: str = setting(
        "",
        "Month end",
        "Recipient of the letter",
        values="lines separated by `;` or line ends",
        change="Before the first letter.",
    )
    signature: str = setting(
        "",
        "Month end",
        "Lines below the signature of the letter, such as a name and a title",
        values="lines separated by `;` or line ends",
        change="Before the first letter.",
    )
    answer_days: int = setting(
        14,
        "Month end",
        "Time that the letter gives for a reply, at most until the last day to dispute",
        unit="days",
        ge=1,
        change="To set another deadline.",
    )
    approval_tolerance: Annotated[Decimal, Field(ge=0)] | None = setting(
        None,
        "Month end",
        "Approve invoices automatically if no more than this amount is recoverable or not checked",
        unit="`currency`",
        change="To approve small differences without review.",
    )
    accrual_account: str = setting(
        "Accrued liabilities", "Month end", "Account that accrual journals credit", change="To match your accounts."
    )
    charge_accounts: dict[str, str] = setting(
        {"*": "Fulfilment costs"},
        "Month end",
        "Account that accrual journals debit, by charge type; `*` for all others",
        values="a table",
        change="To match your accounts.",
    )
    journal_tax_rate: str = setting(
        "Tax Exempt", "Month end", "Tax rate of journal lines, by its name in Xero", change="To match your tax rates."
    )

    # Alerts
    alert_urls: AlertUrls = setting(
        [], "Alerts", "Addresses that alerts are sent to", values="apprise URLs, with blanks", change="To get alerts."
    )
    ping_url: SecretStr = setting(
        SecretStr(""),
        "Alerts",
        "Address that `logentic run` tells when it starts, succeeds and fails",
        values="a URL, as healthchecks.io gives it",
        change="To be told when a run did not happen.",
    )
    alert_amount: Decimal = setting(
        Decimal(100),
        "Alerts",
        "Smallest exception that causes an alert",
        unit="`currency`",
        ge=0,
        change="If there are too many alerts, or too few.",
    )
    freshness_hours: float = setting(
        26,
        "Alerts",
        "Time without a successful run that causes an alert",
        unit="h",
        gt=0,
        change="If runs are not daily.",
    )

    # Dashboard
    dashboard_password: SecretStr = setting(
        SecretStr(""), "Dashboard", "Password of the dashboard", change="Required by `logentic dashboard --host`."
    )

    # Webhooks
    webhook_secret: SecretStr = setting(
        SecretStr(""),
        "Webhooks",
        "Secret that the service signs events with",
        values="several with commas while one replaces another",
        change="Required by `logentic serve`.",
    )
    webhook_file: str = setting(
        "logentic.duckdb",
        "Webhooks",
        "Database file of a receiver that your own server runs",
        values="a path",
        change="With `logentic.webhooks`.",
    )
    webhook_hash: Literal["sha1", "sha256", "sha384", "sha512"] = setting(
        "sha256", "Webhooks", "Hash function of the HMAC signature", change="If every signature is rejected."
    )
    webhook_encoding: Literal["hex", "base64"] = setting(
        "hex", "Webhooks", "Encoding of the signature", change="If every signature is rejected."
    )
    webhook_order_id_paths: FieldNames = setting(
        [],
        "Webhooks",
        "Where events carry the id of the order, besides `id`, `data.id`, `order.id` and `order_id`",
        values="paths with dots",
        change="If `logentic events` lists events without an order.",
    )
    webhook_duplicate_hours: float = setting(
        24,
        "Webhooks",
        "Events of equal content within this time are one event",
        unit="h",
        gt=0,
        change="If the service resends later.",
    )
    webhook_attempts: int = setting(
        5,
        "Webhooks",
        "Runs that look an event's order up before the event is dead",
        unit="runs",
        ge=1,
        change="If orders appear in the API long after their events.",
    )
    webhook_connections: int = setting(
        200,
        "Webhooks",
        "Open connections; the receiver answers further ones with 503",
        ge=1,
        change="If the receiver returns 503.",
    )

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

    @field_validator("ping_url")
    @classmethod
    def _is_a_web_address(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text and not (re.match("https?://[^/]", text) and VISIBLE.fullmatch(text)):
            raise ValueError("must be a URL such as https://hc-ping.com/your-uuid")
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
        secrets = [self.hash_key, self.dashboard_password, self.ping_url, *self.alert_urls]
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
    """Return the settings; raise a `UsageError` that names an invalid one and never shows its value."""
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
        setting, *parts = first["loc"] or ("",)  # the setting and, within a list, the entry and its field
        reason = first["msg"].removeprefix("Value error, ")
        inner = "".join(f", entry {part + 1}" if isinstance(part, int) else f", field {part!r}" for part in parts)
        where = f"setting {setting!r}{inner}: " if setting else ""
        raise UsageError(
            f"{where}{reason}",
            f"Set LOGENTIC_{str(setting).upper()} or correct {config_folder() / 'config.toml'}." if setting else "",
        ) from None


def decode_text(name: str, value: Any) -> Any:
    """Return the value of a setting that holds lists or tables, and is written as JSON; any other value as it is."""
    field = Settings.model_fields[name]
    if not isinstance(value, str) or NoDecode in field.metadata:
        return value
    if not EnvSettingsSource(Settings).field_is_complex(field):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise UsageError(f"setting {name!r} is no JSON", "Write it as JSON, or as a table of config.toml.") from None


def find_sources() -> dict[str, str]:
    """Return the source of each setting: a variable, a file, or `default`."""
    variables = {name.upper() for name in os.environ}
    files = {path: _table(path.name) for path in (config_folder() / name for name in ("secrets.toml", "config.toml"))}
    former = {name: old for old, name in RENAMED.items()}

    def find(name: str) -> str:
        given = [_variable(each) for each in (name, former.get(name)) if each]
        if name in secret_names():
            given.append(f"{_variable(name)}_FILE")
        places = [each for each in given if each in variables]
        places += [str(path) for path, values in files.items() if name in values]
        return next(iter(places), "default")

    return {name: find(name) for name in Settings.model_fields}


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
    """Return the file (or folder) of trusted certificate authorities; by default certifi's."""
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


def certificate_context(settings: Settings) -> "ssl.SSLContext":
    """Return a context that trusts what `ca_file` or its variables name, or else certifi's authorities."""
    import ssl

    path = Path(trusted_certificates(settings))
    if path.is_dir():
        return ssl.create_default_context(capath=str(path))
    return ssl.create_default_context(cafile=str(path))


def secret_names() -> list[str]:
    """Return the settings that hold secrets; each can also be given as a file, by LOGENTIC_<NAME>_FILE."""
    return [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]


def _secrets_in_files() -> dict[str, str]:
    """Read the files that LOGENTIC_<NAME>_FILE name."""
    variables = {name: _variable(name) for name in secret_names()}
    return {
        name: read_secret_file(direct, path)
        for name, direct in variables.items()
        if (path := os.environ.get(f"{direct}_FILE"))
    }


def _variable(name: str) -> str:
    """Return the environment variable of a setting; a name in capitals is one already."""
    return name if name.isupper() else f"LOGENTIC_{name.upper()}"


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
    """Rename settings given by a former name; a current name takes precedence."""
    for name in RENAMED.keys() & values.keys():
        _warn_of_former_name(name)
    former_first = sorted(values, key=lambda name: name not in RENAMED)
    return {RENAMED.get(name, name): values[name] for name in former_first}


@cache
def _warn_of_former_name(name: str) -> None:
    log.warning("the setting %s is now called %s; the former name works until the next release", name, RENAMED[name])
