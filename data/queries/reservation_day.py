"""What is reserved on one day, charger by charger, and what a reservation is made of (C15).

A day is the site's own: from its local midnight to the next one, 23 or 25 hours long where clocks change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, bindparam, func, or_, select

from data.models import Account, Charger, Connector, Mapping, Reservation, Site
from data.periods import day_start
from data.queries.accounts import Choice
from data.queries.reservations import LONGEST
from data.queries.sessions import place_number
from data.types import Admission, ReservationStatus

CARDS_SHOWN = 30
"""Cards that one search finds at most."""
COMING_SHOWN = 200
"""Reservations of one driver that are listed at most."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Held:
    """One reservation."""

    id: int
    account_id: int
    driver_name: str
    mapping_id: int
    id_tag: str
    charger_id: int
    charger_name: str
    site_id: int
    zone: str
    """IANA, of the site."""
    connector_number: int | None
    """``None`` for the whole charger."""
    starts_at: datetime
    ends_at: datetime
    status: ReservationStatus
    charger_answer: str | None
    """A word of `app.charging.ocpp.calls.Outcome`, or ``card``: it was gone when the time came."""
    sent_at: datetime | None
    answered_at: datetime | None
    created_at: datetime
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChargerDay:
    """A charger's reservations, in order."""

    id: int
    name: str
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class SiteDay:
    """The day at one site."""

    id: int
    name: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    chargers: tuple[ChargerDay, ...]
    cancelled: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """A day. Without a site that is asked for: the sites and chargers that have something reserved."""

    date: date
    site_id: int | None
    sites: tuple[SiteDay, ...]
    names: tuple[tuple[int, str], ...]
    """All sites, to choose among."""
    chargers: int
    """How many there are at all."""


@dataclass(frozen=True, slots=True)
class Bookable:
    """A charger that can be reserved."""

    id: int
    name: str
    site_id: int
    site_name: str
    zone: str
    numbers: tuple[int, ...]
    """Its connectors, by the number that people read."""


_held: Any = (
    select(
        Reservation.id,
        Reservation.account_id,
        Account.name,
        Reservation.mapping_id,
        Mapping.id_tag,
        Reservation.charger_id,
        Charger.name,
        Charger.site_id,
        Site.time_zone,
        Reservation.connector_number,
        Reservation.starts_at,
        Reservation.ends_at,
        Reservation.status,
        Reservation.charger_answer,
        Reservation.sent_at,
        Reservation.answered_at,
        Reservation.created_at,
        Reservation.cancelled_at,
    )
    .join(Account, Account.id == Reservation.account_id)
    .join(Mapping, Mapping.id == Reservation.mapping_id)
    .join(Charger, Charger.id == Reservation.charger_id)
    .join(Site, Site.id == Charger.site_id)
)
# None lasts longer than `LONGEST`: the index of beginnings finds what overlaps, however old the rest is.
_within = _held.where(
    Reservation.starts_at > bindparam("earliest"),
    Reservation.starts_at < bindparam("until"),
    Reservation.ends_at > bindparam("since"),
).order_by(Reservation.starts_at, Reservation.id)
_one = _held.where(Reservation.id == bindparam("reservation_id"))
_coming = (
    _held.where(
        Reservation.account_id == bindparam("account_id"),
        Reservation.ends_at > bindparam("now"),
        Reservation.cancelled_at.is_(None),
    )
    .order_by(Reservation.starts_at, Reservation.id)
    .limit(COMING_SHOWN)
)
_sites: Any = select(Site.id, Site.name, Site.time_zone).order_by(func.lower(Site.name), Site.id)
_chargers_of = (
    select(Charger.id, Charger.name)
    .where(Charger.site_id == bindparam("site_id"), Charger.admission == Admission.ACCEPTED.value)
    .order_by(func.lower(Charger.name), Charger.id)
)
_how_many = select(func.count()).select_from(Charger)
_bookable = (
    select(Charger.id, Charger.name, Site.id, Site.name, Site.time_zone, place_number)
    .join(Site, Site.id == Charger.site_id)
    .outerjoin(Connector, (Connector.charger_id == Charger.id) & (Connector.number > 0))
    .where(Charger.admission == Admission.ACCEPTED.value)
    .order_by(func.lower(Charger.name), Charger.id, place_number)
)


