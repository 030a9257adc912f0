"""What happens to a connection that is open while the world changes: the operator decides, a cable is cut."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update
from websockets.asyncio.client import connect

from app import clock
from app.charging.ocpp import line
from app.simulation.charge_point import ChargePoint
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.models import Charger
from data.types import Admission
from tests.ocpp_server import OcppServer, ocpp_server
from tests.waiting import until
from tests.world import NOW, add_charger, add_site

PASSWORD = "0123456789abcdef"


@pytest.fixture
async def server(sqlite_database: Database) -> AsyncIterator[OcppServer]:
    def fill(change):
        site = add_site(change)
        add_charger(change, "CP1", site=site, password=PASSWORD)
        add_charger(change, "OPEN", site=site)
        add_charger(change, "NEW", site=site, admission=Admission.PENDING)

    sqlite_database.change_now(fill)
    async with ocpp_server(sqlite_database) as server:
        yield server


async def decide(server: OcppServer, identity: str, **values: object) -> None:
    """Change the charger as an operator's command does, and tell."""

    def work(change: Change) -> None:
        charger = change.execute(select(Charger.id).where(Charger.identity == identity)).scalar_one()
        change.execute(update(Charger).where(Charger.id == charger).values(**values))
        change.announce(Announcement(Topic.CHARGERS, charger))

    await server.database.change(work)


async def until_closed(point: ChargePoint) -> None:
    await until(lambda: not point.online)


async def test_c2_a_pending_charger_that_is_accepted_goes_on_without_connecting_anew(server):
    async with ChargePoint(server.url, "NEW") as point:
        assert (await point.boot())["status"] == "Pending"
        await decide(server, "NEW", admission=Admission.ACCEPTED)
        await until(lambda: accepted(point))
        assert await point.start(1, "TAG", 0) > 0
        assert point.online


async def test_c2_a_charger_that_is_blocked_is_hung_up(server):
    async with ChargePoint(server.url, "OPEN") as point, ChargePoint(server.url, "CP1", PASSWORD) as other:
        await point.boot()
        await decide(server, "OPEN", admission=Admission.BLOCKED)
        await until_closed(point)
        assert point.close_code == 1008
        await other.heartbeat()


@pytest.mark.parametrize("identity", ["CP1", "OPEN"], ids=["another password", "a first password"])
async def test_t50_a_charger_with_a_new_password_is_hung_up(server, identity):
    async with ChargePoint(server.url, identity, PASSWORD if identity == "CP1" else None) as point:
        await point.boot()
        await decide(server, identity, password_hash=PasswordHasher(1, 8, 1).hash("another"))
        await until_closed(point)
        assert point.close_code == 1008
    async with ChargePoint(server.url, identity, "another") as point:
        await point.heartbeat()
        await decide(server, identity, name="Another name")
        await asyncio.sleep(0.1)
        await point.heartbeat()


async def test_c4_a_binary_frame_is_a_check_in(server):
    """C4, T56: nothing can be made of it, but the charger is there."""
    with clock.at(NOW):
        async with connect(f"{server.url}/OPEN", subprotocols=["ocpp1.6"], proxy=None) as raw:
            await raw.send('[2,"1","Heartbeat",{}]')
            await raw.recv()
            clock.advance(timedelta(minutes=50))
            await raw.send(b"\x00\x01")
            await until(lambda: seen_at(server, "OPEN", NOW + timedelta(minutes=50)))


async def accepted(point: ChargePoint) -> bool:
    """What it is told when it asks."""
    return bool((await point.boot())["status"] == "Accepted")


async def seen_at(server: OcppServer, identity: str, moment: datetime) -> bool:
    """Whether its last check-in was then."""
    seen = select(Charger.last_seen_at).where(Charger.identity == identity)
    return await server.database.ask(lambda db: db.scalar(seen)) == moment


class Cut:
    """A charger on a raw socket that says much and takes nothing, as with its cable cut."""

    def __init__(self, server: OcppServer, identity: str) -> None:
        host, port = server.url.split("/")[2].split(":")
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.address = host, int(port)
        self.path = f"/ocpp/{identity}"

    async def talk(self) -> None:
        """Connect, and send until the server reads no more because its answers are not taken."""
        loop = asyncio.get_running_loop()
        self.socket.setblocking(False)
        await loop.sock_connect(self.socket, self.address)
        key = base64.b64encode(bytes(16)).decode()
        request = (
            f"GET {self.path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await loop.sock_sendall(self.socket, request.encode())
        await loop.sock_recv(self.socket, 1024)
        text = b'[2,"1","Heartbeat",{}]'
        ping = b"\x89\xfd" + bytes(4 + 125)
        frames = ping * 500 + b"\x81" + bytes([0x80 | len(text)]) + bytes(4) + text
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(0.5):
                    await loop.sock_sendall(self.socket, frames)


@pytest.mark.alone
async def test_c3_a_charger_whose_cable_was_cut_is_replaced_and_holds_up_nobody(server):
    """Its old socket stays half-open with answers that nobody takes; nothing waits for them for long."""
    cut = Cut(server, "OPEN")
    try:
        await cut.talk()
        [charger] = server.endpoint.connected()
        old = server.endpoint._lines[charger].connection
        assert not old.task.done()
        started = time.monotonic()
        async with ChargePoint(server.url, "CP1", PASSWORD) as other, ChargePoint(server.url, "OPEN") as new:
            await other.heartbeat()
            await new.boot()
            assert await new.start(1, "TAG", 0) > 0
            assert await server.endpoint.call(charger, "ClearCache", {})
            assert time.monotonic() - started < 3
            assert server.endpoint._lines[charger].connection is not old
    finally:
        cut.socket.close()


async def test_c3_what_a_cut_charger_does_not_take_is_given_up(server, monkeypatch):
    """A task that waits for ever would be one more each time the cable is cut."""
    monkeypatch.setattr(line, "SEND_SECONDS", 0.5)
    cut = Cut(server, "OPEN")
    try:
        await cut.talk()
        await until(lambda: not server.endpoint.connected())
    finally:
        cut.socket.close()


async def test_nothing_is_looked_up_any_more_once_the_process_ends(server: OcppServer) -> None:
    """What is told while connections are being closed begins no look, for the database is let go of next;
    one that is under way is over when they are closed.
    """
    async with ChargePoint(server.url, "OPEN") as point:
        await point.boot()
        (line,) = (one for one in server.endpoint._lines.values() if one.connection is not None)
        told = [Announcement(Topic.CHARGERS, line.charger_id)]
        server.live.announce(told)
        under_way = line.looking
        assert under_way is not None
        closing = asyncio.create_task(server.endpoint.close())
        while not under_way.done():  # noqa: ASYNC110  # before the charger has heard of it
            await asyncio.sleep(0)
        assert line.connection is not None
        server.live.announce(told)
        assert line.looking is None
        await closing
