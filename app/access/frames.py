"""What one page socket may send: before Socket.IO, on both of its transports (T35, and T1 for events).

Frames of at most 128 KB, 50 a second, JSON at most 64 deep, and only the messages that a page of ours
sends: nothing else reaches the parsers behind. A breach closes the socket that it came on and no other.
"""

from __future__ import annotations

import logging
import re
import time

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("polaris.access")

LARGEST = 131_072
"""Bytes of a frame, and of the body of a request that carries some."""
DEEPEST = 64
"""Brackets that may be open at once."""
PER_SECOND, BURST = 50.0, 150.0
"""Events of a socket; typing and dragging are throttled by the pages themselves."""
WEIGHT = 8_192
"""Bytes that count as one event more: large frames cost as many small ones."""
EVENTS = frozenset({"ack", "event", "handshake", "javascript_response", "log"})
"""What a page may send; ``connect`` and ``disconnect`` are Socket.IO's own and no messages."""
HANG_UP = "polaris.hang_up"
"""In a websocket's scope: the way to end it, ``await scope[HANG_UP](why)``."""

_POLICY, _TOO_LARGE, _KIND = 1008, 1009, 1003
_CONTROL = re.compile(r"1|2probe|3|5|6|41|40(?:\{.*)?|43\d*\[.*", re.DOTALL)
"""Close, probe, pong, upgrade, noop; leave, join and acknowledge in the main namespace."""
_LEAVE = "41"
_EVENT = re.compile(r"42\d{0,9}(?=\[)")
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


class Breach(Exception):
    """What came is none of our pages' doing; the text says why, ``code`` closes the websocket."""

    def __init__(self, why: str, code: int = _POLICY) -> None:
        super().__init__(why)
        self.code = code


class Allowance:
    """How much one socket may still send."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left, self._at = BURST, time.monotonic()

    def take(self, text: str) -> None:
        """*text* is the next frame. Raises `Breach`."""
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._at) * PER_SECOND) - 1 - len(text) // WEIGHT
        self._at = now
        if self._left < 0:
            raise Breach("too many events")
        look_at(text)


def look_at(text: str) -> None:
    """Raises `Breach` unless *text* is a frame that a page of ours may send."""
    if len(text) > LARGEST or (not text.isascii() and len(text.encode()) > LARGEST):
        raise Breach("a frame over the limit", _TOO_LARGE)
    if _is_deep(text):
        raise Breach("a frame nested too deeply")
    found = _EVENT.match(text)
    if found is None:
        if not _CONTROL.fullmatch(text):
            raise Breach("a frame of an unknown kind")
        return
    try:
        message = orjson.loads(text[found.end() :])
    except ValueError:
        raise Breach("a frame that is no JSON") from None
    if len(message) != 2 or not isinstance(message[0], str) or message[0] not in EVENTS:
        raise Breach("an event that no page sends")
    arguments = message[1].get("args") if isinstance(message[1], dict) else None
    # An event's arguments are JSON within JSON.
    if isinstance(arguments, list) and any(isinstance(one, str) and _is_deep(one) for one in arguments):
        raise Breach("an event nested too deeply")


async def read(receive: Receive, allowance: Allowance) -> Receive:
    """The body of a request that carries frames, read and looked at; hand on what is returned.

    Raises `Breach`.
    """
    messages, body = [], b""
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    try:
        text = body.decode()
    except ValueError:
        raise Breach("a frame that is no text") from None
    for one in text.split("\x1e") if text else ():
        allowance.take(one)
        if one == _LEAVE:
            raise Breach("it has left its page")

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return again


class Frames:
    """Stands before Socket.IO, and looks at what comes on its websockets."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One websocket, from its opening to its end."""
        allowance, is_over = Allowance(), False

        async def end(why: str, code: int = _POLICY) -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                log.warning("socket closed: %s", why)
                await send({"type": "websocket.close", "code": code})

        async def receive_looked_at() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                try:
                    if (text := message.get("text")) is None:
                        raise Breach("a binary frame", _KIND)
                    allowance.take(text)
                    if text == _LEAVE:  # what has left its page has no business here
                        return {"type": "websocket.disconnect", "code": 1000}
                except Breach as breach:
                    await end(str(breach), breach.code)
                    return {"type": "websocket.disconnect", "code": breach.code}
            return message

        async def send_while_open(message: Message) -> None:
            if not is_over:
                await send(message)

        scope[HANG_UP] = end
        await self._inner(scope, receive_looked_at, send_while_open)


def _is_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for found in _BRACKETS.finditer(text):
        first = text[found.start()]
        if first in "[{":
            depth += 1
            if depth > DEEPEST:
                return True
        elif first in "]}":
            depth -= 1
    return False
