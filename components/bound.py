"""Cards bound to queries: asked together before a page is drawn, asked again when something is told.

    cards = BoundCards(live, database, sorry=lambda: shell.card_error(reader))
    recent = cards.bind(lambda db: sessions.recent(db, driver.id), When(Topic.SESSIONS, driver.id))
    await cards.load()
    with shell.page(...):
        recent.draw(lambda rows: recent_sessions.draw(rows, reader, now()).show)

A card stands alone (P5): where its query or its drawing fails it says so, and the others know nothing
of it. Drawing never awaits, and of one query there is one answer under way at most: two refreshes of
a card can't mix. Listening begins before the first question, so nothing told meanwhile is missed.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from nicegui import background_tasks, ui
from sqlalchemy import Connection

from components.answer_place import AnswerPlace
from components.answers import Failed, report, together
from data.announcements import Announcement, Announcer, Topic
from data.database import Database

T = TypeVar("T")

MINUTE_WITHIN = 8.0
"""Seconds within which pages tell times anew after a minute has gone by: not all in one instant."""

ASKED_LATELY = 60.0
"""Seconds for which an answer is not doubted only because time has changed what it means."""
SOONEST = 0.2
"""Seconds: no card is shown anew more often by the passing of time."""

Show: TypeAlias = Callable[[T], object]
"""Shows a newer value on what is drawn already."""


@dataclass(frozen=True, slots=True)
class When:
    """What makes a card ask again: announcements of *topic* about *about* (``None``: about anybody)."""

    topic: Topic
    about: int | None = None
    within: float = 0.0
    """Ask at a random moment within so many seconds: a thousand open pages then don't ask at once."""
    at_most_every: Callable[[], float] = lambda: 0.0
    """Seconds that the last question must be old; what is told earlier is asked for then."""
    beat: Callable[[], float] | None = None
    """Ask at the next beat of a clock that ticks in so many seconds: pages that follow the same ask at the
    same time, and can share an answer."""


class BoundCards:
    """The bound cards of the page that is being built: made in its builder, gone with its client."""

    def __init__(self, live: Announcer, database: Database, sorry: Callable[[], object]) -> None:
        """*sorry* draws, where a card would be, the sentence that it could not be loaded."""
        self.database = database
        self.live = live
        self.sorry = sorry
        self.client = ui.context.client
        self._bound: list[Bound[Any]] = []
        self._tick: asyncio.TimerHandle | None = None
        self._stop = live.listen(Topic.MINUTE, self._minute)
        self.client.on_connect(self._connected)
        self.client.on_delete(self._gone)

    def bind(
        self,
        query: Callable[[Connection], T],
        *when: When,
        tells_time: bool = False,
        over: Callable[[T], bool] = lambda value: False,
        until: Callable[[T], float | None] = lambda value: None,
    ) -> Bound[T]:
        """What *query* answers, as a card or several show it; call `load` before the first is drawn.

        *tells_time*: shown anew each minute, because words such as "3 min ago" change by themselves.
        *over*: whether time alone has made the value wrong, such as at the end of a period.
        *until*: seconds until the value is shown anew, before the minute is over; ``None``: no need.
        """
        bound = Bound(self, query, when, tells_time, over, until)
        self._bound.append(bound)
        return bound

    async def load(self) -> None:
        """Ask for the first value of all cards, in one go to a thread."""
        waiting = [bound for bound in self._bound if not bound.loaded]
        queries = [bound.query for bound in waiting]
        try:
            answers = await self.database.ask(together, queries)
        except Exception as error:
            answers = [Failed(error) for _ in queries]
        for bound, answer in zip(waiting, answers, strict=True):
            bound.take(answer)

    def _minute(self, announcement: Announcement) -> None:
        if self._tick is None and self.client.has_socket_connection:
            delay = random.uniform(0, MINUTE_WITHIN)  # noqa: S311  # nothing to guess here
            self._tick = asyncio.get_running_loop().call_later(delay, self._tell_time)

    def _tell_time(self) -> None:
        self._tick = None
        for bound in self._bound:
            bound.tick()

    def _connected(self) -> None:
        for bound in self._bound:
            bound.catch_up()

    def _gone(self) -> None:
        self._stop()
        if self._tick is not None:
            self._tick.cancel()
        for bound in list(self._bound):
            bound.close()

    def forget(self, bound: Bound[Any]) -> None:
        """Let go of a card that was taken off the page."""
        if bound in self._bound:
            self._bound.remove(bound)


