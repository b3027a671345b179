"""Settings come from the environment, typed, and say what is wrong with them."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

import settings
from errors import SettingsError
from rules.quiet_hours import QuietHours
from settings import Settings, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No setting of the machine that runs the tests leaks in."""
    for name in settings.variables():
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_an_empty_environment_means_production_in_chinese() -> None:
    """Without any variable the defaults are those of production."""
    loaded = load_settings()
    assert (loaded.environment, loaded.language, loaded.default_zone) == (
        "production",
        "zh-CN",
        ZoneInfo("Asia/Shanghai"),
    )
    assert loaded.attribution == loaded.backfill_horizon == timedelta(days=7)


def test_a_missing_database_says_two_ways_out() -> None:
    """Who needs the database and has none is told of DATABASE_URL and of the local stack."""
    with pytest.raises(SettingsError, match=r"set DATABASE_URL .*`starter\.py up`"):
        load_settings().require_database_url()


def test_quiet_hours_are_written_as_a_span(bare_environment: pytest.MonkeyPatch) -> None:
    """From when to when; without a word of it from nine to eight."""
    assert load_settings().quiet_hours == QuietHours(time(21), time(8))
    bare_environment.setenv("SOJOURN_QUIET_HOURS", "22:30-07:00")
    assert load_settings().quiet_hours == QuietHours(time(22, 30), time(7))


