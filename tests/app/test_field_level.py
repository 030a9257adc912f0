"""T6: what a driver is sent holds nothing of others, and of chargers only what the cards show."""

from __future__ import annotations

from datetime import timedelta

import nicegui
from sqlalchemy import update

from app.portal import Portal
from data.database import Change
from data.models import Charger
from tests.app.dashboard_world import World
from tests.conftest import Visit
from tests.world import NOW, add_plan, add_session

PATHS = (
    *("/", "/?period=year", "/account", "/switch"),
    *("/account/sessions", "/account/data.json", "/account/sessions.csv"),
)
SECRETS = (
    *("eve@example.org", "Eve Other", "EVESCARD", "EVESPLAN"),
    *("CHARGERHASH", "SERIAL77", "FIRMWARE77", "$argon2", "correct horse"),
)


async def test_a_driver_is_sent_nothing_of_others(portal: Portal, visit: Visit) -> None:
    """T2, T6: pages, what their sockets are told, and downloads; somebody else charges beside them."""
    world = World(portal)

    def fill(change: Change) -> None:
        add_plan(change, world.dana, name="DANASPLAN")
        add_plan(change, world.eve, name="EVESPLAN")
        start = NOW - timedelta(hours=3)
        for account, tag, connector in ((world.dana, "DANASCARD", 1), (world.eve, "EVESCARD", 2)):
            world_session = {"charger": world.left, "connector": connector, "account": account}
            add_session(change, started_at=start, id_tag=tag, **world_session)
        change.execute(
            update(Charger).values(
                password_hash="CHARGERHASH", serial_number="SERIAL77", firmware="FIRMWARE77"
            )
        )

    portal.database.change_now(fill)
    browser = await visit(world.dana)
    told = ""
    for path in PATHS:
        answer = await browser.http_client.get(path, headers={"accept": "*/*"})
        assert answer.status_code == 200, path
        told += answer.text
    for client in nicegui.Client.instances.values():
        told += str([element._to_dict() for element in client.elements.values()])
    assert "DANASPLAN" in told
    assert "dana@example.org" in told
    assert [secret for secret in SECRETS if secret in told] == []
