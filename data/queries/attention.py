"""What needs an operator's hand, kind by kind, the most urgent first.

Each kind is one or two statements that read an index or the chargers, never history; what can be very many
is counted up to `MOST` and named up to `NAMED`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    TextClause,
    and_,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.orm import aliased

from data.models import (
    Account,
    Charger,
    ChargingSession,
    Connector,
    Identity,
    Mapping,
    OneTimeLink,
    QuarantinedMessage,
    Reservation,
    TagSighting,
)
from data.queries import accounts, cards, display_list
from data.queries.accounts import State
from data.queries.chargers import OFFLINE_AFTER
from data.queries.matters import Kind, Machine, Matter, Matters, Terms
from data.queries.sessions import place_number
from data.types import Admission, ConnectorStatus, ReservationStatus, Role

MOST = 1_000
"""Beyond so many a kind is counted as "more than"."""
NAMED = 5
SKEWED = 300
"""Seconds that a charger's clock may be wrong: chargers drift, and messages wait."""
SILENT = timedelta(hours=12)
"""A session in progress without a reading for so long has most likely ended untold."""
FLAGS_OFTEN = 5
"""Flagged sessions of a charger within `LATELY` after which its meter is the matter, not the sessions."""
LATELY = timedelta(days=30)
INVITED_LONG = timedelta(days=14)
NO_ERROR = ("", "NoError")


def attention(db: Connection, now: datetime, machine: Machine, terms: Terms) -> tuple[Matters, ...]:
    """All that needs a hand at *now*, by urgency."""
    found = [
        *_machine(machine),
        _faults(db, now),
        _offline(db, now),
        _settling(db, now, terms.settling),
        _unended(db, now),
        _refused(db, now),
        _displays(db, now, terms.up_since),
        _quarantine(db),
        _tags(db),
        *_flagged(db, now),
        _clocks(db),
        _pending(db),
        _unconnected(db),
        _passwords(db),
        *_people(db, now, terms.passwords),
        _matters(Kind.SETUP, [Matter(None, step) for step in machine.setup]),
    ]
    order = {kind: place for place, kind in enumerate(Kind)}
    return tuple(sorted((one for one in found if one is not None), key=lambda one: order[one.kind]))


def _matters(kind: Kind, found: Sequence[Matter]) -> Matters | None:
    if not found:
        return None
    return Matters(kind, min(len(found), MOST), tuple(found[:NAMED]), len(found) > MOST)


def _machine(machine: Machine) -> list[Matters | None]:
    disk = [] if machine.disk_free is None else [Matter(None, number=machine.disk_free)]
    backlog = [Matter(None, number=machine.backlog)] if machine.backlog else []
    fails = [Matter(None, detail=machine.settlement_fails)] if machine.settlement_fails else []
    return [_matters(Kind.DISK, disk), _matters(Kind.DATABASE, backlog), _matters(Kind.BILLING, fails)]


def _all(
    db: Connection, kind: Kind, statement: Select[*tuple[Any, ...]], make: Callable[..., Matter]
) -> Matters | None:
    """The first of *statement* in its order; there may be a thousand, which are counted only."""
    first = tuple(make(*row) for row in db.execute(statement.limit(NAMED)))
    if len(first) < NAMED:
        return Matters(kind, len(first), first) if first else None
    counted = statement.with_only_columns(literal_column("1")).limit(MOST + 1).subquery()
    number = db.execute(select(func.count()).select_from(counted)).scalar_one()
    return Matters(kind, min(number, MOST), first, number > MOST)


_accepted = Charger.admission == Admission.ACCEPTED


def _heard(now: datetime) -> ColumnElement[bool]:
    return func.coalesce(Charger.last_seen_at >= now - OFFLINE_AFTER, False)


def _faults(db: Connection, now: datetime) -> Matters | None:
    """Not of chargers that are silent: what they said last may be long mended."""
    broken = Connector.status == ConnectorStatus.FAULTED
    error = func.coalesce(Connector.error_code, "")
    statement = (
        select(Charger.id, Charger.name, error, Connector.status_since, Connector.number, place_number)
        .join(Charger, Charger.id == Connector.charger_id)
        .where(_accepted, _heard(now), or_(broken, error.not_in(NO_ERROR)))
        .order_by(broken.desc(), Connector.status_since, Charger.id, Connector.number)
    )
    return _all(
        db,
        Kind.FAULT,
        statement,
        lambda id_, name, code, since, number, place: Matter(id_, name, code, since, place if number else 0),
    )


def _offline(db: Connection, now: datetime) -> Matters | None:
    """The longest silent first."""
    statement = (
        select(Charger.id, Charger.name, Charger.last_seen_at)
        .where(_accepted, Charger.last_seen_at < now - OFFLINE_AFTER)
        .order_by(Charger.last_seen_at, Charger.id)
    )
    return _all(db, Kind.OFFLINE, statement, lambda id_, name, seen: Matter(id_, name, since=seen))


