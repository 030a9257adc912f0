"""What a board says, and how much of it fits (K9–K11): without a browser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from components import board_layout as layout
from components import board_words
from components.board import pages
from components.texts import languages
from components.words import reader
from data.queries.chargers import ChargerStatus
from data.queries.site_board import Bay, SiteBoard

NOW = datetime(2026, 11, 21, 13, 7, tzinfo=UTC)
EN, DE = (reader(code, "Europe/Berlin") for code in ("en", "de"))
FREE = Bay("A1", ChargerStatus.ONLINE, None, None, ("Type 2",), 22_000, 1, 1, None, ("Type 2",))
MIXED = replace(
    FREE, connector_types=("CCS2", "CHAdeMO", "Type 2"), connectors=3, free_types=("CCS2", "Type 2")
)
USED = replace(FREE, status=ChargerStatus.IN_USE, since=NOW - timedelta(minutes=2), free=0)
RESERVED = replace(FREE, status=ChargerStatus.RESERVED, until=NOW + timedelta(hours=2), free=0)
OFFLINE = replace(FREE, status=ChargerStatus.OFFLINE, free=0)
EIGHT = layout.grid(8, standing=False), layout.grid(8, standing=True)


def site(*bays: Bay) -> SiteBoard:
    return SiteBoard("Harbour", "Europe/Berlin", bays, sum(b.status is ChargerStatus.ONLINE for b in bays))


def details(bay: Bay, told: object = EN) -> list[str]:
    assert told in (EN, DE)
    shown: list[str] = board_words.tile(bay, site(bay), EN if told is EN else DE, NOW, *EIGHT)["details"]
    return shown


@pytest.mark.parametrize(
    ("bays", "per_page", "sizes"),
    [
        (0, 8, [0]),
        (1, 8, [1]),
        (8, 8, [8]),
        (9, 8, [5, 4]),
        (12, 12, [12]),
        (17, 8, [6, 6, 5]),
        (20, 8, [7, 7, 6]),
        (25, 12, [9, 8, 8]),
    ],
)
def test_k11_pages_are_even(bays: int, per_page: int, sizes: list[int]) -> None:
    """K11: no more bays a page than set, and as many on each as on the others, or one more."""
    assert pages(bays, per_page) == len(sizes)
    shown = [range(bays)[layout.page_of(bays, per_page, page)] for page in range(len(sizes))]
    assert [len(one) for one in shown] == sizes
    assert [bay for page in shown for bay in page] == list(range(bays))


def test_k11_a_page_that_is_gone_is_taken_from_the_start_again() -> None:
    """Chargers were taken away while the third page was shown."""
    assert layout.page_of(9, 8, 2) == layout.page_of(9, 8, 0)


@pytest.mark.parametrize(
    ("bays", "english", "german", "is_free"),
    [
        ((), "No charger is connected yet", "Noch nichts verbunden", False),
        ((FREE,), "The charger is free", "Die Ladestation ist frei", True),
        ((FREE, USED, RESERVED), "1 of 3 chargers free", "1 von 3 Ladestationen frei", True),
        ((USED, RESERVED, OFFLINE), "No charger free right now", "Zurzeit nichts frei", False),
        ((OFFLINE, OFFLINE), "Out of service at the moment", "Zurzeit außer Betrieb", False),
    ],
)
def test_the_count_is_a_sentence(bays: tuple[Bay, ...], english: str, german: str, is_free: bool) -> None:
    """`screens.md`: "3 of 8 chargers free"; and words for none."""
    assert board_words.count(site(*bays), EN) == board_words.Count(english, is_free)
    assert board_words.count(site(*bays), DE) == board_words.Count(german, is_free)


@pytest.mark.parametrize(
    ("bay", "english"),
    [
        (FREE, ["22 kW · Type 2"]),
        (replace(FREE, max_power_w=None, connector_types=()), []),
        (replace(FREE, connector_types=("CCS2", "CHAdeMO")), ["22 kW", "CCS2, CHAdeMO"]),
        (replace(FREE, connectors=2), ["1 of 2 plugs free", "22 kW · Type 2"]),
        (replace(FREE, connectors=2, free=2), ["22 kW · Type 2"]),
        (replace(MIXED, free_types=("CCS2",)), ["CCS2 free", "22 kW"]),
        (replace(MIXED, free=2), ["CCS2, Type 2 free", "22 kW"]),
        (replace(MIXED, free=3), ["CCS2, CHAdeMO, Type 2"]),
        (replace(MIXED, free_types=("Type 2 with its own cable",)), ["Type 2 with its own cable free"]),
        (replace(MIXED, free_types=()), ["1 of 3 plugs free", "CCS2, CHAdeMO…"]),
        (USED, ["since 14:05"]),
        (replace(USED, since=None), []),
        (replace(USED, since=NOW - timedelta(days=1)), ["since yesterday, 14:07"]),
        (replace(USED, energy_wh=12_449), ["since 14:05", "12.4 kWh"]),
        (RESERVED, ["until 16:07"]),
        (replace(RESERVED, until=NOW + timedelta(hours=14)), ["until tomorrow, 04:07"]),
        (replace(RESERVED, until=NOW + timedelta(days=10)), ["until Tue, Dec 1", "14:07"]),
        (replace(OFFLINE, connectors=2, energy_wh=500), []),
    ],
)
def test_a_tile_has_one_reason(bay: Bay, english: list[str]) -> None:
    """Times in the site's zone, another day than today named; out of service blames nobody and nothing.

    Which plugs are free, where they differ, is told before what they give.
    """
    assert details(bay) == english


def test_k16_a_tile_in_another_language() -> None:
    """The words of the four states, as `screens.md` has them."""
    shown = [
        board_words.tile(bay, site(bay), DE, NOW, *EIGHT)["word"] for bay in (FREE, USED, RESERVED, OFFLINE)
    ]
    assert shown == ["Frei", "Belegt", "Reserviert", "Außer Betrieb"]
    assert details(replace(USED, since=NOW - timedelta(days=1)), DE) == ["seit gestern, 14:07"]


@pytest.mark.parametrize(
    ("name", "of", "shown"),
    [
        ("Harbour A1", "Harbour", "A1"),
        ("HARBOUR – A1", "Harbour", "A1"),
        ("Harbour/A1", "Harbour", "A1"),
        ("Harbour, bay 1", "Harbour", "Bay 1"),
        ("Harbourside 1", "Harbour", "Harbourside 1"),
        ("Harbour", "Harbour", "Harbour"),
        ("Harbour -", "Harbour", "Harbour -"),
        ("A1", "", "A1"),
        ("  A \n 1 ", "Harbour", "A 1"),
        ("Straße 1", "STRASSE", "1"),
    ],
)
def test_a_name_does_not_repeat_the_sites(name: str, of: str, shown: str) -> None:
    """It stands above all of them already."""
    assert board_words.bay_name(name, of) == shown


def test_a_short_name_is_large_and_a_long_one_ends_with_an_ellipsis() -> None:
    """K10: 9 where it fits; wrapped, then smaller, then cut, and never within a letter."""
    box = EIGHT[0].name_width, EIGHT[0].name_height
    assert layout.fitted("A1", *box, layout.NAMES) == ("A1", 9.0)
    text, size = layout.fitted("Level 2, bay 114", *box, layout.NAMES)
    assert (text, 3.7 <= size < 9) == ("Level 2, bay 114", True)
    text, size = layout.fitted("e\u0301" * 200, *box, layout.NAMES)
    assert (text[-2:], len(text) % 2, size) == ("\u0301…", 1, layout.NAMES[-1])
    text, _ = layout.fitted("👩🏽\u200d🔧" * 50, *box, layout.NAMES)
    assert text.removesuffix("…") in [("👩🏽\u200d🔧" * 50)[: 4 * n] for n in range(1, 50)]


@pytest.mark.parametrize("standing", [False, True])
def test_k10_each_grid_has_room_for_what_a_tile_shows(standing: bool) -> None:
    """A name, the longest status word of each language, and two lines of details below it."""
    words = [
        str(language.texts["board.status." + status.value])
        for language in languages().values()
        for status in ChargerStatus
    ]
    for bays in range(1, 13):
        grid = layout.grid(bays, standing=standing)
        assert grid.columns * grid.rows >= bays
        assert grid.scale >= (1 if bays <= 8 else min(1, 2 / grid.rows))
        assert grid.name_height + layout.WORD_LINE + 2 * layout.DETAIL_LINE <= grid.height
        for word in words:
            lines = layout.lines(word, grid.width, layout.WORD)
            assert lines <= 1 + word.count(" ")
            assert layout.NAME + lines * layout.WORD_LINE <= grid.height
