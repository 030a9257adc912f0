"""The console's page of one session: its course, its flags in words, its bill, and what is done there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import nicegui
import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import insert, select

from app import clock
from app.charging.metering.device_time import TimeFlag
from app.charging.metering.meter import Flag
from app.charging.running import Note
from app.commands.import_rows import FLAGS
from app.pages.session_dialogs import typed_wh
from app.portal import Portal
from components import meter_curve, words
from components.drawn import Drawn
from components.session_page import flag_words
from components.texts import languages
from data.energy import EnergySpan
from data.models import AuditEntry, Charge, ChargingSession, QuarantinedMessage
from data.queries import session_facts
from data.types import Authorization, Role
from tests.app.dashboard_world import HOUR, World
from tests.conftest import Visit
from tests.waiting import until
from tests.world import NOW, add_account

MINUTE = timedelta(minutes=1)
HOSTILE = "<img src=x onerror=alert(1)> {{constructor.constructor('alert(1)')()}}"


@pytest.fixture
def world(portal: Portal) -> Iterator[World]:
    """On the day of its sessions, which pages tell as "Today"."""
    with clock.at(NOW):
        yield World(portal)


@pytest.fixture
def olga(world: World) -> int:
    return world.database.change_now(add_account, "Olga Operator", Role.OPERATOR)


def drawn(user: User) -> str:
    """All that the drawn cards show."""
    assert user.client is not None
    return str([one.values for one in user.client.elements.values() if isinstance(one, Drawn)])


def pairs(user: User) -> dict[str, str]:
    """The facts."""
    assert user.client is not None
    rows = (one.values for one in user.client.elements.values() if isinstance(one, Drawn))
    (facts,) = (row["facts"] for row in rows if row and "facts" in row)
    return {name: value for name, value, _ in facts}


def press(user: User, text: str) -> None:
    user.find(kind=ui.button, content=text).click()


def fill(user: User, label: str, value: str) -> None:
    user.find(kind=ui.input, content=label).type(value)


def value(world: World, column: Any, session: int) -> Any:
    return world.database.ask_now(
        lambda db: db.execute(select(column).where(ChargingSession.id == session)).scalar_one()
    )


@pytest.mark.parametrize("language", sorted(languages()))
def test_every_flag_has_its_reason_in_words(language: str) -> None:
    """Each flag that a meter, a clock, a session or an import can raise: a sentence, not the flag's name."""
    reader = words.reader(language, None)
    flags = {flag.value for enum in (Flag, TimeFlag, Note) for flag in enum} | set(FLAGS.values())
    assert len(flags) > 20
    for flag in flags:
        sentence = flag_words(flag, reader)
        assert flag not in sentence, flag
        assert sentence.endswith("."), flag
    assert "some_new_one" in flag_words("some_new_one", reader)
    for answer in Authorization:
        assert reader.knows(f"sessions.authorization.{answer.value}")


