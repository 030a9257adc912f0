"""All that is stored of a person, for their own copy: nothing of anybody else is among it (T2, T6)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, and_, case, or_, select

from data.models import (
    Account,
    Charge,
    Charger,
    ChargingSession,
    Connector,
    Identity,
    Mapping,
    Plan,
    Reservation,
    SessionCorrection,
    Site,
    Subscription,
)
from data.queries.sessions import place_number
from data.queries.sign_ins import ListedSignIn, of_account
from data.queries.support_visits import SupportVisit, support_visits
from data.types import ReservationStatus, Role, Theme

PAGE = 250
"""Sessions, and billed lines, asked for at once."""
MOST = 10_000
"""Of everything else, newest first: what no person has so many of needs no pages."""


@dataclass(frozen=True, slots=True)
class OwnedAccount:
    """The account itself."""

    id: int
    role: Role
    email: str
    name: str
    time_zone: str | None
    language: str | None
    theme: Theme
    created_at: datetime
    deletion_requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class OwnedCard:
    """A card that is or was the person's."""

    id_tag: str
    active: bool
    blocked: bool
    linked_at: datetime
    unlinked_at: datetime | None


@dataclass(frozen=True, slots=True)
class OwnedSubscription:
    """A plan that the person has or had."""

    plan: str
    currency: str
    base_fee: int | None
    """Minor units a billing period."""
    price_per_kwh: int | None
    """In 1/10,000 of the currency's major unit."""
    included_wh: int | None
    unlimited: bool
    tiers: list[dict[str, int]]
    windows: list[dict[str, int]]
    """Both as in `data.models.Plan`."""
    anchor_day: int
    started_on: date
    ended_on: date | None


@dataclass(frozen=True, slots=True)
class OwnedReservation:
    """A reservation."""

    id: int
    charger: str
    connector: int | None
    """``None`` for the whole charger."""
    starts_at: datetime
    ends_at: datetime
    status: ReservationStatus
    created_at: datetime
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class OwnedIdentity:
    """The person at an identity provider."""

    provider: str
    issuer: str
    subject: str
    email: str | None
    linked_at: datetime
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class OwnedSession:
    """A charging session."""

    id: int
    site: str
    charger: str
    connector: int
    """The number that stands on the plug."""
    id_tag: str
    started_at: datetime
    """When energy flowed at the charger (P10)."""
    ended_at: datetime | None
    """``None`` while it is in progress."""
    energy_wh: int | None
    """``None`` while it is in progress and without a reading."""
    finalized_at: datetime | None
    begun_at: datetime
    """When it was plugged in; what the order of the download goes by."""


@dataclass(frozen=True, slots=True)
class OwnedCorrection:
    """How the energy of a session was corrected, by an operator or by what its charger sent late."""

    at: datetime
    reason: str
    energy_wh_before: int
    energy_wh_after: int


@dataclass(frozen=True, slots=True)
class OwnedCharge:
    """A billed line. What a session cost is the sum of its lines; those after the first may be negative."""

    id: int
    session_id: int
    plan: str | None
    period_first: date | None
    """First local day of the billing period; ``None`` without a plan."""
    revision: int
    """0 for what was billed first, from 1 on for corrections."""
    energy_wh: int
    amount: int | None
    """Minor units of *currency*; ``None`` where the plan has no price."""
    currency: str | None
    reason: str
    billed_at: datetime


@dataclass(frozen=True, slots=True)
class OwnedData:
    """All of it but the sessions and what was billed for them."""

    account: OwnedAccount
    cards: tuple[OwnedCard, ...]
    subscriptions: tuple[OwnedSubscription, ...]
    reservations: tuple[OwnedReservation, ...]
    sign_ins: tuple[ListedSignIn, ...]
    identities: tuple[OwnedIdentity, ...]
    support_visits: tuple[SupportVisit, ...]


def owned_data(db: Connection, account_id: int, now: datetime) -> OwnedData:
    """What is stored of *account_id*, but its sessions."""
    account = db.execute(
        select(
            Account.id,
            Account.role,
            Account.email,
            Account.name,
            Account.time_zone,
            Account.language,
            Account.theme,
            Account.created_at,
            Account.deletion_requested_at,
        ).where(Account.id == account_id)
    ).one()
    return OwnedData(
        account=OwnedAccount(*account),
        cards=_cards(db, account_id),
        subscriptions=_subscriptions(db, account_id),
        reservations=_reservations(db, account_id),
        sign_ins=of_account(db, account_id, now),
        identities=_identities(db, account_id),
        support_visits=support_visits(db, account_id, limit=MOST),
    )


