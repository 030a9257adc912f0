"""P6–P9: the sessions in progress, bound to what the chargers say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from nicegui import ui
from nicegui.testing.user import User

from components import session_banner, words
from components.session_banner import SessionBanner
from data.announcements import Announcement
from data.live import Live, Reading
from data.queries.sessions import ActiveSession
from tests.components.conftest import Paper

EN = words.reader("en", "Europe/Berlin")
DE = words.reader("de", "Europe/Berlin")
NOW = datetime(2026, 11, 22, 14, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

WAITING = Reading(6, None, None, False, None, None, None)
READING = Reading(6, 12_456, 7_249, False, NOW - timedelta(seconds=20), 347, "EUR")


def session(reading: Reading = READING, name: str = "Garage left", **values: object) -> ActiveSession:
    made = ActiveSession(reading.session_id, name, None, "Type 2", NOW - 102 * MINUTE, 60, reading)
    return replace(made, **values)  # type: ignore[arg-type]


class Page:
    """A page with a banner on it, and what is announced to it."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.live = Live()
        self.user: User

    async def open(self, *sessions: ActiveSession, reader: words.Reader = EN) -> Page:
        banners: list[SessionBanner] = []
        self.user = await self.paper.draw(
            lambda: banners.append(session_banner.draw(self.pairs(*sessions), reader, NOW))
        )
        (self.banner,) = banners
        return self

    def pairs(self, *sessions: ActiveSession) -> list[tuple[ActiveSession, object]]:
        return [(one, self.live.session(one.reading)) for one in sessions]  # type: ignore[return-value]

    def show(self, *sessions: ActiveSession, now: datetime = NOW) -> None:
        self.banner.show(self.pairs(*sessions), now)  # type: ignore[arg-type]

    def read(self, reading: Reading) -> None:
        announcement = reading.announcement(1)
        self.live.announce([Announcement.load(announcement.dump())])

    @property
    def said(self) -> str:
        (line,) = (one for one in self.user.find(ui.label).elements if one.props.get("role") == "status")
        return line.text


async def test_p7_a_strip_shows_what_is_known(paper: Paper) -> None:
    page = await Page(paper).open(session(connector_number=2))
    for text in ("Charging now", "Garage left · connector 2 · Type 2", "12.46", "7.2 kW", "1 h 42 min"):
        await page.user.should_see(text)
    await page.user.should_see("Estimated cost\n≈ €3.47")


async def test_p7_unknown_is_left_out(paper: Paper) -> None:
    reading = replace(READING, power_w=None, cost=None, currency=None)
    page = await Page(paper).open(session(reading, connector_type=None))
    await page.user.should_see("12.46")
    for text in ("Power", "kW", "Estimated", "€", "Type 2"):
        await page.user.should_not_see(text)


async def test_p7_power_that_was_worked_out_is_marked(paper: Paper) -> None:
    page = await Page(paper).open(session(), reader=DE)
    await page.user.should_see("Leistung\n7,2 kW")
    page.read(replace(READING, power_w=11_000, power_derived=True))
    await page.user.should_see("Leistung (abgeleitet)\n11,0 kW")


async def test_p8_before_the_first_reading_it_waits(paper: Paper) -> None:
    page = await Page(paper).open(session(WAITING))
    await page.user.should_see("—")
    await page.user.should_see("Waiting for the first reading from the charger.")
    page.read(READING)
    await page.user.should_see("12.46")
    await page.user.should_see("≈ €3.47")
    await page.user.should_not_see("Waiting")


async def test_p8_an_old_reading_is_shown_with_its_time(paper: Paper) -> None:
    """Older than the interval and 60 s; exactly that is not yet old."""
    page = await Page(paper).open(session())
    page.show(session(), now=READING.reading_at + 2 * MINUTE)  # type: ignore[operator]
    await page.user.should_not_see("Last reading")
    page.show(session(), now=NOW + 2 * MINUTE)
    await page.user.should_see("Last reading 15:19")
    assert page.said == "No new reading from Garage left since 15:19."
    page.read(replace(READING, energy_wh=12_500, reading_at=NOW + 2 * MINUTE))
    await page.user.should_not_see("Last reading")
    assert page.said == "Readings from Garage left are arriving again."


