"""Connections of chargers, over real sockets: who gets in, in which version, and which one stays."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import orjson
import pytest
from sqlalchemy import func, select, text, update
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.charging.ocpp.admission import _network
from app.simulation.charge_point import ChargePoint
from data.database import Database
from data.models import Charger
from data.types import Admission
from tests.ocpp_server import OcppServer, ocpp_server
from tests.waiting import until
from tests.world import add_charger, add_site

PASSWORD = "0123456789abcdef"


@pytest.fixture
async def server(sqlite_database: Database) -> AsyncIterator[OcppServer]:
    def fill(change):
        site = add_site(change)
        add_charger(change, "CP1", site=site, password=PASSWORD)
        add_charger(change, "CP2", site=site, password=PASSWORD)
        add_charger(change, "Åhus/1 50%", site=site, password=PASSWORD)
        add_charger(change, "OPEN", site=site)

    sqlite_database.change_now(fill)
    async with ocpp_server(sqlite_database, call_timeout=1) as server:
        yield server


def basic(user: str, password: str | bytes) -> dict[str, str]:
    secret = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()}


async def refusal(url: str, **headers: str) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, additional_headers=headers, proxy=None):
            pass
    return caught.value


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ocpp1.6"], "ocpp1.6"),
        (["ocpp2.0.1"], "ocpp2.0.1"),
        (["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], "ocpp2.0.1"),
        (["ocpp1.5", "ocpp1.6", "ocpp2.0.1"], "ocpp1.6"),
        ([], None),
    ],
)
async def test_c1_the_first_offer_that_we_speak_is_chosen(server, offered, chosen):
    url = f"{server.url}/CP1"
    headers = basic("CP1", PASSWORD)
    async with connect(url, subprotocols=offered or None, additional_headers=headers, proxy=None) as socket:
        assert socket.subprotocol == chosen
        await socket.send('[2,"1","Heartbeat",{}]')
        assert orjson.loads(await socket.recv())[:2] == [3, "1"]


async def test_c1_without_an_offer_it_is_1_6(server):
    async with ChargePoint(server.url, "CP1", PASSWORD, protocol=None) as point:
        assert point.subprotocol is None
        await point.boot()
        assert list(server.endpoint.connected())
        assert server.endpoint.version(next(iter(server.endpoint.connected()))) == "ocpp1.6"


async def test_c1_t54_only_unknown_offers_are_accepted_and_closed_with_1002(server):
    headers = basic("CP1", PASSWORD)
    async with connect(
        f"{server.url}/CP1", subprotocols=["ocpp1.5", "soap"], additional_headers=headers, proxy=None
    ) as socket:
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 3)
        assert socket.close_code == 1002


async def test_c1_the_identity_is_percent_decoded_and_a_trailing_slash_ignored(server):
    async with ChargePoint(server.url, "Åhus/1 50%", PASSWORD) as point:
        await point.heartbeat()
    async with connect(f"{server.url}/CP1/", additional_headers=basic("CP1", PASSWORD), proxy=None) as socket:
        await socket.send('[2,"1","Heartbeat",{}]')
        assert await socket.recv()


@pytest.mark.parametrize("identity", ["NOBODY", "", "cp1%00", "x" * 300, "%E2%80%AE", "CP1/../CP2"])
async def test_c2_t49_an_unknown_identity_is_404_and_nothing_is_made_of_it(server, identity):
    error = await refusal(f"{server.url}/{identity}", **basic("CP1", PASSWORD))
    assert error.response.status_code == 404
    assert await server.database.ask(lambda db: db.scalar(select(func.count(Charger.id)))) == 4


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("CP1", "wrong"),
        basic("CP2", PASSWORD),
        basic("cp1", PASSWORD),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic"},
        {"Authorization": "Bearer " + PASSWORD},
    ],
    ids=["none", "wrong password", "other's name", "other case", "no base64", "empty", "bearer"],
)
async def test_c2_t50_bad_credentials_are_401_with_a_challenge_before_the_handshake(server, headers):
    error = await refusal(f"{server.url}/CP1", **headers)
    assert error.response.status_code == 401
    assert error.response.headers["WWW-Authenticate"].startswith("Basic ")
    assert not server.endpoint.connected()


async def test_t50_a_password_that_is_no_text_is_compared_as_bytes(server):
    from argon2 import PasswordHasher

    secret = bytes(range(128, 148))
    hashed = PasswordHasher(1, 8, 1).hash(secret)
    await server.database.change(
        lambda change: change.execute(
            update(Charger).where(Charger.identity == "CP1"), {"password_hash": hashed}
        )
    )
    async with ChargePoint(server.url, "CP1", secret) as point:
        await point.heartbeat()


async def test_t50_argon2_runs_once_for_a_secret_and_again_when_the_password_changes(server):
    gate = server.endpoint._gate
    for _ in range(5):
        async with ChargePoint(server.url, "CP1", PASSWORD) as point:
            await point.heartbeat()
        await refusal(f"{server.url}/CP1", **basic("CP1", "wrong"))
    assert gate.verifications == 2

    from argon2 import PasswordHasher

    hashed = PasswordHasher(1, 8, 1).hash("another")
    await server.database.change(
        lambda change: change.execute(
            update(Charger).where(Charger.identity == "CP1"), {"password_hash": hashed}
        )
    )
    assert (await refusal(f"{server.url}/CP1", **basic("CP1", PASSWORD))).response.status_code == 401
    async with ChargePoint(server.url, "CP1", "another") as point:
        await point.heartbeat()


async def test_t19_guessing_is_slowed_down_and_locks_nobody_out(server):
    guesses = [await refusal(f"{server.url}/CP1", **basic("CP1", f"guess {n}")) for n in range(12)]
    assert [error.response.status_code for error in guesses] == [401] * 10 + [429] * 2
    assert "Retry-After" in guesses[-1].response.headers
    gate = server.endpoint._gate
    assert gate.verifications == 10
    # From another address, or once it was verified, the charger gets in.
    async with connect(
        f"{server.url}/CP1",
        additional_headers=basic("CP1", PASSWORD),
        proxy=None,
        local_addr=("127.0.0.2", 0),
    ) as socket:
        await socket.send('[2,"1","Heartbeat",{}]')
        assert await socket.recv()
    async with ChargePoint(server.url, "CP1", PASSWORD) as point:
        await point.heartbeat()
    async with ChargePoint(server.url, "CP2", PASSWORD) as point:
        await point.heartbeat()


def test_t19_an_ipv6_address_counts_with_its_network():
    assert _network("2001:db8::1") == _network("2001:db8::ffff:1") != _network("2001:db8:0:1::1")
    assert _network("192.0.2.1") != _network("192.0.2.2")
    assert _network("") == ""


async def test_c2_a_charger_whose_operator_set_no_password_is_let_in(server):
    async with ChargePoint(server.url, "OPEN") as point:
        assert (await point.boot())["status"] == "Accepted"


async def test_c2_a_blocked_charger_is_403(server):
    await server.database.change(
        lambda change: change.execute(
            update(Charger).where(Charger.identity == "CP1"), {"admission": Admission.BLOCKED}
        )
    )
    error = await refusal(f"{server.url}/CP1", **basic("CP1", PASSWORD))
    assert error.response.status_code == 403


async def test_t54_a_browser_is_refused(server):
    headers = {**basic("CP1", PASSWORD), "Origin": "https://evil.example"}
    assert (await refusal(f"{server.url}/CP1", **headers)).response.status_code == 403


async def test_c2_t49_pending_chargers_are_let_in_up_to_a_number_and_may_only_say_who_they_are(
    sqlite_database,
):
    async with ocpp_server(sqlite_database, pending_chargers=True, pending_chargers_limit=1) as server:
        async with ChargePoint(server.url, "NEW") as point:
            assert (await point.boot())["status"] == "Pending"
            await point.heartbeat()
            await point.status(1, "Available")
            await point.send_raw('[2,"9","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":0}]')
            await until(lambda: any('"9"' in frame for frame in point.frames))
            assert orjson.loads(point.frames[-1])[2] == "SecurityError"
        async with ChargePoint(server.url, "NEW") as point:
            assert (await point.boot())["status"] == "Pending"
        assert (await refusal(f"{server.url}/NEW2")).response.status_code == 404
        row = await sqlite_database.ask(
            lambda db: db.execute(select(Charger.admission, Charger.visible_to_all)).one()
        )
        assert tuple(row) == (Admission.PENDING, False)


async def test_c3_t55_a_second_connection_wins_and_the_old_one_does_not_mark_it_offline(server):
    old = ChargePoint(server.url, "CP1", PASSWORD)
    await old.connect()
    await old.heartbeat()
    [charger_id] = server.endpoint.connected()
    async with ChargePoint(server.url, "CP1", PASSWORD) as new:
        await new.heartbeat()
        await until(lambda: not old.online)
        assert old.close_code == 1000
        await asyncio.sleep(0.05)
        assert server.endpoint.connected() == {charger_id}
        await new.heartbeat()
    await old.close()


async def test_c3_a_herd_of_the_same_charger_leaves_one_connection(server):
    points = [ChargePoint(server.url, "CP1", PASSWORD) for _ in range(20)]
    await asyncio.gather(*(point.connect() for point in points))
    await until(lambda: sum(point.online for point in points) == 1)
    [left] = [point for point in points if point.online]
    await left.heartbeat()
    await asyncio.gather(*(point.close() for point in points))


async def test_t55_alternating_connections_are_an_error_in_the_log(server, caplog):
    for _ in range(4):
        async with ChargePoint(server.url, "CP1", PASSWORD) as point:
            await point.heartbeat()
    assert [record.levelname for record in caplog.records if "again and again" in record.message] == ["ERROR"]


class _Deaf(ClientConnection):
    """A websocket that takes no notice of pings."""

    pings = 0

    def send_data(self):
        pongs = [frame for frame in self.protocol.writes if frame[:1] == b"\x8a"]
        self.pings += len(pongs)
        self.protocol.writes = [frame for frame in self.protocol.writes if frame not in pongs]
        super().send_data()


async def test_c4_a_charger_that_never_answers_pings_is_alive(sqlite_database):
    sqlite_database.change_now(lambda change: add_charger(change, "OPEN", site=add_site(change)))
    async with (
        ocpp_server(sqlite_database, ping_interval=0.02) as server,
        connect(f"{server.url}/OPEN", create_connection=_Deaf, ping_interval=None, proxy=None) as socket,
    ):
        for number in range(5):
            await socket.send(f'[2,"{number}","Heartbeat",{{}}]')
            assert orjson.loads(await socket.recv())[1] == str(number)
            await asyncio.sleep(0.05)
        assert socket.pings > 2
        assert server.endpoint.connected()


async def test_t63_log_lines_hold_no_secret_and_no_whole_tag(server, caplog):
    caplog.set_level("DEBUG", "polaris")
    async with ChargePoint(server.url, "CP1", PASSWORD) as point:
        await point.boot()
        assert not await point.authorize("04A1B2C3D4E5F6")
        await point.start(1, "04A1B2C3D4E5F6", 0)
        await point.stop(1, 10)
        await point.send_raw('[2,"7","04A1B2C3D4E5F6",{}]')
        await point.heartbeat()
    await refusal(f"{server.url}/CP1", **basic("CP1", "s3cret-s3cret"))
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("polaris"))
    assert ours
    assert PASSWORD not in ours
    assert "s3cret" not in ours
    assert "04A1B2C3D4E5F6" not in ours
    assert ours.count("card 04…F6 is Invalid") == 2
    for what in ("charger CP1 is connected, ocpp1.6", "began, card 04…F6", " ended, ", "has left the line"):
        assert what in ours


async def test_an_operator_can_end_a_connection(server):
    async with ChargePoint(server.url, "CP1", PASSWORD) as point:
        await point.heartbeat()
        server.endpoint.hang_up(next(iter(server.endpoint.connected())), "blocked")
        await until(lambda: not point.online)
        assert point.close_code == 1000
    await until(lambda: not server.endpoint.connected())


async def test_c5_when_the_database_refuses_the_charger_is_told_to_come_again(server, caplog):
    def refuse(change):
        change.execute(
            text("CREATE TRIGGER no BEFORE UPDATE ON chargers BEGIN SELECT RAISE(ABORT, 'full'); END")
        )

    await server.database.change(refuse)
    async with ChargePoint(server.url, "OPEN") as point:
        await until(lambda: not point.online)
        assert point.close_code == 1011
    await until(lambda: not server.endpoint.connected())
    await server.database.change(lambda change: change.execute(text("DROP TRIGGER no")))
    async with ChargePoint(server.url, "OPEN") as point:
        await point.heartbeat()
        assert server.endpoint.connected()
    assert [record for record in caplog.records if record.levelname == "ERROR"]
