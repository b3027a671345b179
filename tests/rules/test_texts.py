"""What a text may not say and what it has to, with the words that only look like it."""

from datetime import date, timedelta

import pytest

from journeys.names import Channel, Language, MessageClass, TemplateName
from journeys.templates import Adviser, Template, Text
from rules.texts import Place, ends_soon, findings

TODAY = date(2026, 11, 22)
CHINESE, ENGLISH = Language.CHINESE, Language.ENGLISH
RISK = {CHINESE: "市场有风险，投资需谨慎。", ENGLISH: "Investing carries risk."}
STOP = {CHINESE: "退订：我的—设置—通知。", ENGLISH: "Stop: Me > Settings > Notices."}
NAME = {CHINESE: "【旅程证券】", ENGLISH: "Sojourn Securities: "}


def template(language: Language, body: str, **differences: object) -> Template:
    """An approved text of class education with one language."""
    text = Text(title=f"{NAME[language]}hello", body=body)
    whole = Template(
        name=TemplateName("hello"),
        message_class=MessageClass.EDUCATION,
        sender="Sojourn Securities",
        approval="HG-1",
        texts={language: {Channel.INBOX: text}},
    )
    return whole.model_copy(update=differences)


def said_of(language: Language, words: str, **differences: object) -> list[str]:
    """What is wrong with a text that has all it needs beside the words."""
    one = template(language, f"{words} {RISK[language]}{STOP[language]}", **differences)
    return [sentence for _, sentence in findings(one, TODAY)]


PROMISES = [
    (CHINESE, "本产品保本", "保本"),
    (CHINESE, "保证收益", "保证"),
    (CHINESE, "稳赚不赔", "稳赚"),
    (CHINESE, "无风险收益", "无风险"),
    (CHINESE, "零风险", "零风险"),
    (CHINESE, "后市必涨", "必涨"),
    (CHINESE, "亏损由我们补偿", "补偿"),
    (CHINESE, "不仅保本，还有收益", "保本"),
    (CHINESE, "不用担心，保证收益", "保证"),
    (CHINESE, "市场最佳选择", "最佳"),
    (CHINESE, "不要错过保本产品", "保本"),
    (CHINESE, "没有门槛保本产品", "保本"),
    (CHINESE, "不收费且保证收益", "保证"),
    (CHINESE, "未来保证收益", "保证"),
    (CHINESE, "不得不说保本", "保本"),
    (CHINESE, "不能不保证收益", "保证"),
    (CHINESE, "年化收益最高", "年化收益最高"),
    (CHINESE, "年化8%收益", "年化8%"),
    (CHINESE, "收益率高达8.5%", "收益率高达8.5%"),
    (CHINESE, "8%的年化等着您", "8%的年化"),
    (CHINESE, "买了不会亏损", "不会亏损"),
    (CHINESE, "从未亏损", "从未亏损"),
    (CHINESE, "您的钱绝对安全", "绝对安全"),
    (CHINESE, "轻松跑赢大盘", "跑赢大盘"),
    (CHINESE, "股价将上涨", "将上涨"),
    (CHINESE, "股价一定大幅上涨", "一定大幅上涨"),
    (CHINESE, "牛市要来了", "牛市要来"),
    (CHINESE, "规模行业第一", "行业第一"),
    (CHINESE, "顶级团队", "顶级"),
    (CHINESE, "您唯一的选择", "唯一"),
    (ENGLISH, "A guaranteed return", "guaranteed"),
    (ENGLISH, "We guarantee 5%", "guarantee"),
    (ENGLISH, "Not only guaranteed, but tax-free", "guaranteed"),
    (ENGLISH, "A risk-free choice", "risk-free"),
    (ENGLISH, "There is no risk", "no risk"),
    (ENGLISH, "The index will rise", "will rise"),
    (ENGLISH, "We cover your losses", "cover your losses"),
    (ENGLISH, "The best fund", "best"),
    (ENGLISH, "No fees and guaranteed returns", "guaranteed"),
    (ENGLISH, "Without fees we guarantee 5%", "guarantee"),
    (ENGLISH, "Do not miss the guaranteed fund", "guaranteed"),
    (ENGLISH, "Never wait for risk-free gains", "risk-free"),
    (ENGLISH, "The highest returns of all", "highest returns"),
    (ENGLISH, "An 8% annual return", "8% annual return"),
    (ENGLISH, "Returns of up to 8%", "Returns of up to 8%"),
    (ENGLISH, "With us you cannot lose.", "cannot lose"),
    (ENGLISH, "You will never lose money", "never lose"),
    (ENGLISH, "Absolutely safe", "Absolutely safe"),
    (ENGLISH, "Funds that beat the market", "beat the market"),
    (ENGLISH, "Shares will soon climb", "will soon climb"),
    (ENGLISH, "The bull market is coming", "bull market is coming"),
    (ENGLISH, "The No. 1 of all brokers", "No. 1"),
    (ENGLISH, "The only fund that you need", "The only fund"),
]


