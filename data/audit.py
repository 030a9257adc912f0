"""The audit log: rows are written in the transaction of what they tell, and never changed (T30).

Triggers on both databases refuse to change or delete a row; nothing refers to an account by a foreign
key, so that rows outlive it. Names are kept as they were.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from data.caller import Caller
from data.database import Change
from data.models import Account, AuditEntry


def record(
    change: Change,
    caller: Caller,
    action: str,
    at: datetime,
    *,
    about: str = "",
    subject_id: int | None = None,
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Write that *caller* did *action* (``account.disable``, ``acting.begin``, ``card.move.refused``).

    *about* names what it was done to (``sign-in 12``); *subject_id* the account that it concerns, if it
    is not the caller's own. No secrets and no whole id tags in *details* (T63).
    """
    subject = caller.subject_id if subject_id is None else subject_id
    ids = [one for one in {subject, caller.actor_id} if one is not None]
    found = change.connection.execute(
        select(Account.id, Account.name, Account.role).where(Account.id.in_(ids))
    )
    known = {row.id: row for row in found}
    actor = known.get(caller.actor_id) if caller.actor_id is not None else None
    change.execute(
        insert(AuditEntry),
        {
            "at": at,
            "action": action,
            "subject_id": subject,
            "subject_name": known[subject].name if subject in known else "",
            "actor_id": caller.actor_id,
            "actor_name": actor.name if actor is not None else caller.label,
            "actor_role": actor.role if actor is not None else caller.role,
            "about": about[:200],
            "reason": reason[:1_000],
            "address": caller.address[:64],
            "request_id": caller.request_id[:32],
            "details": details,
        },
    )
