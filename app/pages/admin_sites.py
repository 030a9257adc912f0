"""`/admin/sites`, `/admin/sites/{site_id}`: places with chargers, and groups that only some drivers see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from nicegui.element import Element
from sqlalchemy import Connection, select
from starlette.requests import Request

from app import clock
from app.access.account_rules import LONGEST_NAME
from app.access.visitor import Operator, not_found
from app.operating.sites import CannotKeep
from app.pages.console import Console
from app.pages.new_charger import buttons
from app.pages.row_id import row_id
from app.pages.site_form import SiteForm
from components import dialogs, forms
from components.bound import Show, When
from components.dialogs import Problem
from components.display_list import SiteDisplays
from components.drawn import Card
from components.listing import Cell, Column, Line, Listing, Page
from data.announcements import Topic
from data.models import Account, Charger
from data.queries import display_list, sites
from data.queries.display_list import DisplayFacts
from data.queries.sites import MEMBERS, GroupFacts, Member, SiteFacts
from data.types import Role

if TYPE_CHECKING:
    from app.portal import Portal

AT_MOST_EVERY = 1.0
"""Seconds between the questions for a site's displays: screens answer all the time."""
NAMED = 3
"""Members of a group that its row names."""


def install(portal: Portal) -> None:
    """Install the two pages."""

    @ui.page("/admin/sites")
    async def listed(request: Request, operator: Operator, group: str = "") -> None:
        await SitesPage(Console(portal, operator, request), row_id(group)).draw()

    @ui.page("/admin/sites/{site_id}")
    async def site(request: Request, operator: Operator, site_id: str) -> None:
        await SitePage(Console(portal, operator, request), row_id(site_id)).draw()


