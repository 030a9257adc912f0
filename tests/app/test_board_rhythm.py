"""When boards beat and turn: K11, K12, K13, K14, K15, K16."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.boards import rhythm
from app.boards.rhythm import Turn

BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
START = datetime(2026, 11, 22, 12, 0, 3, tzinfo=UTC)


def beats(count: int, *, languages: int = 1, pages: int = 1, display: int = 7) -> list[tuple[datetime, Turn]]:
    """The first *count* beats after `START`, and what each shows."""
    behind, now, found = rhythm.lag(display), START, []
    for _ in range(count):
        now = rhythm.next_beat(now, pages, behind)
        found.append((now, rhythm.turn(now, BERLIN, languages, pages, behind)))
    return found


@pytest.mark.parametrize(("pages", "every"), [(1, 10), (2, 12), (3, 12)])
def test_k12_beats_follow_the_clock_and_are_never_closer(pages: int, every: int) -> None:
    for display in range(1, 300):
        behind = rhythm.lag(display)
        assert 0.3 <= behind < 2, "a board is behind the clock by less than two seconds"
        moments = [moment for moment, _ in beats(20, pages=pages, display=display)]
        gaps = {round((after - before).total_seconds(), 3) for before, after in itertools.pairwise(moments)}
        assert gaps == {every}
        assert all(
            abs((moment.timestamp() - behind + every / 2) % every - every / 2) < 1e-3 for moment in moments
        )


def test_k12_boards_do_not_beat_in_one_instant() -> None:
    """200 displays: no two tenths of a second have much more of them than others."""
    slots = [0] * 20
    for display in range(1, 201):
        slots[int(rhythm.lag(display) * 10)] += 1
    assert max(slots) <= 15


def test_k12_boards_that_beat_in_the_same_tenth_of_a_second_wake_the_process_once() -> None:
    moments = {rhythm.next_beat(START, 1, rhythm.lag(display)) for display in range(1, 201)}
    assert len(moments) <= 20


def test_the_minute_turns_on_a_beat() -> None:
    """The clock shows a new minute less than two seconds after it began, however many pages there are."""
    for pages in (1, 2, 3):
        minutes = {}
        for moment, _ in beats(40, pages=pages):
            minutes.setdefault(moment.replace(second=0, microsecond=0), moment)
        late = [first - minute for minute, first in list(minutes.items())[1:]]
        assert max(late) < timedelta(seconds=2)


@pytest.mark.parametrize("languages", [1, 2, 3])
def test_k16_each_language_stands_for_20_seconds(languages: int) -> None:
    turns = [turn.language for _, turn in beats(120, languages=languages)]
    changes = [at for at in range(1, len(turns)) if turns[at] != turns[at - 1]]
    if languages == 1:
        assert changes == []
    else:
        assert {after - before for before, after in itertools.pairwise(changes)} == {2}, "two beats of 10 s"
        order = [turns[at] for at in changes]
        assert all((before + 1) % languages == after for before, after in itertools.pairwise(order))


@pytest.mark.parametrize("languages", [1, 2, 3])
@pytest.mark.parametrize("pages", [2, 3, 4, 5])
def test_k11_k16_all_pages_are_shown_in_all_languages(pages: int, languages: int) -> None:
    """Pages turn with each beat; none of them is shown in one language alone, which 20 s would do with 5."""
    turns = [
        (turn.page, turn.language) for _, turn in beats(pages * languages, pages=pages, languages=languages)
    ]
    assert len(set(turns)) == pages * languages
    shown = [page for page, _ in turns]
    assert all((before + 1) % pages == after for before, after in itertools.pairwise(shown))


@pytest.mark.parametrize("zone", [BERLIN, KOLKATA])
def test_k14_night_is_from_22_to_6_at_the_site(zone: ZoneInfo) -> None:
    for minute in range(24 * 60):
        here = datetime(2026, 6, 1, tzinfo=zone) + timedelta(minutes=minute)
        turn = rhythm.turn(here.astimezone(UTC) + timedelta(seconds=1), zone, 1, 1, 1.0)
        assert turn.is_night == (here.hour >= 22 or here.hour < 6), here


def test_k14_the_place_walks_a_few_pixels_a_minute_and_comes_back() -> None:
    places = [
        rhythm.turn(START + timedelta(minutes=minute), BERLIN, 1, 1, 1.0).place for minute in range(200)
    ]
    assert {abs(after - before) for before, after in itertools.pairwise(places)} == {2}
    assert (min(places), max(places)) == (-8, 8)
    assert abs(sum(places[:160])) <= 2, "no side is lit more than the other"


@pytest.mark.parametrize("zone", [BERLIN, KOLKATA, ZoneInfo("America/Santiago"), ZoneInfo("Africa/Cairo")])
def test_k13_one_reload_a_day_at_four_at_the_site(zone: ZoneInfo) -> None:
    """Over a year with its changes of the clock: each day has one, within the minute after four."""
    now, days = datetime(2026, 1, 1, tzinfo=UTC), []
    for _ in range(366):
        now = rhythm.next_reload(now, zone, 7)
        here = now.astimezone(zone)
        assert (here.hour, here.minute) == (4, 0), here
        days.append(here.date())
    assert days == [days[0] + timedelta(days=day) for day in range(366)]


def test_k13_reloads_are_spread_over_a_minute() -> None:
    at = [rhythm.next_reload(START, BERLIN, display) for display in range(1, 61)]
    assert len({moment.second // 10 for moment in at}) == 6
    assert max(at) - min(at) < timedelta(minutes=1)
    assert {moment.astimezone(BERLIN).date() for moment in at} == {date(2026, 11, 23)}


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 1, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, 0, tzinfo=UTC)),
    ],
)
def test_k15_no_beat_is_lost_or_doubled_over_a_change_of_the_clock(zone: str, change: datetime) -> None:
    now, behind, seen = change - timedelta(minutes=2), rhythm.lag(3), []
    while now < change + timedelta(minutes=2):
        now = rhythm.next_beat(now, 1, behind)
        seen.append((now, rhythm.turn(now, ZoneInfo(zone), 2, 1, behind)))
    assert len(seen) == 25
    languages = [turn.language for _, turn in seen]
    assert all(languages[at] != languages[at + 2] for at in range(len(languages) - 2))
