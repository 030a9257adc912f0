"""Column types and the closed word lists of the tables.

Inside the program time is UTC, energy integer Wh, money integer minor units (P25).
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Dialect, Enum
from sqlalchemy.types import TypeDecorator


class Utc(TypeDecorator[datetime]):
    """A moment in UTC. Naive values are refused: SQLite would give them back without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn *value* into UTC; raises ``ValueError`` for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone can't be stored: {value!r}")
        value = value.astimezone(UTC)
        return value if dialect.name != "sqlite" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give *value* its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def words(enum: type[StrEnum]) -> Enum:
    """A text column with a check that only the words of *enum* get in; rows read back as *enum*."""
    return Enum(
        enum,
        native_enum=False,
        length=24,
        create_constraint=True,
        name=enum.__name__.lower(),
        values_callable=_values,
    )


def _values(enum: Any) -> list[str]:
    return [member.value for member in enum]


class HowSignedIn(StrEnum):
    """By what somebody proved who they are."""

    PASSWORD = "password"  # noqa: S105 (a word for how, not one of anybody)
    PROVIDER = "provider"
    """An identity provider (OpenID Connect)."""
    LINK = "link"
    """A one-time link: the first operator's, an invitation, a new password, or one made on the server."""
    ACTING = "acting"
    """An operator who acts as the account (P23)."""


class Role(StrEnum):
    """What an account may do."""

    DRIVER = "driver"
    OPERATOR = "operator"


class Theme(StrEnum):
    """How an account wants pages to look."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Orientation(StrEnum):
    """How a display's board stands on its screen."""

    AUTO = "auto"
    """As the window is."""
    LEFT = "left"
    """The screen's top is at the left of who looks at it: the board turns with it."""
    RIGHT = "right"


class Admission(StrEnum):
    """Whether a charger may talk to us (C2)."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    BLOCKED = "blocked"


class ConnectorStatus(StrEnum):
    """What a connector reports: the words of OCPP 1.6 §7.7, those of 2.0.1 (`Occupied`) included."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"
    UNKNOWN = "Unknown"
    """Nothing reported yet."""


class Authorization(StrEnum):
    """What was answered about an id tag (OCPP 1.6 §7.1, AuthorizationStatus)."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


class CommandState(StrEnum):
    """How far a request to a charger has come (C16)."""

    WAITING = "waiting"
    """Not sent yet: another request is out, or the process that has the charger hasn't taken it."""
    SENT = "sent"
    ACCEPTED = "accepted"
    """The charger will try; what was asked for has not happened yet."""
    DONE = "done"
    FAILED = "failed"
    """Rejected, impossible or not answered: ``outcome`` says which."""
    TIMED_OUT = "timed_out"
    """Accepted, and then it did not happen in time."""


class ReservationStatus(StrEnum):
    """Where a reservation stands; what the charger answered is its ``charger_answer``."""

    HELD = "held"
    """Booked with us, not sent to a charger (C15)."""
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    USED = "used"
    CANCELLED = "cancelled"
