"""The rows of connectors, made at their first mention; no more than a charger can have (C5).

What belongs to a connector beyond that is kept with the charger itself, number 0: a session that
begins there loses no energy.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select, update

from app.charging.reports import CHARGER, CONNECTORS_AT_MOST, Place
from data.database import Change
from data.models import Connector
from data.types import ConnectorStatus

_FIND = select(Connector.id).where(
    Connector.charger_id == bindparam("charger_id"),
    Connector.evse == bindparam("evse"),
    Connector.number == bindparam("number"),
)
_COUNT = select(func.count()).where(Connector.charger_id == bindparam("charger_id"), Connector.number > 0)
_MOVE = (
    update(Connector)
    .where(Connector.id == bindparam("connector_id"))
    .values(evse=bindparam("to_evse"), number=bindparam("to_number"))
)


def normal(place: Place) -> Place:
    """*place*, with the first connector where only an EVSE was named (OCPP 2.0.1)."""
    return Place(1, place.evse) if place.evse and not place.number else place


def find_connector(db: Connection, charger_id: int, place: Place) -> int | None:
    """The connector's id; ``None`` before its first mention."""
    place = normal(place)
    key = {"charger_id": charger_id, "evse": place.evse, "number": place.number}
    found: int | None = db.execute(_FIND, key).scalar_one_or_none()
    return found


def has_room(db: Connection, charger_id: int, place: Place) -> bool:
    """Whether *place* is one of the charger's connectors, or may become one."""
    place = normal(place)
    if not place.number or find_connector(db, charger_id, place) is not None:
        return True
    if place.evse and find_connector(db, charger_id, Place(place.evse)) is not None:
        return True
    return bool(db.execute(_COUNT, {"charger_id": charger_id}).scalar_one() < CONNECTORS_AT_MOST)


def connector(change: Change, charger_id: int, place: Place) -> int:
    """The id of the connector at *place*, which exists from now on; without room for it the charger's own."""
    place = normal(place)
    key = {"charger_id": charger_id, "evse": place.evse, "number": place.number}
    found: int | None = change.execute(_FIND, key).scalar_one_or_none()
    if found is None and place.evse:
        # Connectors are entered numbered through, as OCPP 1.6 has it; this one turns out to be an EVSE's.
        found = change.execute(_FIND, {"charger_id": charger_id, "evse": 0, "number": place.evse}).scalar()
        if found is not None:
            change.execute(_MOVE, {"connector_id": found, "to_evse": place.evse, "to_number": place.number})
    if found is None and not has_room(change.connection, charger_id, place):
        return connector(change, charger_id, CHARGER)
    if found is None:
        change.execute(change.insert_once(Connector), {**key, "status": ConnectorStatus.UNKNOWN})
        found = change.execute(_FIND, key).scalar_one()
    return found
