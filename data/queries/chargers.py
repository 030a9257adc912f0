"""The chargers that a driver can see (P19–P22).

Four or five statements whatever the number of chargers; the status of P20 is decided here and not in
SQL, so that it reads as the rule does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, case, func, select, type_coerce

from data.models import Charger, ChargingSession, Connector, GroupAccount, GroupCharger, Reservation, Site
from data.queries.reservations import held
from data.queries.sessions import place_number
from data.types import Admission, ConnectorStatus

OFFLINE_AFTER = timedelta(minutes=60)
"""Silence longer than this is offline; exactly this is not yet (P20)."""
SHOWN = 50

OCCUPIED = frozenset(
    {
        ConnectorStatus.PREPARING,
        ConnectorStatus.CHARGING,
        ConnectorStatus.SUSPENDED_EV,
        ConnectorStatus.SUSPENDED_EVSE,
        ConnectorStatus.FINISHING,
        ConnectorStatus.OCCUPIED,
    }
)
OUT_OF_SERVICE = frozenset({ConnectorStatus.UNAVAILABLE, ConnectorStatus.FAULTED})
READY = frozenset({ConnectorStatus.AVAILABLE, ConnectorStatus.UNKNOWN})
"""A connector that never reported counts as ready if its charger talks: some only report trouble."""


class ChargerStatus(StrEnum):
    """The four words of P20, first match wins, in this order."""

    OFFLINE = "offline"
    IN_USE = "in_use"
    RESERVED = "reserved"
    ONLINE = "online"


@dataclass(frozen=True, slots=True)
class VisibleCharger:
    """One charger card (P19). Moments and numbers that are unknown are ``None``."""

    id: int
    name: str
    site_name: str
    connector_types: tuple[str, ...]
    """Distinct, in the order of the connectors."""
    max_power_w: int | None
    status: ChargerStatus
    since: datetime | None
    """in_use: since when."""
    until: datetime | None
    """reserved: until when, if a reservation of ours says so."""
    last_seen_at: datetime | None
    """offline by silence: when it was heard last; ``None`` there means never."""
    out_of_service: str | None
    """offline because every connector is unavailable or faulted: the error code, or ``Unavailable``."""
    connectors: int
    free: int
    """Connectors that are ready to use now (P20)."""
    mine: bool
    """A session of the asking driver runs here."""


@dataclass(frozen=True, slots=True)
class VisibleChargers:
    """What the chargers card and the counts pill show."""

    shown: tuple[VisibleCharger, ...]
    """At most `SHOWN`: the driver's running session first, then online, then natural order of the name."""
    online: int
    """Chargers with status online among all that are visible, beyond the 50 too (P21)."""
    visible: int
    matching: int
    """How many match the search; equal to ``visible`` without one."""


@dataclass(slots=True)
class PlugState:
    """A plug while its charger's status is decided."""

    number: int
    type: str | None
    max_power_w: int | None
    status: str
    """One of `ConnectorStatus`, which equal their words."""
    error_code: str | None
    occupied_since: datetime | None
    reserved_until: datetime | None = None

    @property
    def is_free(self) -> bool:
        """Ready to use now, if its charger is heard of (P20)."""
        return self.status in READY and self.reserved_until is None

    def take(self, since: datetime) -> None:
        """A session runs here, *since* then; what the plug reports may be older, or never have come."""
        self.occupied_since = since
        if self.status in READY:
            self.status = ConnectorStatus.OCCUPIED.value


@dataclass(slots=True)
class ChargerState:
    """A charger and what P20 says of it."""

    id: int
    name: str
    site_name: str
    for_all: bool
    heard: bool
    """Within the last hour."""
    silent_since: datetime | None
    plugs: list[PlugState] = field(default_factory=list)
    status: ChargerStatus = ChargerStatus.ONLINE
    since: datetime | None = None
    until: datetime | None = None
    out_of_service: str | None = None
    free: int = 0


_heard = func.coalesce(Charger.last_seen_at >= bindparam("heard_at"), False)

_everybodys = select(
    Charger.id,
    Charger.name,
    Site.name,
    Charger.visible_to_all,
    _heard,
    # Reading a moment costs more than the rest of a row: only where somebody will see it.
    case((~_heard, Charger.last_seen_at)),
).join(Site, Site.id == Charger.site_id)
_chargers = _everybodys.where(Charger.admission == Admission.ACCEPTED.value)

_in_groups = (
    select(GroupCharger.charger_id)
    .join(GroupAccount, GroupAccount.group_id == GroupCharger.group_id)
    .where(GroupAccount.account_id == bindparam("account_id"))
)

