"""`/admin/reservations`: a day by charger, and the dialogs around it (C15, T4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import event, select

from app import clock
from app.portal import Portal
from components import words
from components.attention import _Line
from components.drawn import Drawn
from components.driver_choice import DriverChoice
from components.reservation_words import standing
from data.database import Database
from data.models import Reservation
from data.queries import reservation_day
from data.queries.matters import Kind, Matter, Matters
from data.types import Role
from tests import world
from tests.app.test_admin_people import fill, press
from tests.waiting import until

Visit = Callable[..., Awaitable[User]]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""13:00 in Berlin."""
HOUR = timedelta(hours=1)
TODAY = "/admin/reservations?day=2026-11-22"
HOSTILE = "<img src=x onerror=alert(1)>{{1+1}}"


@pytest.fixture
def noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


class Yard:
    """An operator, two drivers with a card each, two sites far from each other, three chargers."""

    def __init__(self, database: Database) -> None:
        self.database = database
        make = database.change_now
        self.olga = make(world.add_account, "Olga Operator", Role.OPERATOR)
        self.dana, self.eve = make(world.add_driver, "Dana Driver"), make(world.add_driver, "Eve Other")
        self.card = make(world.add_mapping, self.dana, "DANA-CARD-1")
        self.eves = make(world.add_mapping, self.eve, "EVE-CARD-1")
        self.here = make(world.add_site, "Harbour")
        self.there = make(world.add_site, "Zoo", "America/New_York")
        self.one = make(world.add_charger, "CP1", site=self.here, connectors=2)
        self.two = make(world.add_charger, "CP2", site=self.here)
        self.far = make(world.add_charger, "CP3", site=self.there)

    def hold(self, charger: int, starts_at: datetime, **values: Any) -> int:
        row = {"account": self.dana, "mapping": self.card, **values}
        return self.database.change_now(world.add_reservation, charger=charger, starts_at=starts_at, **row)

    def rows(self) -> list[Any]:
        found = select(
            Reservation.charger_id,
            Reservation.connector_number,
            Reservation.account_id,
            Reservation.starts_at,
            Reservation.ends_at,
            Reservation.status,
        ).order_by(Reservation.id)
        return [tuple(row) for row in self.database.ask_now(lambda db: db.execute(found).all())]


@pytest.fixture
def yard(portal: Portal) -> Yard:
    return Yard(portal.database)


def shown(user: User) -> dict[str, Any]:
    """What the calendar on *user*'s page shows."""
    assert user.client is not None
    for element in user.client.elements.values():
        if isinstance(element, Drawn) and element.values is not None and "sites" in element.values:
            return element.values
    raise AssertionError("there is no calendar")


def blocks(user: User) -> dict[str, list[tuple[str, str, str]]]:
    """Driver, times and state of each block, by charger."""
    return {
        charger["name"]: [(one["driver"], one["times"], one["state"]) for one in charger["blocks"]]
        for site in shown(user)["sites"]
        for charger in site["chargers"]
    }


def chosen(user: User, label: str) -> ui.select:
    """The last choice that is called *label*."""
    assert user.client is not None
    found = [
        one
        for one in user.client.elements.values()
        if isinstance(one, ui.select) and one.props.get("label") == label
    ]
    return found[-1]


async def test_c15_a_day_by_charger_in_each_sites_own_hours(noon: None, visit: Visit, yard: Yard) -> None:
    """C15: only what is reserved, or with a site all of its chargers; T5: what is unknown is today."""
    yard.hold(yard.one, NOW + HOUR, connector_number=1)
    yard.hold(yard.one, NOW + HOUR, connector_number=2, account=yard.eve, mapping=yard.eves)
    yard.hold(yard.far, datetime(2026, 11, 23, 3, 0, tzinfo=UTC))  # 22:00 in New York, the 23rd in Berlin
    yard.hold(yard.two, NOW + 13 * HOUR, minutes=60)  # after midnight in Berlin
    user = await visit(yard.olga, TODAY)
    assert blocks(user) == {
        "Charger CP1": [("Dana Driver", "14:00–15:30", "Booked"), ("Eve Other", "14:00–15:30", "Booked")],
        "Charger CP3": [("Dana Driver", "22:00–23:30", "Booked")],
    }
    [harbour, zoo] = shown(user)["sites"]
    assert (harbour["zone"], harbour["now"][0], zoo["now"][0]) == ("Europe/Berlin", "Now 13:00", "Now 07:00")
    [block, _] = harbour["chargers"][0]["blocks"]
    assert block["style"] == {"--left": "58.333%", "--width": "6.250%", "--lane": 0, "--room": 35.42}
    assert harbour["chargers"][0]["lanes"] == 2
    user = await visit(yard.olga, f"{TODAY}&site={yard.here}")
    assert blocks(user)["Charger CP2"] == []
    assert set(blocks(user)) == {"Charger CP1", "Charger CP2"}
    user = await visit(yard.olga, "/admin/reservations?day=2026-11-23")
    assert blocks(user) == {"Charger CP2": [("Dana Driver", "02:00–03:00", "Booked")]}
    user = await visit(yard.olga, "/admin/reservations?day=yesterday&site=' OR 1=1&reservation=-1")
    assert shown(user)["title"] == "Sunday, November 22, 2026"
    user = await visit(yard.olga, "/admin/reservations?day=2026-11-22&site=99")
    assert blocks(user) == {}  # T5: an unknown site shows nothing, and not everything
    await user.should_see("Nothing is reserved on this day.")


