"""The cards, drawn from plain values: empty, one, many, unknown (P10–P21)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing.user import User

from components import chargers, counts, next_reservation, plan, recent_sessions, shell, usage, words
from components.drawn import Drawn
from data.periods import Period, Window
from data.queries.chargers import ChargerStatus, VisibleCharger, VisibleChargers
from data.queries.plans import ComingPlan, CurrentPlan, PlanUse
from data.queries.reservations import NextReservation
from data.queries.sessions import RecentSession
from data.queries.usage import DayEnergy, Usage
from tests.components.conftest import Paper

EN = words.reader("en", "Europe/Berlin")
DE = words.reader("de", "Europe/Berlin")
NOW = datetime(2026, 11, 22, 14, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def rows(user: User) -> list[Any]:
    return [drawn.values for drawn in user.find(Drawn).elements if drawn.values is not None]


SESSION = RecentSession(5, "Garage left", NOW - 3 * HOUR, NOW - 2 * HOUR, 18_449, True)


async def test_p10_no_sessions_yet(paper: Paper) -> None:
    user = await paper.draw(lambda: recent_sessions.draw([], EN, NOW))
    await user.should_see("No sessions yet. Your last five charges will be listed here.")


async def test_p10_each_state_of_a_session_has_its_word_and_icon(paper: Paper) -> None:
    sessions = [
        RecentSession(7, "Garage left", NOW - 102 * MINUTE, None, None, False),
        replace(SESSION, finalized=False),
        SESSION,
    ]
    user = await paper.draw(lambda: recent_sessions.draw(sessions, EN, NOW))
    (row,) = rows(user)
    assert [(one["state"], one["icon"], one["mark"], one["energy"]) for one in row["sessions"]] == [
        ("charging", "bolt", "Charging", "—"),
        ("settling", "hourglass_top", "Settling", "18.4 kWh"),
        ("finalized", "task_alt", "Finalized", "18.4 kWh"),
    ]
    assert [one["parts"] for one in row["sessions"]] == [
        ["Started 13:38", "1 h 42 min"],
        ["Today, 12:20–13:20", "1 h", "not billed yet"],  # screens.md: Settling · not billed yet
        ["Today, 12:20–13:20", "1 h"],
    ]


async def test_p11_a_row_is_brought_up_to_date_in_place(paper: Paper) -> None:
    cards: list[recent_sessions.RecentSessions] = []
    sessions = [replace(SESSION, finalized=False)]
    user = await paper.draw(lambda: cards.append(recent_sessions.draw(sessions, DE, NOW)))
    await user.should_see("In Abrechnung")
    elements = len(user.find(Drawn).elements)
    cards[0].show([SESSION], NOW)
    await user.should_see("Abgeschlossen")
    await user.should_not_see("In Abrechnung")
    assert len(user.find(Drawn).elements) == elements


RESERVATION = NextReservation(1, "Garage right", 2, NOW + 16 * HOUR + 10 * MINUTE, NOW + 18 * HOUR)


@pytest.mark.parametrize(
    ("starts_in", "lasts", "note"),
    [
        (16 * HOUR + 10 * MINUTE, HOUR, "Starts in 16 h 10 min"),
        (timedelta(days=3, hours=2), HOUR, "Starts in 3 days"),
        (timedelta(seconds=30), HOUR, "Starts in < 1 min"),
        (timedelta(0), HOUR, "Running now, 1 h left"),
        (-20 * MINUTE, 90 * MINUTE, "Running now, 1 h 10 min left"),
    ],
)
async def test_p12_the_time_left(paper: Paper, starts_in: timedelta, lasts: timedelta, note: str) -> None:
    reservation = replace(RESERVATION, starts_at=NOW + starts_in, ends_at=NOW + starts_in + lasts)
    user = await paper.draw(lambda: next_reservation.draw(reservation, EN, NOW))
    await user.should_see(note)
    await user.should_see("Connector 2")


async def test_p12_no_reservation_no_card(paper: Paper) -> None:
    cards: list[next_reservation.Reservation] = []
    user = await paper.draw(lambda: cards.append(next_reservation.draw(RESERVATION, EN, NOW)))
    await user.should_see("Monday, November 23, 2026")
    await user.should_see("07:30–09:20")
    cards[0].show(None, NOW)
    assert not cards[0].visible
    await user.should_not_see("Next reservation")
    cards[0].show(RESERVATION, NOW)
    await user.should_see("Next reservation")


def used(*energies: int, first: date = date(2026, 11, 1)) -> Usage:
    days = tuple(DayEnergy(first + timedelta(days=n), wh) for n, wh in enumerate(energies))
    window = Window(first, first + timedelta(days=len(days)), "Europe/Berlin")
    return Usage(window, sum(energies), days)


async def test_p13_p16_total_dates_zone_and_table(paper: Paper) -> None:
    values = used(7_100, 0, 17_500, *[0] * 27)
    user = await paper.draw(lambda: usage.draw(values, Period.CURRENT, DE, NOW, lambda period: None))
    for text in ("24,6 kWh", "1.–30. Nov. 2026", "Europe/Berlin", "Als Tabelle zeigen", "17,5 kWh"):
        await user.should_see(text)
    table = next(row for row in rows(user) if "days" in row)
    assert table["days"] == (("So., 1. Nov.", "7,1 kWh"), ("Di., 3. Nov.", "17,5 kWh"))


@pytest.mark.parametrize(("most", "room"), [(40_000, 60), (99_000, 70), (101_700, 70), (1_200_000, 84)])
async def test_p15_the_numbers_beside_the_bars_have_room(paper: Paper, most: int, room: int) -> None:
    """`100 kWh` was cut off at the card's edge; the scale may end above the highest bar."""
    user = await paper.draw(
        lambda: usage.draw(used(1_000, most), Period.CURRENT, EN, NOW, lambda period: None)
    )
    (plot,) = user.find(ui.plotly).elements
    assert plot.figure["layout"]["margin"]["l"] >= room


