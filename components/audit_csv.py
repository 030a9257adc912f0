"""The audit log as a CSV file that spreadsheets open as it is (T46)."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from components import audit_words
from components.sessions_csv import BOM, line, moment
from components.words import Reader
from data.queries.audit_log import LoggedAction

COLUMNS = (
    *("id", "at", "zone", "at_utc", "who", "role", "what", "action", "about_whom"),
    *("about", "reason", "address", "request", "details"),
)


def head(reader: Reader) -> str:
    """The first line of the file, with what has to stand before it."""
    return BOM + line([reader.text("audit.csv." + column) for column in COLUMNS], reader)


def lines(rows: Iterable[LoggedAction], reader: Reader) -> str:
    """A line for each of *rows*."""
    return "".join(line(_cells(row, reader), reader) for row in rows)


def _cells(row: LoggedAction, reader: Reader) -> tuple[str, ...]:
    return (
        str(row.id),
        moment(reader.local(row.at)),
        reader.zone,
        moment(row.at),
        row.actor_name,
        reader.text(f"people.role.{row.actor_role.value}") if row.actor_role is not None else "",
        audit_words.action(row.action, row.about, reader),
        row.action,
        row.subject_name,
        row.about,
        row.reason,
        row.address,
        row.request_id,
        orjson.dumps(audit_words.without_tags(row.details)).decode() if row.details else "",
    )
