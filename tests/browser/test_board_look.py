"""What a display looks like, measured in a real browser (K9–K11, K14, K16–K18, K20)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from components import board_layout
from components.board import pages
from components.texts import languages
from tests import boards
from tests.browser.codes import quiet_zone, read_code
from tests.browser.flags import FLAGS
from tests.browser.looking import Looking, serving
from tests.browser.test_look import AXE
from tests.browser.waiting import waiting

ROOT = Path(__file__).resolve().parents[2]
START = 60.0
SCREENS = [(1280, 720), (1920, 1080), (3840, 2160), (1080, 1920)]
SQUARE = [(720, 720), (800, 720), (720, 960)]
"""Nearly: a board has no size of its own for them, and fits all the same."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the board is."""
    with serving(tmp_path_factory.mktemp("board") / "output.log") as url:
        yield url


@pytest.fixture(scope="module")
def looking(served: str) -> Iterator[Looking]:
    """One browser for all of these tests: each loads the page anew."""
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options)
    browser.set_script_timeout(30)
    try:
        with httpx.Client() as client:
            yield Looking(browser, served, client)
    finally:
        browser.quit()


def test_k9_nothing_scrolls_is_clipped_or_overlaps(looking: Looking) -> None:
    """K9–K11, K18: 1 to 20 bays, plain and hard names, each language, on each of the four screens."""
    wrong: list[str] = []
    codes = list(languages())
    for per_page, counts in ((8, range(21)), (12, range(9, 13))):
        looking.open(per_page=per_page, address=boards.LONG_ADDRESS)
        for at_screen, screen in enumerate(SCREENS):
            looking.screen(*screen)
            for count in counts:
                # Two of the screens have the same shape as the first, and languages in turn.
                turn = codes if at_screen in (0, 3) else [codes[(count + at_screen) % len(codes)]]
                for language in turn:
                    told = {
                        "count": count,
                        "kind": "plain" if count % 6 == 1 else "hard",
                        "start": count + 5 * codes.index(language) + at_screen,
                        "page": count % pages(count, per_page),
                        "failing": count % 5 == 1,
                        "night": count % 4 == 1,
                        "place": (-8, 0, 8)[count % 3],
                    }
                    found = looking.show(language=language, **told)
                    wrong += [f"{screen} {language} {told}: {one}" for one in found["problems"]]
                    grid = board_layout.grid(len(found["tiles"]), standing=screen[0] < screen[1])
                    columns = len({left for left, *_ in found["tiles"]})
                    if columns != grid.columns and count:
                        wrong.append(f"{screen} {told}: {columns} columns")
                    wrong += [f"{screen} {told}: {one}" for one in too_small(found, min(screen))]
    assert wrong == []


def test_k9_a_square_screen_too(looking: Looking) -> None:
    """K9: whatever the shape between the two that boards are made for, words stand beside each other."""
    wrong: list[str] = []
    for per_page in (8, 12):
        looking.open(per_page=per_page, address=boards.LONG_ADDRESS)
        for screen in SQUARE:
            looking.screen(*screen)
            for count in (1, 4, per_page):
                for start, kind in enumerate(("plain", "hard", "hard")):
                    language = ("en", "de")[start % 2]
                    found = looking.show(count=count, kind=kind, start=4 * start + count, language=language)
                    wrong += [f"{screen} {count} {kind}: {one}" for one in found["problems"]]
    assert wrong == []


def test_k9_k16_the_stale_mark_fits_in_three_languages(looking: Looking) -> None:
    """K9, K16: the project has two languages so far; of three, one with longer words than any that it has."""
    wrong: list[str] = []
    for orientation in ("auto", "left"):
        looking.open(told="de,en,nl", orientation=orientation)
        for screen in (*SCREENS, *SQUARE):
            looking.screen(*screen)
            found = looking.show(count=8, failing=True)
            wrong += [f"{orientation} {screen}: {one}" for one in found["problems"]]
            assert len(found["stale"]) == 9, "a title, its news and what to do, three times"
            sizes = zip(found["stale"], (6.1, 3.7, 3.7) * 3, strict=True)
            small = [size for size, least in sizes if size < least * min(screen) / 100]
            wrong += [f"{orientation} {screen}: {size} px" for size in small if screen in SCREENS]
    assert wrong == []


