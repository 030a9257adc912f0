"""Who may ask a charger for what (C16, T2–T4, T8): looked up inside the unit that writes the request.

An operator may ask for anything. A driver starts with a card of their own, stops a session of their own,
and reserves or gives up a reservation of their own; what is somebody else's is answered as what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from app.charging import tags
from app.logs import masked
from data.caller import Caller, NotAllowed
from data.models import (
    Account,
    Charger,
    ChargerCommand,
    ChargingSession,
    Connector,
    GroupAccount,
    GroupCharger,
    Mapping,
    Reservation,
)
from data.queries.commands import is_secret
from data.queries.reservations import held as held_ones
from data.queries.sessions import place_number
from data.types import Admission, CommandState, ReservationStatus, Role

KINDS = frozenset(
    {
        "start",
        "stop",
        "unlock",
        "reset",
        "change_availability",
        "trigger",
        "reserve",
        "cancel_reservation",
        "get_configuration",
        "set_configuration",
    }
)
OF_DRIVERS = frozenset({"start", "stop", "reserve", "cancel_reservation"})
MESSAGES = frozenset(
    {"BootNotification", "FirmwareStatusNotification", "Heartbeat", "MeterValues", "StatusNotification"}
)
OPEN = (CommandState.WAITING, CommandState.SENT, CommandState.ACCEPTED)
_PASSWORDS = frozenset({"authorizationkey", "basicauthpassword", "securityctrlr.basicauthpassword"})
_LONGEST_KEY, _LONGEST_VALUE, _MOST_KEYS = 100, 1_000, 100


class CannotAsk(Exception):
    """Why a charger is not asked; ``why`` is a word that pages have a sentence for."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for, as it came."""

    charger_id: int
    kind: str
    connector_id: int | None = None
    session_id: int | None = None
    reservation_id: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Granted:
    """What may be asked for: as it is kept, and as the audit log tells it (T59, T63)."""

    parameters: dict[str, Any]
    account_id: int | None
    """The driver whom it concerns."""
    details: dict[str, Any]


