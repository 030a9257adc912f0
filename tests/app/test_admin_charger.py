"""The console's page of one charger: what it shows and follows, and what is done there (C16, T63)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import nicegui
import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import insert, select, update
from starlette.websockets import WebSocket

from app import clock
from app.access.passwords import matches
from app.charging.ocpp.desk import Desk
from app.charging.ocpp.line import Connection, Line, Pace
from app.portal import Portal
from components.drawn import Drawn
from data.announcements import Announcement, Topic
from data.database import Change
from data.models import AuditEntry, Charger, ChargerCommand, CheckIn, Connector, Reservation, Site
from data.queries.check_ins import slot_of
from data.types import Admission, CommandState, ConnectorStatus, Role
from tests.app.test_admin_people import fill, press
from tests.waiting import until
from tests.world import NOW, add_account, add_charger, add_driver, add_session, add_site

Visit = Callable[..., Awaitable[User]]
HOSTILE = "<img src=x onerror=alert(1)> {{constructor.constructor('alert(1)')()}}"


class Yard:
    """An operator, and a charger with two connectors, at one of which somebody charges."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.olga = portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR)
        self.charger, self.plugs, self.dana, self.session = portal.database.change_now(self._fill)

    def _fill(self, change: Change) -> tuple[int, list[int], int, int]:
        site = add_site(change)
        add_site(change, "Second site")
        charger = add_charger(
            change, "CP-1", site=site, name="Garage left", connectors=2, vendor="Acme", model="Wall 22",
            firmware="1.2.3", protocol="ocpp1.6", password="x" * 20, clock_skew=95,
        )  # fmt: skip
        plugs = list(change.execute(select(Connector.id).order_by(Connector.number)).scalars())
        change.execute(
            update(Connector).where(Connector.id == plugs[0]).values(status=ConnectorStatus.CHARGING)
        )
        dana = add_driver(change, tag="04A1B2C3D4E5F6")
        session = add_session(
            change, charger=charger, connector=plugs[0], account=dana, minutes=30, ended=False,
            started_at=NOW - timedelta(minutes=30), energy_wh=12_460, power_w=7_400,
        )  # fmt: skip
        return charger, plugs, dana, session

    @property
    def path(self) -> str:
        return f"/admin/chargers/{self.charger}"

    def one(self, column: Any, *where: Any) -> Any:
        return self.portal.database.ask_now(lambda db: db.execute(select(column).where(*where)).scalar_one())

    def actions(self) -> list[str]:
        return self.portal.database.ask_now(lambda db: list(db.scalars(select(AuditEntry.action))))

    async def connect(self) -> Line:
        """A line as the endpoint keeps it while the charger is connected; this one never answers."""

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            pass

        socket = WebSocket({"type": "websocket", "headers": [], "path": "/"}, receive, send)
        await socket.accept()
        line = Line(self.charger, Pace(10, 200))
        desk = Desk(self.charger, "CP-1", "UTC", False, 300, self.portal.sessions, self.portal.presence)
        line.connection = Connection(socket, "ocpp1.6", desk, None, line.log)
        self.portal.endpoint._lines[self.charger] = line
        return line


@pytest.fixture
def yard(portal: Portal) -> Yard:
    return Yard(portal)


@asynccontextmanager
async def gone(yard: Yard) -> AsyncIterator[None]:
    """The line is taken away again before the portal closes it."""
    try:
        yield
    finally:
        yard.portal.endpoint._lines.pop(yard.charger, None)


def drawn(user: User, key: str) -> dict[str, Any]:
    """The values of the piece that has *key*."""
    assert user.client is not None
    for element in user.client.elements.values():
        if isinstance(element, Drawn) and element.values and key in element.values:
            values: dict[str, Any] = element.values
            return values
    raise AssertionError(f"nothing drawn has {key}")


