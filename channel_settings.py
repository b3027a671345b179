"""The settings of the channels: where each provider is, its keys, and how much it takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode

from journeys.names import Channel, MessageClass

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
SHORTEST_SECRET = 20
LOOPBACK = ("127.0.0.1", "[::1]", "localhost")

_TOKEN = re.compile(r"[\x21-\x7e]+")
_from = partial(Field, validate_default=True)


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("write 1 to 64 letters, digits, `.`, `_` or `-`: it travels in a header")
    return value


def _secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < SHORTEST_SECRET:
        raise ValueError(f"it is too short to be a secret: take at least {SHORTEST_SECRET} characters, at random")
    return value


def _token(value: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError("it has other characters than visible ASCII: it travels in a header")
    return _secret(value)


KeyName = Annotated[str, AfterValidator(_name)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
Token = Annotated[SecretStr, AfterValidator(_token)]


def _classes(value: object) -> object:
    """Take `service,education`."""
    return frozenset(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


def _throttles(value: object) -> object:
    """Take `sms=10,wechat=50`."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    return {channel.strip(): number.strip() for channel, _, number in pairs}


def _json(value: object) -> object:
    """Take JSON; pydantic-settings would answer what is none with a traceback."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError('write it as JSON, such as {"xiaomi": {"distribution": "secondary_push"}}') from None


PerSecond = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


class ChannelSettings(BaseSettings):
    """What a deployment says of its channels. One that has no address here is not there, and reaches nobody."""

    push_gateway_url: HttpUrl | None = _from(default=None, validation_alias="SOJOURN_PUSH_GATEWAY_URL")
    push_gateway_key_id: KeyName | None = _from(default=None, validation_alias="SOJOURN_PUSH_GATEWAY_KEY_ID")
    push_gateway_secret: Secret | None = _from(default=None, validation_alias="SOJOURN_PUSH_GATEWAY_SECRET")

    jpush_app_key: str | None = _from(default=None, validation_alias="SOJOURN_JPUSH_APP_KEY")
    jpush_master_secret: SecretStr | None = _from(default=None, validation_alias="SOJOURN_JPUSH_MASTER_SECRET")
    jpush_apns_production: bool = _from(default=True, validation_alias="SOJOURN_JPUSH_APNS_PRODUCTION")
    jpush_third_party_channel: Annotated[Mapping[str, Any], NoDecode, BeforeValidator(_json)] = _from(
        default={}, validation_alias="SOJOURN_JPUSH_THIRD_PARTY_CHANNEL"
    )
    jpush_url: HttpUrl = _from(default=HttpUrl("https://api.jpush.cn"), validation_alias="SOJOURN_JPUSH_URL")

    wechat_app_id: str | None = _from(default=None, validation_alias="SOJOURN_WECHAT_APP_ID")
    wechat_app_secret: SecretStr | None = _from(default=None, validation_alias="SOJOURN_WECHAT_APP_SECRET")
    wechat_url: HttpUrl = _from(default=HttpUrl("https://api.weixin.qq.com"), validation_alias="SOJOURN_WECHAT_URL")

    sms_gateway_url: HttpUrl | None = _from(default=None, validation_alias="SOJOURN_SMS_GATEWAY_URL")
    sms_gateway_key_id: KeyName | None = _from(default=None, validation_alias="SOJOURN_SMS_GATEWAY_KEY_ID")
    sms_gateway_secret: Secret | None = _from(default=None, validation_alias="SOJOURN_SMS_GATEWAY_SECRET")
    sms_sender: str | None = _from(default=None, max_length=20, validation_alias="SOJOURN_SMS_SENDER")
    sms_classes: Annotated[frozenset[MessageClass], NoDecode, BeforeValidator(_classes)] = _from(
        default=frozenset({MessageClass.SERVICE}), validation_alias="SOJOURN_SMS_CLASSES"
    )

    throttles: Annotated[Mapping[Channel, PerSecond], NoDecode, BeforeValidator(_throttles)] = _from(
        default={}, validation_alias="SOJOURN_THROTTLES"
    )

    @model_validator(mode="after")
    def _channels_are_whole(self) -> Self:
        """A provider without its key would refuse every message, one by one, at three in the morning."""
        if self.push_gateway_url and not (self.push_gateway_key_id and self.push_gateway_secret):
            raise ValueError(
                "SOJOURN_PUSH_GATEWAY_URL is set without its key: "
                "set SOJOURN_PUSH_GATEWAY_KEY_ID and SOJOURN_PUSH_GATEWAY_SECRET, too"
            )
        if self.sms_gateway_url and not (self.sms_gateway_key_id and self.sms_gateway_secret and self.sms_sender):
            raise ValueError(
                "SOJOURN_SMS_GATEWAY_URL is set without its key or sender: set SOJOURN_SMS_GATEWAY_KEY_ID, "
                "SOJOURN_SMS_GATEWAY_SECRET and SOJOURN_SMS_SENDER, too"
            )
        if (self.jpush_app_key is None) != (self.jpush_master_secret is None):
            raise ValueError("SOJOURN_JPUSH_APP_KEY and SOJOURN_JPUSH_MASTER_SECRET go together: set both")
        if (self.wechat_app_id is None) != (self.wechat_app_secret is None):
            raise ValueError("SOJOURN_WECHAT_APP_ID and SOJOURN_WECHAT_APP_SECRET go together: set both")
        return self

    @model_validator(mode="after")
    def _one_way_to_the_app(self) -> Self:
        """Otherwise nobody could say which of them a push has taken."""
        if self.push_gateway_url and self.jpush_app_key:
            raise ValueError(
                "app_push has two providers: unset SOJOURN_PUSH_GATEWAY_URL or SOJOURN_JPUSH_APP_KEY, one of them"
            )
        return self

    @model_validator(mode="after")
    def _all_travels_encrypted(self) -> Self:
        """Customers and what is written to them, and the secrets of accounts."""
        for name, url in (
            ("SOJOURN_PUSH_GATEWAY_URL", self.push_gateway_url),
            ("SOJOURN_SMS_GATEWAY_URL", self.sms_gateway_url),
            ("SOJOURN_JPUSH_URL", self.jpush_url),
            ("SOJOURN_WECHAT_URL", self.wechat_url),
        ):
            if url is not None and url.scheme != "https" and url.host not in LOOPBACK:
                raise ValueError(
                    f"{name} has to begin with https: what is written to customers travels there, and how they are"
                    " found (http is for this machine alone, such as http://127.0.0.1:8480)"
                )
        return self