@pytest.mark.parametrize(("language", "words", "found"), PROMISES)
def test_a_promise_is_found_and_named_with_its_law(language: Language, words: str, found: str) -> None:
    """Who wrote it reads which words, and why."""
    (problem,) = said_of(language, words)
    assert problem.startswith(f"{found!r} may not be said (")
    assert ("Law, Art. ") in problem


@pytest.mark.parametrize(
    ("language", "words", "found"),
    [(CHINESE, "正文待写。", "待写"), (ENGLISH, "A text to be written.", "to be written"), (ENGLISH, "TODO", "TODO")],
)
def test_a_placeholder_is_no_text(language: Language, words: str, found: str) -> None:
    """As `new-journey` leaves it for whoever writes the text."""
    assert said_of(language, words) == [f"{found!r} stands for words that nobody has written: write them"]


FALSE_FRIENDS = [
    (CHINESE, "历史业绩不保证未来收益"),
    (CHINESE, "本产品不保本，不保证收益"),
    (CHINESE, "我们无法保证收益"),
    (CHINESE, "过往业绩不构成保证"),
    (CHINESE, "不能保证本金安全"),
    (CHINESE, "不作任何保证"),
    (CHINESE, "未承诺收益"),
    (CHINESE, "理财并非无风险"),
    (CHINESE, "追加保证金的规则"),
    (CHINESE, "请确认您的风险等级"),
    (CHINESE, "产品有无风险，请看说明书"),
    (CHINESE, "收益不保证"),
    (CHINESE, "过往业绩不代表未来表现"),
    (CHINESE, "没有绝对安全的投资"),
    (CHINESE, "投资并非不会亏损"),
    (CHINESE, "股价不一定上涨"),
    (CHINESE, "本次风险测评不是唯一依据"),
    (CHINESE, "您的唯一编号在账户页"),
    (CHINESE, "股价可能上涨，也可能下跌"),
    (CHINESE, "股价可能会下跌"),
    (CHINESE, "委托可选最优五档"),
    (CHINESE, "我们不会亏待客户"),
    (CHINESE, "佣金费率下调8%"),
    (CHINESE, "第一次下单前先看说明"),
    (CHINESE, "第一季度回顾"),
    (CHINESE, "能承受的最大亏损是多少"),
    (ENGLISH, "Returns are not guaranteed"),
    (ENGLISH, "Past performance is no guarantee of future results"),
    (ENGLISH, "Past performance does not say what will come"),
    (ENGLISH, "You can lose money"),
    (ENGLISH, "Prices may rise or fall"),
    (ENGLISH, "No fund is absolutely safe"),
    (ENGLISH, "The fee is 0.03% of the amount"),
    (ENGLISH, "Lesson number one: what a stop order is"),
    (ENGLISH, "Lesson No. 1: what a stop order is"),
    (ENGLISH, "You will not lose access to your account"),
    (ENGLISH, "Past results are no guarantee"),
    (ENGLISH, "It does not come with a guarantee"),
    (ENGLISH, "No investment is risk-free"),
    (ENGLISH, "We cannot guarantee a return"),
    (ENGLISH, "Results are without guarantee"),
    (ENGLISH, "Nobody knows whether it rises"),
    (ENGLISH, "With our best wishes"),
]


