"""Every setting of Huifang: one object, read from huifang.toml and from HUIFANG_… variables."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

import pydantic_settings
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot.hours import DutyHours, Zone

PREFIX = "HUIFANG_"
CONFIG_VARIABLE = "HUIFANG_CONFIG"
SHORT_NAMES = {"HUIFANG_TELEGRAM_TOKEN": ("telegram", "token")}


LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})  # addresses of this machine alone


class SettingsError(Exception):
    """A setting is missing or wrong. The text is one line: setting, where it stands, the fix."""


class Bus(StrEnum):
    LOCAL = "local"  # inside one process
    REDIS = "redis"


class LogFormat(StrEnum):
    AUTO = "auto"  # text on a terminal, else JSON
    TEXT = "text"
    JSON = "json"


class TelegramMode(StrEnum):
    POLLING = "polling"
    WEBHOOK = "webhook"


def _base_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise ValueError("is no address such as https://bot.example.com")
    return value.rstrip("/")


def _origin(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@*]+", value):
        raise ValueError(f"{value!r} is no origin such as https://www.example.com")
    return value.lower()


def _comma_list(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Folders = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_comma_list)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_comma_list)
]


def _read_secret_files(values: Any, fields: Mapping[str, FieldInfo]) -> Any:
    """Fill `x` from the file that `x_file` names, unless `x` itself is given."""
    if not isinstance(values, dict):
        return values
    filled = dict(values)
    for name in fields:
        path = values.get(f"{name}_file")
        if f"{name}_file" not in fields or not path or values.get(name):
            continue
        try:
            filled[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file"
            raise ValueError(f"{name}_file: cannot read {path}: {reason}") from None
        if not filled[name]:
            raise ValueError(f"{name}_file: {path} is empty")
    return filled


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: Any) -> Any:
        return _read_secret_files(values, cls.model_fields)


class TelegramSettings(_Section):
    """The customers' Telegram bot, account "telegram:main". Switched on by its token."""

    token: SecretStr | None = Field(None, description="token that @BotFather gave")
    token_file: Path | None = Field(None, description="file with the token")
    api_base: BaseUrl = Field("https://api.telegram.org", description="address of the Bot API")
    mode: TelegramMode = Field(TelegramMode.POLLING, description="polling or webhook")
    take_over_webhook: bool = Field(
        False, description="in mode polling: delete the webhook that the bot has, whoever set it"
    )
    webhook_secret: SecretStr | None = Field(
        None, description="1-256 characters A-Z a-z 0-9 _ - of your choice, for mode webhook"
    )
    webhook_secret_file: Path | None = Field(None, description="file with the webhook secret")

    @property
    def enabled(self) -> bool:
        return self.token is not None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        secret = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
            raise ValueError("webhook_secret: use 1-256 characters out of A-Z a-z 0-9 _ -")
        if self.mode is TelegramMode.WEBHOOK and not secret:
            raise ValueError("webhook_secret: mode webhook needs it; set a long random text")
        return self


class WhatsAppSettings(_Section):
    """A WhatsApp Cloud API number, account "whatsapp:main". Switched on by its number id."""

    phone_number_id: str = Field("", description="the number's id in Meta's app dashboard")
    phone: str = Field("", description="the number itself, digits only, for start links")
    token: SecretStr | None = Field(None, description="system-user access token")
    token_file: Path | None = Field(None, description="file with the access token")
    app_secret: SecretStr | None = Field(None, description="app secret, signs the webhooks")
    app_secret_file: Path | None = Field(None, description="file with the app secret")
    verify_token: SecretStr | None = Field(None, description="your text for the webhook handshake")
    verify_token_file: Path | None = Field(None, description="file with the verify token")
    api_base: BaseUrl = Field(
        "https://graph.facebook.com/v25.0", description="address of the Graph API with its version"
    )
    templates: dict[str, str] = Field(
        default_factory=dict,
        description='name of the approved opening template by locale, such as {"zh": "hello_zh"}',
    )

    @property
    def enabled(self) -> bool:
        return bool(self.phone_number_id)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.enabled:
            for name in ("token", "app_secret", "verify_token"):
                if getattr(self, name) is None:
                    raise ValueError(f"{name}: needed with phone_number_id; set it or {name}_file")
        return self


