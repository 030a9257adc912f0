"""What the page of reservations asks and tells: a new one, another instead, cancelling, what one is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from nicegui import ui

from app import clock
from app.charging.reservations import Booking, CannotReserve, Conflict
from app.pages.console import Console
from components import dialogs
from components.dialogs import Problem
from components.drawn import Drawn
from components.driver_choice import DriverChoice
from components.preferences import Choice
from components.reservation_words import overlap, place, standing
from components.words import Reader, reader
from data import wall_time
from data.queries import reservation_day
from data.queries.accounts import Choice as Found
from data.queries.reservation_day import Bookable, Held
from data.queries.reservations import Overlap, overlaps
from data.types import ReservationStatus

FACTS = """
<p class="p-cal-state"><span class="p-pill" :class="'is-' + props.row.kind">
  <i class="p-icon" :class="'p-i-' + props.row.icon" aria-hidden="true"></i>{{ props.row.state }}</span>
  <span>{{ props.row.said }}</span></p>
<dl class="p-person-facts">
  <div v-for="[name, value, href] in props.row.facts" :key="name"><dt>{{ name }}</dt>
    <dd><a v-if="href" :href="href">{{ value }}</a><template v-else>{{ value }}</template></dd></div>
</dl>
"""
WHOLE = 0
"""Stands for the whole charger among the numbers of connectors."""
_HOUR = timedelta(hours=1)

Saved = Callable[[date], object]
"""Called with the day on which the new reservation begins."""


def problem(words: Reader, error: CannotReserve, now: datetime) -> Problem:
    """The sentence for *error*; a conflict names what stands in the way."""
    if isinstance(error, Conflict):
        if not error.others:
            return words.text("reservations.conflict.gone")
        return conflict(words, error.others, now)
    return words.text("reservations.problem." + error.why)


def conflict(words: Reader, others: tuple[Overlap, ...], now: datetime) -> str:
    """What stands in the way, each by driver, place and time."""
    told = "; ".join(overlap(words, other, now) for other in others)
    return words.count("reservations.conflict", len(others), others=told)


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form asks for, or why it can't."""

    booking: Booking | None
    problem: str = ""


