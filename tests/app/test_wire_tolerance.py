"""Reading what chargers send, without sockets: what is taken how, and what is noted about it (C6)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import fastjsonschema
import pytest

from app.charging.ocpp import frames, ocpp16, ocpp201, schemas
from app.charging.ocpp.frames import Call, Failure, Malformed, Result
from app.charging.ocpp.tolerance import Message, clean
from app.charging.reports import POWER, REGISTER, Place
from app.logs import masked
from data.types import ConnectorStatus

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ZONE = "Europe/Berlin"
AT = "2026-11-22T11:59:00Z"


def start(**changes):
    message = Message({"connectorId": 1, "idTag": "TAG", "meterStart": 10, "timestamp": AT, **changes})
    return ocpp16.start(message, NOW, ZONE), message.notes


@pytest.mark.parametrize(
    ("sent", "taken", "noted"),
    [
        (1234, 1234, False),
        (1234.0, 1234, True),
        (1234.5, 1235, True),
        ("1234", 1234, True),
        (" 1234.4 ", 1234, True),
        (0, 0, False),
        (-1, None, True),
        ("x", None, True),
        (None, None, False),
        (True, None, True),
        ([1], None, True),
        (1e300, None, True),
        (10**30, None, True),
    ],
)
def test_c6_a_meter_start_is_taken_as_the_whole_wh_it_means(sent, taken, noted):
    found, notes = start(meterStart=sent)
    assert found.meter_start == taken
    assert bool(notes) is noted


def test_c6_a_tag_of_21_characters_is_taken_whole():
    found, notes = start(idTag="A" * 21)
    assert found.id_tag == "A" * 21
    assert notes == ["idTag is too long"]


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        (" TAG ", "TAG"),
        ("TAG\x00\x00", "TAG"),
        ("T" * 999, "T" * 255),
        (None, ""),
        ("", ""),
        (12345, "12345"),
        ({}, ""),
    ],
)
def test_c6_c10_any_tag_makes_a_start(sent, taken):
    assert start(idTag=sent)[0].id_tag == taken


@pytest.mark.parametrize(
    ("sent", "taken"), [(2, 2), ("2", 2), (2.0, 2), (0, 1), (None, 1), (-4, 1), (2**40, 1)]
)
def test_c6_a_start_is_somewhere(sent, taken):
    assert start(connectorId=sent)[0].place == Place(taken)


def test_c6_a_start_without_a_time_is_now_and_flagged():
    found, notes = start(timestamp=None)
    assert found.at == NOW
    assert found.flags
    assert notes == ["no timestamp"]


def stop(**changes):
    message = Message({"transactionId": 7, "meterStop": 10, "timestamp": AT, **changes})
    return ocpp16.stop(message, NOW, ZONE), message.notes


@pytest.mark.parametrize(
    ("sent", "taken"), [(7, 7), ("7", 7), (7.0, 7), (0, None), (-1, None), (None, None), ("x", None)]
)
def test_c6_c11_a_transaction_id_is_a_positive_number_or_unknown(sent, taken):
    assert stop(transactionId=sent)[0].session_id == taken


def test_m10_a_meter_stop_of_minus_one_is_unknown():
    assert stop(meterStop=-1)[0].meter_stop is None


def test_c6_an_unknown_stop_reason_is_kept_and_noted():
    found, notes = stop(reason="Suspended by vendor")
    assert found.reason == "Suspended by vendor"
    assert notes == ["reason is no word of the standard"]


def test_c11_a_stop_carries_its_message_whole():
    assert stop(vendor={"a": [1]})[0].payload["vendor"] == {"a": [1]}


def values(*sampled, **changes):
    payload = {
        "connectorId": 1,
        "transactionId": 7,
        "meterValue": [{"timestamp": AT, "sampledValue": list(sampled)}],
    }
    message = Message({**payload, **changes})
    return ocpp16.values(message, NOW, ZONE), message.notes


def test_m1_the_defaults_of_a_sampled_value():
    found, notes = values({"value": "12345"})
    [sample] = found.samples
    assert (sample.value, sample.measurand, sample.unit) == ("12345", REGISTER, "")
    assert (sample.context, sample.location, sample.phase, sample.format) == (
        "Sample.Periodic",
        "Outlet",
        "",
        "Raw",
    )
    assert (found.session_id, found.place) == (7, Place(1))
    assert not notes


def test_t58_a_value_that_is_none_does_not_take_the_others_with_it():
    found, notes = values({"value": None}, {}, {"value": [1]}, 7, {"value": 5.5}, {"value": "6"})
    assert [sample.value for sample in found.samples] == ["5.5", "6"]
    assert notes


def test_c6_m11_words_of_the_vendor_are_taken_cut_to_what_the_database_holds_and_noted():
    found, notes = values(
        {
            "value": "string",
            "measurand": "X" * 200,
            "unit": "Fahrenheit",
            "context": "C" * 99,
            "location": "L" * 99,
            "phase": "P" * 99,
            "format": "F" * 99,
        }
    )
    [sample] = found.samples
    assert sample.value == "string"
    assert [len(part) for part in (sample.measurand, sample.context, sample.location)] == [64, 32, 16]
    assert [len(part) for part in (sample.phase, sample.format)] == [16, 16]
    assert sample.unit == "Fahrenheit"
    assert len(notes) == 5


def test_c6_a_single_meter_value_without_its_list_is_taken():
    found, notes = values(meterValue={"timestamp": AT, "sampledValue": {"value": "1"}})
    assert [sample.value for sample in found.samples] == ["1"]
    assert notes == ["meterValue is no list", "sampledValue is no list"]


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("Charging", ConnectorStatus.CHARGING),
        ("charging", ConnectorStatus.CHARGING),
        (" SuspendedEV ", ConnectorStatus.SUSPENDED_EV),
        ("Occupied", ConnectorStatus.OCCUPIED),
        ("Dreaming", ConnectorStatus.UNKNOWN),
        (None, ConnectorStatus.UNKNOWN),
        (7, ConnectorStatus.UNKNOWN),
    ],
)
def test_c6_a_status(sent, taken):
    message = Message({"connectorId": 1, "errorCode": "NoError", "status": sent})
    found = ocpp16.status(message, NOW, ZONE)
    assert found.status is taken
    assert found.at is None
    assert bool(message.notes) is (sent != taken)


def test_a_status_says_why():
    message = Message(
        {
            "connectorId": 1,
            "errorCode": "GroundFailure",
            "status": "Faulted",
            "timestamp": AT,
            "info": "relay",
            "vendorErrorCode": "E17",
        }
    )
    found = ocpp16.status(message, NOW, ZONE)
    assert (found.error_code, found.info) == ("GroundFailure", "relay · E17")
    assert found.at == datetime(2026, 11, 22, 11, 59, tzinfo=UTC)


def event(**changes):
    payload = {
        "eventType": "Updated",
        "timestamp": AT,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": 3,
        "transactionInfo": {"transactionId": "T1", "chargingState": "Charging"},
        "evse": {"id": 2, "connectorId": 1},
        **changes,
    }
    message = Message(payload)
    return ocpp201.event(message, NOW, ZONE), message.notes


def test_an_event_of_2_0_1_becomes_words_of_the_domain():
    sampled = [
        {"value": 1.5, "unitOfMeasure": {"unit": "kWh"}},
        {"value": 7, "measurand": POWER, "unitOfMeasure": {"unit": "W", "multiplier": 3}},
    ]
    found, notes = event(
        meterValue=[{"timestamp": AT, "sampledValue": sampled}],
        offline=True,
        idToken={"idToken": "TAG", "type": "ISO14443"},
    )
    assert (found.type, found.transaction_id, found.seq_no, found.place) == ("Updated", "T1", 3, Place(1, 2))
    assert (found.id_tag, found.offline, found.charging_state) == ("TAG", True, "Charging")
    assert [(s.value, s.unit, s.measurand) for s in found.samples] == [
        ("1.5", "kWh", REGISTER),
        ("7000", "W", POWER),
    ]
    assert not notes


@pytest.mark.parametrize(
    ("value", "multiplier", "taken"),
    [
        (12345, -3, "12.345"),
        (1.1, 3, "1100"),
        (2, 99, None),
        (2, "3", None),
        ("1e999999999", 3, "1e999999999"),
        ("x", 3, "x"),
        (0, 0, "0"),
    ],
)
def test_c6_multipliers_are_applied_exactly(value, multiplier, taken):
    sampled = [{"value": value, "unitOfMeasure": {"unit": "Wh", "multiplier": multiplier}}]
    found, _ = event(meterValue=[{"timestamp": AT, "sampledValue": sampled}])
    assert [sample.value.removesuffix(".0") for sample in found.samples] == ([taken] if taken else [])


@pytest.mark.parametrize(
    "changes", [{"transactionInfo": None}, {"eventType": "Paused"}, {"transactionInfo": {}}]
)
def test_c11_an_event_of_nothing_is_no_event(changes):
    assert event(**changes)[0] is None


@pytest.mark.parametrize(
    ("sent", "tag"),
    [
        ({"idToken": "A", "type": "Central"}, "A"),
        ({"idToken": "", "type": "NoAuthorization"}, None),
        ("A", "A"),
        (None, None),
    ],
)
def test_c6_an_id_token(sent, tag):
    assert event(idToken=sent)[0].id_tag == tag


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('[2,"1","A",{}]', Call),
        ('[3,"1",{}]', Result),
        ('[4,"1","GenericError","",{}]', Failure),
        ('[2,"1"]', Malformed),
        ("[]", Malformed),
        ('{"a":1}', Malformed),
    ],
)
def test_frames_are_told_apart(text, kind):
    assert isinstance(frames.parse(text), kind)


def test_t58_a_nan_costs_its_value_and_not_the_message():
    text = '[2,"1","MeterValues",{"connectorId":1,"x":[NaN,Infinity,-Infinity,1e999,3]}]'
    frame = frames.parse(text)
    assert isinstance(frame, Call)
    assert frame.payload["x"] == [None, None, None, None, 3]
    assert frame.deviation == "invalid JSON"


def test_c6_line_breaks_in_text_are_read():
    frame = frames.parse('[2,"1","BootNotification",{"chargePointVendor":"a\nb"}]')
    assert isinstance(frame, Call)
    assert frame.payload == {"chargePointVendor": "a\nb"}


def test_c5_an_error_answer_is_at_most_256_characters_whatever_is_answered():
    text = frames.failure("x" * frames.ID_LIMIT, "NotImplemented", "y" * 500)
    assert len(text) <= 256
    assert json.loads(text)[1] == "x" * frames.ID_LIMIT


@pytest.mark.parametrize("message_id", ["abc", "a-b", 'a"b', "a\\b", 7, "ü"])
def test_an_answer_is_json_with_the_id_that_was_sent(message_id):
    assert json.loads(frames.result(message_id, {})) == [3, message_id, {}]


def test_what_nests_too_deep_to_be_stored_is_left_out():
    deep: dict = {}
    for _ in range(frames.DEPTH_LIMIT + 1):
        deep = {"a": deep}
    assert not frames.is_shallow(deep)
    assert frames.is_shallow({"a": [{"b": [1]}]})
    assert ocpp16.whole(deep) == {"left out": "nested too deep"}


def test_t63_tags_are_masked():
    assert masked("04A1B2C3D4E5F6") == "04…F6"
    assert masked("CARD1") == "…"
    assert masked("AB\nCDEFGHIJ") == "…"
    assert masked(None) == "-"


def test_text_that_no_database_takes_is_cleaned():
    assert clean("a\x00b\ud800ü") == "ab?ü"


def test_c6_what_we_send_is_checked_against_the_official_schemas():
    schemas.check_answer("ocpp1.6", "Heartbeat", {"currentTime": ocpp16.written(NOW)})
    with pytest.raises(schemas.AgainstSchema):
        schemas.check_answer(
            "ocpp1.6", "StartTransaction", {"transactionId": "7", "idTagInfo": {"status": "Accepted"}}
        )
    with pytest.raises(schemas.AgainstSchema):
        schemas.check_request("ocpp1.6", "RemoteStartTransaction", {"idTag": "x" * 21})
    with pytest.raises(LookupError):
        schemas.check_request("ocpp1.6", "RequestStartTransaction", {})


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
def test_every_official_schema_can_be_compiled(version):
    import orjson

    folder = schemas._folder(version)
    for path in sorted(folder.glob("*.json"))[::4]:
        fastjsonschema.compile(orjson.loads(path.read_text(encoding="utf-8-sig")), use_default=False)


def test_times_are_written_as_ocpp_wants_them():
    assert ocpp16.written(datetime(2026, 1, 2, 3, 4, 5, 6789, tzinfo=UTC)) == "2026-01-02T03:04:05.006Z"
