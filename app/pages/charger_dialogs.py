"""What the console asks before it changes a charger, and how it shows a password, once."""

from __future__ import annotations

from nicegui import ui
from nicegui.element import Element

from app.access.own_address import own_address
from app.operating.chargers import MOST_POWER_W, PLUG_TYPES, ocpp_address
from app.operating.sites import CannotKeep
from app.pages.console import Console
from components import charger_connectors, dialogs, new_charger
from components.dialogs import Problem
from components.qr import qr_code
from components.words import Reader
from data.queries import charger_page
from data.queries.charger_page import ChargerFacts, ConnectorFacts

LONGEST_NAME = 200


def problem(reader: Reader, error: CannotKeep) -> Problem:
    """The sentence for *error*."""
    return reader.text("operating.problem." + error.why)


def address(console: Console, identity: str) -> str:
    """Where the charger is to connect to, as seen from the operator's browser unless the settings say."""
    settings = console.portal.settings
    return ocpp_address(settings, identity, own_address(settings, console.request))


async def edit(console: Console, facts: ChargerFacts) -> None:
    """Name, site, and who sees it."""
    reader = console.reader
    sites = dict(await console.portal.database.ask(charger_page.sites))
    groups = list(await console.portal.database.ask(charger_page.groups))
    with dialogs.dialog(reader.text("charger.edit.title", name=facts.name)) as box:
        name = dialogs.field(reader.text("charger.name"), facts.name, longest=LONGEST_NAME)
        site = ui.select(sites, value=facts.site_id if facts.site_id in sites else None)
        site.props("outlined options-dense behavior=menu")
        site.props["label"] = reader.text("charger.site")
        everybody = ui.checkbox(reader.text("charger.visible.everybody"), value=facts.visible_to_all)
        chosen = ui.select(groups, value=list(facts.groups), multiple=True, new_value_mode="add-unique")
        chosen.props("outlined options-dense behavior=menu use-chips")
        chosen.props["label"] = reader.text("charger.groups")
        chosen.props["hint"] = reader.text("charger.groups.hint")
        chosen.bind_visibility_from(everybody, "value", backward=lambda value: not value)

        async def act() -> Problem:
            if (caller := await console.caller()) is None:
                return ""
            try:
                await console.portal.chargers.edit(
                    caller,
                    facts.id,
                    name=name.value or "",
                    site_id=site.value or 0,
                    visible_to_all=bool(everybody.value),
                    groups=list(chosen.value or ()),
                )
            except CannotKeep as error:
                return problem(reader, error)
            return ""

        dialogs.actions(reader, box, reader.text("settings.save"), act, fields=[name])


def edit_connector(console: Console, facts: ChargerFacts, connector: ConnectorFacts) -> None:
    """What a connector is: chargers don't say."""
    reader = console.reader
    title = reader.text("charger.connector.title", number=connector.number, name=facts.name)
    with dialogs.dialog(title) as box:
        kinds = {"": reader.text("charger.connector.unknown")} | {one: one for one in PLUG_TYPES}
        if connector.type is not None:
            kinds.setdefault(connector.type, connector.type)
        kind = ui.select(kinds, value=connector.type or "").props("outlined options-dense behavior=menu")
        kind.props["label"] = reader.text("charger.connector.type")
        watts = connector.max_power_w
        power = ui.number(value=None if watts is None else watts / 1000, min=0, max=MOST_POWER_W / 1000)
        power.props("outlined inputmode=decimal step=any")
        power.props["label"] = reader.text("charger.connector.power")

        async def act() -> Problem:
            if (caller := await console.caller()) is None:
                return ""
            try:
                given = None if power.value is None else round(float(power.value) * 1000)
                await console.portal.chargers.edit_connector(
                    caller, connector.id, kind=kind.value or None, max_power_w=given
                )
            except CannotKeep as error:
                return problem(reader, error)
            return ""

        dialogs.actions(reader, box, reader.text("settings.save"), act)


def renew_password(console: Console, facts: ChargerFacts) -> None:
    """Ask, make another password, and show it once: it is kept nowhere."""
    reader = console.reader

    async def act(_: str) -> Problem:
        if (caller := await console.caller()) is None:
            return ""
        try:
            password = await console.portal.chargers.renew_password(caller, facts.id)
        except CannotKeep as error:
            return problem(reader, error)
        show_password(console, facts, password)
        return ""

    dialogs.confirm(
        reader,
        reader.text("charger.password.title", name=facts.name),
        reader.text("charger.password.text" if facts.has_password else "charger.password.first"),
        reader.text("charger.password.do", name=facts.name),
        act,
        danger=facts.has_password,
    )


