"""One-time links: an invitation, a new password, the operator's sign-in that a command makes (T22).

A link works once, ends by itself, and ends the older ones of its purpose and account. Whoever has it has
its token, the database only the token's hash. It is returned to be shown, once, and mailed as well where
a mail server is configured.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from app import clock
from app.access import link_mail, link_rows, tokens
from app.access.account_rules import Refused, check_password, proper_email, proper_name
from app.access.first_operator import FirstOperator
from app.access.link_rows import LASTS, LinkUsed, Purpose
from app.access.own_password import Passwords
from app.access.tokens import TOKEN
from app.changing import changing
from app.mail import NotMailed
from app.settings import password_sign_in
from components.texts import languages
from data.caller import Caller
from data.database import Database
from data.queries import accounts, people
from data.queries.accounts import State
from data.queries.people import Recipient
from data.types import Role

__all__ = ["LASTS", "Link", "LinkUsed", "Links", "Purpose", "Refused"]

log = logging.getLogger("polaris.access")

PATHS = {
    Purpose.INVITATION: "/invitation/",
    Purpose.PASSWORD_RESET: "/password/",
    Purpose.SIGN_IN: "/enter/",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A link to be shown to whoever made it, once: it is kept nowhere."""

    address: str
    expires_at: datetime
    mailed: bool
    """Whether the mail server has taken it, to pass it on to the account's address."""
    account_id: int
    problem: str = ""
    """Why the mail server that there is has not taken it, in English, for whoever runs it."""