async def test_t5_those_of_one_driver_are_a_list(
    noon: None, portal: Portal, visit: Visit, yard: Yard
) -> None:
    """T2, T5: coming ones, in the site's own time; of what is no driver there is nothing."""
    path = f"/admin/reservations?driver={yard.dana}"
    driver = await visit(yard.olga, f"/admin/drivers/{yard.dana}")
    assert driver.client is not None
    links = [one.props.get("href") for one in driver.client.elements.values() if isinstance(one, ui.link)]
    assert path in links
    far = yard.hold(yard.far, NOW + 26 * HOUR)
    yard.hold(yard.one, NOW + HOUR, connector_number=2)
    yard.hold(yard.two, NOW - 10 * HOUR)
    yard.hold(yard.two, NOW + 3 * HOUR, status="cancelled", cancelled_at=NOW)
    eves = yard.hold(yard.two, NOW + 5 * HOUR, account=yard.eve, mapping=yard.eves)

    def listed(user: User) -> list[list[str]]:
        assert user.client is not None
        drawn = [one for one in user.client.elements.values() if isinstance(one, Drawn)]
        (lines,) = [one.values["lines"] for one in drawn if one.values and "lines" in one.values]
        return [[cell["text"] for cell in line["cells"]] for line in lines]

    user = await visit(yard.olga, path)
    await user.should_see("Reservations of Dana Driver that are not over")
    expected = [
        ["Today, 14:00–15:30", "Charger CP1", "DANA-CARD-1", "Booked"],
        ["Tomorrow, 09:00–10:30", "Charger CP3", "DANA-CARD-1", "Booked"],
    ]
    assert listed(user) == expected
    operator = (await portal.sign_ins.visitor(_request(user, portal))).caller  # type: ignore[union-attr]
    await portal.reservations.cancel(operator, far)
    await until(lambda: listed(user) == expected[:1])
    for foreign in ("99", "x", "-1", "0", f"{yard.olga}", "' OR 1=1"):
        nothing = await visit(yard.olga, f"/admin/reservations?driver={foreign}")
        await nothing.should_see("There is no such driver.")
        assert listed(nothing) == []
    user = await visit(yard.olga, f"{path}&reservation={eves}")
    await user.should_not_see("Eve Other")
    user = await visit(yard.olga, f"{path}&reservation={far + 1}")
    await user.should_see("Change…")


async def test_c15_it_follows_what_others_do_and_cancelled_ones_are_told_below(
    noon: None, portal: Portal, visit: Visit, yard: Yard
) -> None:
    user = await visit(yard.olga, TODAY)
    await user.should_see("Nothing is reserved on this day.")
    operator = (await portal.sign_ins.visitor(_request(user, portal))).caller  # type: ignore[union-attr]
    made = await portal.reservations.create(operator, yard.card, yard.two, None, NOW + HOUR, NOW + 2 * HOUR)
    await until(lambda: blocks(user) == {"Charger CP2": [("Dana Driver", "14:00–15:00", "Booked")]})
    await portal.reservations.cancel(operator, made)
    await until(lambda: blocks(user) == {})
    await user.should_see("Dana Driver · Charger CP2 · 14:00–15:00")


