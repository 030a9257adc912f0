"""The world of the console's page of one charger: an operator, and a charger at which somebody charges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import select, update
from starlette.websockets import WebSocket

from app.charging.ocpp.desk import Desk
from app.charging.ocpp.line import Connection, Line, Pace
from app.portal import Portal
from components.drawn import Drawn
from data.database import Change
from data.models import AuditEntry, Connector
from data.types import ConnectorStatus, Role
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
