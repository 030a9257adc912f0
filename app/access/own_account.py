"""What somebody changes about their own account: name, e-mail address, and whether it is to be deleted.

Each change is in the audit log in its own transaction. Passwords, identities, sign-ins and preferences are
changed where they live: `own_password`, `identities`, `sign_ins`.
"""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.access import lifetimes, link_rows
from app.access.account_rules import Refused, proper_email, proper_name
from app.access.acting import NotFresh
from app.access.tries import Tries
from app.access.visitor import Visitor
from app.changing import changing
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import Account
from data.queries import sign_ins
from data.queries.identities import OWN_EMAIL

log = logging.getLogger("polaris.access")


class OwnAccount:
    """The account of whoever asks; no method can be given another one (T2, T3)."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._tries = Tries()

    @changing("own_account.rename")
    async def rename(self, caller: Caller, name: str) -> None:
        """Another name. Raises `Refused`: ``name``."""
        await self.database.change(_rename, caller, proper_name(name), clock.now())

    @changing(OWN_EMAIL)
    async def change_email(self, caller: Caller, email: str) -> None:
        """Another e-mail address, by which they sign in from now on; links sent to the old one end.

        Raises `NotFresh` if they proved longer ago than 15 minutes who they are: it is the way to a new
        password, so a browser left open must not be enough. Raises `Refused`: ``email``, or ``taken`` by
        another account of the role. Raises `TooManyTries`: it tells which addresses have accounts, so it is
        no way to ask for many.
        """
        email, now = proper_email(email), clock.now()
        if not await self.database.ask(_is_fresh, caller, now):
            raise NotFresh
        self._tries.take(f"account {caller.subject_id}")
        try:
            await self.database.change(_change_email, caller, email, now)
        except IntegrityError as error:
            raise Refused("taken") from error

    @changing("own_account.deletion.request")
    async def request_deletion(self, caller: Caller) -> None:
        """Ask the operator to delete the account; asked before, it stays at that time."""
        await self.database.change(_request_deletion, caller, clock.now())
        log.info("deletion requested")

    @changing("own_account.deletion.withdraw")
    async def withdraw_deletion(self, caller: Caller) -> None:
        """The account is to stay after all."""
        await self.database.change(_withdraw_deletion, caller, clock.now())
        log.info("deletion request withdrawn")


def is_fresh(visitor: Visitor, now: datetime) -> bool:
    """Whether *visitor* has proved within the last 15 minutes who they are (T24)."""
    return lifetimes.is_fresh(visitor.fresh_at, now)


def _is_fresh(db: Connection, caller: Caller, now: datetime) -> bool:
    mine = sign_ins.by_id(db, caller.actor_sign_in_id or 0, now)
    if mine is None or mine.account_id != caller.subject_id:
        return False
    return lifetimes.is_fresh(mine.fresh_at, now)


def _rename(change: Change, caller: Caller, name: str, now: datetime) -> None:
    mine = Account.id == caller.subject_id
    before = change.execute(select(Account.name).where(mine).with_for_update()).scalar_one()
    if name == before:
        return
    audit.record(change, caller, "own_account.rename", now, details={"name": [before, name]})
    change.execute(update(Account).where(mine).values(name=name))
    _tell(change, caller)


def _change_email(change: Change, caller: Caller, email: str, now: datetime) -> None:
    mine = Account.id == caller.subject_id
    before = change.execute(select(Account.email, Account.role).where(mine).with_for_update()).one()
    if email == before.email:
        return
    taken = select(Account.id).where(Account.email == email, Account.role == before.role)
    if change.execute(taken).first() is not None:
        raise Refused("taken")
    audit.record(change, caller, OWN_EMAIL, now, details={"email": [before.email, email]})
    change.execute(update(Account).where(mine).values(email=email))
    assert caller.subject_id is not None
    link_rows.end_links(change, caller.subject_id)
    _tell(change, caller)


def _request_deletion(change: Change, caller: Caller, now: datetime) -> None:
    mine = Account.id == caller.subject_id, Account.deletion_requested_at.is_(None)
    if change.execute(update(Account).where(*mine).values(deletion_requested_at=now)).rowcount:
        audit.record(change, caller, "own_account.deletion.request", now)
        _tell(change, caller)


def _withdraw_deletion(change: Change, caller: Caller, now: datetime) -> None:
    mine = Account.id == caller.subject_id, Account.deletion_requested_at.is_not(None)
    if change.execute(update(Account).where(*mine).values(deletion_requested_at=None)).rowcount:
        audit.record(change, caller, "own_account.deletion.withdraw", now)
        _tell(change, caller)


def _tell(change: Change, caller: Caller) -> None:
    change.announce(Announcement(Topic.PEOPLE, caller.subject_id))
