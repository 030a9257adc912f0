"""What is counted for the page of health and for Prometheus: never more than what is going on now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, select

from data.models import (
    Charger,
    ChargerCommand,
    ChargingSession,
    QuarantinedMessage,
)
from data.queries import display_list
from data.types import Admission

SILENT_AFTER = timedelta(minutes=60)
"""P20."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are."""

    chargers: int
    heard_chargers: int
    """Heard of within the hour (P20)."""
    pending_chargers: int
    running_sessions: int
    power_w: int
    """That running sessions draw, where known."""
    settling_sessions: int
    """Ended, with a driver, and not finalized."""
    settling_since: datetime | None
    """End of the oldest of them."""
    open_commands: int
    quarantined: int
    displays: int
    seen_displays: int
    """That have told lately that they are there (K7)."""

    def told(self) -> str:
        """As a line of diagnostics."""
        return ", ".join(f"{name} {value}" for name, value in asdict(self).items())


def counts(db: Connection, now: datetime) -> Counts:
    """Count; each by an index of what is open, so that history costs nothing."""
    chargers = db.execute(
        select(
            func.count(),
            func.count().filter(Charger.last_seen_at >= now - SILENT_AFTER),
            func.count().filter(Charger.admission == Admission.PENDING),
        ).select_from(Charger)
    ).one()
    running = db.execute(
        select(func.count(), func.coalesce(func.sum(ChargingSession.power_w), 0)).where(
            ChargingSession.ended_at.is_(None)
        )
    ).one()
    settling = db.execute(
        select(func.count(), func.min(ChargingSession.ended_at)).where(
            and_(ChargingSession.ended_at.is_not(None), ChargingSession.finalized_at.is_(None)),
            ChargingSession.account_id.is_not(None),
        )
    ).one()
    commands = select(func.count()).where(ChargerCommand.finished_at.is_(None))
    quarantined = select(func.count()).where(QuarantinedMessage.resolved_at.is_(None))
    displays, seen_displays = display_list.counted(db, now)
    known, heard, pending = chargers
    in_progress, power_w = running
    waiting, since = settling
    return Counts(
        chargers=known,
        heard_chargers=heard,
        pending_chargers=pending,
        running_sessions=in_progress,
        power_w=power_w or 0,
        settling_sessions=waiting,
        settling_since=since,
        open_commands=db.scalar(commands) or 0,
        quarantined=db.scalar(quarantined) or 0,
        displays=displays,
        seen_displays=seen_displays,
    )
