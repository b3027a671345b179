"""Every text of a live journey: who speaks, how to stop, what it may cost, and nothing that may not be said."""

import re
from collections.abc import Iterator
from datetime import date

import pytest

from cli.texts import filled_texts
from journeys import JOURNEYS
from journeys.names import Channel, Language, MessageClass, TemplateName
from journeys.templates import Template, Text, templates
from journeys.words import Send, all_steps
from rules.texts import Place, findings

SPEAKER = {Language.CHINESE: "旅程证券", Language.ENGLISH: "Sojourn Securities"}
WHERE_TO_STOP = {Language.CHINESE: "我的—设置—通知", Language.ENGLISH: "Me > Settings > Notices"}
TO_STOP = {Language.CHINESE: "退订", Language.ENGLISH: r"\b(Stop|To stop)\b"}
LONGEST = {
    (Language.CHINESE, Channel.APP_PUSH): 50,
    (Language.CHINESE, Channel.INBOX): 150,
    (Language.ENGLISH, Channel.APP_PUSH): 100,
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


@pytest.mark.parametrize("name", SENT)
def test_check_finds_nothing_wrong_with_a_text(name: TemplateName) -> None:
    """No promise, the risk note where it belongs, the sender, the way to stop, an approval that holds."""
    assert list(findings(templates()[name], date(2026, 11, 22))) == []


@every_text
def test_a_text_is_short(template: Template, language: Language, channel: Channel, text: Text) -> None:
    """A push is read at a glance, a letter in half a minute: as it comes out, not as it is written."""
    filled = filled_texts(template)[Place("texts", language, channel)]
    assert len(filled.body) <= LONGEST[language, channel], text.body


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
