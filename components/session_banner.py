"""The sessions in progress, one strip each, their numbers bound to what the chargers say (P6–P9).

A reading reaches a strip by binding alone: no query, nothing drawn anew. A text that comes out the same
is not sent, so rounding is the throttle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from nicegui import binding, ui
from nicegui.element import Element

from components.words import Reader
from data.live import LiveSession, Reading
from data.queries.sessions import ActiveSession

GRACE = timedelta(seconds=60)
"""A reading may be this much older than the charger's interval before it is shown with its time (P8)."""
LOOK_AGAIN = timedelta(seconds=10)
"""How soon to look at a strip whose reading is old or has not come yet: one that comes may be old soon."""
SPOKEN_WH = 5000
"""Screen readers hear of each of these; the ticking number itself is no live region."""


class SessionBanner(Element):
    """All strips, and a line that tells screen readers of their coming and going."""

    def __init__(self, reader: Reader) -> None:
        # A component of its own around the strips, so that their coming draws nothing else anew.
        super().__init__("q-card-section")
        self.classes("p-banner")
        self._reader = reader
        self._strips: dict[int, _Strip] = {}
        self._opened = False
        with self:
            self._said = ui.label().classes("p-hidden-text").props("role=status")

    def show(self, sessions: Sequence[tuple[ActiveSession, LiveSession]], now: datetime) -> None:
        """Show a strip for each of *sessions* and no other; times on them are those at *now*."""
        going = {session.id for session, _ in sessions}
        for session_id in self._strips.keys() - going:
            strip = self._strips.pop(session_id)
            self._say(strip.farewell())
            strip.delete()
        for session, live in sessions:
            if session.id in self._strips:
                self._strips[session.id].show(session, now)
                continue
            with self:
                self._strips[session.id] = _Strip(session, live, self._reader, now, self._say)
            # Who opens the page in mid-charge finds the strip by reading; only news are spoken.
            if self._opened:
                self._say(self._reader.text("banner.said.start", charger=session.charger_name))
        self._opened = True

    def _say(self, text: str) -> None:
        self._said.text = text


def draw(
    sessions: Sequence[tuple[ActiveSession, LiveSession]], reader: Reader, now: datetime
) -> SessionBanner:
    """Draw the banner; ``show`` of what is returned keeps it up to date (readings come by themselves)."""
    banner = SessionBanner(reader)
    banner.show(sessions, now)
    return banner


def until_stale(sessions: Sequence[tuple[ActiveSession, LiveSession]], now: datetime) -> float | None:
    """Seconds until the banner of *sessions* is to be shown anew, because a reading becomes old (P8)."""
    waits = []
    for session, live in sessions:
        taken = live.reading.reading_at
        wait = LOOK_AGAIN if taken is None else taken + _patience(session) - now
        waits.append(wait if wait >= timedelta(0) else LOOK_AGAIN)
    return min(waits).total_seconds() if waits else None


