"""How a reservation stands, in words: what is held by us, and what its charger has said of it (C15, C16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from components.words import Reader
from data.queries.reservation_day import Held
from data.queries.reservations import Overlap
from data.types import ReservationStatus


@dataclass(frozen=True, slots=True)
class Standing:
    """A reservation's state: its word, the kind of pill, its icon, and the sentence that explains it."""

    word: str
    kind: str
    icon: str
    sentence: str


_LOOK = {
    "booked": ("reserved", "event"),
    "unreached": ("fault", "cloud_off"),
    "sent": ("reserved", "hourglass_top"),
    "accepted": ("online", "check_circle"),
    "refused": ("fault", "error"),
    "used": ("in_use", "bolt"),
    "over": ("offline", "history"),
    "cancelled": ("offline", "block"),
}


def standing(reader: Reader, held: Held, now: datetime) -> Standing:
    """How *held* stands at *now*."""
    state = _state(held, now)
    kind, icon = _LOOK[state]
    said = held.charger_answer
    key = f"reservations.said.{state}"
    if said is not None and reader.knows(f"{key}.{said}"):
        key = f"{key}.{said}"
    moment = held.answered_at or held.sent_at or held.starts_at
    sentence = reader.text(key, charger=held.charger_name, moment=reader.moment(moment, now))
    return Standing(reader.text(f"reservations.state.{state}"), kind, icon, sentence)


def place(reader: Reader, connector_number: int | None) -> str:
    """``Connector 2``, or ``Whole charger``."""
    if connector_number is None:
        return reader.text("reservations.whole")
    return reader.text("reservation.connector", number=connector_number)


def overlap(reader: Reader, other: Overlap, now: datetime) -> str:
    """What stands in the way: whose, of what, from when to when."""
    parts = [other.driver_name, place(reader, other.connector_number)]
    parts.append(reader.span(other.starts_at, other.ends_at, now))
    return " · ".join(part for part in parts if part)


def _state(held: Held, now: datetime) -> str:
    if held.cancelled_at is not None or held.status is ReservationStatus.CANCELLED:
        return "cancelled"
    if held.status in (ReservationStatus.USED, ReservationStatus.REFUSED):
        return held.status.value
    if held.ends_at <= now:
        return "over"
    if held.status is ReservationStatus.HELD:
        return "booked" if held.charger_answer is None else "unreached"
    return held.status.value
