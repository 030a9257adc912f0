"""One-time links: an invitation, a new password, the operator's sign-in that a command makes (T22).

A link works once, ends by itself, and ends the older ones of its purpose and account. Whoever has it has
its token, the database only the token's hash. It is returned to be shown, once, and mailed as well where
a mail server is configured.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from app import clock
from app.access import link_rows, tokens
from app.access.account_rules import Refused, proper_email, proper_name
from app.access.link_rows import LASTS, LinkUsed, Purpose, Recipient
from app.changing import changing
from app.settings import Settings, password_sign_in
from data.caller import Caller
from data.database import Database
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


class Links:
    """Makes them. `base` is where the asking browser found the portal; the public address goes before it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings

    @changing("person.invite", role=Role.OPERATOR)
    async def invite(
        self, caller: Caller, *, name: str, email: str, role: Role, base: str | None = None
    ) -> Link:
        """Make an account that its owner completes by the link, within seven days.

        Raises `Refused`: ``name``, ``email``, or ``taken`` if there is one of that role and address.
        """
        name, email, token, now = proper_name(name), proper_email(email), tokens.new(), clock.now()
        to = await self.database.change(
            link_rows.invite, caller, name, email, role, tokens.hashed(token), now
        )
        log.info("invited account=%s role=%s", to.account_id, role)
        return await self._made(caller, Purpose.INVITATION, to, token, now, base)

    @changing("person.invite_again", role=Role.OPERATOR)
    async def invite_again(self, caller: Caller, account_id: int, *, base: str | None = None) -> Link:
        """Another link for somebody who has not come yet; the one before ends.

        Raises `Refused`: ``unknown``, ``disabled``, or ``joined`` if they have come.
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

    async def _offer(
        self, caller: Caller, account_id: int, purpose: Purpose, action: str, base: str | None
    ) -> Link:
        token, now = tokens.new(), clock.now()
        to = await self.database.change(
            link_rows.offer, caller, account_id, purpose, action, tokens.hashed(token), now
        )
        log.info("link made purpose=%r account=%s", purpose.value, account_id)
        return await self._made(caller, purpose, to, token, now, base)

    async def _made(
        self, caller: Caller, purpose: Purpose, to: Recipient, token: str, now: datetime, base: str | None
    ) -> Link:
        address = (self.settings.public_url or base or self.settings.address).rstrip("/")
        return Link(f"{address}{PATHS[purpose]}{token}", now + LASTS[purpose], False, to.account_id)