async def test_facts_connectors_and_what_runs_there(visit: Visit, yard: Yard, portal: Portal) -> None:
    """P7, P9: the live figure follows a reading by push alone; the page follows what happens."""
    with clock.at(NOW):
        user = await visit(yard.olga, yard.path)
        facts = {name: value for name, value, _ in drawn(user, "facts")["facts"]}
        assert facts["OCPP address"].endswith("/ocpp/CP-1")
        assert (facts["Vendor and model"], facts["Firmware"], facts["Protocol"]) == (
            "Acme Wall 22",
            "1.2.3",
            "OCPP 1.6",
        )
        assert facts["Its clock"] == "1 min ahead"
        await user.should_see("Connector 1 · Type 2 · 22 kW")
        await user.should_see("12.46 kWh · 7.4 kW")
        await user.should_see("Dana Driver")
        await user.should_see("Session")
        reading = Announcement(
            Topic.READING,
            yard.dana,
            {
                "session_id": yard.session, "energy_wh": 13_000, "power_w": 11_000, "power_derived": False,
                "reading_at": NOW + timedelta(seconds=30), "cost": None, "currency": None,
            },
        )  # fmt: skip
        portal.live.announce([reading])
        await user.should_see("13.00 kWh · 11.0 kW")

        def fault(change: Change) -> None:
            change.execute(
                update(Connector)
                .where(Connector.id == yard.plugs[1])
                .values(status=ConnectorStatus.FAULTED, error_code="GroundFailure", info="0x17")
            )
            change.announce(Announcement(Topic.CHARGERS, yard.charger))

        portal.database.change_now(fault)
        await user.should_see("ground failure (GroundFailure) · 0x17")
        await user.should_see("It reports a fault: ground failure (GroundFailure).")
        await user.should_see("13.00 kWh")