@pytest.mark.parametrize(("most", "steps"), [(90, 0.5), (999, 0.5), (1_000, None)])
async def test_p15_no_number_stands_twice_beside_the_bars(
    paper: Paper, most: int, steps: float | None
) -> None:
    """A day with 0.1 kWh had a scale of 0.0, 0.0, 0.0, 0.1, 0.1."""
    user = await paper.draw(lambda: usage.draw(used(0, most), Period.CURRENT, EN, NOW, lambda period: None))
    (plot,) = user.find(ui.plotly).elements
    assert plot.figure["layout"]["yaxis"].get("dtick") == steps


async def test_p15_p16_the_chart_has_a_bar_a_day_and_says_what_it_shows(paper: Paper) -> None:
    values = used(7_100, 0, 17_500, *[0] * 27)
    user = await paper.draw(lambda: usage.draw(values, Period.CURRENT, EN, NOW, lambda period: None))
    (plot,) = user.find(ui.plotly).elements
    (bars,) = plot.figure["data"]
    assert len(bars["y"]) == 30
    assert sum(round(kwh * 1000) for kwh in bars["y"]) == values.total_wh
    assert plot.figure["layout"]["separators"] == ".,"
    (chart,) = (element for element in plot.ancestors() if element.tag == "q-intersection")
    assert chart.props["role"] == "img"
    assert chart.props["once"] is True
    spoken = chart.props["aria-label"].replace("\u2009", " ")
    assert spoken == (
        "Energy by day, Nov 1 – 30, 2026: 24.6 kWh in all. Most on Nov 3: 17.5 kWh. Energy on 2 of 30 days."
    )


@pytest.mark.parametrize(
    ("first", "text"),
    [
        (date(2026, 11, 1), "No energy used in this period yet."),
        (date(2026, 10, 1), "No energy was used in this period."),
    ],
)
async def test_p16_no_energy_no_chart(paper: Paper, first: date, text: str) -> None:
    user = await paper.draw(
        lambda: usage.draw(used(*[0] * 30, first=first), Period.CURRENT, EN, NOW, lambda period: None)
    )
    await user.should_see(text)
    await user.should_see("0.0 kWh")
    await user.should_not_see("Show as table")


async def test_p16_switching_tells_once_and_being_switched_does_not(paper: Paper) -> None:
    told: list[Period] = []
    cards: list[usage.UsageCard] = []
    values = used(*[1_000] * 30)
    user = await paper.draw(lambda: cards.append(usage.draw(values, Period.CURRENT, EN, NOW, told.append)))
    (switch,) = user.find(usage.Switch).elements
    switch.value = Period.YEAR
    assert told == [Period.YEAR]
    cards[0].show(values, Period.PREVIOUS, NOW)
    assert (switch.value, told) == (Period.PREVIOUS, [Period.YEAR])
    await user.should_see("This year")


