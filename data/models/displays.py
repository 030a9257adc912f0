"""Kiosk displays, and the screens that wait to become one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base
from data.types import Orientation


class Display(Base):
    """A screen that hangs at a site and shows its board (K1, K2). Its row is its right: none, no board."""

    __tablename__ = "displays"
    __table_args__ = (
        UniqueConstraint("site_id", "name"),
        CheckConstraint("bays_per_page > 0", name="shows_bays"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    name: Mapped[str] = mapped_column(String(200))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the token in the screen's cookie (T60)."""
    address_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Of the token of its start address, for screens that forget their cookies (K2)."""
    orientation: Mapped[Orientation] = mapped_column(default=Orientation.AUTO)
    languages: Mapped[str] = mapped_column(String(32), default="en")
    """One to three codes with commas between them, in the order in which they take turns (K16)."""
    bays_per_page: Mapped[int] = mapped_column(default=8)
    """8 are read from 5 m, 12 from 3 m (K11)."""
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    """When the screen itself last answered (K7). Written every half minute at most."""
    version: Mapped[str | None] = mapped_column(String(32))
    """Of the program whose page it showed then."""
    width: Mapped[int | None]
    height: Mapped[int | None]
    """CSS pixels of its window then."""
    browser: Mapped[str] = mapped_column(String(100), default="")
    """In words: `Chromium on Linux`."""


class Pairing(Base):
    """A screen that shows a code and waits for an operator (K1). Gone once used or over."""

    __tablename__ = "pairings"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(8), unique=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the token that the screen's cookie has already; its display inherits it."""
    address: Mapped[str] = mapped_column(String(64), default="", index=True)
    """Network address that the screen came from."""
    browser: Mapped[str] = mapped_column(String(100), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