def _unconnected(db: Connection) -> Matters | None:
    """They may still be in their boxes: no outage, something to do."""
    statement = (
        select(Charger.id, Charger.name)
        .where(_accepted, Charger.last_seen_at.is_(None))
        .order_by(Charger.name, Charger.id)
    )
    return _all(db, Kind.UNCONNECTED, statement, lambda id_, name: Matter(id_, name))


def _settling(db: Connection, now: datetime, too_long: timedelta) -> Matters | None:
    statement = (
        select(ChargingSession.id, Charger.name, ChargingSession.ended_at)
        .join(Charger, Charger.id == ChargingSession.charger_id)
        .where(
            ChargingSession.ended_at.is_not(None),
            ChargingSession.finalized_at.is_(None),
            ChargingSession.account_id.is_not(None),  # what is nobody's waits for its tag
            ChargingSession.ended_at < now - too_long,
        )
        .order_by(ChargingSession.ended_at, ChargingSession.id)
    )
    return _all(db, Kind.SETTLING, statement, lambda id_, name, ended: Matter(id_, name, since=ended))


def _unended(db: Connection, now: datetime) -> Matters | None:
    told = func.coalesce(ChargingSession.reading_at, ChargingSession.started_at)
    statement = (
        select(ChargingSession.id, Charger.name, told)
        .join(Charger, Charger.id == ChargingSession.charger_id)
        .where(
            ChargingSession.ended_at.is_(None),
            or_(told < now - SILENT, and_(~_heard(now), told < now - OFFLINE_AFTER)),
        )
        .order_by(told, ChargingSession.id)
    )
    return _all(db, Kind.UNENDED, statement, lambda id_, name, since: Matter(id_, name, since=since))


def _refused(db: Connection, now: datetime) -> Matters | None:
    """Until they are over: then nothing can be done about them."""
    statement = (
        select(Reservation.id, Charger.name, Account.name, Reservation.starts_at)
        .join(Charger, Charger.id == Reservation.charger_id)
        .join(Account, Account.id == Reservation.account_id)
        .where(Reservation.ends_at > now, Reservation.status == ReservationStatus.REFUSED)
        .order_by(Reservation.starts_at, Reservation.id)
    )
    return _all(
        db, Kind.REFUSED, statement, lambda id_, name, driver, starts: Matter(id_, name, driver, starts)
    )


def _displays(db: Connection, now: datetime, up_since: datetime | None) -> Matters | None:
    """Not while they could not yet have told: right after a start none of them is seen."""
    if up_since is not None and now - up_since < display_list.SEEN_WITHIN:
        return None
    return _all(
        db,
        Kind.DISPLAY,
        display_list.unseen(now),
        lambda id_, name, site, seen: Matter(id_, name, site, seen and min(seen, now)),
    )


def _quarantine(db: Connection) -> Matters | None:
    statement = (
        select(
            QuarantinedMessage.id,
            Charger.name,
            QuarantinedMessage.action,
            QuarantinedMessage.received_at,
            QuarantinedMessage.times,
        )
        .join(Charger, Charger.id == QuarantinedMessage.charger_id)
        .where(QuarantinedMessage.resolved_at.is_(None))
        .order_by(QuarantinedMessage.id)
    )
    return _all(db, Kind.QUARANTINE, statement, Matter)


def _tags_of_nobody(index: str) -> TextClause:
    """From tag to tag through the index, however many sessions each has."""
    first = f"SELECT id_tag FROM sessions {index} WHERE account_id IS NULL"  # noqa: S608 (words of ours)
    return text(
        f"WITH RECURSIVE tags (tag, seen) AS (SELECT ({first} ORDER BY id_tag LIMIT 1), 1"  # noqa: S608
        f" UNION ALL SELECT ({first} AND id_tag > tags.tag ORDER BY id_tag LIMIT 1), seen + 1"
        " FROM tags WHERE tag IS NOT NULL AND seen < :most)"
        " SELECT tag FROM tags WHERE tag IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM mappings WHERE id_tag = tag AND active)"
        " AND NOT EXISTS (SELECT 1 FROM tag_sightings WHERE id_tag = tag AND ignored_at IS NOT NULL)"
    )


_TAGS = {
    "postgresql": _tags_of_nobody(""),
    # SQLite, which knows nothing of how much there is, would take another index and read each session.
    "sqlite": _tags_of_nobody("INDEXED BY ix_sessions_of_nobody"),
}


