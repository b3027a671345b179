"""Every text of a live journey: who speaks, how to stop, what it may cost, and nothing that may not be said."""

import re
from collections.abc import Iterator

import pytest

from journeys import JOURNEYS
from journeys.names import Channel, Language, MessageClass, TemplateName
from journeys.templates import Template, Text, templates
from journeys.words import Send, all_steps

SPEAKER = {Language.CHINESE: "旅程证券", Language.ENGLISH: "Sojourn Securities"}
WHERE_TO_STOP = {Language.CHINESE: "我的—设置—通知", Language.ENGLISH: "Me > Settings > Notices"}
TO_STOP = {Language.CHINESE: "退订", Language.ENGLISH: r"\b(Stop|To stop)\b"}
RISK_NOTE = {Language.CHINESE: "市场有风险，投资需谨慎。", Language.ENGLISH: "Investing carries risk."}
PRODUCTS_OR_MARKETS = {
    Language.CHINESE: "产品|行情|股票|基金|收益|投资",
    Language.ENGLISH: r"(?i)\b(products?|markets?|stocks?|funds? that|returns?|invest\w*)\b",
}
FORBIDDEN = {
    Language.CHINESE: "保本|保收益|保证|稳赚|包赚|零风险|无风险|必涨|会涨|会跌|翻倍|抄底|良机|补偿|赔付|最佳|第一名",
    Language.ENGLISH: r"(?i)guarant|risk-free|no risk|will (rise|fall)|sure (profit|win)|double your|best|cover your",
}
LONGEST = {
    (Language.CHINESE, Channel.APP_PUSH): 70,
    (Language.CHINESE, Channel.INBOX): 150,
    (Language.ENGLISH, Channel.APP_PUSH): 180,
    (Language.ENGLISH, Channel.INBOX): 420,
}


SENT_ON = {
    step.template: step.channels
    for journey in JOURNEYS
    for step in all_steps(journey.steps)
    if isinstance(step, Send) and journey.state == "live"
}
SENT = sorted(SENT_ON)


def _texts() -> Iterator[tuple[Template, Language, Channel, Text]]:
    for template in map(templates().__getitem__, SENT):
        for language, channels in template.texts.items():
            for channel, text in channels.items():
                yield template, language, channel, text


every_text = pytest.mark.parametrize(
    ("template", "language", "channel", "text"),
    [pytest.param(*one, id=f"{one[0].name}-{one[1]}-{one[2]}") for one in _texts()],
)


@every_text
def test_a_text_says_who_speaks_and_how_to_stop(
    template: Template, language: Language, channel: Channel, text: Text
) -> None:
    """The name in the title, the way out at the end; what is no service says plainly that it can be stopped."""
    assert SPEAKER[language] in text.title
    assert WHERE_TO_STOP[language] in text.body[-70:]
    if template.message_class is not MessageClass.SERVICE:
        assert re.search(TO_STOP[language], text.body)


@every_text
def test_a_text_about_products_or_markets_has_the_risk_note(
    template: Template, language: Language, channel: Channel, text: Text
) -> None:
    """Marketing and education always; service when it speaks of them."""
    said = text.body.replace(RISK_NOTE[language], "")
    if template.message_class is not MessageClass.SERVICE or re.search(PRODUCTS_OR_MARKETS[language], said):
        assert RISK_NOTE[language] in text.body


@every_text
def test_a_text_promises_nothing(template: Template, language: Language, channel: Channel, text: Text) -> None:
    """No profit, no cover for losses, no call on a price, no superlative."""
    assert not re.search(FORBIDDEN[language], f"{text.title} {text.body}")


@every_text
def test_a_text_is_short(template: Template, language: Language, channel: Channel, text: Text) -> None:
    """A push is read at a glance, a letter in half a minute."""
    assert len(text.body) <= LONGEST[language, channel]


@pytest.mark.parametrize("name", SENT)
def test_a_template_is_complete_and_approved(name: TemplateName) -> None:
    """Both languages, every channel it is sent on, a sender and the number of its approval, its own."""
    template = templates()[name]
    assert all(set(template.texts[language]) >= set(SENT_ON[name]) for language in Language)
    assert template.sender == "Sojourn Securities"
    assert [one.name for one in templates().values() if one.approval == template.approval] == [template.name]


def test_a_lesson_says_that_it_is_no_advice() -> None:
    """Advice has a class of its own, with an adviser's name and number."""
    for template, language, channel, text in _texts():
        if template.name.startswith("lesson-") and channel is Channel.INBOX:
            assert ("不构成投资建议" if language is Language.CHINESE else "not investment advice") in text.body
