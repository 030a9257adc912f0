"""The last frames of a charger: how many are kept, what they cost, and what is never shown of them (T63)."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app import clock
from app.charging.ocpp.frame_log import KEPT, LONGEST, PACKED_BYTES, FrameLog
from app.charging.ocpp.shown_frames import ShownFrame, is_secret, shown
from app.simulation.charge_point import ChargePoint
from data.database import Database
from tests.ocpp_server import ocpp_server
from tests.world import NOW, add_charger, add_site

SECRET = "Sesam-0pen-77"
TAG = "04A1B2C3D4E5F6"


def test_the_last_500_frames_are_kept_in_order() -> None:
    log = FrameLog()
    with clock.at(NOW):
        for number in range(1_237):
            log.add(f'[2,"{number}","Heartbeat",{{}}]', sent=number % 2 == 1)
            clock.advance(timedelta(seconds=1))
    frames = log.frames()
    assert len(frames) == KEPT
    assert [frame.text for frame in frames] == [f'[2,"{n}","Heartbeat",{{}}]' for n in range(737, 1_237)]
    assert frames[-1].at == NOW + timedelta(seconds=1_236)
    assert [frame.sent for frame in frames[-2:]] == [True, False]


def test_what_a_charger_sends_has_an_end_in_memory() -> None:
    """C5: frames that can't be packed, as long as they may be; and one frame is not kept whole."""
    log, noise = FrameLog(), random.Random(1)
    for _ in range(600):
        log.add("".join(chr(noise.randrange(33, 0x2FFF)) for _ in range(LONGEST + 10)), sent=False)
    assert sum(len(packed) for _, packed in log._packed) <= PACKED_BYTES + 64_000
    last = log.frames()[-1]
    assert (len(last.text), last.length) == (LONGEST, LONGEST + 10)
    log.add('[2,"1","Heartbeat",{}]', sent=False)
    assert shown(log.frames())[-1].action == "Heartbeat"


@pytest.mark.alone
def test_keeping_a_frame_costs_next_to_nothing() -> None:
    """Ordinary traffic: under 15 µs a frame (a reading's way takes 500), and under 45 kB a charger."""
    log = FrameLog()
    begun = time.process_time()
    for number in range(20_000):
        values = {
            "connectorId": 1,
            "transactionId": 77,
            "meterValue": [
                {
                    "timestamp": f"{number}",
                    "sampledValue": [
                        {
                            "value": str(number * 13),
                            "unit": "Wh",
                            "measurand": "Energy.Active.Import.Register",
                        }
                    ],
                }
            ],
        }
        log.add(json.dumps([2, str(number), "MeterValues", values]), sent=False)
    took = (time.process_time() - begun) / 20_000
    assert took < 30e-6
    assert sum(len(packed) for _, packed in log._packed) < 45_000


def one(text: str) -> ShownFrame:
    log = FrameLog()
    log.add(text, sent=False)
    (frame,) = shown(log.frames())
    return frame


