"""The console's list of sessions: filters in the address, push, and the download with its progress."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import select

from app import clock
from app.access import all_sessions
from app.access.all_sessions import Progress
from app.portal import Portal
from components import words
from components.drawn import Drawn
from components.session_list import SessionList
from data.caller import Caller
from data.database import Change
from data.models import AuditEntry
from data.queries.session_list import Wanted
from data.types import Role
from tests.app.dashboard_world import HOUR, World
from tests.conftest import Visit
from tests.waiting import until
from tests.world import NOW, add_account, add_charger

DAY = timedelta(days=1)


@pytest.fixture
def world(portal: Portal) -> Iterator[World]:
    """In the year of its sessions, which pages leave out then."""
    with clock.at(NOW):
        yield World(portal)


@pytest.fixture
def olga(world: World) -> int:
    return world.database.change_now(add_account, "Olga Operator", Role.OPERATOR)


def table(user: User) -> dict[str, Any]:
    """What the list shows."""
    assert user.client is not None
    (found,) = (one for one in user.client.elements.values() if isinstance(one, SessionList))
    (drawn,) = (one for one in found.descendants() if isinstance(one, Drawn))
    row: dict[str, Any] = drawn.values
    return row


def ids(user: User) -> list[int]:
    return [line["key"] for line in table(user)["lines"]]


async def test_filters_of_the_address_narrow_and_what_is_unknown_never_widens(
    visit: Visit, world: World, olga: int
) -> None:
    """T5: site, charger, driver, words, state and days, each alone and wrong; days are the reader's."""
    first = world.session(world.dana, NOW - 10 * DAY, energy_wh=5_000)
    second = world.session(
        world.eve, NOW - 3 * DAY, charger=world.right, energy_wh=19_000, finalized=False, flags=["clock_skew"]
    )
    third = world.begin(world.dana, id_tag="04AA")
    fourth = world.session(world.eve, NOW - DAY, account_id=None, id_tag="STRANGE")
    for query, right in (
        ("", [third, fourth, second, first]),
        (f"site={world.site}", [third, fourth, second, first]),
        ("site=77", []),
        ("site=x", []),
        (f"charger={world.right}", [second]),
        (f"driver={world.dana}", [third, first]),
        (f"driver={olga}", []),
        ("driver=-1", []),
        ("who=dana", [third, first]),
        ("who=nobody+of+this+name", []),
        (f"who=dana&driver={world.eve}", []),
        ("state=charging", [third]),
        ("state=settling", [second]),
        ("state=finalized", [fourth, first]),
        ("state=nobody", [fourth]),
        ("state=review", [second]),
        ("state=everything", []),
        ("from=2026-11-19&to=2026-11-21", [fourth, second]),
        ("from=2026-11-32", []),
        ("sort=energy", [first, fourth, second]),
        ("sort=-energy", [second, fourth, first]),
        ("sort=name", [third, fourth, second, first]),
        ("after=x", [third, fourth, second, first]),
        (f"user={world.dana}&as=1", [third, fourth, second, first]),
    ):
        user = await visit(olga, f"/admin/sessions?{query}")
        assert ids(user) == right, query


async def test_a_row_says_who_where_how_much_and_links_there(visit: Visit, world: World, olga: int) -> None:
    """Cells of a settled session, one in progress and one of nobody's; heads link to the orders there are."""
    over = world.session(world.dana, NOW - 3 * DAY, energy_wh=12_400, minutes=98, flags=["clock_skew"])
    user = await visit(olga, "/admin/sessions")
    cells = table(user)["lines"][0]["cells"]
    assert [cell["text"] for cell in cells] == [
        "Thu, Nov 19 · 13:00–14:38",
        "Dana Driver",
        "Garage left",
        "12.40 kWh",
        "1 h 38 min",
        "Finalized",
        "1",
        "",
    ]
    assert cells[-1]["meta"] == "before billing began"
    assert [cell.get("href", "") for cell in cells[:3]] == [
        f"/admin/sessions/{over}",
        f"/admin/drivers/{world.dana}",
        f"/admin/chargers/{world.left}",
    ]
    heads = {head["label"]: (head["href"], head["sorted"]) for head in table(user)["heads"]}
    assert heads["Start – end"] == ("/admin/sessions?sort=start", "descending")
    assert heads["Energy"] == ("/admin/sessions?sort=-energy", "")
    user = await visit(olga, "/admin/sessions?state=review")
    assert {head["href"] for head in table(user)["heads"] if head["label"] == "Energy"} == {""}


