"""Chargers from a file that is chosen in the browser: the dry run, its limits, and hostile files."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from nicegui.testing.user import User
from sqlalchemy import func, select

from app import clock
from app.access import uploads
from app.operating.kept_tables import AT_MOST, KEPT, KeptTables
from app.portal import Portal
from data.database import Change
from data.models import Charger, SignIn
from data.types import Role
from tests import world
from tests.app.access_site import Server
from tests.app.test_admin_people import press
from tests.app.window import Window, window

Visit = Callable[..., Awaitable[User]]
PAGE = "/admin/chargers/import"
POST = PAGE + "/file"
TABLE = "identity,name\nGARAGE-1,Größe 1 € left\nGARAGE 2,blank within\n"


@pytest.fixture
async def here(portal: Portal) -> AsyncIterator[Window]:
    """A window of an operator's, with one site to add chargers to."""

    def fill(change: Change) -> int:
        world.add_site(change, "North")
        return world.add_account(change, "Olga Operator", Role.OPERATOR)

    olga = portal.database.change_now(fill)
    async with window(portal) as made:
        await made.enter(olga)
        yield made


async def send(here: Window, content: bytes, **fields: str) -> str:
    """Where the answer to a form with this file leads."""
    answer = await here.http.post(POST, data=fields, files={"file": ("fleet.csv", content, "text/csv")})
    assert answer.status_code == 303, (answer.status_code, answer.text[:200])
    return str(answer.headers["location"])


def known(portal: Portal) -> int:
    """How many chargers there are."""
    return portal.database.ask_now(lambda db: db.scalar(select(func.count(Charger.id))) or 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
async def test_a_chosen_file_leads_to_the_same_dry_run(here: Window, portal: Portal, encoding: str) -> None:
    """Line by line, in the encodings that spreadsheets write; looking writes nothing."""
    leads_to = await send(here, TABLE.replace("\n", "\r\n").encode(encoding))
    assert re.fullmatch(re.escape(PAGE) + r"\?file=[\w-]{22}", leads_to)
    page = await here.get(leads_to)
    assert "Größe 1 € left" in page
    assert "1 new charger · 1 line is wrong and is left out" in page
    assert known(portal) == 0


@pytest.mark.parametrize(
    ("content", "problem", "sentence"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "no_text", "Save the table as CSV"),
        ("identity\nA".encode("utf-16"), "no_text", "Save the table as CSV"),
        (b"A,\x81\x9d", "no_text", "Save the table as CSV"),
        (b"", "nothing", "There is nothing in this file."),
        (b" \r\n", "nothing", "There is nothing in this file."),
        (b"A\n" * 1_500_000, "too_large", "larger than 2 MB"),
    ],
    ids=["workbook", "utf-16", "neither", "empty", "blank", "large"],
)
async def test_a_file_that_is_none_is_told_so(
    here: Window, content: bytes, problem: str, sentence: str
) -> None:
    leads_to = await send(here, content)
    assert leads_to == f"{PAGE}?problem={problem}"
    assert sentence in await here.get(leads_to)


async def test_t35_a_file_has_an_end(here: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    """T35: beyond what is read to its end the door says 413; nothing is ever written to the disk."""

    def no_file(*_: Any, **__: Any) -> Any:
        raise AssertionError("a file on the disk")

    monkeypatch.setattr(tempfile, "_TemporaryFileWrapper", no_file)
    monkeypatch.setattr(tempfile, "TemporaryFile", no_file)
    large = await here.http.post(POST, files={"file": ("x", b"A" * (uploads.STILL_READ + 1))})
    assert large.status_code == 413
    most = TABLE.encode().ljust(uploads.LARGEST - 1_000, b"\n")
    assert "?file=" in await send(here, most)


async def test_t37_no_other_site_and_no_other_account_sends_one(here: Window, portal: Portal) -> None:
    """T37, P3: another site's form, another encoding, a page of another sign-in, a driver."""
    file = {"file": ("a.csv", TABLE.encode())}
    for headers, status in (
        ({"origin": "http://evil.example"}, 403),
        ({"origin": ""}, 403),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "text/csv"}, 415),
    ):
        answer = await here.http.post(POST, files=file, headers=headers)
        assert answer.status_code == status, headers
    dana = portal.database.change_now(lambda change: world.add_driver(change, "Dana Driver"))
    theirs = await here.enter(dana)
    assert (await here.http.post(POST, files=file)).status_code == 404
    (olga,) = {one for one in await here.ids() if one != dana}
    own = await here.enter(olga)
    assert await send(here, TABLE.encode(), drawn_for=str(theirs)) == "/switch?problem=other-account"
    assert "?file=" in await send(here, TABLE.encode(), drawn_for=str(own))
    here.http.cookies.clear()
    assert (await send(here, TABLE.encode())).startswith("/sign-in")