LEAKS: list[Any] = [
    [2, "1", "Authorize", {"idTag": TAG}],
    [2, "1", "StartTransaction", {"connectorId": 1, "idTag": TAG, "meterStart": 5}],
    [3, "1", {"idTagInfo": {"status": "Accepted", "parentIdTag": TAG}}],
    [2, "1", "Authorize", {"idToken": {"idToken": TAG, "type": "ISO14443"}}],
    [2, "1", "RequestStartTransaction", {"idToken": {"idToken": TAG}, "groupIdToken": {"idToken": TAG}}],
    [2, "1", "SendLocalList", {"localAuthorizationList": [{"idTag": TAG}, {"idTag": TAG}]}],
    [2, "1", "DataTransfer", {"vendorId": "x", "data": json.dumps({"IdTag": TAG, "a": [{"id_tag": TAG}]})}],
    [2, "1", "DataTransfer", {"vendorId": "x", "data": '{"idTag":"' + TAG + '", broken'}],
    [2, "1", "Odd", {"uid": TAG}, {"rfid": TAG}],
    [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}],
    [3, "1", {"configurationKey": [{"key": "authorizationkey", "readonly": False, "value": SECRET}]}],
    [
        2,
        "1",
        "SetVariables",
        {
            "setVariableData": [
                {
                    "attributeValue": SECRET,
                    "component": {"name": "SecurityCtrlr"},
                    "variable": {"name": "BasicAuthPassword"},
                }
            ]
        },
    ],
    [
        2,
        "1",
        "SetNetworkProfile",
        {
            "connectionData": {
                "apn": {"apnPassword": SECRET},
                "basicAuthPassword": SECRET,
                "vpn": {"password": SECRET, "preSharedKey": SECRET},
            }
        },
    ],
    [2, "1", "ChangeConfiguration", {"key": "Wifi.Password", "value": SECRET}],
    [2, "1", "Odd", {"headers": {"Authorization": f"Basic {SECRET}"}}],
    [2, "1", "GetDiagnostics", {"location": f"ftp://user:{SECRET}@files.example/up"}],
    [
        2,
        "1",
        "NotifyReport",
        {
            "reportData": [
                {
                    "component": {"name": "SecurityCtrlr"},
                    "variable": {"name": "BasicAuthPassword"},
                    "variableAttribute": [{"type": "Actual", "value": SECRET}],
                }
            ]
        },
    ],
    [
        2,
        "1",
        "NotifyEvent",
        {
            "eventData": [
                {"actualValue": TAG, "component": {"name": "TokenReader"}, "variable": {"name": "Token"}},
                {"actualValue": TAG, "component": {"name": "TokenReader"}, "variable": {"name": "Last"}},
            ]
        },
    ],
    [
        3,
        "1",
        {"configurationKey": [{"key": "WifiPSK", "value": SECRET}, {"key": "APN.Pin", "value": SECRET}]},
    ],
    [3, "1", {"configurationKey": [{"key": "FreevendIdTag", "value": TAG}]}],
    [3, "1", {"configurationKey": [{"key": "MasterPassGroupId", "value": TAG}]}],
    [3, "1", {"getVariableResult": [{"attributeValue": TAG, "variable": {"name": "MasterPassGroupId"}}]}],
    [2, "1", "SetNetworkProfile", {"connectionData": {"vpn": {"key": SECRET, "type": "IPSec"}}}],
    [2, "1", "GetDiagnostics", {"location": f"https://x.example/y?token={SECRET}"}],
    [
        2,
        "1",
        "GetLog",
        {"log": {"remoteLocation": f"https://x.example/y?a=1&sig={SECRET}&password={SECRET}"}},
    ],
    [2, "1", "Authorize", {"idTag": [TAG]}],
    [2, "1", "Authorize", {"idTag": {"x": TAG, "type": {"y": [TAG]}}}],
    [2, "1", "Odd", {"password": [SECRET], "secret": {"x": {"y": SECRET}}}],
    [4, "1", "PropertyConstraintViolation", f"idTag {TAG} too long", {}],
    [4, "1", "GenericError", "no", {"given": [TAG], "password": SECRET}],
    [2, "1", "StatusNotification", {"connectorId": 1, "info": f"card {TAG} rejected", "status": "Faulted"}],
    [2, "1", "StatusNotification", {"connectorId": 1, "vendorErrorCode": TAG}],
    [2, "1", "DataTransfer", {"vendorId": "x", "messageId": "RfidScanned", "data": TAG}],
    [2, "1", "DataTransfer", {"vendorId": "x", "data": f"rfid={TAG}"}],
    [2, "1", "DataTransfer", {"vendorId": "x", "data": f"idTag:{TAG};x"}],
    [2, "1", "DataTransfer", {"vendorId": "x", "data": json.dumps({"card": TAG})}],
    [2, "1", "DataTransfer", {"vendorId": "x", "data": f" {json.dumps({'card': TAG})}"}],
    [2, "1", "DataTransfer", {"vendorId": "x", "data": {"scanned": [TAG]}}],
    [2, "1", "DataTransfer", {"vendorId": "x", "data": f"pwd: {SECRET}"}],
    [2, "1", "CustomerInformation", {"idToken": {"idToken": TAG}, "customerIdentifier": TAG}],
    [2, "1", "NotifyCustomerInformation", {"data": f"card {TAG}"}],
    [2, "1", "VendorsOwn", {"scanned": TAG}],
    [2, TAG, "Authorize", {"idTag": TAG}],
    [2, "1", f"Authorize {TAG}", {"idTag": TAG}],
    [2, "1", "StopTransaction", {"idTag": TAG, "transactionData": [{"sampledValue": [{"value": TAG}]}]}],
]
BROKEN = (
    '[2,"1","Authorize",{"idTag":"' + TAG,
    '[2,"1","Authorize",{"idTag":' + TAG + "}]",
    "[2,'1','Authorize',{idTag:'" + TAG + "'}]",
    '[2,"1","Authorize",{"idTag":"JOHNSMITH"',
    TAG,
    f"card {TAG}",
    "04:A1:B2:C3:D4:E5:F6",
    "deadbeef",
    json.dumps({"idTag": TAG}),
    json.dumps([9, "x", TAG]),
    json.dumps(TAG),
)

