"""The settings of the channels: where each provider is, its keys, and how much it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode

from journeys.names import Channel, MessageClass

_from = partial(Field, validate_default=True)


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
    push_gateway_key_id: str | None = _from(default=None, validation_alias="SOJOURN_PUSH_GATEWAY_KEY_ID")
    push_gateway_secret: SecretStr | None = _from(default=None, validation_alias="SOJOURN_PUSH_GATEWAY_SECRET")

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
    sms_gateway_key_id: str | None = _from(default=None, validation_alias="SOJOURN_SMS_GATEWAY_KEY_ID")
    sms_gateway_secret: SecretStr | None = _from(default=None, validation_alias="SOJOURN_SMS_GATEWAY_SECRET")
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
    def _secrets_travel_encrypted(self) -> Self:
        """Both send their secret with every call."""
        for name, url in (("SOJOURN_JPUSH_URL", self.jpush_url), ("SOJOURN_WECHAT_URL", self.wechat_url)):
            if url.scheme != "https" and url.host not in ("127.0.0.1", "localhost"):
                raise ValueError(f"{name} has to begin with https: the secret of the account travels with every call")
        return self