_plugs = select(
    Connector.id,
    Connector.charger_id,
    place_number,
    Connector.number,
    Connector.type,
    Connector.max_power_w,
    type_coerce(Connector.status, String),
    Connector.error_code,
    case((Connector.status.in_(sorted(OCCUPIED)), Connector.status_since)),
).order_by(Connector.charger_id, Connector.evse, Connector.number)
plugs = _plugs.join(Charger, Charger.id == Connector.charger_id).where(
    Charger.admission == Admission.ACCEPTED.value
)
"""All that people can see; a stranger that waits for its admission (C2) costs nobody anything."""

_in_progress = select(
    ChargingSession.connector_id,
    ChargingSession.charger_id,
    ChargingSession.account_id,
    ChargingSession.started_at,
).where(ChargingSession.ended_at.is_(None), ChargingSession.replayed.is_(False))
"""Not the replayed ones: they may be over for hours, so what their plugs report counts (C13)."""

_reserved_now = select(Reservation.charger_id, Reservation.connector_number, Reservation.ends_at).where(
    Reservation.ends_at > bindparam("now"), Reservation.starts_at <= bindparam("now"), held
)


def visible_chargers(
    db: Connection, account_id: int, now: datetime, search: str = "", limit: int = SHOWN
) -> VisibleChargers:
    """The chargers that *account_id* can see, those whose name or site contains *search* in ``shown``."""
    return Board(db, now).seen_by(db, account_id, search, limit)


class Board:
    """All chargers as they are at a moment, whoever looks; what each account sees of them is cheap."""

    def __init__(self, db: Connection, now: datetime) -> None:
        self.made_at = now
        started: dict[int, datetime] = {}
        self._running: dict[int, frozenset[int]] = {}
        for connector_id, charger_id, account, started_at in db.execute(_in_progress):
            started[connector_id] = started_at
            if account is not None:
                self._running[account] = self._running.get(account, frozenset()) | {charger_id}
        chargers = _decided(db, now, started, _chargers, plugs)
        self._chargers = sorted(chargers.values(), key=_place)
        self._for_all = all(charger.for_all for charger in self._chargers)
        self._seen: dict[tuple[object, ...], VisibleChargers] = {}

    def seen_by(
        self, db: Connection, account_id: int, search: str = "", limit: int = SHOWN
    ) -> VisibleChargers:
        """What *account_id* sees: the same object for all who see the same."""
        groups: frozenset[int] = frozenset()
        if not self._for_all:
            groups = frozenset(db.execute(_in_groups, {"account_id": account_id}).scalars())
        wanted = folded(search.strip())
        key = (groups, self._running.get(account_id, frozenset()), wanted, limit)
        if key not in self._seen:
            self._seen[key] = self._look(*key)
        return self._seen[key]

    def _look(self, groups: frozenset[int], mine: frozenset[int], wanted: str, limit: int) -> VisibleChargers:
        visible = [charger for charger in self._chargers if charger.for_all or charger.id in groups]
        matching = visible
        if wanted:
            matching = [
                charger
                for charger in visible
                if wanted in folded(charger.name) or wanted in folded(charger.site_name)
            ]
        if mine:
            matching = sorted(matching, key=lambda charger: charger.id not in mine)
        return VisibleChargers(
            shown=tuple(_card(charger, charger.id in mine) for charger in matching[:limit]),
            online=sum(charger.status is ChargerStatus.ONLINE for charger in visible),
            visible=len(visible),
            matching=len(matching),
        )


def states(
    db: Connection, now: datetime, charger_id: int | None = None, *, site_id: int | None = None
) -> dict[int, ChargerState]:
    """All chargers, accepted or not, as P20 says that they stand *now*; or only one, or those of a site."""
    chargers, of_them, running = _everybodys, _plugs, _in_progress
    if charger_id is not None:
        chargers = chargers.where(Charger.id == charger_id)
        of_them = of_them.where(Connector.charger_id == charger_id)
        # By connector: the index of what runs has them, that of a charger's sessions has its whole history.
        own = select(Connector.id).where(Connector.charger_id == charger_id)
        running = running.where(ChargingSession.connector_id.in_(own))
    if site_id is not None:
        here = select(Charger.id).where(Charger.site_id == site_id)
        chargers = chargers.where(Charger.site_id == site_id)
        of_them = of_them.where(Connector.charger_id.in_(here))
        plugs_here = select(Connector.id).where(Connector.charger_id.in_(here))
        running = running.where(ChargingSession.connector_id.in_(plugs_here))
    started = {connector: at for connector, _, _, at in db.execute(running)}
    return _decided(db, now, started, chargers, of_them)


def _decided(
    db: Connection,
    now: datetime,
    started: dict[int, datetime],
    statement: Select[Any],
    of_them: Select[Any],
) -> dict[int, ChargerState]:
    asked = {"heard_at": now - OFFLINE_AFTER}
    chargers = {row[0]: ChargerState(*row) for row in db.execute(statement, asked).all()}
    _add_plugs(db, chargers, started, of_them)
    _add_reservations(db, chargers, now)
    for charger in chargers.values():
        _decide(charger)
    return chargers


