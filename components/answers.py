"""Answers that cards show: asked together, and each fails by itself (P5)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

log = logging.getLogger("polaris.cards")


@dataclass(frozen=True, slots=True)
class Failed:
    """Stands where an answer would, if there is none."""

    error: Exception


def together(db: Connection, queries: Sequence[Callable[[Connection], Any]]) -> list[Any]:
    """What each of *queries* answers, or `Failed`. Raises only where the connection is lost."""
    answers: list[Any] = []
    for query in queries:
        try:
            answers.append(query(db))
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise  # `Database.ask` knows what to do
            db.rollback()  # PostgreSQL answers nothing more in a transaction that failed
            answers.append(Failed(error))
    return answers


def report(error: Exception, *, again: bool) -> None:
    """Log *error* under a reference; without its trace if the card failed before as well."""
    reference = secrets.token_hex(2).upper()
    log.error(
        "a card could not be loaded, reference %s: %r", reference, error, exc_info=None if again else error
    )
