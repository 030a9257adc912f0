"""A browser without a window: it keeps its cookie, fetches pages and posts their forms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import nicegui
from sqlalchemy import select, update
from starlette.requests import Request
from starlette.responses import Response

from app import clock
from app.portal import Portal
from data.models import AuditEntry, SignIn
from data.types import HowSignedIn

ORIGIN = "http://127.0.0.1"
WHY = "Ticket 4711: bill looks wrong"


class Window:
    """Made by `window`."""

    def __init__(self, portal: Portal, http: httpx.AsyncClient) -> None:
        self.portal = portal
        self.http = http

    @property
    def token(self) -> str | None:
        """What its cookie holds."""
        return self.http.cookies.get(self.portal.sign_ins.cookie)

    def request(self) -> Request:
        """A request of its own, for services that take one."""
        cookie = f"{self.portal.sign_ins.cookie}={self.token}" if self.token else ""
        return Request(
            {
                "type": "http",
                "path": "/",
                "headers": [(b"cookie", cookie.encode())],
                "client": ("127.0.0.1", 1),
            }
        )

    async def enter(self, account: int, how: HowSignedIn = HowSignedIn.PASSWORD, **options: Any) -> int:
        """Sign *account* in beside who is here; its sign-in's id."""
        response = Response()
        await self.portal.sign_ins.enter(self.request(), response, account, how, **options)
        value = response.headers["set-cookie"].partition("=")[2].partition(";")[0]
        self.http.cookies.set(self.portal.sign_ins.cookie, value, domain="127.0.0.1", path="/")
        return (await self.ids())[account]

    async def ids(self) -> dict[int, int]:
        """The sign-in of each account that is signed in here."""
        here = await self.portal.sign_ins.at_browser(self.request())
        return {one.account_id: one.sign_in_id for one in here}

    async def get(self, path: str, status: int = 200) -> str:
        """The page at *path*; for 303 where it leads."""
        answer = await self.http.get(path)
        assert answer.status_code == status, (answer.status_code, answer.text[:300])
        return answer.headers["location"] if status == 303 else answer.text

    async def post(self, path: str, status: int = 303, **fields: object) -> str:
        """Post a form; where its answer leads, or the answer itself if it is not a redirect."""
        answer = await self.http.post(path, data={name: str(value) for name, value in fields.items()})
        assert answer.status_code == status, (answer.status_code, answer.text[:300])
        return answer.headers["location"] if status == 303 else answer.text

    async def act(self, driver: int) -> None:
        """Act as *driver*; an operator is signed in."""
        assert await self.post("/auth/acting/begin", driver_id=driver, reason=WHY) == "/"

    async def audit(self) -> list[str]:
        """The actions in the audit log, in the order they happened."""
        return await self.portal.database.ask(
            lambda db: list(db.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
        )

    async def age(self, sign_in_id: int, by: timedelta) -> None:
        """Let the last proof of who somebody is be *by* old."""
        row = update(SignIn).where(SignIn.id == sign_in_id).values(fresh_at=clock.now() - by)
        await self.portal.database.change(lambda change: change.execute(row))
        self.portal.sign_ins._forget()


@asynccontextmanager
async def window(portal: Portal) -> AsyncIterator[Window]:
    """A window on *portal*; nobody is signed in."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(nicegui.core.app),
        base_url=ORIGIN,
        headers={"origin": ORIGIN, "accept": "text/html"},
    ) as http:
        yield Window(portal, http)
