"""Browsers, who is signed in at them, and who acts as whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, Select, and_, or_, select
from sqlalchemy.orm import aliased

from data.models import Account, Browser, Identity, SignIn
from data.types import HowSignedIn, Role, Theme

_Theirs = aliased(SignIn, name="theirs")
_Actor = aliased(Account, name="actor")


@dataclass(frozen=True, slots=True)
class ActingOperator:
    """The operator who acts as an account."""

    id: int
    name: str
    sign_in_id: int
    """Their own sign-in, which goes on beside."""
    language: str | None = None
    """That they have chosen for their own pages."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that is valid, its account, and the browser that it is at."""

    browser_id: int
    sign_in_id: int
    account_id: int
    name: str
    email: str
    role: Role
    time_zone: str | None
    language: str | None
    theme: Theme
    how: HowSignedIn
    fresh_at: datetime
    last_seen_at: datetime
    ends_at: datetime
    """Unless it is used before, as of when it was asked."""
    stale: bool
    """The browser's token is to be replaced."""
    remembered: bool
    cookie_at: datetime
    actor: ActingOperator | None = None


@dataclass(frozen=True, slots=True)
class ListedSignIn:
    """A sign-in as the account's owner sees it in the list."""

    id: int
    browser_id: int
    how: HowSignedIn
    created_at: datetime
    last_seen_at: datetime
    ends_at: datetime
    address: str
    browser_name: str


def current(db: Connection, token_hash: str, now: datetime) -> SignedIn | None:
    """Who is current at the browser with *token_hash*; ``None`` if nobody is, or not any more."""
    mine = _signed_in(now).where(Browser.token_hash == token_hash, Browser.current_sign_in_id == SignIn.id)
    return _read(db.execute(mine).one_or_none())


def by_id(db: Connection, sign_in_id: int, now: datetime) -> SignedIn | None:
    """The sign-in *sign_in_id*, current at its browser or not, if it is valid."""
    return _read(db.execute(_signed_in(now).where(SignIn.id == sign_in_id)).one_or_none())


def at_browser(db: Connection, token_hash: str, now: datetime) -> tuple[SignedIn, ...]:
    """All who are signed in at the browser with *token_hash*, in the order they came; no acting as."""
    found = _signed_in(now).where(Browser.token_hash == token_hash, SignIn.actor_id.is_(None))
    return tuple(one for row in db.execute(found.order_by(SignIn.id)) if (one := _read(row)) is not None)


def browser(db: Connection, token_hash: str) -> tuple[int, int | None] | None:
    """The browser with *token_hash* and its current sign-in, valid or not."""
    row = db.execute(
        select(Browser.id, Browser.current_sign_in_id).where(Browser.token_hash == token_hash)
    ).one_or_none()
    return None if row is None else (row.id, row.current_sign_in_id)


def leaving(db: Connection, token_hash: str, since: datetime) -> tuple[int, int | None, str] | None:
    """The browser that signs out with *token_hash*, its current sign-in, and what it is known by now.

    Also with the token before, if that was replaced after *since*.
    """
    before = and_(Browser.previous_hash == token_hash, Browser.cookie_at > since)
    columns = select(Browser.id, Browser.current_sign_in_id, Browser.token_hash)
    row = db.execute(columns.where(or_(Browser.token_hash == token_hash, before))).first()
    return None if row is None else (row.id, row.current_sign_in_id, row.token_hash)


def valid(db: Connection, sign_in_ids: Iterable[int], now: datetime) -> dict[int, Role]:
    """Those of *sign_in_ids* that are valid at *now*, with the roles that their accounts have now (T7)."""
    ids, found = list(sign_in_ids), dict[int, Role]()
    for start in range(0, len(ids), 500):  # SQLite takes a limited number of parameters
        rows = db.execute(_signed_in(now).where(SignIn.id.in_(ids[start : start + 500])))
        found.update((row.sign_in_id, row.role) for row in rows)
    return found


