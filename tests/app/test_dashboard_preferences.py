"""Settings of a driver, chosen on the dashboard (P25)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from nicegui.testing.user import User
from sqlalchemy import select

from app.pages.preferences import keeper, person
from app.portal import Portal
from components.preferences import Preferences
from data.caller import COMMAND_LINE
from data.models import Account
from data.types import Theme
from tests.app.dashboard_world import World

Visit = Callable[..., Awaitable[User]]


@pytest.fixture
def world(portal: Portal) -> World:
    return World(portal)


def stored(world: World) -> tuple[str, Theme, str]:
    row = world.database.ask_now(
        lambda db: db.execute(
            select(Account.language, Account.theme, Account.time_zone).where(Account.id == world.dana)
        ).one()
    )
    return row.language, row.theme, row.time_zone


async def choose(portal: Portal, user: User, chosen: Preferences) -> None:
    """As the settings' button does it, on the page of *user*."""
    assert user.client is not None
    request = user.client.request
    visitor = await portal.sign_ins.visitor(request)
    assert visitor is not None
    with user:
        await keeper(portal, visitor, request)(chosen)


async def test_p25_language_theme_and_zone_are_kept_on_the_account(
    portal: Portal, visit: Visit, world: World
) -> None:
    user = await visit(world.dana, "/?period=year")
    await choose(portal, user, Preferences("de", Theme.DARK, "Asia/Tokyo"))
    assert stored(world) == ("de", Theme.DARK, "Asia/Tokyo")
    await user.should_see("Asia/Tokyo")
    assert user.back_history[-1] == "/?period=year"
    again = await visit(world.dana)
    await again.should_see("Asia/Tokyo")


async def test_p25_what_does_not_exist_is_not_kept(portal: Portal, visit: Visit, world: World) -> None:
    user = await visit(world.dana)
    before = stored(world)
    await choose(portal, user, Preferences("xx", "pink", "Mars/Olympus"))  # type: ignore[arg-type]
    assert stored(world) == before


async def test_t4_whoever_is_signed_out_changes_nothing(portal: Portal, visit: Visit, world: World) -> None:
    """The right is asked for again at the click: the page may have outlived it."""
    user = await visit(world.dana)
    assert user.client is not None
    request = user.client.request
    visitor = await portal.sign_ins.visitor(request)
    assert visitor is not None
    before = stored(world)
    keep = keeper(portal, replace(visitor, id=world.eve), request)
    with user:
        await keep(Preferences("de", Theme.DARK, "Asia/Tokyo"))  # somebody else's page
    await portal.sign_ins.end_of_account(COMMAND_LINE, world.dana)
    if not user.client.is_deleted:
        with user:
            await keeper(portal, visitor, request)(Preferences("de", Theme.DARK, "Asia/Tokyo"))
    assert stored(world) == before


async def test_p25_the_account_menu_names_its_owner(portal: Portal, visit: Visit, world: World) -> None:
    user = await visit(world.dana)
    assert user.client is not None
    visitor = await portal.sign_ins.visitor(user.client.request)
    assert visitor is not None
    shown = person(visitor)
    assert (shown.name, shown.email) == ("Dana Driver", "dana@example.org")
    assert shown.preferences == Preferences("en", Theme.LIGHT, "Europe/Berlin")
    await user.should_see("Dana Driver")