def _tags(db: Connection) -> Matters | None:
    """Those with sessions of nobody first: energy that nobody pays."""
    with_sessions = list(db.execute(_TAGS[db.dialect.name], {"most": MOST + 1}).scalars())
    found = []
    for tag in with_sessions[:NAMED]:
        sessions = (
            select(ChargingSession.started_at)
            .where(ChargingSession.account_id.is_(None), ChargingSession.id_tag == tag)
            .order_by(ChargingSession.started_at)
            .limit(MOST)
        )
        started = db.execute(sessions).scalars().all()
        found.append(Matter(None, "", tag, started[0], len(started), key=cards.key_of(db, tag) or ""))
    found += [Matter(None, detail=tag) for tag in with_sessions[NAMED:]]
    mapped = aliased(Mapping)
    seen = (
        select(Charger.name, TagSighting.id_tag, TagSighting.last_seen_at, TagSighting.id)
        .join(Charger, Charger.id == TagSighting.charger_id)
        .where(
            TagSighting.ignored_at.is_(None),
            ~select(mapped.id).where(mapped.id_tag == TagSighting.id_tag, mapped.active).exists(),
        )
        .order_by(TagSighting.last_seen_at.desc())
        .limit(MOST + 1)
    )
    known = set(with_sessions)
    found += [
        Matter(None, name, tag, since, key=f"s{id_}")
        for name, tag, since, id_ in db.execute(seen)
        if tag not in known
    ]
    return _matters(Kind.TAG, found)


_to_review = and_(
    ChargingSession.reviewed_at.is_(None),
    literal_column("CAST(sessions.flags AS TEXT)") != literal_column("'[]'"),
)


def _flagged(db: Connection, now: datetime) -> list[Matters | None]:
    """Flagged sessions nobody has looked at; where one charger has many, its meter is the matter."""
    newest = (
        select(
            ChargingSession.id,
            ChargingSession.charger_id,
            Charger.name,
            ChargingSession.started_at,
            ChargingSession.flags,
        )
        .join(Charger, Charger.id == ChargingSession.charger_id)
        .where(_to_review)
        .order_by(ChargingSession.started_at.desc())
        .limit(MOST + 1)
    )
    rows = db.execute(newest).all()
    lately: dict[int, int] = {}
    for row in rows:
        if row.started_at >= now - LATELY:
            lately[row.charger_id] = lately.get(row.charger_id, 0) + 1
    often = {charger: number for charger, number in lately.items() if number >= FLAGS_OFTEN}
    meters = {
        row.charger_id: Matter(row.charger_id, row.name, number=often[row.charger_id])
        for row in rows
        if row.charger_id in often
    }
    worst = sorted(meters.values(), key=lambda one: (-one.number, one.name))
    sessions = [
        Matter(row.id, row.name, row.flags[0], row.started_at, len(row.flags))
        for row in rows
        if row.charger_id not in often
    ]
    return [_matters(Kind.METER, worst), _matters(Kind.FLAGGED, sessions)]


def _clocks(db: Connection) -> Matters | None:
    statement = (
        select(Charger.id, Charger.name, Charger.clock_skew)
        .where(_accepted, func.abs(Charger.clock_skew) > SKEWED)
        .order_by(func.abs(Charger.clock_skew).desc(), Charger.id)
    )
    return _all(db, Kind.CLOCK, statement, lambda id_, name, ahead: Matter(id_, name, number=ahead))


def _pending(db: Connection) -> Matters | None:
    statement = (
        select(Charger.id, Charger.name, Charger.identity, Charger.last_seen_at)
        .where(Charger.admission == Admission.PENDING)
        .order_by(Charger.id)
    )
    return _all(db, Kind.PENDING, statement, Matter)


def _passwords(db: Connection) -> Matters | None:
    statement = (
        select(Charger.id, Charger.name)
        .where(_accepted, Charger.password_hash.is_(None))
        .order_by(Charger.id)
    )
    return _all(db, Kind.PASSWORD, statement, Matter)


def _people(db: Connection, now: datetime, passwords: bool) -> list[Matters | None]:
    """People who wait; their matters are the roles, each with its number."""
    waiting: dict[Kind, list[Matter]] = {}
    for one in accounts.waiting(db, passwords):
        kind = Kind.LEAVING if one.state is State.LEAVING else Kind.NO_WAY_IN
        waiting.setdefault(kind, []).append(Matter(None, one.role.value, number=one.number))
    identity = select(Identity.id).where(Identity.account_id == Account.id).exists()
    invitation = select(OneTimeLink.id).where(
        OneTimeLink.account_id == Account.id,
        OneTimeLink.purpose == "invitation",
        OneTimeLink.used_at.is_(None),
    )
    invited = dict(
        db.execute(
            select(Account.role, func.count())
            .where(
                invitation.where(OneTimeLink.created_at < now - INVITED_LONG).exists(),
                ~invitation.where(OneTimeLink.created_at >= now - INVITED_LONG).exists(),
                Account.password_hash.is_(None),
                Account.disabled_at.is_(None),
                Account.deletion_requested_at.is_(None),
                ~identity,
            )
            .group_by(Account.role)
        ).all()
    )
    if invited:
        waiting[Kind.INVITED] = [
            Matter(None, role.value, number=invited[role]) for role in Role if role in invited
        ]
    return [Matters(kind, sum(one.number for one in these), tuple(these)) for kind, these in waiting.items()]