@pytest.mark.parametrize(("language", "words"), FALSE_FRIENDS)
def test_who_denies_a_promise_makes_none(language: Language, words: str) -> None:
    """Words that look alike, and the warnings that the law itself asks for."""
    assert said_of(language, words) == []


@pytest.mark.parametrize("language", Language)
def test_a_text_needs_the_risk_note_the_way_to_stop_and_its_sender(language: Language) -> None:
    """Each that is missing is a sentence with the words to write, and its place."""
    one = template(language, "Hello").model_copy(
        update={"texts": {language: {Channel.INBOX: Text(title="Hello", body="Hello")}}}
    )
    places, sentences = zip(*findings(one, TODAY), strict=True)
    assert set(places) == {Place("texts", language, Channel.INBOX)}
    assert [sentence.partition(":")[0].partition(" (")[0] for sentence in sentences] == [
        "it does not say who speaks",
        "the risk note is missing",
        "it does not say how to stop it",
    ]
    assert RISK[language] in sentences[1]


def test_a_service_text_needs_the_risk_note_only_when_it_speaks_of_investing() -> None:
    """Or when its step has a product; and never a way to stop."""
    plain = template(ENGLISH, "Your form is here.", message_class=MessageClass.SERVICE)
    assert list(findings(plain, TODAY)) == []
    assert "the risk note is missing" in str(list(findings(plain, TODAY, with_product=True)))
    spoken = template(ENGLISH, "Your fund statement, your investments.", message_class=MessageClass.SERVICE)
    assert "the risk note is missing" in str(list(findings(spoken, TODAY)))


def test_a_template_with_words_of_its_own_has_to_hold_them() -> None:
    """The risk note of the house does not do then."""
    own = {ENGLISH: "You can lose all of it."}
    assert "You can lose all" in str(said_of(ENGLISH, "Hello", risk_note=own))
    assert said_of(ENGLISH, "Hello. You can lose all of it.", risk_note=own) == []
    assert "Write STOP" in str(said_of(ENGLISH, "Hello", stop={ENGLISH: "Write STOP"}))


def test_the_plain_variant_is_looked_at_as_well() -> None:
    """It is sent, too."""
    one = template(ENGLISH, f"Hello. {RISK[ENGLISH]} {STOP[ENGLISH]}")
    both = one.model_copy(update={"plain": {ENGLISH: {Channel.INBOX: Text(title=NAME[ENGLISH], body="Risk-free")}}})
    assert {str(place) for place, _ in findings(both, TODAY)} == {"plain.en.inbox"}


def test_advice_names_its_adviser() -> None:
    """With the number of the registration."""
    advice = {"message_class": MessageClass.ADVICE, "adviser": Adviser(name="Li Na", registration="S123")}
    assert "the number 'S123'" in str(said_of(ENGLISH, "Li Na says hello.", **advice))
    assert said_of(ENGLISH, "Li Na (S123) says hello.", **advice) == []


@pytest.mark.parametrize("kind", [MessageClass.MARKETING, MessageClass.ADVICE])
def test_what_passes_a_review_needs_its_number(kind: MessageClass) -> None:
    """As the gate asks for it."""
    assert f"a text of class {kind} needs an approval: write approval = its number" in said_of(
        ENGLISH, "Hello.", message_class=kind, approval=None
    )


def test_education_needs_no_approval_until_a_product_is_in_it() -> None:
    """Then the gate asks for one."""
    one = template(ENGLISH, f"Hello. {RISK[ENGLISH]} {STOP[ENGLISH]}", approval=None)
    assert list(findings(one, TODAY)) == []
    assert "with a product needs an approval" in str(list(findings(one, TODAY, with_product=True)))


@pytest.mark.parametrize(
    ("days", "wrong", "warned"), [(-1, True, False), (0, False, True), (30, False, True), (31, False, False)]
)
def test_an_approval_that_ended_is_a_problem_and_one_about_to_end_a_warning(
    days: int, wrong: bool, warned: bool
) -> None:
    """The last day still counts; from 30 days before it is spoken of."""
    until = TODAY + timedelta(days=days)
    assert bool(said_of(ENGLISH, "Hello.", approved_until=until)) == wrong
    assert bool(ends_soon(template(ENGLISH, "Hello", approved_until=until), TODAY)) == warned


