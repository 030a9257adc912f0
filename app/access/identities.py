"""Which account somebody signs in to whom an identity provider has vouched for (T12).

The provider's word is an (issuer, subject), and the rows of `identities` say whose that is. Everything else
(an address, a claim, an invitation) can only make such a row, where the settings allow.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from sqlalchemy.exc import IntegrityError

from app import clock
from app.access import identity_rows, link_mail, tokens
from app.access.identity import Person, Provider
from app.access.identity_rows import Admitted, Why
from app.access.link_rows import LinkUsed
from app.access.own_password import Passwords
from app.access.sign_ins import SignIns
from app.changing import changing
from app.settings import password_sign_in
from data.caller import Caller
from data.database import Database
from data.queries import people

__all__ = ["Admitted", "Identities", "Refused", "Why"]

log = logging.getLogger("polaris.access")


class Refused(Exception):
    """Not let in, not linked, not proved: ``why`` tells."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


class Identities:
    """The identities of all accounts; *providers* are those of the settings."""

    def __init__(self, sign_ins: SignIns, providers: Mapping[str, Provider], passwords: Passwords) -> None:
        self._sign_ins = sign_ins
        self._providers = providers
        self._passwords = passwords

    @property
    def database(self) -> Database:
        """Where they are kept, and refusals written down."""
        return self._sign_ins.database

    async def admit(
        self, person: Person, caller: Caller, *, console: bool = False, here: Collection[int] = ()
    ) -> Admitted:
        """The account that *person* signs in to. Raises `Refused`.

        *console* tells that they want to an operator's page; *here* are the accounts that are signed in at
        their browser already. *caller* is nobody yet: it tells where they come from.
        """
        provider = self._providers[person.provider]
        for last in (False, True):
            try:
                found = await self.database.change(
                    identity_rows.admit, person, provider, caller, clock.now(), console=console, here=here
                )
            except IntegrityError:  # another process has made the same account in this moment
                if last:
                    raise
                continue
            return _admitted(found)
        raise AssertionError

    async def accept(self, person: Person, caller: Caller, token: str) -> Admitted:
        """Take the invitation *token* with *person*. Raises `Refused`.

        Somebody invited again is told by mail, and signed out wherever they were (T16).
        """
        if not tokens.TOKEN.fullmatch(token):
            raise Refused(Why.INVITATION)
        provider, key = self._providers[person.provider], tokens.hashed(token)
        try:
            found = await self.database.change(
                identity_rows.accept,
                person,
                provider,
                caller,
                clock.now(),
                key,
                passwords=password_sign_in(self._sign_ins.settings),
            )
        except LinkUsed:
            raise Refused(Why.INVITATION) from None
        except IntegrityError:  # another process has linked the two in this moment
            raise Refused(Why.INVITATION) from None
        admitted = _admitted(found)
        if admitted.had_password:
            to = await self.database.ask(people.recipient, admitted.account_id)
            assert to is not None
            self._passwords.tell(to, link_mail.taken_by_provider)
        return admitted

    @changing("identity.link.begin")
    async def begin_link(self, caller: Caller) -> None:
        """Look whether *caller* may link an identity now, before they go to a provider. Raises `Refused`."""
        _raise(await self.database.ask(identity_rows.not_fresh, caller, clock.now()))

    @changing("identity.link")
    async def link(self, caller: Caller, person: Person) -> None:
        """Let *person* sign in to *caller*'s account from now on. Raises `Refused`; also if not fresh."""
        provider = self._providers[person.provider]
        try:
            why = await self.database.change(identity_rows.link, person, provider, caller, clock.now())
        except IntegrityError:  # another process has linked the two in this moment: that is what was asked
            why = None
        _raise(why)
        log.info("identity linked provider=%s", person.provider)

    @changing("identity.unlink")
    async def unlink(self, caller: Caller, identity_id: int) -> None:
        """Take an identity away from *caller*'s account. Raises `Refused`: ``ONLY_WAY_IN``, ``UNKNOWN``.

        Sign-ins that came from it end, but for the one that asks.
        """
        passwords = password_sign_in(self._sign_ins.settings)
        _raise(
            await self.database.change(
                identity_rows.unlink, caller, identity_id, self._providers.keys(), passwords, clock.now()
            )
        )
        log.info("identity unlinked identity=%s", identity_id)

    @changing("identity.prove")
    async def prove(self, caller: Caller, person: Person) -> None:
        """*person* has just proved who they are: *caller*'s sign-in is fresh (T24). Raises `Refused`."""
        provider = self._providers[person.provider]
        _raise(await self.database.change(identity_rows.prove, person, provider, caller, clock.now()))
        assert caller.actor_sign_in_id is not None
        await self._sign_ins.prove(caller, caller.actor_sign_in_id)


def _admitted(found: Admitted | Why) -> Admitted:
    if isinstance(found, Why):
        raise Refused(found)
    return found


def _raise(why: Why | None) -> None:
    if why is not None:
        raise Refused(why)
