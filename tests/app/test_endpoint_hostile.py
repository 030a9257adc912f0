"""What no charger should send, and some do: it ends in an answer, in silence, or in the end of that one
connection, and never troubles another charger (C5, T56–T58).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import time
from collections.abc import AsyncIterator

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.charging.ocpp import frames
from app.charging.ocpp.frames import Call, Failure, Malformed, Result
from app.simulation.charge_point import ChargePoint, Offline
from data.database import Database
from tests.ocpp_server import OcppServer, ocpp_server
from tests.waiting import PATIENCE
from tests.world import add_charger, add_site

START = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-11-22T12:00:00Z"}


def fill(change):
    site = add_site(change)
    for identity in ("BAD", "GOOD"):
        add_charger(change, identity, site=site)


@pytest.fixture
async def server(sqlite_database: Database) -> AsyncIterator[OcppServer]:
    sqlite_database.change_now(fill)
    async with ocpp_server(sqlite_database, call_timeout=1) as server:
        yield server


def call(message_id="1", action="Heartbeat", payload=None) -> str:
    return json.dumps([2, message_id, action, {} if payload is None else payload])


NESTED = '[2,"1","MeterValues",' + '{"a":' * 20_000 + "1" + "}" * 20_000 + "]"
HOSTILE = {
    "empty": "",
    "no JSON": "hello",
    "no list": '{"a":1}',
    "number": "17",
    "null": "null",
    "too short": "[2]",
    "only an id": '[2,"1"]',
    "list as action": '[2,"1",["Heartbeat"],{}]',
    "object as action": '[2,"1",{"a":1},{}]',
    "null as action": '[2,"1",null,{}]',
    "list as payload": '[2,"1","Heartbeat",[]]',
    "text as payload": '[2,"1","StartTransaction","x"]',
    "unknown action": '[2,"1","Nonsense",{}]',
    "dunder as action": '[2,"1","__class__",{}]',
    "command of ours": '[2,"1","RemoteStartTransaction",{"idTag":"A"}]',
    "unknown type": '[9,"1","Heartbeat",{}]',
    "text as type": '["2","1","Heartbeat",{}]',
    "true as type": '[true,"1","Heartbeat",{}]',
    "list as id": '[2,["1"],"Heartbeat",{}]',
    "object as id": '[2,{"a":1},"Heartbeat",{}]',
    "long id": call("x" * 60_000),
    "id with newline": '[2,"a\\nb","Heartbeat",{}]',
    "id in NUL": '[2,"\\u0000","Heartbeat",{}]',
    "unpaired surrogate": '[2,"1","Authorize",{"idTag":"\\ud800"}]',
    "brackets": "[" * 60_000,
    "balanced brackets": "[" * 30_000 + "]" * 30_000,
    "nested payload": NESTED[:60_000],
    "nested 1010 deep": '[2,"1","FirmwareStatusNotification",{"a":' + "[" * 1010 + "]" * 1010 + "}]",
    "NaN": '[2,"1","StartTransaction",{"meterStart":NaN}]',
    "huge number": '[2,"1","StartTransaction",{"connectorId":1e999,"meterStart":1e999}]',
    "long integer": '[2,"1","StopTransaction",{"transactionId":' + "9" * 400 + "}]",
    "longer integer": '[2,"1","StopTransaction",{"transactionId":' + "9" * 50_000 + "}]",
    "unsolicited result": '[3,"never asked",{"status":"Accepted"}]',
    "unsolicited error": '[4,"never asked","GenericError","x",{}]',
    "result without payload": '[3,"1"]',
    "error of lists": '[4,"1",[],[],[]]',
    "everything is wrong": call(
        action="StartTransaction",
        payload={
            "connectorId": [],
            "idTag": {"a": 1},
            "meterStart": "x",
            "timestamp": 7,
            "reservationId": [],
        },
    ),
    "values are wrong": call(
        action="MeterValues",
        payload={"connectorId": {}, "meterValue": [7, {"timestamp": [], "sampledValue": [1, {"value": []}]}]},
    ),
    "values are no list": call(action="MeterValues", payload={"connectorId": 1, "meterValue": "x"}),
    "stop is wrong": call(
        action="StopTransaction",
        payload={"transactionId": {}, "meterStop": [], "transactionData": {"timestamp": {}}, "reason": 1},
    ),
    "status is wrong": call(
        action="StatusNotification", payload={"connectorId": -5, "errorCode": [], "status": 1, "info": {}}
    ),
    "NUL in text": call(action="BootNotification", payload={"chargePointVendor": "a\x00b"}),
    "long texts": call(action="StatusNotification", payload={"status": "x" * 9_000, "info": "y" * 9_000}),
    "large connector": call(action="StartTransaction", payload={**START, "connectorId": 2**40}),
}


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_c5_t56_hostile_frames_are_answered_or_not_and_the_next_message_is(database, version, caplog):
    """On both databases: what is taken in tolerantly must also be storable."""
    database.change_now(fill)
    async with (
        ocpp_server(database) as server,
        ChargePoint(server.url, "BAD", protocol=version, answer_timeout=30) as bad,
        ChargePoint(server.url, "GOOD", answer_timeout=30) as good,
    ):
        for name, frame in HOSTILE.items():
            bad.frames.clear()
            await bad.send_raw(frame)
            await bad.heartbeat()
            await good.heartbeat()
            for text in bad.frames:
                answer = orjson.loads(text)
                assert answer[0] == 3 or (answer[0] == 4 and len(text) <= 256), name
                assert "properties" not in text, name
            errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
            assert not errors, (name, errors)


async def test_c5_well_formed_requests_get_an_error_answer_with_their_id(server):
    async with ChargePoint(server.url, "BAD") as bad:
        for number, part in enumerate(['["a"],{}', '"Nonsense",{}', '"Heartbeat",[]', '"Heartbeat","x"']):
            await bad.send_raw(f'[2,"id{number}",{part}]')
        await bad.send_raw('[2,77,"Nonsense",{}]')
        await bad.heartbeat()
        answers = [orjson.loads(text) for text in bad.frames][:-1]
    assert [(answer[0], answer[1], answer[2]) for answer in answers] == [
        (4, "id0", "ProtocolError"),
        (4, "id1", "NotImplemented"),
        (4, "id2", "ProtocolError"),
        (4, "id3", "ProtocolError"),
        (4, 77, "NotImplemented"),
    ]


async def test_c6_a_request_without_payload_is_understood(server):
    async with ChargePoint(server.url, "BAD") as bad:
        await bad.send_raw('[2,"a","Heartbeat"]')
        await bad.send_raw('[2,"b","Heartbeat",null]')
        await bad.send_raw('[2,"c","Heartbeat",{},"more"]')
        await bad.heartbeat()
        assert [orjson.loads(text)[:2] for text in bad.frames][:3] == [[3, "a"], [3, "b"], [3, "c"]]


async def test_t56_a_frame_over_the_limit_ends_that_connection_with_1009(server):
    async with ChargePoint(server.url, "BAD") as bad, ChargePoint(server.url, "GOOD") as good:
        await bad.send_raw(call(payload={"a": "x" * 70_000}))
        with pytest.raises((Offline, TimeoutError)):
            await bad.heartbeat()
        assert bad.close_code == 1009
        await good.heartbeat()
        await bad.connect()
        await bad.heartbeat()


async def test_t56_the_limit_counts_bytes(server):
    async with ChargePoint(server.url, "BAD") as bad:
        await bad.send_raw(json.dumps([2, "1", "Heartbeat", {"a": "ü" * 40_000}], ensure_ascii=False))
        with pytest.raises((Offline, TimeoutError)):
            await bad.heartbeat()
        assert bad.close_code == 1009


async def test_t56_brackets_by_the_hundred_thousand(server):
    async with ChargePoint(server.url, "GOOD") as good:
        for text in ("[" * 100_000, '[2,"1","Heartbeat",' + "[" * 100_000):
            async with ChargePoint(server.url, "BAD") as bad:
                await bad.send_raw(text)
                with contextlib.suppress(Offline):
                    await bad.heartbeat()
        await good.heartbeat()


async def test_t56_binary_frames_are_not_listened_to(server):
    async with ChargePoint(server.url, "BAD") as bad:
        await bad.send_raw(b"\x00\xff" * 100)
        await bad.send_raw(call().encode())
        await bad.heartbeat()
        assert len(bad.frames) == 1


async def test_t56_text_that_is_no_utf_8_ends_that_connection(server):
    async with ChargePoint(server.url, "GOOD") as good:
        async with connect(f"{server.url}/BAD", proxy=None) as socket:
            await socket.send(b"\xff\xfe", text=True)
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        await good.heartbeat()


async def test_t56_a_charger_that_vanishes_in_mid_answer_harms_nobody(server, caplog):
    async with ChargePoint(server.url, "GOOD") as good:
        for _ in range(10):
            bad = ChargePoint(server.url, "BAD")
            await bad.connect()
            for _ in range(20):
                await bad.send_raw(call())
            await bad.disconnect(abruptly=True)
            await bad.close()
        await good.heartbeat()
    assert not [
        record
        for record in caplog.records
        if record.levelno >= logging.ERROR and "again" not in record.message
    ]


@pytest.mark.alone
async def test_t57_a_charger_in_haste_is_slowed_down_and_loses_nothing(sqlite_database):
    sqlite_database.change_now(fill)
    async with (
        ocpp_server(sqlite_database, rate=100, burst=20) as server,
        ChargePoint(server.url, "BAD", answer_timeout=10) as bad,
        ChargePoint(server.url, "GOOD") as good,
    ):
        begun = time.monotonic()
        for number in range(80):
            await bad.send_raw(call(str(number)))
        slowest = 0.0
        for _ in range(10):
            asked = time.monotonic()
            await good.heartbeat()
            slowest = max(slowest, time.monotonic() - asked)
        while len(bad.frames) < 80:
            bad.arrived.clear()
            await asyncio.wait_for(bad.arrived.wait(), PATIENCE)
        assert 0.5 < time.monotonic() - begun < 3, "60 beyond the burst at 100 a second"
        assert [orjson.loads(text)[1] for text in bad.frames] == [str(number) for number in range(80)]
        assert slowest < 0.2, "the other charger does not wait with it"


async def test_t57_connecting_anew_gives_no_new_burst(sqlite_database):
    sqlite_database.change_now(fill)
    async with ocpp_server(sqlite_database, rate=50, burst=10) as server:
        begun = time.monotonic()
        for _ in range(4):
            async with ChargePoint(server.url, "BAD") as bad:
                for _ in range(10):
                    await bad.heartbeat()
        assert time.monotonic() - begun > 0.5


async def test_c5_a_flood_is_bounded_by_the_socket_not_by_memory(sqlite_database):
    """Thousands of messages at once: the sender is made to wait, for nothing here takes them in."""
    sqlite_database.change_now(fill)
    async with (
        ocpp_server(sqlite_database, rate=50, burst=10) as server,
        ChargePoint(server.url, "BAD") as bad,
        ChargePoint(server.url, "GOOD") as good,
    ):
        frame = call(payload={"a": "x" * 30_000})

        async def flood() -> None:
            for _ in range(2_000):
                await bad.send_raw(frame)

        flooding = asyncio.create_task(flood())
        await asyncio.sleep(0.3)
        assert not flooding.done(), "60 MB are not taken"
        await good.heartbeat()
        flooding.cancel()
        await asyncio.wait([flooding])
        await bad.disconnect(abruptly=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
ACTIONS = """
    Authorize BootNotification StartTransaction StopTransaction MeterValues StatusNotification
    TransactionEvent NotifyEvent FirmwareStatusNotification DataTransfer Heartbeat
