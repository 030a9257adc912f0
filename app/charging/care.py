"""What an operator does to single sessions: end, assign, correct, review; and resolve what was left over.

Each change is in the audit log in its own transaction and is announced after it. What was billed is never
changed: what follows for it is a further line (`app.billing.charges`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from app import clock
from app.access.account_rules import LONGEST_REASON, proper_reason
from app.billing import charges
from app.changing import changing
from app.charging import rows
from app.charging.owned import corrected, keep, owned
from app.charging.running import Note
from app.charging.scaling import scaled
from app.charging.sessions import Sessions
from app.settings import Settings
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.energy import EnergySpan
from data.models import (
    Account,
    ChargingSession,
    EnergyStep,
    Mapping,
    QuarantinedMessage,
)
from data.types import Role

MOST_WH = 1_000_000
"""No session has more energy, corrected or not (M16)."""

_sessions = ChargingSession
_STEPS = (
    select(EnergyStep.started_at, EnergyStep.ended_at, EnergyStep.energy_wh)
    .where(EnergyStep.session_id == bindparam("session_id"))
    .order_by(EnergyStep.started_at)
)


class CannotCare(Exception):
    """Why a session stays as it is; ``why`` is a word that pages have a sentence for."""

    why = ""

    def __init__(self) -> None:
        super().__init__(self.why)


class NoSuchSession(CannotCare):
    """There is no session with this id (T2, T3)."""

    why = "missing"


class NoSuchDriver(CannotCare):
    """There is no driver with this id."""

    why = "driver"


class NotInProgress(CannotCare):
    """It has ended already."""

    why = "ended"


class InProgress(CannotCare):
    """It goes on: its energy is corrected when it is over."""

    why = "in_progress"


class SameDriver(CannotCare):
    """It is theirs already."""

    why = "same"


class WrongEnergy(CannotCare):
    """The energy is what it was, below 0 or above `MOST_WH`."""

    why = "energy"


class ReasonMissing(CannotCare):
    """It takes a reason, of `LONGEST_REASON` characters at most."""

    why = "reason"


class NoSuchMessage(CannotCare):
    """There is no quarantined message with this id."""

    why = "message"


class Care:
    """The sessions, as operators look after them."""

    def __init__(self, database: Database, sessions: Sessions, settings: Settings) -> None:
        self._database = database
        self._sessions = sessions
        self._zone = settings.default_time_zone

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    @changing("session.end", role=Role.OPERATOR)
    async def end(self, caller: Caller, session_id: int, reason: str) -> None:
        """End a session whose charger will not, at its last known reading (C12).

        Raises `NoSuchSession`, `NotInProgress` or `ReasonMissing`.
        """
        reason, now = _reason(reason), clock.now()
        await self._database.ask(_exists, session_id)

        def also(change: Change, account_id: int | None) -> None:
            _told(change, caller, "session.end", session_id, account_id, reason, now)

        if not await self._sessions.end(session_id, also, now=now):
            raise NotInProgress

    @changing("session.assign", role=Role.OPERATOR)
    async def assign(self, caller: Caller, session_id: int, account_id: int, reason: str) -> None:
        """Give a session to the driver *account_id*, whoever's it was (C10).

        Raises `NoSuchSession`, `NoSuchDriver`, `SameDriver` or `ReasonMissing`. One that was billed already
        is billed anew: what was billed to whoever had it is taken back by further lines.
        """
        reason = _reason(reason)
        now = clock.now()
        await self._database.change(_assign, caller, session_id, account_id, reason, now, self._zone)

    def hand_over(
        self, change: Change, caller: Caller, session_id: int, account_id: int, reason: str, now: datetime
    ) -> None:
        """As `assign`, as a part of somebody else's *change*."""
        _assign(change, caller, session_id, account_id, reason, now, self._zone)

    @changing("session.correct", role=Role.OPERATOR)
    async def correct(self, caller: Caller, session_id: int, energy_wh: int, reason: str) -> None:
        """Set the energy of a session that is over to *energy_wh*; its course over time keeps its shape.

        What it was before stays in a `SessionCorrection`; a session that was billed gets a further line with
        the difference. What its charger still sends is kept and changes it no more. Raises
        `NoSuchSession`, `InProgress`, `WrongEnergy` or `ReasonMissing`.
        """
        reason = _reason(reason)
        if not 0 <= energy_wh <= MOST_WH:
            raise WrongEnergy
        moment = rows.moment_writer(self._database.engine.dialect)
        await self._database.change(
            _correct, caller, session_id, energy_wh, reason, moment, clock.now(), self._zone
        )

    @changing("session.review", role=Role.OPERATOR)
    async def review(self, caller: Caller, session_id: int) -> None:
        """An operator has seen to the session's flags. Raises `NoSuchSession`; once more does no harm."""
        await self._database.change(_review, caller, session_id, clock.now())

    @changing("quarantine.resolve", role=Role.OPERATOR)
    async def resolve(self, caller: Caller, quarantined_id: int) -> None:
        """An operator has seen to a quarantined message (C11). Raises `NoSuchMessage`."""
        await self._database.change(_resolve, caller, quarantined_id, clock.now())


def _reason(text: str) -> str:
    """*text* as it is stored. Raises `ReasonMissing`."""
    reason = proper_reason(text)
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise ReasonMissing
    return reason


