"""The OCPP endpoint: websocket `/ocpp/{identity}` (C1–C7, T49, T50, T54–T58).

One task a connection reads a frame, has it worked on, answers and only then reads the next: the
server stops reading from a socket whose frame was not yet taken, so a charger that sends faster
than it is served is slowed down by TCP and nothing queues up here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections import Counter
from collections.abc import Callable

from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from app import clock
from app.charging.ocpp import frames, ocpp16, ocpp201, schemas
from app.charging.ocpp.admission import Admitted, Denied, Gate
from app.charging.ocpp.desk import Desk, Presence, Sessions
from app.charging.ocpp.frame_log import FrameLog
from app.charging.ocpp.frames import Call, Failure, Malformed, Payload, Refusal, Result
from app.charging.ocpp.line import CallRefused, Connection, Late, Line, NoAnswer, Offline, Pace, Waiting
from app.charging.ocpp.schemas import Version
from app.charging.ocpp.tolerance import Message
from app.settings import Settings
from data.announcements import Announcement, Announcer, Topic
from data.database import Database
from data.types import Admission

log = logging.getLogger("polaris.chargers")

MESSAGES_PER_SECOND = 10.0
BURST = 200
CLOSING_SECONDS = 5

_VERSIONS: dict[str, Version] = {"ocpp1.6": "ocpp1.6", "ocpp2.0.1": "ocpp2.0.1"}
_GONE = (WebSocketDisconnect, Offline, OSError, RuntimeError)
"""How the server says, in one place or another, that a socket is closed."""
_DENIALS = {
    401: ("A charger needs its password here.", {"WWW-Authenticate": 'Basic realm="OCPP", charset="UTF-8"'}),
    403: ("This connection is not allowed.", {}),
    404: ("No such charger.", {}),
    429: ("Too many attempts.", {"Retry-After": "10"}),
    503: ("The portal can't answer right now.", {"Retry-After": "10"}),
}


class Endpoint:
    """Holds the chargers' connections. *rate* and *burst* are messages (a second) of one charger."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        sessions: Sessions,
        presence: Presence,
        *,
        rate: float = MESSAGES_PER_SECOND,
        burst: int = BURST,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._presence = presence
        self._rate = rate
        self._burst = burst
        self._gate = Gate(settings, database)
        self.refusals = self._gate.refusals
        self._lines: dict[int, Line] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self.since = clock.now()
        """When this process began to listen, and so to keep the logs of `log`."""

    def install(self, app: FastAPI) -> None:
        """Add the route to *app*."""
        app.add_api_websocket_route("/ocpp/{identity:path}", self._serve)

    def version(self, charger_id: int) -> Version | None:
        """The OCPP version that the charger speaks right now; None while it is not connected."""
        line = self._lines.get(charger_id)
        return line.connection.version if line is not None and line.connection is not None else None

    def deviations(self, charger_id: int) -> Counter[str]:
        """How often the charger broke the standard in which way, since the start of the process (C6)."""
        line = self._lines.get(charger_id)
        return Counter() if line is None else line.deviations.copy()

    def log(self, charger_id: int) -> FrameLog | None:
        """The charger's last frames; None if it has not been connected to this process since its start."""
        line = self._lines.get(charger_id)
        return None if line is None else line.log

    def connected(self) -> frozenset[int]:
        """The chargers that are connected."""
        return frozenset(line.charger_id for line in self._lines.values() if line.connection is not None)

    def listen(self, live: Announcer) -> Callable[[], None]:
        """Follow what *live* tells of chargers: who is accepted, blocked or has another password while
        connected (C2, T50). Returns the function that ends it.
        """
        self.refusals.announce = live.announce
        return live.listen(Topic.CHARGERS, self._changed)

    def _changed(self, announcement: Announcement) -> None:
        """Look again at the charger that *announcement* is about, or at all for one about nobody."""
        about = announcement.about
        for charger_id in list(self._lines) if about is None else (about,):
            line = self._lines.get(charger_id)
            if line is None or line.connection is None or self._is_closing:
                continue
            line.look_again = True
            if line.looking is None:
                line.looking = asyncio.create_task(self._look_again(line))

    async def _look_again(self, line: Line) -> None:
        """Let the charger's connection follow what the operator decided; one look at a time."""
        try:
            while line.look_again and (connection := line.connection) is not None:
                line.look_again = False
                decided = await self._gate.decided(line.charger_id)
                if line.connection is not connection or connection.closed:
                    line.look_again = True  # another connection, which may have asked before the decision
                elif decided is None or decided.admission is Admission.BLOCKED:
                    log.warning("charger %s is no longer allowed here", connection.desk.identity)
                    self._close_soon(connection, 1008, "not allowed")
                elif decided.password_hash != connection.password_hash:
                    log.warning("charger %s has another password now", connection.desk.identity)
                    self._close_soon(connection, 1008, "the password has changed")
                else:
                    connection.desk.pending = decided.admission is Admission.PENDING
        except Exception:
            log.exception("could not look again at charger %d", line.charger_id)
        finally:
            line.looking = None

    def hang_up(self, charger_id: int, reason: str = "") -> None:
        """Close the charger's connection, if there is one."""
        line = self._lines.get(charger_id)
        if line is not None and line.connection is not None:
            self._close_soon(line.connection, 1000, reason)

    async def close(self) -> None:
        """Close all connections, and wait until what they were about is done: the process ends."""
        self._is_closing = True
        for line in (lines := list(self._lines.values())):
            if line.connection is not None:
                self._close_soon(line.connection, 1001, "restarting")
            if line.looking is not None:
                line.looking.cancel()
        tasks = {line.looking for line in lines} | {line.connection.task for line in lines if line.connection}
        waited = self._closing | {task for task in tasks if task is not None}
        if waited:
            await asyncio.wait(waited, timeout=CLOSING_SECONDS)
        self._gate.close()

    async def call(
        self, charger_id: int, action: str, payload: Payload, *, late: Late | None = None
    ) -> Payload:
        """Send a request to the charger and return its answer (C7).

        One at a time for each charger. *late* is given an answer that comes after the time-out.
        Raises `Offline`, `NoAnswer` or `CallRefused`; `AgainstSchema` if the request is not as the
        standard says. Never to be awaited by what works on a message of the same charger.
        """
        line = self._lines.get(charger_id)
        if line is None or line.connection is None:
            raise Offline
        if line.connection.task is asyncio.current_task():
            raise RuntimeError(f"{action} would wait for its answer in the task that has to read it")
        try:
            async with asyncio.timeout(self._settings.call_timeout):
                await line.calling.acquire()
        except TimeoutError:
            raise NoAnswer from None
        try:
            return await self._call(line, action, payload, late)
        finally:
            line.calling.release()

    async def _call(self, line: Line, action: str, payload: Payload, late: Late | None) -> Payload:
        connection = line.connection
        if connection is None:
            raise Offline
        schemas.check_request(connection.version, action, payload)
        message_id = str(uuid.uuid4())
        waiting = Waiting(action, asyncio.get_running_loop().create_future(), late)
        line.remember(message_id, waiting)
        log.info("charger %s is asked for %s", connection.desk.identity, action)
        try:
            async with asyncio.timeout(self._settings.call_timeout):
                await connection.send(frames.call(message_id, action, payload))
                return await waiting.future
        except TimeoutError:
            log.warning("charger %s did not answer %s in time", connection.desk.identity, action)
            raise NoAnswer from None

    # -- connections

    async def _serve(self, websocket: WebSocket) -> None:
        identity = str(websocket.path_params["identity"]).removesuffix("/")
        try:
            if "origin" in websocket.headers:
                raise Denied(403, "a browser's request")
            admitted = await self._gate.admit(
                identity,
                websocket.headers.get("authorization"),
                websocket.client.host if websocket.client is not None else "",
            )
        except Denied as denied:
            log.warning("refused a connection of charger %.60r: %s", identity, denied)
            await _deny(websocket, denied.status)
            return
        except Exception:
            log.exception("could not decide on a connection of charger %.60r", identity)
            await _deny(websocket, 503)
            return
        try:
            version = await _accept(websocket)
            if version is None:
                log.warning("charger %.60r offers no subprotocol that is spoken here", identity)
                await websocket.close(1002, "speak ocpp1.6 or ocpp2.0.1")
                return
            await self._hold(websocket, admitted, version)
        except _GONE:
            pass
        except Exception:
            log.exception("the connection of charger %.60r failed", identity)
            with contextlib.suppress(*_GONE):
                await websocket.close(1011, "try again later")

    async def _hold(self, websocket: WebSocket, admitted: Admitted, version: Version) -> None:
        line = self._lines.get(admitted.charger_id)
        if line is None:
            line = Line(admitted.charger_id, Pace(self._rate, self._burst))
            self._lines[admitted.charger_id] = line
        desk = Desk(
            admitted.charger_id,
            admitted.identity,
            admitted.zone,
            admitted.pending,
            self._settings.heartbeat_interval,
            self._sessions,
            self._presence,
            line.deviations,
        )
        task = asyncio.current_task()
        connection = Connection(websocket, version, desk, task, line.log, admitted.password_hash)
        old, line.connection = line.connection, connection
        if old is not None:
            log.info("charger %s has connected anew, its older connection is closed", admitted.identity)
            line.hang_up()
            self._close_soon(old, 1000, "replaced by a newer connection")
        self._changed(Announcement(Topic.CHARGERS, line.charger_id))  # told since it was admitted?
        if line.alternates():
            log.error("charger %s connects again and again: do two share its id?", admitted.identity)
        try:
            async with line.presence:
                await self._presence.connected(admitted.charger_id, version)
            if admitted.password_hash is None:
                log.warning("charger %s is connected without a password", admitted.identity)
            else:
                log.info("charger %s is connected, %s", admitted.identity, version)
            await self._listen(line, connection)
        finally:
            await self._leave(line, connection)

    async def _leave(self, line: Line, connection: Connection) -> None:
        connection.closed = True
        if line.connection is not connection:
            return  # a newer one is there: the charger is not offline (C3)
        line.connection = None
        line.hang_up()
        log.info("charger %s has left the line", connection.desk.identity)
        async with line.presence:
            if line.connection is None:
                await self._presence.disconnected(line.charger_id)

    def _close_soon(self, connection: Connection, code: int, reason: str) -> None:
        """Close without waiting: the other side of a dead connection takes its time."""
        connection.closed = True

        async def close() -> None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await connection.websocket.close(code, reason)

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # -- messages

    async def _listen(self, line: Line, connection: Connection) -> None:
        websocket = connection.websocket
        limit = self._settings.charger_frame_limit
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect" or connection.closed:
                return
            if (pause := line.pace.take()) > 0:
                await asyncio.sleep(pause)
            text = message.get("text")
            try:
                if text is None:
                    self._note(line, connection, "a binary frame")
                    await self._presence.seen(line.charger_id)
                elif len(text) > limit or (not text.isascii() and len(text.encode()) > limit):
                    self._note(line, connection, "a frame over the limit")
                    await websocket.close(1009, "frame over the limit")
                    return
                else:
                    line.log.add(text, sent=False)
                    await self._take(line, connection, text)
            except Offline:
                return
            except Exception:
                # Whatever one message does, the next is read (C5).
                log.exception("a message of charger %s failed", connection.desk.identity)

    async def _take(self, line: Line, connection: Connection, text: str) -> None:
        frame = frames.parse(text)
        if isinstance(frame, Call):
            await connection.send(await self._answer(line, connection, frame))
            return
        await self._presence.seen(line.charger_id)
        if isinstance(frame, Malformed):
            self._note(line, connection, frame.reason)
            if frame.id is not None:
                await connection.send(frames.failure(frame.id, "ProtocolError", frame.reason))
            return
        await self._take_answer(line, connection, frame)

    async def _answer(self, line: Line, connection: Connection, call: Call) -> str:
        """The frame that answers *call*, once what it says is committed."""
        version, desk = connection.version, connection.desk
        message = Message(call.payload)
        speech = ocpp16 if version == "ocpp1.6" else ocpp201
        try:
            async with line.turn:
                await self._presence.seen(line.charger_id)
                answer = await speech.answer(desk, call.action, message, clock.now())
            schemas.check_answer(version, call.action, answer)
        except Refusal as refusal:
            # What is no name of an action might be anything, an id tag too (T63).
            action = call.action[:40] if call.action.isalpha() else "an unknown action"
            self._note(line, connection, f"{action}: {refusal}")
            return frames.failure(call.id, refusal.code, refusal.description)
        except Exception:
            log.exception("%s of charger %s failed", call.action, desk.identity)
            return frames.failure(call.id, "InternalError", "try again later")
        if call.deviation is not None:
            message.notes.append(call.deviation)
        for note in message.notes:
            self._note(line, connection, f"{call.action}: {note}")
        return frames.result(call.id, answer)

    async def _take_answer(self, line: Line, connection: Connection, frame: Result | Failure) -> None:
        waiting = line.waiting.pop(frame.id, None)
        if waiting is None:
            self._note(line, connection, "an answer to nothing that was asked")
        elif not waiting.future.done():
            if isinstance(frame, Result):
                waiting.future.set_result(frame.payload)
            else:
                waiting.future.set_exception(CallRefused(frame.code, frame.description))
        else:
            log.info("charger %s answered %s late", connection.desk.identity, waiting.action)
            if isinstance(frame, Result) and waiting.late is not None:
                async with line.turn:
                    await waiting.late(frame.payload)

    def _note(self, line: Line, connection: Connection, deviation: str) -> None:
        """Count *deviation*; the log has the first of a kind, and every thousandth (C6)."""
        if deviation not in line.deviations and len(line.deviations) >= 200:
            deviation = "others"
        line.deviations[deviation] += 1
        count = line.deviations[deviation]
        if count == 1 or count % 1000 == 0:
            log.warning("charger %s, %d times: %r", connection.desk.identity, count, deviation)


async def _accept(websocket: WebSocket) -> Version | None:
    """Accept with the charger's first offer that is spoken here; without an offer it is 1.6 (C1)."""
    offered: list[str] = websocket.scope.get("subprotocols") or []
    chosen = next((offer for offer in offered if offer in _VERSIONS), None)
    await websocket.accept(subprotocol=chosen)
    if chosen is not None:
        return _VERSIONS[chosen]
    return None if offered else "ocpp1.6"


async def _deny(websocket: WebSocket, status: int) -> None:
    text, headers = _DENIALS[status]
    with contextlib.suppress(Exception):  # the charger may have left already
        await websocket.send_denial_response(PlainTextResponse(text + "\n", status, headers=headers))
