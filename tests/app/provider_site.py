"""The small site with an identity provider that does as it is told, and people who come in by it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import insert, select
from starlette.datastructures import QueryParams

from data.database import Database
from data.models import Account, AuditEntry, Identity
from tests.app.access_site import Site, site
from tests.providers.hostile import CLIENT, CLIENT_SECRET, Hostile, Lies, running
from tests.world import NOW

KEY = "company"
BEGIN = f"/auth/provider/{KEY}"
CALLBACK = f"{BEGIN}/callback"
ADA = {
    "sub": "person-1",
    "email": "ada@example.org",
    "email_verified": True,
    "name": "Ada Driver",
    "locale": "de-CH",
    "zoneinfo": "Europe/Zurich",
    "sid": "session-1",
}
BOB = {**ADA, "sub": "person-2", "email": "bob@example.org", "name": "Bob Driver", "sid": "session-2"}
Open = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture(scope="module")
def running_provider() -> Iterator[Hostile]:
    """The provider; its keys and its start cost more than a test."""
    with running() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: Hostile) -> Hostile:
    """The provider, honest, with Ada before it."""
    running_provider.lies = Lies()
    running_provider.person = dict(ADA)
    running_provider.asked.clear()
    return running_provider


@pytest.fixture
def opened(provider: Hostile, tmp_path: Path) -> Open:
    """``opened(database, unknown_drivers=True)``: the site with the provider, and these keys of its table."""

    @asynccontextmanager
    async def opened(
        database: Database, *, settings: dict[str, Any] | None = None, patience: float = 10, **table: Any
    ) -> AsyncIterator[Site]:
        file = tmp_path / "providers.toml"
        told = {
            "label": "Company",
            "issuer": provider.issuer,
            "client_id": CLIENT,
            "client_secret": CLIENT_SECRET,
            **table,
        }
        lines = (f"{name} = {json.dumps(value)}\n" for name, value in told.items())
        file.touch(mode=0o600)
        file.write_text(f"[{KEY}]\n" + "".join(lines))
        options = {"identity_providers": str(file), **(settings or {})}
        async with site(database, patience=patience, **options) as made:
            yield made

    return opened


async def begun(browser: httpx.AsyncClient, **query: str) -> str:
    """The provider's address that the browser is sent to."""
    answer = await browser.get(BEGIN, params=query, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 303, answer.text[:300]
    return answer.headers["location"]


async def back(browser: httpx.AsyncClient, query: QueryParams) -> str:
    """Where the browser is sent after it came back with *query*."""
    answer = await browser.get(f"{CALLBACK}?{query}", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 303, answer.text[:300]
    assert "no-store" in answer.headers["cache-control"]
    return answer.headers["location"]


async def sign_in(browser: httpx.AsyncClient, provider: Hostile, **query: str) -> str:
    """There and back; where that leads."""
    return await back(browser, await provider.visit(await begun(browser, **query)))


async def said(browser: httpx.AsyncClient, address: str) -> str:
    """The page at *address*."""
    answer = await browser.get(address)
    assert answer.status_code == 200, answer.headers.get("location")
    return answer.text.replace("&#x27;", "'")


def path(address: str) -> str:
    """Without the query."""
    return urlsplit(address).path


async def link(here: Site, account_id: int, issuer: str, subject: str = "person-1") -> None:
    """Let *subject* sign in to the account."""
    row = {"provider": KEY, "issuer": issuer, "subject": subject, "created_at": NOW, "last_used_at": NOW}
    await here.database.change(
        lambda change: change.execute(insert(Identity), {**row, "account_id": account_id})
    )


async def accounts(here: Site) -> list[tuple[str, str]]:
    """Name and role of each account, in the order they were made."""
    rows = await here.database.ask(
        lambda db: db.execute(select(Account.name, Account.role).order_by(Account.id)).all()
    )
    return [(row.name, row.role.value) for row in rows]


async def identities(here: Site) -> list[tuple[int, str]]:
    """Account and subject of each identity."""
    rows = await here.database.ask(
        lambda db: db.execute(select(Identity.account_id, Identity.subject).order_by(Identity.id)).all()
    )
    return [(row.account_id, row.subject) for row in rows]


async def audit(here: Site) -> list[tuple[str, int | None, str]]:
    """Action, account and actor's name of each row."""
    columns = AuditEntry.action, AuditEntry.subject_id, AuditEntry.actor_name
    rows = await here.database.ask(lambda db: db.execute(select(*columns).order_by(AuditEntry.id)).all())
    return [(row.action, row.subject_id, row.actor_name) for row in rows]
