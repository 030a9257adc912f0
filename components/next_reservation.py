"""The driver's next or running reservation (P12)."""

from __future__ import annotations

from datetime import datetime

from components.drawn import Card, Drawn
from components.words import FAR, Reader
from data.queries.reservations import NextReservation

TEMPLATE = """
<h2 id="reservation-title">{{ props.row.title }}</h2>
<div class="p-when">
  <div class="p-tile" aria-hidden="true">
    <b>{{ props.row.month }}</b><strong>{{ props.row.day }}</strong><span>{{ props.row.weekday }}</span>
  </div>
  <div>
    <p class="p-name">{{ props.row.name }}</p>
    <p v-if="props.row.connector" class="p-muted p-small">{{ props.row.connector }}</p>
    <p class="p-muted p-small">{{ props.row.date }}</p>
    <p class="p-times">{{ props.row.times }}</p>
  </div>
</div>
<p class="p-note-box" :class="{ 'is-running': props.row.running }">
  <i class="p-icon" :class="props.row.running ? 'p-i-event' : 'p-i-schedule'" aria-hidden="true"></i>
  <span>{{ props.row.note }}</span>
</p>
"""


class Reservation(Card):
    """The card; without a reservation it is not to be seen."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-reservation p-one-third", "reservation-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(TEMPLATE)

    def show(self, reservation: NextReservation | None, now: datetime) -> None:
        """Show *reservation* with the time that is left at *now*."""
        self.visible = reservation is not None
        if reservation is None:
            self._drawn.show(None)
            return
        reader = self._reader
        day = reader.local(reservation.starts_at).date()
        running = reservation.starts_at <= now
        if running:
            note = reader.text("reservation.running", distance=reader.length(reservation.ends_at - now))
        elif (wait := reservation.starts_at - now) >= FAR:
            note = reader.count("reservation.starts_in_days", wait.days)
        else:
            note = reader.text("reservation.starts_in", distance=reader.duration(wait))
        number = reservation.connector_number
        self._drawn.show(
            {
                "title": reader.text("reservation.title"),
                "month": reader.month(day),
                "day": str(day.day),
                "weekday": reader.weekday(day),
                "name": reservation.charger_name,
                "connector": "" if number is None else reader.text("reservation.connector", number=number),
                "date": reader.long_date(day),
                "times": reader.times(reservation.starts_at, reservation.ends_at),
                "running": running,
                "note": note,
            }
        )


def draw(reservation: NextReservation | None, reader: Reader, now: datetime) -> Reservation:
    """Draw the card; ``show`` of what is returned keeps it up to date."""
    card = Reservation(reader)
    card.show(reservation, now)
    return card