class Links:
    """Makes them, and what they do. `base` is where the asking browser found the portal.

    The public address of the settings goes before it.
    """

    def __init__(self, passwords: Passwords) -> None:
        self.database: Database = passwords.database
        self.settings = passwords.settings
        self.passwords = passwords
        self.mail = passwords.mail

    def first_operator(self, address: str) -> str | None:
        """A link, below *address*, that makes the first operator; ``None`` if there is one. For start-up."""
        return FirstOperator(self.database).link(address)

    def locked_out(self) -> int:
        """How many people have a password alone, where nobody signs in with one. For start-up."""
        found = self.database.ask_now(accounts.waiting, password_sign_in(self.settings))
        return sum(one.number for one in found if one.state is State.NO_WAY_IN)

    # --- what operators do

    @changing("person.invite", role=Role.OPERATOR)
    async def invite(
        self,
        caller: Caller,
        *,
        name: str,
        email: str,
        role: Role,
        language: str | None = None,
        base: str | None = None,
    ) -> Link:
        """Make an account that its owner completes by the link, within seven days.

        Its pages and mails speak *language* (`en`, `de`) until its owner chooses one.

        Raises `Refused`: ``name``, ``email``, or ``taken`` if there is one of
        that role and address.
        """
        name, email, token, now = proper_name(name), proper_email(email), tokens.new(), clock.now()
        try:
            to = await self.database.change(
                link_rows.invite,
                caller,
                name,
                email,
                role,
                tokens.hashed(token),
                now,
                language=language if language in languages() else None,
            )
        except IntegrityError as error:  # another process has made the same account in this moment
            raise Refused("taken") from error
        return await self._made(Purpose.INVITATION, to, token, now, base)

    @changing("person.invite_again", role=Role.OPERATOR)
    async def invite_again(self, caller: Caller, account_id: int, *, base: str | None = None) -> Link:
        """Another link for somebody who has not come yet, or who had a password alone where none works now.

        The one before ends. Raises `Refused`: ``unknown``, ``disabled``, or ``joined`` if they can sign in.
        """
        return await self._offer(caller, account_id, Purpose.INVITATION, "person.invite_again", base)

    @changing("person.reset", role=Role.OPERATOR)
    async def reset(self, caller: Caller, account_id: int, *, base: str | None = None) -> Link:
        """A link that sets a new password, within two hours; the old password works until then.

        Raises `Refused`: ``unknown``, ``disabled``, or ``off`` where nobody signs in with a password.
        """
        if not password_sign_in(self.settings):
            raise Refused("off")
        return await self._offer(caller, account_id, Purpose.PASSWORD_RESET, "person.reset", base)

    @changing("person.sign_in_link", role=Role.OPERATOR)
    async def sign_in_link(self, caller: Caller, account_id: int) -> Link:
        """A link that signs an operator in, within fifteen minutes. For the command on the server alone.

        Raises `Refused`: ``unknown`` or ``disabled``.
        """
        return await self._offer(caller, account_id, Purpose.SIGN_IN, "person.sign_in_link", None)

    # --- what strangers do

    async def forgot(self, caller: Caller, email: str, language: str, base: str) -> None:
        """Mail a link for a new password to the accounts of *email*, if there are any (T19).

        *language* is the browser's, for accounts that have chosen none. Answers nothing, and takes its
        time: call it behind the answer.
        """
        if not (password_sign_in(self.settings) and self.mail.configured):
            return
        for to in await self.database.ask(people.resettable, email):
            token, now = tokens.new(), clock.now()
            await self.database.change(
                link_rows.offer,
                caller,
                to.account_id,
                Purpose.PASSWORD_RESET,
                "password.forgot",
                tokens.hashed(token),
                now,
            )
            spoken = replace(to, language=to.language or language)
            await self._made(Purpose.PASSWORD_RESET, spoken, token, now, base)

    async def recipient(self, token: str, purpose: Purpose) -> Recipient | None:
        """Whom the link with *token* is for; ``None`` if it has expired, was used, or never was one."""
        if not TOKEN.fullmatch(token):
            return None
        by_password = password_sign_in(self.settings)
        if purpose is Purpose.PASSWORD_RESET and not by_password:
            return None
        to = await self.database.ask(people.of_link, tokens.hashed(token), purpose, clock.now())
        if to is None or purpose is not Purpose.INVITATION:
            return to
        # Somebody invited again who can sign in by now, because passwords work again or by an identity.
        joined = await self.database.ask(people.has_joined, to.account_id, passwords=by_password)
        return None if joined else to

    async def join(self, caller: Caller, token: str, *, name: str, password: str) -> Recipient:
        """Accept an invitation with a password. Raises `LinkUsed` or `Refused`."""
        to = await self._held(token, Purpose.INVITATION)
        if not password_sign_in(self.settings):
            raise Refused("off")
        name = proper_name(name)
        check_password(password, name=name, email=to.email)
        password_hash = await self.passwords.hashed(password)
        await self.database.change(
            link_rows.join, caller, tokens.hashed(token), name, password_hash, clock.now()
        )
        log.info("an invitation was accepted account=%s", to.account_id)
        return to

    async def renew_password(self, caller: Caller, token: str, password: str) -> Recipient:
        """Set a new password, and sign the account out everywhere (T16). Raises `LinkUsed` or `Refused`."""
        to = await self._held(token, Purpose.PASSWORD_RESET)
        check_password(password, name=to.name, email=to.email)
        password_hash = await self.passwords.hashed(password)
        key = tokens.hashed(token)
        await self.database.change(link_rows.renew_password, caller, key, password_hash, clock.now())
        log.info("a new password was set by a link account=%s", to.account_id)
        self.passwords.tell(to)
        return to

    async def enter(self, caller: Caller, token: str) -> Recipient:
        """Use up a link that signs its operator in. Raises `LinkUsed`."""
        to = await self._held(token, Purpose.SIGN_IN)
        await self.database.change(link_rows.enter, caller, tokens.hashed(token), clock.now())
        log.warning("an operator enters by a link of the command line account=%s", to.account_id)
        return to

    async def _held(self, token: str, purpose: Purpose) -> Recipient:
        to = await self.recipient(token, purpose)
        if to is None:
            raise LinkUsed
        return to

    # --- both

    async def _offer(
        self, caller: Caller, account_id: int, purpose: Purpose, action: str, base: str | None
    ) -> Link:
        token, now = tokens.new(), clock.now()
        to = await self.database.change(
            link_rows.offer,
            caller,
            account_id,
            purpose,
            action,
            tokens.hashed(token),
            now,
            passwords=password_sign_in(self.settings),
        )
        return await self._made(purpose, to, token, now, base)

    async def _made(
        self, purpose: Purpose, to: Recipient, token: str, now: datetime, base: str | None
    ) -> Link:
        log.info("link made purpose=%r account=%s", purpose.value, to.account_id)
        address = (self.settings.public_url or base or self.settings.address).rstrip("/")
        link = Link(f"{address}{PATHS[purpose]}{token}", now + LASTS[purpose], False, to.account_id)
        if purpose is Purpose.SIGN_IN or not self.mail.configured:
            return link
        zone = self.settings.default_time_zone
        try:
            await self.mail.send(link_mail.with_link(to, purpose, link.address, link.expires_at, zone))
        except NotMailed as error:
            return replace(link, problem=str(error))
        return replace(link, mailed=True)
