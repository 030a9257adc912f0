"""What can be asked of a charger, each by a dialog that names it (C16). What becomes of it is listed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from nicegui import ui

from app import clock
from app.charging.commands import CannotAsk
from app.charging.reservations import CannotReserve, Conflict
from app.logs import masked
from app.pages.charger_dialogs import plug_choice
from app.pages.console import Console
from components import dialogs
from components.dialogs import Problem
from data.queries import charger_page
from data.queries.charger_page import CardToUse, ChargerFacts, ConnectorFacts

Plugs = tuple[ConnectorFacts, ...]
MESSAGES = (
    "StatusNotification",
    "BootNotification",
    "Heartbeat",
    "MeterValues",
    "FirmwareStatusNotification",
)
OF_CONNECTORS = ("StatusNotification", "MeterValues")
LONGEST_TAG = 255
MINUTES = (15, 30, 60, 120, 240)


async def ask(console: Console, charger_id: int, kind: str, **given: Any) -> Problem:
    """Ask the charger for *kind*, by whoever clicks; the sentence why not, if not."""
    if (caller := await console.caller()) is None:
        return ""
    try:
        await console.portal.commands.ask(caller, charger_id, kind, **given)
    except CannotAsk as error:
        return console.reader.text("commands.refused." + error.why)
    return ""


async def start(console: Console, facts: ChargerFacts, plugs: Plugs) -> None:
    """Begin to charge with a driver's card, or with one that is typed."""
    reader = console.reader
    cards = await console.portal.database.ask(charger_page.cards)
    with dialogs.dialog(reader.text("charger.start.title", name=facts.name)) as box:
        plug = plug_choice(reader, plugs)
        card = _card_choice(console, cards)
        tag = dialogs.field(reader.text("charger.card.typed"), longest=LONGEST_TAG)
        tag.props("autocomplete=off")
        if card is not None:
            tag.bind_visibility_from(card, "value", backward=lambda value: value == 0)
        dialogs.paragraph(reader.text("charger.start.text")).classes("p-muted p-small")

        async def act() -> Problem:
            given: dict[str, Any] = {"connector_id": plug.value if plug is not None else None}
            if card is not None and card.value:
                given["mapping_id"] = card.value
            else:
                given["id_tag"] = (tag.value or "").strip()
                if not given["id_tag"]:
                    return reader.text("charger.card.missing")
            return await ask(console, facts.id, "start", **given)

        dialogs.actions(reader, box, reader.text("charger.start.do", name=facts.name), act)


def stop(console: Console, facts: ChargerFacts, plugs: Plugs) -> None:
    """End a charge that is going on."""
    reader = console.reader
    running = [one for one in plugs if one.session is not None]
    if not running:
        ui.notify(reader.text("charger.stop.none"), position="top")
        return
    with dialogs.dialog(reader.text("charger.stop.title", name=facts.name)) as box:
        sessions = {
            one.session.id: " · ".join(
                (
                    reader.text("charger.connector.number", number=one.number),
                    one.session.account_name or reader.text("charger.nobody"),
                    f"{reader.live_kwh(one.session.reading.energy_wh)} kWh",
                )
            )
            for one in running
            if one.session is not None
        }
        choice = ui.select(sessions, value=next(iter(sessions))).props("outlined options-dense behavior=menu")
        choice.props["label"] = reader.text("charger.session")
        dialogs.paragraph(reader.text("charger.stop.text")).classes("p-muted p-small")

        async def act() -> Problem:
            return await ask(console, facts.id, "stop", session_id=choice.value)

        label = reader.text("charger.stop.do", name=facts.name)
        dialogs.actions(reader, box, label, act, danger=True)


def unlock(console: Console, facts: ChargerFacts, plugs: Plugs) -> None:
    """Let go of a cable."""
    reader = console.reader
    with dialogs.dialog(reader.text("charger.unlock.title", name=facts.name)) as box:
        plug = plug_choice(reader, plugs)
        dialogs.paragraph(reader.text("charger.unlock.text"))

        async def act() -> Problem:
            connector = plug.value if plug is not None else None
            return await ask(console, facts.id, "unlock", connector_id=connector)

        label = reader.text("charger.unlock.do", name=facts.name)
        dialogs.actions(reader, box, label, act, danger=True)


def reset(console: Console, facts: ChargerFacts, plugs: Plugs) -> None:
    """Restart the charger, after what it does or at once."""
    reader = console.reader
    with dialogs.dialog(reader.text("charger.reset.title", name=facts.name)) as box:
        if any(one.session is not None for one in plugs):
            dialogs.paragraph(reader.text("charger.reset.charging")).classes("p-note-box")
        how = ui.radio(
            {False: reader.text("charger.reset.soft"), True: reader.text("charger.reset.hard")}, value=False
        )
        how.classes("p-radio")
        how.props["aria-label"] = reader.text("charger.reset.how")

        async def act() -> Problem:
            return await ask(console, facts.id, "reset", at_once=bool(how.value))

        label = reader.text("charger.reset.do", name=facts.name)
        dialogs.actions(reader, box, label, act, danger=True)