async def test_t2_only_a_charger_has_a_page(visit: Visit, yard: Yard) -> None:
    """T2, P2: unknown and malformed ids, and everything for those who are no operator."""
    transport = httpx.ASGITransport(nicegui.core.app)
    headers = {"accept": "text/html"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        sign_ins = yard.portal.sign_ins
        client.cookies.set(sign_ins.cookie, await sign_ins.issue(yard.olga))
        for one in ("0", "-1", "x", "4711", "2147483648", "9" * 400, "1.0", "١", "%00"):
            assert (await client.get(f"/admin/chargers/{one}")).status_code == 404, one
        assert (await client.get(yard.path)).status_code == 200
        client.cookies.set(sign_ins.cookie, await sign_ins.issue(yard.dana))
        assert (await client.get(yard.path)).status_code == 404


async def test_name_site_and_who_sees_it_are_edited(visit: Visit, yard: Yard) -> None:
    user = await visit(yard.olga, yard.path)
    press(user, "Edit charger")
    await user.should_see("Edit Garage left")
    fill(user, "Name", "")
    press(user, "Save")
    await until(lambda: yard.actions() == [])
    fill(user, "Name", "Garage 1")
    assert user.client is not None
    box = [one for one in user.client.elements.values() if isinstance(one, ui.checkbox)][-1]
    box.set_value(False)
    press(user, "Save")
    await user.should_see("no driver")
    assert yard.one(Charger.name) == "Garage 1"
    assert yard.one(Charger.visible_to_all) is False
    assert yard.actions() == ["charger.edit"]


async def test_a_connector_is_edited(visit: Visit, yard: Yard) -> None:
    user = await visit(yard.olga, yard.path)
    assert user.client is not None
    buttons = [
        one
        for one in user.client.elements.values()
        if isinstance(one, ui.button) and one.props.get("aria-label") == "Edit: connector 2"
    ]
    with user.client:
        for listener in buttons[0]._event_listeners.values():
            nicegui.events.handle_event(
                listener.handler,
                nicegui.events.GenericEventArguments(sender=buttons[0], client=user.client, args=None),
            )
    await user.should_see("Connector 2 of Garage left")
    power = [one for one in user.client.elements.values() if isinstance(one, ui.number)][-1]
    power.set_value(3.7)
    press(user, "Save")
    await user.should_see("Connector 2 · Type 2 · 3.7 kW")
    assert yard.one(Connector.max_power_w, Connector.id == yard.plugs[1]) == 3_700


async def test_a_new_password_is_shown_once(visit: Visit, yard: Yard) -> None:
    """T50: asked before, for the charger stays away with the old one; with address and QR code."""
    before = yard.one(Charger.password_hash)
    user = await visit(yard.olga, yard.path)
    press(user, "New password")
    press(user, "Make a new password for Garage left")
    await user.should_see("The new password of Garage left")
    assert yard.one(Charger.password_hash) != before
    assert user.client is not None
    values = [one.value for one in user.client.elements.values() if isinstance(one, ui.input)]
    assert any(str(value).endswith("/ocpp/CP-1") for value in values)
    assert any(isinstance(value, str) and len(value) == 22 for value in values)
    assert any(
        one.props.get("class") == "p-qr" or "p-qr" in one.classes for one in user.client.elements.values()
    )
    assert yard.actions() == ["charger.password"]


async def test_c2_a_pending_charger_is_accepted_and_a_known_one_blocked(visit: Visit, yard: Yard) -> None:
    yard.portal.database.change_now(
        lambda change: change.execute(update(Charger).values(admission=Admission.PENDING, password_hash=None))
    )
    user = await visit(yard.olga, yard.path)
    await user.should_see("Waiting to be accepted")
    await user.should_see("Accept the charger first.")
    press(user, "Accept")
    await user.should_see("whoever knows its identity could connect in its name")
    box(user, "Make a password for it and show it once").set_value(False)
    press(user, "Accept Garage left")
    await until(lambda: yard.one(Charger.admission) is Admission.ACCEPTED)
    await user.should_not_see("Waiting to be accepted")
    assert yard.one(Charger.password_hash) is None  # it was said not to
    press(user, "Block")
    press(user, "Block Garage left")
    await user.should_see("It is blocked")
    assert yard.one(Charger.admission) is Admission.BLOCKED
    press(user, "Remove")
    press(user, "Remove Garage left")
    await until(lambda: "charger.block" in yard.actions())
    assert yard.one(Charger.name) == "Garage left"  # it has sessions


async def test_t50_whoever_is_accepted_gets_a_password_on_the_way(visit: Visit, yard: Yard) -> None:
    """T50: shown once, with the address; and one that has one is accepted as it is, with nothing asked."""
    portal = yard.portal
    new = {"admission": Admission.PENDING, "password_hash": None}
    portal.database.change_now(lambda change: change.execute(update(Charger).values(new)))
    user = await visit(yard.olga, yard.path)
    press(user, "Accept")
    await user.should_see("whoever knows its identity could connect in its name")
    press(user, "Accept Garage left")
    await user.should_see("The new password of Garage left")
    assert yard.one(Charger.admission) is Admission.ACCEPTED
    assert user.client is not None
    values = [str(one.value) for one in user.client.elements.values() if isinstance(one, ui.input)]
    assert any(value.endswith("/ocpp/CP-1") for value in values)
    hashed = yard.one(Charger.password_hash)
    assert any(len(value) == 22 and matches(hashed, value) for value in values)
    assert sorted(yard.actions()) == ["charger.accept", "charger.password"]
    portal.database.change_now(
        lambda change: change.execute(update(Charger).values(admission=Admission.BLOCKED))
    )
    user = await visit(yard.olga, yard.path)
    press(user, "Accept")
    await until(lambda: yard.one(Charger.admission) is Admission.ACCEPTED)
    assert yard.one(Charger.password_hash) == hashed


def box(user: User, words: str) -> ui.checkbox:
    """The box to tick that says *words*."""
    assert user.client is not None
    return next(
        one for one in user.client.elements.values() if isinstance(one, ui.checkbox) and one.text == words
    )


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


def choose(user: User, label: str, value: Any) -> None:
    """Choose *value* in the last select called *label*."""
    assert user.client is not None
    found = [
        one
        for one in user.client.elements.values()
        if isinstance(one, (ui.select, ui.radio))
        and label in (one.props.get("label"), one.props.get("aria-label"))
    ]
    found[-1].set_value(value)


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


async def test_the_strip_of_check_ins(visit: Visit, yard: Yard) -> None:
    """C4: silence is what has no check-in; also told in words."""
    monday = NOW - timedelta(days=7)

    def add(change: Change) -> None:
        silent = {slot_of(NOW) - 20, slot_of(NOW) - 19, slot_of(NOW) - 100}
        rows = [
            {"charger_id": yard.charger, "slot": slot}
            for slot in range(slot_of(monday), slot_of(NOW) + 1)
            if slot not in silent
        ]
        change.execute(insert(CheckIn), rows)

    yard.portal.database.change_now(add)
    with clock.at(NOW):  # Sunday noon, 13:00 in Berlin
        user = await visit(yard.olga, yard.path)
        strip = drawn(user, "days")
        assert [len(day["cells"]) for day in strip["days"]] == [48] * 7
        assert strip["gaps"] == ["Sun, Nov 22: offline 03:00–04:00", "Fri, Nov 20: offline 11:00–11:30"]
        assert strip["told"] == "Offline for 1 h 30 min in all."
        assert "Fri, Nov 20: offline 11:00–11:30" in strip["label"]
        assert strip["days"][-1]["cells"][27:] == ("unknown",) * 21


async def test_t63_messages_are_shown_without_tags_filtered_and_followed(visit: Visit, yard: Yard) -> None:
    """T63, T41: live while the page is open; the log is this process's own, since its start."""
    async with gone(yard):
        log = (await yard.connect()).log
        log.add('[2,"1","Authorize",{"idTag":"04A1B2C3D4E5F6"}]', sent=False)
        log.add('[3,"1",{"idTagInfo":{"status":"Accepted"}}]', sent=True)
        user = await visit(yard.olga, yard.path)
        await user.should_see("The last 500 frames since the portal started at")
        await user.should_see("2 of 2 messages")
        frames = drawn(user, "frames")["frames"]
        assert [frame[4:] for frame in map(list, frames)] == [
            ["result", "Authorize: answer", "1", '{"idTagInfo":{"status":"Accepted"}}', ""],
            ["call", "Authorize", "1", '{"idTag":"04…F6"}', ""],
        ]
        log.add('[2,"2","StatusNotification",{"info":"' + HOSTILE.replace('"', "'") + '"}]', sent=False)
        await user.should_not_see("onerror=alert(1)")
        follow = next(one for one in user.client.elements.values() if isinstance(one, ui.switch))
        assert follow.value is False, "nothing moves unasked"
        with user.client:
            follow.set_value(True)
        await user.should_see("onerror=alert(1)")
        fill(user, "Search in messages", "statusnotification")
        await user.should_see("1 of 1 messages")
        fill(user, "Search in messages", "")
        choose(user, "Direction", "sent")
        await user.should_see("1 of 1 messages")
        await user.should_not_see("onerror")


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


async def test_t41_hostile_words_are_text(visit: Visit, yard: Yard) -> None:
    """T41: whatever a charger says of itself."""

    def set_(change: Change) -> None:
        change.execute(
            update(Charger).values(
                name=HOSTILE, vendor=HOSTILE, model="m", serial_number=HOSTILE, firmware=HOSTILE, protocol="x"
            )
        )
        change.execute(update(Connector).values(type="<b>", error_code="<i>", info=HOSTILE))
        change.execute(update(Site).where(Site.name == "Harbour car park").values(name=HOSTILE))

    yard.portal.database.change_now(set_)
    user = await visit(yard.olga, yard.path)
    facts = [value for _, value, _ in drawn(user, "facts")["facts"]]
    assert facts.count(HOSTILE) == 3
    press(user, "Block")
    await user.should_see(f"Block {HOSTILE}")


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
