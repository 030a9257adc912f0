"""OCPP-J frames: text in, text out. Nothing that a charger sends makes these functions raise (C5)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Payload = dict[str, Any]
MessageId = str | int
"""Text by the standard; some chargers number their messages and want the number back."""

ID_LIMIT = 128
"""Longest message id that is answered; the standard says 36. Keeps a CALLERROR under 256 characters."""
DEPTH_LIMIT = 48
"""Deepest nesting that is taken in from a charger; the schemas need eight."""

Code = Literal[
    "NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "GenericError"
]
"""The error codes that OCPP 1.6 and 2.0.1 have in common."""


@dataclass(slots=True)
class Call:
    """A request."""

    id: MessageId
    action: str
    payload: Payload
    deviation: str | None = None
    """What was not as the standard says, yet could be understood."""


@dataclass(slots=True)
class Result:
    """The answer to a request of ours."""

    id: MessageId
    payload: Payload


@dataclass(slots=True)
class Failure:
    """A request of ours was refused with a CALLERROR."""

    id: MessageId
    code: str
    description: str


@dataclass(slots=True)
class Malformed:
    """Nothing that can be worked with. If the id could be read, it is answered with a CALLERROR."""

    reason: str
    id: MessageId | None = None


Frame = Call | Result | Failure | Malformed


class Refusal(Exception):
    """Raised by a handler to answer with a CALLERROR. *description* is ours, never the charger's words."""

    def __init__(self, code: Code, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


def parse(text: str) -> Frame:
    """What *text* says."""
    deviation = None
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        frame = _parse_leniently(text)
        deviation = "invalid JSON"
    if type(frame) is not list or len(frame) < 2:
        return Malformed("not a frame of OCPP-J")
    kind, message_id = frame[0], frame[1]
    if not _is_id(message_id):
        return Malformed("no usable message id")
    if kind == 2:
        return _call(frame, message_id, deviation)
    if kind == 3:
        payload = frame[2] if len(frame) > 2 else {}
        return Result(message_id, payload if type(payload) is dict else {})
    if kind == 4:
        code, description = ([part for part in frame[2:4] if type(part) is str] + ["", ""])[:2]
        return Failure(message_id, code[:64], description[:255])
    return Malformed("unknown message type")


def call(message_id: str, action: str, payload: Payload) -> str:
    """The frame of a request."""
    return orjson.dumps([2, message_id, action, payload]).decode()


def result(message_id: MessageId, payload: Payload) -> str:
    """The frame of an answer."""
    if not payload and type(message_id) is str and message_id.isalnum():
        return f'[3,"{message_id}",{{}}]'
    return orjson.dumps([3, message_id, payload]).decode()


def failure(message_id: MessageId, code: Code, description: str) -> str:
    """The frame of a CALLERROR: at most 256 characters, *description* cut if need be (C5)."""
    return orjson.dumps([4, message_id, code, description[:80], {}]).decode()


def is_shallow(value: Any, limit: int = DEPTH_LIMIT) -> bool:
    """Whether *value* nests at most *limit* deep; what is deeper can't be stored as JSON."""
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            part
            for parent in level
            if isinstance(parent, dict | list)
            for part in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return True
    return False


def _call(frame: list[Any], message_id: MessageId, deviation: str | None) -> Frame:
    action = frame[2] if len(frame) > 2 else None
    if type(action) is not str:
        return Malformed("the action is missing or no text", message_id)
    payload = frame[3] if len(frame) > 3 else None
    if len(frame) != 4:
        deviation = "wrong number of parts"
    if payload is None:
        return Call(message_id, action, {}, deviation or "no payload")
    if type(payload) is not dict:
        return Malformed("the payload is no object", message_id)
    return Call(message_id, action, payload, deviation)


def _is_id(value: Any) -> bool:
    if type(value) is str:
        return 0 < len(value) <= ID_LIMIT and value.isprintable() and value.isascii()
    return type(value) is int and -(2**63) <= value < 2**64


def _parse_leniently(text: str) -> Any:
    """Read what orjson refuses but chargers send: NaN, 1e999, line breaks in text, lone surrogates.

    A value that is no number becomes null, so that the rest of its message is not lost (T58).
    """
    try:
        return json.loads(text, strict=False, parse_constant=lambda name: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if abs(number) != float("inf") else None