class Bound(Generic[T]):
    """One query of a page and the places that show its answer. Made by `BoundCards.bind`."""

    def __init__(
        self,
        cards: BoundCards,
        query: Callable[[Connection], T],
        when: Sequence[When],
        tells_time: bool,
        over: Callable[[T], bool],
        until: Callable[[T], float | None],
    ) -> None:
        self.query = query
        self.loaded = False
        self._cards = cards
        self._tells_time = tells_time
        self._over = over
        self._until = until
        self._due: asyncio.TimerHandle | None = None
        self._answer: T | Failed = Failed(LookupError("not asked yet"))
        self._places: list[AnswerPlace[T]] = []
        self._asking = self._again = self._missed = self._closed = self._anew = False
        self._asked_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._waits_for: When | None = None
        self._stops = [cards.live.listen(one.topic, self._listener(one), about=one.about) for one in when]

    def draw(
        self,
        draw: Callable[[T], Show[T]],
        *,
        silent: bool = False,
        sorry: Callable[[], object] | None = None,
        outdated: Callable[[T], T] | None = None,
    ) -> None:
        """Draw the answer here. *draw* draws a first value and returns what shows a newer one.

        *silent*: where the answer failed nothing is drawn, because another place of it says so.
        *sorry*: draws a sentence of this card's own then, instead of that of all cards.
        *outdated*: the last answer is shown on then, as this makes one that says its age of it.
        """
        place = AnswerPlace(draw, None if silent else sorry or self._cards.sorry, outdated)
        self._places.append(place)
        place.show(self._answer)

    def ask(self) -> None:
        """Ask again and show what has changed; now, or as soon as the answer under way is there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        if not self._cards.client.has_socket_connection:
            self._missed = True
        elif self._asking:
            self._again = True
        else:
            self._asking = True
            background_tasks.create(self._ask(), name="a card asks again")

    def take(self, answer: T | Failed) -> None:
        """Show *answer*; what does not differ from the last one is not drawn again."""
        self.loaded = True
        self._asked_at = asyncio.get_running_loop().time()
        before, self._answer = self._answer, answer
        if isinstance(answer, Failed):
            report(answer.error, again=isinstance(before, Failed))
        elif not isinstance(before, Failed) and answer == before and not self._broken and not self._anew:
            for place in self._places:
                place.last = answer
            return
        self._anew = False
        for place in self._on_page():
            place.show(answer)
        self._watch()

    def _watch(self) -> None:
        """Set the one timer of this card to when its answer is to be shown anew, if ever."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if not isinstance(self._answer, Failed) and (seconds := self._until(self._answer)) is not None:
            self._due = asyncio.get_running_loop().call_later(max(seconds, SOONEST), self._came_due)

    def _came_due(self) -> None:
        self._due = None
        if asyncio.get_running_loop().time() - self._asked_at >= ASKED_LATELY:
            # Before anything is said: what the moment follows from may have changed untold.
            self._anew = True
            self.ask()
        elif not isinstance(self._answer, Failed):
            for place in self._on_page():
                place.show(self._answer)
        if not self._anew or self._missed:
            self._watch()

    def tick(self) -> None:
        """A minute went by: ask again what failed or is over, tell the times of the rest anew."""
        answer = self._answer
        if isinstance(answer, Failed) or self._broken or self._over(answer):
            self.ask()
        elif self._tells_time:
            for place in self._on_page():
                place.show(answer)

    def catch_up(self) -> None:
        """The page is connected (again): ask for what was told meanwhile."""
        if self._missed:
            self._missed = False
            self.ask()

    def close(self) -> None:
        """Stop listening; nothing is drawn any more."""
        self._closed = True
        for timer in (self._timer, self._due):
            if timer is not None:
                timer.cancel()
        for stop in self._stops:
            stop()
        self._cards.forget(self)

    @property
    def _broken(self) -> bool:
        return any(place.failed for place in self._places)

    def _listener(self, when: When) -> Callable[[Announcement], None]:
        def told(announcement: Announcement) -> None:
            self._ask_soon(when)

        return told

    def _ask_soon(self, when: When) -> None:
        if self._timer is not None and self._waits_for is when:
            return  # a reading a second costs no more than this
        loop = asyncio.get_running_loop()
        at = loop.time()
        at = max(at, self._asked_at + when.at_most_every())
        at += random.uniform(0, when.within)  # noqa: S311  # nothing to guess here
        if when.beat is not None:
            at = math.ceil(at / (beat := when.beat())) * beat
        if at <= loop.time():
            self.ask()
        elif self._timer is None or at < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(at, self.ask)
            self._waits_for = when

    async def _ask(self) -> None:
        try:
            self._again = True
            while self._again and not self._closed:
                self._again = False
                answer: T | Failed
                try:
                    answer = await self._cards.database.ask(self.query)
                except Exception as error:
                    answer = Failed(error)
                if not self._closed:
                    self.take(answer)
        finally:
            self._asking = False

    def _on_page(self) -> list[AnswerPlace[T]]:
        """The places that are still on the page; if all have gone there is nothing to listen for."""
        if self._places:
            self._places = [place for place in self._places if not place.element.is_deleted]
            if not self._places:
                self.close()
        return list(self._places)
