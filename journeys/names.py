"""The names that every room shares: ids as distinct types, closed sets as enums."""

from enum import StrEnum
from typing import NewType

CustomerId = NewType("CustomerId", str)
EventId = NewType("EventId", str)
JourneyName = NewType("JourneyName", str)
StepId = NewType("StepId", str)
TemplateName = NewType("TemplateName", str)
ContentHash = NewType("ContentHash", str)


class Stage(StrEnum):
    """Where a customer stands in the relationship (domain.md, the lifecycle)."""

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


class MessageClass(StrEnum):
    """What a text is for; decides every gate (gates.md). From the least to the most restricted."""

    SERVICE = "service"
    EDUCATION = "education"
    MARKETING = "marketing"
    ADVICE = "advice"


class Language(StrEnum):
    """A language that templates and cards are written in."""

    CHINESE = "zh-CN"
    ENGLISH = "en"
