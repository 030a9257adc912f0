"""Which session a message means that does not name one: unambiguous or none (C11)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from app.charging import tags
from app.charging.beginning import tell
from app.charging.connectors import find_connector
from app.charging.pace import LATE, QUIET
from app.charging.reports import Place, Stop
from data.database import Change
from data.models import ChargingSession, Connector, MeterSample, TransactionEvent

MOST_WH = 1_000_000
"""No session draws more than these Wh between two readings (M16)."""
AHEAD = timedelta(minutes=1)
"""A device time further ahead than this is one to come."""

_sessions = ChargingSession
_OF_TRANSACTION = select(_sessions.id).where(
    _sessions.charger_id == bindparam("charger_id"),
    _sessions.ocpp_transaction_id == bindparam("transaction_id"),
)
_ON_CONNECTOR = select(_sessions.id, _sessions.started_at).where(
    _sessions.connector_id == bindparam("connector_id"), _sessions.ended_at.is_(None)
)
_ON_CHARGER = select(
    _sessions.id,
    _sessions.started_at,
    _sessions.id_tag,
    _sessions.meter_start,
    _sessions.energy_wh,
).where(
    # By connector, for which there is an index of the sessions in progress alone.
    _sessions.connector_id.in_(select(Connector.id).where(Connector.charger_id == bindparam("charger_id"))),
    _sessions.ended_at.is_(None),
)
_ALL_HIDDEN = select(_sessions.id, _sessions.charger_id).where(
    _sessions.ended_at.is_(None), _sessions.replayed
)
_GOING_ON = select(_sessions.id).where(
    _sessions.id.in_(bindparam("session_ids", expanding=True)), _sessions.ended_at.is_(None)
)
_HIDDEN = select(_sessions.charger_id, _sessions.account_id, _sessions.received_at).where(
    _sessions.id == bindparam("session_id"), _sessions.ended_at.is_(None), _sessions.replayed
)
_LAST_TOLD = tuple(
    select(func.max(table.received_at)).where(table.session_id == bindparam("session_id"))
    for table in (MeterSample, TransactionEvent)
)
_SHOW = update(_sessions).where(_sessions.id == bindparam("session_id")).values(replayed=False)
MOVE_END = update(_sessions).where(_sessions.id == bindparam("session_id")).values(ended_at=bindparam("end"))

MOVE_START = (
    update(_sessions).where(_sessions.id == bindparam("session_id")).values(started_at=bindparam("start"))
)


def hidden(db: Connection) -> Sequence[Any]:
    """Sessions in progress that are in no banner: id, charger."""
    return db.execute(_ALL_HIDDEN).all()


def still_in_progress(db: Connection, session_ids: Collection[int]) -> set[int]:
    """Those of *session_ids* that are in progress."""
    return set(db.execute(_GOING_ON, {"session_ids": list(session_ids)}).scalars())


def of_transaction(db: Connection, charger_id: int, transaction_id: str) -> int | None:
    """The session of the charger's own transaction id (2.0.1)."""
    key = {"charger_id": charger_id, "transaction_id": transaction_id}
    found: int | None = db.execute(_OF_TRANSACTION, key).scalar_one_or_none()
    return found


def on_connector(db: Connection, charger_id: int, place: Place, at: datetime) -> int | None:
    """The session in progress on a connector, if it had begun *at* that time already (M7)."""
    plug = find_connector(db, charger_id, place)
    row = db.execute(_ON_CONNECTOR, {"connector_id": plug}).one_or_none()
    return None if row is None or row.started_at > at else row.id


def for_stop(db: Connection, charger_id: int, stop: Stop) -> int | None:
    """The one session in progress that *stop* can mean: begun before it, with its tag and its register."""
    tag = None if stop.id_tag is None else tags.normal(stop.id_tag)
    found = [
        row.id
        for row in db.execute(_ON_CHARGER, {"charger_id": charger_id})
        if row.started_at <= stop.at + LATE
        and tag in (None, row.id_tag)
        and _register_fits(row, stop.meter_stop)
    ]
    return found[0] if len(found) == 1 else None


def _register_fits(row: Any, meter_stop: int | None) -> bool:
    if meter_stop is None or row.meter_start is None:
        return True
    # Below its last reading the stop is another connector's, or another day's.
    return bool(0 <= meter_stop - row.meter_start - row.energy_wh <= MOST_WH)


def show(change: Change, session_id: int, quiet_since: datetime) -> datetime | None:
    """Put a session into the banner that was taken for a replayed one (C13).

    Not if a message about it was stored after *quiet_since*, which another process may have taken:
    then returned is when the last one came.
    """
    key = {"session_id": session_id}
    row = change.execute(_HIDDEN, key).one_or_none()
    if row is None:
        return None
    told = [change.execute(statement, key).scalar_one() for statement in _LAST_TOLD]
    last: datetime = max(at for at in (row.received_at, *told) if at is not None)
    if quiet_since < last <= quiet_since + QUIET:  # one to come is of before the clock was set back
        return last
    change.execute(_SHOW, key)
    tell(change, row.charger_id, row.account_id)
    return None


def is_to_come(stop: Stop) -> bool:
    """True if the charger dated *stop* into the future, whatever was made of that (C11)."""
    raw = (stop.payload or {}).get("timestamp")
    try:
        at = datetime.fromisoformat(raw.strip().replace("z", "Z")) if isinstance(raw, str) else stop.at
    except ValueError:
        return False
    return at.tzinfo is not None and at > stop.received_at + AHEAD
