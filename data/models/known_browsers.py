"""Which browsers have been signed in to an account before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base


class KnownBrowser(Base):
    """A browser that somebody signed in to the account with: no right, but tries of its own (T19)."""

    __tablename__ = "known_browsers"
    __table_args__ = (UniqueConstraint("token_hash", "account_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    """Replaced, with the token in the cookie, at each sign-in."""
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    used_at: Mapped[datetime] = mapped_column(index=True)
    """When somebody last signed in to the account with it."""
