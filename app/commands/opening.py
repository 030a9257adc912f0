"""What commands share: an open database, and values that are refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection, insert, select

from app.settings import PROGRAM as PROGRAM
from app.settings import load, open_database
from data.database import Change, Database
from data.migrate import migrate
from data.models import Account, ChargerGroup
from data.types import Role


@contextmanager
def opened() -> Iterator[Database]:
    """The database of the settings, brought up to date, for the time of the block."""
    database = open_database(load())
    try:
        migrate(database)
        # On the error stream: whoever works beside a demo or in another folder sees it at once.
        click.echo(f"Database: {database.url.render_as_string()}", err=True)
        yield database
    finally:
        database.close()


class TimeZone(click.ParamType[str]):
    """An IANA time zone."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """*value*, if it names a zone."""
        try:
            ZoneInfo(str(value))
        except (KeyError, ValueError, OSError):
            self.fail(f"{value!r} is no IANA time zone; give one such as Europe/Berlin.", param, ctx)
        return str(value)


class Amount(click.ParamType[Decimal]):
    """A decimal number that is not negative, as ``Decimal``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """*value* as a number."""
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal(-1)
        if not number.is_finite() or number < 0:
            self.fail(f"{value!r} is no amount; give a number such as 12.50.", param, ctx)
        return number


def email_address(text: str) -> str:
    """*text* as it is stored: trimmed, lower case. Refuses what can't be an address."""
    email = text.strip().lower()
    name, _, host = email.rpartition("@")
    if not name or not host or len(email) > 254 or any(c.isspace() or not c.isprintable() for c in email):
        raise click.ClickException(f"{text!r} is no e-mail address.")
    return email


def shown_name(text: str) -> str:
    """*text* as it is stored: trimmed. Refuses nothing at all and more than 200 characters."""
    name = text.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise click.ClickException("A name has from 1 to 200 characters, all of which can be seen.")
    return name


def driver(db: Change | Connection, email: str) -> int:
    """The id of the driver with *email*; refuses where there is none."""
    found = db.execute(
        select(Account.id).where(Account.email == email_address(email), Account.role == Role.DRIVER)
    ).scalar()
    if found is None:
        raise click.ClickException(f"There is no driver {email_address(email)}; add-driver makes one.")
    return int(found)


def group(change: Change, name: str) -> int:
    """The id of the charger group *name*, which is made if it does not exist."""
    found = change.execute(select(ChargerGroup.id).where(ChargerGroup.name == shown_name(name))).scalar()
    return int(found) if found is not None else inserted(change, ChargerGroup, {"name": shown_name(name)})


def inserted(change: Change, table: type[Any], row: dict[str, Any]) -> int:
    """Insert *row* into *table*; its id."""
    key = change.execute(insert(table), row).inserted_primary_key
    assert key is not None
    return int(key[0])