class WebChatSettings(_Section):
    """The chat on our own pages, account "webchat:main"."""

    enabled: bool = Field(True, description="true or false")
    embed_origins: Origins = Field(
        (), description="sites that may embed it, such as https://www.example.com, by commas"
    )


class SendWindow(_Section):
    """When the bot may start talking, in the person's own local time (SAFETY.md 16.3)."""

    start: time = Field(time(9), description="first minute, HH:MM")
    end: time = Field(time(20), description="first minute after it, HH:MM")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end or self.start.tzinfo or self.end.tzinfo:
            raise ValueError("end: set a local time after start, on the same day")
        return self


class ContactCaps(_Section):
    """How often the bot may start talking to a person, over all channels (SAFETY.md 16.3)."""

    per_day: int = Field(1, ge=0, description="messages in any 24 hours")
    per_week: int = Field(3, ge=0, description="messages in any 7 days")
    unanswered: int = Field(2, ge=1, description="messages without an answer, then silence")


class _ShortNames(PydanticBaseSettingsSource):
    """Variables with a short name besides their systematic one."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        given = {path: os.environ.get(name) for name, path in SHORT_NAMES.items()}
        return {section: {name: value} for (section, name), value in given.items() if value}


class Settings(BaseSettings):
    """All settings. Variables win over the file. Make one with `Settings.load()`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(Path("data"), description="folder for the database and the keys")
    database_url: str = Field(
        "",
        repr=False,
        description="postgresql://user:password@host/name; empty: SQLite in data_dir",
    )
    database_url_file: Path | None = Field(None, description="file with the database URL")
    bus: Bus = Field(Bus.LOCAL, description="local (one process) or redis (many)")
    redis_url: str = Field("redis://127.0.0.1:6379/0", repr=False, description="for bus redis")
    redis_url_file: Path | None = Field(None, description="file with the Redis URL")
    redis_prefix: str = Field(
        "huifang",
        pattern=r"^[A-Za-z0-9_.:-]{1,40}$",
        description="first part of every key in Redis: 1-40 characters A-Z a-z 0-9 _ . : -",
    )
    redis_shards: int = Field(
        1, ge=1, le=64, description="streams per topic, 1-64, the same in every process"
    )
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="TCP port to listen on, 1-65535")
    public_url: BaseUrl | None = Field(
        None, description="address by which people reach us, such as https://bot.example.com"
    )
    health_host: str = Field(
        "127.0.0.1", min_length=1, description="address of health_port; keep it private"
    )
    health_port: int | None = Field(
        None, ge=1, le=65535, description="TCP port for /healthz, /readyz and /metrics alone"
    )
    metrics_token: SecretStr | None = Field(
        None, description="bearer token for /metrics; empty: private callers only, without one"
    )
    metrics_token_file: Path | None = Field(None, description="file with the metrics token")
    log_format: LogFormat = Field(
        LogFormat.AUTO, description="text, json, or auto: json unless on a terminal"
    )
    master_keys_file: Path | None = Field(
        None, description="file with the encryption keys; empty: keys.toml in data_dir"
    )
    company_file: Path | None = Field(
        None, description="file with brand, fees and links; empty: the shipped sample"
    )
    scripts_dir: Path | None = Field(
        None, description="folder with scripts of your own (*.yaml), beside the shipped ones"
    )
    embedders: Folders = Field(
        (),
        description="folders of ONNX embedding models, by commas; empty: the shipped encoder only",
    )
    locale: str = Field("zh", min_length=2, description="language where none is known, such as zh")
    zone: Zone = Field("Asia/Shanghai", description="IANA time zone where none is known")
    region: str = Field(
        "CN", pattern=r"^[A-Z]{2}$", description="ISO 3166 region where none is known, such as CN"
    )
    keep_inbox_days: int = Field(
        14,
        ge=8,
        description="days that processed messages are remembered against redelivery, 8 or more",
    )
    send_window: SendWindow = SendWindow()
    caps: ContactCaps = ContactCaps()
    duty: DutyHours = DutyHours()
    telegram: TelegramSettings = TelegramSettings()
    whatsapp: WhatsAppSettings = WhatsAppSettings()
    webchat: WebChatSettings = WebChatSettings()

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: Any) -> Any:
        return _read_secret_files(values, cls.model_fields)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        telegram = self.telegram
        by_webhook = telegram.enabled and telegram.mode is TelegramMode.WEBHOOK
        if by_webhook and not (self.public_url or "").startswith("https://"):
            raise ValueError("public_url: Telegram's mode webhook needs an https:// address")
        return self

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'huifang.db'}"

    @property
    def keys_file(self) -> Path:
        """The file of the encryption keys in force."""
        return self.master_keys_file or self.data_dir / "keys.toml"

    @property
    def base_url(self) -> str:
        """The address by which people reach us, without a slash at its end."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, _ShortNames(settings_cls), file

    @classmethod
    def load(cls) -> Settings:
        """Read the file and the variables. Raises SettingsError, one line that says the fix."""
        path = config_file()
        try:
            written = tomllib.loads(path.read_text(encoding="utf-8")) if path else {}
            return cls()
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path} is not valid TOML: {error}. Correct that line.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{path} cannot be read: {error}. Correct the file or {CONFIG_VARIABLE}."
            ) from None
        except ValidationError as error:
            raise SettingsError(_line(error.errors(include_url=False), written, path)) from None
        except pydantic_settings.SettingsError as error:
            section = PREFIX + str(error).partition('"')[2].partition('"')[0].upper()
            given = [name for name in os.environ if name.startswith(section)]
            raise SettingsError(
                f"{' or '.join(sorted(given))} is not valid JSON. Write it as JSON or unset it."
            ) from None


def config_file() -> Path | None:
    """The settings file: as HUIFANG_CONFIG says, else ./huifang.toml if there is one."""
    if chosen := os.environ.get(CONFIG_VARIABLE):
        return Path(chosen)
    return default if (default := Path("huifang.toml")).exists() else None


def variable_names() -> Iterator[str]:
    """Every variable that is read, in the order of the fields, the short names last."""
    yield CONFIG_VARIABLE
    for path in _leaves(Settings):
        yield PREFIX + "__".join(path).upper()
    yield from SHORT_NAMES


def unknown_variables() -> list[str]:
    """HUIFANG_… variables in the environment that nothing reads: probably misspelt."""
    known = set(variable_names())
    dicts = ("HUIFANG_WHATSAPP__TEMPLATES__", "HUIFANG_DUTY__EXCEPTIONS__")
    given = (name for name in os.environ if name.startswith(PREFIX))
    return sorted(name for name in given if name not in known and not name.startswith(dicts))


def _leaves(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from ((name, *rest) for rest in _leaves(section))
        else:
            yield (name,)


def _line(errors: list[ErrorDetails], written: Mapping[str, Any], path: Path | None) -> str:
    first = errors[0]
    problem = first["msg"].removeprefix("Value error, ")
    loc = [str(part) for part in first["loc"]]
    # A check of a whole section names the setting itself, in front of a colon.
    if found := re.match(r"([a-z_]+): (.*)", problem):
        loc, problem = [*loc, found[1]], found[2]
    fields, field = Settings.model_fields, None
    for depth, name in enumerate(loc):
        field = fields.get(name)
        if field is None:
            close = difflib.get_close_matches(name, fields, 1)
            hint = f"did you mean {close[0]}?" if close else "remove it"
            if first["type"] == "extra_forbidden":
                problem = f"is no setting; {hint}"
            loc = loc[: depth + 1] if first["type"] == "extra_forbidden" else loc
            break
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            break
        fields = section.model_fields
    name = ".".join(loc)
    more = f" ({len(errors) - 1} more after it)" if len(errors) > 1 else ""
    wanted = f" (wanted: {field.description})" if field and field.description else ""
    return f"{name} in {_source(loc, written, path)}: {problem}{wanted}{more}"


def _source(loc: list[str], written: Mapping[str, Any], path: Path | None) -> str:
    """The variable or file that a setting was read from."""
    for short, place in SHORT_NAMES.items():
        if tuple(loc[:2]) == place and os.environ.get(short):
            return short
    variables = [PREFIX + "__".join(loc[:depth]).upper() for depth in range(len(loc), 0, -1)]
    for variable in variables:
        if os.environ.get(variable):
            return variable
    inside: Any = written
    for name in loc:
        inside = inside.get(name) if isinstance(inside, Mapping) else None
    if inside is not None and path:
        return str(path)
    return f"{path or 'huifang.toml'} or {variables[0]}"
