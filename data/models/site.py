"""Sites, chargers, and who sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, BigId
from data.types import Admission, ConnectorStatus


class Site(Base):
    """A place with chargers and a time zone."""

    __tablename__ = "sites"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    time_zone: Mapped[str] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    board_energy: Mapped[bool] = mapped_column(default=False)
    """Whether its displays show the kWh of a running charge (K8)."""


class Charger(Base):
    """A charge point. ``identity`` is the last part of its OCPP address."""

    __tablename__ = "chargers"
    __table_args__ = (Index("ix_chargers_last_seen_at", "last_seen_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(String(255), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    admission: Mapped[Admission] = mapped_column(default=Admission.ACCEPTED)
    visible_to_all: Mapped[bool] = mapped_column(default=True)
    """Otherwise only to the accounts of its groups (P19)."""
    protocol: Mapped[str | None] = mapped_column(String(16))
    vendor: Mapped[str | None] = mapped_column(String(255))
    model: Mapped[str | None] = mapped_column(String(255))
    serial_number: Mapped[str | None] = mapped_column(String(255))
    firmware: Mapped[str | None] = mapped_column(String(255))
    booted_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    """Any message counts (C4). Written at most every few seconds; never older than 30 s in truth."""
    reading_interval: Mapped[int] = mapped_column(default=60)
    """Seconds between the meter values of a session, as configured or as last observed (P8)."""
    clock_skew: Mapped[int] = mapped_column(default=0)
    """Seconds its clock is ahead of ours, as last observed (M14)."""
    created_at: Mapped[datetime | None]
    """Unknown for those of the first versions."""


class Connector(Base):
    """One plug of a charger. ``evse`` is 0 for OCPP 1.6, where connectors are numbered through.

    The row with ``number`` 0 is no plug: it holds the status of the charger as a whole (P20), and a
    2.0.1 transaction whose connector nobody has named yet.
    """

    __tablename__ = "connectors"
    __table_args__ = (UniqueConstraint("charger_id", "evse", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    charger_id: Mapped[int] = mapped_column(ForeignKey("chargers.id"))
    evse: Mapped[int] = mapped_column(default=0)
    number: Mapped[int]
    type: Mapped[str | None] = mapped_column(String(32))
    """`Type 2`, `CCS`, `CHAdeMO`, `NACS`, `Schuko` …; shown as it is."""
    max_power_w: Mapped[int | None]
    status: Mapped[ConnectorStatus] = mapped_column(default=ConnectorStatus.UNKNOWN)
    error_code: Mapped[str | None] = mapped_column(String(64))
    info: Mapped[str | None] = mapped_column(String(255))
    status_since: Mapped[datetime | None]


class ChargerGroup(Base):
    """A named group of chargers that only named accounts see (P19)."""

    __tablename__ = "charger_groups"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)


class GroupCharger(Base):
    """A charger in a group."""

    __tablename__ = "group_chargers"
    group_id: Mapped[int] = mapped_column(ForeignKey("charger_groups.id"), primary_key=True)
    charger_id: Mapped[int] = mapped_column(ForeignKey("chargers.id"), primary_key=True, index=True)


class GroupAccount(Base):
    """An account that sees the chargers of a group."""

    __tablename__ = "group_accounts"
    group_id: Mapped[int] = mapped_column(ForeignKey("charger_groups.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True, index=True)


class ChargerReport(Base):
    """The newest report of a kind that a charger sent besides sessions: firmware, diagnostics, events."""

    __tablename__ = "charger_reports"
    __table_args__ = (UniqueConstraint("charger_id", "action"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    charger_id: Mapped[int] = mapped_column(ForeignKey("chargers.id"))
    action: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]


class QuarantinedMessage(Base):
    """A message that could not be applied, kept whole for the operator (C11); a repeated one once."""

    __tablename__ = "quarantined_messages"
    __table_args__ = (UniqueConstraint("charger_id", "digest"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    charger_id: Mapped[int] = mapped_column(ForeignKey("chargers.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("sessions.id"), index=True)
    """The session it was matched to, if that was unambiguous."""
    received_at: Mapped[datetime]
    """When it came first."""
    last_received_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(default=1)
    action: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(String(200))
    resolved_at: Mapped[datetime | None] = mapped_column(index=True)
    """When an operator has seen to it."""
    digest: Mapped[str] = mapped_column(String(64))
    """Of action and payload; see `app.charging.quarantine`."""
