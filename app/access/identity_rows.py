"""What is written of identities; each function is one unit of `data.database.Database.change`.

Which account a person of a provider signs in to is decided and written in one transaction, so that two
tabs, or two people with one address, can't make two of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from app.access import link_rows, sign_in_rows
from app.access.identity import Person, Provider
from app.access.lifetimes import is_fresh
from app.access.link_rows import Purpose
from components.texts import languages
from components.words import zones
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change
from data.models import Account, Identity, OneTimeLink, SignIn
from data.queries import identities, people, sign_ins
from data.queries.identities import Linked
from data.types import Role, Theme


class Why(StrEnum):
    """Why a person of a provider is not let in, or an identity not linked; the first that applies is told."""

    NOT_OPERATOR = "not-operator"
    """There is an operator account, and the provider does not say (any more) that they are one."""
    TAKEN = "taken"
    """An account has their address, which proves nothing here: they link it from inside."""
    NO_EMAIL = "no-email"
    """The provider told no address, and an account needs one."""
    UNKNOWN = "unknown"
    """There is no account for them. Disabled accounts are told in the same words."""
    INVITATION = "invitation"
    """The invitation has expired, was used before, or never was one."""
    LINKED = "linked"
    """The identity signs in to another account of the same role."""
    OTHER_PERSON = "other-person"
    """The proof is of somebody else than who is signed in."""
    ONLY_WAY_IN = "only-way-in"
    """Without the identity nobody could sign in to the account any more."""
    NOT_FRESH = "not-fresh"
    """Who they are was proved too long ago (T24)."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The account that a person signs in to."""

    account_id: int
    role: Role
    identity_id: int
    had_password: bool = False
    """An invitation has let them in to an account that had an owner: to be told of it."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """An account that a person could sign in to; ``None`` is still to be made."""

    role: Role
    account_id: int | None = None
    identity_id: int | None = None
    by: str = "new account"


def admit(
    change: Change,
    person: Person,
    provider: Provider,
    caller: Caller,
    now: datetime,
    *,
    console: bool,
    here: Collection[int],
) -> Admitted | Why:
    """Let *person* in to an account, which is linked or made where *provider* allows (T12).

    Of an operator's and a driver's account the operator's is meant if the provider says that they are an
    operator, or if they want to the *console*; but rather one that is not signed in *here* already, so
    that "use another account" leads to the other one (P3). *caller* is nobody yet, at an address.
    """
    known = identities.linked(change.connection, person.issuer, person.subject)
    if not _may_operate(person, provider):
        _end_operators(change, known, caller, now)
    order = [Role.OPERATOR, Role.DRIVER]
    if not (console or (provider.operator_claim is not None and person.is_operator)):
        order.reverse()
    found = [_planned(change, person, provider, known, role) for role in order]
    plans = [one for one in found if isinstance(one, _Plan)]
    if not plans and provider.unknown_drivers and not any(one.role is Role.DRIVER for one in known):
        made = _new(change, person, known, tuple(Role), Role.DRIVER)
        found.append(made)
        plans = [made] if isinstance(made, _Plan) else []
    if not plans:
        reasons = [one for one in found if isinstance(one, Why)]
        return min(reasons, key=list(Why).index, default=Why.UNKNOWN)
    plan = next((one for one in plans if one.account_id not in here), plans[0])
    return _carry_out(change, plan, person, caller, now)


def accept(
    change: Change,
    person: Person,
    provider: Provider,
    caller: Caller,
    now: datetime,
    token_hash: str,
    *,
    passwords: bool,
) -> Admitted | Why:
    """Let *person* in to the account that the open invitation with *token_hash* is for, and link them.

    Unless its owner can sign in: *passwords* tells whether one is a way in. Raises `LinkUsed` if somebody
    else was faster.
    """
    is_open = (
        OneTimeLink.token_hash == token_hash,
        OneTimeLink.purpose == Purpose.INVITATION,
        OneTimeLink.used_at.is_(None),
        OneTimeLink.expires_at > now,
    )
    row = change.execute(
        select(Account.id, Account.role)
        .join(OneTimeLink, OneTimeLink.account_id == Account.id)
        .where(*is_open, Account.disabled_at.is_(None))
    ).one_or_none()
    if row is None or people.has_joined(change.connection, row.id, passwords=passwords):
        return Why.INVITATION
    if (refused := _refused(change, person, provider, row.id, row.role)) is not None:
        return refused
    had_password = link_rows.joined_by_provider(change, caller, token_hash, now)
    plan = _Plan(row.role, row.id, by=Purpose.INVITATION)
    return replace(_carry_out(change, plan, person, caller, now), had_password=had_password)


def not_fresh(db: Connection, caller: Caller, now: datetime) -> Why | None:
    """Whether *caller* has to prove again who they are, before they change how they can sign in (T24)."""
    mine = sign_ins.by_id(db, caller.actor_sign_in_id or 0, now)
    fresh = mine is not None and is_fresh(mine.fresh_at, now)
    return None if fresh else Why.NOT_FRESH


def link(change: Change, person: Person, provider: Provider, caller: Caller, now: datetime) -> Why | None:
    """Let *person* sign in to *caller*'s account from now on; what is against it, if anything is."""
    assert caller.subject_id is not None
    assert caller.role is not None
    if (why := not_fresh(change.connection, caller, now)) is not None:
        return why
    if (refused := _refused(change, person, provider, caller.subject_id, caller.role)) is not None:
        return refused
    if _linked_to(change, person, caller.subject_id) is None:
        _link(change, person, caller.subject_id, caller, now, "account page")
        link_rows.end_links(change, caller.subject_id)  # as in `_carry_out`
    return None


