"""The console's page of one charger: what it shows and follows, and what of it is edited (T50, T63)."""

from __future__ import annotations

from datetime import timedelta

import httpx
import nicegui
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import insert, update

from app import clock
from app.access.passwords import matches
from app.portal import Portal
from data.announcements import Announcement, Topic
from data.database import Change
from data.models import Charger, CheckIn, Connector, Site
from data.queries.check_ins import slot_of
from data.types import Admission, ConnectorStatus
from tests.app.charger_yard import HOSTILE, Visit, Yard, choose, drawn, gone, yard
from tests.app.test_admin_people import fill, press
from tests.waiting import until
from tests.world import NOW

__all__ = ["yard"]


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