async def test_c15_one_is_made_in_the_sites_time_and_a_conflict_is_said_first(
    noon: None, visit: Visit, yard: Yard
) -> None:
    """C15: which reservation, whose and when, before anything is saved; times are the site's."""
    yard.hold(yard.far, datetime(2026, 11, 23, 15, 0, tzinfo=UTC), account=yard.eve, mapping=yard.eves)
    user = await visit(yard.olga, f"/admin/reservations?day=2026-11-23&site={yard.there}")
    press(user, "New reservation")
    await user.should_see("Choose a charger.")  # nobody chooses one for them
    chosen(user, "Charger").set_value(yard.far)
    await user.should_see("Times are those of Zoo (America/New_York).")
    press(user, "Reserve")
    await user.should_see("Choose a charger and a card")
    _card(user).set_value(yard.card)
    _when(user, "2026-11-23", "10:30", "2026-11-23", "12:00")
    told = "This overlaps 1 other reservation: Eve Other · Whole charger · Tomorrow, 10:00–11:30"
    await user.should_see(told)
    press(user, "Reserve")
    await until(lambda: len([one for one in _labels(user) if one == told]) == 2)  # and nothing is saved
    assert len(yard.rows()) == 1
    _when(user, "2026-11-23", "11:30", "2026-11-23", "12:00")
    await user.should_see("Free in this time.")
    press(user, "Reserve")
    await until(lambda: len(yard.rows()) == 2)
    starts = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
    assert yard.rows()[1] == (yard.far, None, yard.dana, starts, starts + HOUR / 2, "held")
    await until(lambda: len(blocks(user)["Charger CP3"]) == 2)


async def test_c15_one_connector_and_an_hour_that_does_not_exist(
    noon: None, visit: Visit, yard: Yard
) -> None:
    """C15: clocks go forward on 2027-03-28 in Berlin, from 02:00 to 03:00."""
    user = await visit(yard.olga, f"/admin/reservations?day=2027-03-28&site={yard.here}")
    assert shown(user)["sites"][0]["hours"] == "This day has 23 hours here: the clocks change."
    press(user, "New reservation")
    await user.should_see("Choose a charger.")
    chosen(user, "Charger").set_value(yard.one)
    await user.should_see("Times are those of Harbour")
    _card(user).set_value(yard.card)
    chosen(user, "Connector").set_value(2)
    _when(user, "2027-03-28", "02:30", "2027-03-28", "04:00")
    press(user, "Reserve")
    await user.should_see("02:30 does not exist on that day")
    fill(user, "From, time", "01:30")
    press(user, "Reserve")
    await until(lambda: len(yard.rows()) == 1)
    starts = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    assert yard.rows() == [(yard.one, 2, yard.dana, starts, starts + 1.5 * HOUR, "held")]


async def test_c15_a_block_opens_what_it_is_and_is_changed_or_cancelled(
    noon: None, visit: Visit, yard: Yard
) -> None:
    """C15, C16: what the charger answered, in words; the button names whose reservation it cancels."""
    held = yard.hold(
        yard.two, NOW - HOUR, status="refused", charger_answer="occupied", sent_at=NOW, answered_at=NOW
    )
    user = await visit(yard.olga, TODAY)
    [block] = shown(user)["sites"][0]["chargers"][0]["blocks"]
    assert (block["state"], block["kind"]) == ("Refused", "fault")
    user = await visit(yard.olga, block["path"])
    await user.should_see("Charger CP2 refused it, 13:00: the place was occupied.")
    await user.should_see("DANA-CARD-1")
    await user.should_see("1 h 30 min")
    await user.should_see("Ask again")
    press(user, "Change…")
    await user.should_see("The reservation is replaced by a new one.")
    _when(user, "2026-11-22", "15:00", "2026-11-22", "16:00")
    press(user, "Change the reservation")
    await until(lambda: [row[5] for row in yard.rows()] == ["cancelled", "held"])
    user = await visit(yard.olga, f"{TODAY}&reservation={held + 1}")
    await user.should_not_see("Ask again")
    press(user, "Cancel the reservation…")
    await user.should_see("Charger CP2, Today, 15:00–16:00.")
    await user.should_see("Keep it")
    press(user, "Cancel the reservation of Dana Driver")
    await until(lambda: [row[5] for row in yard.rows()] == ["cancelled", "cancelled"])
    user = await visit(yard.olga, f"{TODAY}&reservation={held + 1}")
    await user.should_not_see("Change…")


async def test_c15_a_refused_one_is_asked_for_again_where_the_overview_leads(
    noon: None, visit: Visit, yard: Yard
) -> None:
    """C15, C16: from the line that tells of it to its dialog, and the charger is asked once more."""
    held = yard.hold(yard.two, NOW - HOUR, status="refused", charger_answer="occupied", sent_at=NOW)
    line = Matters(Kind.REFUSED, 1, (Matter(held, "Charger CP2", "Dana Driver", NOW - HOUR),))
    told = _Line(words.reader("en", "UTC"), NOW, line, line.first[0]).told()
    assert told["href"] == f"{TODAY}&reservation={held}"
    user = await visit(yard.olga, told["href"])
    press(user, "Ask again")
    await until(lambda: yard.rows()[0][5] != "refused")
    # By whoever else came meanwhile, it is said so.
    other = yard.hold(yard.one, NOW - HOUR, status="refused", charger_answer="occupied", sent_at=NOW)
    yard.hold(yard.one, NOW - HOUR, account=yard.eve, mapping=yard.eves)
    user = await visit(yard.olga, f"{TODAY}&reservation={other}")
    press(user, "Ask again")
    await user.should_see("This overlaps 1 other reservation: Eve Other")