def grant(db: Connection, caller: Caller, wish: Wish, now: datetime) -> Granted:
    """Look whether *caller* may have *wish*. Raises `NotAllowed` or `CannotAsk`:

    ``missing`` (no such charger, connector, session or reservation, or not theirs), ``pending`` (the charger
    is not accepted), ``parameters``, ``card`` (not active, or blocked), ``several_cards``, ``ended`` (the
    session), ``under_way`` (the same start already is), ``reserved`` (for somebody else, right now),
    ``over`` (the reservation), ``early`` (it has not begun), ``asked`` (the charger was, already), ``used``
    (it is being charged with), ``secret`` (a charger's password has its own way).
    """
    if wish.kind not in KINDS:
        raise CannotAsk("parameters")
    if caller.role is not Role.OPERATOR and (caller.role is not Role.DRIVER or wish.kind not in OF_DRIVERS):
        raise NotAllowed(f"command.{wish.kind}")
    # Locked: of two who ask for the same connector at once, the second finds what the first has asked (T8).
    charger = db.execute(
        select(Charger.name, Charger.identity, Charger.admission, Charger.visible_to_all)
        .where(Charger.id == wish.charger_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if charger is None:
        raise CannotAsk("missing")
    if caller.role is Role.DRIVER and not (
        charger.visible_to_all or wish.kind in ("stop", "cancel_reservation") or _sees(db, caller, wish)
    ):
        raise CannotAsk("missing")
    if charger.admission is not Admission.ACCEPTED:
        raise CannotAsk("pending")
    number = None
    if wish.connector_id is not None:
        number = db.execute(
            select(place_number).where(
                Connector.id == wish.connector_id,
                Connector.charger_id == wish.charger_id,
                Connector.number > 0,
            )
        ).scalar_one_or_none()
        if number is None:
            raise CannotAsk("missing")
    granted = _BY_KIND[wish.kind](db, caller, wish, now)
    told: dict[str, Any] = {"charger": charger.identity}
    if number is not None:
        told["connector"] = number
    return Granted(granted.parameters, granted.account_id, {**told, **granted.details})


def sees(db: Connection, account_id: int | None, charger_id: int) -> bool:
    """Whether *account_id* is in a group of the charger (P19)."""
    found = select(GroupCharger.group_id).join(GroupAccount, GroupAccount.group_id == GroupCharger.group_id)
    return (
        db.execute(
            found.where(GroupCharger.charger_id == charger_id, GroupAccount.account_id == account_id).limit(1)
        ).first()
        is not None
    )


def _sees(db: Connection, caller: Caller, wish: Wish) -> bool:
    return sees(db, caller.subject_id, wish.charger_id)


def _start(db: Connection, caller: Caller, wish: Wish, now: datetime) -> Granted:
    _only(wish, "id_tag", "mapping_id")
    id_tag, account_id = _card(db, caller, wish.parameters)
    if not id_tag or len(id_tag) > 255 or not id_tag.isprintable():
        raise CannotAsk("parameters")
    command = ChargerCommand
    others = (
        select(command.id)
        .where(command.charger_id == wish.charger_id, command.kind == "start", command.state.in_(OPEN))
        .where(command.finished_at.is_(None), command.deadline > now)
    )
    if wish.connector_id is not None:
        same = or_(command.connector_id == wish.connector_id, command.connector_id.is_(None))
        others = others.where(same)
    if db.execute(others.limit(1)).first() is not None:
        raise CannotAsk("under_way")
    if caller.role is Role.DRIVER and _held_for_another(db, caller, wish, now):
        raise CannotAsk("reserved")
    return Granted({"id_tag": id_tag}, account_id, {"card": masked(id_tag)})


def starts_another(
    db: Connection, charger_id: int, number: int | None, account_id: int, now: datetime
) -> bool:
    """Whether somebody else's start is under way at the charger's connector *number*, None: at any (T8)."""
    command = ChargerCommand
    found = db.execute(
        select(place_number, Mapping.account_id)
        .select_from(command)
        .outerjoin(Connector, Connector.id == command.connector_id)
        .outerjoin(Mapping, and_(Mapping.active, Mapping.id_tag == command.parameters["id_tag"].as_string()))
        .where(
            command.charger_id == charger_id,
            command.kind == "start",
            command.finished_at.is_(None),
            command.deadline > now,
        )
    )
    return any(whose != account_id and (None in (number, place) or number == place) for place, whose in found)


def _card(db: Connection, caller: Caller, parameters: dict[str, Any]) -> tuple[str, int | None]:
    """The tag to start with and whose it is: a driver's own; an operator may name any."""
    cards = (
        select(Mapping.id, Mapping.id_tag, Mapping.account_id, Mapping.blocked)
        .join(Account, Account.id == Mapping.account_id)
        .where(Mapping.active, Account.disabled_at.is_(None))
    )
    mapping_id, typed = parameters.get("mapping_id"), parameters.get("id_tag")
    id_tag = tags.normal(typed) if isinstance(typed, str) else None
    if isinstance(mapping_id, int):
        cards = cards.where(Mapping.id == mapping_id)
    elif id_tag is not None:
        cards = cards.where(Mapping.id_tag == id_tag)
    elif caller.role is Role.OPERATOR or mapping_id is not None or typed is not None:
        raise CannotAsk("parameters")
    if caller.role is Role.DRIVER:
        cards = cards.where(Mapping.account_id == caller.subject_id)
    found = db.execute(cards).all()
    if len(found) > 1:
        raise CannotAsk("several_cards")
    if not found:
        if caller.role is Role.OPERATOR and id_tag is not None and not isinstance(mapping_id, int):
            return id_tag, None  # unknown to us: the session is kept all the same (C10)
        raise CannotAsk("card")
    if found[0].blocked:
        raise CannotAsk("card")
    return found[0].id_tag, found[0].account_id


def _held_for_another(db: Connection, caller: Caller, wish: Wish, now: datetime) -> bool:
    held = select(Reservation.account_id, Reservation.connector_number).where(
        Reservation.charger_id == wish.charger_id,
        Reservation.ends_at > now,
        Reservation.starts_at <= now,
        held_ones,
    )
    number = None
    if wish.connector_id is not None:
        number = db.execute(
            select(place_number).where(Connector.id == wish.connector_id)
        ).scalar_one_or_none()
    return any(
        row.account_id != caller.subject_id
        and (row.connector_number is None or row.connector_number == number)
        for row in db.execute(held)
    )


def _stop(db: Connection, caller: Caller, wish: Wish, now: datetime) -> Granted:
    _only(wish)
    session = db.execute(
        select(ChargingSession.account_id, ChargingSession.ended_at, ChargingSession.id_tag).where(
            ChargingSession.id == wish.session_id, ChargingSession.charger_id == wish.charger_id
        )
    ).one_or_none()
    if session is None or not _theirs(caller, session.account_id):
        raise CannotAsk("missing")
    if session.ended_at is not None:
        raise CannotAsk("ended")
    return Granted({}, session.account_id, {"session": wish.session_id, "card": masked(session.id_tag)})


def _of_reservation(db: Connection, caller: Caller, wish: Wish, now: datetime) -> Granted:
    _only(wish)
    row = db.execute(
        select(Reservation.account_id, Reservation.starts_at, Reservation.ends_at, Reservation.status).where(
            Reservation.id == wish.reservation_id, Reservation.charger_id == wish.charger_id
        )
    ).one_or_none()
    if row is None or not _theirs(caller, row.account_id):
        raise CannotAsk("missing")
    if row.ends_at <= now:
        raise CannotAsk("over")
    if wish.kind == "reserve":
        # Chargers reserve at once: what begins later is ours to hold until then (C15).
        if row.status is not ReservationStatus.HELD:
            asked = row.status in (ReservationStatus.SENT, ReservationStatus.ACCEPTED)
            raise CannotAsk("asked" if asked else "over")
        if row.starts_at > now:
            raise CannotAsk("early")
    return Granted({}, row.account_id, {"reservation": wish.reservation_id})


def _unlock(db: Connection, caller: Caller, wish: Wish, now: datetime) -> Granted:
    _only(wish)
    if wish.connector_id is None:
        raise CannotAsk("parameters")
    return Granted({}, None, {})


def _reset(db: Connection, caller: Caller, wish: Wish, now: datetime) -> Granted:
    _only(wish, "at_once")
    at_once = wish.parameters.get("at_once", False)
    if not isinstance(at_once, bool):
        raise CannotAsk("parameters")
    return Granted({"at_once": at_once}, None, {"at_once": at_once})


def _availability(db: Connection, caller: Caller, wish: Wish, now: datetime) -> Granted:
    _only(wish, "operative")
    operative = wish.parameters.get("operative")
    if not isinstance(operative, bool):
        raise CannotAsk("parameters")
    return Granted({"operative": operative}, None, {"operative": operative})


def _trigger(db: Connection, caller: Caller, wish: Wish, now: datetime) -> Granted:
    _only(wish, "message")
    message = wish.parameters.get("message")
    if message not in MESSAGES:
        raise CannotAsk("parameters")
    return Granted({"message": message}, None, {"message": message})


def _get(db: Connection, caller: Caller, wish: Wish, now: datetime) -> Granted:
    _only(wish, "keys")
    keys = [_key(key) for key in wish.parameters.get("keys") or ()]
    if len(keys) > _MOST_KEYS:
        raise CannotAsk("parameters")
    return Granted({"keys": keys}, None, {"keys": keys} if keys else {})


def _set(db: Connection, caller: Caller, wish: Wish, now: datetime) -> Granted:
    _only(wish, "key", "value")
    key, value = _key(wish.parameters.get("key")), wish.parameters.get("value")
    if not isinstance(value, str) or len(value) > _LONGEST_VALUE:
        raise CannotAsk("parameters")
    if key.lower() in _PASSWORDS:
        raise CannotAsk("secret")
    return Granted(
        {"key": key, "value": value}, None, {"key": key, "value": "…" if is_secret(key) else value[:100]}
    )


def _key(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= _LONGEST_KEY:
        raise CannotAsk("parameters")
    return value.strip()


def _only(wish: Wish, *known: str) -> None:
    if set(wish.parameters) - set(known):
        raise CannotAsk("parameters")


def _theirs(caller: Caller, account_id: int | None) -> bool:
    return caller.role is Role.OPERATOR or (account_id is not None and account_id == caller.subject_id)


_BY_KIND = {
    "start": _start,
    "stop": _stop,
    "reserve": _of_reservation,
    "cancel_reservation": _of_reservation,
    "unlock": _unlock,
    "reset": _reset,
    "change_availability": _availability,
    "trigger": _trigger,
    "get_configuration": _get,
    "set_configuration": _set,
}
