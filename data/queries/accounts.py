"""Accounts as the operator's console lists them, and what there is to know of one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from data.models import Account, Identity, Mapping, OneTimeLink, Plan, SignIn, Subscription
from data.types import Role

SHOWN = 100
"""Accounts in a list at most; a search reaches all."""
LONGEST_SEARCH, MOST_WORDS = 100, 8


class State(StrEnum):
    """How it stands with an account; of several that apply, the first."""

    DISABLED = "disabled"
    LEAVING = "leaving"
    """Its owner has asked for its deletion."""
    INVITED = "invited"
    """Nobody has signed in to it yet: it has no password, and no identity at a provider."""
    NO_WAY_IN = "no-way-in"
    """It has a password alone, where nobody signs in with one (any more)."""
    ACTIVE = "active"
    ERASED = "erased"
    """Deleted: it stands for somebody in the books. Listed only where it is asked for."""


class Lack(StrEnum):
    """What a driver may have none of."""

    CARD = "card"
    """No active mapping: nothing that they hold to a charger is theirs."""
    PLAN = "plan"
    """Nothing is owed for what they charge."""


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """A row of the list."""

    id: int
    name: str
    email: str
    state: State
    last_seen_at: datetime | None
    """Of the sign-ins that have not ended; ``None`` if there is none."""
    cards: int = 0
    """Active mappings."""
    plan: str | None = None
    """What they are subscribed to on the day that was asked about."""


@dataclass(frozen=True, slots=True)
class ListedAccounts:
    """The first rows of a list, and how many there are."""

    shown: tuple[ListedAccount, ...]
    matching: int
    """Accounts that match what is searched for."""
    all: int
    """Accounts of the role."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """People of one role who wait for something that an operator does."""

    role: Role
    state: State
    number: int


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What there is to know of one account."""

    id: int
    role: Role
    name: str
    email: str
    state: State
    has_password: bool
    can_sign_in: bool
    """By an identity, or by a password where that is a way in; whether they are disabled or not."""
    time_zone: str | None
    language: str | None
    created_at: datetime
    disabled_at: datetime | None
    deletion_requested_at: datetime | None
    last_seen_at: datetime | None
    """Of the sign-ins that have not ended."""
    cards: int
    """Active mappings."""
    invited_until: datetime | None
    """When the last invitation expires, or did, that was not used."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A driver to choose."""

    id: int
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """An identity at a provider that signs in to an account."""

    id: int
    provider: str
    issuer: str
    email: str | None
    created_at: datetime
    last_used_at: datetime


def listed(
    db: Connection,
    role: Role,
    search: str = "",
    state: State | None = None,
    limit: int = SHOWN,
    *,
    passwords: bool = True,
    today: date | None = None,
    lacks: Lack | None = None,
) -> ListedAccounts:
    """The accounts of *role* whose name or e-mail holds each word of *search*, by name.

    *passwords* tells whether one is a way in. With *today* the cards and the plan of those shown are told,
    and *lacks* leaves only those who have none. Reads the accounts of the role, whose number is that of
    people; nothing here grows with what they do.
    """
    erased = Account.erased_at.is_(None) if state is not State.ERASED else Account.erased_at.is_not(None)
    which = [Account.role == role, erased, *(holds(word) for word in words_of(search))]
    if state is not None:
        which.append(_is(state, passwords))
    if lacks is not None and today is not None:
        which.append(~(_active_card if lacks is Lack.CARD else _held(today)).exists())
    count = select(func.count()).select_from(Account)
    which_all = [Account.role == role] + ([] if state is State.ERASED else [erased])
    everybody = db.scalar(count.where(*which_all)) or 0
    matching = db.scalar(count.where(*which)) or 0 if len(which) > 2 else everybody
    rows = db.execute(
        select(
            Account.id,
            Account.name,
            Account.email,
            Account.disabled_at,
            Account.deletion_requested_at,
            Account.erased_at,
            Account.password_hash.is_not(None).label("has_password"),
            _has_identity.label("has_identity"),
        )
        .where(*which)
        .order_by(func.lower(Account.name), Account.id)
        .limit(limit)
    ).all()
    ids = [row.id for row in rows]
    seen = _last_seen(db, ids)
    cards, plans = ({}, {}) if today is None else (_cards(db, ids), _plans(db, ids, today))
    shown = tuple(
        ListedAccount(
            row.id,
            row.name,
            row.email,
            _state(
                row.erased_at,
                row.disabled_at,
                row.deletion_requested_at,
                bool(row.has_password),
                _can_sign_in(row.has_password, row.has_identity, passwords),
            ),
            seen.get(row.id),
            cards.get(row.id, 0),
            plans.get(row.id),
        )
        for row in rows
    )
    return ListedAccounts(shown, matching, everybody)