def owned_sessions(
    db: Connection, account_id: int, after: tuple[datetime, int] | None = None, limit: int = PAGE
) -> tuple[OwnedSession, ...]:
    """The sessions of *account_id*, oldest first; *after* the moment it was plugged in and the id of one.

    Whoever asks page by page reads the index where the last page ended, however many there are.
    """
    found = (
        select(
            ChargingSession.id,
            Site.name,
            Charger.name,
            place_number,
            ChargingSession.id_tag,
            ChargingSession.energy_started_at,
            case((ChargingSession.ended_at.is_not(None), ChargingSession.energy_ended_at)),
            case((ChargingSession.has_reading | (ChargingSession.energy_wh > 0), ChargingSession.energy_wh)),
            ChargingSession.finalized_at,
            ChargingSession.started_at,
        )
        .join(Charger, Charger.id == ChargingSession.charger_id)
        .join(Site, Site.id == Charger.site_id)
        .join(Connector, Connector.id == ChargingSession.connector_id)
        .where(ChargingSession.account_id == account_id)
    )
    if after is not None:
        begun_at, last_id = after
        at, id_ = ChargingSession.started_at, ChargingSession.id
        # The first condition alone is what an index can begin at; both databases see it there.
        found = found.where(at >= begun_at, or_(at > begun_at, and_(at == begun_at, id_ > last_id)))
    rows = db.execute(found.order_by(ChargingSession.started_at, ChargingSession.id).limit(limit))
    return tuple(OwnedSession(*row) for row in rows)


def energy_corrections(
    db: Connection, session_ids: Collection[int]
) -> dict[int, tuple[OwnedCorrection, ...]]:
    """The corrections of the energy of these sessions, by session, the earliest first.

    Whom a session was given to, or taken from, is not among it: that may be somebody else (T2).
    """
    rows = db.execute(
        select(
            SessionCorrection.session_id,
            SessionCorrection.at,
            SessionCorrection.reason,
            SessionCorrection.before,
            SessionCorrection.after,
        )
        .where(SessionCorrection.session_id.in_(session_ids))
        .order_by(SessionCorrection.session_id, SessionCorrection.id)
    )
    found: dict[int, tuple[OwnedCorrection, ...]] = {}
    for session_id, at, reason, before, after in rows:
        if "energy_wh" in before and "energy_wh" in after:
            one = OwnedCorrection(at, reason, before["energy_wh"], after["energy_wh"])
            found[session_id] = (*found.get(session_id, ()), one)
    return found


def owned_charges(
    db: Connection, account_id: int, after: int | None = None, limit: int = PAGE
) -> tuple[OwnedCharge, ...]:
    """What was billed to *account_id*, in that order; *after* the id of a line.

    Also for sessions that were given to somebody else since: their lines cancel each other out.
    """
    rows = db.execute(
        select(
            Charge.id,
            Charge.session_id,
            Plan.name,
            Charge.period_first,
            Charge.revision,
            Charge.energy_wh,
            Charge.amount,
            Charge.currency,
            Charge.reason,
            Charge.created_at,
        )
        .outerjoin(Plan, Plan.id == Charge.plan_id)
        .where(Charge.account_id == account_id, Charge.id > (after or 0))
        .order_by(Charge.id)
        .limit(limit)
    )
    return tuple(OwnedCharge(*tuple(row)) for row in rows)


def _cards(db: Connection, account_id: int) -> tuple[OwnedCard, ...]:
    rows = db.execute(
        select(Mapping.id_tag, Mapping.active, Mapping.blocked, Mapping.created_at, Mapping.deactivated_at)
        .where(Mapping.account_id == account_id)
        .order_by(Mapping.id.desc())
        .limit(MOST)
    )
    return tuple(OwnedCard(*row) for row in rows)


def _subscriptions(db: Connection, account_id: int) -> tuple[OwnedSubscription, ...]:
    rows = db.execute(
        select(
            Plan.name,
            Plan.currency,
            Plan.base_fee,
            Plan.price_per_kwh,
            Plan.included_wh,
            Plan.unlimited,
            Plan.tiers,
            Plan.windows,
            Subscription.anchor_day,
            Subscription.started_on,
            Subscription.ended_on,
        )
        .join(Plan, Plan.id == Subscription.plan_id)
        .where(Subscription.account_id == account_id)
        .order_by(Subscription.id.desc())
        .limit(MOST)
    )
    return tuple(OwnedSubscription(*row) for row in rows)


def _reservations(db: Connection, account_id: int) -> tuple[OwnedReservation, ...]:
    rows = db.execute(
        select(
            Reservation.id,
            Charger.name,
            Reservation.connector_number,
            Reservation.starts_at,
            Reservation.ends_at,
            Reservation.status,
            Reservation.created_at,
            Reservation.cancelled_at,
        )
        .join(Charger, Charger.id == Reservation.charger_id)
        .where(Reservation.account_id == account_id)
        .order_by(Reservation.ends_at.desc(), Reservation.id.desc())
        .limit(MOST)
    )
    return tuple(OwnedReservation(*row) for row in rows)


def _identities(db: Connection, account_id: int) -> tuple[OwnedIdentity, ...]:
    rows = db.execute(
        select(
            Identity.provider,
            Identity.issuer,
            Identity.subject,
            Identity.email,
            Identity.created_at,
            Identity.last_used_at,
        )
        .where(Identity.account_id == account_id)
        .order_by(Identity.id.desc())
        .limit(MOST)
    )
    return tuple(OwnedIdentity(*row) for row in rows)