async def test_the_page_says_what_is_known_and_only_operators_see_it(
    visit: Visit, world: World, olga: int
) -> None:
    """T2: facts, links, unknown as a dash; no session, no page, whatever the number is."""
    session = world.session(
        world.dana,
        NOW - 3 * HOUR,
        minutes=98,
        energy_wh=12_400,
        id_tag="04AABB",
        stop_reason="EVDisconnected",
        meter_start=1_000,
        meter_stop=13_400,
        flags=["clock_skew", "register_fell"],
    )
    user = await visit(olga, f"/admin/sessions/{session}")
    facts = pairs(user)
    told = {
        "Driver": "Dana Driver",
        "Card": "04AABB",
        "Energy": "12.40 kWh",
        "Duration": "1 h 38 min",
        "Start (charger's time)": "Today, 10:00:00",
        "Why it stopped": "EVDisconnected",
        "Meter at start": "1.00 kWh",
        "Meter at end": "13.40 kWh",
        "Transaction": str(session),
        "Answer to the card": "Accepted",
        "End received": "",
    }
    assert {name: facts[name] for name in told} == told
    await user.should_see("The charger's clock is wrong")
    await user.should_see("The meter fell during the session")
    for number in ("77", "0", "-1", "x", "9" * 18, "9" * 30, "1e3", "\N{SUPERSCRIPT TWO}"):
        transport = httpx.ASGITransport(nicegui.core.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            token = await world.portal.sign_ins.issue(olga)
            client.cookies.set(world.portal.sign_ins.cookie, token)
            assert (await client.get(f"/admin/sessions/{number}")).status_code == 404, number


async def test_a_session_in_progress_ticks_and_can_be_ended(visit: Visit, world: World, olga: int) -> None:
    """P9: its number by push; C12: ended by hand with a reason, named on the button, and audited."""
    session = world.begin(world.dana, energy_wh=1_000)
    user = await visit(olga, f"/admin/sessions/{session}")
    await user.should_see("1.00")
    world.read(session, world.dana, 1_234)
    await user.should_see("1.23")
    assert "Why it stopped" not in pairs(user)
    press(user, "End by hand")
    await user.should_see(f"End session {session} of Garage left?")
    press(user, f"End session {session}")
    await user.should_see("A reason is needed")
    fill(user, "Reason", "Cable was pulled, charger is dead")
    press(user, f"End session {session}")
    await until(lambda: value(world, ChargingSession.ended_at, session) is not None)
    await user.should_see("An operator ended it by hand")
    await user.should_see("Correct energy")
    actions = world.database.ask_now(
        lambda db: db.execute(select(AuditEntry.action, AuditEntry.reason)).all()
    )
    assert [tuple(row) for row in actions] == [("session.end", "Cable was pulled, charger is dead")]


async def test_a_session_is_given_to_a_driver_and_corrected_and_reviewed(
    visit: Visit, world: World, olga: int
) -> None:
    """C10; the original stays visible; what can't be is said in the dialog."""
    session = world.session(
        world.dana,
        NOW - 3 * HOUR,
        account_id=None,
        finalized=False,
        energy_wh=940_000,
        flags=["energy_implausible"],
    )
    user = await visit(olga, f"/admin/sessions/{session}")
    await user.should_see("It belongs to nobody")
    press(user, "Assign to a driver")
    press(user, f"Assign session {session}")
    await user.should_see("Choose a driver.")
    fill(user, "Search a driver", "eve")
    await user.should_see("Eve Other · eve@example.org")
    fill(user, "Reason", "Her card was new")
    press(user, f"Assign session {session}")
    await until(lambda: value(world, ChargingSession.account_id, session) == world.eve)
    await user.should_see("Driver Nobody → Eve Other")
    press(user, "Mark as reviewed")
    await until(lambda: value(world, ChargingSession.reviewed_at, session) is not None)
    await user.should_see("Reviewed")
    press(user, "Correct energy")
    fill(user, "Right energy in kWh", "nine")
    press(user, f"Correct session {session}")
    await user.should_see("That is no number of kWh.")


async def test_a_correction_keeps_the_original_in_sight(visit: Visit, world: World, olga: int) -> None:
    """The value before stands beside the reason."""
    session = world.session(world.dana, NOW - 3 * HOUR, finalized=False, energy_wh=940_000)
    user = await visit(olga, f"/admin/sessions/{session}")
    press(user, "Correct energy")
    await user.should_see("It is 940.00 kWh now.")
    fill(user, "Right energy in kWh", "9,4")
    fill(user, "Reason", "The meter labels kWh as Wh")
    press(user, f"Correct session {session}")
    await until(lambda: value(world, ChargingSession.energy_wh, session) == 9_400)
    await user.should_see("Energy 940.00 kWh → 9.40 kWh")
    await user.should_see("The energy was corrected later")
    await user.should_see("The meter labels kWh as Wh")


async def test_the_bill_shows_its_lines_parts_corrections_and_sum(
    visit: Visit, world: World, olga: int
) -> None:
    """Period, Wh, price and amount of each part; a correction with its reason; what did not fit below."""
    session = world.session(world.dana, NOW - 3 * HOUR, energy_wh=12_000)

    def bill(change: Any) -> None:
        parts = [{"kind": "included", "energy_wh": 2_000, "price_per_kwh": 0, "amount": 0}]
        parts.append({"kind": "flat", "energy_wh": 10_000, "price_per_kwh": 2_845, "amount": 285})
        row = {"session_id": session, "account_id": world.dana, "currency": "EUR", "created_at": NOW}
        first = {"key": "a", "revision": 0, "energy_wh": 12_000, "amount": 285, "reason": ""}
        later = {"key": "b", "revision": 1, "energy_wh": -1_000, "amount": -28, "reason": "Meter was swapped"}
        change.execute(insert(Charge), {**row, **first, "details": {"parts": parts}})
        change.execute(insert(Charge), {**row, **later, "details": None})
        message = {
            "charger_id": world.left,
            "session_id": session,
            "received_at": NOW,
            "last_received_at": NOW,
        }
        message |= {"times": 3, "action": "StopTransaction", "payload": {}, "reason": HOSTILE, "digest": "d"}
        change.execute(insert(QuarantinedMessage), message)

    world.database.change_now(bill)
    user = await visit(olga, f"/admin/sessions/{session}")
    await user.should_see("Total: 11.00 kWh, €2.57")
    shown = drawn(user)
    for text in (
        "Included",
        "At the plan's price",
        "€0.2845",
        "€2.85",
        "Correction: Meter was swapped",
        "-€0.28",
    ):
        assert text in shown, text
    assert HOSTILE in shown
    assert "3 times" in shown
    press(user, "Mark messages as seen to")
    await user.should_see("Seen to")
    assert user.client is not None
    for element in user.client.elements.values():  # T41: as text, and as nothing else
        assert all(HOSTILE not in (slot.template or "") for slot in element.slots.values())


# --- the curve


async def test_the_curve_has_at_most_300_points_a_spoken_summary_and_a_table(
    visit: Visit, world: World, olga: int
) -> None:
    """Thinned to the Wh; loaded only when scrolled into view; T42: no stored text is in it."""
    start = NOW - 5 * HOUR
    steps = [(start + n * MINUTE / 4, start + (n + 1) * MINUTE / 4, 30 + n % 7) for n in range(1_000)]
    energy = sum(wh for *_, wh in steps)
    session = world.session(world.dana, start, minutes=250, energy_wh=energy, steps=steps)
    user = await visit(olga, f"/admin/sessions/{session}")
    assert user.client is not None
    curve = world.database.ask_now(session_facts.curve, session)
    assert curve is not None
    assert (len(curve.spans), curve.steps) == (300, 1_000)
    assert sum(span.energy_wh for span in curve.spans) == energy
    plot = next(one for one in user.client.elements.values() if isinstance(one, ui.plotly))
    figure: Any = plot.figure
    assert figure["data"][0]["y"][-1] == energy / 1000
    assert figure["data"][0]["y"] == sorted(figure["data"][0]["y"])
    assert "Garage" not in str(figure)
    holder = plot.parent_slot.parent if plot.parent_slot else None
    assert holder is not None
    assert holder.tag == "q-intersection"
    assert holder.props["role"] == "img"
    assert "Chart of energy and power over time, Today, 08:00–12:10" in str(holder.props["aria-label"])
    await user.should_see("1,000 readings, put together to 300 points.")
    await user.should_see("Show as table")


def test_a_pause_has_no_power_and_unknown_is_not_drawn() -> None:
    """M19: between two stretches the energy stands still and the power is none."""
    reader = words.reader("en", "UTC")
    spans = (
        EnergySpan(NOW, NOW + HOUR, 7_000),
        EnergySpan(NOW + 2 * HOUR, NOW + 3 * HOUR, 11_000),
    )
    figure = meter_curve._figure(spans, reader)
    energy, power = figure["data"]
    assert energy["y"] == [0.0, 7.0, 7.0, 18.0]
    assert power["y"] == [7.0, 0.0, 11.0, 11.0]
    assert energy["x"][1] == "2026-11-22 13:00:00"
    assert meter_curve.power_w(EnergySpan(NOW, NOW, 5)) is None


@pytest.mark.parametrize(
    ("text", "wh"),
    [
        ("12.4", 12_400), ("12,4", 12_400), ("1,234.5", 1_234_500), ("12.4 kWh", 12_400), ("0", 0),
        ("", None), ("-1", None), ("1e3", None), ("1.2.3", None), ("0.0001", None), ("NaN", None),
        (".", None),
        ("\N{ARABIC-INDIC DIGIT ONE}", None),
    ],
)  # fmt: skip
def test_energy_is_read_as_people_type_it(text: str, wh: int | None) -> None:
    """Point or comma; what is no whole Wh is refused rather than guessed."""
    assert typed_wh(text, words.reader("en", None)) == wh
    assert typed_wh("1.234,5", words.reader("de", None)) == 1_234_500
