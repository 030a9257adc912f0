"""Groups of chargers that only their drivers see (P19)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.changing import changing
from app.operating.sites import CannotKeep, NameTaken, named
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import Account, Charger, ChargerGroup, GroupAccount, GroupCharger
from data.types import Role


class NoSuchGroup(CannotKeep):
    """There is no group with this id."""

    why = "no_group"


class NoSuchMember(CannotKeep):
    """One of the chargers or drivers does not exist (any more), or is a driver whose account was erased."""

    why = "no_member"


class Groups:
    """The groups, as operators keep them. Pages and commands name a group; a new name makes one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    @changing("group.add", role=Role.OPERATOR)
    async def add(self, caller: Caller, name: str) -> int:
        """A new, empty group; its id. Raises `NameMissing` or `NameTaken`."""
        name = named(name)
        try:
            return await self._database.change(_add, caller, name, clock.now())
        except IntegrityError as error:
            raise NameTaken from error

    @changing("group.edit", role=Role.OPERATOR)
    async def edit(
        self, caller: Caller, group_id: int, *, name: str, chargers: Collection[int], drivers: Collection[int]
    ) -> None:
        """Another name, and exactly these chargers and drivers (ids) in it.

        Drivers see what follows within a second. Raises `NoSuchGroup`, `NoSuchMember`, `NameMissing` or
        `NameTaken`. A charger that everybody sees stays so: that is said at the charger.
        """
        name = named(name)
        try:
            await self._database.change(
                _edit, caller, group_id, name, set(chargers), set(drivers), clock.now()
            )
        except IntegrityError as error:
            raise NameTaken from error

    @changing("group.remove", role=Role.OPERATOR)
    async def remove(self, caller: Caller, group_id: int) -> None:
        """Remove a group. Chargers that only it showed are seen by nobody then. Raises `NoSuchGroup`."""
        await self._database.change(_remove, caller, group_id, clock.now())

    @changing("group.of_driver", role=Role.OPERATOR)
    async def of_driver(self, caller: Caller, account_id: int, names: Collection[str]) -> None:
        """The driver sees the chargers of exactly the groups *names*; those that are new are made.

        Raises `NoSuchMember`, `NameMissing`, or `NameTaken` if somebody else makes the same group at this
        moment.
        """
        wanted = {named(name) for name in names}
        try:
            await self._database.change(_of_driver, caller, account_id, wanted, clock.now())
        except IntegrityError as error:
            raise NameTaken from error


def group_ids(change: Change, caller: Caller, names: Collection[str], now: datetime) -> set[int]:
    """The ids of the groups *names*, of which those that are new are made."""
    found = change.execute(select(ChargerGroup.name, ChargerGroup.id).where(ChargerGroup.name.in_(names)))
    known = {row.name: int(row.id) for row in found}
    return {known[name] if name in known else _add(change, caller, name, now) for name in sorted(names)}


def put_charger(change: Change, charger_id: int, groups: set[int]) -> tuple[list[str], list[str]] | None:
    """Have the charger in exactly *groups*; the names before and after, or ``None`` if they were it."""
    before = set(
        change.execute(select(GroupCharger.group_id).where(GroupCharger.charger_id == charger_id)).scalars()
    )
    if before == groups:
        return None
    _renew(change, GroupCharger, GroupCharger.charger_id, charger_id, "group_id", before, groups)
    return _names(change, before), _names(change, groups)


def _add(change: Change, caller: Caller, name: str, now: datetime) -> int:
    group_id = int(
        change.execute(insert(ChargerGroup).returning(ChargerGroup.id), {"name": name}).scalar_one()
    )
    audit.record(change, caller, "group.add", now, about=f"group {name}")
    change.announce(Announcement(Topic.SITES))
    return group_id


