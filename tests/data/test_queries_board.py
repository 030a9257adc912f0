"""One look at the chargers for many pages, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select, update

from data.announcements import Announcement, Announcer, Topic
from data.database import Change, Database
from data.models import ChargerGroup, Connector, GroupAccount, GroupCharger
from data.queries.board import FRESH, SharedBoard
from data.queries.chargers import ChargerStatus, VisibleChargers, visible_chargers
from data.types import ConnectorStatus
from tests.world import NOW, add_charger, add_driver, add_session, add_site, key


class World:
    """Three chargers, one of them for Eve's group alone; Dana charges at the last one."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.live = Announcer()
        self.board = SharedBoard(self.live)
        self.looks = 0
        event.listen(database.engine, "before_cursor_execute", self._note)

        def fill(change: Change) -> tuple[list[int], list[int]]:
            site = add_site(change)
            drivers = [add_driver(change, name) for name in ("Dana Driver", "Eve Other", "Zoe Third")]
            chargers = [
                add_charger(change, name, site=site, name=name, visible_to_all=name != "Bay 2")
                for name in ("Bay 1", "Bay 2", "Bay 3")
            ]
            group = key(change.execute(insert(ChargerGroup), {"name": "Staff"}))
            change.execute(insert(GroupCharger), {"group_id": group, "charger_id": chargers[1]})
            change.execute(insert(GroupAccount), {"group_id": group, "account_id": drivers[1]})
            connector = change.connection.execute(
                select(Connector.id).where(Connector.charger_id == chargers[2])
            ).scalar_one()
            add_session(
                change,
                account=drivers[0],
                charger=chargers[2],
                connector=connector,
                started_at=NOW,
                ended=False,
            )
            return drivers, chargers

        self.drivers, self.chargers = database.change_now(fill)

    def _note(self, connection: object, cursor: object, statement: str, *rest: object) -> None:
        self.looks += "FROM chargers JOIN sites" in statement

    def see(self, account: int, after: timedelta = timedelta(0), search: str = "") -> VisibleChargers:
        return self.database.ask_now(self.board.seen_by, account, NOW + after, search)

    def plug_in(self, *announcements: Announcement) -> None:
        self.database.change_now(
            lambda change: change.execute(update(Connector).values(status=ConnectorStatus.CHARGING))
        )
        self.live.announce(announcements)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def test_p19_each_sees_what_they_would_see_alone(world: World) -> None:
    for search in ("", "bay 3", "2", "nothing"):
        for account in world.drivers:
            alone = world.database.ask_now(visible_chargers, account, NOW, search)
            assert world.see(account, search=search) == alone
    dana, eve, zoe = (world.see(account) for account in world.drivers)
    assert [charger.name for charger in dana.shown] == ["Bay 3", "Bay 1"]
    assert [charger.name for charger in eve.shown] == ["Bay 1", "Bay 2", "Bay 3"]
    assert [charger.mine for charger in dana.shown + eve.shown] == [True, *[False] * 4]
    assert (dana.visible, eve.visible, zoe.visible) == (2, 3, 2)


def test_many_pages_are_one_look(world: World) -> None:
    accounts = world.drivers * 20
    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(world.see, accounts))
    assert world.looks == 1
    assert len({id(one) for one in seen}) == 3  # what is the same is one object: equal without a look


@pytest.mark.parametrize("topic", [Topic.CHARGERS, Topic.SESSIONS, Topic.RESERVATIONS])
def test_p22_what_was_told_is_seen_at_once(world: World, topic: Topic) -> None:
    assert world.see(world.drivers[2]).online == 1
    world.plug_in(Announcement(topic, 1))
    assert {charger.status for charger in world.see(world.drivers[2]).shown} == {ChargerStatus.IN_USE}
    assert world.looks == 2


def test_a_look_is_shared_for_a_moment_only(world: World) -> None:
    """What another process changed without telling is seen a second later."""
    world.see(world.drivers[2])
    world.plug_in()
    assert world.see(world.drivers[2], FRESH - timedelta(microseconds=1)).online == 1
    assert world.see(world.drivers[2], FRESH).online == 0
    assert world.see(world.drivers[2], -FRESH).online == 0  # and a clock set back is no reason to wait
    assert world.looks == 3
