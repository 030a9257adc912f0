"""Deleting an account: who it was is forgotten, what they charged stays in the books.

The row stays, for sessions and charges refer to it, and says no more who it was. The audit log is not
touched: its rows outlive the account (T30).
"""

from __future__ import annotations

import contextlib
import logging
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update

from app import clock
from app.access import link_rows, sign_in_rows
from app.access.account_rules import LONGEST_REASON, proper_reason
from app.access.people import CannotChange, LastOperator, NoSuchAccount, ReasonMissing, Themselves
from app.billing import subscribing
from app.changing import changing
from app.charging import reservation_rows
from app.charging.command_rows import Patience
from app.settings import Settings
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import (
    Account,
    ChargerCommand,
    ChargingSession,
    GroupAccount,
    Identity,
    KnownBrowser,
    Mapping,
    OneTimeLink,
    Reservation,
    SessionCorrection,
    SignIn,
)
from data.periods import local_day
from data.types import ReservationStatus, Role

log = logging.getLogger("polaris.operating")

NAME = "Deleted account"
"""What the books call whoever it was."""


class StillCharging(CannotChange):
    """A session of theirs is in progress."""

    why = "charging"


class NotSettled(CannotChange):
    """A session of theirs is not billed yet, or not to its end."""

    why = "not_settled"


class Erasing:
    """Accounts are erased by this, and by nothing else."""

    def __init__(self, database: Database, settings: Settings, patience: Patience | None = None) -> None:
        self._database = database
        self._zone = settings.default_time_zone
        self._patience = patience or Patience()

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    @changing("account.erase", role=Role.OPERATOR)
    async def erase(self, caller: Caller, account_id: int, reason: str) -> None:
        """Forget who the account belonged to; whoever is signed in to it is out at once (T16).

        Name, e-mail, password, identities, links and known browsers go, cards are deactivated, coming
        reservations cancelled, the plan ends today. Sessions and what was billed stay, as those of
        `NAME`. Raises `NoSuchAccount`, `ReasonMissing`, `Themselves`, `LastOperator`, `StillCharging` or
        `NotSettled`.
        """
        reason = proper_reason(reason)
        if not 1 <= len(reason) <= LONGEST_REASON:
            raise ReasonMissing
        await self._database.change(
            _erase, caller, account_id, reason, clock.now(), self._zone, self._patience
        )
        log.info("account erased account=%s", account_id)


def _erase(
    change: Change,
    caller: Caller,
    account_id: int,
    reason: str,
    now: datetime,
    zone: str,
    patience: Patience,
) -> None:
    operators = select(Account.id).where(Account.role == Role.OPERATOR, Account.disabled_at.is_(None))
    # In a fixed order: of two who erase each other at once, one stays.
    left = set(change.execute(operators.order_by(Account.id).with_for_update()).scalars()) - {account_id}
    row = change.execute(
        select(Account.role, Account.erased_at, Account.deletion_requested_at, Account.time_zone)
        .where(Account.id == account_id)
        .with_for_update()
    ).one_or_none()
    if row is None or row.erased_at is not None:
        raise NoSuchAccount
    if caller.actor_id == account_id:
        raise Themselves
    if row.role is Role.OPERATOR and not left:
        raise LastOperator
    _nothing_open(change, account_id)
    today = local_day(now, ZoneInfo(row.time_zone or zone))
    _charging_ends(change, caller, account_id, now, today, zone, patience)
    _nobody_is_signed_in(change, account_id, now)
    asked, by = ChargerCommand.asked_by_id == account_id, SessionCorrection.by_id == account_id
    change.execute(update(ChargerCommand).where(asked).values(asked_by=NAME))
    change.execute(update(SessionCorrection).where(by).values(by=NAME))
    change.execute(
        update(Account)
        .where(Account.id == account_id)
        .values(
            name=NAME,
            email=f"deleted-{account_id}@deleted.invalid",
            password_hash=None,
            language=None,
            disabled_at=now,
            deletion_requested_at=None,
            erased_at=now,
        )
    )
    since = row.deletion_requested_at
    details: dict[str, Any] = {"asked_for_at": None if since is None else since.isoformat()}
    audit.record(change, caller, "account.erase", now, subject_id=account_id, reason=reason, details=details)
    change.announce(
        *(Announcement(topic, account_id) for topic in (Topic.PEOPLE, Topic.SESSIONS, Topic.RESERVATIONS)),
        Announcement(Topic.TAGS),
        Announcement(Topic.ATTENTION),
    )


def _nothing_open(change: Change, account_id: int) -> None:
    """Raises while there is energy that is not billed."""
    mine = ChargingSession.account_id == account_id
    one, ended = select(ChargingSession.id).where(mine).limit(1), ChargingSession.ended_at
    if change.execute(one.where(ended.is_(None))).first() is not None:
        raise StillCharging
    unsettled = one.where(ended.is_not(None), ChargingSession.finalized_at.is_(None))
    late = one.where(ChargingSession.late_at.is_not(None))
    if any(change.execute(which).first() is not None for which in (unsettled, late)):
        raise NotSettled


def _charging_ends(
    change: Change,
    caller: Caller,
    account_id: int,
    now: datetime,
    today: date,
    zone: str,
    patience: Patience,
) -> None:
    """No card, no reservation, no plan, no group."""
    coming = [
        Reservation.account_id == account_id,
        Reservation.ends_at > now,
        Reservation.cancelled_at.is_(None),
        Reservation.status != ReservationStatus.USED,
    ]
    for held in (
        change.execute(select(Reservation.id).where(*coming).order_by(Reservation.id)).scalars().all()
    ):
        reservation_rows.cancel(change, caller, held, now, patience)
    cards = [Mapping.account_id == account_id, Mapping.active]
    change.execute(update(Mapping).where(*cards).values(active=False, deactivated_at=now))
    with contextlib.suppress(subscribing.NotSubscribed, subscribing.NoSuchDriver):
        subscribing.end(change, caller, account_id, today, now, zone, for_good=True)
    change.execute(delete(GroupAccount).where(GroupAccount.account_id == account_id))


def _nobody_is_signed_in(change: Change, account_id: int, now: datetime) -> None:
    """No sign-in, and no way to one."""
    sign_in_rows.end(change, [SignIn.account_id == account_id], now, None)
    link_rows.end_links(change, account_id)
    for table in (Identity, KnownBrowser, OneTimeLink):
        change.execute(delete(table).where(table.account_id == account_id))