def _edit(
    change: Change,
    caller: Caller,
    group_id: int,
    name: str,
    chargers: set[int],
    drivers: set[int],
    now: datetime,
) -> None:
    before = _group(change, group_id)
    _all_there(change, select(Charger.id).where(Charger.id.in_(chargers)), chargers)
    had_chargers, had_drivers = _members(change, group_id)
    new = drivers - had_drivers  # one who became an operator since may stay
    _all_there(change, _drivers(new).order_by(Account.id).with_for_update(), new)
    details: dict[str, Any] = {}
    if before != name:
        change.execute(update(ChargerGroup).where(ChargerGroup.id == group_id).values(name=name))
        details["name"] = [before, name]
    if had_chargers != chargers:
        key = GroupCharger.group_id
        _renew(change, GroupCharger, key, group_id, "charger_id", had_chargers, chargers)
        details["chargers"] = [sorted(had_chargers), sorted(chargers)]
    if had_drivers != drivers:
        key = GroupAccount.group_id
        _renew(change, GroupAccount, key, group_id, "account_id", had_drivers, drivers)
        details["drivers"] = [sorted(had_drivers), sorted(drivers)]
    if details:
        audit.record(change, caller, "group.edit", now, about=f"group {name}", details=details)
        _tell(change, had_chargers ^ chargers, had_drivers ^ drivers)


def _remove(change: Change, caller: Caller, group_id: int, now: datetime) -> None:
    name = _group(change, group_id)
    chargers, drivers = _members(change, group_id)
    for table in (GroupCharger, GroupAccount):
        change.execute(delete(table).where(table.group_id == group_id))
    change.execute(delete(ChargerGroup).where(ChargerGroup.id == group_id))
    details = {"chargers": sorted(chargers), "drivers": sorted(drivers)}
    audit.record(change, caller, "group.remove", now, about=f"group {name}", details=details)
    _tell(change, chargers, drivers)


def _of_driver(change: Change, caller: Caller, account_id: int, names: set[str], now: datetime) -> None:
    if change.execute(_drivers({account_id}).with_for_update()).first() is None:
        raise NoSuchMember
    groups = group_ids(change, caller, names, now)
    before = set(
        change.execute(select(GroupAccount.group_id).where(GroupAccount.account_id == account_id)).scalars()
    )
    if before == groups:
        return
    _renew(change, GroupAccount, GroupAccount.account_id, account_id, "group_id", before, groups)
    details = {"groups": [_names(change, before), _names(change, groups)]}
    audit.record(change, caller, "group.of_driver", now, subject_id=account_id, details=details)
    _tell(change, set(), {account_id})


def _group(change: Change, group_id: int) -> str:
    found = change.execute(
        select(ChargerGroup.name).where(ChargerGroup.id == group_id).with_for_update()
    ).scalar()
    if found is None:
        raise NoSuchGroup
    return str(found)


def _members(change: Change, group_id: int) -> tuple[set[int], set[int]]:
    chargers = change.execute(select(GroupCharger.charger_id).where(GroupCharger.group_id == group_id))
    drivers = change.execute(select(GroupAccount.account_id).where(GroupAccount.group_id == group_id))
    return set(chargers.scalars()), set(drivers.scalars())


def _drivers(ids: set[int]) -> Any:
    """Those of *ids* that are drivers; of an erased account nobody is left who could see anything."""
    return select(Account.id).where(
        Account.id.in_(ids), Account.role == Role.DRIVER, Account.erased_at.is_(None)
    )


def _all_there(change: Change, found: Any, wanted: set[int]) -> None:
    if wanted and not wanted <= set(change.execute(found).scalars()):
        raise NoSuchMember


def _renew(
    change: Change, table: Any, key: Any, of: int, member: str, before: set[int], after: set[int]
) -> None:
    """Take out of *table*, where *key* is *of*, who is no *member* any more, and put in who is new."""
    if before - after:
        change.execute(delete(table).where(key == of, getattr(table, member).in_(before - after)))
    if after - before:
        change.execute(insert(table), [{key.key: of, member: one} for one in sorted(after - before)])


def _names(change: Change, groups: set[int]) -> list[str]:
    found = select(ChargerGroup.name).where(ChargerGroup.id.in_(groups)).order_by(ChargerGroup.name)
    return [str(name) for name in change.execute(found).scalars()]


def _tell(change: Change, chargers: set[int], drivers: set[int]) -> None:
    change.announce(
        Announcement(Topic.SITES),
        *(Announcement(Topic.CHARGERS, charger_id) for charger_id in sorted(chargers)),
        *(Announcement(Topic.PEOPLE, account_id) for account_id in sorted(drivers)),
    )