TEXTS: dict[str, Callable[[Any], str]] = {
    "whole": json.dumps,
    "broken": lambda frame: json.dumps(frame)[:-2],
    "long": lambda frame: json.dumps(frame) + " " * LONGEST,
}


@pytest.mark.parametrize("frame", LEAKS, ids=[f"{n} {frame[2]}"[:24] for n, frame in enumerate(LEAKS)])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_t63_no_tag_and_no_secret_is_shown(frame: Any, text: Callable[[Any], str]) -> None:
    """T63: whole, cut off, or over-long; a tag can still be told from another."""
    payload = str(one(text(frame)))
    assert SECRET not in payload
    assert TAG not in payload
    if "idTag" in json.dumps(frame) and text is json.dumps and "broken" not in json.dumps(frame):
        assert "04…F6" in payload


@pytest.mark.parametrize("text", BROKEN)
def test_t63_what_is_no_frame_shows_no_tag(text: str) -> None:
    """T63: nobody knows what stands where, so nothing that may be a tag is shown."""
    told = str(one(text))
    for tag in (TAG, "JOHNSMITH", "A1:B2:C3", "deadbeef"):
        assert tag not in told


def test_t63_a_tag_is_known_again_wherever_it_stands() -> None:
    """T63: a card's number is any text at all; what was one in a frame is one in all of them."""
    log = FrameLog()
    for frame in (
        [2, "1", "StatusNotification", {"connectorId": 1, "info": "JOHN-SMITH was here"}],
        [2, "2", "Authorize", {"idTag": "John-Smith"}],
        [2, "3", "BootNotification", {"chargePointModel": "john-smith"}],
    ):
        log.add(json.dumps(frame), sent=False)
    told = str(shown(log.frames())).lower()
    assert "john-smith" not in told


@pytest.mark.alone
@pytest.mark.parametrize(
    "unit",
    ["a-", "a", "card:", "card: ", "card ", "aa:", "password=", '\\"', "value", "{", " ", "tag1", "1f", "?"],
)
def test_c5_no_text_makes_masking_slow(unit: str) -> None:
    """What a charger writes costs us no more for being made on purpose."""
    log = FrameLog()
    for head in ("", '[2,"1","X",{"a":'):
        for _ in range(50):
            log.add((head + "card: " + unit * LONGEST)[:LONGEST], sent=False)
    begun = time.process_time()
    shown(log.frames())
    assert time.process_time() - begun < 2


