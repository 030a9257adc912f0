"""The download of one's own data: T2, T5, T6, T46."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from app.portal import Portal
from components import sessions_csv, words
from components.sessions_csv import neutral
from data.database import Change
from data.models import Charge, ChargingSession, SessionCorrection
from data.queries.own_data import PAGE
from tests import world
from tests.app.window import Window, window

START = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
"""In Berlin 02:30, for the first time of two that night."""
FORMULA = '=HYPERLINK("https://evil.example/","x")'


@pytest.fixture
async def here(portal: Portal) -> AsyncIterator[Window]:
    async with window(portal) as made:
        yield made


def fill(change: Change, *, language: str = "en", charger: str = "Garage left") -> tuple[int, int]:
    """Two drivers with a session each on the same charger; the first one's card and its session's site."""
    dana = world.add_driver(change, "Dana Driver", tag="DANA", language=language)
    eve = world.add_driver(change, "Eve Other", tag="EVE")
    site = world.add_site(change, "Café Größe, Hof 2")
    box = world.add_charger(change, site=site, name=charger, password="not to be told")
    for account, tag, wh in ((dana, "DANA", 18_405), (eve, "EVE", 7_777)):
        world.add_session(
            change,
            charger=box,
            connector=1,
            account=account,
            started_at=START,
            minutes=60,
            energy_wh=wh,
            id_tag=tag,
        )
    return dana, eve


async def table(here: Window, delimiter: str = ",") -> list[list[str]]:
    """The rows of the CSV file."""
    text = await here.get("/account/sessions.csv")
    assert text.startswith("\ufeff"), "Excel takes UTF-8 for something else without it"
    return list(csv.reader(io.StringIO(text[1:]), delimiter=delimiter, strict=True))


async def test_t2_t6_json_holds_all_of_the_own_and_nothing_else(portal: Portal, here: Window) -> None:
    """T2, T5, T6: whatever the address asks for, and no secret of anybody's."""
    dana, eve = portal.database.change_now(fill)
    assert await here.get("/account/data.json", 303) == "/sign-in?next=%2Faccount%2Fdata.json"
    await here.enter(dana)
    answer = await here.http.get(f"/account/data.json?user={eve}&account_id={eve}&as={eve}")  # T5
    assert answer.headers["content-disposition"] == 'attachment; filename="polaris-express-data.json"'
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    found = json.loads(answer.text)
    assert found["account"]["email"] == "dana@example.org"
    assert [one["id_tag"] for one in found["cards"]] == ["DANA"]
    (session,) = found["sessions"]
    assert (session["charger"], session["energy_wh"]) == ("Garage left", 18_405)
    assert session["started_at"] == "2026-10-25T00:30:00Z"
    assert set(found) == {
        *("made_at", "account", "cards", "subscriptions", "reservations"),
        *("sign_ins", "identities", "support_visits", "sessions", "charges"),
    }
    for secret in ("EVE", "eve@example.org", "7777", "$argon2", "password", "token"):
        assert secret not in answer.text.replace('"how": "password"', "")
    assert (await here.audit())[-1] == "own_data.json"


async def test_p17_t2_json_holds_what_was_billed_and_corrected(portal: Portal, here: Window) -> None:
    """P17, T2: each line that was billed to the person, whoever has the session now, and nobody else's."""

    def add(change: Change) -> int:
        dana, eve = fill(change)
        night = [{"from_minute": 0, "to_minute": 360, "price_per_kwh": 1_900}]
        world.add_plan(change, dana, name="Home", currency="EUR", windows=night)
        line = {"session_id": 1, "account_id": dana, "created_at": START, "reason": ""}
        lines = [
            {"key": "A", "plan_id": 1, "period_first": START.date(), "energy_wh": 18_000, "amount": 702},
            {"key": "B", "plan_id": 1, "period_first": START.date(), "energy_wh": 405, "amount": -3},
            {"key": "C", "session_id": 2, "energy_wh": -5},
            {"key": "D", "session_id": 2, "account_id": eve, "energy_wh": 7_777},
        ]
        for revision, one in enumerate(lines):
            currency = "EUR" if "amount" in one else None
            reason = "Meter was wrong" if revision else ""
            row = {**line, "currency": currency, "revision": revision, "reason": reason, **one}
            change.execute(insert(Charge), row)
        energy = {"before": {"energy_wh": 18_000}, "after": {"energy_wh": 18_405}}
        given = {"before": {"account_id": eve, "mapping_id": 2}, "after": {"account_id": dana}}
        for values in (given, energy):
            row = {"session_id": 1, "at": START, "by": "Olga Operator", "reason": "Meter was wrong", **values}
            change.execute(insert(SessionCorrection), row)
        row = {"session_id": 2, "at": START, "by": "Olga Operator", "reason": "Of Eve"}
        change.execute(insert(SessionCorrection), {**row, **energy})
        return dana

    await here.enter(portal.database.change_now(add))
    text = await here.get("/account/data.json")
    found = json.loads(text)
    (plan,) = found["subscriptions"]
    assert (plan["tiers"], plan["windows"][0]["price_per_kwh"]) == ([], 1_900)
    billed = {"session_id": 1, "plan": "Home", "period_first": "2026-10-25", "currency": "EUR"}
    at = "2026-10-25T00:30:00Z"
    nothing = {"plan": None, "period_first": None, "currency": None, "amount": None}
    assert found["charges"] == [
        {**billed, "id": 1, "revision": 0, "energy_wh": 18_000, "amount": 702, "reason": "", "billed_at": at},
        {
            **billed,
            **{"id": 2, "revision": 1, "energy_wh": 405, "amount": -3},
            **{"reason": "Meter was wrong", "billed_at": at},
        },
        {
            **nothing,
            **{"id": 3, "session_id": 2, "revision": 2, "energy_wh": -5},
            **{"reason": "Meter was wrong", "billed_at": at},
        },
    ]
    assert found["sessions"][0]["corrections"] == [
        {"at": at, "reason": "Meter was wrong", "energy_wh_before": 18_000, "energy_wh_after": 18_405}
    ]
    for others in ("Olga Operator", "Of Eve", "7777", "mapping_id"):
        assert others not in text