def unlink(
    change: Change,
    caller: Caller,
    identity_id: int,
    providers: Collection[str],
    passwords: bool,
    now: datetime,
) -> Why | None:
    """Take *identity_id* from *caller*'s account, and end the sign-ins that came from it elsewhere.

    *providers* are those that there are; *passwords* tells whether one is a way in. Nobody else's identity
    is found (T3).
    """
    assert caller.subject_id is not None
    ways = identities.ways_in(change.connection, caller.subject_id)
    keys = dict(ways.providers)
    if identity_id not in keys:
        return Why.UNKNOWN
    others = [key for one, key in keys.items() if one != identity_id and key in providers]
    if not others and not (ways.has_password and passwords):
        return Why.ONLY_WAY_IN
    came_by = SignIn.identity_id == identity_id
    sign_in_rows.end(change, [came_by, SignIn.id != caller.actor_sign_in_id], now, (caller, "sign_in.end"))
    change.execute(update(SignIn).where(came_by).values(identity_id=None, provider_session=None))
    change.execute(delete(Identity).where(Identity.id == identity_id))
    details = {"provider": keys[identity_id]}
    audit.record(change, caller, "identity.unlink", now, about=f"identity {identity_id}", details=details)
    change.announce(Announcement(Topic.PEOPLE, caller.subject_id))
    return None


def prove(change: Change, person: Person, provider: Provider, caller: Caller, now: datetime) -> Why | None:
    """Whether *person* is the one whom *caller*'s account belongs to; what is against it, if anything is."""
    known = identities.linked(change.connection, person.issuer, person.subject)
    if not _may_operate(person, provider):
        _end_operators(change, known, caller, now)
        if caller.role is Role.OPERATOR:
            return Why.NOT_OPERATOR
    return None if any(one.account_id == caller.subject_id for one in known) else Why.OTHER_PERSON


# --- which account


def _may_operate(person: Person, provider: Provider) -> bool:
    return person.is_operator or provider.operator_claim is None


def _planned(
    change: Change, person: Person, provider: Provider, known: Collection[Linked], role: Role
) -> _Plan | Why | None:
    """The account of *role* that *person* could sign in to, or why there is none."""
    mine = next((one for one in known if one.role is role), None)
    if role is Role.OPERATOR and not _may_operate(person, provider):
        return Why.NOT_OPERATOR if mine is not None and not mine.is_disabled else None
    if mine is not None:
        return Why.UNKNOWN if mine.is_disabled else _Plan(role, mine.account_id, mine.identity_id)
    if person.email is not None and person.email_verified and provider.link_by_email:
        for one in identities.with_email(change.connection, person.email):
            # An account that somebody at a provider has already is linked from inside alone: an address may
            # have changed hands, and who came first may never have had it. So is one whose owner chose the
            # address: it may be somebody else's, who would sign in to the account of whoever waits for them.
            if one.role is role and not (one.is_disabled or one.has_identity or one.is_own_choice):
                return _Plan(role, one.account_id, by="e-mail")
    if role is Role.OPERATOR and provider.operator_claim is not None:
        return _new(change, person, known, (role,), role)
    return _taken(change, person, known, (role,))


