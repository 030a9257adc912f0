"""A charger's frames as people may see them: what is in them, without id tags and secrets (T63).

Used wherever frames leave the process: the console's message log, and diagnostics.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from ocpp.v16.enums import Action as Action16  # type: ignore[import-untyped]
from ocpp.v201.enums import Action as Action201  # type: ignore[import-untyped]

from app.charging.ocpp.frame_log import KeptFrame
from app.charging.ocpp.frame_masks import Masks, is_secret

SHOWN_ID = 40
"""Characters of a message id or an action."""
ACTIONS = frozenset(one.value for one in (*Action16, *Action201))
"""Of others nobody knows what stands in their fields."""
_KINDS = {2: "call", 3: "result", 4: "error"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


__all__ = ["ShownFrame", "is_secret", "payload_shown", "shown"]


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """One frame, masked."""

    at: datetime
    sent: bool
    kind: str
    """``call``, ``result``, ``error``, or ``other`` for what is no frame of OCPP-J."""
    action: str
    """Of an answer: that of the request it belongs to, if that is still known."""
    message_id: str
    payload: str
    """JSON, or the text as it came where it is none."""
    cut: int
    """Characters that are not kept."""


def shown(frames: Iterable[KeptFrame]) -> list[ShownFrame]:
    """*frames* (the oldest first) as people may see them, in the same order."""
    masks = Masks()
    found = [_shown(frame, masks) for frame in frames]
    asked: dict[tuple[bool, str], str] = {}
    for number, one in enumerate(found):
        if one.kind == "call":
            asked[one.sent, one.message_id] = one.action
        elif one.kind in ("result", "error"):
            found[number] = replace(one, action=asked.get((not one.sent, one.message_id), ""))
    # What is a tag in one frame is one in those before it too.
    known = masks.known
    return [
        replace(one, action=known(one.action), message_id=known(one.message_id), payload=known(one.payload))
        for one in found
    ]


def payload_shown(action: str, payload: Any) -> str:
    """The *payload* of a message that is kept elsewhere, masked, as JSON in lines."""
    masks = Masks()
    value = masks.value(payload, free=action not in ACTIONS)
    return masks.known(json.dumps(value, indent=2, ensure_ascii=False))


def _parts(text: str) -> list[Any] | None:
    """What *text* says as a frame of OCPP-J; ``None`` if it is none."""
    try:
        parts = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    is_frame = isinstance(parts, list) and len(parts) > 1 and isinstance(parts[0], int)
    return parts if is_frame and parts[0] in _KINDS else None


def _shown(frame: KeptFrame, masks: Masks) -> ShownFrame:
    cut, parts = frame.length - len(frame.text), _parts(frame.text)
    if parts is None:
        kind, action, message_id = _unread(frame.text)
        told = masks.text(action), masks.text(message_id), masks.text(frame.text)
        return ShownFrame(frame.at, frame.sent, kind, *told, cut)
    kind = _KINDS[parts[0]]
    action, rest = "", parts[2:]
    if kind == "call" and rest:
        action, rest = rest[0] if isinstance(rest[0], str) else "", rest[1:]
    payload = rest[0] if len(rest) == 1 else rest
    free = kind == "error" or (kind == "call" and action not in ACTIONS)
    text = orjson.dumps(masks.value(payload, free=free)).decode() if rest else ""
    told = masks.text(_name(action)), _name(str(parts[1])), text
    return ShownFrame(frame.at, frame.sent, kind, *told, cut)


def _unread(text: str) -> tuple[str, str, str]:
    """Kind, action and message id of a frame that was cut, as far as its beginning says them."""
    begun = re.match(r'\s*\[\s*([234])\s*,\s*"([^"\\]{1,128})"\s*,\s*(?:"([^"\\]{1,64})")?', text)
    if begun is None:
        return "other", "", ""
    kind = _KINDS[int(begun[1])]
    return kind, _name(begun[3] or "") if kind == "call" else "", _name(begun[2])


def _name(text: str) -> str:
    text = _CONTROL.sub("�", text)
    return text if len(text) <= SHOWN_ID else text[: SHOWN_ID - 1] + "…"
