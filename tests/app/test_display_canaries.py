"""K8, T60: nothing about anybody reaches a display, whatever goes on at its site."""

from __future__ import annotations

import re

from app import clock
from app.access import tokens
from app.access.tokens import hashed
from app.portal import Portal
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.types import Role
from tests import world
from tests.app import kiosk_world
from tests.app.access_site import Server
from tests.app.screens import Screen


async def test_k8_no_message_to_a_display_is_about_anybody(portal: Portal) -> None:
    """K8, T60: no name, e-mail, tag, plate, plan, cost or id in any page or frame, while the site charges,
    reserves, fails and is put right; kWh only where the site says so.
    """
    yard = await portal.database.change(kiosk_world.build, clock.now())
    token = tokens.new()
    hung = {"site": yard.site, "token_hash": hashed(token)}
    await portal.database.change(world.add_display, **hung)
    async with Server() as server:
        screen = Screen(server, token)
        async with screen.open() as socket:
            points = await kiosk_world.charge(f"ws://{server.host}/ocpp")
            try:
                await screen.until(socket, "In use")
                await screen.until(socket, "Out of service")
                assert await portal.database.change(kiosk_world.is_going_on)
                await manage(portal, yard)
                await points[0].stop(1, 21_000, reason="EVDisconnected")
                await points[0].status(1, "Available")
                await screen.until(socket, "Bay 1(?!.*In use).*Bay 2")
                heard = "\n".join(screen.heard)
                assert "Reserved" in heard
                assert kiosk_world.found(screen.heard) == []
                assert not kiosk_world.MONEY.search(heard)
                assert not kiosk_world.ENERGY.search(heard)

                await points[0].start(1, kiosk_world.TAG, 1_000)
                await points[0].meter_values(1, 20_370)
                await portal.database.change(kiosk_world.show_energy)
                portal.live.announce([Announcement(Topic.SITES)])
                await screen.until(socket, re.escape("19.4 kWh"))
                assert kiosk_world.found(screen.heard) == []
            finally:
                for point in points:
                    await point.close()


async def manage(portal: Portal, yard: kiosk_world.Yard) -> None:
    """What operators do about people, with reasons."""
    caller = Caller(yard.olga, Role.OPERATOR, yard.olga)
    await portal.people.rename(caller, yard.driver, name="Dana Canary-Renamed", email="canary@example.org")
    await portal.people.disable(caller, yard.driver, "canary: did not pay 19.37")
    await portal.people.enable(caller, yard.driver)
