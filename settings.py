"""Every setting, typed, from the environment only; nothing else in the project reads it."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import time, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import NoDecode, SettingsConfigDict

from channel_settings import NAME, SHORTEST_SECRET, ChannelSettings, Token
from errors import SettingsError
from journeys.names import Channel
from payload_keys import PayloadKeys
from rules.quiet_hours import QuietHours

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ANY_CHANNEL = "|".join(Channel)
_NAME_AT_CHANNEL = re.compile(rf"{NAME.pattern}@({_ANY_CHANNEL})(\+({_ANY_CHANNEL}))*")
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+")
_DURATION = re.compile(r"(\d+)\s*([smhd])")


def _duration(value: object) -> object:
    """Take `30s`, `5m`, `12h` or `7d`; leave everything else (ISO 8601, seconds) to pydantic."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else value


_QUIET_HOURS = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)")


def _quiet_hours(value: object) -> object:
    """Take `21:00-08:00`; `off` is none."""
    if value == "off":
        return None
    if match := _QUIET_HOURS.fullmatch(value.strip()) if isinstance(value, str) else None:
        return QuietHours(time.fromisoformat(match[1]), time.fromisoformat(match[2]))
    if isinstance(value, str):
        raise ValueError("write quiet hours as 21:00-08:00")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]


def _payload_keys(value: object) -> object:
    return PayloadKeys.parse(value) if isinstance(value, str) else value


def _named_tokens(value: object) -> object:
    """Take `name:token,name:token`."""
    form = "`name:token` with a name (letters, digits, `.`, `_`, `-`) and a token"
    return {name: token for _, name, token in _entries(value, form)} if isinstance(value, str) else value


def _receipt_keys(value: object) -> object:
    """Take `name@channel:secret,name@channel+channel:secret`."""
    if not isinstance(value, str):
        return value
    form = f"`name@channel:secret` with a name, channels ({', '.join(Channel)}; several with `+`) and a secret"
    keys: dict[Channel, dict[str, str]] = {}
    for place, named, secret in _entries(value, form, _NAME_AT_CHANNEL):
        name, _, channels = named.partition("@")
        for channel in map(Channel, channels.split("+")):
            if name in keys.setdefault(channel, {}):
                raise ValueError(
                    f"entry {place} gives {channel} a second key of the name of another: name it otherwise"
                )
            keys[channel][name] = secret
    return keys


def _entries(value: str, form: str, named: re.Pattern[str] = NAME) -> Iterator[tuple[int, str, str]]:
    """Place, name and secret of each entry; none is there twice."""
    seen: set[str] = set()
    for place, part in enumerate(value.split(","), 1):
        name, _, secret = part.strip().partition(":")
        if not named.fullmatch(name) or len(secret) < SHORTEST_SECRET or seen.intersection((name, secret)):
            raise ValueError(f"entry {place} is not {form} (at least {SHORTEST_SECRET} characters) of its own")
        seen.update((name, secret))
        yield place, name, secret


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError("write scheme, host and port, and nothing behind them, as in https://temporal.example:8443")
    return value


NamedTokens = Annotated[Mapping[str, SecretStr], NoDecode, BeforeValidator(_named_tokens)]
Origin = Annotated[str, AfterValidator(_origin)]
_from = partial(Field, validate_default=True)