def _assign(
    change: Change,
    caller: Caller,
    session_id: int,
    account_id: int,
    reason: str,
    now: datetime,
    default_zone: str,
) -> None:
    row = _session(change, session_id, account_id)
    driver = select(Account.id).where(
        Account.id == account_id, Account.role == Role.DRIVER, Account.erased_at.is_(None)
    )
    if change.execute(driver).first() is None:
        raise NoSuchDriver
    if row.account_id == account_id:
        raise SameDriver
    mapping = change.execute(
        select(Mapping.id)
        .where(Mapping.id_tag == row.id_tag, Mapping.account_id == account_id)
        .order_by(Mapping.active.desc(), Mapping.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    owner = {"account_id": account_id, "mapping_id": mapping}
    billed = charges.take_back(change, session_id, now, default_zone, reason)
    keep(change, session_id, **owner)
    if billed:
        charges.bill(change, session_id, now, default_zone, reason=reason)
    before = {"account_id": row.account_id, "mapping_id": row.mapping_id}
    _corrected(change, row.id, caller, reason, before, owner, now)
    details = {"from": row.account_id, "to": account_id}
    _told(change, caller, "session.assign", session_id, account_id, reason, now, details)
    for one in (row.account_id, account_id):
        if one is not None:  # PEOPLE: whoever keeps the session in memory asks whose it is
            change.announce(Announcement(Topic.SESSIONS, one), Announcement(Topic.PEOPLE, one))
    change.announce(
        Announcement(Topic.CHARGERS, row.charger_id),
        Announcement(Topic.ATTENTION, values={"assigned": session_id}),
    )


def _correct(
    change: Change,
    caller: Caller,
    session_id: int,
    energy_wh: int,
    reason: str,
    moment: rows.Moment,
    now: datetime,
    default_zone: str,
) -> None:
    row = _session(change, session_id)
    if row.ended_at is None:
        raise InProgress
    if energy_wh == row.energy_wh:
        raise WrongEnergy
    stored = change.execute(_STEPS, {"session_id": session_id}).all()
    steps = [EnergySpan(step.started_at, step.ended_at, step.energy_wh) for step in stored]
    whole = EnergySpan(row.energy_started_at, row.energy_ended_at, row.energy_wh)
    if whole.ended_at <= whole.started_at:
        whole = EnergySpan(row.started_at, max(row.ended_at, row.started_at), row.energy_wh)
    new = scaled(steps, whole, energy_wh)
    reached = [at for step in new for at in (step.started_at, step.ended_at)]
    billed = charges.measured(change.connection, session_id, default_zone, reached)
    change.execute(rows.NO_STEPS, {"session": session_id})
    for step in rows.step_rows(new, session_id, moment):
        change.later(rows.STEP, step)
    values: dict[str, Any] = {
        "energy_wh": energy_wh,
        "has_reading": True,
        "energy_started_at": new[0].started_at if new else row.energy_started_at,
        "energy_ended_at": new[-1].ended_at if new else row.energy_ended_at,
    }
    flags = sorted({*row.flags, Note.CORRECTED.value})
    keep(change, session_id, **values, flags=flags, reviewed_at=now)
    if billed is not None:
        charges.adjust(change, billed, reason, now)
    energy = {"energy_wh": row.energy_wh}, {"energy_wh": energy_wh}
    _corrected(change, session_id, caller, reason, *energy, now)
    if row.account_id is not None:
        change.announce(Announcement(Topic.SESSIONS, row.account_id))
    change.announce(Announcement(Topic.ATTENTION))
    details = {"before_wh": row.energy_wh, "after_wh": energy_wh}
    _told(change, caller, "session.correct", session_id, row.account_id, reason, now, details)


def _review(change: Change, caller: Caller, session_id: int, now: datetime) -> None:
    row = _session(change, session_id)
    keep(change, session_id, reviewed_at=now)
    change.announce(Announcement(Topic.ATTENTION))
    _told(change, caller, "session.review", session_id, row.account_id, "", now)


def _resolve(change: Change, caller: Caller, quarantined_id: int, now: datetime) -> None:
    message = QuarantinedMessage
    found = change.execute(
        update(message)
        .where(message.id == quarantined_id, message.resolved_at.is_(None))
        .values(resolved_at=now)
    )
    if found.rowcount == 0:
        if change.execute(select(message.id).where(message.id == quarantined_id)).first() is None:
            raise NoSuchMessage
        return  # it was done already
    change.announce(Announcement(Topic.ATTENTION))
    audit.record(change, caller, "quarantine.resolve", now, about=f"quarantined message {quarantined_id}")


def _exists(db: Connection, session_id: int) -> None:
    if db.execute(select(_sessions.id).where(_sessions.id == session_id)).first() is None:
        raise NoSuchSession


def _session(change: Change, session_id: int, *more: int) -> Any:
    """As `owned`. Raises `NoSuchSession`."""
    row = owned(change, session_id, *more)
    if row is None:
        raise NoSuchSession
    return row


def _corrected(
    change: Change,
    session_id: int,
    caller: Caller,
    reason: str,
    before: dict[str, Any],
    after: dict[str, Any],
    now: datetime,
) -> None:
    """Keep the values *before*."""
    by = caller.label
    if caller.actor_id is not None:
        by = change.execute(select(Account.name).where(Account.id == caller.actor_id)).scalar_one()
    who = {"by": by[:200], "by_id": caller.actor_id}
    corrected(change, session_id, at=now, **who, reason=reason, before=before, after=after)


def _told(
    change: Change,
    caller: Caller,
    action: str,
    session_id: int,
    account_id: int | None,
    reason: str,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> None:
    audit.record(
        change,
        caller,
        action,
        now,
        about=f"session {session_id}",
        subject_id=account_id,
        reason=reason,
        details=details,
    )
