"""Chargers: made known with a password of their own, named, shown to some or all, blocked."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.access.passwords import hashed_in_thread
from app.changing import changing
from app.operating.groups import group_ids, put_charger
from app.operating.sites import CannotKeep, NameTaken, NoSuchSite, named
from app.settings import Settings
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import (
    Charger,
    ChargerCommand,
    ChargerReport,
    ChargingSession,
    CheckIn,
    Connector,
    GroupCharger,
    QuarantinedMessage,
    Reservation,
    Site,
    TagSighting,
)
from data.types import Admission, Role

PASSWORD_BYTES = 16
"""Random bytes of a charger's password (T50); 22 characters, which fits the 40 of OCPP 2.0.1."""
LONGEST_IDENTITY = 255
MOST_POWER_W = 10_000_000
PLUG_TYPES = (
    "Type 1",
    "Type 2",
    "CCS",
    "CCS 1",
    "CCS 2",
    "CHAdeMO",
    "NACS",
    "GB/T",
    "Type 3",
    "Schuko",
    "CEE",
)
"""Connector types as pages show them."""
_PLUGS = {"".join(kind.split()).casefold(): kind for kind in PLUG_TYPES}


class NoIdentity(CannotKeep):
    """An identity has 1 to 255 characters that can be seen, without spaces and ``: / ? #``: it is part of
    an address and the user name of Basic authentication.
    """

    why = "identity"


class IdentityTaken(CannotKeep):
    """There is a charger with this identity already."""

    why = "identity_taken"


class NoSuchCharger(CannotKeep):
    """There is no charger with this id."""

    why = "no_charger"


class NoSuchConnector(CannotKeep):
    """There is no connector with this id."""

    why = "no_connector"


class NoPlug(CannotKeep):
    """A connector has a type of `PLUG_TYPES` or none that is known, and from 1 W to 10 MW."""

    why = "plug"


class HasSessions(CannotKeep):
    """Sessions belong to the charger, and keep their charger: it can be blocked or hidden."""

    why = "has_sessions"


@dataclass(frozen=True, slots=True)
class NewCharger:
    """A charger that was just made known. The password is stored hashed: this is the only time it is said."""

    id: int
    identity: str
    password: str = field(repr=False)


