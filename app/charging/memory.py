"""The sessions in progress, kept in memory so that a reading finds its session without a query."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

from app import clock
from app.charging import matching
from app.charging.cost import costs
from app.charging.running import Running, load
from data.announcements import Announcement, Topic, moment
from data.database import Change, Database
from data.live import Live

log = logging.getLogger("polaris.charging")

P = ParamSpec("P")
T = TypeVar("T")


class Memory:
    """Running sessions by id and by the charger's own transaction id; filled lazily (M18)."""

    def __init__(self, database: Database, live: Live, default_zone: str) -> None:
        self.database = database
        self._default_zone = default_zone
        self.running: dict[int, Running] = {}
        self._transactions: dict[tuple[int, str], int] = {}
        self._unsettled = False
        """A change was cut off while it waited, and may still be committed."""
        self._told: set[int] = set()
        """Sessions whose charger was announced since `drop_ended`: they may have ended."""
        live.listen(Topic.READING, self._read)
        live.listen(Topic.CHARGERS, self._charger_changed)
        live.listen(Topic.SESSIONS, self._costs_changed)
        live.listen(Topic.PLAN, self._costs_changed)
        live.listen(Topic.PEOPLE, self._people_changed)

    async def change(
        self, work: Callable[Concatenate[Change, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `Database.change`; remembers if it did not come back with an answer."""
        try:
            return await self.database.change(work, *args, **kwargs)
        except BaseException:
            self._unsettled = True
            raise

    async def settled(self) -> None:
        """Wait until what was cut off is committed or undone; changes queue, so another one tells."""
        if self._unsettled:
            await self.database.change(lambda change: None)
            self._unsettled = False

    async def known(self, charger_id: int, session_id: int) -> Running | None:
        """The charger's session, from memory or restored; one that is over is not kept.

        ``None``: it has no such one. Another charger's is none of its business (T58), and is not even
        loaded: only its own charger's turn keeps what is loaded from being older than what is stored.
        """
        if (running := self.running.get(session_id)) is not None:
            return running if running.charger_id == charger_id else None
        await self.settled()
        running = await self.database.ask(load, charger_id, session_id)
        if running is not None and running.ended_at is None:
            running.progress = replace(running.progress, steps=())
            self.remember(running)
            if running.account_id is not None:
                await self.ask_costs(running)
        return running

    async def of_transaction(self, charger_id: int, transaction_id: str) -> Running | None:
        """The session of an OCPP 2.0.1 transaction."""
        session_id = self._transactions.get((charger_id, transaction_id))
        if session_id is None:
            await self.settled()
            session_id = await self.database.ask(matching.of_transaction, charger_id, transaction_id)
        return None if session_id is None else await self.known(charger_id, session_id)

    def remember(self, running: Running) -> None:
        """Keep *running*, in place of what was kept of it."""
        self.running[running.id] = running
        if running.transaction_id is not None:
            self._transactions[running.charger_id, running.transaction_id] = running.id

    def drop(self, session_id: int) -> None:
        """Let go of what is in memory; the next message restores it."""
        running = self.running.pop(session_id, None)
        if running is not None and running.transaction_id is not None:
            self._transactions.pop((running.charger_id, running.transaction_id), None)

    async def drop_ended(self) -> None:
        """Let go of sessions that another process has ended."""
        told, self._told = self._told & self.running.keys(), set()
        if told:
            for session_id in told - await self.database.ask(matching.still_in_progress, told):
                self.drop(session_id)

    async def ask_costs(self, running: Running) -> None:
        """Learn the terms of the session's driver; without them there is no estimate."""
        assert running.account_id is not None
        running.costs_due = False  # first: what is told while the question is under way is news
        try:
            found = await self.database.ask(
                costs, running.account_id, [running.id], clock.now(), self._default_zone
            )
            running.costs = found.get(running.id)
        except BaseException as error:
            running.costs_due = True
            if not isinstance(error, Exception):
                raise
            log.exception("no cost estimate for session %d", running.id)

    def _costs_changed(self, announcement: Announcement) -> None:
        # Other terms, or another session that has used up what is included; no other interval of readings.
        if announcement.values is not None:
            return
        for running in self.running.values():
            if announcement.about in (None, running.account_id):
                running.costs_due = True

    def _charger_changed(self, announcement: Announcement) -> None:
        # The end of a session is told of its charger too, of a session that is nobody's as well.
        for running in self.running.values():
            if announcement.about in (None, running.charger_id):
                self._told.add(running.id)

    def _read(self, announcement: Announcement) -> None:
        # Its charger talks to another process now: what is kept here is behind what is stored.
        if announcement.values is None:
            return
        running = self.running.get(announcement.values["session_id"])
        at = moment(announcement.values["reading_at"])
        if running is not None and at is not None:
            known = running.progress.reading_at
            if known is None or at > known:
                self.drop(running.id)

    def _people_changed(self, announcement: Announcement) -> None:
        # A tag may have got its driver, or have lost it (C10).
        for running in list(self.running.values()):
            if running.account_id is None or announcement.about in (None, running.account_id):
                self.drop(running.id)
