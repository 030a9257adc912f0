"""A charger's frames as people may see them: what is in them, without id tags and secrets (T63).

Used wherever frames leave the process: the console's message log, and diagnostics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from app.charging.ocpp.frame_log import KeptFrame
from app.logs import masked

HIDDEN = "…"
DEEPEST = 32
SHOWN_ID = 40
"""Characters of a message id or an action."""
_KINDS = {2: "call", 3: "result", 4: "error"}

_TAGS = frozenset(
    {"idtag", "parentidtag", "idtoken", "groupidtoken", "emaid", "rfid", "cardid", "carduid", "uid", "tagid"}
)
"""Names under which a card's number comes, in lower case and without marks."""
_SECRET = re.compile(
    r"authorizationkey|password|passwd|passphrase|secret|privatekey|presharedkey|apikey|token$|pin$|^psk$"
)
_NAMES = ("key", "name", "variable", "variablename")
"""Beside a value, these say what it is the value of: a configuration key, a variable of 2.0.1."""
_VALUES = frozenset({"value", "attributevalue"})
_IN_TEXT = re.compile(
    r"""(?ix) ( \\*["'] (?: [\w.-]*id_?tag | id_?token | group_?id_?token | e_?maid | rfid | (?:card_?)?uid )
    \\*["'] \s*:\s* (?:\{ [^{}]*? \\*["']id_?token\\*["'] \s*:\s* )? \\*["'] ) ([^"'\\]*)""",
)
_SECRETS_IN_TEXT = re.compile(
    r"""(?ix) ( [\w.-]* (?: authorization_?key | password | passwd | passphrase | secret | private_?key
    | pre_?shared_?key | api_?key | psk ) \\*["'] \s*:\s* \\*["'] ) [^"'\\]*"""
)
_CREDENTIALS = (
    (re.compile(r"(://[^\s/:@\"]+:)[^\s/@\"]+@"), r"\1…@"),
    (re.compile(r"(?i)\b(basic|bearer)\s+[\w.~+/=-]{6,}"), r"\1 …"),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*)*"), "eyJ…"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_VALUES_IN_TEXT = re.compile(r"""(?i)((?:attribute_?)?value\\*["']\s*:\s*\\*["'])[^"'\\]*""")


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
    asked: dict[tuple[bool, str], str] = {}
    found = []
    for frame in frames:
        one = _shown(frame)
        if one.kind == "call":
            asked[frame.sent, one.message_id] = one.action
        elif one.kind in ("result", "error"):
            action = asked.get((not frame.sent, one.message_id), "")
            one = ShownFrame(one.at, one.sent, one.kind, action, one.message_id, one.payload, one.cut)
        found.append(one)
    return found


def _shown(frame: KeptFrame) -> ShownFrame:
    cut = frame.length - len(frame.text)
    try:
        parts = orjson.loads(frame.text)
    except orjson.JSONDecodeError:
        parts = None
    kind = _KINDS.get(parts[0]) if isinstance(parts, list) and parts and isinstance(parts[0], int) else None
    if kind is None or not isinstance(parts, list) or len(parts) < 2:
        return ShownFrame(frame.at, frame.sent, *_unread(frame.text), _text(frame.text), cut)
    action, rest = "", parts[2:]
    if kind == "call" and rest:
        action, rest = rest[0] if isinstance(rest[0], str) else "", rest[1:]
    payload = rest[0] if len(rest) == 1 else rest
    text = _without_credentials(orjson.dumps(without_secrets(payload)).decode()) if rest else ""
    return ShownFrame(frame.at, frame.sent, kind, _name(action), _name(str(parts[1])), text, cut)


def _unread(text: str) -> tuple[str, str, str]:
    """Kind, action and message id of a frame that was cut, as far as its beginning says them."""
    begun = re.match(r'\s*\[\s*([234])\s*,\s*"([^"\\]{1,128})"\s*,\s*(?:"([^"\\]{1,64})")?', text)
    if begun is None:
        return "other", "", ""
    kind = _KINDS[int(begun[1])]
    return kind, _name(begun[3] or "") if kind == "call" else "", _name(begun[2])


def without_secrets(value: Any, depth: int = 0) -> Any:
    """*value* (of JSON) with id tags shortened and secrets left out, wherever they stand in it."""
    if depth > DEEPEST:
        return HIDDEN
    if isinstance(value, dict):
        named = " ".join(_plain(_named(value.get(key))) for key in value if _short(key) in _NAMES)
        secret = bool(named) and any(_SECRET.search(word) for word in named.split())
        return {
            key: HIDDEN
            if secret and _short(key) in _VALUES and part is not None
            else _of_key(key, part, depth)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(part, depth + 1) for part in value]
    return _loose(value, depth) if isinstance(value, str) else value


def is_secret(key: str) -> bool:
    """Whether a charger's configuration keeps a secret under *key*, by its name."""
    return any(_SECRET.search(_plain(part)) for part in (key, *key.split(".")))


def _of_key(key: str, part: Any, depth: int) -> Any:
    if isinstance(part, (str, int)) and not isinstance(part, bool):
        if (holds := _holds(key)) == "tag":
            return masked(str(part))
        if holds == "secret":
            return HIDDEN
    return without_secrets(part, depth + 1)


@lru_cache(maxsize=4096)
def _holds(key: str) -> str:
    """What stands under *key*: a ``tag``, a ``secret``, or neither."""
    plain = _plain(key)
    if plain in _TAGS or plain.endswith("idtag"):
        return "tag"
    return "secret" if _SECRET.search(plain) else ""


def _named(value: Any) -> str:
    """The name that *value* gives: itself, or the name in a variable of 2.0.1."""
    if isinstance(value, dict):
        value = value.get("name")
    return value if isinstance(value, str) else ""


@lru_cache(maxsize=4096)
def _short(key: str) -> str:
    """As `_plain`, for the names of JSON, which are always the same ones."""
    return _plain(key)


def _plain(key: str) -> str:
    return re.sub(r"[\s_.-]", "", key).casefold()


def _loose(text: str, depth: int) -> str:
    """*text* within a payload; vendors put JSON into it."""
    if text[:1] in ("{", "["):
        try:
            return orjson.dumps(without_secrets(orjson.loads(text), depth + 1)).decode()
        except (orjson.JSONDecodeError, RecursionError):
            return _text(text)
    return text


def _text(text: str) -> str:
    """*text* that can't be read as JSON: what looks like a tag or a secret is left out."""
    text = _IN_TEXT.sub(lambda found: found[1] + masked(found[2]), text)
    text = _SECRETS_IN_TEXT.sub(rf"\1{HIDDEN}", text)
    if _SECRET.search(_plain(text)):  # which of its values it is, only JSON would tell
        text = _VALUES_IN_TEXT.sub(rf"\1{HIDDEN}", text)
    return _without_credentials(text)


def _without_credentials(text: str) -> str:
    """*text* without what would let somebody in elsewhere: in addresses, headers and signed tokens.

    Not as the log is cleaned, which takes each random id for one of a page of ours: charger and portal
    call their messages and transactions so.
    """
    for pattern, instead in _CREDENTIALS:
        text = pattern.sub(instead, text)
    return _CONTROL.sub("�", text)


def _name(text: str) -> str:
    text = _CONTROL.sub("�", text)
    return text if len(text) <= SHOWN_ID else text[: SHOWN_ID - 1] + "…"