async def test_t7_a_file_that_is_held_open_has_the_rights_of_its_end(here: Window, portal: Portal) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nA\r\n--x--\r\n'
    async with Server() as server:
        for is_ended, end in ((False, PAGE), (True, "/sign-in")):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            head = (
                f"POST {POST} HTTP/1.1\r\nHost: {server.host}\r\nOrigin: http://{server.host}\r\n"
                f"Cookie: {portal.sign_ins.cookie}={here.token}\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body[:7])
            await writer.drain()
            await asyncio.sleep(0.2)  # the server waits for the rest by now
            if is_ended:
                await portal.sign_ins._end(SignIn.id > 0)
            writer.write(body[7:])
            answer = (await reader.read()).decode()
            writer.close()
            assert [one.partition("?")[0] for one in re.findall(r"(?im)^location: (\S+)", answer)] == [end]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x; charset=punycode", b"--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nA\r\n--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nA\r\n' * 2
            + b"--x--\r\n",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + b"A" * 5_000 + b"\r\n--x--\r\n",
        ),
        ("multipart/form-data; boundary=x", b"\xff" * 500),
    ],
    ids=["no-boundary", "charset", "other-boundary", "no-name", "two-files", "long-field", "bytes"],
)
async def test_t41_a_body_that_no_browser_sends_is_no_error(here: Window, kind: str, body: bytes) -> None:
    answer = await here.http.post(POST, content=body, headers={"content-type": kind})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{PAGE}?problem=no_text"


async def test_t2_what_somebody_sent_is_nobody_else_s(here: Window, portal: Portal) -> None:
    """T2: another operator who has the address sees no table; nor does anybody after half an hour."""
    leads_to = await send(here, TABLE.encode())
    otto = portal.database.change_now(
        lambda change: world.add_account(change, "Otto Operator", Role.OPERATOR)
    )
    async with window(portal) as theirs:
        await theirs.enter(otto)
        assert "The file is here no more" in await theirs.get(leads_to)
    assert "GARAGE-1" in await here.get(leads_to)


def test_tables_are_kept_for_a_while_and_not_many() -> None:
    """Three for each operator: one more replaces the oldest; an age of half an hour is the last."""
    kept = KeptTables()
    first = kept.keep(1, "one")
    assert (kept.of(1, first), kept.of(2, first), kept.of(1, "other")) == ("one", None, None)
    second = kept.keep(1, "two")
    assert (kept.of(1, first), kept.of(1, second)) == ("one", "two")
    kept.keep(1, "three")
    kept.keep(1, "four")
    assert (kept.of(1, first), kept.of(1, second)) == (None, "two")
    for account in range(2, 2 + AT_MOST):
        kept.keep(account, "more")
    assert kept.of(1, second) is None
    word = kept.keep(1, "three")
    with clock.at(clock.now() + KEPT + timedelta(seconds=1)):
        assert kept.of(1, word) is None


async def test_t41_hostile_files_are_text_and_600_chargers_are_added(visit: Visit, portal: Portal) -> None:
    """The page that a file leads to imports it, with progress; its cells are text."""
    hostile = "<img src=x onerror=alert(1)>"

    def fill(change: Change) -> int:
        world.add_site(change, "North")
        return world.add_account(change, "Olga Operator", Role.OPERATOR)

    olga = portal.database.change_now(fill)
    lines = "".join(f"FLEET-{number},{hostile}\n" for number in range(600))
    word = portal.charger_import.kept.keep(olga, f"identity,name\n{lines}")
    user = await visit(olga, f"{PAGE}?file={word}")
    await user.should_see("600 new chargers")
    press(user, "Import 600 chargers")
    await user.should_see("600 chargers were added")
    assert known(portal) == 600
