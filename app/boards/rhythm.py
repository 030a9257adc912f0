"""When a board beats, and what turn it is: the page, the language, the place, night. Pure.

All of it follows from the moment and the display alone. So the boards of a site turn together, and one
that was loaded anew goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache

BEAT = 10
"""Seconds between the beats of a board: one message each, and no other while all stays as it is (K12)."""
PAGE = 12
"""Seconds that a page of bays stands where there are several (K11); then the turns are the beats."""
LANGUAGE = 20
"""Seconds that a language stands where there is one page (K16). With several pages it stands until all of
them were shown: else some page might never be seen in it."""
NIGHT = time(22), time(6)
"""From when until when it is night at a site (K14)."""
RELOAD = time(4)
"""When a board loads anew each day, at its site (K13)."""
STEP, FARTHEST = 2, 8
"""Pixels that a board moves each minute, and how far from its middle at most, to and fro (K14)."""
FIRST, MOMENTS, APART = 0.4, 15, 0.1
"""Seconds after the clock's beat in which boards follow: the first ones, and others at so many moments that
are so far apart. To wake the process for each board alone would cost half as much again."""
_HAIR = 0.001
"""Seconds by which a moment may lie before its beat: no number is exact."""
GOLDEN = 0.6180339887498949
"""Multiples of it lie apart from each other, however many there are."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a board shows of all that takes turns."""

    now: datetime
    """For its clock."""
    language: int
    """Index into the display's languages."""
    page: int
    place: int
    """Pixels from the middle, -`FARTHEST` to `FARTHEST`."""
    is_night: bool


def lag(display_id: int) -> float:
    """Seconds that the display's beats follow the clock's: always the same, and others for others."""
    return FIRST + APART * int(MOMENTS * (display_id * GOLDEN % 1))


def turn(now: datetime, zone: tzinfo, languages: int, pages: int, behind: float) -> Turn:
    """The turn of a display that is *behind* seconds (`lag`) at a site in *zone*."""
    seconds = int(now.timestamp() - behind + _HAIR)
    if pages > 1:
        turns = seconds // PAGE
        language = turns // pages
    else:
        turns, language = 0, seconds // LANGUAGE
    here = datetime.fromtimestamp(seconds, UTC).astimezone(zone).time()
    return Turn(
        now=now,
        language=language % max(1, languages),
        page=turns % max(1, pages),
        place=_place(seconds // 60),
        is_night=here >= NIGHT[0] or here < NIGHT[1],
    )


def at_page(turn: Turn, page: int) -> Turn:
    """*turn* with the *page* that somebody wants to see."""
    return replace(turn, page=page)


def next_beat(now: datetime, pages: int, behind: float) -> datetime:
    """The first beat after *now*."""
    every = PAGE if pages > 1 else BEAT
    beats = (now.timestamp() - behind + _HAIR) // every + 1
    return datetime.fromtimestamp(beats * every + behind, UTC)


@lru_cache(maxsize=4096)
def next_reload(after: datetime, zone: tzinfo, display_id: int) -> datetime:
    """The first reload after *after* (K13): within a minute, so that not all of them come at once."""
    spread = timedelta(minutes=1) * (display_id * GOLDEN % 1)
    day = after.astimezone(zone).date()
    for days in (0, 1, 2):  # where four o'clock is skipped or said twice, a day more is looked at
        due = datetime.combine(day + timedelta(days=days), RELOAD, zone).astimezone(UTC) + spread
        if due > after:
            break
    return due


def _place(minutes: int) -> int:
    there_and_back = 4 * FARTHEST
    return abs(minutes * STEP % there_and_back - 2 * FARTHEST) - FARTHEST
