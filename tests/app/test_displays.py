"""K1–K3, T60, T61: a screen becomes a display, stays one, and loses its right."""

from __future__ import annotations

import re

from nicegui import ui
from nicegui.testing.user import User

from app.portal import Portal
from data.caller import Caller
from data.types import Role
from tests import world
from tests.conftest import Visit

CODE = re.compile(r"[2-9A-HJKMNP-Z]{4}")


async def operator(portal: Portal) -> Caller:
    """A new operator, who may pair."""
    account = await portal.database.change(world.add_account, "Olga Operator", Role.OPERATOR)
    return Caller(account, Role.OPERATOR, account)


async def code_of(user: User) -> str:
    """The code that the screen shows, once it does."""
    await user.should_see("New code in ", retries=30)
    return "".join(
        label.text
        for label in sorted(user.find(ui.label).elements, key=lambda one: one.id)
        if CODE.fullmatch(label.text)
    )


async def test_k1_a_screen_becomes_a_display(portal: Portal, visit: Visit) -> None:
    caller = await operator(portal)
    site = await portal.database.change(world.add_site)
    user = await visit(None, "/kiosk")
    code = await code_of(user)
    assert len(code) == 8
    await portal.displays.confirm(caller, code, site, "Entrance")
    await user.open("/kiosk")
    await user.should_not_see("Pair this display")
