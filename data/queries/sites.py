"""Sites and groups, as the console lists them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from data.models import Account, Charger, ChargerGroup, GroupAccount, GroupCharger, Site

MEMBERS = 500
"""Chargers or drivers to choose from at most, and shown of a group."""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """A site."""

    id: int
    name: str
    time_zone: str
    address: str | None
    currency: str
    board_energy: bool
    """Its displays show the energy of running charges (K8)."""
    chargers: int
    """How many belong to it."""


_HERE = select(func.count()).where(Charger.site_id == Site.id).scalar_subquery()
_SITES = select(Site.id, Site.name, Site.time_zone, Site.address, Site.currency, Site.board_energy, _HERE)


def listed(db: Connection) -> tuple[SiteFacts, ...]:
    """All sites by name."""
    return tuple(SiteFacts(*row) for row in db.execute(_SITES.order_by(Site.name)))


def facts(db: Connection, site_id: int) -> SiteFacts | None:
    """One site; ``None`` if there is no such one."""
    found = db.execute(_SITES.where(Site.id == site_id)).one_or_none()
    return None if found is None else SiteFacts(*found)


@dataclass(frozen=True, slots=True)
class Member:
    """A charger or a driver: of a site or group, or to choose from."""

    id: int
    name: str
    more: str
    """The charger's identity, the driver's e-mail."""


def chargers_of(db: Connection, site_id: int) -> tuple[Member, ...]:
    """The chargers of a site by name, `MEMBERS` at most."""
    found = select(Charger.id, Charger.name, Charger.identity).where(Charger.site_id == site_id)
    return tuple(Member(*row) for row in db.execute(found.order_by(Charger.name).limit(MEMBERS)))


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A group of chargers, and who sees them."""

    id: int
    name: str
    chargers: tuple[Member, ...]
    drivers: tuple[Member, ...]


def groups(db: Connection) -> tuple[GroupFacts, ...]:
    """All groups by name, with what is in them."""
    chargers: dict[int, list[Member]] = {}
    for group_id, id_, name, more in db.execute(
        select(GroupCharger.group_id, Charger.id, Charger.name, Charger.identity)
        .join(Charger, Charger.id == GroupCharger.charger_id)
        .order_by(Charger.name)
    ):
        chargers.setdefault(group_id, []).append(Member(id_, name, more))
    drivers: dict[int, list[Member]] = {}
    for group_id, id_, name, more in db.execute(
        select(GroupAccount.group_id, Account.id, Account.name, Account.email)
        .join(Account, Account.id == GroupAccount.account_id)
        .order_by(Account.name)
    ):
        drivers.setdefault(group_id, []).append(Member(id_, name, more))
    found = db.execute(select(ChargerGroup.id, ChargerGroup.name).order_by(ChargerGroup.name))
    return tuple(
        GroupFacts(row.id, row.name, tuple(chargers.get(row.id, ())), tuple(drivers.get(row.id, ())))
        for row in found
    )


def groups_of_driver(db: Connection, account_id: int) -> tuple[str, ...]:
    """The names of the groups whose chargers a driver sees."""
    found = (
        select(ChargerGroup.name)
        .join(GroupAccount, GroupAccount.group_id == ChargerGroup.id)
        .where(GroupAccount.account_id == account_id)
    )
    return tuple(db.execute(found.order_by(ChargerGroup.name)).scalars())


def groups_of_charger(db: Connection, charger_id: int) -> tuple[str, ...]:
    """The names of the groups that a charger is in."""
    found = (
        select(ChargerGroup.name)
        .join(GroupCharger, GroupCharger.group_id == ChargerGroup.id)
        .where(GroupCharger.charger_id == charger_id)
    )
    return tuple(db.execute(found.order_by(ChargerGroup.name)).scalars())