class SitesPage:
    """All sites and groups; one of the groups may be open."""

    def __init__(self, console: Console, group_id: int | None) -> None:
        self.console = console
        self.group_id = group_id
        self.cards = console.cards()
        kept = When(Topic.SITES)
        self.sites = self.cards.bind(sites.listed, kept)
        self.groups = self.cards.bind(sites.groups, kept, When(Topic.PEOPLE, at_most_every=lambda: 1.0))

    async def draw(self) -> None:
        """The page."""
        console, reader = self.console, self.console.reader
        await self.cards.load()
        found = await console.portal.database.ask(sites.groups)
        chosen = next((one for one in found if one.id == self.group_id), None)
        choices = await console.portal.database.ask(_choices) if chosen is not None else ((), ())
        with console.page(reader.text("sites.title")) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/setup.css">')
            with frame.title:
                add = ui.button(reader.text("sites.add"), on_click=self.add_site, color=None)
                add.classes("p-button is-main")
            self.sites.draw(self.draw_sites)
            self.groups.draw(self.draw_groups)
            if chosen is not None:
                self.draw_group(chosen, *choices)

    def draw_sites(self, found: tuple[SiteFacts, ...]) -> Show[tuple[SiteFacts, ...]]:
        """The list of sites."""
        reader = self.console.reader
        card = Listing(reader, reader.text("sites.title"))
        columns = [
            Column(reader.text("sites.name")),
            Column(reader.text("sites.where")),
            Column(reader.text("sites.time_zone")),
            Column(reader.text("sites.currency")),
            Column(reader.text("sites.chargers"), number=True),
        ]

        def show(found: tuple[SiteFacts, ...]) -> None:
            lines = [
                Line(
                    one.id,
                    (
                        Cell(one.name, href=f"/admin/sites/{one.id}"),
                        one.address or "",
                        one.time_zone.replace("_", " "),
                        one.currency,
                        reader.integer(one.chargers),
                    ),
                )
                for one in found
            ]
            card.show(Page(columns, lines, empty=reader.text("sites.empty")))

        show(found)
        return show

    def draw_groups(self, found: tuple[GroupFacts, ...]) -> Show[tuple[GroupFacts, ...]]:
        """The list of groups, and a form for another one."""
        reader = self.console.reader
        card = Listing(
            reader, reader.text("groups.title"), title=reader.text("groups.title"), heading="groups"
        )
        with card:
            forms.text("p", reader.text("groups.text")).classes("p-muted p-small")
            with Element("div").classes("p-setup-actions"):
                add = ui.button(reader.text("groups.add"), on_click=self.add_group, color=None)
                add.classes("p-button").props("flat")
        columns = [
            Column(reader.text("groups.name")),
            Column(reader.text("groups.chargers")),
            Column(reader.text("groups.drivers")),
        ]

        def show(found: tuple[GroupFacts, ...]) -> None:
            lines = [
                Line(
                    one.id,
                    (
                        Cell(one.name, href=f"/admin/sites?group={one.id}#group-title"),
                        self.told(one.chargers),
                        self.told(one.drivers),
                    ),
                )
                for one in found
            ]
            card.show(Page(columns, lines, empty=reader.text("groups.empty")))

        show(found)
        return show

    def told(self, members: tuple[Member, ...]) -> str:
        """Some names, and how many there are besides."""
        names = ", ".join(one.name for one in members[:NAMED])
        if len(members) <= NAMED:
            return names
        return self.console.reader.count("groups.more", len(members) - NAMED, names=names)

    def draw_group(
        self, group: GroupFacts, chargers: tuple[Member, ...], drivers: tuple[Member, ...]
    ) -> None:
        """The form of one group."""
        console, reader = self.console, self.console.reader
        with Card("p-fields p-setup-form", "group-title"):
            title = forms.text("h2", reader.text("groups.edit", name=group.name))
            title.props("id=group-title tabindex=-1")
            name = dialogs.field(reader.text("groups.name"), group.name, longest=LONGEST_NAME)
            picked = (
                self._members("groups.chargers", chargers, group.chargers),
                self._members("groups.drivers", drivers, group.drivers),
            )

            async def save() -> Problem:
                if (caller := await console.caller()) is None:
                    return ""
                try:
                    await console.portal.groups.edit(
                        caller,
                        group.id,
                        name=name.value or "",
                        chargers=picked[0].value,
                        drivers=picked[1].value,
                    )
                except CannotKeep as refused:
                    return reader.text(f"operating.problem.{refused.why}")
                ui.navigate.to("/admin/sites")
                return ""

            buttons(reader.text("settings.save"), save, fields=[name])
            with Element("div").classes("p-setup-actions"):
                words = reader.text("groups.remove", name=group.name)
                remove = ui.button(words, on_click=lambda: self.remove(group), color=None)
                remove.classes("p-button is-danger").props("flat")

    def _members(self, key: str, all_of_them: tuple[Member, ...], chosen: tuple[Member, ...]) -> ui.select:
        options = {one.id: f"{one.name} · {one.more}" for one in (*chosen, *all_of_them)}
        select_ = ui.select(
            options,
            value=[one.id for one in chosen],
            multiple=True,
            with_input=True,
            label=self.console.reader.text(key),
        )
        return select_.props("outlined options-dense behavior=menu use-chips")

    def remove(self, group: GroupFacts) -> None:
        """Ask, and then remove the group."""
        console, reader = self.console, self.console.reader

        async def act(_: str) -> Problem:
            if (caller := await console.caller()) is None:
                return ""
            try:
                await console.portal.groups.remove(caller, group.id)
            except CannotKeep as refused:
                return reader.text(f"operating.problem.{refused.why}")
            ui.navigate.to("/admin/sites")
            return ""

        do = reader.text("groups.remove", name=group.name)
        title = reader.text("groups.remove.title", name=group.name)
        dialogs.confirm(reader, title, reader.text("groups.remove.text"), do, act, danger=True)

    def add_site(self) -> None:
        """Ask for a new site; the list follows by itself."""
        with dialogs.dialog(self.console.reader.text("sites.add")) as box:
            SiteForm(self.console, box.close).draw(self.console.reader.text("sites.add"))

    def add_group(self) -> None:
        """Ask for a name, and open the new group."""
        console, reader = self.console, self.console.reader
        with dialogs.dialog(reader.text("groups.add")) as box:
            name = dialogs.field(reader.text("groups.name"), longest=LONGEST_NAME)

            async def act() -> Problem:
                if (caller := await console.caller()) is None:
                    return ""
                try:
                    group_id = await console.portal.groups.add(caller, name.value or "")
                except CannotKeep as refused:
                    return reader.text(f"operating.problem.{refused.why}")
                ui.navigate.to(f"/admin/sites?group={group_id}#group-title")
                return ""

            dialogs.actions(reader, box, reader.text("groups.add"), act, fields=[name])