async def test_t41_hostile_names_stay_text(noon: None, visit: Visit, yard: Yard) -> None:
    charger = yard.database.change_now(world.add_charger, "CP9", site=yard.here, name=HOSTILE)
    held = yard.hold(charger, NOW)
    user = await visit(yard.olga, f"{TODAY}&reservation={held}")
    await user.should_see(HOSTILE)
    assert HOSTILE in blocks(user)


def test_each_standing_has_its_sentence() -> None:
    """C16: in both languages, for all that a charger may have said."""
    base = {
        "id": 1,
        "account_id": 1,
        "driver_name": "Dana",
        "mapping_id": 1,
        "id_tag": "T",
        "charger_id": 1,
        "charger_name": "CP1",
        "site_id": 1,
        "zone": "UTC",
        "connector_number": None,
        "starts_at": NOW,
        "ends_at": NOW + HOUR,
        "created_at": NOW,
        "sent_at": None,
        "answered_at": None,
        "cancelled_at": None,
    }
    cases: dict[tuple[str, str | None], str] = {
        ("held", None): "Booked",
        ("held", "offline"): "Charger not reached",
        ("held", "no_answer"): "Charger not reached",
        ("sent", None): "Sent",
        ("accepted", "accepted"): "Accepted",
        ("refused", "faulted"): "Refused",
        ("refused", "card"): "Refused",
        ("used", "accepted"): "Used",
        ("cancelled", None): "Cancelled",
        ("cancelled", "offline"): "Cancelled",
    }
    for language in ("en", "de"):
        reader = words.reader(language, "UTC")
        sentences = set()
        for (status, answer), word in cases.items():
            held = reservation_day.Held(
                **base, status=reservation_day.ReservationStatus(status), charger_answer=answer
            )
            found = standing(reader, held, NOW)
            if language == "en":
                assert found.word == word
            sentences.add(found.sentence)
        assert len(sentences) == len(cases)
    late = standing(words.reader("en", "UTC"), held, NOW + 2 * HOUR)
    assert late.word == "Cancelled"


def test_days_of_23_and_25_hours(database: Database) -> None:
    """C15: bounds are the site's midnights, and what is reserved is found on its own day there."""
    yard = Yard(database)
    for day, hours in ((date(2026, 10, 25), 25), (date(2027, 3, 28), 23), (date(2027, 3, 29), 24)):
        found = database.ask_now(reservation_day.day, day, yard.here).sites[0]
        assert (found.ends_at - found.starts_at) / HOUR == hours
        yard.hold(yard.two, found.starts_at + HOUR / 2, minutes=30)
        [held] = database.ask_now(reservation_day.day, day, yard.here).sites[0].chargers[1].held
        assert held.starts_at == found.starts_at + HOUR / 2


def test_a_day_is_found_by_index_however_long_the_past_is(sqlite_database: Database) -> None:
    yard = Yard(sqlite_database)
    plans: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if "FROM reservations" in statement and not statement.startswith("EXPLAIN"):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in cursor.fetchall())

    event.listen(sqlite_database.engine, "before_cursor_execute", explain)
    for site in (None, yard.here):
        assert sqlite_database.ask_now(reservation_day.day, NOW.date(), site).date == NOW.date()
    of_reservations = [plan for plan in plans if "reservations" in plan]
    index = "SEARCH reservations USING INDEX ix_reservations_starts_at (starts_at>? AND starts_at<?)"
    assert of_reservations == [index, index]


def _labels(user: User) -> list[str]:
    assert user.client is not None
    return [one.text for one in user.client.elements.values() if isinstance(one, ui.label)]


def _card(user: User) -> DriverChoice:
    assert user.client is not None
    return next(one for one in user.client.elements.values() if isinstance(one, DriverChoice))


def _when(user: User, *typed: str) -> None:
    labels = ("From, day", "From, time", "To, day", "To, time")
    assert user.client is not None
    with user.client:
        for label, value in zip(labels, typed, strict=True):
            fill(user, label, value)


def _request(user: User, portal: Portal) -> Any:
    from starlette.requests import Request

    cookie = "; ".join(f"{one.name}={one.value}" for one in user.http_client.cookies.jar)
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())], "client": ("127.0.0.1", 1)})
