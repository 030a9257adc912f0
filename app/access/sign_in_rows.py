"""What is written of browsers and sign-ins; each function is one unit of `data.database.Database.change`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, insert, or_, select, update

from app.access.lifetimes import ACTING, Lifetime
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change
from data.models import Account, Browser, SignIn
from data.queries import sign_ins
from data.types import HowSignedIn, Role

CROSSED = timedelta(minutes=1)
"""How long a token that was replaced still signs out, and does nothing else."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How somebody has just proved who they are, and where."""

    account_id: int
    how: HowSignedIn
    remember: bool = False
    address: str = ""
    browser_name: str = ""
    identity_id: int | None = None
    provider_session: str | None = None
    proved_at: datetime | None = None
    """When they proved it, if that was before: a provider may have known them already (T24)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A sign-in that was ended, and what it takes to end it at its identity provider too."""

    id: int
    account_id: int
    identity_id: int | None


@dataclass(frozen=True, slots=True)
class Left:
    """What ended, and whether anybody else is still signed in at the browser."""

    ended: tuple[Ended, ...] = field(default=())
    others: bool = False
    rotated: bool = False
    """Whether the browser is known by the new token now."""


def arrive(
    change: Change,
    arrival: Arrival,
    now: datetime,
    lifetime: Callable[[Role], Lifetime],
    old_hash: str | None,
    new_hash: str,
) -> int | None:
    """Sign in, at the browser known by *old_hash* or a new one, which *new_hash* will be known by.

    Somebody who is signed in at that browser already has proved themselves anew: their row, and so
    their open pages, stay. Returns the sign-in's id; ``None`` if the account was disabled or deleted in
    this moment.
    """
    _sweep(change, now)
    open_to_them = Account.id == arrival.account_id, Account.disabled_at.is_(None)
    role = change.execute(select(Account.role).where(*open_to_them).with_for_update()).scalar()
    if role is None:
        return None
    lasts = lifetime(role)
    browser_id = change.execute(
        update(Browser)
        .where(Browser.token_hash == old_hash)
        .values(previous_hash=Browser.token_hash, token_hash=new_hash, cookie_at=now, stale=False)
        .returning(Browser.id)
    ).scalar()
    if browser_id is None:
        row = {"token_hash": new_hash, "created_at": now, "cookie_at": now, "stale": False}
        browser_id = change.execute(insert(Browser).returning(Browser.id), row).scalar_one()
    # Whoever signs in while acting as somebody has left that.
    _end(change, [SignIn.browser_id == browser_id, SignIn.actor_id.is_not(None)], now)
    proved_at = now if arrival.proved_at is None else min(arrival.proved_at, now)
    values = {
        "how": arrival.how,
        "fresh_at": proved_at,
        "last_seen_at": now,
        "idle_seconds": int(lasts.idle.total_seconds()),
        "ends_at": now + min(lasts.idle, lasts.longest),
        "expires_at": now + lasts.longest,
        "remembered": arrival.remember,
        "address": arrival.address[:64],
        "browser_name": arrival.browser_name,
        "identity_id": arrival.identity_id,
        "provider_session": arrival.provider_session,
    }
    again = SignIn.browser_id == browser_id, SignIn.account_id == arrival.account_id
    newest = case((SignIn.fresh_at > proved_at, SignIn.fresh_at), else_=proved_at)
    renewed = {**values, "fresh_at": newest}
    sign_in_id = change.execute(update(SignIn).where(*again).values(**renewed).returning(SignIn.id)).scalar()
    if sign_in_id is None:
        row = {**values, "browser_id": browser_id, "account_id": arrival.account_id, "created_at": now}
        sign_in_id = change.execute(insert(SignIn).returning(SignIn.id), row).scalar_one()
    _make_current(change, browser_id, sign_in_id)
    change.announce(Announcement(Topic.PEOPLE, arrival.account_id))
    return int(sign_in_id)


def switch(change: Change, old_hash: str, new_hash: str, sign_in_id: int, now: datetime) -> Role | None:
    """Make *sign_in_id* the current one of its browser; its role, or ``None`` if it is not one of it."""
    here = {one.sign_in_id: one for one in sign_ins.at_browser(change.connection, old_hash, now)}
    if sign_in_id not in here:
        return None
    chosen = here[sign_in_id]
    if not rotate(change, old_hash, new_hash, now):
        return None  # another answer, in this very moment, has brought a newer token
    _end(change, [SignIn.browser_id == chosen.browser_id, SignIn.actor_id.is_not(None)], now)
    _make_current(change, chosen.browser_id, sign_in_id)
    return chosen.role


