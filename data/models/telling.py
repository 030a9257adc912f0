"""What one process tells the others."""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base


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