def _add_plugs(
    db: Connection, chargers: dict[int, ChargerState], started: dict[int, datetime], of_them: Select[Any]
) -> None:
    whole: dict[int, tuple[str, str | None, datetime | None]] = {}
    for id_, charger_id, place, number, type_, power, status, error, since in db.execute(of_them).all():
        if (charger := chargers.get(charger_id)) is None:
            continue
        if number == 0:  # OCPP 1.6 §4.9: the charger as a whole
            whole[charger_id] = status, error, started.get(id_)
            continue
        plug = PlugState(place, type_, power, status, error, since)
        if id_ in started:
            plug.take(started[id_])
        charger.plugs.append(plug)
    for charger_id, (status, error, started_at) in whole.items():
        here = chargers[charger_id].plugs
        if started_at is not None and len(here) == 1:  # a transaction that names no plug has but this one
            here[0].take(started_at)
        if status in OUT_OF_SERVICE:
            for plug in here:
                if plug.status not in OCCUPIED and plug.status not in OUT_OF_SERVICE:
                    plug.status, plug.error_code = status, error


def _add_reservations(db: Connection, chargers: dict[int, ChargerState], now: datetime) -> None:
    for charger_id, number, ends_at in db.execute(_reserved_now, {"now": now}):
        if (charger := chargers.get(charger_id)) is not None:
            for plug in charger.plugs:
                if number is None or number == plug.number:
                    plug.reserved_until = ends_at


def _decide(charger: ChargerState) -> None:
    """P20, first match wins."""
    if not charger.heard:
        charger.status = ChargerStatus.OFFLINE
        return
    free = occupied = broken = 0
    for plug in charger.plugs:
        if plug.status in READY:
            free += plug.is_free
        elif plug.status in OCCUPIED:
            occupied += 1
        elif plug.status in OUT_OF_SERVICE:
            broken += 1
    charger.free = free
    if free or not charger.plugs:
        charger.status = ChargerStatus.ONLINE
    elif broken == len(charger.plugs):
        charger.status, charger.out_of_service = ChargerStatus.OFFLINE, _trouble(charger.plugs)
    elif occupied:
        charger.status, charger.since = ChargerStatus.IN_USE, _all_taken_since(charger.plugs)
    else:
        charger.status, charger.until = ChargerStatus.RESERVED, _first_free_at(charger.plugs)


def _trouble(plugs: Iterable[PlugState]) -> str:
    faulted = [plug for plug in plugs if plug.status == ConnectorStatus.FAULTED]
    codes = [plug.error_code for plug in faulted if plug.error_code not in (None, "", "NoError")]
    if codes:
        return str(codes[0])
    return (ConnectorStatus.FAULTED if faulted else ConnectorStatus.UNAVAILABLE).value


def _all_taken_since(plugs: Iterable[PlugState]) -> datetime | None:
    """When the last of the occupied connectors was taken."""
    return max(
        (plug.occupied_since for plug in plugs if plug.status in OCCUPIED and plug.occupied_since),
        default=None,
    )


def _first_free_at(plugs: Iterable[PlugState]) -> datetime | None:
    """When the first reservation ends of a connector that is ready but for it."""
    return min(
        (plug.reserved_until for plug in plugs if plug.reserved_until and plug.status not in OUT_OF_SERVICE),
        default=None,
    )


def types(plugs: Iterable[PlugState]) -> tuple[str, ...]:
    """The types of *plugs*, distinct, in their order."""
    return tuple(dict.fromkeys(plug.type for plug in plugs if plug.type))


def _card(charger: ChargerState, mine: bool) -> VisibleCharger:
    plugs = charger.plugs
    return VisibleCharger(
        id=charger.id,
        name=charger.name,
        site_name=charger.site_name,
        connector_types=types(plugs),
        max_power_w=max((plug.max_power_w for plug in plugs if plug.max_power_w), default=None),
        status=charger.status,
        since=charger.since,
        until=charger.until,
        last_seen_at=charger.silent_since,
        out_of_service=charger.out_of_service,
        connectors=len(plugs),
        free=charger.free,
        mine=mine,
    )


def _place(charger: ChargerState) -> tuple[bool, tuple[str | int, ...], int]:
    return charger.status is not ChargerStatus.ONLINE, natural_key(charger.name), charger.id


@lru_cache(maxsize=8192)
def natural_key(name: str) -> tuple[str | int, ...]:
    """What to sort names by so that "Bay 2" comes before "Bay 10", whatever the case and accents."""
    parts = re.split(r"(\d+)", folded(name))
    return tuple(int(part) if number % 2 else part for number, part in enumerate(parts))


@lru_cache(maxsize=8192)
def folded(text: str) -> str:
    """*text* without its case and accents, to search in."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