async def test_sessions_as_a_spreadsheet_reads_them(portal: Portal, here: Window) -> None:
    """T2, T46: in the reader's zone, and in UTC where the hour repeats; no more than the own ones."""
    dana, _ = portal.database.change_now(fill)
    await here.enter(dana)
    answer = await here.http.get("/account/sessions.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="polaris-express-sessions.csv"'
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    head, row = await table(here)
    assert dict(zip(head, row, strict=True)) == {
        "Session": "1",
        "Site": "Café Größe, Hof 2",
        "Charger": "Garage left",
        "Connector": "1",
        "Card": "DANA",
        "Start": "2026-10-25 02:30:00",
        "End": "2026-10-25 02:30:00",
        "Time zone": "Europe/Berlin",
        "Start (UTC)": "2026-10-25 00:30:00",
        "End (UTC)": "2026-10-25 01:30:00",
        "Energy (kWh)": "18.405",
        "State": "Finalized",
    }


async def test_german_spreadsheets_get_commas_and_semicolons(portal: Portal, here: Window) -> None:
    dana, _ = portal.database.change_now(lambda change: fill(change, language="de"))
    await here.enter(dana)
    head, row = await table(here, ";")
    assert dict(zip(head, row, strict=True))["Energie (kWh)"] == "18,405"


async def test_t46_no_cell_is_a_formula(portal: Portal, here: Window) -> None:
    """T46."""
    dana, _ = portal.database.change_now(lambda change: fill(change, charger=FORMULA))
    await here.enter(dana)
    _, row = await table(here)
    assert row[2] == "'" + FORMULA


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\tx", "'\tx"),
        ("  =1", "'  =1"),
        ('"=1', "\"'=1"),
        ('x" , =1', "x\" , '=1"),
        ("x;=1", "x;'=1"),
        ("x\n@y", "x\n'@y"),
        ("\uff1d1", "'\uff1d1"),
        ("Garage 1-2 (A+B) = x@y", "Garage 1-2 (A+B) = x@y"),
    ],
    ids=repr,
)
def test_t46_what_a_spreadsheet_could_compute_is_neutral(cell: str, safe: str) -> None:
    """T46: at the start, and after quotes and what other spreadsheets take for the end of a cell."""
    assert neutral(cell) == safe
    line = sessions_csv.line([cell, "x"], words.reader("en", None))
    assert next(csv.reader(io.StringIO(line, newline=""), strict=True)) == [safe, "x"]


async def test_years_of_sessions_come_in_pieces(portal: Portal, here: Window) -> None:
    """Each session once, whatever a piece ends with; the answer begins before the last is asked for."""
    total = 2 * PAGE + 3

    def add(change: Change) -> int:
        dana, _ = fill(change)
        rows = [
            {
                "charger_id": 1,
                "connector_id": 1,
                "id_tag": "DANA",
                "account_id": dana,
                "started_at": START - timedelta(hours=number // 2 + 1),
                "received_at": START,
                "ended_at": START,
                "energy_wh": number,
                "energy_started_at": START - timedelta(hours=number // 2 + 1),
                "energy_ended_at": START,
                "flags": [],
            }
            for number in range(total - 1)
        ]
        change.execute(insert(ChargingSession), rows)
        return dana

    await here.enter(portal.database.change_now(add))
    found = json.loads(await here.get("/account/data.json"))["sessions"]
    assert len(found) == len({one["id"] for one in found}) == total
    _, *rows = await table(here)
    assert [int(row[0]) for row in rows] == [one["id"] for one in found]
    assert {row[-1] for row in rows} == {"Settling", "Finalized"}

    def bill(change: Change) -> None:
        row = {"session_id": 1, "account_id": 1, "energy_wh": 1, "created_at": START}
        change.execute(insert(Charge), [{**row, "key": f"K{n}"} for n in range(PAGE + 2)])

    portal.database.change_now(bill)
    lines = json.loads(await here.get("/account/data.json"))["charges"]
    assert [one["id"] for one in lines] == list(range(1, PAGE + 3))
    visitor = await portal.sign_ins.visitor(here.request())
    assert visitor is not None
    pieces = [len(piece) async for piece in await portal.own_data.json(visitor.caller)]
    assert len(pieces) == 9
    assert max(pieces) < 400 * PAGE, "the memory holds one piece at a time"
