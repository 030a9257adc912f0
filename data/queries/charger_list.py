"""The console's list of chargers: all of them, accepted or not, with what each one needs.

Five statements whatever the number of chargers; the status of P20 is that of `data.queries.chargers`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, String, func, select, type_coerce

from data.models import Charger, ChargingSession, Site
from data.queries.attention import SKEWED
from data.queries.chargers import ChargerState, ChargerStatus, folded, natural_key, states
from data.types import Admission, ConnectorStatus

SHOWN = 500
STALE = timedelta(seconds=60)
"""A reading that is this much older than the charger's interval tells no power of now (P8)."""


class ConsoleStatus(StrEnum):
    """The words of P20, and what only operators are told; the most urgent first."""

    FAULT = "fault"
    """A connector, or the charger as a whole, reports a fault, and it is being heard of."""
    PENDING = "pending"
    OFFLINE = "offline"
    """Not heard of (P20): nobody knows how it is."""
    OUT_OF_SERVICE = "out_of_service"
    """It is heard of, and says of each connector that it is not to be used."""
    BLOCKED = "blocked"
    IN_USE = "in_use"
    RESERVED = "reserved"
    ONLINE = "online"


class Need(StrEnum):
    """What an accepted charger needs, whatever its status: as the overview counts it."""

    PASSWORD = "password"  # noqa: S105 (it has none)
    """Whoever knows its identity connects in its name."""
    UNCONNECTED = "unconnected"
    """It was never heard of."""
    CLOCK = "clock"
    """Its clock is wrong by more than `SKEWED`."""


class Sort(StrEnum):
    """What the list is in the order of."""

    NAME = "name"
    SITE = "site"
    STATUS = "status"
    POWER = "power"
    SEEN = "seen"


@dataclass(frozen=True, slots=True)
class ListedCharger:
    """One row. What is unknown is ``None``."""

    id: int
    identity: str
    name: str
    site_id: int
    site_name: str
    status: ConsoleStatus
    since: datetime | None
    """in_use: since when."""
    until: datetime | None
    """reserved: until when."""
    trouble: str | None
    """fault: the error code; out_of_service: what every connector reports."""
    connectors: int
    free: int
    power_w: int | None
    """What its sessions draw now, by readings that are not old."""
    last_seen_at: datetime | None
    protocol: str | None
    product: str
    """Vendor and model, as it says them."""
    needs: frozenset[Need]


@dataclass(frozen=True, slots=True)
class ListedChargers:
    """What the list shows."""

    shown: tuple[ListedCharger, ...]
    matching: int
    all: int
    counts: Mapping[ConsoleStatus, int]
    """Of all chargers."""
    sites: tuple[tuple[int, str], ...]
    """By name."""


_rows = select(
    Charger.id,
    Charger.identity,
    Charger.site_id,
    type_coerce(Charger.admission, String),
    Charger.reading_interval,
    Charger.last_seen_at,
    Charger.protocol,
    Charger.vendor,
    Charger.model,
    Charger.password_hash.is_(None),
    Charger.last_seen_at.is_(None),
    func.coalesce(func.abs(Charger.clock_skew) > SKEWED, False),
)
_powers = select(
    ChargingSession.charger_id, func.coalesce(ChargingSession.power_w, 0), ChargingSession.reading_at
).where(
    ChargingSession.ended_at.is_(None),
    ChargingSession.replayed.is_(False),
    ChargingSession.power_w.is_not(None),
)


def listed(
    db: Connection,
    now: datetime,
    *,
    search: str = "",
    site_id: int | None = None,
    status: ConsoleStatus | None = None,
    needs: Need | None = None,
    nothing: bool = False,
    sort: Sort = Sort.NAME,
    descending: bool = False,
    limit: int = SHOWN,
) -> ListedChargers:
    """The chargers that match, at most *limit* of them; none if *nothing* does."""
    found = everybody(db, now)
    counts = Counter(one.status for one in found)
    matching = [
        one
        for one in found
        if not nothing
        and (site_id is None or one.site_id == site_id)
        and (status is None or one.status is status)
        and (needs is None or needs in one.needs)
    ]
    if wanted := folded(search).split():
        matching = [one for one in matching if all(word in _searched(one) for word in wanted)]
    # What is unknown stands last, whichever way.
    known = [one for one in matching if _known(one, sort)]
    known.sort(key=lambda one: _order(one, sort), reverse=descending)
    ordered = known + [one for one in matching if not _known(one, sort)]
    sites: list[tuple[int, str]] = sorted(
        ((row.id, row.name) for row in db.execute(select(Site.id, Site.name))), key=lambda row: folded(row[1])
    )
    return ListedChargers(tuple(ordered[:limit]), len(ordered), len(found), counts, tuple(sites))


