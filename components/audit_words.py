"""A row of the audit log in words: what was done, to what, and its details."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from components.words import UNKNOWN, Reader
from data.queries.audit_log import REFUSED

TAGS = frozenset({"id_tag", "tag", "tags", "card"})
"""Details that name cards: shown in part, whatever was written (T63)."""
MONEY = frozenset({"base_fee", "amount"})
PRICES = frozenset({"price_per_kwh"})
_DAY = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d|$)")
LONGEST = 600
"""Characters of details that are shown; the file has all."""


def action(name: str, about: str, reader: Reader) -> str:
    """What was done; an attempt that was refused says so."""
    bare = name.removesuffix(REFUSED)
    key = f"people.did.{bare}"
    # What has no words yet is shown as it is called: better a strange word than nothing.
    what = reader.text(key) if reader.knows(key) else bare
    if bare == "account.role" and reader.knows(f"people.role.{about}"):
        what = reader.text("people.did.account.role.to", role=reader.text(f"people.role.{about}"))
    return reader.text("people.did.refused", what=what) if bare != name else what


def who(actor_id: int | None, name: str, reader: Reader) -> str:
    """Who did it: a person by name, the program's parts in words."""
    key = "audit.by." + name.replace(" ", "_")
    return reader.text(key) if actor_id is None and reader.knows(key) else name


def about(text: str, reader: Reader) -> str:
    """What it was done to: the log's own word for its kind in the reader's language."""
    kind, _, which = text.partition(" ")
    key = f"audit.thing.{kind}"
    return reader.text(key, which=which) if which and reader.knows(key) else text


def details(found: Mapping[str, Any] | None, reader: Reader) -> str:
    """The details of a row on one line: `price_per_kwh: €0.28 → €0.31`, `Drivers: 3`."""
    if not found:
        return ""
    flat = {**found, **found["changed"]} if isinstance(found.get("changed"), dict) else dict(found)
    flat.pop("changed", None)
    currency = flat.get("currency")
    known = currency[-1] if isinstance(currency, list) and currency else currency
    parts = [
        _told(name, value, known, reader) for name, value in flat.items() if value not in (None, "", [], {})
    ]
    told = " · ".join(parts)
    return told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"


def _told(name: str, value: Any, currency: Any, reader: Reader) -> str:
    if name == "complete" and isinstance(value, bool):
        return reader.text("audit.complete" if value else "audit.incomplete")
    if name == "lines" and isinstance(value, list) and all(isinstance(one, dict) for one in value):
        told = ", ".join(_billed(one, reader) for one in value)
        if any(isinstance(one.get("amount"), int) for one in value):
            return reader.text("audit.billed", lines=told)
        return f"{label('energy_wh', reader)}: {told}"  # settled, and nothing billed for it
    return f"{label(name, reader)}: {_value(name, value, currency, reader)}"


def _billed(line: Mapping[str, Any], reader: Reader) -> str:
    energy, amount, currency = line.get("energy_wh"), line.get("amount"), line.get("currency")
    told = reader.billed_kwh(energy) if isinstance(energy, int) else UNKNOWN
    if not isinstance(amount, int) or not isinstance(currency, str):
        return told
    return reader.text("audit.billed.line", energy=told, amount=reader.money(amount, currency))


def label(name: str, reader: Reader) -> str:
    """The name of a detail, as far as there is one in the reader's language."""
    key = f"audit.detail.{name}"
    return reader.text(key) if reader.knows(key) else name.replace("_", " ")


def _value(name: str, value: Any, currency: Any, reader: Reader) -> str:
    if isinstance(value, list) and len(value) == 2 and not any(isinstance(one, dict) for one in value):
        return " → ".join(_value(name, one, currency, reader) for one in value)
    if isinstance(value, list):
        return ", ".join(_value(name, one, currency, reader) for one in value) or UNKNOWN
    if isinstance(value, dict):
        known = value.get("currency", currency)
        inner = (f"{label(key, reader)} {_value(key, one, known, reader)}" for key, one in value.items())
        return "(" + ", ".join(inner) + ")"
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, bool):
        return reader.text("audit.yes" if value else "audit.no")
    if isinstance(value, int) and isinstance(currency, str) and name in MONEY:
        return reader.money(value, currency)
    if isinstance(value, int) and isinstance(currency, str) and name in PRICES:
        return reader.price(value, currency)
    if isinstance(value, int) and name.endswith("_wh"):
        return reader.billed_kwh(value)
    if isinstance(value, int) and name.endswith("_minute"):
        return f"{value // 60:02d}:{value % 60:02d}"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return masked(text) if name in TAGS else _moment(text, reader)


def _moment(text: str, reader: Reader) -> str:
    """*text* in the reader's words and zone if it is a day or a moment as the log keeps them."""
    if not _DAY.match(text):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    if len(text) == len("2026-11-01"):
        return reader.full_date(at.date())
    if at.tzinfo is None:
        return text
    return f"{reader.full_date(reader.local(at).date())}, {reader.time(at)}"


def without_tags(value: Any, name: str = "") -> Any:
    """*value* with whatever names a card shown in part."""
    if isinstance(value, dict):
        return {key: without_tags(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [without_tags(one, name) for one in value]
    return masked(value) if name in TAGS and isinstance(value, str) else value


def masked(tag: str) -> str:
    """Enough of an id tag to tell two apart, not enough to charge with it; what is masked stays so."""
    if "…" in tag or not tag:
        return tag
    return f"{tag[:2]}…{tag[-2:]}" if len(tag) >= 8 else "…"
