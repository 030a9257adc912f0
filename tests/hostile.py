"""Hostile strings, and every stored text replaced by them (T41)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import JSON, Column, Enum, String, select, update

from data.database import Change
from data.models import AuditEntry, Base, Charge
from data.types import Role
from tests.world import NOW

PAYLOADS = (
    "<script>window.hacked=1</script>",
    '<img src=x onerror="window.hacked=2">',
    '"><svg onload=window.hacked=3>',
    "'-(window.hacked=4)-'",
    "javascript:window.hacked=5",
    "{{constructor.constructor('window.hacked=6')()}}",
    "${window.hacked=7}",
    '<a href="https://evil.example/">click</a>',
    '<iframe src="javascript:parent.hacked=9"></iframe>',
    "</script></title></textarea><script>window.hacked=10</script>",
    '" autofocus onfocus="window.hacked=11" onmouseover="window.hacked=11" x="',
    "<style>*{display:none!important}</style>",
    '<base href="https://evil.example/"><meta http-equiv=refresh content="0;url=https://evil.example/">',
    "[x](javascript:window.hacked=14) ![x](https://evil.example/x.png)",
    "&lt;script&gt;window.hacked=15&lt;/script&gt;",
    "<math><mtext><img src onerror=window.hacked=16></mtext></math>",
    "'); DROP TABLE accounts; --",
    "\u202egnp.exe \u2066\ufeff\u200b\u0007",
    '=HYPERLINK("https://evil.example/","x")',
    '<q-btn href="https://evil.example/" @click="window.hacked=20"></q-btn> https://evil.example/',
)
NOT_TEXT = {
    *("token_hash", "key_hash", "password_hash", "digest", "purpose"),
    *("time_zone", "language", "currency"),
    *("topic", "origin", "source", "protocol"),
    *("kind", "outcome", "charger_answer", "event_type"),
    *("tiers", "windows"),
    *("languages", "address_hash"),
}
"""Columns of words and lists that only the program makes, or that are checked against a list before."""
NEVER_CHANGED = {AuditEntry.__tablename__, Charge.__tablename__}
"""Tables whose rows nobody can change: tests insert hostile ones."""


def plant(change: Change) -> int:
    """Put all of them into every text of every other row, one by one into the rest; how many texts.

    So each text has had all of them somewhere, and each of them has stood alone. A new table or column is
    among them without a word here. SQLite takes texts of any length.
    """
    planted = 0
    for table in Base.metadata.sorted_tables:
        columns = [column for column in table.columns if _is_text(column)]
        if table.name in NEVER_CHANGED or not columns:
            continue
        for number, row in enumerate(change.execute(select(table)).mappings().all()):
            payload = " ".join(PAYLOADS) if number % 2 == 0 else PAYLOADS[(number + planted) % len(PAYLOADS)]
            values = {column.name: _hostile(column, payload, number, row[column.name]) for column in columns}
            key = [column == row[column.name] for column in table.primary_key.columns]
            change.execute(update(table).where(*key).values(**values))
            planted += len(values)
    return planted


def audit_rows(subject_id: int, actor_id: int) -> Iterator[dict[str, Any]]:
    """Rows for the audit log, whose rows nobody can change afterwards."""
    for payload in (*PAYLOADS, " ".join(PAYLOADS)):
        yield {
            "at": NOW,
            "action": "acting.begin",
            "subject_id": subject_id,
            "subject_name": payload,
            "actor_id": actor_id,
            "actor_name": payload,
            "actor_role": Role.OPERATOR,
            "about": payload,
            "reason": payload,
            "address": payload,
            "request_id": payload,
            "details": {payload: payload},
        }


def _is_text(column: Column[Any]) -> bool:
    if (column.table.name, column.name) == ("sign_ins", "reason"):
        return False  # belongs to acting as alone; the test begins one with a hostile reason
    if column.name in NOT_TEXT or isinstance(column.type, Enum) or column.foreign_keys:
        return False
    return isinstance(column.type, (String, JSON))


def _hostile(column: Column[Any], payload: str, number: int, had: Any) -> Any:
    if isinstance(column.type, JSON):
        if column.name == "flags":
            return [payload]
        return _filled(had, payload) | {payload: payload} if isinstance(had, dict) else {payload: payload}
    if column.name == "email":  # stored in lower case, and unique
        return f"{number}{payload}".lower()
    unique = column.unique or any(
        column.name in {one.name for one in constraint.columns} and len(constraint.columns) > 1
        for constraint in column.table.constraints
    )
    return f"{payload}{number}" if unique or column.name in ("id_tag", "name", "identity") else payload


def _filled(value: Any, payload: str) -> Any:
    """*value* of JSON with *payload* for each text in it: names and numbers are the program's own."""
    if isinstance(value, dict):
        return {key: _filled(part, payload) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, payload) for part in value]
    return payload if isinstance(value, str) else value
