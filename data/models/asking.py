"""What was asked of chargers, and what they showed besides sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, BigId
from data.types import CommandState


class ChargerCommand(Base):
    """One request to a charger by an operator or a driver, and what became of it (C16, T59).

    The row is there before anything is sent. With several processes it is also how the request reaches
    the one that the charger is connected to.
    """

    __tablename__ = "charger_commands"
    __table_args__ = (
        Index("ix_charger_commands_charger_id", "charger_id", "id"),
        Index(
            "ix_charger_commands_open",
            "deadline",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    charger_id: Mapped[int] = mapped_column(ForeignKey("chargers.id"))
    connector_id: Mapped[int | None] = mapped_column(ForeignKey("connectors.id"))
    kind: Mapped[str] = mapped_column(String(32))
    """``start``, ``stop``, ``unlock``, ``reset``, ``change_availability``, ``trigger``, ``reserve``,
    ``cancel_reservation``, ``get_configuration``, ``set_configuration``."""
    parameters: Mapped[dict[str, Any]]
    state: Mapped[CommandState] = mapped_column(default=CommandState.WAITING)
    outcome: Mapped[str | None] = mapped_column(String(32))
    """A word of `app.charging.ocpp.calls.Outcome`."""
    said: Mapped[str | None] = mapped_column(String(255))
    """The charger's word as it came."""
    answer: Mapped[dict[str, Any] | None]
    """What it answered besides: configuration keys."""
    session_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("sessions.id"))
    """The session to stop, or the one that a start led to."""
    reservation_id: Mapped[int | None] = mapped_column(ForeignKey("reservations.id"))
    asked_by_id: Mapped[int | None]
    """The account; no foreign key, the row outlives it."""
    asked_by: Mapped[str] = mapped_column(String(200), default="")
    requested_at: Mapped[datetime]
    deadline: Mapped[datetime]
    """After it the request has timed out."""
    answered_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    """*Accepted* is not *started*: a start is finished when its transaction is there."""


class TagSighting(Base):
    """An id tag that a charger has reported, mapped or not: where and when last."""

    __tablename__ = "tag_sightings"
    __table_args__ = (Index("ix_tag_sightings_last_seen_at", "last_seen_at"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    """Names the tag in addresses, which whole tags don't belong into (T63)."""
    id_tag: Mapped[str] = mapped_column(String(255), unique=True)
    """Upper case, as in `Mapping`."""
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    charger_id: Mapped[int] = mapped_column(ForeignKey("chargers.id"))
    connector_number: Mapped[int | None]
    times: Mapped[int] = mapped_column(default=1)
    ignored_at: Mapped[datetime | None]
    """An operator has said that nothing is to be done about it."""


class CheckIn(Base):
    """A charger was heard of within this half hour: the strip of its last seven days (C4)."""

    __tablename__ = "check_ins"
    __table_args__ = (Index("ix_check_ins_slot", "slot"), {"sqlite_with_rowid": False})
    charger_id: Mapped[int] = mapped_column(ForeignKey("chargers.id"), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Half hours since 1970-01-01 UTC."""
