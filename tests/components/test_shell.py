"""The frame: language of the page, colours, account menu, settings; hostile text stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from nicegui import ui

from components import acting, chargers, next_reservation, plan, recent_sessions, shell, theme, words
from components.acting import ActingBanner
from components.drawn import Drawn
from components.preferences import Preferences
from components.shell import Person
from data.queries.plans import CurrentPlan, PlanUse
from data.queries.reservations import NextReservation
from data.queries.sessions import RecentSession
from data.types import Role, Theme
from tests.components.conftest import Paper
from tests.components.test_cards import charger, visible

EN = words.reader("en", "Europe/Berlin")
NOW = datetime(2026, 11, 22, 14, 20, tzinfo=UTC)
CSS = (Path(theme.__file__).parent / "static" / "polaris.css").read_text()
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}`${1}`'\"&amp;"
JANA = Person("Jana", "jana@example.org", Preferences("en", Theme.SYSTEM, "Europe/Berlin"))


def frame(person: Person | None = None, language: str = "en", **values: object) -> None:
    with shell.page(words.reader(language, None), "Your charging", person, **values):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize(("language", "lang"), [("en", "en-US"), ("de", "de")])
async def test_p26_the_page_names_its_language(paper: Paper, language: str, lang: str) -> None:
    """Holds what `theme.dress` leans on: NiceGUI reads the language from the client's own page object."""
    html = await paper.html(lambda: frame(language=language))
    assert re.search(r"<html[^>]*>", html).group() == f'<html lang="{lang}">'  # type: ignore[union-attr]
    assert words.reader(language, None).text("frame.no_scripts") in html  # NiceGUI has it in English alone
    assert 'id="esm-fallback"' in html


@pytest.mark.parametrize(
    ("colours", "scheme"), [(Theme.SYSTEM, "normal"), (Theme.LIGHT, "light"), (Theme.DARK, "dark")]
)
async def test_a_page_is_dark_before_its_first_script(paper: Paper, colours: Theme, scheme: str) -> None:
    """The style sheet follows this element, which NiceGUI writes and keeps."""
    html = await paper.html(lambda: frame(colours=colours))
    assert f'content="{scheme}"' in html
    assert 'id="nicegui-color-scheme"' in html
    assert ':root:has(#nicegui-color-scheme[content="dark"])' in CSS
    assert '<link rel="stylesheet" href="/look/polaris.css">' in html


async def test_one_visitor_s_language_is_not_the_next_one_s(paper: Paper) -> None:
    """NiceGUI shares the page object of a route among all visitors: each gets a copy."""
    visitors = iter(["dressed", "plain"])

    @ui.page("/turns")
    def turns() -> None:
        if next(visitors) == "dressed":
            theme.dress(words.reader("de", None), Theme.DARK)

    first = (await paper.user.http_client.get("/turns")).text
    second = (await paper.user.http_client.get("/turns")).text
    assert '<html lang="de">' in first
    assert 'content="dark"' in first
    assert 'lang="de"' not in second
    assert 'content="dark"' not in second


async def test_the_frame_has_a_skip_link_one_heading_and_no_dead_links(paper: Paper) -> None:
    user = await paper.draw(lambda: frame(JANA))
    (header,) = (one for one in user.find(Drawn).elements if "p-bar" in one.classes)
    assert header.slots["item"].template is not None
    links = re.findall(r' href="([^"]+)"', header.slots["item"].template)
    assert links == ["#content", "/", "/account", "/switch"]
    places = header.values["places"]
    assert [(place["path"], place["current"]) for place in places] == [("/", True), ("/account", False)]
    (heading,) = (one for one in user.find(ui.label).elements if one.tag == "h1")
    assert (heading.text, heading.props["id"]) == ("Your charging", "content")


async def test_t37_sign_out_is_a_post_form(paper: Paper) -> None:
    user = await paper.draw(lambda: frame(JANA))
    (header,) = (one for one in user.find(Drawn).elements if "p-bar" in one.classes)
    assert '<form method="post" :action="props.row.end_path">' in str(header.slots["item"].template)
    assert header.values["end_path"] == "/auth/sign-out"
    await user.should_see("Jana")
    await user.should_see("Sign out")
    await user.should_not_see("Settings")


async def test_p23_whoever_acts_as_somebody_goes_back_instead_of_signing_them_out(paper: Paper) -> None:
    """P23, T29: under a banner with the driver's name as text, and no way to put it away."""
    await paper.draw(lambda: frame(replace(JANA, name=HOSTILE, acting=timedelta(minutes=29, seconds=1))))
    user = paper.user
    (header,) = (one for one in user.find(Drawn).elements if "p-bar" in one.classes)
    assert header.values["end_path"] == "/auth/acting/end"
    await user.should_not_see("Sign out")
    (banner,) = user.find(ActingBanner).elements
    await user.should_see(f"You are acting as {HOSTILE}.")
    await user.should_see("You see the portal as they do. Nothing can be changed.")
    await user.should_see("30 min left")
    (drawn,) = banner.default_slot.children
    assert re.findall("<(?:button|a|form)[^>]*>", str(drawn.slots["item"].template)) == [
        '<form method="post" :action="props.row.path">',
        '<button type="submit">',
    ]
    banner.tell(timedelta(minutes=2))
    await user.should_see("2 min left")
    for seconds in (60, 1, 0, -5):
        banner.tell(timedelta(seconds=seconds))
        await user.should_see("Less than a minute left")


