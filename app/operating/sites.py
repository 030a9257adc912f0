"""Sites: places with chargers, a time zone and a currency."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import is_currency
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.access.account_rules import Refused, proper_name, proper_reason
from app.changing import changing
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import Charger, Display, Site
from data.types import Role

LONGEST_ADDRESS = 500
"""Characters."""


class CannotKeep(Exception):
    """Why a site, charger or group is not as somebody wants it; ``why`` is a word that pages have a
    sentence for (``operating.problem.WHY``).
    """

    why = ""

    def __init__(self) -> None:
        super().__init__(self.why)


class NoSuchSite(CannotKeep):
    """There is no site with this id."""

    why = "no_site"


class NameMissing(CannotKeep):
    """A name has from 1 to 200 characters, all of which can be seen."""

    why = "name"


class NameTaken(CannotKeep):
    """Another one has this name."""

    why = "taken"


class NoTimeZone(CannotKeep):
    """That is no IANA time zone."""

    why = "time_zone"


class NoCurrency(CannotKeep):
    """That is no currency of ISO 4217."""

    why = "currency"


class AddressTooLong(CannotKeep):
    """An address has 500 characters at most."""

    why = "address"


class SiteInUse(CannotKeep):
    """Chargers belong to the site."""

    why = "site_in_use"


class SiteHasDisplays(CannotKeep):
    """Displays hang at the site."""

    why = "site_has_displays"


class Sites:
    """The sites, as operators keep them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    @changing("site.add", role=Role.OPERATOR)
    async def add(
        self,
        caller: Caller,
        name: str,
        time_zone: str,
        address: str | None = None,
        currency: str = "EUR",
        board_energy: bool = False,
    ) -> int:
        """A new site; its id. *board_energy*: its displays show the energy of running charges (K8).

        Raises `NameMissing`, `NameTaken`, `NoTimeZone`, `NoCurrency` or `AddressTooLong`.
        """
        row = _row(name, time_zone, address, currency) | {"board_energy": board_energy}
        try:
            return await self._database.change(_add, caller, row, clock.now())
        except IntegrityError as error:
            raise NameTaken from error

    @changing("site.edit", role=Role.OPERATOR)
    async def edit(
        self,
        caller: Caller,
        site_id: int,
        *,
        name: str,
        time_zone: str,
        address: str | None,
        currency: str,
        board_energy: bool | None = None,
    ) -> None:
        """Change a site; its drivers see it within a second. Nothing is told where nothing changes.

        *board_energy* is as `add` has it; ``None`` leaves it.

        Raises as `add` does, and `NoSuchSite`. Sessions and readings keep their moments: the zone only
        says how what comes without one is read from now on (M15).
        """
        row = _row(name, time_zone, address, currency)
        if board_energy is not None:
            row["board_energy"] = board_energy
        try:
            await self._database.change(_edit, caller, site_id, row, clock.now())
        except IntegrityError as error:
            raise NameTaken from error

    @changing("site.remove", role=Role.OPERATOR)
    async def remove(self, caller: Caller, site_id: int) -> None:
        """Remove a site without chargers and displays.

        Raises `NoSuchSite`, `SiteInUse` or `SiteHasDisplays`.
        """
        try:
            await self._database.change(_remove, caller, site_id, clock.now())
        except IntegrityError as error:  # a charger or a display came at the same moment
            raise SiteInUse from error


def named(text: str) -> str:
    """*text* as a name of a site, charger or group is stored. Raises `NameMissing`."""
    try:
        return proper_name(text)
    except Refused as refused:
        raise NameMissing from refused


def currency_code(text: str) -> str:
    """*text* in upper case, if it is an ISO 4217 currency. Raises `NoCurrency`."""
    code = text.strip().upper()
    if not is_currency(code):
        raise NoCurrency
    return code


def _row(name: str, time_zone: str, address: str | None, currency: str) -> dict[str, Any]:
    name = named(name)
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise NoTimeZone from error
    address = proper_reason(address or "") or None
    if address is not None and len(address) > LONGEST_ADDRESS:
        raise AddressTooLong
    return {
        "name": name,
        "time_zone": time_zone,
        "address": address,
        "currency": currency_code(currency),
    }


def _add(change: Change, caller: Caller, row: dict[str, Any], now: datetime) -> int:
    site_id = int(change.execute(insert(Site).returning(Site.id), row).scalar_one())
    audit.record(change, caller, "site.add", now, about=f"site {row['name']}", details=row)
    change.announce(Announcement(Topic.SITES))
    return site_id


def _edit(change: Change, caller: Caller, site_id: int, row: dict[str, Any], now: datetime) -> None:
    before = _site(change, site_id)
    changed = {key: [before[key], value] for key, value in row.items() if before[key] != value}
    if not changed:
        return
    change.execute(update(Site).where(Site.id == site_id).values(row))
    audit.record(change, caller, "site.edit", now, about=f"site {row['name']}", details=changed)
    change.announce(Announcement(Topic.SITES))
    if "name" in changed:  # a driver searches by it
        here = change.execute(select(Charger.id).where(Charger.site_id == site_id)).scalars()
        change.announce(*(Announcement(Topic.CHARGERS, charger_id) for charger_id in here))


def _remove(change: Change, caller: Caller, site_id: int, now: datetime) -> None:
    before = _site(change, site_id)
    if change.execute(select(Charger.id).where(Charger.site_id == site_id).limit(1)).first():
        raise SiteInUse
    if change.execute(select(Display.id).where(Display.site_id == site_id).limit(1)).first():
        raise SiteHasDisplays
    change.execute(delete(Site).where(Site.id == site_id))
    audit.record(change, caller, "site.remove", now, about=f"site {before['name']}", details=before)
    change.announce(Announcement(Topic.SITES))


def _site(change: Change, site_id: int) -> dict[str, Any]:
    found = (
        change.execute(
            select(Site.name, Site.time_zone, Site.address, Site.currency, Site.board_energy)
            .where(Site.id == site_id)
            .with_for_update()
        )
        .mappings()
        .one_or_none()
    )
    if found is None:
        raise NoSuchSite
    return dict(found)
