"""What whoever sets up a charger is told of connections that were refused (C2, T49, T50, T63)."""

from __future__ import annotations

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from app.charging.ocpp.refusals import KEPT, Refusals, Why
from app.simulation.charge_point import ChargePoint
from data.announcements import Announcement, Topic
from data.database import Database
from data.live import Live
from data.types import Admission
from tests.ocpp_server import ocpp_server
from tests.world import add_charger, add_site

PASSWORD = "0123456789abcdef"


async def test_a_refused_connection_is_told_with_its_reason(sqlite_database: Database) -> None:
    """C2, T49, T50, T63: unknown, no or wrong password, blocked; counted, announced, without the secret."""

    def fill(change):  # type: ignore[no-untyped-def]
        site = add_site(change)
        add_charger(change, "CP1", site=site, password=PASSWORD)
        add_charger(change, "OUT", site=site, admission=Admission.BLOCKED)

    sqlite_database.change_now(fill)
    live = Live()
    told: list[Announcement] = []
    live.listen(Topic.REFUSED, told.append)
    async with ocpp_server(sqlite_database, call_timeout=1) as server:
        stop = server.endpoint.listen(live)
        wrong = ("CP1", "wrong one of 16 b")
        tries = [("CPI", PASSWORD), ("CP1", ""), wrong, wrong, ("OUT", "")]
        for identity, password in tries:
            with pytest.raises(InvalidStatus):
                await ChargePoint(server.url, identity, password or None).connect()
        with pytest.raises(InvalidStatus):
            async with connect(f"{server.url}/{'x' * 300}", proxy=None):
                pass
        found = server.endpoint.refusals.latest
        stop()
    assert [(one.identity, one.why, one.times) for one in found[1:]] == [
        ("OUT", Why.BLOCKED, 1),
        ("CP1", Why.WRONG_PASSWORD, 2),
        ("CP1", Why.NO_PASSWORD, 1),
        ("CPI", Why.UNKNOWN, 1),
    ]
    assert found[0].identity == "x" * 60
    assert {one.address for one in found} == {"127.0.0.1"}
    assert len(told) == 6
    assert "wrong one" not in repr(found)


def test_only_so_many_are_kept() -> None:
    """C5: whoever knocks with a new name each time fills no memory."""
    refusals = Refusals()
    refusals.note("a\n\x1b[2J", "192.0.2.1", Why.UNKNOWN)
    assert refusals.latest[0].identity == "a\ufffd\ufffd[2J"
    for number in range(KEPT + 5):
        refusals.note(f"CP{number}", "192.0.2.1", Why.UNKNOWN)
    assert len(refusals.latest) == KEPT
    assert refusals.latest[0].identity == f"CP{KEPT + 4}"
