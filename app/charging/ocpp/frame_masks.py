"""What is left out of a frame before anybody sees it: id tags and secrets, wherever they stand (T63).

By the names of what holds them, by what they look like where anything can stand (free texts, fields of
vendors, frames that can't be read), and by having been a tag or a secret in another frame.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import orjson

from app.logs import masked
from data.queries.commands import is_secret as holds_secret

HIDDEN = "…"
DEEPEST = 32
LEAST_KNOWN = 4
"""Characters of a tag that is looked for in other places; shorter ones are parts of anything."""
MOST_KNOWN, MOST_PHRASES = 2_000, 20
"""Tags that are looked for; those of several words cost more."""

_TAG = re.compile(
    r"idtag$|idtoken$|tagid$|^tag$|rfid|^(card|uid|evccid|contractid|identifier)$|card(id|uid|no|nr|number)$"
    r"|emaid|customeridentifier$|groupid$"
)
"""Names under which a card's number comes, in lower case and without marks."""
_BESIDE_TAG = frozenset({"type", "status", "expirydate", "cacheexpirydatetime", "language1", "language2"})
"""What else stands in an object with a tag, and says nothing of it."""
_NAMES = frozenset({"key", "name", "variable", "variablename", "component"})
"""Beside a value, these say what it is the value of: a configuration key, a variable of 2.0.1."""
_VALUES = frozenset({"value", "attributevalue", "actualvalue", "oldvalue", "newvalue"})
_FREE = frozenset(
    {
        *("data", "info", "errordescription", "description", "techinfo", "techcode", "vendorerrorcode"),
        *("additionalinfo", "customdata", "message", "content", "text", "comment", "details", "reason"),
        *("vendorid", "messageid", "reasoncode"),
    }
)
"""Names under which chargers and their vendors write what they like."""
_QUOTE = r"""\\{0,4}["']?"""
# Each repetition has an end: a charger must not be able to make these slow.
_IN_TEXT = tuple(
    re.compile(rf"(?i)({pattern})")
    for pattern in (
        # A name and its value, quoted or not; the value may stand in an object or a list.
        r"(?:id_?tag|id_?token|group_?id|e_?maid|rfid|card|badge|tag|uid|identifier)[\w.-]{0,40}"
        rf"""{_QUOTE}\s{{0,5}}[:=\#][\s\[{{]{{0,9}}(?:{_QUOTE}\w{{1,40}}{_QUOTE}\s{{0,5}}:\s{{0,5}})?{_QUOTE})"""
        r"""([^"'\\\s,;&}}\]]+""",
        # A name, and behind a blank what has a digit.
        r"(?:id_?tag|id_?token|rfid|card|badge|tag|uid|token)[\w.-]{0,40}\s{1,5}(?:is\s|no\.?\s|nr\.?\s)?"
        rf"""{_QUOTE})((?=[A-Za-z_-]{{0,40}}\d)[\w-]{{4,}}""",
    )
)
_SECRETS_IN_TEXT = re.compile(
    r"(?i)((?:authorization_?key|password|passwd|passphrase|pwd|secret|private_?key|pre_?shared_?key|api_?key"
    rf"""|token|psk|pin){_QUOTE}\s{{0,5}}[:=][\s\[{{]{{0,9}}{_QUOTE})[^"'\\,;&}}\]]+"""
)
_RUNS = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:[0-9A-Fa-f]{2}[ :.-]){3,}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{8,}"
    r"|(?=[A-Za-z]*[0-9])[0-9A-Za-z]{8,}"
    r"|(?=[A-Za-z-]{0,40}[0-9])(?!\d{4}-\d\d-\d\d)[0-9A-Za-z]+(?:-[0-9A-Za-z]+)+"
    r"|[A-Z2-7]{16,})(?![0-9A-Za-z])"
)
"""What may be a card's number or a key: hexadecimal, base 32, or letters and digits in one."""
_VALUES_IN_TEXT = re.compile(r"""(?i)(value\\{0,4}["']\s{0,5}:\s{0,5}\\{0,4}["'])[^"'\\]*""")
_WORDS = re.compile(r"[^\s\"'\\,;:=(){}\[\]]{4,}")
_PIECES = re.compile(r"[0-9A-Za-z]{4,}")
_CREDENTIALS = (
    (re.compile(r"(://[^\s/:@\"]+:)[^\s/@\"]+@"), r"\1…@"),
    (re.compile(r"(://[^\s\"?#]*\?)[^\s\"#]+"), r"\1…"),
    (re.compile(r"(?i)\b(basic|bearer)\s+[\w.~+/=-]{6,}"), r"\1 …"),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*)*"), "eyJ…"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Masks:
    """Masks values, and knows again what once was a tag or a secret."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        """Tags and secrets in lower case, with what is shown instead."""
        self._phrases: dict[str, str] = {}
        """Those of several words."""

    def value(self, value: Any, *, free: bool = False, depth: int = 0, inside: str = "") -> Any:
        """*value* (of JSON), masked. *free*: texts can be anything; *inside* a ``tag``, ``secret`` …"""
        if depth > DEEPEST:
            return HIDDEN
        if isinstance(value, dict):
            return self._object(value, free, depth, inside)
        if isinstance(value, list):
            return [self.value(part, free=free, depth=depth + 1, inside=inside) for part in value]
        if value is None or isinstance(value, bool):
            return value
        if inside in ("tag", "secret"):
            return self._learnt(str(value), inside)
        return self._string(value, free, depth) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """*text* that is anything: what looks like a tag or a secret is left out."""
        text = without_credentials(text)
        text = _SECRETS_IN_TEXT.sub(rf"\1{HIDDEN}", text)
        if holds_secret(text):  # which of its values it is, only JSON would tell
            text = _VALUES_IN_TEXT.sub(rf"\1{HIDDEN}", text)
        for pattern in _IN_TEXT:
            text = pattern.sub(lambda found: found[1] + _masked(found[2]), text)
        return _RUNS.sub(lambda found: masked(found[0]), text)

    def known(self, text: str) -> str:
        """*text* (or JSON) without what has been a tag or a secret, wherever that was."""
        if self._words:
            text = _WORDS.sub(self._of_word, text)
            text = _PIECES.sub(self._of_word, text)
        for words, instead in self._phrases.items():
            text = re.sub(re.escape(words), instead.replace("\\", "\\\\"), text, flags=re.IGNORECASE)
        return text

    def _of_word(self, found: re.Match[str]) -> str:
        return self._words.get(found[0].lower(), found[0])

    def _object(self, value: dict[str, Any], free: bool, depth: int, inside: str) -> dict[str, Any]:
        named = ""
        for key in value:
            if _plain(key) in _NAMES and (name := _named(value[key])):
                named = "secret" if holds_secret(name) else named or ("tag" if _is_tag(name) else "")
        shown = {}
        for key, part in value.items():
            plain, of_part = _plain(key), inside
            if inside == "tag" and plain in _BESIDE_TAG and isinstance(part, str):
                of_part = ""
            elif inside.startswith("values of ") and plain in _VALUES:
                of_part = inside.removeprefix("values of ")
            elif inside == "vpn" and plain == "key":
                of_part = "secret"
            elif not inside:
                of_part = self._of_key(key, plain, part, named)
            elif inside == "vpn":
                of_part = self._of_key(key, plain, part, named) or inside
            shown[key] = self.value(part, free=free or plain in _FREE, depth=depth + 1, inside=of_part)
        return shown

    def _of_key(self, key: str, plain: str, part: Any, named: str) -> str:
        if named and plain in _VALUES:
            return named
        if named and plain not in _NAMES and isinstance(part, (dict, list)):
            return f"values of {named}"
        if _is_tag(key):
            return "tag"
        if plain not in _NAMES and holds_secret(key):
            return "secret"
        return "vpn" if plain == "vpn" else ""

    def _string(self, text: str, free: bool, depth: int) -> str:
        if text.lstrip()[:1] in ("{", "["):  # vendors put JSON into texts
            try:
                return orjson.dumps(self.value(orjson.loads(text), free=True, depth=depth + 1)).decode()
            except (orjson.JSONDecodeError, RecursionError, TypeError):
                free = True
        return self.text(text) if free else without_credentials(text)

    def _learnt(self, text: str, what: str) -> str:
        instead = HIDDEN if what == "secret" else masked(text)
        key = orjson.dumps(text.strip().lower()).decode()[1:-1]  # as it stands in JSON
        if LEAST_KNOWN <= len(key) <= 255:
            known, most = (
                (self._words, MOST_KNOWN) if _WORDS.fullmatch(key) else (self._phrases, MOST_PHRASES)
            )
            if len(known) < most:
                known.setdefault(key, instead)
        return instead


def without_credentials(text: str) -> str:
    """*text* without what would let somebody in elsewhere: in addresses, headers and signed tokens.

    Not as the log is cleaned, which takes each random id for one of a page of ours: charger and portal
    call their messages and transactions so.
    """
    for pattern, instead in _CREDENTIALS:
        text = pattern.sub(instead, text)
    return _CONTROL.sub("�", text)


def is_secret(key: str) -> bool:
    """Whether a charger's configuration keeps a secret or a card's number under *key*, by its name."""
    return holds_secret(key) or any(_is_tag(part) for part in (key, *key.split(".")))


def _masked(text: str) -> str:
    return text if HIDDEN in text else masked(text)


@lru_cache(maxsize=4096)
def _is_tag_name(plain: str) -> bool:
    return _TAG.search(plain) is not None


def _is_tag(key: str) -> bool:
    return _is_tag_name(_plain(key))


def _named(value: Any) -> str:
    """The name that *value* gives: itself, or the name in a variable of 2.0.1."""
    if isinstance(value, dict):
        value = value.get("name")
    return value if isinstance(value, str) else ""


def _plain(key: str) -> str:
    return _short(key[-100:])


@lru_cache(maxsize=4096)
def _short(key: str) -> str:
    return re.sub(r"[\s_.-]", "", key).casefold()
