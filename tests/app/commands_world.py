"""A real server with chargers, and the requests to them, for the tests of commands and reservations."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.charging.command_rows import Patience
from app.charging.commands import Commands
from app.settings import Settings
from data.caller import Caller
from data.database import Database
from data.models import Connector
from data.queries import commands as queries
from data.queries.commands import Command
from data.types import Role
from tests import world
from tests.ocpp_server import OcppServer, ocpp_server


@dataclass(frozen=True)
class People:
    """Who is there."""

    dana: Caller
    dana_card: int
    eve: Caller
    eve_card: int
    olga: Caller


@dataclass(frozen=True)
class Yard:
    """What runs: a server, chargers CP1 (two connectors) and CP2, two drivers and an operator."""

    server: OcppServer
    commands: Commands
    people: People
    one: int
    two: int
    plugs: tuple[int, int]
    """Ids of the connectors of CP1."""

    async def shown(self, command_id: int) -> Command:
        """The request as pages see it."""
        found = await self.server.database.ask(queries.one, command_id)
        assert found is not None
        return found

    async def until(self, command_id: int, state: str) -> Command:
        """The request, as soon as it is in *state*."""
        found = await self.shown(command_id)
        for _ in range(1_000):
            if found.state == state:
                return found
            await asyncio.sleep(0.01)
            found = await self.shown(command_id)
        raise AssertionError(f"it is still {found}")


def fill(database: Database) -> tuple[People, int, int]:
    """The rows that a yard starts from: people, CP1 and CP2."""

    def work(change: Any) -> tuple[People, int, int]:
        site = world.add_site(change)
        one = world.add_charger(change, "CP1", site=site, connectors=2)
        two = world.add_charger(change, "CP2", site=site)
        dana, eve = world.add_driver(change, "Dana Driver"), world.add_driver(change, "Eve Other")
        olga = world.add_account(change, "Olga Operator", Role.OPERATOR)
        people = People(
            Caller(dana, Role.DRIVER, dana),
            world.add_mapping(change, dana, "DANA-CARD-1"),
            Caller(eve, Role.DRIVER, eve),
            world.add_mapping(change, eve, "EVE-CARD-1"),
            Caller(olga, Role.OPERATOR, olga),
        )
        return people, one, two

    return database.change_now(work)


@contextlib.asynccontextmanager
async def running(server: OcppServer, patience: Patience | None = None) -> AsyncIterator[Commands]:
    """Requests are sent and followed, as the portal does it."""
    commands = Commands(server.database, Settings(_env_file=None, call_timeout=1), server.endpoint, patience)
    stop = commands.listen(server.live)
    task = asyncio.create_task(commands.run())
    try:
        yield commands
    finally:
        stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def yard(database: Database, patience: Patience | None = None) -> AsyncIterator[Yard]:
    """A yard on *database*, filled anew."""
    people, one, two = fill(database)
    plugs = database.ask_now(
        lambda db: (
            db.execute(select(Connector.id).where(Connector.charger_id == one).order_by(Connector.number))
            .scalars()
            .all()
        )
    )
    async with ocpp_server(database, call_timeout=1) as server, running(server, patience) as commands:
        yield Yard(server, commands, people, one, two, (plugs[0], plugs[1]))
