"""What a screen may show, by the token in its cookie; and the screens that wait for an operator (K1, K2)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from data.models import Display, Pairing
from data.types import Orientation


@dataclass(frozen=True, slots=True)
class KnownDisplay:
    """A display as its own page sees it."""

    id: int
    site_id: int
    name: str
    orientation: Orientation
    languages: tuple[str, ...]
    """One to three codes, in the order in which they take turns (K16)."""
    bays_per_page: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A screen that shows a code."""

    id: int
    """Of the pairing."""
    code: str
    address: str
    """What counts as its network address."""
    expires_at: datetime


_SHOWN = (
    Display.id,
    Display.site_id,
    Display.name,
    Display.orientation,
    Display.languages,
    Display.bays_per_page,
)


def by_token(db: Connection, token_hash: str) -> KnownDisplay | None:
    """The display that this token opens, be it from pairing or from its start address."""
    return opened(db, [token_hash]).get(token_hash)


def by_address(db: Connection, address_hash: str) -> int | None:
    """The display with this start address; its id."""
    return db.execute(select(Display.id).where(Display.address_hash == address_hash)).scalar_one_or_none()


def opened(db: Connection, token_hashes: Collection[str]) -> dict[str, KnownDisplay]:
    """Which of these tokens open a display now, and which one."""
    wanted = set(token_hashes)
    rows = db.execute(
        select(*_SHOWN, Display.token_hash, Display.address_hash).where(
            or_(Display.token_hash.in_(wanted), Display.address_hash.in_(wanted))
        )
    )
    found = {}
    for row in rows:
        known = KnownDisplay(
            row.id, row.site_id, row.name, row.orientation, tuple(row.languages.split(",")), row.bays_per_page
        )
        found.update({one: known for one in (row.token_hash, row.address_hash) if one in wanted})
    return found


def waiting(db: Connection, token_hash: str, now: datetime) -> Waiting | None:
    """The screen with this token, while its code is good."""
    row = db.execute(
        select(Pairing.id, Pairing.code, Pairing.address, Pairing.expires_at).where(
            Pairing.token_hash == token_hash, Pairing.expires_at > now
        )
    ).one_or_none()
    return None if row is None else Waiting(*row)


def crowd(db: Connection, address: str) -> tuple[int, int]:
    """How many screens wait: at *address*, and in all."""
    here = select(func.count()).select_from(Pairing).where(Pairing.address == address)
    return (
        db.execute(here).scalar_one(),
        db.execute(select(func.count()).select_from(Pairing)).scalar_one(),
    )