class Chargers:
    """The chargers, as operators keep them; each change is seen by drivers within a second."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    def address(self, identity: str, base: str | None = None) -> str:
        """Where the charger *identity* connects to; *base* is where a browser found the portal."""
        return ocpp_address(self._settings, identity, base)

    @changing("charger.add", role=Role.OPERATOR)
    async def add(
        self,
        caller: Caller,
        identity: str,
        name: str,
        site_id: int,
        connectors: Sequence[tuple[str | None, int | None]] = (),
        groups: Collection[str] = (),
    ) -> NewCharger:
        """A new charger with a password of its own (T50). An empty *name* is its identity.

        *connectors* are type and maximum W, numbered from 1; without any it is one of unknown type, and
        what the charger reports later is added by itself. With *groups* (names; new ones are made) only
        their drivers see it, else everybody does (P19). Raises `NoIdentity`, `IdentityTaken`,
        `NameMissing`, `NoPlug` or `NoSuchSite`.
        """
        identity = proper_identity(identity)
        name = named(name or identity)
        plugs = [plug(kind, watts) for kind, watts in connectors] or [(None, None)]
        wanted = {named(one) for one in groups}
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        row = {
            "identity": identity,
            "name": name,
            "site_id": site_id,
            "password_hash": await hashed_in_thread(password),
            "visible_to_all": not wanted,
            "created_at": clock.now(),
        }
        try:
            charger_id = await self._database.change(add_charger, caller, row, plugs, wanted, clock.now())
        except IntegrityError as error:
            raise IdentityTaken from error
        return NewCharger(charger_id, identity, password)

    @changing("charger.password", role=Role.OPERATOR)
    async def renew_password(self, caller: Caller, charger_id: int) -> str:
        """Another password, returned this once; a connection with the one before ends at once (T50).

        Raises `NoSuchCharger`. A blocked or pending charger stays so: `accept` lets it in.
        """
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        hashed = await hashed_in_thread(password)
        await self._database.change(_renew_password, caller, charger_id, hashed, clock.now())
        return password

    @changing("charger.accept", role=Role.OPERATOR)
    async def accept(self, caller: Caller, charger_id: int) -> None:
        """Let a pending or blocked charger work (C2). Raises `NoSuchCharger`.

        One that came as pending has no password, and is seen by no driver: `renew_password`, `edit`.
        """
        await self._database.change(_admit, caller, charger_id, Admission.ACCEPTED, clock.now())

    @changing("charger.block", role=Role.OPERATOR)
    async def block(self, caller: Caller, charger_id: int) -> None:
        """Close the charger's connection and let it in no more (C2). Raises `NoSuchCharger`."""
        await self._database.change(_admit, caller, charger_id, Admission.BLOCKED, clock.now())

    @changing("charger.edit", role=Role.OPERATOR)
    async def edit(
        self,
        caller: Caller,
        charger_id: int,
        *,
        name: str,
        site_id: int,
        visible_to_all: bool,
        groups: Collection[str] = (),
    ) -> None:
        """Another name or site, and who sees it: everybody, or only the drivers of *groups* (names; new
        ones are made). Neither hides it from all drivers (P19).

        Raises `NoSuchCharger`, `NoSuchSite`, `NameMissing`, or `NameTaken` if somebody else makes the
        same group at this moment.
        """
        row = {"name": named(name), "site_id": site_id, "visible_to_all": visible_to_all}
        wanted = {named(one) for one in groups}
        try:
            await self._database.change(_edit, caller, charger_id, row, wanted, clock.now())
        except IntegrityError as error:
            raise NameTaken from error

    @changing("charger.connector", role=Role.OPERATOR)
    async def edit_connector(
        self, caller: Caller, connector_id: int, *, kind: str | None, max_power_w: int | None
    ) -> None:
        """What a connector is: its type and maximum power in W, each ``None`` for unknown.

        Raises `NoSuchConnector` or `NoPlug`.
        """
        kind, watts = plug(kind, max_power_w)
        row = {"type": kind, "max_power_w": watts}
        await self._database.change(_edit_connector, caller, connector_id, row, clock.now())

    @changing("charger.remove", role=Role.OPERATOR)
    async def remove(self, caller: Caller, charger_id: int) -> None:
        """Remove a charger that never had a session, with all that is known of it; one that is connected
        is sent away. Raises `NoSuchCharger` or `HasSessions`.
        """
        try:
            await self._database.change(_remove, caller, charger_id, clock.now())
        except IntegrityError as error:  # a session began at this moment
            raise HasSessions from error


def proper_identity(text: str) -> str:
    """*text*, if a charger can be called so. Raises `NoIdentity`."""
    unusable = any(one in ":/?#" or one.isspace() for one in text)
    if not 0 < len(text) <= LONGEST_IDENTITY or not text.isprintable() or "\ufffd" in text or unusable:
        raise NoIdentity
    return text


def plug(kind: str | None, watts: int | None) -> tuple[str | None, int | None]:
    """Type and W of a connector as they are stored, whatever case and spaces. Raises `NoPlug`."""
    known = _PLUGS.get("".join(kind.split()).casefold()) if kind else None
    if (kind and known is None) or (watts is not None and not 0 < watts <= MOST_POWER_W):
        raise NoPlug
    return known, watts


def ocpp_address(settings: Settings, identity: str, base: str | None = None) -> str:
    """Where the charger *identity* connects to; *base* is where a browser found the portal."""
    found = (base or settings.address).replace("http", "ws", 1)
    return f"{found}/ocpp/{quote(identity, safe='')}"


def add_charger(
    change: Change,
    caller: Caller,
    row: dict[str, Any],
    plugs: list[tuple[str | None, int | None]],
    groups: set[str],
    now: datetime,
) -> int:
    """A row of a new charger, which is as `Charger` has it, with its *plugs* (type and W) and groups."""
    if change.execute(select(Charger.id).where(Charger.identity == row["identity"])).first():
        raise IdentityTaken
    site = _site_name(change, row["site_id"])
    charger_id = int(change.execute(insert(Charger).returning(Charger.id), row).scalar_one())
    for number, (kind, watts) in enumerate(plugs, 1):
        change.execute(
            insert(Connector),
            {"charger_id": charger_id, "number": number, "type": kind, "max_power_w": watts},
        )
    put_charger(change, charger_id, group_ids(change, caller, groups, now))
    details = {"name": row["name"], "site": site, "groups": sorted(groups)}
    _told(change, caller, "charger.add", charger_id, row["identity"], now, details)
    return charger_id


