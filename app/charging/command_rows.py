"""The rows of requests to chargers: written before anything is sent, claimed once, and finished (C16, T59).

Each step is conditional on the one before, so that several processes may take it at once and one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from app.charging.command_ends import ENDING, tell_end
from app.charging.command_rules import Granted, Wish
from app.charging.ocpp.calls import Outcome, Result
from app.charging.reports import Place
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change
from data.models import Account, Charger, ChargerCommand, ChargingSession, Connector, Mapping, Reservation
from data.queries.commands import is_secret
from data.queries.reservations import overlaps
from data.queries.sessions import place_number
from data.types import CommandState, ReservationStatus

LATE_CLOCK = timedelta(days=1)
"""How far behind the clock of a charger that charges may be for its start to be looked for."""
DRIFT = timedelta(minutes=5)
"""How far before its request a session that is over already may have begun, by the charger's clock."""
_DELIVERY = Caller(None, None, label="reservations")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step of a request may take."""

    taken: timedelta = timedelta(seconds=5)
    """Until the process that has the charger has taken it; then the charger counts as offline."""
    answered: timedelta = timedelta(seconds=65)
    """Until its process has told what the charger said: its turn and its answer, 30 s each by default."""
    happened: timedelta = timedelta(seconds=60)
    """From *accepted* until the transaction begins or ends."""
    rebooted: timedelta = timedelta(minutes=5)
    """From an accepted reset until the charger boots."""

    def until(self, kind: str) -> timedelta | None:
        """How long an accepted *kind* is waited for; None: it is done with its acceptance."""
        return {"start": self.happened, "stop": self.happened, "reset": self.rebooted}.get(kind)


@dataclass(frozen=True, slots=True)
class Open:
    """A request that is not finished."""

    id: int
    charger_id: int
    kind: str
    state: CommandState
    deadline: datetime
    happened: bool
    """What it asked for is there."""
    session_id: int | None
    """The one that a start led to."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A request that is to be sent now, and all that this takes."""

    id: int
    charger_id: int
    kind: str
    place: Place | None
    parameters: dict[str, Any]
    session_id: int | None
    transaction_id: str | None
    reservation_id: int | None
    id_tag: str | None
    """Of the reservation's card."""
    until: datetime | None
    """The reservation's end."""


_c = ChargerCommand


def write(
    change: Change, caller: Caller, wish: Wish, granted: Granted, now: datetime, patience: Patience
) -> int:
    """Keep the request, and who made it in the audit log (T59); its id."""
    row = {
        "charger_id": wish.charger_id,
        "connector_id": wish.connector_id,
        "kind": wish.kind,
        "parameters": granted.parameters,
        "session_id": wish.session_id,
        "reservation_id": wish.reservation_id,
        "asked_by_id": caller.actor_id,
        "requested_at": now,
        "deadline": now + patience.taken,
    }
    inserted = change.execute(insert(_c), {**row, "asked_by": _name(change, caller)}).inserted_primary_key
    assert inserted is not None
    command_id = int(inserted[0])
    audit.record(
        change,
        caller,
        f"command.{wish.kind}",
        now,
        about=f"charger {wish.charger_id}",
        subject_id=granted.account_id,
        details={**granted.details, "command": command_id},
    )
    _announce(change, command_id, wish.charger_id)
    return command_id


def open_ones(db: Connection) -> list[Open]:
    """All requests that are not finished, with what has become of what they asked for."""
    found = db.execute(
        select(
            _c.id,
            _c.charger_id,
            _c.kind,
            _c.state,
            _c.deadline,
            _c.connector_id,
            _c.parameters,
            _c.session_id,
            _c.requested_at,
        )
        .where(_c.finished_at.is_(None))
        .order_by(_c.id)
    ).all()
    taken: set[int] = set()
    made = []
    for row in found:
        session_id, happened = row.session_id, False
        if row.state in (CommandState.SENT, CommandState.ACCEPTED):
            if row.kind == "start":
                session_id = _begun(db, row, taken)
                happened = session_id is not None
            elif row.kind == "stop":
                happened = _ended(db, row.session_id)
            elif row.kind == "reset":
                happened = _booted(db, row.charger_id, row.requested_at)
        made.append(Open(row.id, row.charger_id, row.kind, row.state, row.deadline, happened, session_id))
    return made


