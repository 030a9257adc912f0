"""Reservations: booked with us, sent to the charger when they begin (C15), and what it answered kept.

Time is let pass by `app.charging.presence`, which announces beginnings; a charger that was away when its
reservation began is told when it comes back, as long as the reservation lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from app import clock
from app.changing import changing
from app.charging import reservation_rows, reservation_sending
from app.charging.commands import Commands
from app.charging.reservation_rows import Booking as Booking
from app.charging.reservation_rows import CannotReserve as CannotReserve
from app.charging.reservation_rows import Conflict as Conflict
from data.announcements import Announcement, Announcer, Topic
from data.caller import Caller
from data.database import Database
from data.queries.reservations import Overlap

log = logging.getLogger("polaris.charging")

SETTLED = timedelta(seconds=3)
"""After a charger has come back: what is asked of it while it still boots may be refused."""
FAILED_AGAIN = timedelta(seconds=30)
"""After which what has raised an error is tried again."""
LOOK_AGAIN = 60.0
"""Seconds until another look at the latest, where something is to come."""


class Reservations:
    """Makes, cancels and sends reservations. `run` sends them; without it they are only held."""

    def __init__(
        self,
        database: Database,
        commands: Commands,
        settled: timedelta = SETTLED,
        again: timedelta = reservation_sending.ASK_AGAIN,
    ) -> None:
        self._database = database
        self._patience = commands.patience
        self._settled = settled
        self._again = again
        self._in_use: frozenset[int] = frozenset()
        """Drivers who charge with a reservation: it ends with their charge."""
        self._failed: frozenset[int] = frozenset()
        """Reservations that an error has been logged of."""
        self._back: dict[int, datetime] = {}
        """Chargers that have come back, and when they may be asked something."""
        self._wake = asyncio.Event()

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    @changing("reservation.create")
    async def create(
        self,
        caller: Caller,
        /,
        mapping_id: int,
        charger_id: int,
        connector_number: int | None,
        starts_at: datetime,
        ends_at: datetime,
    ) -> int:
        """Hold a connector, or with None the whole charger, for a card; the reservation's id.

        An operator for anybody, a driver for themselves (T3). Raises `Conflict` where others hold it, also
        if they came at the same moment (C15, T8), `CannotReserve`, which says why, or `NotAllowed`.
        """
        booking = Booking(mapping_id, charger_id, connector_number, starts_at, ends_at)
        try:
            made = await self._database.change(reservation_rows.create, caller, booking, clock.now())
        except IntegrityError as error:
            if not reservation_rows.is_overlap(error):
                raise
            raise Conflict(await self.conflicts(caller, booking)) from error
        log.info("reservation made reservation=%s charger=%s", made, charger_id)
        return made

    @changing("reservation.change")
    async def move(
        self,
        caller: Caller,
        /,
        reservation_id: int,
        mapping_id: int,
        charger_id: int,
        connector_number: int | None,
        starts_at: datetime,
        ends_at: datetime,
    ) -> int:
        """Another reservation instead of one, both in one step; the new one's id.

        Raises as `create` and `cancel` do, and leaves then everything as it was.
        """
        booking = Booking(mapping_id, charger_id, connector_number, starts_at, ends_at)
        try:
            return await self._database.change(
                reservation_rows.replace, caller, reservation_id, booking, clock.now(), self._patience
            )
        except IntegrityError as error:
            if not reservation_rows.is_overlap(error):
                raise
            raise Conflict(await self.conflicts(caller, booking)) from error

    async def conflicts(self, caller: Caller, booking: Booking) -> tuple[Overlap, ...]:
        """What stands in the way of *booking*, to be said before it is saved."""
        return await self._database.ask(reservation_rows.conflicts, caller, booking)

    @changing("reservation.cancel")
    async def cancel(self, caller: Caller, /, reservation_id: int) -> None:
        """Give up a reservation; the charger is asked to give up one that it knows of.

        Raises `CannotReserve`, which says why, or `NotAllowed`.
        """
        await self._database.change(
            reservation_rows.cancel, caller, reservation_id, clock.now(), self._patience
        )
        log.info("reservation cancelled reservation=%s", reservation_id)

    @changing("reservation.send")
    async def ask_again(self, caller: Caller, /, reservation_id: int) -> None:
        """Ask the charger once more to hold a reservation, also one that it has refused.

        Raises `Conflict` where the place is somebody else's by now, `CannotReserve`, which says why, or
        `NotAllowed`.
        """
        try:
            await self._database.change(
                reservation_sending.retry, caller, reservation_id, clock.now(), self._patience
            )
        except IntegrityError as error:
            if not reservation_rows.is_overlap(error):
                raise
            raise Conflict(()) from error
        log.info("charger is asked again to hold it reservation=%s", reservation_id)

    # -- sending

    def listen(self, live: Announcer) -> Callable[[], None]:
        """Follow what *live* tells of reservations and chargers. Returns the function that ends it."""
        stops = [
            live.listen(Topic.RESERVATIONS, lambda announcement: self._wake.set()),
            live.listen(Topic.COMMANDS, self._heard),
            live.listen(Topic.SESSIONS, self._charged),
        ]
        return lambda: [stop() for stop in stops].clear()

    def _heard(self, announcement: Announcement) -> None:
        """A charger that has connected or booted may have been away when a reservation of it began."""
        if announcement.values is None and announcement.about is not None:
            if not self._back:  # else somebody waits already, for the first of them
                self._wake.set()
            self._back[announcement.about] = clock.now() + self._settled

    def _charged(self, announcement: Announcement) -> None:
        """The charge of somebody who charges with a reservation may have ended."""
        if announcement.about in self._in_use:
            self._wake.set()

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            self._wake.clear()
            try:
                pause = await self.tick(clock.now())
            except Exception:
                log.exception("reservations could not be sent")
                pause = 2.0
            with contextlib.suppress(TimeoutError):
                # The clock may be set forward meanwhile.
                async with asyncio.timeout(None if pause is None else min(pause, LOOK_AGAIN)):
                    await self._wake.wait()

    async def tick(self, now: datetime) -> float | None:
        """Send what is due at *now*; returns after how many seconds there may be more, None: when told."""
        back = frozenset(
            charger
            for charger, ready in self._back.items()
            if clock.is_over(ready - self._settled, self._settled, now)
        )
        due = await self._database.ask(reservation_sending.due, now, back, self._again)
        self._in_use = due.in_use
        failed = set()
        for reservation_id in due.send:
            try:
                await self._database.change(reservation_sending.send, reservation_id, now, self._patience)
            except Exception:  # of one, which is not to keep the others waiting
                failed.add(reservation_id)
                if reservation_id not in self._failed:
                    log.exception("a reservation could not be sent reservation=%s", reservation_id)
        self._failed = frozenset(failed)
        for reservation_id in due.finish:
            await self._database.change(reservation_sending.finish, reservation_id, now)
        for charger in back:
            self._back.pop(charger, None)
        next_ones = [*self._back.values(), *([due.again_at] if due.again_at is not None else [])]
        if failed:
            next_ones.append(now + FAILED_AGAIN)
        if not next_ones:
            return None
        return max(0.02, (min(next_ones) - now).total_seconds())