@pytest.mark.parametrize(
    ("role", "path", "current"),
    [
        (Role.OPERATOR, "/admin", "/admin"),
        (Role.OPERATOR, "/admin/drivers/7", "/admin/drivers"),
        (Role.OPERATOR, "/admin/driverslike", "/admin"),
        (Role.DRIVER, "/", "/"),
        (Role.DRIVER, "/account", "/account"),
        (Role.DRIVER, "/sessions/3", None),
    ],
)
async def test_the_place_where_one_is_is_marked(
    paper: Paper, role: Role, path: str, current: str | None
) -> None:
    @ui.page(path)
    def page() -> None:
        frame(replace(JANA, role=role))

    await paper.user.open(path)
    (header,) = (one for one in paper.user.find(Drawn).elements if "p-bar" in one.classes)
    places = header.values["places"]
    assert [place["path"] for place in places if place["current"]] == ([current] if current else [])


async def test_nobody_signed_in_no_account_menu(paper: Paper) -> None:
    user = await paper.draw(frame)
    (header,) = (one for one in user.find(Drawn).elements if "p-bar" in one.classes)
    assert header.values["name"] == ""


async def test_p25_settings_are_chosen_and_handed_over(paper: Paper) -> None:
    chosen: list[Preferences] = []
    user = await paper.draw(lambda: frame(JANA, on_preferences=chosen.append))
    elements = len(user.client.elements)
    (button,) = (one for one in user.client.elements.values() if "p-settings" in one.classes)
    listener = next(one for one in button._event_listeners.values() if one.type == "click")
    button._handle_event({"listener_id": listener.id, "args": []})
    await user.should_see("Time zone")
    language, colours, zone = sorted(user.find(ui.select).elements, key=lambda one: one.id)
    assert (language.value, colours.value, zone.value) == ("en", Theme.SYSTEM, "Europe/Berlin")
    language.value, colours.value, zone.value = "de", Theme.DARK, "America/Santiago"
    user.find("Save").click()
    assert chosen == [Preferences("de", Theme.DARK, "America/Santiago")]
    (dialog,) = user.find(ui.dialog).elements
    assert not dialog.value
    hidden = next(one for one in dialog._event_listeners.values() if one.type == "hide")
    dialog._handle_event({"listener_id": hidden.id, "args": []})
    assert len(user.client.elements) == elements


async def test_t41_hostile_text_stays_text(paper: Paper) -> None:
    """It is in the page as data alone, escaped; Vue shows data with `{{ }}`, which makes no elements."""

    def draw() -> None:
        with shell.page(EN, HOSTILE, Person(HOSTILE, HOSTILE, JANA.preferences)):
            recent_sessions.draw([RecentSession(1, HOSTILE, NOW, None, 1, False)], EN, NOW)
            next_reservation.draw(NextReservation(1, HOSTILE, None, NOW, NOW.replace(hour=20)), EN, NOW)
            terms = CurrentPlan(HOSTILE, "EUR", 1, None, None, None, False, date(2025, 1, 1))
            plan.draw(PlanUse(terms, 1, NOW), EN, NOW)
            one = charger(1, name=HOSTILE, site_name=HOSTILE, connector_types=(HOSTILE,))
            chargers.draw(visible(one), EN, NOW, lambda search: None)
            acting.draw(EN, HOSTILE, timedelta(minutes=30))

    html = await paper.html(draw)
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert html.count("onerror=alert") >= 8
    assert "`${1}`" not in html.split("parseElements(")[1]  # a template string of JavaScript


def test_templates_never_make_html_of_values() -> None:
    """T43: no `v-html`, and no handler but the one that tells the server of a click."""
    for file in Path(theme.__file__).parent.glob("*.py"):
        source = file.read_text()
        assert "v-html" not in source, file.name
        handlers = re.findall(r'[ :](?:@|v-on:)[\w.:-]+="([^"]*)"', source)
        assert all(re.fullmatch(r"\$parent\.\$emit\('\w+'\)", handler) for handler in handlers), file.name


async def test_the_style_sheet_is_served_and_says_when_it_has_not_changed(paper: Paper) -> None:
    theme.install()
    browser = paper.user.http_client
    first = await browser.get("/look/polaris.css")
    assert first.status_code == 200
    assert "--primary" in first.text
    again = await browser.get("/look/polaris.css", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "page"),
        ("ink", "card"),
        ("muted", "card"),
        ("muted", "page"),
        ("muted", "sunken"),
        ("primary", "card"),
        ("on-primary", "primary"),
        ("ink", "live"),
        ("live-muted", "live"),
        ("online", "online-soft"),
        ("in-use", "in-use-soft"),
        ("reserved", "reserved-soft"),
        ("offline", "offline-soft"),
        ("fault", "fault-soft"),
    ],
)
def test_text_has_a_contrast_of_seven(text: str, ground: str, scheme: int) -> None:
    assert contrast(TOKENS[text][scheme], TOKENS[ground][scheme]) >= 7


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("line", ["line-strong", "live-line", "primary"])
def test_lines_that_mean_something_have_a_contrast_of_three(line: str, scheme: int) -> None:
    assert contrast(TOKENS[line][scheme], TOKENS["card"][scheme]) >= 3
