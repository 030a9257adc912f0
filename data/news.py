"""Announcements between processes on SQLite, which has no NOTIFY: a small table that the portal looks at.

A row a topic and subject, whatever is imported: its number goes up each time it is told. Nothing is
deleted, and a look costs one step in an index. Values don't cross: pages ask again and find them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, select, text

from data.announcements import Announcement, Topic
from data.models import News

_TOPICS = {topic.value: topic for topic in Topic}
_WRITE = text(
    "INSERT INTO news (topic, about, number, origin)"
    " VALUES (:topic, :about, (SELECT coalesce(max(number), 0) + 1 FROM news), :origin)"
    " ON CONFLICT (topic, about) DO UPDATE SET number = excluded.number, origin = excluded.origin"
)
_NEWEST = select(func.coalesce(func.max(News.number), 0))
_SINCE = (
    select(News.number, News.topic, News.about, News.origin)
    .where(News.number > bindparam("since"))
    .order_by(News.number)
    .limit(bindparam("at_most"))
)


def write(db: Connection, origin: str, announcements: Sequence[Announcement]) -> None:
    """Keep *announcements* of the process *origin* for others, in the transaction of what they tell."""
    told = dict.fromkeys(
        (one.topic, one.about or 0) for one in announcements if one.topic is not Topic.MINUTE
    )
    rows = [{"topic": topic.value, "about": about, "origin": origin} for topic, about in told]
    if rows:
        db.execute(_WRITE, rows)


def newest(db: Connection) -> int:
    """The number of the newest row; 0 if there is none."""
    return int(db.execute(_NEWEST).scalar_one())


def since(db: Connection, number: int, origin: str, at_most: int) -> tuple[int, list[Announcement]]:
    """What processes other than *origin* have told since *number*, and the number to ask with next."""
    found = []
    for row in db.execute(_SINCE, {"since": number, "at_most": at_most}):
        number = row.number
        if row.origin != origin and row.topic in _TOPICS:
            found.append(Announcement(_TOPICS[row.topic], row.about or None))
    return number, found