async def test_pages_are_links_that_keep_the_filters(
    visit: Visit, world: World, olga: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There and back: the address says where; the first page has nothing before it."""
    made = [world.session(world.dana, NOW - number * DAY) for number in range(1, 121)]
    user = await visit(olga, f"/admin/sessions?driver={world.dana}")
    await user.should_see("Only sessions of Dana Driver.")
    assert (ids(user), table(user)["previous"]) == (made[:50], "")
    following = table(user)["next"]
    assert following.startswith(f"/admin/sessions?driver={world.dana}&after=")
    user = await visit(olga, following)
    assert ids(user) == made[50:100]
    back = table(user)["previous"]
    user = await visit(olga, table(user)["next"])
    assert (ids(user), table(user)["next"]) == (made[100:], "")
    user = await visit(olga, back)
    assert (ids(user), table(user)["previous"]) == (made[:50], "")
    assert table(user)["next"] == following


async def test_p9_rows_in_progress_follow_what_chargers_say(
    visit: Visit, world: World, olga: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading changes its row without a query; an end changes its state; a new one comes."""
    monkeypatch.setattr("app.pages.admin_sessions.AT_MOST_EVERY", 0.05)
    running = world.begin(world.dana, energy_wh=1_000)
    user = await visit(olga, "/admin/sessions")
    assert table(user)["lines"][0]["cells"][3]["text"] == "1.00 kWh"
    assert table(user)["lines"][0]["cells"][0]["text"].startswith("since ")
    assert not table(user)["lines"][0]["cells"][0]["text"].endswith("–")
    world.read(running, world.dana, 1_234, power_w=7_200)
    await until(lambda: table(user)["lines"][0]["cells"][3] == {"text": "1.23 kWh", "meta": "7.2 kW"})
    world.change(running, world.dana, ended_at=NOW, energy_ended_at=NOW)
    await until(lambda: table(user)["lines"][0]["cells"][5]["text"] == "Settling")
    other = world.begin(world.eve, charger=world.right)
    await until(lambda: ids(user)[0] in (running, other) and len(ids(user)) == 2)


async def test_choosing_a_filter_changes_address_rows_and_file(visit: Visit, world: World, olga: int) -> None:
    """The list, its address and the download's link follow what is chosen."""
    world.session(world.dana, NOW - 3 * DAY)
    running = world.begin(world.eve)
    user = await visit(olga, "/admin/sessions")
    assert user.client is not None
    with user.client:
        choice = next(
            one
            for one in user.client.elements.values()
            if isinstance(one, ui.select) and one.props.get("label") == "State"
        )
        choice.value = "charging"
    await until(lambda: ids(user) == [running])
    link = next(one for one in user.client.elements.values() if "p-download" in one.classes)
    assert str(link.props["href"]).startswith("/admin/sessions.csv?state=charging&progress=")


async def test_of_very_many_chargers_a_site_is_chosen_first(visit: Visit, world: World, olga: int) -> None:
    """Choices cost a page: beyond so many chargers there are those of a chosen site, and the chosen one."""

    def many(change: Change) -> None:
        for number in range(101):
            add_charger(change, f"CP {number}", site=world.site)

    world.database.change_now(many)
    for query, offered in (("", False), (f"?charger={world.right}", True)):
        user = await visit(olga, f"/admin/sessions{query}")
        assert user.client is not None
        selects = [one for one in user.client.elements.values() if isinstance(one, ui.select)]
        assert ("Charger" in [one.props.get("label") for one in selects]) is offered


async def test_the_file_is_the_list_and_its_page_says_how_far_it_is(
    visit: Visit, world: World, olga: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T46: streamed in pieces, nothing in it a formula, its name fixed; the open page counts the rows."""
    monkeypatch.setattr(all_sessions, "PIECE", 20)
    made = [world.session(world.dana, NOW - number * HOUR * 7, minutes=30) for number in range(1, 91)]
    world.change(made[0], world.dana, id_tag='=HYPERLINK("x")')
    user = await visit(olga, f"/admin/sessions?driver={world.dana}")
    assert user.client is not None
    said: list[str] = []
    page = next(one for one in user.client.elements.values() if "p-download" in one.classes)
    told = next(
        one
        for one in user.client.elements.values()
        if isinstance(one, ui.label) and one.parent_slot is page.parent_slot
    )
    original = world.portal.all_sessions._tell

    def tell(token: str, progress: all_sessions.Progress) -> None:
        original(token, progress)
        said.append(told.text)

    monkeypatch.setattr(world.portal.all_sessions, "_tell", tell)
    answer = await user.http_client.get(str(page.props["href"]))
    assert answer.headers["content-disposition"] == 'attachment; filename="polaris-express-sessions.csv"'
    assert answer.headers["cache-control"] == "no-store"
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [int(row[0]) for row in rows[1:]] == made
    assert rows[1][5].startswith("'=HYPERLINK(")
    assert rows[1][4] == "Dana Driver"
    assert said[1] == "20 of about 94 rows sent …"
    assert said[-1] == "90 rows sent: the file is complete."
    actions = world.database.ask_now(lambda db: list(db.scalars(select(AuditEntry.action))))
    assert actions == ["sessions.csv"]


async def test_the_file_is_written_while_the_loop_goes_on_and_ends_with_its_reader(
    world: World, olga: int, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded: no more than a piece is asked for ahead; who closes the browser ends it, and that is said."""
    monkeypatch.setattr(all_sessions, "PIECE", 10)
    for number in range(1, 41):
        world.session(world.dana, NOW - number * HOUR)
    told: list[Progress] = []
    stop = portal.all_sessions.watch("t", told.append)
    caller = Caller(olga, Role.OPERATOR, actor_id=olga)
    pieces = await portal.all_sessions.csv(caller, Wanted(), words.reader("de", "Europe/Berlin"), "t")
    lines = [await anext(pieces), await anext(pieces)]
    assert lines[0].decode().startswith('\ufeff"Ladevorgang";"Standort"')
    assert lines[1].count(b"\r\n") == 10
    await pieces.aclose()  # type: ignore[attr-defined]
    assert (told[-1].ended, told[-1].whole, told[-1].sent) == (True, False, 10)
    stop()


@pytest.mark.parametrize("asked", ["site=999", "charger=999", "state=lost"])
async def test_t5_what_nobody_knows_is_named_in_the_form(visit: Visit, olga: int, asked: str) -> None:
    """T5: nothing is listed, and the form does not say that all is."""
    user = await visit(olga, f"/admin/sessions?{asked}")
    await user.should_see("Unknown")
