"""Cards, sessions, readings, reservations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, BigId
from data.types import Authorization, ReservationStatus


class Mapping(Base):
    """The operator's link from one id tag to one driver; a moved card is a new row."""

    __tablename__ = "mappings"
    __table_args__ = (
        Index(
            "uq_mappings_active_id_tag",
            "id_tag",
            unique=True,
            sqlite_where=text("active"),
            postgresql_where=text("active"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    id_tag: Mapped[str] = mapped_column(String(255), index=True)
    """As the charger sends it, compared without regard to case (OCPP 1.6 CiString): stored upper case."""
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    active: Mapped[bool] = mapped_column(default=True)
    blocked: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    deactivated_at: Mapped[datetime | None]


class ChargingSession(Base):
    """One charging transaction, from plug-in to stop.

    ``id`` is the transaction id of OCPP 1.6 and is never used again (C9: AUTOINCREMENT, a
    sequence on PostgreSQL). ``energy_started_at`` and ``energy_ended_at`` bound the time in which
    energy flowed at the charger (P10); the second is never null, so that an index finds what
    overlaps a window without reading older history.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        Index(
            "uq_sessions_active_connector",
            "connector_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        UniqueConstraint("charger_id", "ocpp_transaction_id"),
        UniqueConstraint("source", "source_id"),
        Index("ix_sessions_account_id_started_at", "account_id", "started_at", "id"),
        # All that usage asks of a session stands in the index: rows lie far apart in a large file.
        Index(
            "ix_sessions_account_energy",
            "account_id",
            "energy_ended_at",
            "energy_started_at",
            "energy_wh",
            "id",
        ),
        Index("ix_sessions_connector_id_started_at", "connector_id", "started_at"),
        Index(
            "ix_sessions_active",
            # All that the banner's order needs: else SQLite, which has no statistics, takes the index
            # of a driver's whole history.
            "account_id",
            "started_at",
            "id",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_sessions_charger_id_started_at", "charger_id", "started_at"),
        Index("ix_sessions_started_at", "started_at", "id"),
        # Sorted by energy is what has ended: else each reading would move an entry in three indexes more.
        Index(
            "ix_sessions_energy_wh",
            "energy_wh",
            "id",
            sqlite_where=text("ended_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "ix_sessions_charger_energy_wh",
            "charger_id",
            "energy_wh",
            "id",
            sqlite_where=text("ended_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "ix_sessions_account_energy_wh",
            "account_id",
            "energy_wh",
            "id",
            sqlite_where=text("ended_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "ix_sessions_running",
            "started_at",
            "id",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_sessions_finalized_started_at",
            "started_at",
            "id",
            sqlite_where=text("finalized_at IS NOT NULL"),
            postgresql_where=text("finalized_at IS NOT NULL"),
        ),
        Index(
            "ix_sessions_to_settle",
            "started_at",
            "id",
            sqlite_where=text("ended_at IS NOT NULL AND finalized_at IS NULL AND account_id IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL AND finalized_at IS NULL AND account_id IS NOT NULL"),
        ),
        Index(
            # What all sessions of some days have drawn; nothing of it is written while they run.
            "ix_sessions_ended_energy",
            "energy_ended_at",
            "energy_started_at",
            "energy_wh",
            "id",
            "ended_at",
            sqlite_where=text("ended_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "ix_sessions_settling",
            "ended_at",
            "id",
            # Those of nobody wait here for as long as nobody sees to them: they are passed without a look.
            "account_id",
            sqlite_where=text("ended_at IS NOT NULL AND finalized_at IS NULL"),
            postgresql_where=text("ended_at IS NOT NULL AND finalized_at IS NULL"),
        ),
        Index(
            "ix_sessions_late",
            "late_at",
            sqlite_where=text("late_at IS NOT NULL"),
            postgresql_where=text("late_at IS NOT NULL"),
        ),
        Index(
            "ix_sessions_of_nobody",
            "id_tag",
            "started_at",
            sqlite_where=text("account_id IS NULL"),
            postgresql_where=text("account_id IS NULL"),
        ),
        Index(
            "ix_sessions_to_review",
            "started_at",
            sqlite_where=text("reviewed_at IS NULL AND CAST(flags AS TEXT) <> '[]'"),
            postgresql_where=text("reviewed_at IS NULL AND CAST(flags AS TEXT) <> '[]'"),
        ),
        CheckConstraint("energy_wh >= 0", name="energy_is_never_negative"),
        CheckConstraint("finalized_at IS NULL OR ended_at IS NOT NULL", name="only_ended_is_finalized"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ocpp_transaction_id: Mapped[str | None] = mapped_column(String(64))
    """The charger's own id in OCPP 2.0.1; null in 1.6, where ``id`` is the transaction id."""
    charger_id: Mapped[int] = mapped_column(ForeignKey("chargers.id"))
    connector_id: Mapped[int] = mapped_column(ForeignKey("connectors.id"))
    id_tag: Mapped[str] = mapped_column(String(255), index=True)
    authorization: Mapped[Authorization] = mapped_column(default=Authorization.ACCEPTED)
    """What was answered at the start; a repeated start gets the same (C9)."""
    mapping_id: Mapped[int | None] = mapped_column(ForeignKey("mappings.id"), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    """The mapping's driver, kept here so that one index serves a driver's lists."""
    reservation_id: Mapped[int | None] = mapped_column(ForeignKey("reservations.id"))
    started_at: Mapped[datetime]
    """Device time, corrected as M13–M15 say."""
    received_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    stop_received_at: Mapped[datetime | None]
    finalized_at: Mapped[datetime | None]
    stop_reason: Mapped[str | None] = mapped_column(String(64))
    meter_start: Mapped[int | None] = mapped_column(BigInteger)
    """Wh register at the start, as sent; null if unknown."""
    meter_stop: Mapped[int | None] = mapped_column(BigInteger)
    energy_wh: Mapped[int] = mapped_column(BigInteger, default=0)
    has_reading: Mapped[bool] = mapped_column(default=False)
    """False until the first energy reading: the banner then says that it waits (P8)."""
    energy_started_at: Mapped[datetime]
    energy_ended_at: Mapped[datetime]
    reading_at: Mapped[datetime | None]
    """Device time of the newest reading of energy or power."""
    power_w: Mapped[int | None]
    power_derived: Mapped[bool] = mapped_column(default=False)
    replayed: Mapped[bool] = mapped_column(default=False)
    """Reported after the fact and not yet seen alive: kept out of banners (C13)."""
    flags: Mapped[list[str]] = mapped_column(default=list)
    """Why an operator should look: words of `app.charging.metering.meter.Flag` and others, sorted."""
    reviewed_at: Mapped[datetime | None]
    """When an operator has seen to its flags."""
    late_at: Mapped[datetime | None]
    """When something came about it after it was finalized, until settlement has seen to it."""
    source: Mapped[str] = mapped_column(String(32), default="ocpp")
    source_id: Mapped[str | None] = mapped_column(String(64))
    """With ``source`` names an imported row, so that an import can be repeated."""


class MeterSample(Base):
    """One sampled value as the charger sent it (M20: each one once per session)."""

    __tablename__ = "meter_samples"
    __table_args__ = (
        UniqueConstraint(
            "session_id", "at", "measurand", "phase", "context", "location", name="uq_meter_samples_once"
        ),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    session_id: Mapped[int | None] = mapped_column(ForeignKey("sessions.id"))
    """Null for values outside a session, such as clock-aligned ones of connector 0 (M9)."""
    connector_id: Mapped[int] = mapped_column(ForeignKey("connectors.id"))
    at: Mapped[datetime]
    """Device time, corrected as M13–M15 say."""
    received_at: Mapped[datetime]
    seq_no: Mapped[int | None]
    """Of the OCPP 2.0.1 event that brought it; null where none did, or its number was used before."""
    measurand: Mapped[str] = mapped_column(String(64))
    phase: Mapped[str] = mapped_column(String(16), default="")
    context: Mapped[str] = mapped_column(String(32), default="")
    location: Mapped[str] = mapped_column(String(16), default="")
    unit: Mapped[str] = mapped_column(String(32), default="")
    format: Mapped[str] = mapped_column(String(16), default="")
    value: Mapped[str] = mapped_column(Text)


class EnergyStep(Base):
    """Energy that flowed evenly from ``started_at`` to ``ended_at``; a session's steps don't overlap."""

    __tablename__ = "energy_steps"
    __table_args__ = (
        CheckConstraint("energy_wh >= 0", name="energy_is_never_negative"),
        CheckConstraint("ended_at > started_at", name="takes_time"),
        {"sqlite_with_rowid": False},
    )
    session_id: Mapped[int] = mapped_column(BigId, ForeignKey("sessions.id"), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime]
    energy_wh: Mapped[int] = mapped_column(BigInteger)


class TransactionEvent(Base):
    """One OCPP 2.0.1 TransactionEvent; (transaction, seqNo) is unique (C14)."""

    __tablename__ = "transaction_events"
    session_id: Mapped[int] = mapped_column(BigId, ForeignKey("sessions.id"), primary_key=True)
    seq_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_type: Mapped[str] = mapped_column(String(16))
    trigger_reason: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    offline: Mapped[bool] = mapped_column(default=False)


class Reservation(Base):
    """A charger, or one connector of it, held for one mapping from ``starts_at`` to ``ends_at``.

    Two that overlap on a connector can't both be stored (C15): a trigger on SQLite, an exclusion
    constraint on PostgreSQL, both in the migrations. One that is refused is in nobody's way; one that is
    used ends with its charge. A reservation of the whole charger
    (``connector_number`` null) overlaps with one of each connector.
    """

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="takes_time"),
        Index("ix_reservations_account_id_ends_at", "account_id", "ends_at"),
        Index("ix_reservations_charger_id_ends_at", "charger_id", "ends_at"),
        Index("ix_reservations_ends_at", "ends_at"),
        Index("ix_reservations_starts_at", "starts_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    mapping_id: Mapped[int] = mapped_column(ForeignKey("mappings.id"), index=True)
    charger_id: Mapped[int] = mapped_column(ForeignKey("chargers.id"))
    connector_number: Mapped[int | None]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    status: Mapped[ReservationStatus] = mapped_column(default=ReservationStatus.HELD)
    charger_answer: Mapped[str | None] = mapped_column(String(32))
    """A word of `app.charging.ocpp.calls.Outcome`."""
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
