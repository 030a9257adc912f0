"""The fields of a site, in the first run and in the list of sites."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from app.access.account_rules import LONGEST_NAME
from app.operating.sites import LONGEST_ADDRESS, CannotKeep
from app.pages.console import Console
from app.pages.new_charger import buttons
from components import currencies, dialogs
from components.dialogs import Problem
from components.preferences import SearchedChoice
from components.words import Reader, zones
from data.queries.sites import SiteFacts


class SiteForm:
    """Name, address, zone and currency of a site, and what its displays show; *done* is called once it is
    stored.
    """

    def __init__(self, console: Console, done: Callable[[], object], site: SiteFacts | None = None) -> None:
        """*site* is changed; without one a new one is made."""
        self.console, self.done, self.site = console, done, site

    def draw(self, label: str) -> None:
        """Draw the fields here, and a button that says *label*."""
        reader, site = self.console.reader, self.site
        name = dialogs.field(reader.text("sites.name"), site.name if site else "", longest=LONGEST_NAME)
        name.props("autocomplete=off")
        if site is None:
            name.props("autofocus")
            name.props["hint"] = reader.text("sites.name.hint")
        where = (site.address if site else None) or ""
        address = dialogs.field(reader.text("sites.address"), where, longest=LONGEST_ADDRESS)
        address.props("autocomplete=off")
        zone = zone_choice(reader, site.time_zone if site else reader.zone)
        guessed = currencies.currency_of(reader.zone)
        currency = currency_choice(reader, site.currency if site else guessed)

        # A first site has no displays yet: one thing less to think about.
        energy: ui.checkbox | None = None
        if site is not None:
            energy = ui.checkbox(reader.text("sites.board_energy"), value=site.board_energy)
            dialogs.paragraph(reader.text("sites.board_energy.text")).classes("p-muted p-small")

        def follow() -> None:
            """The currency follows the zone, until somebody has chosen one."""
            nonlocal guessed
            if site is None and currency.value == guessed and zone.value:
                guessed = currencies.currency_of(zone.value)
                currency.set_value(guessed)

        zone.on_value_change(follow)

        async def save() -> Problem:
            if problem := zone.settle() or currency.settle():
                return problem
            if (caller := await self.console.caller()) is None:
                return ""
            values: dict[str, Any] = {
                "name": name.value or "",
                "time_zone": zone.value or "",
                "address": address.value,
                "currency": currency.value or "",
            }
            sites = self.console.portal.sites
            try:
                if site is None:
                    await sites.add(caller, **values)
                else:
                    shown = None if energy is None else bool(energy.value)
                    await sites.edit(caller, site.id, **values, board_energy=shown)
            except CannotKeep as refused:
                return reader.text(f"operating.problem.{refused.why}")
            self.done()
            return ""

        buttons(label, save, fields=[name, address])


def zone_choice(reader: Reader, zone: str) -> SearchedChoice:
    """A time zone, to be searched by its name."""
    # "New York", as somebody types it; the name of the zone itself has an underscore.
    all_zones = {one: one.replace("_", " ") for one in sorted({*zones(), zone})}
    choice = SearchedChoice(reader, all_zones, value=zone, label=reader.text("sites.time_zone"))
    choice.props["hint"] = reader.text("sites.time_zone.hint")
    return choice


def currency_choice(reader: Reader, code: str) -> SearchedChoice:
    """A currency, to be searched by its code or name."""
    names = dict(currencies.named_currencies(reader))
    names.setdefault(code, code)
    return SearchedChoice(reader, names, value=code, label=reader.text("sites.currency"))