"""
FIELDS = """
    connectorId idTag meterStart meterStop timestamp transactionId meterValue sampledValue status
    errorCode reason evse evseId idToken transactionInfo eventType seqNo offline transactionData
"""
SAMPLED = "value unit measurand phase context location format unitOfMeasure"


def words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(text.split()))


samples = st.dictionaries(words(SAMPLED), json_values, max_size=5)
values = st.fixed_dictionaries({"timestamp": json_values, "sampledValue": st.lists(samples, max_size=3)})
payloads = st.dictionaries(words(FIELDS), json_values, max_size=6) | st.fixed_dictionaries(
    {"connectorId": st.just(1), "meterValue": st.lists(values, max_size=2)}
)
ids = st.text("0123456789abcdef-", min_size=1, max_size=36)
calls = st.tuples(st.just(2), ids, words(ACTIONS), payloads).map(list)
hostile_texts = (
    st.text(max_size=200)
    | json_values.map(json.dumps)
    | st.lists(json_values, max_size=6).map(json.dumps)
    | calls.map(json.dumps)
)


@settings(max_examples=400, deadline=None)
@given(hostile_texts)
def test_c5_parsing_never_raises(text):
    frame = frames.parse(text)
    assert isinstance(frame, Call | Result | Failure | Malformed)
    if isinstance(frame, Malformed) and frame.id is not None:
        assert len(frames.failure(frame.id, "ProtocolError", frame.reason)) <= 256


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    texts=st.lists(hostile_texts, min_size=10, max_size=25), version=st.sampled_from(["ocpp1.6", "ocpp2.0.1"])
)
def test_c5_t56_another_charger_is_answered_whatever_one_sends(
    migrated_file, tmp_path_factory, texts, version
):
    """Every frame is followed by a heartbeat of its sender and of another charger; both are answered."""
    path = tmp_path_factory.mktemp("fuzz") / "polaris.db"
    shutil.copy(migrated_file, path)
    database = Database(f"sqlite:///{path}")

    async def run() -> None:
        database.change_now(fill)
        async with (
            ocpp_server(database) as server,
            ChargePoint(server.url, "BAD", protocol=version, answer_timeout=30) as bad,
            ChargePoint(server.url, "GOOD", answer_timeout=30) as good,
        ):
            for text in texts:
                await bad.send_raw(text)
            await bad.heartbeat()
            await good.heartbeat()
            for text in bad.frames:
                answer = orjson.loads(text)
                assert answer[0] == 3 or (answer[0] == 4 and len(text) <= 256)

    try:
        asyncio.run(run())
    finally:
        database.close()