def test_what_says_nothing_of_cards_is_shown_whole() -> None:
    """Else the log would be of no use."""
    for frame in (
        [
            2,
            "1",
            "BootNotification",
            {"chargePointSerialNumber": "SN-20230815-0001", "firmwareVersion": "1.20.3"},
        ],
        [
            2,
            "1",
            "MeterValues",
            {
                "connectorId": 1,
                "transactionId": 12345678,
                "meterValue": [
                    {
                        "timestamp": "2026-11-22T12:00:00.123Z",
                        "sampledValue": [{"value": "123456789.5", "unit": "Wh"}],
                    }
                ],
            },
        ],
        [
            2,
            "1",
            "StatusNotification",
            {"errorCode": "OtherError", "info": "connector lock failed", "status": "Faulted"},
        ],
        [
            3,
            "1",
            {
                "configurationKey": [
                    {"key": "MeterValuesSampledData", "readonly": True, "value": "Power.Active.Import"}
                ]
            },
        ],
        [4, "1", "NotImplemented", "Requested Action is not known by receiver", {}],
        [2, "1", "TriggerMessage", {"requestedMessage": "StatusNotification"}],
    ):
        payload = frame[3] if frame[0] == 2 else frame[2] if frame[0] == 3 else frame[2:]
        assert json.loads(one(json.dumps(frame)).payload) == payload


def test_an_answer_bears_the_name_of_what_it_answers() -> None:
    log = FrameLog()
    for sent, text in (
        (False, '[2,"a","BootNotification",{"chargePointModel":"X"}]'),
        (True, '[3,"a",{"status":"Accepted"}]'),
        (True, '[2,"b","Reset",{"type":"Soft"}]'),
        (False, '[4,"b","NotSupported","no",{}]'),
        (False, '[3,"?",{}]'),
        (False, "hello"),
        (False, "[]"),
        (False, '[2,"0b7e2f6a-3c1d-4e5f-8a9b-0c1d2e3f4a5b","Heartbeat",{}]'),
    ):
        log.add(text, sent=sent)
    found = [(frame.kind, frame.action, frame.message_id) for frame in shown(log.frames())]
    assert found == [
        ("call", "BootNotification", "a"),
        ("result", "BootNotification", "a"),
        ("call", "Reset", "b"),
        ("error", "Reset", "b"),
        ("result", "", "?"),
        ("other", "", ""),
        ("other", "", ""),
        ("call", "Heartbeat", "0b7e2f6a-3c1d-4e5f-8a9b-0c1d2e3f4a5b"),
    ]
    assert shown(log.frames())[0].payload == '{"chargePointModel":"X"}'


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("AuthorizationKey", True),
        ("SecurityCtrlr.BasicAuthPassword", True),
        ("WifiPassphrase", True),
        ("WifiPSK", True),
        ("APN.SimPin", True),
        ("FreevendIdTag", True),
        ("WebSocketPingInterval", False),
        ("HeartbeatInterval", False),
        ("AuthorizeRemoteTxRequests", False),
        ("MeterValuesSampledData", False),
    ],
)
def test_keys_that_keep_secrets_are_known_by_their_names(key: str, secret: bool) -> None:
    assert is_secret(key) is secret


async def test_both_directions_of_a_real_connection_are_kept(sqlite_database: Database) -> None:
    """Over connections; and of a charger that never came there is none."""

    def fill(change: Any) -> tuple[int, int]:
        site = add_site(change)
        return add_charger(change, "CP1", site=site), add_charger(change, "CP2", site=site)

    charger, other = sqlite_database.change_now(fill)
    async with ocpp_server(sqlite_database) as server:
        for _ in range(2):
            async with ChargePoint(server.url, "CP1") as point:
                await point.heartbeat()
        log = server.endpoint.log(charger)
        assert log is not None
        assert [(frame.sent, frame.action) for frame in shown(log.frames())] == [
            (False, "Heartbeat"),
            (True, "Heartbeat"),
        ] * 2
        assert server.endpoint.log(other) is None
