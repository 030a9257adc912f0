"""The log: one line an event, without secrets, whatever strangers put into it (T63).

A call says what happened and what it was about as ``name=value``; who asked, and by which request,
is added here (`app.request_context`).
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from datetime import UTC, datetime

from app import request_context

_WORD = r"password|passwort|secret|token|code_verifier"
_UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_ALL_KINDS = r"(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?=[\w-]*[0-9])"
SECRETS = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        # By where they stand:
        (r"(/(?:enter|invitation|kiosk|pair|password|welcome)/)[\w-]{20,}", r"\1…"),
        (r"(?i)\b(basic|bearer)\s+[\w.~+/=-]{6,}", r"\1 …"),
        (r"(?i)\b(cookie[\"']?\s*[=:,]\s*b?[\"']?)[^\r\n\"']{6,}", r"\1…"),
        (r"(?i)((?:__Host-)?polaris(?:-display)?=)[\w-]{20,}", r"\1…"),
        (rf"(?i)((?:{_WORD})[\"']?\s*[=:]\s*[\"']?)[^\s\"',&}}]+", r"\1…"),
        (r"(?i)\b((?:code|state|nonce)[\"']?\s*[=:]\s*[\"']?)[\w.~+/%=-]{16,}", r"\1…"),
        (r"(?i)\b((?:client|tab|document)_id[\"']?\s*[=:]\s*[\"']?)[\w-]{20,}", r"\1…"),
        (r"(://[^\s/:@]+:)[^\s/@]+@", r"\1…@"),
        # By what they look like, wherever they stand: signed tokens, password hashes, the ids of NiceGUI's
        # pages (T38; a charger may be called like one), and 256 bits as our links and cookies write them.
        (r"\beyJ[\w-]{8,}(?:\.[\w-]*)*", "eyJ…"),
        (r"\$argon2\w+\$[\w$,=+/.-]+", "$argon2…"),
        (rf"(?i)(?<!charger )(?<!charger ')\b{_UUID4}\b", "…"),
        (r"Key \(([^)]*)\)=\(.*?\)(?= )", r"Key (\1)=(…)"),  # what PostgreSQL says of duplicates
        (rf"(?<![\w-])(?=[\w-]{{43}}(?![\w-])){_ALL_KINDS}[\w-]{{43}}", "…"),
    )
)
"""What is left out of each line, also where a library or an exception says it."""
_LEFT = "ASGI callable returned without completing response."
"""Uvicorn's word for a browser that left in the middle of one of several requests on its connection. What
fails in the middle of an answer raises, and is told with its reason.
"""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class OneLine(logging.Formatter):
    r"""``2026-11-22T12:00:00.123Z INFO polaris.access signed in account=7 request=7F3A9C01``.

    Line breaks become ``\n``. What ends the line is ours: a stranger's text stands before it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of *record*."""
        moment = datetime.fromtimestamp(record.created, UTC)
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += "\n" + "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{time} {record.levelname} {record.name} {clean(text)}"
        told = request_context.told()
        return f"{line} {told}" if told else line


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
    for name in list(root.manager.loggerDict):  # Socket.IO's and Engine.IO's write past us otherwise
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.error").addFilter(_is_told)
    # It warns of every odd byte in a form that anybody sends: that is no news, and a flood of it hides some.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    logging.captureWarnings(True)
    logging.getLogger("polaris").setLevel(level.upper())


def _is_told(record: logging.LogRecord) -> bool:
    return record.msg != _LEFT


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
