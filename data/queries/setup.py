"""How far a portal has been set up: told by what is there, so that everybody sees the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, and_, exists, func, select

from data.models import (
    Account,
    Charger,
    ChargerGroup,
    Connector,
    Mapping,
    Plan,
    Site,
    Subscription,
    TagSighting,
)
from data.types import Admission, Role

OFFERED = 3
"""Unknown cards that are offered at once."""
SEEN_WITHIN = timedelta(hours=1)
"""How long ago a card may have been held to a charger to be offered."""
DRIVERS = 50
"""Drivers to choose from in the first steps; the list of drivers finds the others."""


class Step(StrEnum):
    """What a portal needs before somebody can charge and be billed, in this order."""

    SITE = "site"
    CHARGER = "charger"
    """Done once one has connected."""
    DRIVER = "driver"
    CARD = "card"
    PLAN = "plan"
    """Done once somebody is subscribed to one."""


_DONE = select(
    exists().where(Site.id > 0).label(Step.SITE),
    exists()
    .where(Charger.admission == Admission.ACCEPTED, Charger.last_seen_at.is_not(None))
    .label(Step.CHARGER),
    exists().where(Account.role == Role.DRIVER).label(Step.DRIVER),
    exists().where(Mapping.active).label(Step.CARD),
    exists().where(Subscription.ended_on.is_(None)).label(Step.PLAN),
)


def open_steps(db: Connection) -> tuple[Step, ...]:
    """The steps that nobody has done yet, in order. Five looks that end at the first row found."""
    found = db.execute(_DONE).one()
    return tuple(step for step, done in zip(Step, found, strict=True) if not done)


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """A site, for those who add something to it."""

    id: int
    name: str
    time_zone: str
    currency: str


def places(db: Connection) -> tuple[PlaceFacts, ...]:
    """All sites by name."""
    found = db.execute(select(Site.id, Site.name, Site.time_zone, Site.currency).order_by(Site.name))
    return tuple(PlaceFacts(*row) for row in found)


@dataclass(frozen=True, slots=True)
class NewChargerFacts:
    """A charger that is to connect, and what it has said of itself so far."""

    id: int
    identity: str
    name: str
    site_name: str
    protocol: str | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    firmware: str | None
    last_seen_at: datetime | None
    created_at: datetime | None
    connectors: int
    """How many it has reported, or was made known with."""

    @property
    def has_connected(self) -> bool:
        """Whether it has ever been here."""
        return self.last_seen_at is not None


_CHARGER = (
    select(
        Charger.id,
        Charger.identity,
        Charger.name,
        Site.name,
        Charger.protocol,
        Charger.vendor,
        Charger.model,
        Charger.serial_number,
        Charger.firmware,
        Charger.last_seen_at,
        Charger.created_at,
        select(func.count())
        .where(Connector.charger_id == Charger.id, Connector.number > 0)
        .scalar_subquery(),
    )
    .join(Site, Site.id == Charger.site_id)
    .where(Charger.admission == Admission.ACCEPTED)
)


def new_charger(db: Connection, charger_id: int | None = None) -> NewChargerFacts | None:
    """The charger *charger_id*, or the one that was added last; ``None`` if there is none."""
    which = _CHARGER.order_by(Charger.id.desc()).limit(1)
    if charger_id is not None:
        which = _CHARGER.where(Charger.id == charger_id)
    found = db.execute(which).one_or_none()
    return None if found is None else NewChargerFacts(*tuple(found))


def pending_chargers(db: Connection) -> tuple[str, ...]:
    """The identities of some that wait for being accepted (C2), the latest first."""
    pending = select(Charger.identity).where(Charger.admission == Admission.PENDING)
    return tuple(db.execute(pending.order_by(Charger.id.desc()).limit(OFFERED)).scalars())


def free_identity(db: Connection) -> str:
    """An identity that no charger has: CP1, CP2 …"""
    number = int(db.execute(select(func.count()).select_from(Charger)).scalar_one()) + 1
    while db.execute(select(Charger.id).where(Charger.identity == f"CP{number}")).first() is not None:
        number += 1
    return f"CP{number}"


def group_names(db: Connection) -> tuple[str, ...]:
    """The names of all charger groups."""
    return tuple(db.execute(select(ChargerGroup.name).order_by(ChargerGroup.name)).scalars())


@dataclass(frozen=True, slots=True)
class DriverFacts:
    """A driver who can be given a card or a plan."""

    id: int
    name: str
    email: str
    has_card: bool
    has_plan: bool


def drivers(db: Connection) -> tuple[DriverFacts, ...]:
    """The drivers that came last, newest first."""
    has_card = exists().where(Mapping.account_id == Account.id, Mapping.active)
    has_plan = exists().where(Subscription.account_id == Account.id, Subscription.ended_on.is_(None))
    found = db.execute(
        select(Account.id, Account.name, Account.email, has_card, has_plan)
        .where(Account.role == Role.DRIVER, Account.disabled_at.is_(None))
        .order_by(Account.id.desc())
        .limit(DRIVERS)
    )
    return tuple(DriverFacts(*row[:3], bool(row[3]), bool(row[4])) for row in found)


@dataclass(frozen=True, slots=True)
class SeenCard:
    """A card that nobody has, held to a charger lately."""

    id_tag: str
    charger: str
    connector_number: int | None
    seen_at: datetime


def unknown_cards(db: Connection, now: datetime) -> tuple[SeenCard, ...]:
    """The latest cards that were held to a charger and that nobody has."""
    found = db.execute(
        select(TagSighting.id_tag, Charger.name, TagSighting.connector_number, TagSighting.last_seen_at)
        .join(Charger, Charger.id == TagSighting.charger_id)
        .outerjoin(Mapping, and_(Mapping.id_tag == TagSighting.id_tag, Mapping.active))
        .where(
            TagSighting.last_seen_at > now - SEEN_WITHIN,
            TagSighting.ignored_at.is_(None),
            Mapping.id.is_(None),
        )
        .order_by(TagSighting.last_seen_at.desc())
        .limit(OFFERED)
    )
    return tuple(SeenCard(*row) for row in found)


@dataclass(frozen=True, slots=True)
class FirstPlan:
    """The plan that was made last, of those that are given to drivers."""

    id: int
    name: str
    currency: str


def newest_plan(db: Connection) -> FirstPlan | None:
    """See `FirstPlan`."""
    found = db.execute(
        select(Plan.id, Plan.name, Plan.currency)
        .where(Plan.retired_at.is_(None))
        .order_by(Plan.id.desc())
        .limit(1)
    ).one_or_none()
    return None if found is None else FirstPlan(*found)