def _begun(db: Connection, row: Any, taken: set[int]) -> int | None:
    """The session that a start led to: of its tag, on its connector, begun since it was asked for (C16).

    What a charger had kept for later is none, however new to us (C13).
    """
    session = ChargingSession
    wanted = (
        select(session.id)
        .join(Connector, Connector.id == session.connector_id)
        .where(
            session.charger_id == row.charger_id,
            session.started_at >= row.requested_at - LATE_CLOCK,
            session.received_at >= row.requested_at,
            session.replayed.is_(False),
            or_(session.ended_at.is_(None), session.started_at >= row.requested_at - DRIFT),
            session.id_tag == str(row.parameters.get("id_tag")),
        )
        .order_by(session.id)
    )
    if row.connector_id is not None:
        # Connector 0 is where a 2.0.1 transaction is as long as nobody has named its connector.
        wanted = wanted.where(or_(session.connector_id == row.connector_id, Connector.number == 0))
    found = next((one for one in db.execute(wanted).scalars() if one not in taken), None)
    if found is not None:
        taken.add(found)
    return found


def _ended(db: Connection, session_id: int | None) -> bool:
    ended = select(ChargingSession.ended_at).where(ChargingSession.id == session_id)
    return db.execute(ended).scalar_one_or_none() is not None


def _booted(db: Connection, charger_id: int, since: datetime) -> bool:
    booted = db.execute(select(Charger.booted_at).where(Charger.id == charger_id)).scalar_one_or_none()
    return booted is not None and booted > since


def claim(change: Change, command_id: int, now: datetime, patience: Patience) -> Claimed | None:
    """Take a request to send it; None if another process has, or its time is over."""
    mine = (
        update(_c)
        .where(_c.id == command_id, _c.state == CommandState.WAITING, _c.deadline > now)
        .values(state=CommandState.SENT, deadline=now + patience.answered)
    )
    if change.execute(mine).rowcount != 1:
        return None
    row = change.execute(
        select(
            _c.id,
            _c.charger_id,
            _c.kind,
            _c.parameters,
            _c.session_id,
            ChargingSession.ocpp_transaction_id,
            _c.reservation_id,
            Reservation.connector_number,
            Reservation.ends_at,
            Mapping.id_tag,
            Connector.number,
            Connector.evse,
        )
        .outerjoin(ChargingSession, ChargingSession.id == _c.session_id)
        .outerjoin(Reservation, Reservation.id == _c.reservation_id)
        .outerjoin(Mapping, Mapping.id == Reservation.mapping_id)
        .outerjoin(Connector, Connector.id == _c.connector_id)
        .where(_c.id == command_id)
    ).one()
    place = None if row.number is None else Place(row.number, row.evse)
    if row.connector_number is not None:
        place = _place(change.connection, row.charger_id, row.connector_number)
    _scrub(change, command_id, row.parameters)
    _announce(change, row.id, row.charger_id)
    return Claimed(
        id=row.id,
        charger_id=row.charger_id,
        kind=row.kind,
        place=place,
        parameters=row.parameters,
        session_id=row.session_id,
        transaction_id=row.ocpp_transaction_id,
        reservation_id=row.reservation_id,
        id_tag=row.id_tag,
        until=row.ends_at,
    )


def _scrub(change: Change, command_id: int, parameters: dict[str, Any]) -> None:
    """Keep a secret no longer than it takes to send it (T62)."""
    if is_secret(str(parameters.get("key", ""))):
        scrubbed = {**parameters, "value": "…"}
        change.execute(update(_c).where(_c.id == command_id).values(parameters=scrubbed))


def _place(db: Connection, charger_id: int, number: int) -> Place:
    plugs = select(Connector.number, Connector.evse).where(
        Connector.charger_id == charger_id, Connector.number > 0, place_number == number
    )
    found = db.execute(plugs.order_by(Connector.number)).first()
    return Place(number) if found is None else Place(found.number, found.evse)


def answered(
    change: Change,
    command_id: int,
    result: Result,
    now: datetime,
    patience: Patience,
    answer: dict[str, Any] | None = None,
) -> None:
    """What the charger said, in time or late (C7); nothing that has happened is taken back by it."""
    row = change.execute(select(*ENDING).where(_c.id == command_id).with_for_update()).one()
    values: dict[str, Any] = {
        "outcome": result.outcome.value,
        "said": None if result.said is None else result.said[:255],
        "answer": answer,
    }
    if result.outcome not in (Outcome.OFFLINE, Outcome.NO_ANSWER, Outcome.UNSENDABLE):
        values["answered_at"] = now
    if row.state is not CommandState.DONE:
        wait = patience.until(row.kind) if result.outcome is Outcome.ACCEPTED else None
        if not result.accepted:
            values |= {"state": CommandState.FAILED, "finished_at": now}
        elif wait is None:
            values |= {"state": CommandState.DONE, "finished_at": now}
        else:
            values |= {"state": CommandState.ACCEPTED, "deadline": now + wait, "finished_at": None}
    change.execute(update(_c).where(_c.id == command_id).values(**values))
    _reserved(change, row, result.outcome, now, patience)
    if values.get("finished_at") is not None and values["state"] is not row.state:
        tell_end(change, row, values["state"], values["outcome"], now)
    _announce(change, command_id, row.charger_id)