@pytest.mark.parametrize(
    ("environment", "value", "said"),
    [
        ("production", "off", "SOJOURN_QUIET_HOURS cannot be off in production: write them as 21:00-08:00"),
        ("production", "08:00-08:00", "where no customer is real, set SOJOURN_ENVIRONMENT=sandbox"),
        ("sandbox", "9-8", "write quiet hours as 21:00-08:00"),
        ("sandbox", "21:00-24:30", "write quiet hours as 21:00-08:00"),
    ],
)
def test_quiet_hours_that_are_none_are_refused(
    bare_environment: pytest.MonkeyPatch, environment: str, value: str, said: str
) -> None:
    """Nobody's night is given away by a slip."""
    bare_environment.setenv("SOJOURN_ENVIRONMENT", environment)
    bare_environment.setenv("SOJOURN_QUIET_HOURS", value)
    with pytest.raises(SettingsError, match=said):
        load_settings()


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("12 h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("P2D", timedelta(days=2)),
    ],
)
def test_durations_are_written_as_people_write_them(
    bare_environment: pytest.MonkeyPatch, text: str, duration: timedelta
) -> None:
    """A number and a unit, or ISO 8601, is a duration."""
    bare_environment.setenv("SOJOURN_ATTRIBUTION", text)
    assert load_settings().attribution == duration


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOJOURN_ENVIRONMENT", "staging"),
        ("SOJOURN_LANGUAGE", "fr"),
        ("SOJOURN_ATTRIBUTION", "a week"),
        ("SOJOURN_ATTRIBUTION", "-1"),
        ("SOJOURN_EVENTS_CONCURRENCY", "many"),
        ("SOJOURN_DEFAULT_ZONE", "Mars/Olympus"),
        ("SOJOURN_PUSH_GATEWAY_URL", "gateway"),
        ("SOJOURN_PAYLOAD_KEYS", "k1"),
        ("SOJOURN_CODEC_TOKENS", "li.na:too-short"),
        ("SOJOURN_INBOX_TOKEN", "x"),
        ("SOJOURN_INBOX_TOKEN", "令牌" * 20),
        ("SOJOURN_INBOX_TOKEN", "a token with blanks in it"),
        ("SOJOURN_PUSH_GATEWAY_SECRET", "y"),
        ("SOJOURN_PUSH_GATEWAY_KEY_ID", "密"),
        ("SOJOURN_SMS_GATEWAY_SECRET", "y"),
        ("SOJOURN_SMS_GATEWAY_KEY_ID", "a b"),
        ("SOJOURN_RECEIPT_KEYS", "gateway-1:a-secret-long-enough"),
        ("SOJOURN_RECEIPT_KEYS", "gateway-1@sms:too-short"),
        ("SOJOURN_RECEIPT_KEYS", "gateway-1@fax:a-secret-long-enough"),
        ("SOJOURN_RECEIPT_KEYS", "密@sms:a-secret-long-enough"),
        ("SOJOURN_RECEIPT_KEYS", "a@sms:a-secret-long-enough,b@sms:a-secret-long-enough"),
        ("SOJOURN_RECEIPT_KEYS", "a@sms:a-secret-long-enough,a@sms+wechat:another-secret-of-it"),
        ("SOJOURN_CODEC_TOKENS", "li.na:a-token-long-enough,wang:a-token-long-enough"),
        ("SOJOURN_CODEC_ORIGIN", "https://temporal.example/"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_its_variable(
    bare_environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Each wrong value gives one line with the variable's name and what to do."""
    bare_environment.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"^{name} cannot be used: .+ unset it for the default\.$"):
        load_settings()


def test_a_key_for_receipts_names_its_channels(bare_environment: pytest.MonkeyPatch) -> None:
    """One or several; the same name may stand for another secret on another channel."""
    bare_environment.setenv(
        "SOJOURN_RECEIPT_KEYS", "gw@app_push+sms:a-secret-long-enough, gw@wechat:another-secret-of-it"
    )
    keys = {
        channel: {name: secret.get_secret_value() for name, secret in those.items()}
        for channel, those in load_settings().receipt_keys.items()
    }
    assert keys == {
        "app_push": {"gw": "a-secret-long-enough"},
        "sms": {"gw": "a-secret-long-enough"},
        "wechat": {"gw": "another-secret-of-it"},
    }


def test_two_wrong_values_give_two_sentences(bare_environment: pytest.MonkeyPatch) -> None:
    """All that is wrong is said at once, so that it is corrected at once."""
    bare_environment.setenv("SOJOURN_LANGUAGE", "fr")
    bare_environment.setenv("SOJOURN_POOL_SIZE", "0")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["SOJOURN_LANGUAGE", "SOJOURN_POOL_SIZE"]


def test_a_misspelled_variable_is_refused_with_the_right_name(bare_environment: pytest.MonkeyPatch) -> None:
    """A variable of ours that nobody reads is a mistake, not a wish."""
    bare_environment.setenv("SOJOURN_LANGAUGE", "en")
    with pytest.raises(SettingsError, match="did you mean SOJOURN_LANGUAGE"):
        load_settings()


def test_a_gateway_without_its_key_is_refused(bare_environment: pytest.MonkeyPatch) -> None:
    """The address of the push gateway alone is half a setting."""
    bare_environment.setenv("SOJOURN_PUSH_GATEWAY_URL", "https://push.example.com/v1")
    with pytest.raises(SettingsError, match=r"^SOJOURN_PUSH_GATEWAY_URL is set without its key.*SECRET, too\.$"):
        load_settings()


def test_secrets_are_not_shown(bare_environment: pytest.MonkeyPatch) -> None:
    """Neither the settings as text nor an error message holds a secret."""
    bare_environment.setenv("DATABASE_URL", "postgresql://me:hunter2@127.0.0.1/x")
    bare_environment.setenv("SOJOURN_INBOX_TOKEN", "hunter2-and-a-bit-more")
    loaded = load_settings()
    assert "hunter2" not in repr(loaded)
    assert loaded.require_database_url().endswith("hunter2@127.0.0.1/x")


def test_settings_can_be_made_by_name_in_code() -> None:
    """Tests and the embedded stack make settings without touching the environment."""
    made = Settings(environment="embedded", future_tolerance=timedelta(hours=1))
    assert (made.environment, made.future_tolerance) == ("embedded", timedelta(hours=1))


GATEWAY = {
    "SOJOURN_PUSH_GATEWAY_URL": "https://push.example",
    "SOJOURN_PUSH_GATEWAY_KEY_ID": "broker-1",
    "SOJOURN_PUSH_GATEWAY_SECRET": "a secret that is long",
}
SMS_GATEWAY = {
    "SOJOURN_SMS_GATEWAY_URL": "https://sms.example",
    "SOJOURN_SMS_GATEWAY_KEY_ID": "broker-1",
    "SOJOURN_SMS_GATEWAY_SECRET": "a secret that is long",
    "SOJOURN_SMS_SENDER": "旅程证券",
}


@pytest.mark.parametrize(
    "address", ["https://push.example", "http://127.0.0.1:8480", "http://localhost", "http://[::1]"]
)
def test_a_gateway_on_this_machine_needs_no_encryption(bare_environment: pytest.MonkeyPatch, address: str) -> None:
    """As that of the embedded stack."""
    for name, value in {**GATEWAY, "SOJOURN_PUSH_GATEWAY_URL": f"{address}/push"}.items():
        bare_environment.setenv(name, value)
    assert str(load_settings().push_gateway_url) == f"{address}/push"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({**GATEWAY, "SOJOURN_JPUSH_APP_KEY": "7d43", "SOJOURN_JPUSH_MASTER_SECRET": "s3cret"}, "app_push has two"),
        ({"SOJOURN_JPUSH_APP_KEY": "7d43"}, "SOJOURN_JPUSH_MASTER_SECRET go together"),
        ({"SOJOURN_WECHAT_APP_SECRET": "s3cret"}, "SOJOURN_WECHAT_APP_SECRET go together"),
        ({"SOJOURN_SMS_GATEWAY_URL": "https://sms.example"}, "SOJOURN_SMS_SENDER, too"),
        ({"SOJOURN_JPUSH_URL": "http://api.jpush.cn"}, "SOJOURN_JPUSH_URL has to begin with https"),
        ({"SOJOURN_WECHAT_URL": "http://api.weixin.qq.com"}, "SOJOURN_WECHAT_URL has to begin with https"),
        (
            {**GATEWAY, "SOJOURN_PUSH_GATEWAY_URL": "http://push.example"},
            "SOJOURN_PUSH_GATEWAY_URL has to begin with https",
        ),
        (
            {**SMS_GATEWAY, "SOJOURN_SMS_GATEWAY_URL": "http://10.0.0.1"},
            "SOJOURN_SMS_GATEWAY_URL has to begin with https",
        ),
        ({"SOJOURN_SMS_CLASSES": "service,spam"}, "SOJOURN_SMS_CLASSES cannot be used"),
        ({"SOJOURN_THROTTLES": "fax=3"}, "SOJOURN_THROTTLES cannot be used"),
        ({"SOJOURN_THROTTLES": "sms=0"}, "SOJOURN_THROTTLES cannot be used"),
        ({"SOJOURN_THROTTLES": "sms"}, "SOJOURN_THROTTLES cannot be used"),
        ({"SOJOURN_JPUSH_THIRD_PARTY_CHANNEL": "xiaomi"}, "SOJOURN_JPUSH_THIRD_PARTY_CHANNEL"),
    ],
)
def test_a_channel_that_is_not_whole_is_refused(
    bare_environment: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    """At the start, with the name of what to mend; not with the first message, and never with a secret."""
    for name, value in variables.items():
        bare_environment.setenv(name, value)
    with pytest.raises(SettingsError, match=said) as refused:
        load_settings()
    assert "s3cret" not in str(refused.value)


def test_throttles_and_classes_are_lists(bare_environment: pytest.MonkeyPatch) -> None:
    """Messages a second for each channel, and what SMS may carry beside service."""
    bare_environment.setenv("SOJOURN_THROTTLES", "sms=10, wechat=0.5")
    bare_environment.setenv("SOJOURN_SMS_CLASSES", "service, education")
    bare_environment.setenv("SOJOURN_JPUSH_THIRD_PARTY_CHANNEL", '{"xiaomi": {"distribution": "secondary_push"}}')
    loaded = load_settings()
    assert loaded.throttles == {"sms": 10, "wechat": 0.5}
    assert loaded.sms_classes == {"service", "education"}
    assert loaded.jpush_third_party_channel == {"xiaomi": {"distribution": "secondary_push"}}