def of_account(db: Connection, account_id: int, now: datetime) -> tuple[ListedSignIn, ...]:
    """The valid sign-ins of *account_id*, the last used first; an operator's acting as is not among them."""
    rows = db.execute(
        select(
            SignIn.id,
            SignIn.browser_id,
            SignIn.how,
            SignIn.created_at,
            SignIn.last_seen_at,
            SignIn.ends_at,
            SignIn.address,
            SignIn.browser_name,
        )
        .where(SignIn.account_id == account_id, SignIn.actor_id.is_(None), SignIn.ends_at > now)
        .order_by(SignIn.last_seen_at.desc(), SignIn.id.desc())
    )
    return tuple(ListedSignIn(*row) for row in rows)


def of_provider(db: Connection, issuer: str, subject: str | None, session: str | None) -> list[int]:
    """The sign-ins that came from *subject*, or from its *session* alone, at the provider *issuer*."""
    found = (
        select(SignIn.id).join(Identity, Identity.id == SignIn.identity_id).where(Identity.issuer == issuer)
    )
    if subject is not None:
        found = found.where(Identity.subject == subject)
    if session is not None:
        found = found.where(SignIn.provider_session == session)
    return [] if subject is None and session is None else list(db.scalars(found))


def over_acting(db: Connection, token_hash: str, now: datetime) -> int | None:
    """The acting as that is current at the browser with *token_hash* although its time is over (T28)."""
    mine = select(SignIn.id).join(Browser, Browser.current_sign_in_id == SignIn.id)
    over = mine.where(Browser.token_hash == token_hash, SignIn.actor_id.is_not(None), SignIn.ends_at <= now)
    return db.execute(over).scalar()


def _signed_in(now: datetime) -> Select[tuple[object, ...]]:
    """Valid sign-ins: not over, their account not disabled, and whoever acts still an operator (T28)."""
    return (
        select(  # type: ignore[return-value]  # SQLAlchemy types up to ten columns
            SignIn.browser_id,
            SignIn.id.label("sign_in_id"),
            Account.id.label("account_id"),
            Account.name,
            Account.email,
            Account.role,
            Account.time_zone,
            Account.language,
            Account.theme,
            SignIn.how,
            SignIn.fresh_at,
            SignIn.last_seen_at,
            SignIn.ends_at,
            SignIn.remembered,
            Browser.cookie_at,
            Browser.stale,
            SignIn.actor_id,
            _Actor.name.label("actor_name"),
            _Actor.language.label("actor_language"),
            SignIn.actor_sign_in_id,
        )
        .join(Browser, Browser.id == SignIn.browser_id)
        .join(Account, Account.id == SignIn.account_id)
        .outerjoin(_Actor, _Actor.id == SignIn.actor_id)
        .outerjoin(_Theirs, and_(_Theirs.id == SignIn.actor_sign_in_id, _Theirs.ends_at > now))
        .where(
            SignIn.ends_at > now,
            Account.disabled_at.is_(None),
            or_(
                SignIn.actor_id.is_(None),
                and_(
                    _Theirs.id.is_not(None),
                    _Actor.disabled_at.is_(None),
                    _Actor.role == Role.OPERATOR,
                    Account.role == Role.DRIVER,
                ),
            ),
        )
    )


def _read(row: Row[tuple[object, ...]] | None) -> SignedIn | None:
    if row is None:
        return None
    actor = None
    if row.actor_id is not None:
        actor = ActingOperator(row.actor_id, row.actor_name, row.actor_sign_in_id, row.actor_language)
    return SignedIn(
        browser_id=row.browser_id,
        sign_in_id=row.sign_in_id,
        account_id=row.account_id,
        name=row.name,
        email=row.email,
        role=row.role,
        time_zone=row.time_zone,
        language=row.language,
        theme=row.theme,
        how=row.how,
        fresh_at=row.fresh_at,
        last_seen_at=row.last_seen_at,
        ends_at=row.ends_at,
        stale=row.stale,
        remembered=row.remembered,
        cookie_at=row.cookie_at,
        actor=actor,
    )
