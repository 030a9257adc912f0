"""Drivers and their cards."""

from __future__ import annotations

import asyncio
import secrets
import sys

import click
from sqlalchemy import Connection, func, insert, select, update

from app import clock
from app.access import link_rows, passwords, sign_in_rows
from app.access.account_rules import check_password
from app.commands.opening import PROGRAM, TimeZone, driver, email_address, group, inserted, opened, shown_name
from app.operating.cards import Already, Cards, CardStays, Taken
from data import audit
from data.announcements import Announcement, Topic
from data.caller import COMMAND_LINE
from data.database import Change
from data.models import Account, ChargingSession, GroupAccount, SignIn
from data.types import Role


@click.command("add-driver")
@click.argument("email")
@click.option("--name", help="How pages call the driver.  [default: the e-mail's part before the @]")
@click.option("--time-zone", type=TimeZone(), help="IANA zone.  [default: as the browser says]")
@click.option(
    "--language",
    type=click.Choice(["en", "de"]),
    help="Language of the pages.  [default: as the browser asks]",
)
@click.option("--group", "groups", multiple=True, help="A charger group that the driver sees; repeatable.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of making one."
)
def add_driver(
    email: str,
    name: str | None,
    time_zone: str | None,
    language: str | None,
    groups: tuple[str, ...],
    password_stdin: bool,
) -> None:
    """Add a driver who signs in with EMAIL and a password (printed once)."""
    email = email_address(email)
    name = shown_name(name if name is not None else email.partition("@")[0])
    password = _password(password_stdin, name=name, email=email)
    now = clock.now()
    row = {
        "role": Role.DRIVER,
        "email": email,
        "name": name,
        "password_hash": passwords.hash_password(password),
        "time_zone": time_zone,
        "language": language,
        "created_at": now,
    }

    def add(change: Change) -> None:
        known = select(Account.id).where(Account.email == email, Account.role == Role.DRIVER)
        if change.execute(known).first():
            raise click.ClickException(f"There is a driver {email} already.")
        account = inserted(change, Account, row)
        for one in dict.fromkeys(groups):
            change.execute(insert(GroupAccount), {"group_id": group(change, one), "account_id": account})
        audit.record(change, COMMAND_LINE, "person.add", now, subject_id=account, about=email)
        change.announce(Announcement(Topic.PEOPLE, account))

    with opened() as database:
        database.change_now(add)
    click.echo(f"Driver {name} <{email}> added.")
    if not password_stdin:
        click.echo(f"  password  {password}  (shown this once)")
    click.echo(f"Next: {PROGRAM} add-mapping CARD {email}")


@click.command("new-driver-password")
@click.argument("email")
@click.option("--new-email", help="Another e-mail address to sign in with, from now on.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of making one."
)
def new_driver_password(email: str, new_email: str | None, password_stdin: bool) -> None:
    """Give the driver EMAIL a new password (printed once) and end all sign-ins that the old one made.

    For a forgotten password, and for drivers that an import made.
    """
    address = email_address(email if new_email is None else new_email)
    password = _password(password_stdin, name="", email=address)
    hashed = passwords.hash_password(password)

    def renew(change: Change) -> None:
        account = driver(change, email)
        taken = select(Account.id).where(
            Account.email == address, Account.role == Role.DRIVER, Account.id != account
        )
        if change.execute(taken).first():
            raise click.ClickException(f"There is another driver {address} already.")
        change.execute(update(Account).where(Account.id == account).values(email=address))
        link_rows.set_password(change, account, hashed)
        now = clock.now()
        audit.record(change, COMMAND_LINE, "person.password", now, subject_id=account, about=address)
        sign_in_rows.end(change, [SignIn.account_id == account], now, (COMMAND_LINE, "sign_in.end"))

    with opened() as database:
        database.change_now(renew)
    click.echo(f"{address} signs in with a new password.")
    if not password_stdin:
        click.echo(f"  password  {password}  (shown this once)")


def _password(from_stdin: bool, *, name: str, email: str) -> str:
    password = sys.stdin.readline().rstrip("\r\n") if from_stdin else secrets.token_urlsafe(12)
    check_password(password, name=name, email=email)
    return password


@click.command("add-mapping")
@click.argument("id_tag")
@click.argument("email")
@click.option("--move", is_flag=True, help="Take the card from the driver who has it now.")
def add_mapping(id_tag: str, email: str, move: bool) -> None:
    """Link the card ID_TAG (upper and lower case are the same) to the driver EMAIL.

    Sessions of the card that belonged to nobody so far become the driver's.
    """
    tag = stored_tag(id_tag)
    email = email_address(email)
    with opened() as database:
        account = database.change_now(driver, email)
        service = Cards(database)

        async def link() -> int:
            return await (service.move if move else service.map)(COMMAND_LINE, tag, account)

        try:
            mapping = asyncio.run(link())
        except Already:
            raise click.ClickException(f"The card {tag} is linked to {email} already.") from None
        except Taken as taken:
            owner = database.ask_now(_address, taken.account_id)
            raise click.ClickException(
                f"The card {tag} is linked to {owner} already; --move takes it from there."
            ) from None
        except CardStays as error:
            raise click.ClickException(f"The card {tag} could not be linked: {error}.") from error
        claimed = database.ask_now(_sessions_of, mapping)
    click.echo(f"Card {tag} linked to {email}.")
    if claimed:
        click.echo(f"{claimed} earlier session{'s' * (claimed != 1)} of this card now belong to {email}.")


def _address(db: Connection, account_id: int | None) -> str:
    found = select(Account.email).where(Account.id == account_id)
    return db.execute(found).scalar_one_or_none() or "another driver"


def _sessions_of(db: Connection, mapping_id: int) -> int:
    return db.scalar(select(func.count()).where(ChargingSession.mapping_id == mapping_id)) or 0


def stored_tag(text: str) -> str:
    """The id tag *text* as mappings keep it: trimmed, upper case (OCPP 1.6 CiString)."""
    tag = text.strip().upper()
    if not tag or len(tag) > 255 or not tag.isprintable():
        raise click.ClickException(f"{text!r} is no id tag: it has from 1 to 255 characters.")
    return tag
