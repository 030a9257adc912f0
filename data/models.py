"""The tables. Constraints carry the names of the convention below, on SQLite and PostgreSQL alike.

Nothing here loads rows as objects: queries read columns (`data/queries`), so there are no
relationships and no hidden SQL. ``Wh`` columns are integers, moments are UTC.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from data.types import (
    Admission,
    Authorization,
    ConnectorStatus,
    ReservationStatus,
    Role,
    Theme,
    Utc,
    words,
)

BigId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts rows up by itself only in a column of type INTEGER."""


class Base(DeclarativeBase):
    """All tables share one naming convention, so that a migration can name what it changes."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Utc,
        Role: words(Role),
        Theme: words(Theme),
        Admission: words(Admission),
        ConnectorStatus: words(ConnectorStatus),
        Authorization: words(Authorization),
        ReservationStatus: words(ReservationStatus),
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


class Account(Base):
    """Somebody who can sign in. One person may own one of each role, so e-mail is unique per role."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("email", "role"),
        CheckConstraint("email = lower(email)", name="email_is_lower_case"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[Role]
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    """IANA name; unknown until the account or its browser says one."""
    language: Mapped[str | None] = mapped_column(String(16))
    """`en` or `de`; unset means: as the browser asks."""
    theme: Mapped[Theme] = mapped_column(default=Theme.SYSTEM)
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SignIn(Base):
    """One signed-in browser; its cookie carries the token, the row only the token's hash."""

    __tablename__ = "sign_ins"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class OneTimeLink(Base):
    """A link that lets somebody in once, such as the first operator (T22)."""

    __tablename__ = "one_time_links"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    purpose: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Site(Base):
    """A place with chargers and a time zone."""

    __tablename__ = "sites"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    time_zone: Mapped[str] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(String(3), default="EUR")


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
    constraint on PostgreSQL, both in the migration. A reservation of the whole charger
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
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]


class Plan(Base):
    """A price list with an optional included amount. Prices are integers (P25)."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint("NOT (unlimited AND included_wh IS NOT NULL)", name="unlimited_has_no_amount"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    currency: Mapped[str] = mapped_column(String(3))
    base_fee: Mapped[int | None]
    """Minor units a billing period."""
    price_per_kwh: Mapped[int | None]
    """In 1/10,000 of the currency's major unit (up to 4 decimals a kWh); beyond the included amount."""
    included_wh: Mapped[int | None] = mapped_column(BigInteger)
    unlimited: Mapped[bool] = mapped_column(default=False)


class Subscription(Base):
    """One driver's use of a plan, with the day of the month on which a billing period begins."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        CheckConstraint("anchor_day BETWEEN 1 AND 31", name="anchor_day_is_a_day"),
        Index(
            "uq_subscriptions_current_account",
            "account_id",
            unique=True,
            sqlite_where=text("ended_on IS NULL"),
            postgresql_where=text("ended_on IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"), index=True)
    anchor_day: Mapped[int]
    started_on: Mapped[date]
    ended_on: Mapped[date | None]


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
    digest: Mapped[str] = mapped_column(String(64))
    """Of action and payload; see `app.charging.quarantine`."""


class News(Base):
    """What other processes have announced, on SQLite, which tells nobody by itself (see `Database`).

    One row a topic and subject, numbered anew each time: whoever follows asks for higher numbers.
    """

    __tablename__ = "news"
    topic: Mapped[str] = mapped_column(String(32), primary_key=True)
    about: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """0: about nobody in particular."""
    number: Mapped[int] = mapped_column(BigInteger, index=True)
    origin: Mapped[str] = mapped_column(String(12))
    """The `Database` that told it last."""


class ChargerReport(Base):
    """The newest report of a kind that a charger sent besides sessions: firmware, diagnostics, events."""

    __tablename__ = "charger_reports"
    __table_args__ = (UniqueConstraint("charger_id", "action"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    charger_id: Mapped[int] = mapped_column(ForeignKey("chargers.id"))
    action: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]
