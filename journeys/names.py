"""The names that every room shares: ids as distinct types, closed sets as enums."""

from enum import StrEnum
from typing import NewType

CustomerId = NewType("CustomerId", str)
EventId = NewType("EventId", str)
JourneyName = NewType("JourneyName", str)
StepId = NewType("StepId", str)
TemplateName = NewType("TemplateName", str)
ProductId = NewType("ProductId", str)
ContentHash = NewType("ContentHash", str)


class Stage(StrEnum):
    """Where a customer stands in the relationship."""

    INTRODUCTION = "introduction"
    GROWTH = "growth"
    MATURITY = "maturity"
    DECLINE = "decline"
    CHURNED = "churned"
    CLOSED = "closed"


class Channel(StrEnum):
    """A way to reach a customer. Each has a task queue of its own."""

    APP_PUSH = "app_push"
    INBOX = "inbox"
    WECHAT = "wechat"
    SMS = "sms"


OPT_OUT_SCOPES = ("marketing", "all", *(str(channel) for channel in Channel))
"""What a customer may refuse: marketing, everything, or a channel."""


class RiskClass(StrEnum):
    """How much risk a customer may take, from the least."""

    C1 = "C1"
    C2 = "C2"
    C3 = "C3"
    C4 = "C4"
    C5 = "C5"


class RiskLevel(StrEnum):
    """How much risk a product carries, from the least (compliance.md)."""

    R1 = "R1"
    R2 = "R2"
    R3 = "R3"
    R4 = "R4"
    R5 = "R5"


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class MessageClass(StrEnum):
    """What a text is for; decides every gate. From the least to the most restricted."""

    SERVICE = "service"
    EDUCATION = "education"
    MARKETING = "marketing"
    ADVICE = "advice"


class Language(StrEnum):
    """A language that templates and cards are written in."""

    CHINESE = "zh-CN"
    ENGLISH = "en"
