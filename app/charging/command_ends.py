"""What became of a request to a charger, for the audit log (T59)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from data import audit
from data.caller import Caller
from data.database import Change
from data.models import ChargerCommand, ChargingSession, Mapping, Reservation
from data.types import CommandState

_c = ChargerCommand

ENDING = (
    _c.id,
    _c.charger_id,
    _c.kind,
    _c.state,
    _c.outcome,
    _c.parameters,
    _c.session_id,
    _c.reservation_id,
    _c.asked_by_id,
    _c.asked_by,
)
"""What `tell_end` takes of a request."""


def tell_end(change: Change, row: Row[Any], state: CommandState, outcome: str | None, now: datetime) -> None:
    """Keep in the audit log what became of a request, beside the row of whoever made it (T59)."""
    about: Any = None
    if row.reservation_id is not None:
        about = select(Reservation.account_id).where(Reservation.id == row.reservation_id)
    elif row.kind == "start":
        tag = str(row.parameters.get("id_tag"))
        about = select(Mapping.account_id).where(Mapping.id_tag == tag, Mapping.active)
    elif row.session_id is not None:
        about = select(ChargingSession.account_id).where(ChargingSession.id == row.session_id)
    details = {"command": row.id, "kind": row.kind, "outcome": outcome}
    audit.record(
        change,
        Caller(None, None, row.asked_by_id, label=row.asked_by),
        f"command.{state.value}",
        now,
        about=f"charger {row.charger_id}",
        subject_id=None if about is None else change.execute(about).scalar_one_or_none(),
        details={name: value for name, value in details.items() if value is not None},
    )
