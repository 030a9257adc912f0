"""The one-time link that makes the first operator (T22): expires, and is used once."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.access import passwords, tokens
from app.access.tokens import TOKEN, hashed
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.models import Account, OneTimeLink
from data.queries import people
from data.types import Role, Theme

PURPOSE = "first operator"
LASTS = timedelta(hours=24)
EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}")


class LinkUsed(Exception):
    """The link has expired, was used before, or never was one."""


class Refused(Exception):
    """The form can't be accepted: ``why`` is ``name``, ``email``, ``password`` or ``taken``."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class FirstOperator:
    """Makes the link, and the operator out of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def offer(self) -> str | None:
        """A new token, ending the one before; ``None`` if there is an operator. Waits for the commit."""
        token = tokens.new()
        now = clock.now()
        return token if self._database.change_now(_offer, hashed(token), now) else None

    async def is_open(self, token: str) -> bool:
        """True if *token* can still be used."""
        if not TOKEN.fullmatch(token):
            return False
        now = clock.now()
        return await self._database.ask(people.link_is_open, hashed(token), PURPOSE, now)

    async def welcome(self, token: str, *, name: str, email: str, password: str) -> int:
        """Make the operator; returns the account's id. Raises `LinkUsed` or `Refused`."""
        if not await self.is_open(token):
            raise LinkUsed
        name, email = " ".join(name.split()), email.strip().lower()
        if not 1 <= len(name) <= 200:
            raise Refused("name")
        if not EMAIL.fullmatch(email):
            raise Refused("email")
        if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
            raise Refused("password")
        password_hash = await passwords.hashed_in_thread(password)
        try:
            return await self._database.change(
                _use, hashed(token), clock.now(), name=name, email=email, password_hash=password_hash
            )
        except IntegrityError as error:
            raise Refused("taken") from error


def _offer(change: Change, token_hash: str, now: datetime) -> bool:
    if people.has_operator(change.connection):
        return False
    change.execute(delete(OneTimeLink).where(OneTimeLink.purpose == PURPOSE, OneTimeLink.used_at.is_(None)))
    row = {"token_hash": token_hash, "purpose": PURPOSE, "created_at": now, "expires_at": now + LASTS}
    change.execute(insert(OneTimeLink), row)
    return True


def _use(change: Change, token_hash: str, now: datetime, *, name: str, email: str, password_hash: str) -> int:
    # The update itself decides who comes first: of two at the same moment one finds no open link.
    used = change.execute(
        update(OneTimeLink)
        .where(
            OneTimeLink.token_hash == token_hash,
            OneTimeLink.purpose == PURPOSE,
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > now,
        )
        .values(used_at=now)
    )
    if used.rowcount != 1:
        raise LinkUsed
    result = change.execute(
        insert(Account),
        {
            "role": Role.OPERATOR,
            "email": email,
            "name": name,
            "password_hash": password_hash,
            "theme": Theme.SYSTEM,
            "created_at": now,
        },
    )
    account_id = int(result.inserted_primary_key[0])  # type: ignore[index]
    change.announce(Announcement(Topic.PEOPLE, account_id))
    return account_id