def leave(
    change: Change, old_hash: str, new_hash: str, now: datetime, sign_in_id: int | None, everybody: bool
) -> Left:
    """Sign out at the browser known by *old_hash*: the current sign-in, *sign_in_id*, or *everybody*.

    An operator who acts as a driver leaves both. Nobody is current afterwards if the current one left.
    A token that was replaced in the last minute still signs out: the answer with the new one may not have
    arrived, and who signs out has to be out. It gets nothing for it: whoever has an old token has no right
    to a new one (T13).
    """
    found = sign_ins.leaving(change.connection, old_hash, now - CROSSED)
    if found is None:
        return Left()
    browser_id, current, token_hash = found
    which: list[ColumnElement[bool]] = [SignIn.browser_id == browser_id]
    if not everybody:
        leaving = current if sign_in_id is None else sign_in_id
        if leaving is None:
            return Left(others=bool(sign_ins.at_browser(change.connection, token_hash, now)))
        acting = select(SignIn.actor_sign_in_id).where(SignIn.id == leaving, SignIn.actor_id.is_not(None))
        operators = change.execute(acting).scalar()
        which.append(SignIn.id.in_([leaving] if operators is None else [leaving, operators]))
    ended = _end(change, which, now)
    rotated = rotate(change, old_hash, new_hash, now)
    others = bool(sign_ins.at_browser(change.connection, new_hash if rotated else token_hash, now))
    if not others:
        _delete_browsers(change)
    return Left(tuple(ended), others, rotated)


def end(
    change: Change, which: Collection[ColumnElement[bool]], now: datetime, told_by: tuple[Caller, str] | None
) -> list[Ended]:
    """End the sign-ins that *which* selects, and what is done in their name; *told_by* goes to the audit."""
    ended = _end(change, which, now)
    if told_by is not None and ended:
        caller, action = told_by
        for one in ended:
            audit.record(change, caller, action, now, about=f"sign-in {one.id}", subject_id=one.account_id)
    return ended


def seen(change: Change, sign_in_id: int, now: datetime) -> None:
    """The person was here: idle time begins anew, the operator's too who acts as somebody (T15)."""
    lasting = SignIn.ends_at > now  # what is over does not come back
    columns = select(SignIn.id, SignIn.idle_seconds, SignIn.expires_at, SignIn.actor_sign_in_id).where(
        lasting
    )
    rows = change.execute(columns.where(SignIn.id == sign_in_id)).all()
    operators = [row.actor_sign_in_id for row in rows if row.actor_sign_in_id is not None]
    for row in (*rows, *change.execute(columns.where(SignIn.id.in_(operators)))):
        ends_at = min(now + timedelta(seconds=row.idle_seconds), row.expires_at)
        change.execute(update(SignIn).where(SignIn.id == row.id).values(last_seen_at=now, ends_at=ends_at))


def fresh(change: Change, sign_in_id: int, now: datetime) -> None:
    """The person has proved again who they are (T24)."""
    change.execute(update(SignIn).where(SignIn.id == sign_in_id).values(fresh_at=now))


def cookie_given(change: Change, browser_id: int, now: datetime) -> None:
    """The browser was given its cookie again."""
    values = {"cookie_at": now, "previous_hash": None}
    change.execute(update(Browser).where(Browser.id == browser_id).values(**values))


def begin_acting(
    change: Change, caller: Caller, driver_id: int, reason: str, now: datetime, new_hash: str
) -> int | None:
    """Let the operator *caller* act as *driver_id* at their browser (P23, T26); the sign-in's id.

    ``None`` if there is no such driver who could sign in themselves: not an operator, not disabled.
    """
    mine = sign_ins.by_id(change.connection, caller.actor_sign_in_id or 0, now)
    target = change.execute(
        select(Account.role, Account.disabled_at).where(Account.id == driver_id)
    ).one_or_none()
    if mine is None or mine.role is not Role.OPERATOR or mine.actor is not None:
        return None
    if target is None or target.role is not Role.DRIVER or target.disabled_at is not None:
        return None
    _end(change, [SignIn.browser_id == mine.browser_id, SignIn.actor_id.is_not(None)], now)
    theirs = change.execute(
        select(SignIn.address, SignIn.browser_name).where(SignIn.id == mine.sign_in_id)
    ).one()
    row = {
        "browser_id": mine.browser_id,
        "account_id": driver_id,
        "how": HowSignedIn.ACTING,
        "created_at": now,
        "fresh_at": now,
        "last_seen_at": now,
        "idle_seconds": int(ACTING.total_seconds()),
        "ends_at": now + ACTING,
        "expires_at": now + ACTING,
        "remembered": False,
        "address": theirs.address,
        "browser_name": theirs.browser_name,
        "actor_id": mine.account_id,
        "actor_sign_in_id": mine.sign_in_id,
        "reason": reason,
    }
    sign_in_id = int(change.execute(insert(SignIn).returning(SignIn.id), row).scalar_one())
    _rotate(change, Browser.id == mine.browser_id, new_hash, now)
    _make_current(change, mine.browser_id, sign_in_id)
    told = f"sign-in {sign_in_id}"  # the row of its end says the same, so that the two are one visit (P24)
    audit.record(change, caller, "acting.begin", now, about=told, subject_id=driver_id, reason=reason)
    change.announce(Announcement(Topic.PEOPLE, driver_id))
    return sign_in_id


