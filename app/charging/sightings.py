"""Which id tags chargers have reported: where, when, how often; mapped or not, so that none has to be typed.

A start notes its tag in its own commit: whoever looks for a session's tag finds it. A tag that is only
held to a charger is noted at most every few seconds, and what a charger invents (T57) fills nothing:
of tags that nobody knows it may bring a few at once and a few an hour, and those without a session are
forgotten after half a year.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping as Mapping_
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from app import clock
from app.charging import tags
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.models import ChargingSession, Mapping, TagSighting
from data.types import Authorization

log = logging.getLogger("polaris.charging")

AGAIN_AFTER = timedelta(seconds=5)
"""A tag that is held to chargers again and again is written down no more often."""
AT_ONCE = 60
"""Unknown tags that a charger may bring without pause …"""
ONE_EVERY = timedelta(minutes=10)
"""… and how often a further one: 144 a day are more than a car park sees, and nothing for a disk."""
REMEMBERED = 5_000
"""Tags whose last note is kept in memory."""
FORGOTTEN_AFTER = timedelta(days=180)
"""Of tags that are nobody's and began no session; one that an operator ignores is as long remembered."""
CLEAR_EVERY = timedelta(hours=1)


@cache
def _upsert(dialect: str) -> Any:
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(TagSighting)
    new, old = insert.excluded, TagSighting
    later = new.last_seen_at >= old.last_seen_at  # a replayed start tells of long ago (C13)
    return insert.on_conflict_do_update(
        index_elements=[old.id_tag],
        set_={
            "first_seen_at": case(
                (new.first_seen_at < old.first_seen_at, new.first_seen_at), else_=old.first_seen_at
            ),
            "last_seen_at": case((later, new.last_seen_at), else_=old.last_seen_at),
            "charger_id": case((later, new.charger_id), else_=old.charger_id),
            "connector_number": case((later, new.connector_number), else_=old.connector_number),
            "times": old.times + 1,
        },
    )


def note(
    change: Change, id_tag: str, charger_id: int, at: datetime, connector_number: int | None = None
) -> None:
    """Write that the charger reported *id_tag* (any case) at *at*; a start without a tag is no sighting."""
    tag = tags.normal(id_tag)
    if not tag:
        return
    row = _row(tag, charger_id, at, connector_number)
    change.execute(_upsert(change.connection.dialect.name), row)
    change.announce(Announcement(Topic.TAGS, values={"id_tag": tag, "charger_id": charger_id}))


def note_past(change: Change, sessions: Sequence[Mapping_[str, Any]]) -> None:
    """Write that the tags of *sessions*, rows that are brought along from elsewhere, were seen with them."""
    latest: dict[str, Mapping_[str, Any]] = {}
    for row in sessions:
        tag = tags.normal(row["id_tag"])
        if tag and (tag not in latest or row["started_at"] > latest[tag]["started_at"]):
            latest[tag] = row
    if latest:
        change.execute(
            _upsert(change.connection.dialect.name),
            [_row(tag, row["charger_id"], row["started_at"], None) for tag, row in latest.items()],
        )


def _row(tag: str, charger_id: int, at: datetime, connector_number: int | None) -> dict[str, Any]:
    return {
        "id_tag": tag,
        "first_seen_at": at,
        "last_seen_at": at,
        "charger_id": charger_id,
        "connector_number": connector_number or None,
        "times": 1,
    }


@dataclass(slots=True)
class _Allowance:
    """How many unknown tags a charger may still bring, as of *at*."""

    left: float
    at: datetime


class Sightings:
    """Notes tags that are held to chargers, as often as is worth a commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: OrderedDict[str, datetime] = OrderedDict()
        self._allowed: dict[int, _Allowance] = {}
        self._cleared_at: datetime | None = None

    async def held(self, charger_id: int, id_tag: str, answer: Authorization) -> None:
        """*id_tag* was held to the charger, which was answered *answer* about it. Raises nothing."""
        tag, now = tags.normal(id_tag), clock.now()
        if not self._is_due(charger_id, tag, answer, now):
            return
        clear = self._cleared_at is None or clock.is_over(self._cleared_at, CLEAR_EVERY, now)

        def work(change: Change) -> None:
            note(change, tag, charger_id, now)
            if clear:
                forget(change, now - FORGOTTEN_AFTER)

        try:
            await self._database.change(work)
        except Exception:  # the charger gets its answer all the same
            log.exception("a tag could not be noted charger=%d", charger_id)
            self._noted.pop(tag, None)
        else:
            self._cleared_at = now if clear else self._cleared_at

    def _is_due(self, charger_id: int, tag: str, answer: Authorization, now: datetime) -> bool:
        noted = self._noted.get(tag)
        if not tag or (noted is not None and not clock.is_over(noted, AGAIN_AFTER, now)):
            return False
        if noted is None and answer is Authorization.INVALID and not self._may_bring_another(charger_id, now):
            return False
        self._noted[tag] = now
        self._noted.move_to_end(tag)
        if len(self._noted) > REMEMBERED:
            self._noted.popitem(last=False)
        return True

    def _may_bring_another(self, charger_id: int, now: datetime) -> bool:
        allowance = self._allowed.setdefault(charger_id, _Allowance(AT_ONCE, now))
        more = max(now - allowance.at, timedelta(0)) / ONE_EVERY
        allowance.left, allowance.at = min(allowance.left + more, AT_ONCE), now
        if allowance.left < 1:
            return False
        allowance.left -= 1
        return True


def forget(change: Change, before: datetime) -> None:
    """Delete what was last seen before *before*, is nobody's, and began no session that is still nobody's."""
    tag = TagSighting.id_tag
    mapped = select(Mapping.id).where(Mapping.id_tag == tag).exists()
    waiting = select(ChargingSession.id).where(
        ChargingSession.id_tag == tag, ChargingSession.account_id.is_(None)
    )
    old = TagSighting.last_seen_at < before
    change.execute(delete(TagSighting).where(old, ~mapped, ~waiting.exists()))
