"""Requests to chargers, from the click to what became of it (C7, C16, T59).

The row is there before anything is sent. Whichever process has the charger's connection takes it, once;
with several processes the announcement of the row is how that one hears of it. *Accepted* is not *happened*:
a start is done when its transaction is there. What nobody takes within seconds counts as offline, so that
nothing is ever started minutes after it was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from app import clock
from app.changing import changing
from app.charging import command_rows, reservation_rows, reservation_sending
from app.charging.command_rows import Claimed, Patience
from app.charging.command_rules import CannotAsk as CannotAsk
from app.charging.command_rules import Wish, grant
from app.charging.ocpp import calls
from app.charging.ocpp.calls import Outcome, Result
from app.charging.ocpp.endpoint import Endpoint
from app.settings import Settings
from data.announcements import Announcement, Announcer, Topic
from data.caller import Caller
from data.database import Change, Database
from data.queries.commands import is_secret
from data.types import CommandState

log = logging.getLogger("polaris.chargers")

ENTRIES_AT_MOST = 500
"""Values of a charger's configuration that are kept of one answer."""
LOOK_AGAIN = 60.0
"""Seconds after which open requests are looked at although nothing was announced."""


class Commands:
    """What people ask chargers for. `run` sends and follows it; without it nothing is sent."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        endpoint: Endpoint,
        patience: Patience | None = None,
    ) -> None:
        self._database = database
        self._endpoint = endpoint
        self.patience = patience or Patience(answered=timedelta(seconds=2 * settings.call_timeout + 5))
        self._open: set[int] = set()
        """Chargers that something is open for."""
        self._under_way: dict[int, asyncio.Task[None]] = {}
        """By the id of the request."""
        self._wake = asyncio.Event()

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    @changing("charger.command")
    async def ask(
        self,
        caller: Caller,
        /,
        charger_id: int,
        kind: str,
        *,
        connector_id: int | None = None,
        session_id: int | None = None,
        reservation_id: int | None = None,
        **parameters: Any,
    ) -> int:
        """Ask the charger for *kind*; returns the id of the request, which has not been sent yet.

        ``start`` takes ``id_tag`` or ``mapping_id`` (a driver with one card: neither), ``stop`` a
        *session_id*, ``unlock`` a *connector_id*, ``reset`` ``at_once``, ``change_availability``
        ``operative``, ``trigger`` ``message``, ``reserve`` and ``cancel_reservation`` a *reservation_id*,
        ``get_configuration`` ``keys``, ``set_configuration`` ``key`` and ``value``. Raises `NotAllowed` for
        what the caller's role has no right to, else `CannotAsk`, which says why.
        """
        wish = Wish(charger_id, kind, connector_id, session_id, reservation_id, parameters)

        def work(change: Change) -> int:
            now = clock.now()
            granted = grant(change.connection, caller, wish, now)
            if kind in ("reserve", "cancel_reservation"):
                assert reservation_id is not None
                try:
                    # By the reservation's own way, so that it and the charger agree.
                    if kind == "reserve":
                        return reservation_sending.ask(change, caller, reservation_id, now, self.patience)
                    return reservation_rows.give_up(change, caller, reservation_id, now, self.patience)
                except reservation_rows.CannotReserve as error:
                    raise CannotAsk(error.why) from error
            return command_rows.write(change, caller, wish, granted, now, self.patience)

        command_id = await self._database.change(work)
        log.info("charger is to be asked charger=%s kind=%s command=%s", charger_id, kind, command_id)
        return command_id

    # -- sending and following

    def listen(self, live: Announcer) -> Callable[[], None]:
        """Follow what *live* tells of requests and chargers. Returns the function that ends it."""
        stops = [live.listen(topic, self._heard) for topic in (Topic.COMMANDS, Topic.CHARGERS)]
        return lambda: [stop() for stop in stops].clear()

    def _heard(self, announcement: Announcement) -> None:
        asked = announcement.topic is Topic.COMMANDS and announcement.values is not None
        if asked or announcement.about is None or announcement.about in self._open:
            self._wake.set()

    async def run(self) -> None:
        """Send what waits, and follow what was sent, until cancelled."""
        try:
            while True:
                self._wake.clear()
                try:
                    due = await self.tick(clock.now())
                    pause = LOOK_AGAIN if due is None else (due - clock.now()).total_seconds()
                except Exception:
                    log.exception("requests to chargers could not be looked at")
                    pause = 2.0
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(LOOK_AGAIN, max(0.02, pause))):
                        await self._wake.wait()
        finally:
            for task in self._under_way.values():
                task.cancel()

    async def tick(self, now: datetime) -> datetime | None:
        """Send what waits for a charger of this process, finish what happened or is overdue by *now*.

        Returns when the next one is overdue, None if nothing is open.
        """
        found = await self._database.ask(command_rows.open_ones)
        self._open = {one.charger_id for one in found}
        here = self._endpoint.connected()
        alone = self._database.dialect == "sqlite"  # no other process could have the charger
        over, due = [], []
        for one in found:
            waits = one.state is CommandState.WAITING
            if one.happened or one.deadline <= now or (waits and alone and one.charger_id not in here):
                over.append(one)
                continue
            due.append(one.deadline)
            if waits and one.charger_id in here and one.id not in self._under_way:
                task = asyncio.create_task(self._carry_out(one.id), name=f"command {one.id}")
                self._under_way[one.id] = task
        if over:
            await self._database.change(command_rows.settle, over, now, self.patience)
        return min(due, default=None)

    async def _carry_out(self, command_id: int) -> None:
        try:
            claimed = await self._database.change(command_rows.claim, command_id, clock.now(), self.patience)
            if claimed is None:
                return
            answer = None
            try:
                result = await self._send(claimed)
            except Exception:
                log.exception("a request to a charger failed command=%s", command_id)
                result = Result(Outcome.FAILED)
            if isinstance(result, calls.Configuration):
                answer, result = _kept(result), result.result
            await self._answered(claimed, result, answer)
        except Exception:
            log.exception("a request to a charger could not be carried out command=%s", command_id)
        finally:
            self._under_way.pop(command_id, None)
            self._wake.set()

    async def _answered(self, claimed: Claimed, result: Result, answer: dict[str, Any] | None = None) -> None:
        await self._database.change(
            command_rows.answered, claimed.id, result, clock.now(), self.patience, answer
        )
        log.info("request to a charger answered command=%s outcome=%s", claimed.id, result.outcome.value)

    async def _send(self, it: Claimed) -> Result | calls.Configuration:
        endpoint, charger, given = self._endpoint, it.charger_id, it.parameters

        async def late(result: Result) -> None:
            await self._answered(it, result)

        match it.kind:
            case "start":
                return await calls.start(endpoint, charger, given["id_tag"], it.place, late=late)
            case "stop":
                assert it.session_id is not None
                return await calls.stop(endpoint, charger, it.session_id, it.transaction_id, late=late)
            case "reserve":
                assert it.reservation_id is not None
                assert it.id_tag is not None
                assert it.until is not None
                return await calls.reserve(
                    endpoint, charger, it.reservation_id, it.id_tag, it.until, it.place, late=late
                )
            case "cancel_reservation":
                assert it.reservation_id is not None
                return await calls.cancel_reservation(endpoint, charger, it.reservation_id, late=late)
            case "unlock":
                assert it.place is not None
                return await calls.unlock(endpoint, charger, it.place, late=late)
            case "reset":
                return await calls.reset(endpoint, charger, at_once=given["at_once"], late=late)
            case "change_availability":
                return await calls.change_availability(
                    endpoint, charger, given["operative"], it.place, late=late
                )
            case "trigger":
                return await calls.trigger(endpoint, charger, given["message"], it.place, late=late)
            case "get_configuration":
                return await calls.get_configuration(endpoint, charger, *given["keys"])
            case "set_configuration":
                return await calls.set_configuration(
                    endpoint, charger, given["key"], given["value"], late=late
                )
        raise ValueError(f"nobody knows how to ask for {it.kind}")


def _kept(configuration: calls.Configuration) -> dict[str, Any] | None:
    """The configuration as it is kept; nobody reads a password in it (T62)."""
    if not configuration.result.accepted:
        return None
    entries = [asdict(entry) for entry in configuration.entries[:ENTRIES_AT_MOST]]
    for entry in entries:
        value = entry["value"]
        entry["key"] = entry["key"][:200].replace("\0", "")
        entry["value"] = None if value is None or is_secret(entry["key"]) else value[:2_000].replace("\0", "")
    return {"entries": entries, "unknown": [key[:200] for key in configuration.unknown[:ENTRIES_AT_MOST]]}