async def test_p15_a_year_has_a_bar_for_each_of_its_days(paper: Paper) -> None:
    values = used(*[1_000] * 365, first=date(2026, 1, 1))
    user = await paper.draw(lambda: usage.draw(values, Period.YEAR, DE, NOW, lambda period: None))
    (plot,) = user.find(ui.plotly).elements
    assert len(plot.figure["data"][0]["y"]) == 365
    assert plot.figure["layout"]["xaxis"]["ticktext"][:2] == ("Jan", "Mär")


PLAN = CurrentPlan("Home 200", "EUR", 1, 1_900, 2_800, 200_000, False, date(2025, 1, 1))
RENEWAL = datetime(2026, 11, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("terms", "used_wh", "seen", "unseen"),
    [
        pytest.param(
            PLAN,
            128_400,
            [
                "Home 200",
                "€19.00 per period",
                "128.4 kWh of 200 kWh included",
                "71.6 kWh left",
                "Then €0.28 per kWh",
                "Renews on Dec 1, 2026",
                "EUR",
            ],
            ["over the included"],
            id="left",
        ),
        pytest.param(
            PLAN,
            228_400,
            ["28.4 kWh over the included amount", "€0.28 per kWh beyond it"],
            ["left"],
            id="over",
        ),
        pytest.param(PLAN, 200_000, ["The included amount is used up"], ["over the"], id="just used up"),
        pytest.param(
            replace(PLAN, included_wh=None, base_fee=None, price_per_kwh=2_845),
            12_300,
            ["12.3 kWh used in this billing period", "€0.2845 per kWh"],
            ["included", "per period", "Then"],
            id="no amount",
        ),
        pytest.param(
            replace(PLAN, included_wh=None, unlimited=True),
            12_300,
            ["Unlimited charging", "12.3 kWh used in this billing period"],
            ["per kWh", "left"],
            id="unlimited",
        ),
        pytest.param(
            replace(PLAN, tiers=[{"above_wh": 100_000, "price_per_kwh": 3_500}]),
            12_300,
            ["Then €0.28 per kWh", "€0.35 per kWh above 300 kWh", "Renews on Dec 1, 2026"],
            ["Ends on"],
            id="tiers",
        ),
        pytest.param(
            replace(
                PLAN,
                windows=[{"from_minute": 1_320, "to_minute": 360, "price_per_kwh": 1_900}],
                ended_on=date(2026, 11, 28),
            ),
            12_300,
            ["€0.19 per kWh from 22:00 to 06:00", "Ends on Nov 28, 2026"],
            ["Renews"],
            id="windows, and an end",
        ),
        pytest.param(
            replace(PLAN, price_per_kwh=None), 1_000, ["199.0 kWh left"], ["per kWh"], id="no price"
        ),
    ],
)
async def test_p17_what_a_plan_says(
    paper: Paper, terms: CurrentPlan, used_wh: int, seen: list[str], unseen: list[str]
) -> None:
    user = await paper.draw(lambda: plan.draw(PlanUse(terms, used_wh, RENEWAL), EN, NOW))
    for text in seen:
        await user.should_see(text)
    for text in unseen:
        await user.should_not_see(text)


COMING = ComingPlan("Night & Day", "EUR", 3_100, False, date(2026, 12, 4))


@pytest.mark.parametrize(
    ("use", "seen", "unseen"),
    [
        pytest.param(
            PlanUse(PLAN, 0, RENEWAL, COMING),
            ["Renews on Dec 1, 2026", "From Dec 4, 2026: Night & Day, €0.31 per kWh"],
            ["Ends on"],
            id="another",
        ),
        pytest.param(
            PlanUse(PLAN, 0, RENEWAL, replace(COMING, started_on=date(2026, 11, 28), unlimited=True)),
            ["From Nov 28, 2026: Night & Day, Unlimited charging"],
            ["Renews", "€0.31"],
            id="another before it renews",
        ),
        pytest.param(
            PlanUse(replace(PLAN, ended_on=date(2026, 12, 24)), 0, RENEWAL),
            ["Renews on Dec 1, 2026", "Ends on Dec 24, 2026"],
            ["From"],
            id="an end",
        ),
        pytest.param(
            PlanUse(
                replace(PLAN, ended_on=date(2026, 11, 28)), 0, RENEWAL, replace(COMING, price_per_kwh=None)
            ),
            ["Ends on Nov 28, 2026", "From Dec 4, 2026: Night & Day"],
            ["Renews", "per kWh: "],
            id="an end, another later",
        ),
        pytest.param(
            replace(
                COMING,
                base_fee=2_900,
                included_wh=200_000,
                tiers=[{"above_wh": 100_000, "price_per_kwh": 3_500}],
                windows=[{"from_minute": 1_320, "to_minute": 360, "price_per_kwh": 1_900}],
            ),
            [
                "From Dec 4, 2026: Night & Day, €29.00 per period, 200 kWh included, then €0.31 per kWh, "
                "€0.35 per kWh above 300 kWh, €0.19 per kWh from 22:00 to 06:00"
            ],
            [],
            id="all that it costs",
        ),
        pytest.param(
            COMING,
            ["Your plan", "From Dec 4, 2026: Night & Day, €0.31 per kWh", "All prices in EUR"],
            ["used", "Renews", "included"],
            id="the first",
        ),
    ],
)
async def test_p17_the_card_tells_what_is_to_change(
    paper: Paper, use: PlanUse | ComingPlan, seen: list[str], unseen: list[str]
) -> None:
    user = await paper.draw(lambda: plan.draw(use, EN, NOW))
    for text in seen:
        await user.should_see(text)
    for text in unseen:
        await user.should_not_see(text)