def settle(change: Change, found: Sequence[Open], now: datetime, patience: Patience) -> None:
    """Finish those of *found* that have happened, or whose time is over."""
    for one in found:
        values: dict[str, Any] = {"finished_at": now}
        outcome = None
        if one.happened:
            values |= {"state": CommandState.DONE, "session_id": one.session_id}
        elif one.state is CommandState.ACCEPTED:
            values["state"] = CommandState.TIMED_OUT
        else:
            outcome = Outcome.OFFLINE if one.state is CommandState.WAITING else Outcome.NO_ANSWER
            values |= {"state": CommandState.FAILED, "outcome": outcome.value}
        still = update(_c).where(_c.id == one.id, _c.state == one.state, _c.deadline == one.deadline)
        if change.execute(still.values(**values)).rowcount != 1:
            continue
        row = change.execute(select(*ENDING).where(_c.id == one.id)).one()
        if outcome is not None:
            _scrub(change, one.id, row.parameters)
            _reserved(change, row, outcome, now, patience)
        tell_end(change, row, values["state"], row.outcome, now)
        _announce(change, one.id, one.charger_id)


def _reserved(change: Change, asked: Row[Any], outcome: Outcome, now: datetime, patience: Patience) -> None:
    """Keep with the reservation what the charger said of it, in time or late (C7, C15)."""
    if asked.reservation_id is None or asked.kind not in ("reserve", "cancel_reservation"):
        return
    held = Reservation
    row = change.execute(
        select(
            held.id,
            held.account_id,
            held.charger_id,
            held.connector_number,
            held.starts_at,
            held.ends_at,
            held.status,
        )
        .where(held.id == asked.reservation_id)
        .with_for_update()
    ).one()
    values: dict[str, Any] = {"charger_answer": outcome.value}
    reached = outcome not in (Outcome.OFFLINE, Outcome.NO_ANSWER)
    if reached:
        values["answered_at"] = now
    if asked.kind == "reserve" and row.status is not ReservationStatus.USED:
        status = _standing(change, row, outcome, reached)
        if status is None:
            # The charger keeps a place that is not to be kept any more.
            if outcome in _WILL and row.ends_at > now and not _is_being_cancelled(change, row.id):
                granted = Granted({}, row.account_id, {"reservation": row.id})
                wish = Wish(row.charger_id, "cancel_reservation", reservation_id=row.id)
                write(change, _DELIVERY, wish, granted, now, patience)
            return
        values["status"] = status
    change.execute(update(held).where(held.id == row.id).values(**values))
    change.announce(Announcement(Topic.RESERVATIONS, row.account_id))
    if row.status is ReservationStatus.REFUSED or values.get("status") is ReservationStatus.REFUSED:
        change.announce(Announcement(Topic.CHARGERS, row.charger_id))  # the place is free, or taken again


_WILL = (Outcome.ACCEPTED, Outcome.SCHEDULED)


def _standing(change: Change, row: Row[Any], outcome: Outcome, reached: bool) -> ReservationStatus | None:
    """Where a reservation stands after the charger was asked to hold it; None: the answer changes nothing."""
    if row.status is ReservationStatus.CANCELLED:
        return None  # what was asked last is what counts, and that was to give it up
    if outcome in _WILL:
        if row.status is ReservationStatus.REFUSED:
            place = row.charger_id, row.connector_number, row.starts_at, row.ends_at
            if any(one.id != row.id for one in overlaps(change.connection, *place)):
                return None  # it is somebody else's since
        return ReservationStatus.ACCEPTED
    if reached:
        return ReservationStatus.REFUSED
    if row.status in (ReservationStatus.ACCEPTED, ReservationStatus.REFUSED):
        return None  # an answer counts for more than the lack of another one
    return ReservationStatus.HELD  # by us, and the charger is asked again


def _is_being_cancelled(change: Change, reservation_id: int) -> bool:
    open_one = select(_c.id).where(
        _c.finished_at.is_(None), _c.kind == "cancel_reservation", _c.reservation_id == reservation_id
    )
    return change.execute(open_one.limit(1)).first() is not None


def _announce(change: Change, command_id: int, charger_id: int) -> None:
    change.announce(Announcement(Topic.COMMANDS, charger_id, {"command": command_id}))


def _name(change: Change, caller: Caller) -> str:
    if caller.actor_id is None:
        return caller.label[:200]
    name = change.execute(select(Account.name).where(Account.id == caller.actor_id)).scalar_one_or_none()
    return (name or caller.label)[:200]
