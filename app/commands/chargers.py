"""Sites and chargers."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

import click
from babel.numbers import is_currency
from sqlalchemy import insert, select, update

from app import clock
from app.access.passwords import hash_password
from app.commands.opening import TimeZone, group, inserted, opened, shown_name
from app.settings import Settings, load
from data import audit
from data.announcements import Announcement, Topic
from data.caller import COMMAND_LINE
from data.database import Change
from data.models import Charger, Connector, GroupCharger, Site
from data.types import Admission

PASSWORD_BYTES = 16
"""Random bytes of a charger's password (T50); 22 characters, which fits the 40 of OCPP 2.0.1."""


class Currency(click.ParamType[str]):
    """An ISO 4217 currency."""

    name = "currency"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """*value* in upper case, if it is a currency."""
        code = str(value).strip().upper()
        if not is_currency(code):
            self.fail(f"{value!r} is no ISO 4217 currency; give one such as EUR.", param, ctx)
        return code


TYPES = {
    "".join(kind.split()).casefold(): kind
    for kind in (
        "Type 1",
        "Type 2",
        "CCS",
        "CCS 1",
        "CCS 2",
        "CHAdeMO",
        "NACS",
        "GB/T",
        "Type 3",
        "Schuko",
        "CEE",
    )
}
"""Connector types as pages show them, by how somebody may write them."""


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
        known = TYPES.get("".join(kind.split()).casefold())
        if known is None or (watts is not None and not 0 < watts <= 10_000_000):
            types = ", ".join(dict.fromkeys(TYPES.values()))
            self.fail(
                f"{value!r} is no connector; give TYPE or TYPE:KW, such as CCS:150 (types: {types}).",
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
    name = shown_name(name)
    zone = time_zone or load().default_time_zone
    row = {"name": name, "time_zone": zone, "address": address, "currency": currency}

    def add(change: Change) -> None:
        if change.execute(select(Site.id).where(Site.name == name)).first():
            raise click.ClickException(f"There is a site {name} already.")
        change.execute(insert(Site), row)

    with opened() as database:
        database.change_now(add)
    click.echo(f"Site {name} added ({zone}, {currency}).")


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
    identity = checked_identity(identity)
    name = shown_name(name or identity)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    hashed = hash_password(password)

    def add(change: Change) -> str:
        if change.execute(select(Charger.id).where(Charger.identity == identity)).first():
            raise click.ClickException(
                f"There is a charger {identity} already; new-password gives it another password."
            )
        site, place = _site(change, site_name)
        row = {
            "identity": identity,
            "name": name,
            "site_id": site,
            "password_hash": hashed,
            "visible_to_all": not groups,
        }
        charger = inserted(change, Charger, row)
        for number, (kind, watts) in enumerate(connectors or ((None, None),), 1):
            change.execute(
                insert(Connector),
                {"charger_id": charger, "number": number, "type": kind, "max_power_w": watts},
            )
        for one in dict.fromkeys(groups):
            change.execute(insert(GroupCharger), {"group_id": group(change, one), "charger_id": charger})
        change.announce(Announcement(Topic.CHARGERS, charger))
        return place

    with opened() as database:
        place = database.change_now(add)
    click.echo(f"Charger {name} added to {place}.")
    _tell(identity, password)


@click.command("new-password")
@click.argument("identity")
def new_password(identity: str) -> None:
    """Give the charger IDENTITY a new password (printed once) and let it connect.

    For a lost password, and for chargers that an import or their first connection has made known.
    """
    identity = checked_identity(identity)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    hashed = hash_password(password)

    def change_it(change: Change) -> None:
        charger = change.execute(select(Charger.id).where(Charger.identity == identity)).scalar()
        if charger is None:
            raise click.ClickException(f"There is no charger {identity}; add-charger makes one.")
        change.execute(
            update(Charger)
            .where(Charger.id == charger)
            .values(password_hash=hashed, admission=Admission.ACCEPTED)
        )
        about = f"charger {identity}"
        audit.record(change, COMMAND_LINE, "charger.password", clock.now(), about=about)
        change.announce(Announcement(Topic.CHARGERS, charger))

    with opened() as database:
        database.change_now(change_it)
    click.echo(f"Charger {identity} has a new password; the one before is void from its next connection on.")
    _tell(identity, password)


def checked_identity(text: str) -> str:
    """*text*, if a charger can be called so: part of an address and user name of Basic authentication."""
    if not text or len(text) > 255 or not text.isprintable() or any(c in ":/?#" or c.isspace() for c in text):
        raise click.ClickException(
            f"{text!r} can't be a charger's identity: 1 to 255 characters, without spaces and : / ? #"
        )
    return text


def ocpp_address(settings: Settings, identity: str) -> str:
    """Where the charger *identity* connects to."""
    base = settings.address.replace("http", "ws", 1)
    return f"{base}/ocpp/{quote(identity, safe='')}"


def _site(change: Change, name: str | None) -> tuple[int, str]:
    sites = [(int(site.id), str(site.name)) for site in change.execute(select(Site.id, Site.name))]
    if name is not None:
        sites = [site for site in sites if site[1] == name.strip()]
        if not sites:
            raise click.ClickException(f"There is no site {name}; add-site makes one.")
    if not sites:
        raise click.ClickException("There is no site yet; add-site makes one.")
    if len(sites) > 1:
        raise click.ClickException("There are several sites: say with --site which one.")
    return sites[0]


def _tell(identity: str, password: str) -> None:
    settings = load()
    click.echo(f"  OCPP address  {ocpp_address(settings, identity)}  (1.6J or 2.0.1)")
    if settings.public_url is None:
        click.echo(
            "                (as seen from this machine; POLARIS_PUBLIC_URL sets the one for chargers)"
        )
    click.echo(f"  user          {identity}")
    click.echo(f"  password      {password}  (shown this once)")