class Settings(ChannelSettings):
    """What a deployment decides. Durations are written `30s`, `5m`, `12h`, `7d`, or as ISO 8601 (`P7D`)."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, extra="forbid", env_ignore_empty=True)

    database_url: SecretStr | None = _from(default=None, validation_alias="DATABASE_URL")
    environment: Literal["production", "sandbox", "embedded"] = _from(
        default="production", validation_alias="SOJOURN_ENVIRONMENT"
    )
    language: Literal["zh-CN", "en"] = _from(default="zh-CN", validation_alias="SOJOURN_LANGUAGE")
    state_folder: Path = _from(default=Path(".sojourn"), validation_alias="SOJOURN_STATE")

    receipt_keys: Annotated[Mapping[Channel, Mapping[str, SecretStr]], NoDecode, BeforeValidator(_receipt_keys)] = (
        _from(default={}, validation_alias="SOJOURN_RECEIPT_KEYS")
    )
    inbox_token: Token | None = _from(default=None, validation_alias="SOJOURN_INBOX_TOKEN")
    web_port: int = _from(default=8480, ge=0, le=65_535, validation_alias="SOJOURN_WEB_PORT")

    quiet_hours: Annotated[QuietHours | None, NoDecode, BeforeValidator(_quiet_hours)] = _from(
        default=QuietHours(), validation_alias="SOJOURN_QUIET_HOURS"
    )
    assessment_valid: Duration = _from(default=timedelta(days=365), validation_alias="SOJOURN_ASSESSMENT_VALID")
    payload_keys: Annotated[PayloadKeys, NoDecode, BeforeValidator(_payload_keys)] = _from(
        default=PayloadKeys(), validation_alias="SOJOURN_PAYLOAD_KEYS"
    )
    codec_origin: Origin | None = _from(default=None, validation_alias="SOJOURN_CODEC_ORIGIN")
    codec_tokens: NamedTokens = _from(default={}, validation_alias="SOJOURN_CODEC_TOKENS")

    attribution: Duration = _from(default=timedelta(days=7), validation_alias="SOJOURN_ATTRIBUTION")
    backfill_horizon: Duration = _from(default=timedelta(days=7), validation_alias="SOJOURN_BACKFILL_HORIZON")
    marketing_runs: int = _from(default=2, ge=1, le=20, validation_alias="SOJOURN_MARKETING_RUNS")
    offered_again: Duration = _from(default=timedelta(days=7), validation_alias="SOJOURN_OFFERED_AGAIN")
    global_holdout: int = _from(default=0, ge=0, le=100, validation_alias="SOJOURN_GLOBAL_HOLDOUT")
    future_tolerance: Duration = _from(default=timedelta(minutes=5), validation_alias="SOJOURN_FUTURE_TOLERANCE")
    rejected_retention: Duration = _from(default=timedelta(days=30), validation_alias="SOJOURN_REJECTED_RETENTION")
    default_zone: ZoneInfo = _from(default=ZoneInfo("Asia/Shanghai"), validation_alias="SOJOURN_DEFAULT_ZONE")

    events_concurrency: int = _from(default=32, ge=1, le=1000, validation_alias="SOJOURN_EVENTS_CONCURRENCY")
    max_cached_workflows: int = _from(default=2000, ge=0, validation_alias="SOJOURN_MAX_CACHED_WORKFLOWS")
    pool_size: int = _from(default=16, ge=1, le=500, validation_alias="SOJOURN_POOL_SIZE")

    @model_validator(mode="after")
    def _production_keeps_quiet(self) -> Self:
        none = self.quiet_hours is None or self.quiet_hours.begins == self.quiet_hours.ends
        if none and self.environment == "production":
            raise ValueError(
                "SOJOURN_QUIET_HOURS cannot be off in production: write them as 21:00-08:00,"
                " or, where no customer is real, set SOJOURN_ENVIRONMENT=sandbox"
            )
        return self

    def require_database_url(self) -> str:
        """Return the address of the database, password and all; SettingsError if there is none."""
        if self.database_url is None:
            raise SettingsError(
                "There is no database: set DATABASE_URL (postgresql://user:password@host:port/name) "
                "or run `starter.py up` for a local one."
            )
        return self.database_url.get_secret_value()

    def require_payload_keys(self) -> PayloadKeys:
        """The keys for payloads; SettingsError if there are none and the target is not the embedded stack."""
        if not self.payload_keys and self.environment != "embedded":
            raise SettingsError(
                "Temporal would keep customers' data readable: set SOJOURN_PAYLOAD_KEYS (`starter.py payload-key`"
                " prints a key), the same for workers and commands. Only the stack of `starter.py up` needs none."
            )
        return self.payload_keys


def load_settings() -> Settings:
    """Read the environment; SettingsError names each variable that is wrong, and what it may be."""
    _refuse_misspelled(os.environ.keys())
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(detail) for detail in error.errors(include_input=False))) from None


def variables() -> list[str]:
    """The names of all environment variables that are read."""
    return [str(field.validation_alias) for field in Settings.model_fields.values()]


def _refuse_misspelled(names: Iterable[str]) -> None:
    """A misspelled variable would be ignored without a word, and its default used in production."""
    known = variables()
    for name in sorted(names):
        if name.startswith("SOJOURN_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(known)}."
            raise SettingsError(f"{name} is not a setting of Sojourn; {hint}")


def _sentence(detail: ErrorDetails) -> str:
    """One error as one sentence, without the value: it may be a secret."""
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return f"{message}."
    name = str(detail["loc"][0])
    return f"{name} cannot be used: {_lower(message)}. Correct it, or unset it for the default."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