def drivers(db: Connection, search: str = "", limit: int = 20) -> tuple[Choice, ...]:
    """The first drivers, by name, whose name or e-mail holds each word of *search*; deleted ones left out."""
    which = [
        Account.role == Role.DRIVER,
        Account.erased_at.is_(None),
        *(holds(word) for word in words_of(search)),
    ]
    rows = db.execute(
        select(Account.id, Account.name, Account.email)
        .where(*which)
        .order_by(func.lower(Account.name), Account.id)
        .limit(limit)
    )
    return tuple(Choice(*row) for row in rows)


def waiting(db: Connection, passwords: bool) -> tuple[Waiting, ...]:
    """Who waits for an operator: people without a way in, and those who asked for their deletion."""
    count = select(func.count()).select_from(Account)
    found = (
        Waiting(role, state, db.scalar(count.where(Account.role == role, _is(state, passwords))) or 0)
        for state in (State.NO_WAY_IN, State.LEAVING)
        for role in Role
    )
    return tuple(one for one in found if one.number)


def facts(db: Connection, account_id: int, role: Role, *, passwords: bool = True) -> AccountFacts | None:
    """What there is to know of the account *account_id*, if it is one of *role*."""
    row = db.execute(
        select(
            Account.name,
            Account.email,
            Account.time_zone,
            Account.language,
            Account.created_at,
            Account.disabled_at,
            Account.deletion_requested_at,
            Account.erased_at,
            Account.password_hash.is_not(None).label("has_password"),
            _has_identity.label("has_identity"),
        ).where(Account.id == account_id, Account.role == role)
    ).one_or_none()
    if row is None:
        return None
    cards = select(func.count()).where(Mapping.account_id == account_id, Mapping.active)
    invited_until = select(func.max(OneTimeLink.expires_at)).where(
        OneTimeLink.account_id == account_id,
        OneTimeLink.purpose == "invitation",
        OneTimeLink.used_at.is_(None),
    )
    return AccountFacts(
        id=account_id,
        role=role,
        name=row.name,
        email=row.email,
        state=_state(
            row.erased_at,
            row.disabled_at,
            row.deletion_requested_at,
            bool(row.has_password),
            _can_sign_in(row.has_password, row.has_identity, passwords),
        ),
        has_password=bool(row.has_password),
        can_sign_in=_can_sign_in(row.has_password, row.has_identity, passwords),
        time_zone=row.time_zone,
        language=row.language,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        deletion_requested_at=row.deletion_requested_at,
        last_seen_at=_last_seen(db, [account_id]).get(account_id),
        cards=db.scalar(cards) or 0,
        invited_until=db.scalar(invited_until),
    )


def identities(db: Connection, account_id: int) -> tuple[LinkedIdentity, ...]:
    """The identities that sign in to *account_id*, the last used first."""
    rows = db.execute(
        select(
            Identity.id,
            Identity.provider,
            Identity.issuer,
            Identity.email,
            Identity.created_at,
            Identity.last_used_at,
        )
        .where(Identity.account_id == account_id)
        .order_by(Identity.last_used_at.desc(), Identity.id.desc())
    )
    return tuple(LinkedIdentity(*row) for row in rows)