class SitePage:
    """One site. Raises `not_found` where there is none."""

    def __init__(self, console: Console, site_id: int | None) -> None:
        if site_id is None:
            raise not_found()
        self.console = console
        self.id = site_id
        self.cards = console.cards()
        self.chargers = self.cards.bind(lambda db: sites.chargers_of(db, site_id), When(Topic.SITES))
        self.displays = self.cards.bind(
            lambda db: display_list.of_site(db, site_id),
            When(Topic.DISPLAYS, at_most_every=lambda: AT_MOST_EVERY),
            tells_time=True,
            until=lambda found: display_list.until_unseen(found, clock.now()),
        )

    async def draw(self) -> None:
        """The page."""
        console, reader = self.console, self.console.reader
        found = await console.portal.database.ask(sites.facts, self.id)
        if found is None:
            raise not_found()
        await self.cards.load()
        with console.page(found.name) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/setup.css">')
            with frame.title:
                back = ui.link(f"← {reader.text('sites.title')}", "/admin/sites")
                back.classes("p-text-link p-way-back").move(target_index=0)
            with Card("p-two-thirds p-fields p-setup-form", "site-title"):
                forms.text("h2", reader.text("sites.edit")).props("id=site-title")
                SiteForm(console, lambda: ui.navigate.to(f"/admin/sites/{self.id}"), found).draw(
                    reader.text("settings.save")
                )
            self.chargers.draw(lambda chargers: self.draw_chargers(found, chargers))
            self.displays.draw(self.draw_displays)

    def draw_chargers(self, site: SiteFacts, found: tuple[Member, ...]) -> Show[tuple[Member, ...]]:
        """The site's chargers; without any it can be removed."""
        reader = self.console.reader
        card = Listing(
            reader,
            reader.text("sites.chargers"),
            title=reader.text("sites.chargers"),
            heading="chargers-title",
            classes="p-one-third",
        )
        with card, Element("div").classes("p-setup-actions"):
            ui.link(reader.text("new_charger.title"), "/admin/chargers/new").classes("p-text-link")
            words = reader.text("sites.remove", name=site.name)
            remove = ui.button(words, on_click=lambda: self.remove(site), color=None)
            remove.classes("p-button is-danger").props("flat")

        def show(found: tuple[Member, ...]) -> None:
            lines = [
                Line(one.id, (Cell(one.name, meta=one.more, href=f"/admin/chargers/{one.id}"),))
                for one in found
            ]
            column = Column(reader.text("sites.charger"))
            card.show(Page([column], lines, empty=reader.text("sites.no_chargers")))
            remove.set_visibility(not found)

        show(found)
        return show

    def draw_displays(self, found: tuple[DisplayFacts, ...]) -> Show[tuple[DisplayFacts, ...]]:
        """The site's displays, and which of them are seen."""
        reader = self.console.reader
        card = SiteDisplays(reader)
        with card, Element("div").classes("p-setup-actions"):
            add = f"/admin/displays/new?site={self.id:d}"
            ui.link(reader.text("sites.add_display"), add).classes("p-text-link")

        def show(found: tuple[DisplayFacts, ...]) -> None:
            card.show_displays(found, clock.now())

        show(found)
        return show

    def remove(self, site: SiteFacts) -> None:
        """Ask, and then remove the site."""
        console, reader = self.console, self.console.reader

        async def act(_: str) -> Problem:
            if (caller := await console.caller()) is None:
                return ""
            try:
                await console.portal.sites.remove(caller, site.id)
            except CannotKeep as refused:
                return reader.text(f"operating.problem.{refused.why}")
            ui.navigate.to("/admin/sites")
            return ""

        do = reader.text("sites.remove", name=site.name)
        title = reader.text("sites.remove.title", name=site.name)
        dialogs.confirm(reader, title, reader.text("sites.remove.text"), do, act, danger=True)


def _choices(db: Connection) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
    """Chargers and drivers that can be put into a group, `MEMBERS` of each at most."""
    chargers = select(Charger.id, Charger.name, Charger.identity).order_by(Charger.name).limit(MEMBERS)
    drivers = select(Account.id, Account.name, Account.email).where(Account.role == Role.DRIVER)
    return (
        tuple(Member(*row) for row in db.execute(chargers)),
        tuple(Member(*row) for row in db.execute(drivers.order_by(Account.name).limit(MEMBERS))),
    )
