"""A session's row, locked with the accounts whose bill depends on it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, insert, select, update

from app.billing.charges import lock_accounts
from data.database import Change
from data.models import ChargingSession, SessionCorrection

_sessions = ChargingSession
_OWNER = select(_sessions.account_id).where(_sessions.id == bindparam("session_id"))
_SESSION = (
    select(
        *(
            getattr(_sessions, name)
            for name in (
                "id",
                "charger_id",
                "account_id",
                "mapping_id",
                "id_tag",
                "ocpp_transaction_id",
                "started_at",
                "received_at",
                "ended_at",
                "stop_received_at",
                "finalized_at",
                "late_at",
                "energy_wh",
                "energy_started_at",
                "energy_ended_at",
                "flags",
            )
        )
    )
    .where(_sessions.id == bindparam("session_id"))
    .with_for_update()
)


def owned(change: Change, session_id: int, *more: int) -> Any:
    """The session's row; nobody changes it, or bills its account or *more*, before the commit.

    ``None``: there is none. Accounts are locked first and in order, so that two of these never wait for
    each other.
    """
    key = {"session_id": session_id}
    owner = change.execute(_OWNER, key).scalar_one_or_none()
    while True:
        lock_accounts(change, (owner, *more))
        row = change.execute(_SESSION, key).one_or_none()
        if row is None or row.account_id == owner:
            return row
        owner = row.account_id  # it was handed over meanwhile


def keep(change: Change, session_id: int, **values: Any) -> None:
    """Set columns of the session."""
    change.execute(update(_sessions).where(_sessions.id == session_id).values(values))


def corrected(change: Change, session_id: int, **row: Any) -> None:
    """Keep a `SessionCorrection`: ``at``, ``by``, ``by_id``, ``reason``, ``before`` and ``after``."""
    change.execute(insert(SessionCorrection), {"session_id": session_id, **row})
