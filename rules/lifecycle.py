"""The stage of a customer as a function of what they did and when (architecture.md, "The lifecycle, as shipped")."""

from datetime import datetime, timedelta
from typing import Final

from journeys.events import account_closed, account_opened, message_bounced
from journeys.lifecycle import LifecyclePolicy
from journeys.names import Stage
from rules.effects import RecordedEvent, StageChanged
from rules.state import Lifecycle

# As in `rules/state.py`.
INTRODUCTION: Final = Stage.INTRODUCTION
GROWTH: Final = Stage.GROWTH
MATURITY: Final = Stage.MATURITY
DECLINE: Final = Stage.DECLINE
CHURNED: Final = Stage.CHURNED
CLOSED: Final = Stage.CLOSED


def fold(life: Lifecycle, event: RecordedEvent, policy: LifecyclePolicy, now: datetime) -> list[StageChanged]:
    """Take an event into the stage; answers the changes, the birth of a new customer first.

    A late event (older than the last change) acts when it was recorded, at `now`, and undoes nothing: its change comes
    after the last one, so that no two have one time.
    """
    changes = [] if life.stage else [_change(life, INTRODUCTION, event.at, "first_event")]
    late = life.since is not None and event.at < life.since
    at = max(now, life.since + timedelta.resolution) if late and life.since else event.at
    if event.name in policy.investing_events:
        life.investments += 1
        life.active_until = _later(life.active_until, event.held_until or event.at)
    if event.name != message_bounced:
        # That a message did not arrive is nothing that the customer did.
        life.last_activity = _later(life.last_activity, event.at)
    target, cause = _target(life, event, policy, at)
    if target is not life.stage:
        changes.append(_change(life, target, at, "late" if late else cause))
    return changes


def next_deadline(life: Lifecycle, policy: LifecyclePolicy) -> datetime | None:
    """When the stage changes if nothing happens until then; none in a stage that time does not end."""
    due = _due(life, policy)
    # After a late event the time may be over already: nothing is dated before the stage began.
    return life.since if due is not None and life.since is not None and due < life.since else due


def _due(life: Lifecycle, policy: LifecyclePolicy) -> datetime | None:
    stage, active_until = life.stage, life.active_until
    if stage is INTRODUCTION:
        began = life.last_activity or life.since
        return began and began + policy.introduction_ends_after
    if active_until is None or stage is None:
        return None
    if stage is GROWTH or stage is MATURITY:
        return active_until + policy.decline_after
    return active_until + policy.churn_after if stage is DECLINE else None


def fall_due(life: Lifecycle, due: datetime) -> StageChanged:
    """Nothing happened until the deadline: one stage down, dated at the deadline."""
    down = DECLINE if life.stage in (GROWTH, MATURITY) else CHURNED
    return _change(life, down, due, "inactive")


def _target(life: Lifecycle, event: RecordedEvent, policy: LifecyclePolicy, at: datetime) -> tuple[Stage, str]:
    assert life.stage is not None
    if event.name in (account_closed, account_opened):
        if life.account_at is not None and event.at < life.account_at:
            return life.stage, ""
        life.account_at = event.at
    if event.name == account_closed:
        return CLOSED, str(account_closed)
    if life.stage is CLOSED:
        return _reopened(life, event)
    if event.name not in policy.investing_events:
        return life.stage, ""
    active = MATURITY if life.investments >= policy.maturity_at else GROWTH
    match life.stage:
        case Stage.INTRODUCTION:
            return active, "first_investment"
        case Stage.GROWTH:
            return active, "matured"
        case Stage.MATURITY:
            return MATURITY, ""
        case Stage.DECLINE | Stage.CHURNED:
            assert life.active_until is not None
            still_inactive = life.active_until + policy.decline_after <= at
            return (life.stage, "") if still_inactive else (active, "returned")


def _reopened(life: Lifecycle, event: RecordedEvent) -> tuple[Stage, str]:
    """A closed account is final until it is opened again; then the relationship begins anew."""
    if event.name != account_opened:
        return CLOSED, ""
    life.investments, life.active_until = 0, None
    return INTRODUCTION, str(account_opened)


def _change(life: Lifecycle, to: Stage, at: datetime, cause: str) -> StageChanged:
    change = StageChanged(life.stage, to, at, cause)
    life.stage, life.since = to, at
    return change


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other > one else one