class Form:
    """Charger, connector, card, from and to; says at each change whether the place is free then."""

    def __init__(
        self,
        console: Console,
        chargers: tuple[Bookable, ...],
        cards: tuple[Found, ...],
        day: date,
        held: Held | None,
    ) -> None:
        """*held* is what is to be changed; else the form begins with the next full hour of *day*."""
        self._console = console
        self._held = held
        self._chargers = {one.id: one for one in chargers}
        first = held.charger_id if held is not None and held.charger_id in self._chargers else None
        words = console.reader
        names = {one.id: f"{one.name} · {one.site_name}" for one in chargers}
        self.charger = ui.select(
            names, value=first, label=words.text("reservations.charger"), with_input=True
        ).props("outlined options-dense behavior=menu")
        self.charger.on_value_change(self._other_charger)
        self.place = Choice({}, label=words.text("reservations.place"))
        self.place.props("outlined options-dense behavior=menu")
        if held is None or all(one.id != held.mapping_id for one in cards):
            known = () if held is None else (Found(held.mapping_id, held.driver_name, held.id_tag),)
            cards = (*known, *cards)
        self.card = DriverChoice(words, self._find, cards, label=words.text("reservations.find.card"))
        self.zone = dialogs.paragraph("").classes("p-muted p-small")
        with ui.element("div").classes("p-from-to"):
            self.first_day = self._box("reservations.from.day", "date")
            self.first_time = self._box("reservations.from.time", "time")
            self.last_day = self._box("reservations.to.day", "date")
            self.last_time = self._box("reservations.to.time", "time")
        self.free = dialogs.paragraph("").props("role=status").classes("p-muted p-small")
        self._set_places(held.connector_number if held is not None else None)
        if held is not None:
            self.card.value = held.mapping_id
        there = self.there
        starts = there.local(held.starts_at) if held is not None else self._next_hour(day)
        ends = there.local(held.ends_at) if held is not None else starts + _HOUR
        self._set(self.first_day, self.first_time, starts)
        self._set(self.last_day, self.last_time, ends)
        for box in (self.first_day, self.first_time, self.last_day, self.last_time, self.place):
            box.on_value_change(self._look)
        self.first_day.on_value_change(self._follow)

    @property
    def there(self) -> Reader:
        """Who reads in the zone of the chosen charger's site."""
        chosen = self._chargers.get(self.charger.value)
        return reader(self._console.reader.language.code, chosen.zone if chosen else None)

    def typed(self) -> Typed:
        """What is asked for, as of now."""
        words = self._console.reader
        chosen = self._chargers.get(self.charger.value)
        missing = Typed(None, words.text("reservations.problem.parameters"))
        if chosen is None or self.card.value is None:
            return missing
        moments = []
        for day, hour, last in (
            (self.first_day, self.first_time, False),
            (self.last_day, self.last_time, True),
        ):
            wall = _wall(day.value, hour.value)
            if wall is None:
                return missing
            found = wall_time.moment(wall, chosen.zone, last=last)
            if found is None:
                return Typed(None, words.text("reservations.gap", time=f"{wall:%H:%M}"))
            moments.append(found)
        number = self.place.value or None
        return Typed(Booking(int(self.card.value), chosen.id, number, moments[0], moments[1]))

    async def _find(self, typed: str) -> tuple[Found, ...]:
        return await self._console.portal.database.ask(reservation_day.cards, typed)

    def _box(self, key: str, kind: str) -> ui.input:
        box = ui.input(self._console.reader.text(key))
        box.props("outlined stack-label debounce=300")
        box.props["type"] = kind
        return box

    def _set(self, day: ui.input, hour: ui.input, local: datetime) -> None:
        day.value, hour.value = f"{local:%Y-%m-%d}", f"{local:%H:%M}"

    def _next_hour(self, day: date) -> datetime:
        """The next full hour from now on, or on another day the morning."""
        local = self.there.local(clock.now()).replace(minute=0, second=0, microsecond=0) + _HOUR
        return local if day <= local.date() else datetime.combine(day, time(8), local.tzinfo)

    def _set_places(self, number: int | None) -> None:
        words = self._console.reader
        chosen = self._chargers.get(self.charger.value)
        numbers = {WHOLE: words.text("reservations.whole")}
        if chosen is not None and len(chosen.numbers) > 1:
            numbers |= {one: place(words, one) for one in chosen.numbers}
        self.place.set_options(numbers, value=number if number in numbers else WHOLE)
        # Nothing is chosen for them: a reservation made in passing would block the first one there is.
        told = words.text("reservations.charger.choose")
        if chosen is not None:
            told = words.text("reservations.zone", site=chosen.site_name, zone=chosen.zone)
        self.zone.set_text(told)

    async def _other_charger(self) -> None:
        if self.charger.value in self._chargers:
            self._set_places(None)
            await self._look()

    def _follow(self) -> None:
        """The end is not before the beginning: whoever moves the one means the other too."""
        if (self.last_day.value or "") < (self.first_day.value or ""):
            self.last_day.value = self.first_day.value

    async def _look(self) -> None:
        """Say whether the place is free, before anything is saved."""
        booking = self.typed().booking
        if booking is None or booking.ends_at <= booking.starts_at:
            self.free.set_text("")
            return
        found = await self._console.portal.database.ask(
            overlaps,
            booking.charger_id,
            booking.connector_number,
            booking.starts_at,
            booking.ends_at,
        )
        if self.free.is_deleted:
            return
        others = tuple(one for one in found if self._held is None or one.id != self._held.id)
        words = self._console.reader
        told = (
            conflict(self.there, others, clock.now()) if others else words.text("reservations.conflict.free")
        )
        self.free.set_text(told)
        self.free.classes(add="p-alert" if others else "", remove="" if others else "p-alert")


async def create(console: Console, day: date, saved: Saved, site_id: int | None = None) -> None:
    """Ask for a new reservation, beginning on *day*; the chargers of *site_id* are offered first."""
    await _form(console, day, saved, None, site_id)


async def change(console: Console, held: Held, saved: Saved) -> None:
    """Ask for another reservation instead of *held*."""
    await _form(console, clock.now().date(), saved, held, held.site_id)


