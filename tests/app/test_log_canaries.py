"""T38, T45, T63: secrets go in at the front door of the real process, and none comes out in its log."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from sqlalchemy import text

from data.database import Change
from tests import world
from tests.app.access_site import PageIds, ids
from tests.browser.server import Server
from tests.world import PASSWORD

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) [\w.]+ .+")
REQUEST = re.compile(r" request=[0-9A-F]{8}( subject=\d+ actor=\d+)?$")
PLACES = (
    *("password", "email", "cookie", "other cookie", "bearer", "basic", "code", "state", "id_token"),
    *("link", "path", "query", "client", "tab", "event", "page", "card", "charger password"),
)


@pytest.fixture
def server(tmp_path: Path, migrated_file: Path) -> Iterator[Server]:
    made = Server(tmp_path, migrated_file, log_level="debug")
    yield made
    made.close()


class Canaries:
    """Secrets of the shapes that real ones have; each is planted at one place."""

    def __init__(self) -> None:
        self.all = {place: secrets.token_urlsafe(32) for place in PLACES}
        self.all["email"] = f"canary-{secrets.token_hex(8)}@example.org"
        self.all["id_token"] = ".".join(
            base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
            for part in ('{"alg":"RS256","kid":"x"}', json.dumps({"sub": secrets.token_hex(8)}), "signature")
        )
        self.all["client"] = "0f8fad5b-d9cb-469f-a165-" + secrets.token_hex(6)
        self.all["card"] = secrets.token_hex(7).upper()
        self.all["page"] = ""

    def __getitem__(self, place: str) -> str:
        return self.all[place]

    def seen_in(self, log: str) -> list[str]:
        """The places whose secret, or most of it, stands in *log*."""
        return [
            place
            for place, one in self.all.items()
            if one and (one in log or one[4:-4] in log or one[:16] in log)
        ]


async def too_many(browser: httpx.AsyncClient, path: str, form: dict[str, str]) -> None:
    """Try until no more is allowed: many at a time, for tries come back with time."""
    for _ in range(20):
        answers = await asyncio.gather(*(browser.post(path, data=form) for _ in range(61)))
        if any(answer.status_code == 429 for answer in answers):
            return
    raise AssertionError("as often as one likes")


async def test_no_secret_reaches_the_log(server: Server) -> None:
    """T38, T63: passwords, tokens, cookies, links, cards, ids of pages; also where something fails."""
    canary = Canaries()

    def fill(change: Change) -> None:
        driver = world.add_driver(change)
        world.add_mapping(change, driver, canary["card"])
        world.add_charger(change, site=world.add_site(change), password=PASSWORD)

    server.database.change_now(fill)
    server.start()
    origin = {"origin": server.url, "accept": "text/html"}
    async with httpx.AsyncClient(base_url=server.url, headers=origin) as stranger:
        await plant(stranger, canary)
    async with httpx.AsyncClient(base_url=server.url, headers=origin) as browser:
        form = {"email": "dana@example.org", "password": PASSWORD}
        assert (await browser.post("/auth/sign-in", data=form)).status_code == 303
        own = browser.cookies["polaris"]
        page = ids((await browser.get("/")).text)
        await sockets(server, canary, page, own)
        await charger(server, canary)
        await browser.post("/auth/sign-out")
        confirm = {"password": canary["password"]}
        await asyncio.gather(*(browser.post("/auth/confirm", data=confirm) for _ in range(61)))
        await too_many(browser, "/auth/password", {"token": canary["link"], "password": "x"})
        # And now everything fails: the database's words hold what it was asked.
        for table in ("transaction_events", "browsers"):
            gone = text(f"ALTER TABLE {table} RENAME TO gone_{table}")
            server.database.change_now(lambda change, gone=gone: change.execute(gone))
        for path in ("/", f"/invitation/{canary['link']}", "/account"):
            with contextlib.suppress(httpx.HTTPError):
                await browser.get(path, headers={"cookie": f"polaris={canary['cookie']}"})
        await browser.post("/auth/sign-in", data={**form, "password": canary["password"]})
        failed = await browser.post("/auth/sign-in", data=form)
        await charger(server, canary)
    server.stop()
    log = server.output()
    assert canary.seen_in(log) == []
    for mine in (own, page.client_id, PASSWORD):
        assert mine not in log
    lines = [line for line in log.splitlines() if LINE.fullmatch(line)]
    assert [line for line in log.splitlines() if line and line not in lines][4:] == []
    # The log says what happened all the same, and an error page's reference leads to its line (T45).
    signed_in = next(line for line in lines if " signed in " in line)
    assert REQUEST.search(signed_in)
    assert any(" sign-in refused " in line and REQUEST.search(line) for line in lines)
    assert any("subject=1 actor=1" in line for line in lines)
    for said in (" sign-in ended sign_in=1 account=1 request=", " too many tries path='/auth/password' "):
        assert any(said in line for line in lines), said
    reference = re.search(r"[Rr]eference ([0-9A-F]{8})", failed.text)
    assert reference is not None
    assert any(f"request={reference[1]}" in line and " ERROR " in line for line in lines)


async def plant(stranger: httpx.AsyncClient, canary: Canaries) -> None:
    """What anybody can send by HTTP."""
    form = {"email": canary["email"], "password": canary["password"], "token": canary["link"]}
    for path in ("sign-in", "welcome", "invitation", "password", "enter", "forgot", "confirm"):
        await stranger.post(f"/auth/{path}", data=form)
    cookie = f"polaris={canary['cookie']}; __Host-polaris={canary['cookie']}; x={canary['other cookie']}"
    headers = [
        {"cookie": cookie},
        {"authorization": f"Bearer {canary['bearer']}"},
        {"authorization": "Basic " + canary["basic"]},
    ]
    query = (
        f"?code={canary['code']}&state={canary['state']}&id_token={canary['id_token']}&x={canary['query']}"
    )
    for path in (
        *("/", "/admin", "/account", "/sign-in", "/switch", "/auth/provider/x", "/no-such-page"),
        *(f"/auth/provider/x/callback{query}", f"/{query}", f"/auth/provider/{canary['path']}"),
        *(f"/{page}/{canary['link']}" for page in ("welcome", "invitation", "password", "enter", "pair")),
        *(f"/{canary['path']}", f"/_nicegui_ws/socket.io/?EIO=4&transport=polling&sid={canary['path']}"),
    ):
        for more in headers:
            await stranger.get(path, headers=more)
        await stranger.get(path, headers={"origin": "http://evil.example", "host": "evil.example"})
        await stranger.post(path, headers={"origin": "http://evil.example"})


async def sockets(server: Server, canary: Canaries, page: PageIds, token: str) -> None:
    """What a page's socket can say."""
    for client, cookie in ((page.client_id, token), (canary["client"], canary["cookie"])):
        query = f"client_id={client}&tab_id={canary['tab']}&document_id=d&next_message_id=0"
        url = f"ws://127.0.0.1:{server.port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket&{query}"
        headers = {"cookie": f"polaris={cookie}", "origin": server.url}
        with contextlib.suppress(websockets.WebSocketException):
            async with websockets.connect(
                url + "&implicit_handshake=true", additional_headers=headers
            ) as raw:
                await raw.recv()
                await raw.send("40")
                await raw.recv()
                for name in ("event", "log", "ack", "javascript_response", "handshake"):
                    for more in ({}, {"id": canary["event"]}, {"args": [canary["event"]]}):
                        message = {"client_id": client, "token": canary["event"], **more}
                        await raw.send("42" + json.dumps([name, message]))
                await raw.send('42["event",{' + canary["event"])
                await raw.recv()