def _renew_password(change: Change, caller: Caller, charger_id: int, hashed: str, now: datetime) -> None:
    identity = _charger(change, charger_id)["identity"]
    change.execute(update(Charger).where(Charger.id == charger_id).values(password_hash=hashed))
    _told(change, caller, "charger.password", charger_id, identity, now)


def _admit(change: Change, caller: Caller, charger_id: int, admission: Admission, now: datetime) -> None:
    before = _charger(change, charger_id)
    if before["admission"] is admission:
        return
    change.execute(update(Charger).where(Charger.id == charger_id).values(admission=admission))
    action = "charger.block" if admission is Admission.BLOCKED else "charger.accept"
    _told(change, caller, action, charger_id, before["identity"], now)


def _edit(
    change: Change, caller: Caller, charger_id: int, row: dict[str, Any], groups: set[str], now: datetime
) -> None:
    before = _charger(change, charger_id)
    site = _site_name(change, row["site_id"])
    changed: dict[str, Any] = {
        key: [before[key], row[key]] for key in ("name", "visible_to_all") if before[key] != row[key]
    }
    if before["site_id"] != row["site_id"]:
        changed["site"] = [_site_name(change, before["site_id"]), site]
    change.execute(update(Charger).where(Charger.id == charger_id).values(row))
    renewed = put_charger(change, charger_id, group_ids(change, caller, groups, now))
    if renewed is not None:
        changed["groups"] = list(renewed)
    if changed:
        _told(change, caller, "charger.edit", charger_id, before["identity"], now, changed)


def _edit_connector(
    change: Change, caller: Caller, connector_id: int, row: dict[str, Any], now: datetime
) -> None:
    before = change.execute(
        select(Connector.charger_id, Connector.number, Connector.evse, Connector.type, Connector.max_power_w)
        .where(Connector.id == connector_id, Connector.number > 0)
        .with_for_update()
    ).one_or_none()
    if before is None:
        raise NoSuchConnector
    changed = {key: [getattr(before, key), row[key]] for key in row if getattr(before, key) != row[key]}
    if not changed:
        return
    change.execute(update(Connector).where(Connector.id == connector_id).values(row))
    identity = _charger(change, before.charger_id)["identity"]
    details = {"connector": before.evse or before.number, **changed}
    _told(change, caller, "charger.connector", before.charger_id, identity, now, details)


def _remove(change: Change, caller: Caller, charger_id: int, now: datetime) -> None:
    before = _charger(change, charger_id)
    for table in (ChargingSession, Reservation):
        if change.execute(select(table.id).where(table.charger_id == charger_id).limit(1)).first():
            raise HasSessions
    for of_it in (
        GroupCharger,
        ChargerCommand,
        ChargerReport,
        QuarantinedMessage,
        TagSighting,
        CheckIn,
        Connector,
    ):
        change.execute(delete(of_it).where(of_it.charger_id == charger_id))
    change.execute(delete(Charger).where(Charger.id == charger_id))
    details = {"name": before["name"]}
    _told(change, caller, "charger.remove", charger_id, before["identity"], now, details)


def _charger(change: Change, charger_id: int) -> dict[str, Any]:
    found = (
        change.execute(
            select(Charger.identity, Charger.name, Charger.site_id, Charger.visible_to_all, Charger.admission)
            .where(Charger.id == charger_id)
            .with_for_update()
        )
        .mappings()
        .one_or_none()
    )
    if found is None:
        raise NoSuchCharger
    return dict(found)


def _site_name(change: Change, site_id: int) -> str:
    name = change.execute(select(Site.name).where(Site.id == site_id)).scalar()
    if name is None:
        raise NoSuchSite
    return str(name)


def _told(
    change: Change,
    caller: Caller,
    action: str,
    charger_id: int,
    identity: str,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> None:
    audit.record(change, caller, action, now, about=f"charger {identity}", details=details)
    change.announce(Announcement(Topic.CHARGERS, charger_id), Announcement(Topic.SITES))