HIDDEN = [
    (ENGLISH, "It is guar\u200banteed", "guaranteed"),
    (ENGLISH, "It is guar\u00adan\ufe0ft\u2060eed", "guaranteed"),
    (ENGLISH, "It is ｇｕａｒａｎｔｅｅｄ", "guaranteed"),
    (CHINESE, "本产品保\u200d本", "保本"),
    (CHINESE, "稳\ufeff赚", "稳赚"),
    (CHINESE, "保\u3000本", "保本"),
    (CHINESE, "保 \u200b 本", "保本"),
    (CHINESE, "It is guaranteed", "guaranteed"),
    (ENGLISH, "本产品保本", "保本"),
]


@pytest.mark.parametrize(("language", "words", "found"), HIDDEN)
def test_a_promise_is_found_however_it_is_written(language: Language, words: str, found: str) -> None:
    """The customer sees no sign of no width, and reads a wide letter as a letter."""
    (problem,) = said_of(language, words)
    assert problem.startswith(f"{found!r} may not be said (")


def on(channel: Channel, text: Text, **differences: object) -> list[str]:
    """What is wrong with an English text for a channel."""
    one = template(ENGLISH, "").model_copy(update={"texts": {ENGLISH: {channel: text}}, **differences})
    return [sentence for _, sentence in findings(one, TODAY)]


def test_what_stands_in_the_title_of_an_sms_is_not_said() -> None:
    """It has none; who speaks is its signature."""
    whole = f"{RISK[ENGLISH]} {STOP[ENGLISH]}"
    assert on(Channel.SMS, Text(title="", body=whole)) == []
    (risk, stop) = on(Channel.SMS, Text(title=whole, body="Hello."))
    assert "the risk note is missing" in risk
    assert "how to stop" in stop
    adviser = {"message_class": MessageClass.ADVICE, "adviser": Adviser(name="Li Na", registration="S123")}
    assert "its adviser" in str(on(Channel.SMS, Text(title="Li Na (S123)", body=whole), **adviser))


def test_the_fields_of_a_notice_are_looked_at() -> None:
    """They are what WeChat gets; a promise that its own words make is found in title and body."""
    service = {"message_class": MessageClass.SERVICE}
    notice = Text(title="Form", body="Your form is here.", template_id="T", data={"thing1": "It is here"})
    assert on(Channel.WECHAT, notice, **service) == []
    promising = notice.model_copy(update={"data": {"thing1": "guaranteed"}})
    assert "'guaranteed' may not be said" in str(on(Channel.WECHAT, promising, **service))
    assert (
        "'risk-free' may"
        in str(on(Channel.WECHAT, notice.model_copy(update={"title": "Risk-free"}), **service)).lower()
    )
    investing = notice.model_copy(update={"body": RISK[ENGLISH], "data": {"thing1": "Your stocks"}})
    assert "the risk note is missing" in str(on(Channel.WECHAT, investing, **service))


def test_what_a_text_comes_to_is_looked_at_as_well_as_what_it_says() -> None:
    """A promise may be put together; what has to be said may stand where nobody gets it."""
    whole = f"{RISK[ENGLISH]} {STOP[ENGLISH]}"
    place = Place("texts", ENGLISH, Channel.INBOX)
    one = template(ENGLISH, f"{{{{ 'guaran' ~ 'teed' }}}} {{% if false %}}{whole}{{% endif %}}")
    filled = {place: Text(title=f"{NAME[ENGLISH]}hello", body="guaranteed ")}
    promise, risk, stop = (sentence for _, sentence in findings(one, TODAY, filled=filled))
    assert promise.startswith("'guaranteed' may not be said")
    assert "the risk note is missing" in risk
    assert "how to stop" in stop
    branch = template(ENGLISH, f"{{% if false %}}guaranteed{{% endif %}} {whole}")
    (problem,) = findings(branch, TODAY, filled={place: Text(title=f"{NAME[ENGLISH]}hello", body=whole)})
    assert problem.sentence.startswith("'guaranteed' may not be said")
