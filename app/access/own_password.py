"""Passwords of accounts: check one without being a means to guess it, and change one's own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime

from nicegui import background_tasks
from sqlalchemy import update

from app import clock
from app.access import link_mail, link_rows, passwords, sign_in_rows
from app.access.account_rules import Refused, check_password
from app.access.tries import PasswordTries, neighbourhood
from app.changing import changing
from app.mail import Letter, Mail, NotMailed
from app.settings import Settings, password_sign_in
from data import audit
from data.caller import Caller
from data.database import Change, Database
from data.models import Account, SignIn
from data.queries import people
from data.queries.people import Credentials, Recipient

log = logging.getLogger("polaris.access")

AT_ONCE = 2
"""Passwords checked at the same time; others wait their turn instead of taking all memory and CPU."""


class WrongPassword(Exception):
    """It is not the password that the account has now."""


class Passwords:
    """Whatever a password is compared with goes through here, and is counted (T19)."""

    def __init__(self, database: Database, settings: Settings, mail: Mail) -> None:
        self.database = database
        self.settings = settings
        self.mail = mail
        self._tries = PasswordTries()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def right(
        self,
        email: str,
        password: str,
        address: str,
        account_id: int | None = None,
        *,
        known: str | None = None,
        what: str = "sign-in",
    ) -> list[Credentials]:
        """Those accounts of *email* (or the one) that *password* is right for, asked from *address*.

        *known* names a browser or a sign-in that is known to belong to one of them, and is counted alone.
        Takes as long for an address that nobody has. If it is right for none, the log tells for which
        accounts *what* was refused, and never what was typed. Raises `TooManyTries`.
        """
        cost = self._tries.cost(email, address, known)
        cost.check()
        async with self._turns:
            cost.take()
            found = await self.database.ask(people.credentials, email)
            if account_id is not None:
                found = [one for one in found if one.account_id == account_id]
            good = await asyncio.to_thread(_matching, found, password)
        if good:
            cost.give_back()
        else:
            ids = ",".join(str(one.account_id) for one in found) or None
            log.warning("%s refused account=%s address=%s", what, ids, neighbourhood(address))
        return good

    async def hashed(self, password: str) -> str:
        """The hash of a new *password*, in turn with all others."""
        async with self._turns:
            return await passwords.hashed_in_thread(password)

    def improve(self, account: Credentials, password: str) -> None:
        """Store *password*, just found right, with today's parameters, if its hash has older ones."""
        if account.password_hash is not None and passwords.is_outdated(account.password_hash):
            background_tasks.create(self._rehash(account, password), name="better password hash")

    @changing("password.change")
    async def change_password(self, caller: Caller, current: str, new: str) -> None:
        """Give the caller's account a new password, and sign it out everywhere else (T16).

        Raises `Refused` (``password``, ``common``, ``own``; ``off`` where nobody signs in with one),
        `WrongPassword` for *current*, and `TooManyTries`, counted with `/confirm`.
        """
        if not password_sign_in(self.settings):
            raise Refused("off")
        assert caller.subject_id is not None
        to = await self.database.ask(people.recipient, caller.subject_id)
        if to is None:
            raise Refused("unknown")
        check_password(new, name=to.name, email=to.email)
        mine = sign_in_key(caller.actor_sign_in_id)
        who = to.email, current, caller.address, to.account_id
        if not await self.right(*who, known=mine, what="change of password"):
            raise WrongPassword
        password_hash = await self.hashed(new)
        await self.database.change(_change, caller, password_hash, clock.now())
        log.info("password changed")
        self.tell(to)

    def tell(
        self, to: Recipient, letter: Callable[[Recipient, str], Letter] = link_mail.password_changed
    ) -> None:
        """Write to *to* that their password, or what else *letter* tells, was changed; in the background."""
        if self.mail.configured:
            written = letter(to, self.settings.default_time_zone)
            background_tasks.create(self._tell(written), name="mail: way in changed")

    async def _tell(self, letter: Letter) -> None:
        with contextlib.suppress(NotMailed):  # it is in the log
            await self.mail.send(letter)

    async def _rehash(self, account: Credentials, password: str) -> None:
        better = await self.hashed(password)
        await self.database.change(_better, account, better)


def sign_in_key(sign_in_id: int | None) -> str | None:
    """Names the tries of somebody who is signed in, and proves once more that it is them."""
    return None if sign_in_id is None else f"sign-in {sign_in_id}"


def _matching(found: list[Credentials], password: str) -> list[Credentials]:
    hits = passwords.each_match([one.password_hash for one in found], password)
    return [one for one, hit in zip(found, hits, strict=True) if hit]


def _change(change: Change, caller: Caller, password_hash: str, now: datetime) -> None:
    assert caller.subject_id is not None
    link_rows.set_password(change, caller.subject_id, password_hash)
    audit.record(change, caller, "password.change", now)
    others = SignIn.account_id == caller.subject_id, SignIn.id != (caller.actor_sign_in_id or 0)
    sign_in_rows.end(change, others, now, (caller, "sign_in.end"))


def _better(change: Change, account: Credentials, password_hash: str) -> None:
    # Only in place of what was compared: a new password may have been set since.
    same = Account.id == account.account_id, Account.password_hash == account.password_hash
    change.execute(update(Account).where(*same).values(password_hash=password_hash))