def availability(console: Console, facts: ChargerFacts, plugs: Plugs) -> None:
    """Take the charger or a connector out of service, or back."""
    reader = console.reader
    with dialogs.dialog(reader.text("charger.availability.title", name=facts.name)) as box:
        plug = plug_choice(reader, plugs, whole=reader.text("charger.whole"))
        how = ui.radio(
            {False: reader.text("charger.availability.out"), True: reader.text("charger.availability.in")},
            value=False,
        )
        how.classes("p-radio")
        how.props["aria-label"] = reader.text("charger.availability.how")
        dialogs.paragraph(reader.text("charger.availability.text")).classes("p-muted p-small")

        async def act() -> Problem:
            connector = (plug.value or None) if plug is not None else None
            return await ask(
                console, facts.id, "change_availability", connector_id=connector, operative=bool(how.value)
            )

        label = reader.text("charger.availability.do", name=facts.name)
        dialogs.actions(reader, box, label, act, danger=True)


def trigger(console: Console, facts: ChargerFacts, plugs: Plugs) -> None:
    """Ask for a message that it sends by itself only now and then."""
    reader = console.reader
    with dialogs.dialog(reader.text("charger.trigger.title", name=facts.name)) as box:
        words = {one: f"{reader.text('charger.message.' + one)} ({one})" for one in MESSAGES}
        message = ui.select(words, value=MESSAGES[0]).props("outlined options-dense behavior=menu")
        message.props["label"] = reader.text("charger.trigger.message")
        plug = plug_choice(reader, plugs, whole=reader.text("charger.whole"))
        if plug is not None:
            plug.bind_visibility_from(message, "value", backward=lambda value: value in OF_CONNECTORS)

        async def act() -> Problem:
            connector = (plug.value or None) if plug is not None and message.value in OF_CONNECTORS else None
            return await ask(console, facts.id, "trigger", message=message.value, connector_id=connector)

        dialogs.actions(reader, box, reader.text("charger.trigger.do", name=facts.name), act)


async def reserve(console: Console, facts: ChargerFacts, plugs: Plugs) -> None:
    """Hold a connector for a driver, from now on."""
    reader = console.reader
    cards = await console.portal.database.ask(charger_page.cards)
    if not cards:
        ui.notify(reader.text("charger.reserve.no_cards"), position="top")
        return
    with dialogs.dialog(reader.text("charger.reserve.title", name=facts.name)) as box:
        plug = plug_choice(reader, plugs, whole=reader.text("charger.whole"))
        card = _card_choice(console, cards, typed=False)
        lengths = {minutes: reader.duration(timedelta(minutes=minutes)) for minutes in MINUTES}
        length = ui.select(lengths, value=30).props("outlined options-dense behavior=menu")
        length.props["label"] = reader.text("charger.reserve.length")
        dialogs.paragraph(reader.text("charger.reserve.text")).classes("p-muted p-small")
        numbers = {one.id: one.number for one in plugs}

        async def act() -> Problem:
            if (caller := await console.caller()) is None:
                return ""
            now = clock.now()
            number = numbers.get(plug.value) if plug is not None and plug.value else None
            until = now + timedelta(minutes=int(length.value))
            mapping = int(card.value or 0) if card is not None else 0
            try:
                await console.portal.reservations.create(caller, mapping, facts.id, number, now, until)
            except Conflict as conflict:
                held = max((one.ends_at for one in conflict.others), default=until)
                return reader.text("charger.reserve.conflict", moment=reader.moment(held, now))
            except CannotReserve as error:
                key = "charger.reserve.refused." + error.why
                return reader.text(key if reader.knows(key) else "commands.refused.parameters")
            return ""

        dialogs.actions(reader, box, reader.text("charger.reserve.do", name=facts.name), act)


def _card_choice(console: Console, cards: tuple[CardToUse, ...], *, typed: bool = True) -> ui.select | None:
    """A choice among *cards* by mapping; with 0 for one that is *typed*. ``None`` where there is nothing."""
    reader = console.reader
    options = {one.mapping_id: f"{one.account_name} · {masked(one.id_tag)}" for one in cards}
    if not options:
        return None
    if typed:
        options[0] = reader.text("charger.card.other")
    choice = ui.select(options, value=next(iter(options)), with_input=True)
    choice.props("outlined options-dense behavior=menu")
    choice.props["label"] = reader.text("charger.card")
    return choice


DIALOGS: dict[str, Callable[[Console, ChargerFacts, Plugs], Awaitable[None] | None]] = {
    "start": start,
    "stop": stop,
    "reserve": reserve,
    "unlock": unlock,
    "availability": availability,
    "trigger": trigger,
    "reset": reset,
}
"""The dialogs by what they ask for, in the order of their buttons."""
