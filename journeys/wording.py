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

PLACEHOLDER = re.compile(r"待写|(?i:\bto be written\b|\blorem ipsum\b)|\bTODO\b|\bTBD\b")
"""What stands in a text that nobody has written yet, as `new-journey` leaves it."""

_PERCENT = r"\d+(?:\.\d+)?[%％]"
_RATE_CHINESE = (
    f"(?:年化|收益|回报)(?:率|收益|收益率|回报|回报率)*(?:可达|高达|达到|达|为|约|超过|超|最高|最低|不低于)*{_PERCENT}"
    f"|(?:年化|收益|回报)(?:率|收益|收益率|回报|回报率)*(?:最高|第一|领先)"
    f"|{_PERCENT}(?:的)?(?:年化|收益|回报)"
)
"""A rate of return, and that it is the highest."""

_RATE_ENGLISH = (
    rf"(?:{_PERCENT} (?:(?:annual|yearly|annuali[sz]ed|a year) )?(?:returns?|yields?|profits?)\b"
    rf"|\b(?:returns?|yields?) (?:of|up to|over) (?:up to )?{_PERCENT}|\bhighest (?:returns?|yields?)\b)"
)

BANNED: Mapping[Language, tuple[Banned, ...]] = MappingProxyType(
    {
        CHINESE: (
            Banned(
                ADVERTISING_25, re.compile("保本|保收益|保息|保证(?!金)|确保收益|稳赚|包赚|稳赢|必赚|只赚不赔|翻倍")
            ),
            Banned(ADVERTISING_25, re.compile("零风险|(?<!有)无风险(?!测评|等级|评估|提示|揭示)|没有风险")),
            Banned(SECURITIES_135, re.compile("承诺收益|补偿|赔付|包赔|兜底")),
            Banned(ADVERTISING_25, re.compile(_RATE_CHINESE)),
            Banned(
                ADVERTISING_25,
                re.compile(
                    "(?:绝不|决不|不会|不可能|永不|从不|从未)(?:有)?亏(?!待|欠|空)损?|绝对安全|百分之?百安全|100%安全"
                ),
            ),
            Banned(SECURITIES_135, re.compile("必涨|会涨|会跌|必跌|抄底|良机")),
            Banned(
                SECURITIES_135,
                re.compile(
                    "(?:将|(?<!可能)(?<!也许)(?<!或许)(?<!是否)会|必将|必定|一定|肯定)(?:继续|持续|再|大幅|大)*(?:上涨|下跌|走高|走低|暴涨|大涨|翻红)"
                ),
            ),
            Banned(
                SECURITIES_135,
                re.compile("(?:跑赢|战胜|超越)(?:大盘|市场|指数)|牛市(?:要|就要|即将|已经|已)?(?:来|到|启动|开启)"),
            ),
            Banned(
                ADVERTISING_9,
                re.compile("最佳|最高级|最好|最优(?!五档|价|报价|成交)|最强|最大收益|第一名|国家级|顶级|顶尖"),
            ),
            Banned(
                ADVERTISING_9,
                re.compile("(?:行业|全国|业内|市场|全网|排名)第一(?!季|次|天|部)"),
            ),
            Banned(ADVERTISING_9, re.compile("唯一(?!标识|编号|编码|识别|代码|性)")),
        ),
        ENGLISH: (
            Banned(ADVERTISING_25, re.compile(r"(?i)\bguarant\w*|\bsure (profit|win)\b|\bdouble your\b")),
            Banned(ADVERTISING_25, re.compile(r"(?i)\brisk[- ]free\b|\b(no|zero|without( any)?) risk\b")),
            Banned(SECURITIES_135, re.compile(r"(?i)\b(cover|compensate|make good)( for)? (your|any|all) loss\w*")),
            Banned(
                ADVERTISING_25,
                re.compile(
                    rf"(?i){_RATE_ENGLISH}"
                    r"|\b(cannot|can[’']t|can not|never|will not|won[’']t) lose\b"
                    r"(?=\W*$| ?[^\w\s]| (any |a |your |the )?(money|capital|principal|cent|penny|anything|out)\b)"
                ),
            ),
            Banned(ADVERTISING_25, re.compile(r"(?i)\b(absolutely|completely|perfectly|100 ?%) safe\b")),
            Banned(
                SECURITIES_135,
                re.compile(
                    r"(?i)\b(will|is going to|are going to|is sure to|is bound to)"
                    r"( surely| certainly| soon| definitely)? (rise|fall|go up|go down|climb|soar|double)\b"
                ),
            ),
            Banned(
                SECURITIES_135,
                re.compile(r"(?i)\b(beats?|outperforms?) the (market|index)\b|\bbull market is (coming|here)\b"),
            ),
            Banned(
                ADVERTISING_9,
                re.compile(
                    r"(?i)\b(?<!lesson )(?<!step )(?<!question )no\. ?1\b|(?<!\w)#1\b"
                    r"|\b(the|is|are|as|our) number one\b"
                    r"|\btop[- ](rated|ranked)\b|\bthe only (broker|fund|product|app)\b"
                ),
            ),
            Banned(ADVERTISING_9, re.compile(r"(?i)\b(?<!at )(?<!our )best\b(?! (wishes|regards))")),
        ),
    }
)

_DENIED_CHINESE = (
    "保本|保收益|保息|保证|确保收益|承诺收益|补偿|赔付|兜底|零风险|无风险|没有风险|必涨|会涨|会跌|必跌"
    "|(?:(?:会|必将|必定|一定|肯定)(?:继续|持续|再|大幅|大)*(?:上涨|下跌))|一定跑赢大盘|跑赢大盘|绝对安全|不会亏损?|唯一"
)
_DENIED_ENGLISH = (
    r"guarant\w*|risk[- ]free|without risk|(?:rise|fall|beat the market|absolutely safe|completely safe)\b"
)

DENIED: Mapping[Language, re.Pattern[str]] = MappingProxyType(
    {
        CHINESE: re.compile(
            f"(?<!不得)(?<!不能)(?<!不会)(?:不|并非|无法|没有|未)(?:是|能|会|可|得|作|作出|做出|构成|提供|代表|意味着)?(?:任何)?(?:{_DENIED_CHINESE})"
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
