"""Links for people, from the server: an invitation, a new password, and the break-glass sign-in (T22)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import click
from sqlalchemy import Connection, select

from app.access.one_time_links import Link, Links
from app.access.own_password import Passwords
from app.commands.opening import email_address, opened, shown_name
from app.mail import Mail
from app.settings import load, password_sign_in
from data.caller import COMMAND_LINE
from data.database import Database
from data.models import Account
from data.queries import people
from data.types import Role

ROLES = click.Choice([role.value for role in Role])


@click.command("invite")
@click.argument("role", type=ROLES)
@click.argument("email")
@click.option("--name", help="How pages call them.  [default: the e-mail's part before the @]")
@click.option(
    "--language",
    type=click.Choice(["en", "de"]),
    help="Language of the mail and the pages.  [default: mail in English, pages as the browser asks]",
)
def invite(role: str, email: str, name: str | None, language: str | None) -> None:
    """Make an account for EMAIL and a link by which its owner completes it, within seven days."""
    email = email_address(email)
    name = shown_name(name if name is not None else email.partition("@")[0])

    async def make(links: Links) -> Link:
        return await links.invite(COMMAND_LINE, name=name, email=email, role=Role(role), language=language)

    _make(make, "Invitation")


@click.command("new-link")
@click.argument("email")
@click.option("--role", type=ROLES, help="Which account, if EMAIL has one of each.")
def new_link(email: str, role: str | None) -> None:
    """Make a link by which EMAIL chooses a new password, within two hours.

    For somebody who has not accepted their invitation yet, or who has a password alone where nobody
    signs in with one: another invitation.
    """
    email = email_address(email)

    async def make(links: Links) -> Link:
        account = await links.database.ask(_account, email, None if role is None else Role(role))
        by_password = password_sign_in(links.settings)
        if await links.database.ask(people.has_joined, account, passwords=by_password):
            return await links.reset(COMMAND_LINE, account)
        return await links.invite_again(COMMAND_LINE, account)

    _make(make, "Link")


@click.command("operator-sign-in")
@click.argument("email")
def operator_sign_in(email: str) -> None:
    """Make a link that signs the operator EMAIL in, once, within fifteen minutes.

    For when passwords and identity providers fail. It is printed and never mailed.
    """
    email = email_address(email)

    async def make(links: Links) -> Link:
        account = await links.database.ask(_account, email, Role.OPERATOR)
        return await links.sign_in_link(COMMAND_LINE, account)

    _make(make, "Sign-in")


def _make(make: Callable[[Links], Awaitable[Link]], what: str) -> None:
    settings = load()

    async def run(database: Database) -> tuple[Link, str]:
        links = Links(Passwords(database, settings, Mail(settings)))
        link = await make(links)
        to = await database.ask(people.recipient, link.account_id)
        assert to is not None
        return link, f"{to.name} <{to.email}>, {to.role}"

    with opened() as database:
        link, whom = asyncio.run(run(database))
    click.echo(f"{what} for {whom}. It works once, until {link.expires_at:%Y-%m-%d %H:%M} UTC:")
    click.echo(f"  {link.address}")
    if link.mailed:
        click.echo("It was mailed as well.")
    elif link.problem:
        click.echo(f"It could not be mailed: {link.problem}.")


def _account(db: Connection, email: str, role: Role | None) -> int:
    found = list(db.execute(select(Account.id, Account.role).where(Account.email == email)))
    fitting = [one.id for one in found if role is None or one.role is role]
    if not fitting:
        raise click.ClickException(f"There is no {role or 'account'} {email}; invite makes one.")
    if len(fitting) > 1:
        raise click.ClickException(f"{email} is a driver and an operator: say with --role which one.")
    return int(fitting[0])
