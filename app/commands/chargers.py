"""Sites and chargers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
from sqlalchemy import Connection, Row, select

from app.commands.opening import TimeZone, opened
from app.operating.chargers import PLUG_TYPES, Chargers, NewCharger, NoPlug, NoSuchCharger, ocpp_address, plug
from app.operating.sites import CannotKeep, NoCurrency, Sites, currency_code
from app.settings import Settings, load
from data.caller import COMMAND_LINE
from data.database import Database
from data.models import Charger, Site

T = TypeVar("T")


class Currency(click.ParamType[str]):
    """An ISO 4217 currency."""

    name = "currency"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """*value* in upper case, if it is a currency."""
        try:
            return currency_code(str(value))
        except NoCurrency:
            self.fail(f"{value!r} is no ISO 4217 currency; give one such as EUR.", param, ctx)


class Plug(click.ParamType[tuple[str, int | None]]):
    """A connector as ``TYPE`` or ``TYPE:KW``; becomes type and watts."""

    name = "type:kw"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int | None]:
        """Type and maximum power in W of *value*."""
        if isinstance(value, tuple):
            return value
        kind, colon, power = str(value).partition(":")
        try:
            watts = round(float(power) * 1000) if colon else None
        except (ValueError, OverflowError):
            watts = 0
        try:
            known, watts = plug(kind, watts)
        except NoPlug:
            known = None
        if known is None:
            self.fail(
                f"{value!r} is no connector; give TYPE or TYPE:KW, such as CCS:150 "
                f"(types: {', '.join(PLUG_TYPES)}).",
                param,
                ctx,
            )
        return known, watts


@click.command("add-site")
@click.argument("name")
@click.option("--time-zone", type=TimeZone(), help="IANA zone of the place.  [default: the setting]")
@click.option("--address", help="Where it is, for people.")
@click.option("--currency", type=Currency(), default="EUR", show_default=True, help="Of its prices.")
def add_site(name: str, time_zone: str | None, address: str | None, currency: str) -> None:
    """Add the site NAME: a place with chargers and a time zone."""
    zone = time_zone or load().default_time_zone
    _do(lambda database: Sites(database).add(COMMAND_LINE, name, zone, address, currency), name)
    click.echo(f"Site {name.strip()} added ({zone}, {currency}).")


@click.command("add-charger")
@click.argument("identity")
@click.option("--site", "site_name", help="Name of its site.  [default: the only one]")
@click.option("--name", help="How pages call it.  [default: IDENTITY]")
@click.option(
    "--connector",
    "connectors",
    type=Plug(),
    multiple=True,
    help="Type and maximum power of a connector, such as CCS:150 or 'Type 2:22'; repeatable, in the order "
    "of their numbers.  [default: one of unknown type]",
)
@click.option("--group", "groups", multiple=True, help="Show it only to drivers of this group; repeatable.")
def add_charger(
    identity: str,
    site_name: str | None,
    name: str | None,
    connectors: tuple[tuple[str, int | None], ...],
    groups: tuple[str, ...],
) -> None:
    """Add the charger IDENTITY; prints its OCPP address and password (once).

    IDENTITY is the last part of its OCPP address and its user name.
    """
    settings = load()

    async def add(database: Database) -> tuple[NewCharger, str]:
        site = await database.ask(_site, site_name)
        chargers = Chargers(database, settings)
        return await chargers.add(COMMAND_LINE, identity, name or "", site.id, connectors, groups), site.name

    charger, place = _do(add, identity)
    click.echo(f"Charger {name or charger.identity} added to {place}.")
    _tell(settings, charger.identity, charger.password)


@click.command("new-password")
@click.argument("identity")
def new_password(identity: str) -> None:
    """Give the charger IDENTITY a new password (printed once) and let it connect.

    For a lost password, and for chargers that an import or their first connection has made known.
    """
    settings = load()

    async def renew(database: Database) -> str:
        charger_id = await database.ask(_charger, identity)
        chargers = Chargers(database, settings)
        password = await chargers.renew_password(COMMAND_LINE, charger_id)
        await chargers.accept(COMMAND_LINE, charger_id)
        return password

    password = _do(renew, identity)
    click.echo(f"Charger {identity} has a new password; the one before is void from now on.")
    _tell(settings, identity, password)


def _do(work: Callable[[Database], Awaitable[T]], name: str) -> T:
    """What *work* on the site or charger *name* returns; what a service refuses becomes one sentence."""

    async def run(database: Database) -> T:
        return await work(database)

    with opened() as database:
        try:
            return asyncio.run(run(database))
        except CannotKeep as refused:
            raise click.ClickException(REFUSALS[refused.why].format(name)) from refused


REFUSALS = {
    "name": "A name has from 1 to 200 characters, all of which can be seen.",
    "taken": "There is a site {} already.",
    "time_zone": "That is no IANA time zone; give one such as Europe/Berlin.",
    "currency": "That is no ISO 4217 currency; give one such as EUR.",
    "address": "An address has 500 characters at most.",
    "identity": "{!r} can't be a charger's identity: 1 to 255 characters, without spaces and : / ? #",
    "identity_taken": "There is a charger {} already; new-password gives it another password.",
    "no_site": "The site has just been removed.",
    "no_charger": "There is no charger {}; add-charger makes one.",
    "plug": "That is no connector; give TYPE or TYPE:KW, such as CCS:150.",
}
"""What the services refuse, by their words for it."""


def _charger(db: Connection, identity: str) -> int:
    charger_id = db.execute(select(Charger.id).where(Charger.identity == identity)).scalar()
    if charger_id is None:
        raise NoSuchCharger
    return int(charger_id)


def _site(db: Connection, name: str | None) -> Row[int, str]:
    sites = db.execute(select(Site.id, Site.name)).all()
    if name is not None:
        sites = [site for site in sites if site.name == name.strip()]
        if not sites:
            raise click.ClickException(f"There is no site {name}; add-site makes one.")
    if not sites:
        raise click.ClickException("There is no site yet; add-site makes one.")
    if len(sites) > 1:
        raise click.ClickException("There are several sites: say with --site which one.")
    return sites[0]


def _tell(settings: Settings, identity: str, password: str) -> None:
    click.echo(f"  OCPP address  {ocpp_address(settings, identity)}  (1.6J or 2.0.1)")
    if settings.public_url is None:
        click.echo(
            "                (as seen from this machine; POLARIS_PUBLIC_URL sets the one for chargers)"
        )
    click.echo(f"  user          {identity}")
    click.echo(f"  password      {password}  (shown this once)")