def show_password(console: Console, facts: ChargerFacts, password: str) -> None:
    """Address and password, as at set-up: to copy, and the address as a QR code for the installer's phone."""
    reader, can_copy = console.reader, console.can_copy
    where = address(console, facts.identity)
    with dialogs.dialog(reader.text("charger.password.made", name=facts.name)) as box:
        dialogs.paragraph(reader.text("new_charger.password.once")).classes("p-note-box")
        for key, value in (("address", where), ("user", facts.identity), ("password", password)):
            new_charger.copied(reader, reader.text(f"new_charger.{key}"), value, can_copy=can_copy)
        qr_code(where, reader.text("new_charger.qr", address=where))
        with Element("div").classes("p-actions"):
            close = ui.button(reader.text("people.link.close"), on_click=box.close, color=None)
            close.classes("p-button is-main")


async def accept(console: Console, facts: ChargerFacts) -> None:
    """Let it work. One without a password gets one on the way, unless the operator decides otherwise (T50).

    With a password nothing is lost by accepting, so nothing is asked.
    """
    reader = console.reader
    if facts.has_password:
        if told := await _accepted(console, facts):
            ui.notify(told, type="negative", position="top")
        return
    with dialogs.dialog(reader.text("charger.accept.title", name=facts.name)) as box:
        dialogs.paragraph(reader.text("charger.accept.text"))
        wanted = ui.checkbox(reader.text("charger.accept.password"), value=True)
        dialogs.paragraph(reader.text("charger.accept.password.hint")).classes("p-muted p-small")

        async def act() -> Problem:
            return await _accepted(console, facts, with_password=bool(wanted.value))

        dialogs.actions(reader, box, reader.text("charger.accept.do", name=facts.name), act)


async def _accepted(console: Console, facts: ChargerFacts, *, with_password: bool = False) -> Problem:
    """Accept it, the password first: in between it would work without one."""
    if (caller := await console.caller()) is None:
        return ""
    chargers, password = console.portal.chargers, ""
    try:
        if with_password:
            password = await chargers.renew_password(caller, facts.id)
        await chargers.accept(caller, facts.id)
    except CannotKeep as error:
        return problem(console.reader, error)
    if password:
        show_password(console, facts, password)
    return ""


def block(console: Console, facts: ChargerFacts) -> None:
    """Ask, and then let it in no more."""
    reader = console.reader

    async def act(_: str) -> Problem:
        if (caller := await console.caller()) is None:
            return ""
        try:
            await console.portal.chargers.block(caller, facts.id)
        except CannotKeep as error:
            return problem(reader, error)
        return ""

    dialogs.confirm(
        reader,
        reader.text("charger.block.title", name=facts.name),
        reader.text("charger.block.text"),
        reader.text("charger.block.do", name=facts.name),
        act,
        danger=True,
    )


def remove(console: Console, facts: ChargerFacts) -> None:
    """Ask, and then remove a charger that never had a session."""
    reader = console.reader

    async def act(_: str) -> Problem:
        if (caller := await console.caller()) is None:
            return ""
        try:
            await console.portal.chargers.remove(caller, facts.id)
        except CannotKeep as error:
            return problem(reader, error)
        ui.navigate.to("/admin/chargers")
        return ""

    dialogs.confirm(
        reader,
        reader.text("charger.remove.title", name=facts.name),
        reader.text("charger.remove.text"),
        reader.text("charger.remove.do", name=facts.name),
        act,
        danger=True,
    )


def plug_choice(
    reader: Reader, plugs: tuple[ConnectorFacts, ...], *, whole: str = "", running: bool = False
) -> ui.select | None:
    """A choice among *plugs* by id, with *whole* as the words for none; ``None`` where there is none to make.

    *running*: only those where something runs.
    """
    shown = {
        one.id: charger_connectors.label(one, reader)
        for one in plugs
        if one.number > 0 and (one.session is not None or not running)
    }
    options: dict[int, str] = ({0: whole} if whole else {}) | shown
    if not options:
        return None
    choice = ui.select(options, value=next(iter(options))).props("outlined options-dense behavior=menu")
    choice.props["label"] = reader.text("charger.connector")
    choice.set_visibility(len(options) > 1)
    return choice