async def test_p8_the_interval_that_counts_is_the_newest(paper: Paper) -> None:
    """A charger's interval is learned, or set, while the page is open."""
    page = await Page(paper).open(session())
    page.show(session(reading_interval=900), now=NOW + 5 * MINUTE)
    await page.user.should_not_see("Last reading")
    assert page.said == ""
    page.show(session(reading_interval=30), now=NOW + 5 * MINUTE)
    await page.user.should_see("Last reading 15:19")


async def test_p7_what_becomes_known_later_is_shown(paper: Paper) -> None:
    """OCPP 2.0.1 names the connector after the start; an operator renames a charger."""
    page = await Page(paper).open(session(connector_type=None))
    await page.user.should_not_see("Type 2")
    page.show(session(name="Garage right", connector_number=2))
    await page.user.should_see("Garage right · connector 2 · Type 2")
    await page.user.should_not_see("Garage left")
    (strip,) = page.user.find("Charging now").elements
    region = strip.parent_slot.parent  # type: ignore[union-attr]
    assert region.props["aria-label"] == "Charging in progress: Garage right · connector 2 · Type 2"
    page.show()
    assert page.said == "Charging ended at Garage right."


@pytest.mark.parametrize(
    ("reading", "seconds"),
    [
        (READING, 100),  # 60 + 60 s after it was taken, 20 s of which are over
        (replace(READING, reading_at=NOW - timedelta(minutes=3)), 10),  # stale: one look, until one comes
        (WAITING, 10),
    ],
)
def test_p8_it_is_known_when_a_reading_becomes_old(reading: Reading, seconds: float) -> None:
    """P22: what the passing of time changes shows within ten seconds."""
    live = Live()
    pair = session(reading), live.session(reading)
    assert session_banner.until_stale([pair], NOW) == seconds
    other = session(replace(READING, session_id=7), reading_interval=0)
    assert session_banner.until_stale([pair, (other, live.session(other.reading))], NOW) == min(seconds, 40)
    assert session_banner.until_stale([], NOW) is None


async def test_p9_readings_reach_the_strip_by_binding(paper: Paper) -> None:
    page = await Page(paper).open(session())
    page.read(replace(READING, energy_wh=12_470, power_w=7_400, cost=349))
    for text in ("12.47", "7.4 kW", "≈ €3.49"):
        await page.user.should_see(text)


async def test_p7_the_energy_never_falls(paper: Paper) -> None:
    page = await Page(paper).open(session())
    page.read(replace(READING, energy_wh=12_000))
    await page.user.should_see("12.46")


async def test_p9_what_reads_the_same_is_not_sent(paper: Paper) -> None:
    page = await Page(paper).open(session())
    page.user.client.outbox.updates.clear()
    page.read(replace(READING, energy_wh=12_457, power_w=7_243, reading_at=NOW))
    assert not page.user.client.outbox.updates


async def test_p6_strips_come_and_go(paper: Paper) -> None:
    page = await Page(paper).open()
    await page.user.should_not_see("Charging now")
    assert page.said == ""
    page.show(session())
    await page.user.should_see("Charging now")
    assert page.said == "Charging started at Garage left."
    other = session(replace(READING, session_id=7, energy_wh=1_000), name="Roof 1")
    page.show(session(), other)
    await page.user.should_see("Roof 1")
    page.show(other)
    await page.user.should_not_see("Garage left · Type 2")
    assert page.said == "Charging ended at Garage left."
    page.show()
    await page.user.should_not_see("Charging now")


async def test_p6_a_session_without_a_reading_ends_without_a_number(paper: Paper) -> None:
    page = await Page(paper).open(session(WAITING))
    page.show()
    assert page.said == "Charging ended at Garage left."


async def test_screen_readers_hear_of_each_5_kwh_and_not_of_each_reading(paper: Paper) -> None:
    page = await Page(paper).open(session())
    assert page.said == ""
    page.read(replace(READING, energy_wh=14_999))
    assert page.said == ""
    page.read(replace(READING, energy_wh=15_002))
    assert page.said == "15 kWh charged at Garage left."
    page.read(replace(READING, energy_wh=19_900))
    assert page.said == "15 kWh charged at Garage left."


async def test_a_strip_that_left_lets_go_of_its_session(paper: Paper) -> None:
    from nicegui import binding

    page = await Page(paper).open(session())
    assert sum(len(links) for links in binding.bindings.values())
    page.show()
    assert not sum(len(links) for links in binding.bindings.values())
