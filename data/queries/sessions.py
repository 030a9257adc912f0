"""Sessions of a driver: those in progress and the latest (P6–P11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, case, func, select

from data.live import Reading
from data.models import Charger, ChargingSession, Connector


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A session in progress, for its strip in the banner. Unknown is ``None``."""

    id: int
    charger_name: str
    connector_number: int | None
    """``None`` where the charger has only one, so that naming it would say nothing."""
    connector_type: str | None
    started_at: datetime
    reading_interval: int
    """Seconds between readings that the charger keeps; older than this + 60 s is stale (P8)."""
    reading: Reading
    """As stored; its cost is unknown here, for tariffs are no matter of the database."""


@dataclass(frozen=True, slots=True)
class RecentSession:
    """One of the latest sessions."""

    id: int
    charger_name: str
    started_at: datetime
    """When energy flowed at the charger (P10)."""
    ended_at: datetime | None
    """``None`` while it is in progress."""
    energy_wh: int | None
    """``None`` while it is in progress and without a reading."""
    finalized: bool


place_number = case((Connector.evse > 0, Connector.evse), else_=Connector.number)
"""The number that people read on a plug: OCPP 2.0.1 counts its places (EVSEs), 1.6 its connectors."""

_siblings = Connector.__table__.alias("siblings")
_connectors = (
    select(func.count())
    .select_from(_siblings)
    .where(_siblings.c.charger_id == ChargingSession.charger_id, _siblings.c.number > 0)
    .correlate(ChargingSession)
    .scalar_subquery()
)

_active = (
    select(
        ChargingSession.id,
        Charger.name,
        case((_connectors > 1, place_number)),
        Connector.type,
        ChargingSession.started_at,
        Charger.reading_interval,
        ChargingSession.has_reading,
        ChargingSession.energy_wh,
        ChargingSession.power_w,
        ChargingSession.power_derived,
        ChargingSession.reading_at,
    )
    .join(Charger, Charger.id == ChargingSession.charger_id)
    .join(Connector, Connector.id == ChargingSession.connector_id)
    .where(
        ChargingSession.account_id == bindparam("account_id"),
        ChargingSession.ended_at.is_(None),
        ChargingSession.replayed.is_(False),
    )
    .order_by(ChargingSession.started_at, ChargingSession.id)
)

_recent = (
    select(
        ChargingSession.id,
        Charger.name,
        ChargingSession.energy_started_at,
        case((ChargingSession.ended_at.is_not(None), ChargingSession.energy_ended_at)),
        case((ChargingSession.has_reading | (ChargingSession.energy_wh > 0), ChargingSession.energy_wh)),
        ChargingSession.finalized_at.is_not(None),
    )
    .join(Charger, Charger.id == ChargingSession.charger_id)
    .where(ChargingSession.account_id == bindparam("account_id"))
    .order_by(ChargingSession.started_at.desc(), ChargingSession.id.desc())
    .limit(bindparam("limit"))
)


def active(db: Connection, account_id: int) -> list[ActiveSession]:
    """The sessions in progress of *account_id*, by start (P6); replayed ones are not among them (C13)."""
    return [
        ActiveSession(
            id=id_,
            charger_name=name,
            connector_number=number,
            connector_type=type_,
            started_at=started_at,
            reading_interval=interval,
            reading=Reading(
                session_id=id_,
                energy_wh=energy_wh if has_reading else None,
                power_w=power_w,
                power_derived=power_derived,
                reading_at=reading_at,
                cost=None,
                currency=None,
            ),
        )
        for (
            id_,
            name,
            number,
            type_,
            started_at,
            interval,
            has_reading,
            energy_wh,
            power_w,
            power_derived,
            reading_at,
        ) in db.execute(_active, {"account_id": account_id})
    ]


def recent(db: Connection, account_id: int, limit: int = 5) -> list[RecentSession]:
    """The latest sessions of *account_id* by start, newest first (P10)."""
    rows = db.execute(_recent, {"account_id": account_id, "limit": limit})
    return [RecentSession(*row) for row in rows]