def too_small(found: dict[str, Any], shorter: int) -> Iterator[str]:
    """K10: what of a measured board is smaller than `screens.md` says, in hundredths of the shorter side."""
    count = len(found["tiles"])
    rows = len({top for _, top, *_ in found["tiles"]})
    share = 1 if count <= 8 else min(1, 2 / rows)
    for kind, least in (("words", 6.1), ("details", 3.7)):
        yield from (f"{kind} of {size}" for size in found[kind] if size < least * share * shorter / 100)
    if found["codes"][0][2] < 15 * shorter / 100:
        yield f"a code at {found['codes']}"


def test_k10_a_short_name_is_as_large_as_it_can_be(looking: Looking) -> None:
    """K10: 9 vmin; K16: and changing the language moves nothing; K14: nor does what hangs below it."""
    looking.open()
    parts = ("tiles", "tops", "heads", "feet", "codes")
    for screen in SCREENS:
        looking.screen(*screen)
        for count in (1, 3, 8):
            english, german = (looking.show(count=count, language=code) for code in ("en", "de"))
            assert min(english["names"]) >= 9 * min(screen) / 100
            assert [english[part] for part in parts] == [german[part] for part in parts]


def test_k16_each_block_says_its_language(looking: Looking) -> None:
    """K16: and names, which are in nobody's, say none."""
    looking.open()
    looking.show(count=3, language="de")
    langs = looking.browser.execute_script(
        "return ['.k-count', '.k-word', '.k-details span', '.k-invite', '.k-updated', '.k-site', '.k-name']"
        ".map(s => document.querySelector(s).closest('[lang]').lang)"
    )
    assert langs == ["de"] * 5 + ["", ""]
    stale = looking.browser.execute_script(
        "return [...document.querySelectorAll('.k-stale h2')].map(e => [e.parentElement.lang, e.textContent])"
    )
    assert dict(stale) == {"de": "Nicht aktuell", "en-US": "Not up to date"}


def test_k17_the_code_is_read_from_a_screenshot(looking: Looking) -> None:
    """K17: lying and standing, and at night too; the address stands beside it."""
    looking.open()
    for screen, is_night in ((SCREENS[0], False), (SCREENS[0], True), (SCREENS[3], False)):
        looking.screen(*screen)
        found = looking.show(count=8, night=is_night)
        assert read_code(looking.browser, found["feet"][0]) == boards.ADDRESS
        assert quiet_zone(looking.browser, found["codes"][0]) >= 3, "as `screens.md` has it"
    assert looking.browser.execute_script(
        "return document.querySelector('.k-address').textContent"
    ) == boards.ADDRESS.removeprefix("https://")


def test_k18_a_screen_that_hangs_on_its_side(looking: Looking) -> None:
    """K18: the board stands, with its head where the top of the screen's place is."""
    looking.screen(1920, 1080)
    for orientation, head_left in (("left", 1920 * 0.88), ("right", 0)):
        looking.open(orientation=orientation)
        found = looking.show(count=8, kind="hard")
        assert found["problems"] == []
        (left, _, width, _) = found["heads"][0]
        assert left >= head_left
        assert left + width <= head_left + 1920 * 0.12
        assert len({left for left, *_ in found["tiles"]}) == 4
        assert len({top for _, top, *_ in found["tiles"]}) == 2
    assert [1920, 1080] in looking.tell()["sizes"]


def test_k20_a_keyboard_turns_the_page(looking: Looking) -> None:
    """K20, K11: the dots are buttons, the focus on them is seen, and nothing else needs to be pressed."""
    looking.open()
    looking.screen(1280, 720)
    assert looking.show(count=8)["dots"] == 0
    assert looking.show(count=20)["dots"] == 3
    ActionChains(looking.browser).send_keys(Keys.TAB, Keys.TAB).perform()
    assert looking.style(":focus", "outline-style") == "solid"
    assert float(looking.style(":focus", "outline-width").removesuffix("px")) >= 3
    ActionChains(looking.browser).send_keys(Keys.ENTER).perform()
    waiting(looking.browser, 20).until(
        lambda b: b.execute_script("return document.activeElement.getAttribute('aria-current')") == "page"
    )
    assert looking.tell()["turned"] == [1]
    assert looking.browser.execute_script("return document.activeElement.ariaLabel") == "Page 2 of 3"


