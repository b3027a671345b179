"""What support staff read, in both languages; each reason is a sentence that may be said to the customer."""

from __future__ import annotations

from collections.abc import Mapping

from journeys.names import Language

LABELS: Mapping[str, tuple[str, str]] = {
    "stage": ("阶段", "Stage"),
    "since": ("自", "since"),
    "points": ("积分", "Points"),
    "tier": ("会员等级", "Tier"),
    "registered": ("注册会员", "registered"),
    "next action": ("下一步", "Next action"),
    "nothing": ("无", "nothing"),
    "no stage": ("尚无（还没有任何事件）", "none yet: nothing has happened"),
    "stage changes": ("届时若无投资活动，阶段将变化", "the stage changes if there is no investment before"),
    "expires": ("旅程到期结束", "the journey ends"),
    "clock": ("时钟", "Clock"),
    "simulated": ("模拟时间，并非真实时间", "simulated, these are not real times"),
    "step": ("步骤", "Step"),
    "state": ("状态", "State"),
    "entry": ("第几次进入:", "entry"),
    "waiting until": ("等待至", "waiting until"),
    "working": ("处理中", "in progress"),
    "paused": ("已暂停", "paused"),
    "cancel was refused: end the customer's journeys with end_journey": (
        "取消请求已被拒绝：请用 end_journey 结束旅程",
        "cancel was refused: end the customer's journeys with end_journey",
    ),
    "paused since": ("已暂停，自", "paused since"),
    "control": ("对照组：不发送", "control group: nothing is sent"),
    "held until": ("暂缓至", "held until"),
    "touches": ("最近触达", "Last touches"),
    "touch": ("触达", "Touch"),
    "time": ("时间", "Time"),
    "journey": ("旅程", "Journey"),
    "outcome": ("结果", "Outcome"),
    "ended": ("最近结束的旅程", "Ended journeys"),
    "attention": ("请注意", "Attention"),
    "introduction": ("引入期", "introduction"),
    "growth": ("成长期", "growth"),
    "maturity": ("成熟期", "maturity"),
    "decline": ("衰退期", "decline"),
    "churned": ("流失期", "churned"),
    "closed": ("已销户", "closed"),
    "sent": ("已发送", "sent"),
    "withheld": ("未发送", "not sent"),
    "failed": ("发送失败", "failed"),
    "in_doubt": ("结果待确认", "in doubt"),
    "goal": ("达成目标", "goal reached"),
    "goal_late": ("窗口期后达成目标", "goal reached after its window"),
    "completed": ("已走完", "completed"),
    "expired": ("到期结束", "expired"),
    "otherwise": ("未发生", "did not happen"),
    "exit": ("提前退出", "left early"),
    "displaced": ("被更重要的旅程取代", "made way for another journey"),
    "time_past": ("时间已过", "its time was past"),
    "ended_by_command": ("由工作人员结束", "ended by our staff"),
    "end_lost": ("结束记录已丢失", "its end was lost"),
    "skipped": ("已跳过", "skipped"),
}

