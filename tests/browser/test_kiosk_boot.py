"""A screen that was booted before the server (K6), as docs/kiosk.md has it: the launcher, a plain Chromium.

What is on the screen is known from its pixels and from what the portal was told; nothing drives the browser.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from app import clock
from app.access import tokens
from app.serve import free_port
from data.database import Change
from data.models import Display, Pairing
from tests.browser.launcher import children, launched
from tests.browser.server import Server
from tests.browser.virtual_screen import VirtualScreen, require, virtual_screen
from tests.browser.waiting import until
from tests.world import add_charger, add_site

UP = 60.0
"""Seconds after the server's start within which the right page is on the screen (K6); a few are enough here,
however busy the machine is."""
BROWSER = 60.0
"""Seconds that a browser may take to be there at all."""


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[VirtualScreen]:
    require()
    (tmp_path / "screen").mkdir()
    with virtual_screen(tmp_path / "screen") as screen:
        yield screen


def test_an_unpaired_screen_that_was_there_first_shows_its_code(
    server: Server, screen: VirtualScreen, tmp_path: Path
) -> None:
    """K6, K1: the code of the page's own row in the database is what a reader sees on the screen."""
    server.port = free_port("127.0.0.1", 0)
    with launched(tmp_path, screen, server.url):
        until(lambda: not screen.picture().is_dark, BROWSER)  # it says what it waits for
        server.start()
        began = time.monotonic()

        def code() -> str | None:
            return server.database.ask_now(lambda db: db.execute(select(Pairing.code)).scalar())

        shown = until(code, UP)
        until(lambda: [text for text in screen.picture().codes() if shown in text], UP)
        assert time.monotonic() - began < UP
        assert screen.picture().codes()[0].startswith(server.url)


def test_a_screen_with_a_start_address_shows_its_board(
    server: Server, screen: VirtualScreen, tmp_path: Path
) -> None:
    """K6, K2; and nobody on that computer reads its token from the list of processes."""
    token = tokens.new()

    def fill(change: Change) -> None:
        site = add_site(change)
        add_charger(change, site=site, seen=clock.now())
        row = {
            "site_id": site,
            "name": "Entrance",
            "token_hash": tokens.hashed(tokens.new()),
            "address_hash": tokens.hashed(token),
            "created_at": clock.now(),
        }
        change.execute(insert(Display), row)

    server.database.change_now(fill)
    server.port = free_port("127.0.0.1", 0)
    server.settings["public_url"] = server.url  # /healthz is closed then: its 404 is a sign of life
    token_file = tmp_path / "token"
    token_file.write_text(token + "\n")
    with launched(tmp_path, screen, server.url, token_file) as launcher:
        until(lambda: not screen.picture().is_dark, BROWSER)
        server.start()
        began = time.monotonic()

        def heard() -> object:
            return server.database.ask_now(
                lambda db: db.execute(select(Display.last_seen_at, Display.width, Display.height)).one()
            )

        until(lambda: heard()[0], UP)  # type: ignore[index]
        until(lambda: server.url in screen.picture().codes(), UP)
        assert time.monotonic() - began < UP
        # The screen, and a pixel more each way; the window may still have been on its way to it.
        until(lambda: heard()[1:] == (1281, 721), UP)  # type: ignore[index]
        told = [" ".join(process.cmdline()) for process in children(launcher)]
        assert any("chromium" in line for line in told)
        assert not [line for line in told if token in line]
        assert oct((tmp_path / "run" / "start.html").stat().st_mode)[-3:] == "600"

        # Its page crashes, which no page can heal: the launcher has it loaded anew.
        before = loads(tmp_path)
        for process in children(launcher):
            if "--type=renderer" in process.cmdline():
                process.kill()
        crashed = clock.now()
        until(lambda: loads(tmp_path) > before, UP)
        until(lambda: heard()[0] > crashed, UP)  # type: ignore[index]
        until(lambda: server.url in screen.picture().codes(), UP)
        assert launcher.poll() is None


def loads(folder: Path) -> int:
    """How often the launcher had the page loaded anew."""
    return (folder / "launcher.log").read_text().count("the page is loaded anew")