def test_nothing_of_it_is_hidden_from_screen_readers(looking: Looking) -> None:
    """Names, contrast, landmarks: what axe-core finds on a board of a few pages, of many, and of none."""
    looking.open()
    for face in (
        {"count": 20},
        {"count": 60, "language": "de"},
        {"count": 0, "failing": True, "night": True},
    ):
        looking.show(**face)
        looking.browser.execute_script(AXE)
        found = looking.browser.execute_async_script(
            "axe.run().then(r => arguments[0](r.violations.map(v => v.id + ': ' + v.nodes[0].html)))"
        )
        assert found == []


ANIMATIONS = """
return document.getAnimations().map(a => {
  const { delay, iterations } = a.effect.getTiming();
  return [(a.animationName || a.transitionProperty).slice(0, 6), delay, iterations];
})
"""
"""All of the page, those too that are nobody's idea of a sign."""
LATER = "document.getAnimations().forEach(a => { a.currentTime = arguments[0] })"


def test_k5_without_beats_signs_appear_and_a_beat_takes_them_away(looking: Looking) -> None:
    """K5: trouble after 14 s, after 32 s the stale mark alone, with the time of the last news.

    K12: by animations that run once; there is no other on the page.
    """
    looking.open()
    looking.show(count=9)

    def signs() -> set[str]:
        parts = ("trouble", "dots", "stale", "clock", "updated")
        return {part for part in parts if looking.style(".k-" + part, "visibility") == "visible"}

    # The keyframes of both turns are the same, so that the second takes away what the first has brought.
    for beat, turn in ((1, "is-odd"), (2, "is-even")):
        assert looking.tell(beat=beat)["alive"] == 0
        waiting(looking.browser, 20).until(
            lambda b, turn=turn: b.find_elements("css selector", ".k-beat." + turn)  # type: ignore[misc]
        )
        waiting(looking.browser, 20).until(lambda b: signs() == {"dots", "clock", "updated"})
        running = {tuple(one) for one in looking.browser.execute_script(ANIMATIONS)}
        assert running == {
            ("k-show", 14_000, 1),
            ("k-hide", 14_000, 1),
            ("k-hide", 32_000, 1),
            ("k-show", 32_000, 1),
            ("k-fade", 32_000, 1),
        }
        # They end by themselves here: what is told to be over is, and of itself not to the last digit.
        looking.browser.execute_script(LATER, 13_900)
        waiting(looking.browser, 20).until(lambda b: signs() == {"trouble", "clock", "updated"})
        looking.browser.execute_script(LATER, 31_900)
        waiting(looking.browser, 20).until(
            lambda b: signs() == {"stale"}, "one notice, and no clock that seems to go"
        )
    clock = looking.browser.execute_script("return document.querySelector('.k-clock').textContent")
    news = looking.browser.execute_script(
        "return [...document.querySelectorAll('.k-news')].map(e => e.textContent)"
    )
    assert sorted(news) == [f"Last news {clock}", f"Letzter Stand {clock}"]
    assert looking.tell(beat=3)["alive"] == 0
    waiting(looking.browser, 20).until(lambda b: signs() == {"dots", "clock", "updated"})
    looking.show(count=9, failing=True)
    looking.browser.execute_script(LATER, 14_100)
    assert signs() == {"clock", "updated"}, "of maintenance and trouble the former"
    waiting(looking.browser, 20).until(lambda b: looking.tell()["alive"] == 1)
    looking.tell(beat=6)
    waiting(looking.browser, 20).until(lambda b: looking.tell()["alive"] == 2, "each third, odd or even")


def test_k14_at_night_it_is_black(looking: Looking) -> None:
    """K14: true black, dimmed; by day it is neither."""
    looking.open()
    looking.show(count=3)
    day = [looking.style(".k-screen", "background-color"), looking.style(".k-board", "opacity")]
    looking.show(count=3, night=True, place=5)
    night = [looking.style(".k-screen", "background-color"), looking.style(".k-board", "opacity")]
    assert (day, night) == (["rgb(12, 17, 23)", "1"], ["rgb(0, 0, 0)", "0.6"])
    assert looking.style(".k-bay", "background-color") == "rgb(0, 0, 0)"
    assert looking.style(".k-board", "transform") == "matrix(1, 0, 0, 1, 5, 5)"
