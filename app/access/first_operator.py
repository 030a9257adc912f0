"""The one-time link that makes the first operator (T22): expires, and is used once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError

from app import clock
from app.access import link_rows, passwords, tokens
from app.access.account_rules import EMAIL, Refused, check_password, proper_email, proper_name
from app.access.link_rows import LASTS, LinkUsed, Purpose
from app.access.tokens import TOKEN, hashed
from data.caller import Caller
from data.database import Change, Database
from data.models import Account, OneTimeLink
from data.queries import people
from data.types import Role, Theme

__all__ = ["EMAIL", "FirstOperator", "LinkUsed", "Refused"]

PURPOSE = Purpose.FIRST_OPERATOR


class FirstOperator:
    """Makes the link, and the operator out of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def offer(self) -> str | None:
        """A new token, ending the one before; ``None`` if there is an operator. Waits for the commit."""
        token = tokens.new()
        now = clock.now()
        return token if self._database.change_now(_offer, hashed(token), now) else None

    def link(self, address: str) -> str | None:
        """As `offer`, a whole link below *address*. For start-up."""
        token = self.offer()
        return None if token is None else f"{address}/welcome/{token}"

    async def is_open(self, token: str) -> bool:
        """True if *token* can still be used."""
        if not TOKEN.fullmatch(token):
            return False
        now = clock.now()
        return await self._database.ask(people.link_is_open, hashed(token), PURPOSE, now)

    async def welcome(
        self, caller: Caller, token: str, *, name: str, email: str, password: str | None
    ) -> int:
        """Make the operator; returns the account's id. Raises `LinkUsed` or `Refused`.

        *password* is ``None`` where nobody signs in with one.
        """
        if not await self.is_open(token):
            raise LinkUsed
        name, email = proper_name(name), proper_email(email)
        password_hash = None
        if password is not None:
            check_password(password, name=name, email=email)
            password_hash = await passwords.hashed_in_thread(password)
        try:
            return await self._database.change(
                _use, caller, hashed(token), clock.now(), name=name, email=email, password_hash=password_hash
            )
        except IntegrityError as error:
            raise Refused("taken") from error


def _offer(change: Change, token_hash: str, now: datetime) -> bool:
    if people.has_operator(change.connection):
        return False
    change.execute(delete(OneTimeLink).where(OneTimeLink.purpose == PURPOSE, OneTimeLink.used_at.is_(None)))
    row = {
        "token_hash": token_hash,
        "purpose": PURPOSE,
        "created_at": now,
        "expires_at": now + LASTS[PURPOSE],
    }
    change.execute(insert(OneTimeLink), row)
    return True


def _use(
    change: Change,
    caller: Caller,
    token_hash: str,
    now: datetime,
    *,
    name: str,
    email: str,
    password_hash: str | None,
) -> int:
    link_rows.use(change, token_hash, PURPOSE, now)
    if people.has_operator(change.connection):
        raise LinkUsed  # one has come by another way since
    row = {
        "role": Role.OPERATOR,
        "email": email,
        "name": name,
        "password_hash": password_hash,
        "theme": Theme.SYSTEM,
        "created_at": now,
    }
    account_id = int(change.execute(insert(Account).returning(Account.id), row).scalar_one())
    link_rows.told(change, caller, account_id, "person.first_operator", now)
    return account_id
