"""The list of journeys, loaded when somebody asks for it."""

from journeys.growth_nudges import growth_nudges
from journeys.mature_service import mature_service
from journeys.onboarding_guidance import onboarding_guidance
from journeys.retention_offer import retention_offer
from journeys.win_back import win_back
from journeys.words import Journey

JOURNEYS: tuple[Journey, ...] = (onboarding_guidance, growth_nudges, mature_service, retention_offer, win_back)
"""Every journey that exists, by stage of life. A journey that is not listed here does not run."""