def everybody(db: Connection, now: datetime) -> list[ListedCharger]:
    """All chargers, in the natural order of their names."""
    standing = states(db, now)
    rows = {row[0]: row for row in db.execute(_rows).all()}
    powers: dict[int, int] = {}
    for charger_id, watts, at in db.execute(_powers):
        if (
            charger_id in rows
            and at is not None
            and now - at <= STALE + timedelta(seconds=rows[charger_id][4])
        ):
            powers[charger_id] = powers.get(charger_id, 0) + watts
    found = []
    for id_, identity, site_id, admission, _, seen, protocol, vendor, model, *lacks in rows.values():
        state = standing[id_]
        needs = [need for need, lack in zip(Need, lacks, strict=True) if lack]
        found.append(
            ListedCharger(
                id=id_,
                identity=identity,
                name=state.name,
                site_id=site_id,
                site_name=state.site_name,
                status=console_status(state, admission),
                since=state.since,
                until=state.until,
                trouble=fault(state) or state.out_of_service,
                connectors=len(state.plugs),
                free=state.free,
                power_w=powers.get(id_),
                last_seen_at=seen,
                protocol=protocol,
                product=product(vendor, model),
                needs=frozenset(needs if admission == Admission.ACCEPTED else ()),
            )
        )
    found.sort(key=lambda one: (natural_key(one.name), one.id))
    return found


def statuses(db: Connection, now: datetime) -> Counter[ConsoleStatus]:
    """How many chargers have each status: the counts of `listed`, without its rows."""
    standing = states(db, now)
    admissions = db.execute(select(Charger.id, type_coerce(Charger.admission, String))).all()
    return Counter(console_status(standing[id_], admission) for id_, admission in admissions)


def console_status(state: ChargerState, admission: str) -> ConsoleStatus:
    """What an operator is told of a charger, first match wins."""
    if admission == Admission.BLOCKED:
        return ConsoleStatus.BLOCKED
    if admission == Admission.PENDING:
        return ConsoleStatus.PENDING
    if state.heard and fault(state):
        return ConsoleStatus.FAULT
    if state.heard and state.status is ChargerStatus.OFFLINE:
        return ConsoleStatus.OUT_OF_SERVICE
    return ConsoleStatus(state.status.value)


def fault(state: ChargerState) -> str | None:
    """The error code of the first connector that reports a fault, or ``Faulted``."""
    for plug in state.plugs:
        if plug.status == ConnectorStatus.FAULTED:
            return plug.error_code if plug.error_code not in (None, "", "NoError") else plug.status
    return None


def product(vendor: str | None, model: str | None) -> str:
    """Vendor and model; many models begin with the vendor's name."""
    if vendor and model and not folded(model).startswith(folded(vendor)):
        return f"{vendor} {model}"
    return model or vendor or ""


def _searched(one: ListedCharger) -> str:
    return folded(f"{one.name}\n{one.identity}\n{one.site_name}\n{one.product}")


def _known(one: ListedCharger, sort: Sort) -> bool:
    if sort is Sort.POWER:
        return one.power_w is not None
    return sort is not Sort.SEEN or one.last_seen_at is not None


_URGENCY = {status: number for number, status in enumerate(ConsoleStatus)}


def _order(one: ListedCharger, sort: Sort) -> tuple[object, ...]:
    match sort:
        case Sort.SITE:
            return (natural_key(one.site_name),)
        case Sort.STATUS:
            return (_URGENCY[one.status],)
        case Sort.POWER:
            return (one.power_w,)
        case Sort.SEEN:
            return (one.last_seen_at,)
        case _:
            return (natural_key(one.name),)
