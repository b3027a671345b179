"""What product owners edit: journeys, events, the stage policy and the texts. Plain frozen values, no engine."""

from journeys.onboarding_guidance import onboarding_guidance
from journeys.win_back import win_back
from journeys.words import Journey

JOURNEYS: tuple[Journey, ...] = (onboarding_guidance, win_back)
"""Every journey that exists, in no particular order. A journey that is not listed here does not run."""
