"""What all tables share: names of constraints, and how Python types are stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase

from data.types import (
    Admission,
    Authorization,
    CommandState,
    ConnectorStatus,
    HowSignedIn,
    Orientation,
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
        HowSignedIn: words(HowSignedIn),
        Orientation: words(Orientation),
        Authorization: words(Authorization),
        ReservationStatus: words(ReservationStatus),
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[dict[str, int]]: JSON,
        CommandState: words(CommandState),
    }