_has_identity = select(Identity.id).where(Identity.account_id == Account.id).exists()
_active_card = select(Mapping.id).where(Mapping.account_id == Account.id, Mapping.active)


def cleaned(search: str) -> str:
    """*search* without what no name holds and no database takes, such as NUL; at most 100 characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in search[:LONGEST_SEARCH]).split())


def words_of(search: str) -> list[str]:
    """The words to be searched for."""
    return cleaned(search).split()[:MOST_WORDS]


def holds(word: str) -> ColumnElement[bool]:
    """Accounts whose name or e-mail holds *word*."""
    # Databases fold A to Z for sure and the rest perhaps: "müller" is to find "MÜLLER" and "Müller".
    spellings = dict.fromkeys((word, word.lower(), word.upper(), word.title()))
    names = [Account.name.icontains(spelling, autoescape=True) for spelling in spellings]
    return or_(*names, Account.email.contains(word.lower(), autoescape=True))


def _is(state: State, passwords: bool) -> ColumnElement[bool]:
    """The same order as `_state`."""
    enabled = Account.disabled_at.is_(None)
    staying = and_(enabled, Account.deletion_requested_at.is_(None))
    unknown = and_(Account.password_hash.is_(None), ~_has_identity)
    locked_out = false() if passwords else and_(Account.password_hash.is_not(None), ~_has_identity)
    return {
        State.ERASED: Account.erased_at.is_not(None),
        State.DISABLED: and_(Account.disabled_at.is_not(None), Account.erased_at.is_(None)),
        State.LEAVING: and_(enabled, Account.deletion_requested_at.is_not(None)),
        State.INVITED: and_(staying, unknown),
        State.NO_WAY_IN: and_(staying, locked_out),
        State.ACTIVE: and_(staying, ~unknown, ~locked_out),
    }[state]


def _state(
    erased_at: datetime | None,
    disabled_at: datetime | None,
    leaving_since: datetime | None,
    has_password: bool,
    can_sign_in: bool,
) -> State:
    if erased_at is not None:
        return State.ERASED
    if disabled_at is not None:
        return State.DISABLED
    if leaving_since is not None:
        return State.LEAVING
    if can_sign_in:
        return State.ACTIVE
    return State.NO_WAY_IN if has_password else State.INVITED


def _can_sign_in(has_password: bool, has_identity: bool, passwords: bool) -> bool:
    return bool(has_identity or (has_password and passwords))


def _last_seen(db: Connection, account_ids: Collection[int]) -> dict[int, datetime]:
    """When each was here last, an operator's acting as left out."""
    rows = db.execute(
        select(SignIn.account_id, func.max(SignIn.last_seen_at))
        .where(SignIn.account_id.in_(account_ids), SignIn.actor_id.is_(None))
        .group_by(SignIn.account_id)
    )
    return {row[0]: row[1] for row in rows}


def _cards(db: Connection, account_ids: Collection[int]) -> dict[int, int]:
    """How many active cards each has."""
    rows = db.execute(
        select(Mapping.account_id, func.count())
        .where(Mapping.account_id.in_(account_ids), Mapping.active)
        .group_by(Mapping.account_id)
    )
    return {row[0]: row[1] for row in rows}


def _on(today: date) -> ColumnElement[bool]:
    """Subscriptions that *today* belongs to."""
    ends = or_(Subscription.ended_on.is_(None), Subscription.ended_on > today)
    return and_(Subscription.started_on <= today, ends)


def _held(today: date) -> Select[int]:
    """The subscription of an account."""
    return select(Subscription.id).where(Subscription.account_id == Account.id, _on(today))


def _plans(db: Connection, account_ids: Collection[int], today: date) -> dict[int, str]:
    """The name of the plan that each has."""
    rows = db.execute(
        select(Subscription.account_id, Plan.name)
        .join(Plan, Plan.id == Subscription.plan_id)
        .where(Subscription.account_id.in_(account_ids), _on(today))
    )
    return {row[0]: row[1] for row in rows}