async def test_p18_a_plan_that_is_out_of_date_says_of_when_it_is(paper: Paper) -> None:
    cards: list[plan.Plan] = []
    use = PlanUse(PLAN, 30_000, RENEWAL)
    user = await paper.draw(lambda: cards.append(plan.draw(use, EN, NOW)))
    cards[0].show(use, NOW, as_of=NOW - timedelta(minutes=18))
    for words_ in ("Home 200", "30.0 kWh", "As of 15:02."):
        await user.should_see(words_)
    cards[0].show(use, NOW)
    await user.should_not_see("As of")


async def test_p18_a_plan_that_is_not_known_is_one_sentence(paper: Paper) -> None:
    user = await paper.draw(lambda: plan.unavailable(EN))
    await user.should_see("Your plan")
    await user.should_see("Plan details are not available right now. Your charging is not affected. We try")


async def test_p18_no_plan_no_card(paper: Paper) -> None:
    cards: list[plan.Plan] = []
    user = await paper.draw(lambda: cards.append(plan.draw(None, EN, NOW)))
    assert not cards[0].visible
    await user.should_not_see("Your plan")


def charger(id: int, status: ChargerStatus = ChargerStatus.ONLINE, **values: Any) -> VisibleCharger:
    free = 1 if status is ChargerStatus.ONLINE else 0
    one = VisibleCharger(
        id=id,
        name=f"Bay {id}",
        site_name="Harbour",
        connector_types=("Type 2",),
        max_power_w=22_000,
        status=status,
        since=None,
        until=None,
        last_seen_at=NOW,
        out_of_service=None,
        connectors=1,
        free=free,
        mine=False,
    )
    return replace(one, **values)


def visible(*shown: VisibleCharger, online: int = 1, more: int = 0) -> VisibleChargers:
    return VisibleChargers(shown, online, len(shown) + more, len(shown) + more)


@pytest.mark.parametrize(
    ("one", "lines"),
    [
        (charger(1), ["Type 2 · 22 kW"]),
        (charger(1, max_power_w=None, connector_types=()), []),
        (
            charger(1, connectors=2, connector_types=("CCS", "NACS"), max_power_w=150_000),
            ["CCS · NACS · 150 kW", "1 of 2 connectors free"],
        ),
        (charger(1, ChargerStatus.IN_USE, since=NOW - HOUR), ["Type 2 · 22 kW", "Since 14:20"]),
        (charger(1, ChargerStatus.IN_USE), ["Type 2 · 22 kW"]),
        (
            charger(1, ChargerStatus.IN_USE, mine=True, since=NOW - HOUR),
            ["Type 2 · 22 kW", "You are charging here"],
        ),
        (charger(1, ChargerStatus.RESERVED, until=NOW + HOUR), ["Type 2 · 22 kW", "Until 16:20"]),
        (charger(1, ChargerStatus.RESERVED), ["Type 2 · 22 kW"]),
        (
            charger(1, ChargerStatus.OFFLINE, last_seen_at=NOW - 3 * HOUR),
            ["Type 2 · 22 kW", "Last seen 3 h ago"],
        ),
        (charger(1, ChargerStatus.OFFLINE, last_seen_at=None), ["Type 2 · 22 kW", "Never seen yet"]),
        (
            charger(1, ChargerStatus.OFFLINE, out_of_service="GroundFailure"),
            ["Type 2 · 22 kW", "Out of service: ground failure"],
        ),
        (
            charger(1, ChargerStatus.OFFLINE, out_of_service="Unavailable"),
            ["Type 2 · 22 kW", "Out of service: taken out of use"],
        ),
        (
            charger(1, ChargerStatus.OFFLINE, out_of_service="E-4711"),
            ["Type 2 · 22 kW", "Out of service: E-4711"],
        ),
    ],
)
async def test_p19_p20_a_card_says_what_explains_its_status(
    paper: Paper, one: VisibleCharger, lines: list[str]
) -> None:
    user = await paper.draw(lambda: chargers.draw(visible(one), EN, NOW, lambda search: None))
    (row,) = (row for row in rows(user) if "chargers" in row)
    assert row["chargers"] == [(1, "Bay 1", one.status.value, one.mine, *lines)]
    assert row["words"][one.status] == {"online": "Online", "in_use": "In use"}.get(
        one.status.value, one.status.value.capitalize()
    )
    assert set(row["icons"]) == set(ChargerStatus)