def _new(
    change: Change, person: Person, known: Collection[Linked], roles: Collection[Role], role: Role
) -> _Plan | Why:
    """A new account of *role*, if no account of *roles* but the person's own has the address."""
    if person.email is None:
        return Why.NO_EMAIL
    return _taken(change, person, known, roles) or _Plan(role)


def _taken(change: Change, person: Person, known: Collection[Linked], roles: Collection[Role]) -> Why | None:
    """Whether an account of *roles* that is not the person's has their address.

    Only who has the address, by the provider's word, is told of an account with it, and of no disabled one.
    """
    own = {one.account_id for one in known}
    for one in identities.with_email(change.connection, person.email or ""):
        if one.role in roles and one.account_id not in own:
            return Why.TAKEN if person.email_verified and not one.is_disabled else Why.UNKNOWN
    return None


def _refused(change: Change, person: Person, provider: Provider, account_id: int, role: Role) -> Why | None:
    """What is against linking *person* to *account_id*."""
    if role is Role.OPERATOR and not _may_operate(person, provider):
        return Why.NOT_OPERATOR
    known = identities.linked(change.connection, person.issuer, person.subject)
    return Why.LINKED if any(one.role is role and one.account_id != account_id for one in known) else None


def _linked_to(change: Change, person: Person, account_id: int) -> Linked | None:
    known = identities.linked(change.connection, person.issuer, person.subject)
    return next((one for one in known if one.account_id == account_id), None)


# --- what is written


def _carry_out(change: Change, plan: _Plan, person: Person, caller: Caller, now: datetime) -> Admitted:
    account_id, identity_id = plan.account_id, plan.identity_id
    if account_id is None:
        account_id = _make(change, person, plan.role, caller, now)
    if identity_id is None:
        themselves = replace(caller, subject_id=account_id, actor_id=account_id, role=plan.role, label="")
        identity_id = _link(change, person, account_id, themselves, now, plan.by)
        link_rows.end_links(change, account_id)  # an invitation that is still open has come to its end
    else:
        values = {"provider": person.provider, "email": person.email, "last_used_at": now}
        change.execute(update(Identity).where(Identity.id == identity_id).values(**values))
    return Admitted(account_id, plan.role, identity_id)


def _make(change: Change, person: Person, role: Role, caller: Caller, now: datetime) -> int:
    assert person.email is not None
    row = {
        "role": role,
        "email": person.email,
        "name": person.name or person.email.partition("@")[0],
        "time_zone": person.time_zone if person.time_zone in zones() else None,
        "language": next(_languages(person.language), None),
        "theme": Theme.SYSTEM,
        "created_at": now,
    }
    account_id = int(change.execute(insert(Account).returning(Account.id), row).scalar_one())
    themselves = replace(caller, subject_id=account_id, actor_id=account_id, role=role, label="")
    details = {"provider": person.provider, "role": role.value}
    audit.record(change, themselves, "account.create", now, about=f"account {account_id}", details=details)
    return account_id


def _link(change: Change, person: Person, account_id: int, caller: Caller, now: datetime, by: str) -> int:
    row = {
        "account_id": account_id,
        "provider": person.provider,
        "issuer": person.issuer,
        "subject": person.subject,
        "email": person.email,
        "created_at": now,
        "last_used_at": now,
    }
    identity_id = int(change.execute(insert(Identity).returning(Identity.id), row).scalar_one())
    details = {"provider": person.provider, "by": by}
    audit.record(change, caller, "identity.link", now, about=f"identity {identity_id}", details=details)
    change.announce(Announcement(Topic.PEOPLE, account_id))
    return identity_id


def _end_operators(change: Change, known: Collection[Linked], caller: Caller, now: datetime) -> None:
    """Whoever is no operator any more, by the provider's word, is none in the pages open now either (T7)."""
    gone = [one.identity_id for one in known if one.role is Role.OPERATOR]
    if gone:
        sign_in_rows.end(change, [SignIn.identity_id.in_(gone)], now, (caller, "sign_in.end"))


def _languages(asked: str | None) -> Iterator[str]:
    """The language of ours that is the best for *asked*, if one is."""
    return (code for code in languages() if (asked or "").replace("_", "-").split("-")[0].lower() == code)
