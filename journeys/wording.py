"""What a text must say and what it may not, as data, each rule with the law it comes from (compliance.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from journeys.names import Language

CHINESE, ENGLISH = Language.CHINESE, Language.ENGLISH

SPEAKERS: Mapping[str, Mapping[Language, str]] = MappingProxyType(
    {"Sojourn Securities": {CHINESE: "旅程证券", ENGLISH: "Sojourn Securities"}}
)
"""How a sender is called in each language; one that is not here is called as the template writes it."""

RISK_NOTE: Mapping[Language, str] = MappingProxyType(
    {CHINESE: "市场有风险，投资需谨慎。", ENGLISH: "Investing carries risk."}
)
"""The risk note of the house (Advertising Law, Art. 25); a template may have its own."""

STOP: Mapping[Language, str] = MappingProxyType(
    {CHINESE: "退订：我的—设置—通知。", ENGLISH: "Stop: Me > Settings > Notices."}
)
TO_STOP: Mapping[Language, re.Pattern[str]] = MappingProxyType(
    {CHINESE: re.compile("退订"), ENGLISH: re.compile(r"\b(Stop|To stop|Unsubscribe)\b")}
)
"""How to refuse more of it (Advertising Law, Art. 43)."""

INVESTING: Mapping[Language, re.Pattern[str]] = MappingProxyType(
    {
        CHINESE: re.compile("产品|行情|股票|基金|收益|投资"),
        ENGLISH: re.compile(r"(?i)\b(products?|markets?|stocks?|funds? that|returns?|invest\w*)\b"),
    }
)
"""Words of which a risk note has to follow, also in a text of service."""


class Banned(NamedTuple):
    """Words that may not be said, and the law that forbids them."""

    law: str
    words: re.Pattern[str]


SECURITIES_135 = "Securities Law, Art. 135"
ADVERTISING_25 = "Advertising Law, Art. 25"
ADVERTISING_9 = "Advertising Law, Art. 9"

BANNED: Mapping[Language, tuple[Banned, ...]] = MappingProxyType(
    {
        CHINESE: (
            Banned(
                ADVERTISING_25, re.compile("保本|保收益|保息|保证(?!金)|确保收益|稳赚|包赚|稳赢|必赚|只赚不赔|翻倍")
            ),
            Banned(ADVERTISING_25, re.compile("零风险|(?<!有)无风险(?!测评|等级|评估|提示|揭示)|没有风险")),
            Banned(SECURITIES_135, re.compile("承诺收益|补偿|赔付|包赔|兜底")),
            Banned(SECURITIES_135, re.compile("必涨|会涨|会跌|必跌|抄底|良机")),
            Banned(ADVERTISING_9, re.compile("最佳|最高级|最好|第一名|国家级")),
        ),
        ENGLISH: (
            Banned(
                ADVERTISING_25, re.compile(r"(?i)\bguarant\w*|\bsure (profit|win)\b|\bdouble your\b|\bcannot lose\b")
            ),
            Banned(ADVERTISING_25, re.compile(r"(?i)\brisk[- ]free\b|\b(no|zero|without( any)?) risk\b")),
            Banned(SECURITIES_135, re.compile(r"(?i)\b(cover|compensate|make good)( for)? (your|any|all) loss\w*")),
            Banned(SECURITIES_135, re.compile(r"(?i)\bwill (rise|fall|go up|go down)\b")),
            Banned(ADVERTISING_9, re.compile(r"(?i)\b(?<!at )(?<!our )best\b(?! (wishes|regards))")),
        ),
    }
)

_DENIED_CHINESE = "保本|保收益|保息|保证|确保收益|承诺收益|补偿|赔付|兜底|零风险|无风险|没有风险|必涨|会涨|会跌|必跌"
_DENIED_ENGLISH = r"guarant\w*|risk[- ]free|without risk|(?:rise|fall)\b"

DENIED: Mapping[Language, re.Pattern[str]] = MappingProxyType(
    {
        CHINESE: re.compile(
            f"(?<!不得)(?<!不能)(?<!不会)(?:不|并非|无法|没有|未)(?:能|会|可|得|作|作出|做出|构成|提供|代表|意味着)?(?:任何)?(?:{_DENIED_CHINESE})"
        ),
        ENGLISH: re.compile(
            r"(?i)\b(?:(?:not|never|cannot)(?: be| come with| carry| constitute| give| offer)?|no|nor|neither|without"
            r"|no (?:investments?|products?|funds?|stocks?|returns?) (?:is|are))(?: an?| any)? "
            f"(?:{_DENIED_ENGLISH})"
        ),
    }
)
"""Who says that nothing is promised promises nothing: 不保证收益, "not guaranteed".

Only the words that join a denial to what it denies may stand between: 不收费且保证收益 and "no fees and guaranteed
returns" promise. What is denied in other words is found, and to be said more plainly.
"""