async def test_p19_fifty_of_more_and_a_search(paper: Paper) -> None:
    searched: list[str] = []
    cards: list[chargers.Chargers] = []
    many = visible(*(charger(n) for n in range(50)), more=70)
    user = await paper.draw(lambda: cards.append(chargers.draw(many, EN, NOW, searched.append)))
    await user.should_see("Showing 50 of 120")
    (field,) = user.find(ui.input).elements
    field.value = " roof "
    assert searched == ["roof"]
    cards[0].show(VisibleChargers((), 61, 120, 0), NOW)
    await user.should_see("No charger matches “ roof ”.")
    assert len(user.find(Drawn).elements) == 2


async def test_p19_no_chargers(paper: Paper) -> None:
    user = await paper.draw(lambda: chargers.draw(visible(online=0), DE, NOW, lambda search: None))
    await user.should_see("Für Ihr Konto sind keine Ladestationen sichtbar.")
    assert not [element for element in user.client.elements.values() if isinstance(element, ui.input)]


async def test_p19_sites_are_named_where_there_are_several(paper: Paper) -> None:
    two = visible(charger(1), charger(2, site_name="Roof"))
    user = await paper.draw(lambda: chargers.draw(two, EN, NOW, lambda search: None))
    await user.should_see("Harbour")
    await user.should_see("Roof")


async def test_p19_a_site_that_the_name_tells_is_not_told_twice(paper: Paper) -> None:
    two = visible(charger(1, name="Harbour, bay 1"), charger(2, site_name="Roof"))
    await paper.draw(lambda: chargers.draw(two, EN, NOW, lambda search: None))
    first, second = (row for one in rows(paper.user) for row in one.get("chargers", ()))
    assert "Harbour" not in first[4:]
    assert "Roof" in second[4:]


async def test_p21_the_pill_counts_beyond_the_fifty(paper: Paper) -> None:
    many = visible(*(charger(n) for n in range(50)), online=1_061, more=1_150)
    user = await paper.draw(lambda: counts.draw(many, EN))
    await user.should_see("1,061 of 1,200 chargers free")


async def test_p21_no_chargers_no_count(paper: Paper) -> None:
    user = await paper.draw(lambda: counts.draw(visible(online=0), EN))
    await user.should_see("No chargers")


async def test_p5_a_card_that_failed_says_so(paper: Paper) -> None:
    user = await paper.draw(lambda: shell.card_error(EN))
    await user.should_see("This part could not be loaded. The rest of the page is not affected.")


async def test_p4_the_first_run_note(paper: Paper) -> None:
    user = await paper.draw(lambda: shell.first_run(EN))
    await user.should_see("Welcome, your account is ready.")
    await user.should_see("nothing is broken")


async def test_the_same_values_again_send_nothing(paper: Paper) -> None:
    """A refresh pushes only what changed."""
    cards: list[Any] = []

    def draw() -> None:
        cards.append(recent_sessions.draw([SESSION], EN, NOW))
        cards.append(chargers.draw(visible(charger(1)), EN, NOW, lambda search: None))

    user = await paper.draw(draw)
    user.client.outbox.updates.clear()
    cards[0].show([SESSION], NOW)
    cards[1].show(visible(charger(1)), NOW)
    assert not user.client.outbox.updates
    cards[0].show([replace(SESSION, energy_wh=19_000)], NOW)
    assert len(user.client.outbox.updates) == 1
