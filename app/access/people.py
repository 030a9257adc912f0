"""What an operator does to accounts: disable, enable, rename, give another role.

Each change is in the audit log in its own transaction, ends what it makes untrue (sign-ins, links that
are on their way to somebody), and is announced, so that open pages leave within two seconds (T7, T16).
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.access import link_rows, sign_in_rows
from app.access.account_rules import LONGEST_EMAIL as LONGEST_EMAIL
from app.access.account_rules import LONGEST_REASON, Refused, proper_email, proper_name, proper_reason
from app.changing import changing
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import Account, SignIn
from data.types import Role

log = logging.getLogger("polaris.access")


class CannotChange(Exception):
    """Why an account stays as it is; ``why`` is a word that pages have a sentence for."""

    why = ""

    def __init__(self) -> None:
        super().__init__(self.why)


class NoSuchAccount(CannotChange):
    """There is no account with this id and role (T2, T3)."""

    why = "missing"


class Themselves(CannotChange):
    """An operator neither disables themselves nor gives themselves another role."""

    why = "themselves"


class LastOperator(CannotChange):
    """Without this operator nobody could sign in to the console."""

    why = "last_operator"


class ReasonMissing(CannotChange):
    """Disabling takes a reason, of 500 characters at most."""

    why = "reason"


class NameMissing(CannotChange):
    """A name has from 1 to 200 characters, all of which can be seen."""

    why = "name"


class NoAddress(CannotChange):
    """That is no e-mail address."""

    why = "email"


class EmailTaken(CannotChange):
    """Another account of the same role has this e-mail address."""

    why = "taken"


class People:
    """The accounts, as operators look after them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    @changing("account.disable", role=Role.OPERATOR)
    async def disable(self, caller: Caller, account_id: int, reason: str) -> None:
        """Let nobody sign in to the account any more; its sign-ins and links end at once (T16).

        Raises `NoSuchAccount`, `Themselves`, `LastOperator` or `ReasonMissing`. A disabled one stays so.
        """
        reason = proper_reason(reason)
        if not 1 <= len(reason) <= LONGEST_REASON:
            raise ReasonMissing
        await self._database.change(_disable, caller, account_id, reason, clock.now())
        log.info("account disabled account=%s", account_id)

    @changing("account.enable", role=Role.OPERATOR)
    async def enable(self, caller: Caller, account_id: int) -> None:
        """Let somebody sign in again. Raises `NoSuchAccount`."""
        await self._database.change(_enable, caller, account_id, clock.now())
        log.info("account enabled account=%s", account_id)

    @changing("account.role", role=Role.OPERATOR)
    async def change_role(self, caller: Caller, account_id: int, role: Role) -> None:
        """Make a driver an operator or the reverse; its sign-ins and links end at once (T7).

        Raises `NoSuchAccount`, `Themselves`, `LastOperator`, or `EmailTaken` if the person has an account
        of *role* already.
        """
        try:
            await self._database.change(_change_role, caller, account_id, role, clock.now())
        except IntegrityError as error:  # the database decides, whoever comes at the same moment
            raise EmailTaken from error
        log.info("account has another role account=%s role=%s", account_id, role)

    @changing("account.rename", role=Role.OPERATOR)
    async def rename(self, caller: Caller, account_id: int, *, name: str, email: str) -> None:
        """Another name or e-mail address; links that were sent to the old address end with it.

        Raises `NoSuchAccount`, `NameMissing`, `NoAddress` or `EmailTaken`.
        """
        try:
            name, email = proper_name(name), proper_email(email)
        except Refused as refused:
            raise (NameMissing if refused.why == "name" else NoAddress) from None
        try:
            await self._database.change(_rename, caller, account_id, name, email, clock.now())
        except IntegrityError as error:
            raise EmailTaken from error


def _disable(change: Change, caller: Caller, account_id: int, reason: str, now: datetime) -> None:
    operators = _operators(change)
    *_, role, disabled_at = _account(change, account_id)
    if disabled_at is not None:
        return
    _let_go(caller, account_id, role, operators)
    change.execute(update(Account).where(Account.id == account_id).values(disabled_at=now))
    _end_all(change, account_id, now)
    _told(change, caller, "account.disable", account_id, now, reason=reason)


def _enable(change: Change, caller: Caller, account_id: int, now: datetime) -> None:
    *_, disabled_at = _account(change, account_id)
    if disabled_at is not None:
        change.execute(update(Account).where(Account.id == account_id).values(disabled_at=None))
        _told(change, caller, "account.enable", account_id, now)


def _change_role(change: Change, caller: Caller, account_id: int, role: Role, now: datetime) -> None:
    operators = _operators(change)
    *_, before, _ = _account(change, account_id)
    if before is role:
        return
    _let_go(caller, account_id, before, operators)
    change.execute(update(Account).where(Account.id == account_id).values(role=role))
    _end_all(change, account_id, now)
    _told(change, caller, "account.role", account_id, now, about=role.value)


def _rename(change: Change, caller: Caller, account_id: int, name: str, email: str, now: datetime) -> None:
    old_name, old_email, *_ = _account(change, account_id)
    changed = {}
    if name != old_name:
        changed["name"] = [old_name, name]
    if email != old_email:
        changed["email"] = [old_email, email]
        link_rows.end_links(change, account_id)
    if not changed:
        return
    change.execute(update(Account).where(Account.id == account_id).values(name=name, email=email))
    about = " ".join(changed)
    _told(change, caller, "account.rename", account_id, now, about=about, details=changed)


def _account(change: Change, account_id: int) -> tuple[str, str, Role, datetime | None]:
    """Name, e-mail, role, and since when it is disabled; nobody else changes it before the commit."""
    found = change.execute(
        select(Account.name, Account.email, Account.role, Account.disabled_at)
        .where(Account.id == account_id, Account.erased_at.is_(None))
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise NoSuchAccount
    return found.name, found.email, found.role, found.disabled_at


def _operators(change: Change) -> set[int]:
    """Those who can sign in; locked in a fixed order: of two who let go of each other at once, one stays."""
    found = select(Account.id).where(Account.role == Role.OPERATOR, Account.disabled_at.is_(None))
    return set(change.execute(found.order_by(Account.id).with_for_update()).scalars())


def _let_go(caller: Caller, account_id: int, role: Role, operators: set[int]) -> None:
    """Raises where the console would be left to nobody, or the caller would be gone themselves."""
    if caller.actor_id == account_id:
        raise Themselves
    if role is Role.OPERATOR and operators <= {account_id}:
        raise LastOperator


def _end_all(change: Change, account_id: int, now: datetime) -> None:
    sign_in_rows.end(change, [SignIn.account_id == account_id], now, None)
    link_rows.end_links(change, account_id)


def _told(
    change: Change,
    caller: Caller,
    action: str,
    account_id: int,
    now: datetime,
    *,
    about: str = "",
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    audit.record(
        change, caller, action, now, about=about, subject_id=account_id, reason=reason, details=details
    )
    change.announce(Announcement(Topic.PEOPLE, account_id))
