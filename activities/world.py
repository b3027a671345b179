"""What activities need of the world, put together once by whoever runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from activities.channels import ChannelAdapter
from activities.database import Pool
from journeys.caps import CAPS, Cap
from journeys.lifecycle import LIFECYCLE_POLICY, LifecyclePolicy
from journeys.names import Channel, Language
from rules.clock import Clock
from rules.definitions import Catalogue
from rules.engine_numbers import EngineNumbers
from rules.entry import EntryPolicy
from rules.quiet_hours import QuietHours
from rules.state import RULES_VERSION


@dataclass(frozen=True)
class World:
    """The database, the channels, the journeys that may be entered, and the numbers of this deployment."""

    pool: Pool
    catalogue: Catalogue
    channels: Mapping[Channel, ChannelAdapter]
    language: Language = Language.CHINESE
    policy: LifecyclePolicy = LIFECYCLE_POLICY
    numbers: EngineNumbers = EngineNumbers()
    rules_version: int = RULES_VERSION
    attribution: timedelta = timedelta(days=7)
    backfill_horizon: timedelta = timedelta(days=7)
    entries: EntryPolicy = EntryPolicy()
    future_tolerance: timedelta = timedelta(minutes=5)
    rejected_retention: timedelta = timedelta(days=30)
    caps: tuple[Cap, ...] = CAPS
    quiet_hours: QuietHours | None = QuietHours()
    assessment_valid: timedelta = timedelta(days=365)
    """How long a suitability assessment holds that does not say so itself."""
    simulation_allowed: bool = False

    def clock(self, clock: Clock) -> Clock:
        """The clock to go by: a simulated one only where no real customer could be touched by it."""
        return clock if self.simulation_allowed or not clock.simulated else Clock()

    def age(self, clock: Clock, at: datetime) -> timedelta:
        """How long ago a business time was, in real time: negative for one that is still to come."""
        return datetime.now(UTC) - self.clock(clock).real(at)