async def charger(server: Server, canary: Canaries) -> None:
    """What a charger can say: the right one, and one with another password."""
    for password in (canary["charger password"], PASSWORD):
        basic = base64.b64encode(f"CP1:{password}".encode()).decode()
        with contextlib.suppress(websockets.WebSocketException, TimeoutError):
            async with websockets.connect(
                f"{server.ocpp}/CP1",
                additional_headers={"authorization": f"Basic {basic}"},
                subprotocols=[websockets.Subprotocol("ocpp1.6")],
            ) as raw:
                for action, payload in calls(canary["card"]):
                    await raw.send(json.dumps([2, action, action, payload]))
                    await raw.recv()


def calls(card: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Good and bad calls that tell a card."""
    start = {"connectorId": 1, "idTag": card, "meterStart": 0, "timestamp": "2026-11-22T12:00:00Z"}
    yield "Authorize", {"idTag": card}
    yield "Authorize", {"idTag": [card]}
    yield "StartTransaction", start
    yield "StartTransaction", {**start, "connectorId": "one"}
    yield "StartTransaction", {**start, "meterStart": card}
    yield "StopTransaction", {"transactionId": card, "idTag": card, "meterStop": 5, "timestamp": "no"}
    yield "DataTransfer", {"vendorId": "x", "data": card}
    yield card, {"idTag": card}