async def _form(console: Console, day: date, saved: Saved, held: Held | None, site_id: int | None) -> None:
    words, database = console.reader, console.portal.database
    chargers = await database.ask(reservation_day.bookable)
    cards = await database.ask(reservation_day.cards, "")
    if site_id is not None:
        chargers = tuple(sorted(chargers, key=lambda one: one.site_id != site_id))
    if not chargers:
        ui.notify(words.text("reservations.empty.chargers"), position="top")
        return
    key = "create" if held is None else "change"
    title = words.text(f"reservations.{key}.title", **({} if held is None else {"driver": held.driver_name}))
    with dialogs.dialog(title) as box:
        if held is not None:
            dialogs.paragraph(words.text("reservations.change.text")).classes("p-muted p-small")
        form = Form(console, chargers, cards, day, held)

        async def act() -> Problem:
            typed = form.typed()
            if (wish := typed.booking) is None:
                return typed.problem
            if (caller := await console.caller()) is None:
                return ""
            reservations = console.portal.reservations
            given = (wish.mapping_id, wish.charger_id, wish.connector_number, wish.starts_at, wish.ends_at)
            try:
                if held is None:
                    await reservations.create(caller, *given)
                else:
                    await reservations.move(caller, held.id, *given)
            except CannotReserve as error:
                return problem(form.there, error, clock.now())
            saved(form.there.local(wish.starts_at).date())
            return ""

        dialogs.actions(words, box, words.text(f"reservations.{key}.do"), act)


def show(console: Console, held: Held, saved: Saved, closed: Callable[[], object]) -> None:
    """What *held* is, what its charger said of it, and what can be done with it."""
    words, now = console.reader, clock.now()
    there = reader(words.language.code, held.zone)
    state = standing(there, held, now)
    with dialogs.dialog(held.driver_name) as box:
        facts = {
            "reservations.charger": (held.charger_name, f"/admin/chargers/{held.charger_id}"),
            "reservations.place": (place(words, held.connector_number), ""),
            "reservations.when": (f"{there.span(held.starts_at, held.ends_at, now)} ({held.zone})", ""),
            "reservations.length": (there.length(held.ends_at - held.starts_at), ""),
            "reservations.driver": (held.driver_name, f"/admin/drivers/{held.account_id}"),
            "reservations.card": (held.id_tag, ""),
            "reservations.made": (there.moment(held.created_at, now), ""),
        }
        Drawn(FACTS).show(
            {
                "state": state.word,
                "kind": state.kind,
                "icon": state.icon,
                "said": state.sentence,
                "facts": [(words.text(key), *fact) for key, fact in facts.items()],
            }
        )
        open_still = held.cancelled_at is None and held.ends_at > now
        can = open_still and held.status is not ReservationStatus.USED

        async def ask_change() -> None:
            await change(console, held, saved)

        async def ask_cancel() -> None:
            cancel(console, held)

        async def ask_again() -> None:
            if (caller := await console.caller()) is None:
                return
            try:
                await console.portal.reservations.ask_again(caller, held.id)
            except CannotReserve as error:
                told.set_text(problem(words, error, clock.now()))
                told.classes(remove="hidden")
            else:
                box.close()

        told = dialogs.paragraph("").props("role=alert").classes("p-alert hidden")
        with ui.element("div").classes("p-actions"):
            close = ui.button(words.text("reservations.close"), on_click=box.close, color=None)
            close.classes("p-button").props("flat")
            if can and held.status is ReservationStatus.REFUSED and held.starts_at <= now:
                ui.button(words.text("reservations.again"), on_click=ask_again, color=None).classes(
                    "p-button"
                )
            if can:
                other = ui.button(
                    words.text("reservations.change"),
                    on_click=lambda: dialogs.instead(box, ask_change),
                    color=None,
                )
                other.classes("p-button")
                gone = ui.button(
                    words.text("reservations.cancel"),
                    on_click=lambda: dialogs.instead(box, ask_cancel),
                    color=None,
                )
                gone.classes("p-button is-main is-danger")
    box.on("hide", closed, args=[])


def cancel(console: Console, held: Held) -> None:
    """Ask, and then give the place up."""
    words = console.reader
    there = reader(words.language.code, held.zone)

    async def act(_: str) -> Problem:
        if (caller := await console.caller()) is None:
            return ""
        try:
            await console.portal.reservations.cancel(caller, held.id)
        except CannotReserve as error:
            return problem(words, error, clock.now())
        return ""

    when = there.span(held.starts_at, held.ends_at, clock.now())
    dialogs.confirm(
        words,
        words.text("reservations.cancel.title", driver=held.driver_name),
        words.text("reservations.cancel.text", charger=held.charger_name, when=when),
        words.text("reservations.cancel.do", driver=held.driver_name),
        act,
        danger=True,
        keep=words.text("reservations.keep"),
    )


def _wall(day: object, hour: object) -> datetime | None:
    """The naive moment that the two boxes show; None if they are empty, or hold nonsense."""
    if not isinstance(day, str) or not isinstance(hour, str):
        return None
    try:
        found = datetime.combine(date.fromisoformat(day), time.fromisoformat(hour))
    except ValueError:
        return None
    return found if found.tzinfo is None and 2000 <= found.year <= 2200 else None
