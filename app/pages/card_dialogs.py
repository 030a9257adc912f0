"""What the console tells of a card, and asks before it becomes, or is no more, somebody's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime

from nicegui import ui

from app import clock
from app.operating.cards import Along, CardStays, Taken, can_be_linked
from app.pages.console import Console
from components import card_facts, dialogs
from components.dialogs import Problem
from components.driver_choice import DriverChoice
from components.words import Reader
from data.caller import Caller
from data.periods import day_start
from data.queries import accounts, cards, cards_along
from data.queries.accounts import AccountFacts
from data.queries.cards import Card, CardDetails, State
from data.queries.cards_along import Going

Do = Callable[[], Awaitable[object]]
LONGEST_TAG = 255
FIRST_YEAR = 2000
"""No card is older: years that are still being typed are."""
RECENT = 8
"""Unknown cards that are offered where one is added."""


def problem(reader: Reader, error: CardStays) -> Problem:
    """The sentence for *error*."""
    return reader.text("cards.problem." + error.why, most=reader.integer(cards_along.MOST))


async def show(console: Console, key: str) -> None:
    """Tell what there is to know of the card that *key* names, and offer what can be done."""
    details = await _details(console, key)
    if details is None:
        ui.notify(console.reader.text("cards.gone"), type="warning", position="top")
    else:
        tell(console, details)


def tell(console: Console, details: CardDetails) -> ui.dialog:
    """The same of a card that was just asked for; the dialog."""
    reader, now = console.reader, clock.now()
    with dialogs.dialog(reader.text("cards.tag") + " " + details.card.id_tag) as box:
        card_facts.draw(details, reader, now)
        if not details.card.is_linked and not _can_be_linked(details.card):
            dialogs.paragraph(reader.text("cards.unfit")).classes("p-note-box")
        with ui.element("div").classes("p-card-tools"):
            for name, do, danger in _offers(console, details):
                button = ui.button(reader.text("cards." + name), color=None).props("flat")
                button.classes("p-button is-danger" if danger else "p-button")
                button.on_click(lambda do=do: dialogs.instead(box, do))
        with ui.element("div").classes("p-actions"):
            close = ui.button(reader.text("cards.close"), on_click=box.close, color=None)
            close.classes("p-button").props("flat autofocus")
    return box


def _offers(console: Console, details: CardDetails) -> Sequence[tuple[str, Do, bool]]:
    """What can be done with the card: a word for it, what does it, and whether something is lost by it."""
    card, service = details.card, console.portal.cards

    async def ignore() -> None:
        await _at_once(console, lambda caller: service.ignore(caller, card.id_tag))

    async def unignore() -> None:
        await _at_once(console, lambda caller: service.unignore(caller, card.id_tag))

    async def unblock() -> None:
        await _at_once(console, lambda caller: service.unblock(caller, card.mapping_id or 0))

    async def end(action: str) -> None:
        _end(console, details, action)

    if card.is_linked:
        return (
            ("move", lambda: choose(console, details), False),
            ("unblock", unblock, False)
            if card.state is State.BLOCKED
            else ("block", lambda: end("block"), True),
            ("deactivate", lambda: end("deactivate"), True),
        )
    offers: list[tuple[str, Do, bool]] = []
    if _can_be_linked(card):
        offers.append(("link", lambda: link(console, details), False))
    if card.state is State.IGNORED:
        offers.append(("unignore", unignore, False))
    elif card.last_seen_at is not None:
        offers.append(("ignore", ignore, False))
    return offers


def _can_be_linked(card: Card) -> bool:
    return can_be_linked(card.id_tag, card.last_seen_at is not None)


async def _at_once(console: Console, do: Callable[[Caller], Awaitable[object]]) -> None:
    """What nothing is lost by is not asked about."""
    if (caller := await console.caller()) is None:
        return
    try:
        await do(caller)
    except CardStays as error:
        ui.notify(problem(console.reader, error), type="negative", position="top")


def _end(console: Console, details: CardDetails, action: str) -> None:
    """Ask, and then block or deactivate the card."""
    reader, card = console.reader, details.card
    cards_of = console.portal.cards

    async def act(reason: str) -> Problem:
        if (caller := await console.caller()) is None or card.mapping_id is None:
            return ""
        try:
            if action == "block":
                await cards_of.block(caller, card.mapping_id, reason)
            else:
                await cards_of.deactivate(caller, card.mapping_id, reason)
        except CardStays as error:
            return problem(reader, error)
        return ""

    text = reader.text(f"cards.{action}.text", name=card.driver)
    if action == "deactivate" and details.reservations:
        text += " " + reader.count("cards.reservations", details.reservations)
    dialogs.confirm(
        reader,
        reader.text(f"cards.{action}.title", tag=card.id_tag),
        text,
        reader.text(f"cards.{action}.do", tag=card.id_tag),
        act,
        reason=reader.text("cards.reason"),
        danger=True,
    )


async def _driver_choice(console: Console) -> Callable[[], DriverChoice]:
    """Draws a choice among all drivers."""
    database = console.portal.database

    async def find(search: str) -> tuple[accounts.Choice, ...]:
        return await database.ask(accounts.drivers, search)

    found, label = await find(""), console.reader.text("cards.driver")
    return lambda: DriverChoice(console.reader, find, found, label=label)


async def link(console: Console, details: CardDetails) -> None:
    """Ask whose the card is to be, and whether the sessions that nobody has go along (C10)."""
    reader, card = console.reader, details.card
    draw_choice = await _driver_choice(console)
    going = await console.portal.database.ask(cards_along.going, card.id_tag)
    with dialogs.dialog(reader.text("cards.link.title", tag=card.id_tag)) as box:
        choice = draw_choice()
        of_nobody = None
        if going.of_nobody:
            told = [reader.count("cards.along.of_nobody", going.of_nobody), *_running(going, reader)]
            of_nobody = ui.checkbox(" ".join(told), value=True)

        async def act() -> Problem:
            if choice.value is None:
                return reader.text("cards.driver.missing")
            along = Along(of_nobody=of_nobody is None or bool(of_nobody.value))
            return await _link(console, card.id_tag, choice.value, choice.name, along)

        dialogs.actions(reader, box, reader.text("cards.link.do", tag=card.id_tag), act)


async def _link(console: Console, id_tag: str, account_id: int, name: str, along: Along) -> Problem:
    """Link it; if somebody has it, ask whether it is to be moved."""
    if (caller := await console.caller()) is None:
        return ""
    try:
        await console.portal.cards.map(caller, id_tag, account_id, along)
    except Taken as taken:
        key = await console.portal.database.ask(cards.key_of, id_tag)
        details = None if key is None else await _details(console, key)
        if details is None or taken.account_id is None:
            return problem(console.reader, taken)
        await move(console, details, account_id, name)
    except CardStays as error:
        return problem(console.reader, error)
    return ""


async def _details(console: Console, key: str) -> CardDetails | None:
    return await console.portal.database.ask(cards.details, key, clock.now())


async def choose(console: Console, details: CardDetails) -> None:
    """Ask whom the card is to be moved to; then, with both names, whether it really is."""
    reader, card = console.reader, details.card
    draw_choice = await _driver_choice(console)
    with dialogs.dialog(reader.text("cards.move.title", tag=card.id_tag)) as box:
        choice = draw_choice()

        async def act() -> Problem:
            if choice.value is None:
                return reader.text("cards.driver.missing")
            if choice.value == card.account_id:
                return reader.text("cards.problem.already")
            await move(console, details, choice.value, choice.name)
            return ""

        dialogs.actions(reader, box, reader.text("cards.move.next"), act)


async def move(console: Console, details: CardDetails, account_id: int, to: str) -> None:
    """Ask, with both names, whether the card changes hands and which past sessions go along."""
    reader, card = console.reader, details.card
    names = {"tag": card.id_tag, "name": card.driver, "to": to}
    going = await console.portal.database.ask(cards_along.going, card.id_tag)
    with dialogs.dialog(reader.text("cards.move.confirm", **names)) as box:
        dialogs.paragraph(reader.text("cards.move.text", **names))
        if details.reservations:
            dialogs.paragraph(reader.count("cards.reservations", details.reservations))
        which = WhichSessions(console, card, to, going)

        async def act() -> Problem:
            along = which.along()
            if along is None:
                return reader.text("cards.along.day.missing")
            if (caller := await console.caller()) is None:
                return ""
            try:
                await console.portal.cards.move(
                    caller, card.id_tag, account_id, along, owner_id=card.account_id
                )
            except CardStays as error:
                return problem(reader, error)
            return ""

        which.button = dialogs.actions(reader, box, reader.text("cards.move.do", **names), act, danger=True)


def _running(going: Going, reader: Reader) -> list[str]:
    return [reader.count("cards.along.running", going.running)] if going.running else []


class WhichSessions:
    """The choice of the sessions that go along; those of nobody unless something else is chosen.

    What `along` returns is what has been counted and told: the button waits for that.
    """

    button: ui.button | None = None
    """What moves the card."""

    def __init__(self, console: Console, card: Card, to: str, going: Going) -> None:
        """*going* are the sessions of nobody that may go along."""
        reader = console.reader
        self._console = console
        self._card = card
        self._to = to
        self._asked = 0
        number = reader.integer(going.of_nobody) + ("+" if going.of_nobody >= cards_along.COUNTED else "")
        self._group = ui.element("fieldset").classes("p-along")
        with self._group:
            legend = ui.label(reader.text("cards.along"))
            legend.tag = "legend"
            self._choice = ui.radio(
                {
                    "nobody": reader.text("cards.along.nobody", number=number),
                    "none": reader.text("cards.along.none"),
                    "since": reader.text("cards.along.since", name=card.driver),
                },
                value="nobody" if going.of_nobody else "none",
                on_change=self._changed,
            )
            # Without delay: what is pressed after it is about this day.
            self._day = ui.input(reader.text("cards.along.day"), on_change=self._changed)
            self._day.props("outlined stack-label type=date")
            self._told = dialogs.paragraph("").props("role=status").classes("p-muted p-small")
        self._day.set_visibility(False)
        self._told.set_text(self._words(going if going.of_nobody else Going()))
        self._along: Along | None = Along(of_nobody=bool(going.of_nobody))

    def along(self) -> Along | None:
        """What was chosen, and told; ``None`` if the day is missing."""
        return self._along

    def _since(self) -> datetime | None:
        """The start of the day; ``None`` for none from `FIRST_YEAR` to today."""
        zone = self._console.reader.tz
        try:
            day = date.fromisoformat(self._day.value or "")
        except ValueError:
            return None
        today = clock.now().astimezone(zone).date()
        return day_start(day, zone) if day.year >= FIRST_YEAR and day <= today else None

    def _changed(self) -> Awaitable[None] | None:
        """Before anything else is heard of: what was told before is not done any more."""
        chosen, since = self._choice.value, self._since()
        self._day.set_visibility(chosen == "since")
        self._along = None
        self._asked += 1
        if chosen == "since" and since is None:
            self._tell(None, Going())
        elif chosen == "none":
            self._tell(Along(of_nobody=False), Going())
        else:
            self._set_enabled(False)
            self._told.set_text(self._console.reader.text("cards.along.counting"))
            return self._count(Along(since=since if chosen == "since" else None), self._asked)
        return None

    async def _count(self, along: Along, asked: int) -> None:
        account_id = None if along.since is None else self._card.account_id
        ask = self._console.portal.database.ask
        going = await ask(cards_along.going, self._card.id_tag, account_id, along.since)
        if asked == self._asked and not self._told.is_deleted:  # else another answer is waited for
            self._tell(along, going)

    def _tell(self, along: Along | None, going: Going) -> None:
        self._along = along
        self._told.set_text("" if along is None else self._words(going))
        self._set_enabled(going.theirs <= cards_along.MOST)

    def _set_enabled(self, enabled: bool) -> None:
        if self.button is not None:
            self.button.set_enabled(enabled)

    def _words(self, going: Going) -> str:
        """What goes along, to the last session."""
        reader, names = self._console.reader, {"name": self._card.driver, "to": self._to}
        if going.theirs > cards_along.MOST:
            return reader.text("cards.problem.too_many", most=reader.integer(cards_along.MOST))
        if not going.number:
            return reader.text("cards.along.nothing")
        told = [reader.count("cards.along.counted", going.theirs, **names)] if going.theirs else []
        if going.of_nobody:
            told.append(reader.count("cards.along.counted.nobody", going.of_nobody, **names))
        return " ".join([*told, *_running(going, reader)])


async def add(console: Console, facts: AccountFacts | None = None) -> None:
    """Ask which card a driver is to have: typed, or one that was lately held to a charger.

    Without *facts* of a driver, whose it is to be is asked too.
    """
    reader, now = console.reader, clock.now()
    found = await console.portal.database.ask(cards.listed, "", State.UNKNOWN)
    recent = {
        one.id_tag: reader.text(
            "cards.add.recent.one", tag=one.id_tag, place=one.charger, ago=reader.ago(one.last_seen_at, now)
        )
        for one in found.cards[:RECENT]
        if one.last_seen_at is not None
    }
    draw_choice = None if facts is not None else await _driver_choice(console)
    title = reader.text("cards.add") if facts is None else reader.text("cards.add.title", name=facts.name)
    with dialogs.dialog(title) as box:
        dialogs.paragraph(reader.text("cards.add.text"))
        tag = dialogs.field(reader.text("cards.add.number"), longest=LONGEST_TAG)
        tag.props("autocomplete=off spellcheck=false")
        if recent:
            offered = ui.select(recent, label=reader.text("cards.add.recent"))
            offered.classes("p-card-choice").props("outlined options-dense behavior=menu")
            offered.on_value_change(lambda event: tag.set_value(event.value))
        choice = None if draw_choice is None else draw_choice()

        async def act() -> Problem:
            if facts is not None:
                return await _link(console, tag.value or "", facts.id, facts.name, Along())
            if choice is None or choice.value is None:
                return reader.text("cards.driver.missing")
            return await _link(console, tag.value or "", choice.value, choice.name, Along())

        dialogs.actions(reader, box, reader.text("cards.add.do"), act, fields=[tag])