def end_acting(change: Change, sign_in_id: int, new_hash: str, now: datetime) -> list[Ended]:
    """End the acting as *sign_in_id* at the browser's own wish, which gets a new token (T13)."""
    acting = SignIn.id == sign_in_id, SignIn.actor_id.is_not(None)
    browser_id = change.execute(select(SignIn.browser_id).where(*acting)).scalar()
    if browser_id is None:
        return []
    ended = _end(change, acting, now)
    _rotate(change, Browser.id == browser_id, new_hash, now)
    return ended


def rotate(change: Change, old_hash: str, new_hash: str, now: datetime) -> bool:
    """Let the browser known by *old_hash* be known by *new_hash*; ``False`` if somebody else was faster.

    All processes are told, so that none goes on believing the old one.
    """
    return _rotate(change, Browser.token_hash == old_hash, new_hash, now)


def end_over_acting(change: Change, token_hash: str, now: datetime) -> bool:
    """End the acting as at the browser with *token_hash* whose time is over; whether there was one."""
    over = sign_ins.over_acting(change.connection, token_hash, now)
    return over is not None and bool(_end(change, [SignIn.id == over], now))


def _rotate(change: Change, which: ColumnElement[bool], new_hash: str, now: datetime) -> bool:
    values = {"previous_hash": Browser.token_hash, "token_hash": new_hash, "cookie_at": now, "stale": False}
    rotated = change.execute(update(Browser).where(which).values(**values).returning(Browser.id)).all()
    change.announce(Announcement(Topic.PEOPLE))
    return bool(rotated)


def _end(change: Change, which: Collection[ColumnElement[bool]], now: datetime) -> list[Ended]:
    columns = SignIn.id, SignIn.account_id, SignIn.identity_id
    rows = list(change.execute(delete(SignIn).where(*which, SignIn.actor_id.is_(None)).returning(*columns)))
    # What is done in the name of a sign-in ends with it (T28), and each such end is told.
    acting = or_(SignIn.actor_sign_in_id.in_([row.id for row in rows]), _all(which))
    ended = change.execute(
        delete(SignIn)
        .where(SignIn.actor_id.is_not(None), acting)
        .returning(*columns, SignIn.actor_id, SignIn.actor_sign_in_id, SignIn.ends_at)
    ).all()
    for row in ended:
        who = Caller(row.account_id, Role.DRIVER, row.actor_id, row.actor_sign_in_id)
        audit.record(change, who, "acting.end", min(now, row.ends_at), about=f"sign-in {row.id}")
    gone = [Ended(row.id, row.account_id, row.identity_id) for row in (*rows, *ended)]
    if gone:
        ids = [one.id for one in gone]
        for row in ended:  # the operator is themselves again, with a new token as soon as there is a way
            still_there = select(SignIn.id).where(SignIn.id == row.actor_sign_in_id).scalar_subquery()
            change.execute(
                update(Browser)
                .where(Browser.current_sign_in_id == row.id)
                .values(current_sign_in_id=still_there, stale=True)
            )
        change.execute(
            update(Browser).where(Browser.current_sign_in_id.in_(ids)).values(current_sign_in_id=None)
        )
        change.announce(
            *(Announcement(Topic.PEOPLE, account) for account in {one.account_id for one in gone})
        )
    return gone


def _all(which: Collection[ColumnElement[bool]]) -> ColumnElement[bool]:
    first, *rest = which
    for one in rest:
        first = first & one
    return first


def _make_current(change: Change, browser_id: int, sign_in_id: int) -> None:
    change.execute(update(Browser).where(Browser.id == browser_id).values(current_sign_in_id=sign_in_id))


def _sweep(change: Change, now: datetime) -> None:
    """Delete what is over, a little at each sign-in: nothing else has to look after it."""
    over = select(SignIn.id).where(SignIn.ends_at <= now).limit(50)
    ids = list(change.execute(over).scalars())
    if ids:
        _end(change, [SignIn.id.in_(ids)], now)
    _delete_browsers(change)


def _delete_browsers(change: Change) -> None:
    used = select(SignIn.id).where(SignIn.browser_id == Browser.id).exists()
    empty = select(Browser.id).where(Browser.current_sign_in_id.is_(None), ~used).limit(50)
    change.execute(delete(Browser).where(Browser.id.in_(empty)))
