"""What is written of one-time links; each function is one unit of `data.database.Database.change`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, insert, select, update

from app.access import sign_in_rows
from app.access.account_rules import Refused
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change
from data.models import Account, OneTimeLink, SignIn
from data.queries import people
from data.queries.people import Recipient
from data.types import Role, Theme


class Purpose(StrEnum):
    """What a link is for."""

    FIRST_OPERATOR = "first operator"
    INVITATION = "invitation"
    PASSWORD_RESET = "password reset"  # noqa: S105 (a purpose, not a password)
    SIGN_IN = "sign in"
    """The sign-in of an operator that a command on the server makes (T22)."""


LASTS = {
    Purpose.FIRST_OPERATOR: timedelta(hours=24),
    Purpose.INVITATION: timedelta(days=7),
    Purpose.PASSWORD_RESET: timedelta(hours=2),
    Purpose.SIGN_IN: timedelta(minutes=15),
}


class LinkUsed(Exception):
    """The link has expired, was used before, or never was one."""


def invite(
    change: Change,
    caller: Caller,
    name: str,
    email: str,
    role: Role,
    token_hash: str,
    now: datetime,
    *,
    language: str | None = None,
) -> Recipient:
    """Make an account that nobody can sign in to yet, and its link. Raises `Refused` (``taken``).

    Its pages, and the mail that brings the link, speak *language* until its owner chooses one.
    """
    known = select(Account.id).where(Account.email == email, Account.role == role)
    if change.execute(known).first() is not None:
        raise Refused("taken")
    row = {"role": role, "email": email, "name": name, "language": language, "created_at": now}
    row["theme"] = Theme.SYSTEM
    account_id = int(change.execute(insert(Account).returning(Account.id), row).scalar_one())
    _link(change, account_id, Purpose.INVITATION, token_hash, now)
    audit.record(change, caller, "person.invite", now, subject_id=account_id, about=f"{role} {email}")
    change.announce(Announcement(Topic.PEOPLE, account_id))
    return _recipient(change, caller, account_id)


def offer(
    change: Change,
    caller: Caller,
    account_id: int,
    purpose: Purpose,
    action: str,
    token_hash: str,
    now: datetime,
    *,
    passwords: bool = True,
) -> Recipient:
    """A link of *purpose* for *account_id*, ending the older ones; *action* goes to the audit.

    *passwords* tells whether one is a way in: whoever has no other is invited again. Raises `Refused`:
    ``unknown``, ``disabled``, or ``joined`` for an invitation that came to its end.
    """
    to = _recipient(change, caller, account_id)
    joined = people.has_joined(change.connection, account_id, passwords=passwords)
    if purpose is Purpose.INVITATION and joined:
        raise Refused("joined")
    if purpose is Purpose.SIGN_IN and to.role is not Role.OPERATOR:
        raise Refused("unknown")
    _link(change, account_id, purpose, token_hash, now)
    audit.record(change, caller, action, now, subject_id=account_id)
    change.announce(Announcement(Topic.PEOPLE, account_id))
    return to


def use(change: Change, token_hash: str, purpose: Purpose, now: datetime) -> int | None:
    """Use the link up: its account, ``None`` for the first operator's. Raises `LinkUsed`.

    The update itself decides who comes first: of two at the same moment one finds no open link.
    """
    used = change.execute(
        update(OneTimeLink)
        .where(
            OneTimeLink.token_hash == token_hash,
            OneTimeLink.purpose == purpose,
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > now,
        )
        .values(used_at=now)
        .returning(OneTimeLink.account_id)
    ).all()
    if len(used) != 1:
        raise LinkUsed
    account_id: int | None = used[0].account_id
    if account_id is not None:
        enabled = select(Account.id).where(Account.id == account_id, Account.disabled_at.is_(None))
        if change.execute(enabled).first() is None:
            raise LinkUsed
    return account_id


def join(
    change: Change, caller: Caller, token_hash: str, name: str, password_hash: str, now: datetime
) -> int:
    """An invitation is accepted with a password; the account. Raises `LinkUsed`, too if they have joined."""
    account_id = use(change, token_hash, Purpose.INVITATION, now)
    assert account_id is not None
    if people.has_joined(change.connection, account_id):
        raise LinkUsed
    change.execute(update(Account).where(Account.id == account_id).values(name=name))
    set_password(change, account_id, password_hash)
    told(change, caller, account_id, "person.join", now)
    return account_id


def joined_by_provider(change: Change, caller: Caller, token_hash: str, now: datetime) -> bool:
    """An invitation is accepted with an identity, which the caller stores. Raises `LinkUsed`.

    True if the account had an owner before, by its password: whoever is signed in to it is so no more, as
    after a reset, and the owner is to be told.
    """
    account_id = use(change, token_hash, Purpose.INVITATION, now)
    assert account_id is not None
    had_password = people.has_joined(change.connection, account_id)
    who = told(change, caller, account_id, "person.join", now, about="invited again" if had_password else "")
    if had_password:
        sign_in_rows.end(change, [SignIn.account_id == account_id], now, (who, "sign_in.end"))
    return had_password


def renew_password(change: Change, caller: Caller, token_hash: str, password_hash: str, now: datetime) -> int:
    """A reset link sets a password and ends all sign-ins; the account. Raises `LinkUsed`."""
    account_id = use(change, token_hash, Purpose.PASSWORD_RESET, now)
    assert account_id is not None
    set_password(change, account_id, password_hash)
    who = told(change, caller, account_id, "password.reset", now)
    sign_in_rows.end(change, [SignIn.account_id == account_id], now, (who, "sign_in.end"))
    return account_id


def enter(change: Change, caller: Caller, token_hash: str, now: datetime) -> int:
    """A link made on the server signs its operator in; the account. Raises `LinkUsed`."""
    account_id = use(change, token_hash, Purpose.SIGN_IN, now)
    assert account_id is not None
    told(change, caller, account_id, "sign_in.by_link", now)
    return account_id


def set_password(change: Change, account_id: int, password_hash: str) -> None:
    """Store a new password; links that could set another one end with the old password."""
    change.execute(update(Account).where(Account.id == account_id).values(password_hash=password_hash))
    end_links(change, account_id)
    change.announce(Announcement(Topic.PEOPLE, account_id))


def end_links(change: Change, account_id: int) -> None:
    """End all links of *account_id* that nobody has used: for a new address, and for who has to stay out."""
    change.execute(
        delete(OneTimeLink).where(OneTimeLink.account_id == account_id, OneTimeLink.used_at.is_(None))
    )


def told(
    change: Change, caller: Caller, account_id: int, action: str, now: datetime, *, about: str = ""
) -> Caller:
    """Write into the audit what the holder of a link did, in the name of its account; who that is."""
    role = change.execute(select(Account.role).where(Account.id == account_id)).scalar_one()
    who = replace(caller, subject_id=account_id, role=role, actor_id=account_id)
    audit.record(change, who, action, now, about=about)
    change.announce(Announcement(Topic.PEOPLE, account_id))
    return who


def _link(change: Change, account_id: int, purpose: Purpose, token_hash: str, now: datetime) -> None:
    older = OneTimeLink.account_id == account_id, OneTimeLink.purpose == purpose
    change.execute(delete(OneTimeLink).where(*older, OneTimeLink.used_at.is_(None)))
    row = {
        "token_hash": token_hash,
        "purpose": purpose,
        "account_id": account_id,
        "created_at": now,
        "expires_at": now + LASTS[purpose],
    }
    change.execute(insert(OneTimeLink), row)


def _recipient(change: Change, caller: Caller, account_id: int) -> Recipient:
    # Locked until the commit: two links made at the same moment would both stay open otherwise.
    locked = select(Account.disabled_at).where(Account.id == account_id).with_for_update()
    row = change.execute(locked).one_or_none()
    if row is None:
        raise Refused("unknown")
    if row.disabled_at is not None:
        raise Refused("disabled")
    to = people.recipient(change.connection, account_id)
    assert to is not None
    if to.language is None and caller.subject_id is not None:  # as whoever writes to them speaks
        theirs = select(Account.language).where(Account.id == caller.subject_id)
        to = replace(to, language=change.execute(theirs).scalar())
    return to
