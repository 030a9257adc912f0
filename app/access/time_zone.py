"""The time zone that a browser tells when somebody comes in: a first guess (P25)."""

from __future__ import annotations

from sqlalchemy import update

from components.words import zones
from data.database import Change, Database
from data.models import Account


async def guess(database: Database, account_id: int, zone: str) -> None:
    """Give *account_id* the zone, if it is one and the account has none yet."""
    if zone in zones():
        await database.change(_guess, account_id, zone)


def _guess(change: Change, account_id: int, zone: str) -> None:
    change.execute(
        update(Account).where(Account.id == account_id, Account.time_zone.is_(None)).values(time_zone=zone)
    )
