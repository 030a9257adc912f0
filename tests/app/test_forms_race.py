"""Two processes that make the same account in one moment: a refusal in words, never a failure."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import create_engine, insert

from app import clock
from app.access.account_rules import Refused
from data.caller import Caller
from data.database import Database
from data.models import Account
from data.types import Role, Theme
from tests.app.access_site import site


async def test_an_invitation_that_another_process_makes_too_is_taken(postgres_database: Database) -> None:
    """The database decides, after ours has looked and found nobody."""
    row = {"role": Role.DRIVER, "email": "dana@x.org", "name": "Dana", "created_at": clock.now()}
    async with site(postgres_database) as here:
        olga = await here.operator()
        caller = Caller(olga, Role.OPERATOR, olga)
        engine = create_engine(postgres_database.url)
        with engine.connect() as other:
            other.execute(insert(Account), {**row, "theme": Theme.SYSTEM})
            ours = asyncio.create_task(
                here.links.invite(caller, name="Dana", email="dana@x.org", role=Role.DRIVER)
            )
            await asyncio.sleep(0.3)  # it waits for the other one's end by now
            assert not ours.done()
            other.commit()
            with pytest.raises(Refused, match="already"):
                await ours
        engine.dispose()
