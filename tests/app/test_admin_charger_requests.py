"""The console's page of one charger: what is asked of it, reserved at it and set in it (C15, C16)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import insert, select

from app import clock
from data.announcements import Announcement, Topic
from data.database import Change
from data.models import ChargerCommand, Reservation
from data.types import CommandState
from tests.app.charger_yard import HOSTILE, Visit, Yard, choose, drawn, gone, yard
from tests.app.test_admin_people import fill, press
from tests.waiting import until
from tests.world import NOW

__all__ = ["yard"]


async def test_nothing_is_asked_of_a_charger_that_is_not_there(visit: Visit, yard: Yard) -> None:
    """C16: the buttons are off, and it is said why; they come on when it connects, without a reload."""
    with clock.at(NOW + timedelta(minutes=5)):
        user = await visit(yard.olga, yard.path)
        await user.should_see("The charger is not connected (last seen 5 min ago)")
        assert user.client is not None
        starts = [
            one for one in user.client.elements.values() if isinstance(one, ui.button) and one.text == "Start"
        ]
        assert not starts[0].enabled
        async with gone(yard):
            await yard.connect()
            yard.portal.live.announce([Announcement(Topic.COMMANDS, yard.charger)])
            await user.should_not_see("The charger is not connected")
            assert starts[0].enabled


async def test_c16_requests_are_made_by_dialogs_that_name_the_charger(visit: Visit, yard: Yard) -> None:
    """C16, T59: each with what was chosen; no answer comes in this test, and the list says how it stands."""
    async with gone(yard):
        await yard.connect()
        user = await visit(yard.olga, yard.path)
        press(user, "Start")
        await user.should_see("Start charging at Garage left")
        choose(user, "Connector", yard.plugs[1])
        press(user, "Start charging at Garage left")
        await until(lambda: len(commands(yard)) == 1)
        press(user, "Stop")
        press(user, "Stop charging at Garage left")
        await until(lambda: len(commands(yard)) == 2)
        press(user, "Unlock")
        press(user, "Unlock at Garage left")
        await until(lambda: len(commands(yard)) == 3)
        press(user, "Restart")
        await user.should_see("A car is charging here.")
        choose(user, "How to restart", True)
        press(user, "Restart Garage left")
        await until(lambda: len(commands(yard)) == 4)
        press(user, "Availability")
        press(user, "Change Garage left")
        await until(lambda: len(commands(yard)) == 5)
        press(user, "Ask for a message")
        choose(user, "Message", "MeterValues")
        press(user, "Ask Garage left")
        await until(lambda: len(commands(yard)) == 6)
        press(user, "Read configuration")
        await until(lambda: len(commands(yard)) == 7)
    made = {kind: (connector, session, given) for kind, connector, session, given in commands(yard)}
    assert made["start"] == (yard.plugs[1], None, {"id_tag": "04A1B2C3D4E5F6"})
    assert made["stop"] == (None, yard.session, {})
    assert made["unlock"] == (yard.plugs[0], None, {})
    assert made["reset"] == (None, None, {"at_once": True})
    assert made["change_availability"] == (None, None, {"operative": False})
    assert made["trigger"] == (None, None, {"message": "MeterValues"})
    assert made["get_configuration"] == (None, None, {"keys": []})


def commands(yard: Yard) -> list[Any]:
    """What was asked for, in order."""
    c = ChargerCommand
    return yard.portal.database.ask_now(
        lambda db: [
            tuple(row)
            for row in db.execute(select(c.kind, c.connector_id, c.session_id, c.parameters).order_by(c.id))
        ]
    )


@pytest.mark.parametrize(
    ("state", "outcome", "sentence"),
    [
        (CommandState.WAITING, None, "Waiting to be sent to the charger."),
        (CommandState.ACCEPTED, "accepted", "Accepted. Waiting for the charge to begin"),
        (CommandState.DONE, "accepted", "Charging has begun."),
        (CommandState.TIMED_OUT, "accepted", "no charge began in time"),
        (CommandState.FAILED, "occupied", "The connector is occupied."),
        (CommandState.FAILED, "offline", "The charger is offline. Nothing was sent."),
    ],
)
async def test_c16_each_outcome_has_its_own_sentence(
    visit: Visit, yard: Yard, state: CommandState, outcome: str | None, sentence: str
) -> None:
    """C16: who asked, when, and what became of it; followed while the page is open."""
    user = await visit(yard.olga, yard.path)
    await user.should_see("Nothing was asked of this charger yet.")

    def add(change: Change) -> None:
        row = {
            "charger_id": yard.charger, "connector_id": yard.plugs[1], "kind": "start",
            "parameters": {"id_tag": "04A1B2C3D4E5F6"}, "state": state, "outcome": outcome,
            "asked_by": HOSTILE, "requested_at": clock.now(), "deadline": clock.now() + timedelta(hours=1),
            "finished_at": clock.now() if state in (CommandState.DONE, CommandState.FAILED) else None,
        }  # fmt: skip
        change.execute(insert(ChargerCommand), row)
        change.announce(Announcement(Topic.COMMANDS, yard.charger))

    yard.portal.database.change_now(add)
    await user.should_see(sentence)
    await user.should_see(f"by {HOSTILE}")
    assert drawn(user, "requests")["requests"][0]["what"] == "Start charging: Connector 2"
    assert "04A1B2C3D4E5F6" not in str(drawn(user, "requests"))


async def test_the_configuration_is_searched_and_changed(visit: Visit, yard: Yard) -> None:
    """C16, T62: as the charger told it last; what is secret by its name is not shown."""

    def add(change: Change) -> None:
        entries = [
            {"key": "HeartbeatInterval", "value": "300", "read_only": False},
            {"key": "NumberOfConnectors", "value": "2", "read_only": True},
            {"key": "AuthorizationKey", "value": "Sesam", "read_only": False},
            {"key": HOSTILE, "value": HOSTILE, "read_only": True},
        ]
        row = {
            "charger_id": yard.charger, "kind": "get_configuration", "parameters": {"keys": []},
            "state": CommandState.DONE, "outcome": "accepted", "answer": {"entries": entries, "unknown": []},
            "requested_at": NOW, "deadline": NOW, "answered_at": NOW, "finished_at": NOW,
        }  # fmt: skip
        change.execute(insert(ChargerCommand), row)
        change.announce(Announcement(Topic.COMMANDS, yard.charger))

    user = await visit(yard.olga, yard.path)
    await user.should_see("Its configuration was not read yet.")
    yard.portal.database.change_now(add)
    await user.should_see("4 of 4 keys")
    await user.should_not_see("Sesam")
    fill(user, "Search keys", "interval")
    await user.should_see("1 of 4 keys")
    press(user, "Change a key")
    choose(user, "Key", "HeartbeatInterval")
    fill(user, "New value", "60")
    press(user, "Change Garage left")
    await until(lambda: len(commands(yard)) == 2)
    assert commands(yard)[1] == ("set_configuration", None, None, {"key": "HeartbeatInterval", "value": "60"})


async def test_c15_a_connector_is_reserved_from_now_on(visit: Visit, yard: Yard) -> None:
    """C15: held by us before it is sent; what stands in its way is said."""
    async with gone(yard):
        await yard.connect()
        user = await visit(yard.olga, yard.path)
        for sentence in ("", "It is reserved already, until"):
            press(user, "Reserve")
            await user.should_see("Reserve at Garage left from now on")
            choose(user, "Connector", yard.plugs[1])
            choose(user, "For how long", 60)
            press(user, "Reserve at Garage left")
            if sentence:
                await user.should_see(sentence)
            else:  # the dialog goes when the request is made, which is a moment later
                await until(lambda: not any(one.value for one in dialogs(user)))
            await until(lambda: len(reservations(yard)) == 1)
    ((connector, account, length),) = reservations(yard)
    assert (connector, account, length) == (2, yard.dana, timedelta(minutes=60))


def dialogs(user: User) -> list[ui.dialog]:
    """All that were opened; those that are still open have the value true."""
    assert user.client is not None
    return [one for one in user.client.elements.values() if isinstance(one, ui.dialog)]


def reservations(yard: Yard) -> list[tuple[int | None, int, timedelta]]:
    """Connector, driver and length of each."""
    r = Reservation
    return yard.portal.database.ask_now(
        lambda db: [
            (row.connector_number, row.account_id, row.ends_at - row.starts_at)
            for row in db.execute(select(r.connector_number, r.account_id, r.starts_at, r.ends_at))
        ]
    )