REASONS: Mapping[str, tuple[str, str]] = {
    "no_consent": ("您未同意通过该渠道接收此类消息。", "You have not agreed to receive such messages on this channel."),
    "opted_out": ("您已退订此类消息。", "You have opted out of such messages."),
    "unreachable": ("该渠道当前无法联系到您。", "We cannot reach you on this channel at present."),
    "stale": ("消息已过时效，因此未发送。", "The message was no longer timely, so it was not sent."),
    "overtaken": ("您已完成该操作，无需再提醒。", "You had already done it, so no reminder was needed."),
    "brake": ("该消息已取消发送。", "This message has been cancelled."),
    "goal": ("您已达成目标，无需再发送。", "You had reached the goal already."),
    "account_closed": ("您的账户已注销，我们不再发送消息。", "Your account is closed: we send no more messages."),
    "closed": ("您的账户已注销，我们不再发送消息。", "Your account is closed: we send no more messages."),
    "opted_out_of_marketing": ("您已退订此类消息。", "You have opted out of such messages."),
    "exit": ("旅程已结束，因此未发送。", "The journey had ended, so it was not sent."),
    "expired": ("旅程已到期结束，因此未发送。", "The journey had ended, so it was not sent."),
    "completed": ("旅程已走完，因此未发送。", "The journey had ended, so it was not sent."),
    "goal_late": ("您已达成目标，无需再发送。", "You had reached the goal already."),
    "bad_request": ("消息渠道拒绝了该消息。", "The channel refused the message."),
    "unauthorized": ("消息渠道拒绝了该消息。", "The channel refused the message."),
    "too_large": ("消息过长，渠道未接收。", "The message was too long for the channel."),
    "answer_lost": ("渠道未确认，消息可能已送达。", "The channel did not confirm; you may have got it."),
    "timed_out": ("渠道未确认，消息可能已送达。", "The channel did not confirm; you may have got it."),
    "not_connected": ("消息渠道当时无法接收。", "The channel could not take the message at the time."),
    "busy": ("消息渠道当时无法接收。", "The channel could not take the message at the time."),
    "gateway_failed": ("渠道未确认，消息可能已送达。", "The channel did not confirm; you may have got it."),
    "unreadable_answer": ("渠道未确认，消息可能已送达。", "The channel did not confirm; you may have got it."),
    "holdout": (
        "为评估服务效果，部分客户暂不接收此类消息。",
        "To learn what helps, some customers do not get such messages.",
    ),
    "paused": ("旅程已暂停。", "The journey has been paused by us."),
    "quiet_hours": (
        "现为免打扰时段，届时将再次核对后决定是否发送。",
        "It is a quiet time now; it is decided again then whether the message is sent.",
    ),
    "cap": ("为避免打扰，近期消息数量已达上限。", "You have had enough messages from us lately."),
    "class_not_carried": ("该渠道不用于此类消息。", "This channel is not used for such messages."),
    "not_approved": ("消息内容尚未通过审核或审核已过期。", "The text is not approved, or its approval has ended."),
    "recalled": ("该消息已停止使用，未向您发送。", "This message is no longer in use and was not sent to you."),
    "budget": ("本次活动名额已满。", "The messages of this campaign have all been given out."),
    "suppressed": ("根据您的情况，我们已暂停向您发送消息。", "We have stopped sending you messages."),
    "complaint": ("您的投诉正在处理，期间不发送消息。", "While your complaint is open, we send you nothing."),
    "deceased": ("消息已停止发送。", "Messages have been stopped."),
    "legal": ("根据相关规定，暂不能向您发送消息。", "For legal reasons we may not send you messages at present."),
    "unsuitable": ("该产品与您的适当性信息不匹配。", "The product does not match what we know of you as an investor."),
    "product_unknown": ("产品信息尚未登记，因此未发送。", "The product is not in our catalogue, so it was not sent."),
    "product_not_offered": ("该产品目前不在销售期。", "The product is not on offer at present."),
    "not_assessed": ("请先完成风险测评。", "Please complete the risk assessment first."),
    "assessment_expired": (
        "您的风险测评已过期，请重新测评。",
        "Your risk assessment has expired: please take it again.",
    ),
    "above_risk_class": (
        "产品风险高于您的风险承受等级。",
        "The product carries more risk than your risk class allows.",
    ),
    "lowest_class": ("产品风险高于您的风险承受等级。", "The product carries more risk than your risk class allows."),
    "term_too_long": ("产品期限长于您的投资期限。", "The product's term is longer than you want to invest for."),
    "type_not_wanted": ("产品类型不在您的投资品种之内。", "The product is of a kind that you do not invest in."),
    "displaced": ("旅程已结束，因此未发送。", "The journey had ended, so it was not sent."),
    "ended_by_command": ("旅程已结束，因此未发送。", "The journey had ended, so it was not sent."),
    "time_past": ("旅程已结束，因此未发送。", "The journey had ended, so it was not sent."),
    "end_lost": ("旅程已结束，因此未发送。", "The journey had ended, so it was not sent."),
    "bounced": ("消息未能送达。", "The message could not be delivered."),
    "template_error": ("消息内容有误，因此未发送。", "The text was faulty, so it was not sent."),
}


HOLDS: Mapping[str, tuple[str, str]] = {
    "brake": (
        "该消息已暂缓发送，届时将再次核对后决定是否发送。",
        "We have put this message on hold; it is decided again then whether it is sent.",
    ),
    "cap": (
        "为避免打扰，近期消息数量已达上限，届时将再次核对后决定是否发送。",
        "You have had enough messages from us lately; it is decided again then whether this one is sent.",
    ),
}
"""Of a touch that is held, where the sentence for one that was not sent is another. None promises that it is sent:
every gate is asked again, and the customer may have opted out since."""


def label(name: str, language: Language) -> str:
    """A label in a language; a word that is in no table stands for itself."""
    return _in(LABELS.get(name), language) or name


def reason(name: str, language: Language) -> str:
    """A reason as a sentence; of 'exit: account_closed' the event decides, of 'overtaken: deposit_made' the word.

    What is in no table ended the run: the event that was its goal, or the word of an `end`.
    """
    word, _, event = name.partition(": ")
    return _in(REASONS.get(event) or REASONS.get(word) or REASONS["exit"], language)


def hold_reason(name: str, language: Language) -> str:
    """Why a touch is held, as a sentence; "then" is the time until which it is held."""
    return _in(HOLDS.get(name), language) or reason(name, language)


def _in(texts: tuple[str, str] | None, language: Language) -> str:
    if texts is None:
        return ""
    match language:
        case Language.CHINESE:
            return texts[0]
        case Language.ENGLISH:
            return texts[1]
