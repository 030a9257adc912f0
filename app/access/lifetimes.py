"""How long sign-ins last (T15, T28)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.settings import Settings
from data.types import Role

FRESH = timedelta(minutes=15)
"""How old the proof of who somebody is may be where it has to be fresh (T24)."""
ACTING = timedelta(minutes=30)
"""How long an operator acts as a driver at most (P23, T28)."""
NOT_REMEMBERED = timedelta(hours=24)
"""The longest that a driver's sign-in lasts which is not remembered."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a sign-in lasts."""

    idle: timedelta
    """Without use."""
    longest: timedelta
    """In any case."""


def is_fresh(fresh_at: datetime, now: datetime) -> bool:
    """Whether somebody who proved at *fresh_at* who they are has done so recently enough (T24)."""
    return fresh_at <= now < fresh_at + FRESH


def lifetime(settings: Settings, role: Role, *, remember: bool) -> Lifetime:
    """The lifetime of a new sign-in to an account of *role*; operators are never remembered."""
    if role is Role.OPERATOR:
        return Lifetime(
            timedelta(minutes=settings.operator_idle_minutes), timedelta(hours=settings.operator_hours)
        )
    if remember:
        return Lifetime(
            timedelta(days=settings.sign_in_days),
            timedelta(days=max(settings.sign_in_days, settings.sign_in_longest_days)),
        )
    return Lifetime(timedelta(hours=settings.sign_in_hours), NOT_REMEMBERED)
