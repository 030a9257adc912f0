"""The log: one line an event, without secrets, whatever strangers put into it (T63)."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from datetime import UTC, datetime

SECRETS = (
    (re.compile(r"(/welcome/)[\w-]{20,}"), r"\1…"),
    (re.compile(r"(?i)\b(basic|bearer)\s+[\w.~+/=-]{6,}"), r"\1 …"),
    (re.compile(r"(?i)((?:__Host-)?polaris=)[\w-]{20,}"), r"\1…"),
    (re.compile(r"(?i)\b((?:password|passwort|secret|token)[\"']?\s*[=:]\s*[\"']?)[^\s\"',&}]+"), r"\1…"),
    (re.compile(r"(?i)\b(client_id[\"']?\s*[=:]\s*[\"']?)[0-9a-f-]{36}"), r"\1…"),
    (re.compile(r"(://[^\s/:@]+:)[^\s/@]+@"), r"\1…@"),
)
"""What is left out of each line, also where a library or an exception says it."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class OneLine(logging.Formatter):
    r"""``2026-11-22T12:00:00.123Z INFO polaris.access signed in account=7``; line breaks become ``\n``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of *record*."""
        moment = datetime.fromtimestamp(record.created, UTC)
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += "\n" + "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"{time} {record.levelname} {record.name} {clean(text)}"


def clean(text: str) -> str:
    """*text* without secrets, and with what would break or forge a line escaped."""
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return _CONTROL.sub(_escaped, text)


def masked(id_tag: str | None) -> str:
    """An id tag as it may be logged (T63): enough to tell two apart, not enough to charge with it."""
    if not id_tag:
        return "-"
    return f"{id_tag[:2]}…{id_tag[-2:]}" if len(id_tag) >= 8 and id_tag.isprintable() else "…"


def configure(level: str) -> None:
    """Write all logs to standard error in this form; *level* as in the settings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("polaris").setLevel(level.upper())


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