def day(db: Connection, wanted: date, site_id: int | None) -> Day:
    """What is reserved on *wanted*, at all sites or at one; all chargers of that one are among it."""
    sites = db.execute(_sites).all()
    shown = [site for site in sites if site_id in (None, site.id)]
    bounds = {
        site.id: (
            day_start(wanted, ZoneInfo(site.time_zone)),
            day_start(wanted + _DAY, ZoneInfo(site.time_zone)),
        )
        for site in shown
    }
    found: list[Any] = []
    if bounds:
        since, until = min(first for first, _ in bounds.values()), max(end for _, end in bounds.values())
        given = {"earliest": since - LONGEST, "since": since, "until": until}
        # All sites at once: by charger, another index would go through all that came after an old day.
        found = [row for row in db.execute(_within, given) if row.site_id in bounds]
    of_site: dict[int, list[Held]] = {site.id: [] for site in shown}
    for row in found:
        held = Held(*row)
        first, end = bounds[held.site_id]
        if held.starts_at < end and held.ends_at > first:
            of_site[held.site_id].append(held)
    days = []
    for site in shown:
        known = (
            []
            if site_id is None
            else [(row.id, row.name) for row in db.execute(_chargers_of, {"site_id": site.id})]
        )
        made = _site(site, bounds[site.id], of_site[site.id], known)
        if made.chargers or made.cancelled or site_id is not None:
            days.append(made)
    names = tuple((site.id, site.name) for site in sites)
    return Day(wanted, site_id, tuple(days), names, db.execute(_how_many).scalar_one())


def _site(
    site: Row[Any], bounds: tuple[datetime, datetime], found: Sequence[Held], known: list[tuple[int, str]]
) -> SiteDay:
    names = dict(known)
    held: dict[int, list[Held]] = {charger: [] for charger in names}
    for one in found:
        if one.cancelled_at is None:
            names.setdefault(one.charger_id, one.charger_name)
            held.setdefault(one.charger_id, []).append(one)
    order = sorted(names, key=lambda charger: (names[charger].casefold(), charger))
    return SiteDay(
        site.id,
        site.name,
        site.time_zone,
        *bounds,
        tuple(ChargerDay(charger, names[charger], tuple(held[charger])) for charger in order),
        tuple(one for one in found if one.cancelled_at is not None),
    )


def one(db: Connection, reservation_id: int) -> Held | None:
    """The reservation *reservation_id*; None if there is none."""
    row = db.execute(_one, {"reservation_id": reservation_id}).one_or_none()
    return None if row is None else Held(*row)


def coming(db: Connection, account_id: int, now: datetime) -> tuple[Held, ...]:
    """What *account_id* has reserved and is neither over nor cancelled, the earliest first."""
    return tuple(Held(*row) for row in db.execute(_coming, {"account_id": account_id, "now": now}))


def bookable(db: Connection) -> tuple[Bookable, ...]:
    """The chargers that can be reserved, by name."""
    made: dict[int, Bookable] = {}
    for charger, name, site_id, site, zone, number in db.execute(_bookable):
        known = made.get(charger) or Bookable(charger, name, site_id, site, zone, ())
        if number is not None and number not in known.numbers:
            known = replace(known, numbers=(*known.numbers, number))
        made[charger] = known
    return tuple(made.values())


def cards(db: Connection, typed: str) -> tuple[Choice, ...]:
    """Cards that can be reserved for, by their driver's name or e-mail or by their tag; ids are mappings'."""
    wanted = (
        select(Mapping.id, Account.name, Mapping.id_tag)
        .join(Account, Account.id == Mapping.account_id)
        .where(Mapping.active, Mapping.blocked.is_(False), Account.disabled_at.is_(None))
        .order_by(func.lower(Account.name), Mapping.id)
        .limit(CARDS_SHOWN)
    )
    for word in typed.split()[:5]:
        part = word.strip("·")[:100]
        wanted = wanted.where(
            or_(
                Account.name.icontains(part, autoescape=True),
                Account.email.icontains(part, autoescape=True),
                Mapping.id_tag.icontains(part, autoescape=True),
            )
        )
    return tuple(Choice(*row) for row in db.execute(wanted))