class _Strip(Element, default_classes="p-strip", default_props="tag=section flat"):
    """One session. A component of its own, so that a reading draws nothing but this strip anew."""

    def __init__(
        self,
        session: ActiveSession,
        live: LiveSession,
        reader: Reader,
        now: datetime,
        say: Callable[[str], None],
    ) -> None:
        super().__init__("q-card")
        self._session, self._live, self._reader, self._now = session, live, reader, now
        self._milestone = (live.reading.energy_wh or 0) // SPOKEN_WH
        self._was_silent = self._silent
        self._say = say
        self._shown_power: tuple[int | None, bool] = (None, False)
        self._shown_cost: tuple[int | None, str | None] = (None, None)
        with self:
            self._title = ui.label()
            self._title.tag = "h2"
            # The unit is the style sheet's to draw: the text of this element is the number alone.
            self._number = ui.label().classes("p-number").props("data-unit=kWh")
            self._power = ui.label().classes("p-fact")
            self._time = ui.label().classes("p-fact")
            self._cost = ui.label().classes("p-fact")
            self._note = ui.label().classes("p-note")
        self.reading = live.reading
        self._read(live.reading)
        # One binding for the strip, not one a label: most readings change the number alone.
        binding.bind_from(self, "reading", live, "reading")
        self.show(session, now)

    def _read(self, reading: Reading) -> None:
        """Show *reading*; a text that comes out the same sends nothing."""
        self._number.text = self._reader.live_kwh(reading.energy_wh)
        power = reading.power_w, reading.power_derived
        if power != self._shown_power:
            self._shown_power = power
            self._power.text = self._told_power(reading)
        cost = reading.cost, reading.currency
        if cost != self._shown_cost:
            self._shown_cost = cost
            self._cost.text = self._told_cost(reading)
        self._note.text = self._noted(reading)

    reading = binding.BindableProperty(on_change=_read)

    def show(self, session: ActiveSession, now: datetime) -> None:
        """Bring to *now* what depends on the time, and to *session* what became known of it (P7)."""
        self._session, self._now = session, now
        place = _place(session, self._reader)
        self._title.text = self._reader.text("banner.title") + "\n" + place
        region = self._reader.text("banner.region", place=place)
        if self.props.get("aria-label") != region:
            self.props["aria-label"] = region
        elapsed = self._reader.duration(now - self._session.started_at)
        self._time.text = self._fact("banner.time", elapsed)
        self._note.text = self._noted(self._live.reading)

    def farewell(self) -> str:
        """What is said when the session is over."""
        # Without the energy: the stop may have brought more than the last reading; the list tells it.
        return self._reader.text("banner.said.stop", charger=self._session.charger_name)

    @property
    def _silent(self) -> bool:
        taken = self._live.reading.reading_at
        return taken is not None and self._now - taken > _patience(self._session)

    def _fact(self, key: str, value: str) -> str:
        # Two lines of one element.
        return self._reader.text(key) + "\n" + value

    def _told_power(self, reading: Reading) -> str:
        if reading.power_w is None:
            return ""
        key = "banner.power_derived" if reading.power_derived else "banner.power"
        return self._fact(key, self._reader.kw(reading.power_w))

    def _told_cost(self, reading: Reading) -> str:
        if reading.cost is None or reading.currency is None:
            return ""
        return self._fact("banner.cost", self._reader.estimate(reading.cost, reading.currency))

    def _noted(self, reading: Reading) -> str:
        self._tell()
        if reading.energy_wh is None:
            return self._reader.text("banner.waiting")
        if self._silent and reading.reading_at is not None:
            time = self._reader.moment(reading.reading_at, self._now)
            return self._reader.text("banner.last_reading", time=time)
        return ""

    def _tell(self) -> None:
        """Say what is new since the last time, if anything is worth interrupting somebody."""
        name, reader, silent = self._session.charger_name, self._reader, self._silent
        milestone = (self._live.reading.energy_wh or 0) // SPOKEN_WH
        if silent and not self._was_silent and self._live.reading.reading_at is not None:
            time = reader.moment(self._live.reading.reading_at, self._now)
            self._say(reader.text("banner.said.silent", charger=name, time=time))
        elif milestone > self._milestone:
            energy = reader.whole_kwh(milestone * SPOKEN_WH)
            self._say(reader.text("banner.said.energy", charger=name, energy=energy))
        elif self._was_silent and not silent:
            self._say(reader.text("banner.said.back", charger=name))
        self._milestone = max(milestone, self._milestone)
        self._was_silent = silent


def _patience(session: ActiveSession) -> timedelta:
    return timedelta(seconds=session.reading_interval) + GRACE


def _place(session: ActiveSession, reader: Reader) -> str:
    name = session.charger_name
    if session.connector_number is not None:
        name = reader.text("banner.place", charger=name, number=session.connector_number)
    return f"{name} · {session.connector_type}" if session.connector_type else name
