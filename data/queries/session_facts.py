"""One session as the console shows it: what is known of it, how its energy flowed, what did not fit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from data.energy import EnergySpan
from data.models import (
    Account,
    Charger,
    ChargingSession,
    Connector,
    EnergyStep,
    QuarantinedMessage,
    Reservation,
)
from data.queries import listed_sessions
from data.queries.listed_sessions import ListedSession
from data.types import Authorization

MOST_POINTS = 300
"""Of a curve: a screen has no more to show."""
MOST_MESSAGES = 50


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What there is to know of a session. Unknown is ``None``."""

    listed: ListedSession
    identity: str
    """Of the charger, as in its OCPP address."""
    connector_type: str | None
    reading_interval: int
    """Seconds between its readings."""
    received_at: datetime
    stop_received_at: datetime | None
    stop_reason: str | None
    meter_start: int | None
    """Wh register."""
    meter_stop: int | None
    ocpp_transaction_id: str | None
    """The charger's own, in OCPP 2.0.1; in 1.6 it is the session's number."""
    authorization: Authorization
    energy_started_at: datetime
    energy_ended_at: datetime
    replayed: bool
    late_at: datetime | None
    source: str
    reservation_id: int | None
    reservation_starts_at: datetime | None
    reservation_ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Curve:
    """How energy flowed: spans one after another, each with its Wh, `MOST_POINTS` of them at most."""

    spans: tuple[EnergySpan, ...]
    steps: int
    """Out of so many that are stored; 0: none is, and the one span is the whole session."""
    corrected: bool = False
    """The energy was corrected by hand: the curve is scaled to it, and not what the meter said."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message about the session that could not be applied (C11)."""

    id: int
    action: str
    reason: str
    received_at: datetime
    times: int
    resolved_at: datetime | None


_s = ChargingSession
_FACTS = (
    select(
        Charger.identity,
        Connector.type,
        Charger.reading_interval,
        _s.received_at,
        _s.stop_received_at,
        _s.stop_reason,
        _s.meter_start,
        _s.meter_stop,
        _s.ocpp_transaction_id,
        _s.authorization,
        _s.energy_started_at,
        _s.energy_ended_at,
        _s.replayed,
        _s.late_at,
        _s.source,
        _s.reservation_id,
        Reservation.starts_at,
        Reservation.ends_at,
    )
    .join(Charger, Charger.id == _s.charger_id)
    .join(Connector, Connector.id == _s.connector_id)
    .outerjoin(Reservation, Reservation.id == _s.reservation_id)
    .where(_s.id == bindparam("session_id"))
)
_STEPS = (
    select(EnergyStep.started_at, EnergyStep.ended_at, EnergyStep.energy_wh)
    .where(EnergyStep.session_id == bindparam("session_id"))
    .order_by(EnergyStep.started_at)
)
_MESSAGES = (
    select(
        QuarantinedMessage.id,
        QuarantinedMessage.action,
        QuarantinedMessage.reason,
        QuarantinedMessage.received_at,
        QuarantinedMessage.times,
        QuarantinedMessage.resolved_at,
    )
    .where(QuarantinedMessage.session_id == bindparam("session_id"))
    .order_by(QuarantinedMessage.id.desc())
    .limit(MOST_MESSAGES)
)


def facts(db: Connection, session_id: int) -> SessionFacts | None:
    """What there is to know of the session *session_id*, if there is one."""
    listed = listed_sessions.many(db, [session_id])
    row = db.execute(_FACTS, {"session_id": session_id}).one_or_none()
    return SessionFacts(listed[0], *tuple(row)) if row is not None and listed else None


def curve(db: Connection, session_id: int) -> Curve | None:
    """How the energy of *session_id* flowed; ``None`` where none did. The spans add up to it, to the Wh.

    However often a charger has sent its meter, neighbours are put together until `MOST_POINTS` are left.
    """
    row = db.execute(
        select(_s.energy_started_at, _s.energy_ended_at, _s.energy_wh, _s.flags).where(_s.id == session_id)
    ).one_or_none()
    if row is None or row.energy_wh == 0:
        return None
    corrected = "corrected" in row.flags
    # Stored are at most as many as the charger has sent readings with another energy: thousands, no more.
    rows = db.execute(_STEPS, {"session_id": session_id})
    found = [EnergySpan(step.started_at, step.ended_at, step.energy_wh) for step in rows]
    if not found:
        if row.energy_ended_at <= row.energy_started_at:
            return None
        return Curve((EnergySpan(row.energy_started_at, row.energy_ended_at, row.energy_wh),), 0, corrected)
    return Curve(thinned(found, MOST_POINTS), len(found), corrected)


def thinned(spans: list[EnergySpan], most: int) -> tuple[EnergySpan, ...]:
    """*spans* with neighbours put together until there are no more than *most*; the Wh stay the same."""
    if len(spans) <= most:
        return tuple(spans)
    parts = [spans[n * len(spans) // most : (n + 1) * len(spans) // most] for n in range(most)]
    return tuple(
        EnergySpan(part[0].started_at, part[-1].ended_at, sum(span.energy_wh for span in part))
        for part in parts
    )


def quarantined(db: Connection, session_id: int) -> tuple[Quarantined, ...]:
    """The messages about *session_id* that could not be applied, the newest first."""
    return tuple(Quarantined(*row) for row in db.execute(_MESSAGES, {"session_id": session_id}))


def names(db: Connection, account_ids: Collection[int]) -> dict[int, str]:
    """What the accounts are called that there are."""
    if not account_ids:
        return {}
    rows = db.execute(select(Account.id, Account.name).where(Account.id.in_(account_ids)))
    return {row.id: row.name for row in rows}
