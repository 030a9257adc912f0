"""The frame of every page: header with brand, places and account menu, skip link, heading, settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from nicegui import ui
from nicegui.element import Element

from components import acting, displays, theme
from components.drawn import Card, Drawn
from components.preferences import Fields, Preferences
from components.words import Reader
from data.types import Role, Theme

SIGN_OUT = "/auth/sign-out"
"""Where the sign-out form is posted to."""

PLACES = {
    Role.DRIVER: (
        ("/", "dashboard", "shell.dashboard"),
        ("/account", "account_circle", "shell.own_account"),
    ),
    Role.OPERATOR: (
        ("/admin", "dashboard", "shell.overview"),
        ("/admin/chargers", "ev_station", "shell.chargers"),
        ("/admin/sessions", "bolt", "shell.sessions"),
        ("/admin/drivers", "group", "shell.drivers"),
        ("/admin/reservations", "event", "shell.reservations"),
        ("/admin/plans", "payments", "shell.plans"),
    ),
}
"""Where each role goes from any page: address, icon, text. In the header; on phones at the bottom."""
MORE = {
    Role.DRIVER: (),
    Role.OPERATOR: (
        ("/admin/cards", "credit_card", "shell.cards"),
        ("/admin/sites", "place", "shell.sites"),
        (displays.LIST, "tv", "shell.displays"),
        ("/admin/operators", "shield", "shell.operators"),
        ("/admin/audit", "history", "shell.audit"),
        ("/admin/health", "monitor_heart", "shell.health"),
    ),
}
"""Where each role goes more rarely: behind a button at the end of the places."""
ON_PHONES = 4
"""Places that the bar of a phone has room for; the others stand in the menu with `MORE`."""

HEADER = """
<div class="p-bar-line">
  <a class="p-skip" href="#content">{{ props.row.skip }}</a>
  <a class="p-brand" href="/" :aria-label="props.row.home">
    <i class="p-icon p-i-ev_station" aria-hidden="true"></i><span>{{ props.row.brand }}</span>
  </a>
  <template v-if="props.row.name">
    <nav class="p-nav" :aria-label="props.row.menu">
      <a v-for="place in props.row.places" :href="place.path" :aria-current="place.current ? 'page' : null"
         :class="{ 'is-rare': place.rare }">
        <i :class="'p-icon p-i-' + place.icon" aria-hidden="true"></i><span>{{ place.text }}</span>
      </a>
      <button v-if="props.row.more.length" type="button" class="p-more" popovertarget="more-menu"
              :class="{ 'is-current': props.row.more_current }">
        <i class="p-icon p-i-more_horiz" aria-hidden="true"></i><span>{{ props.row.more_text }}</span>
      </button>
    </nav>
    <div v-if="props.row.more.length" id="more-menu" class="p-menu p-more-menu" popover="auto">
      <a v-for="place in props.row.more" :href="place.path" :aria-current="place.current ? 'page' : null"
         :class="{ 'is-rare': place.rare }">
        <i :class="'p-icon p-i-' + place.icon" aria-hidden="true"></i>{{ place.text }}
      </a>
    </div>
    <button type="button" class="p-round" popovertarget="account-menu" :aria-label="props.row.account">
      <i class="p-icon p-i-account_circle" aria-hidden="true"></i>
    </button>
    <div id="account-menu" class="p-menu" popover="auto">
      <div class="p-who"><strong>{{ props.row.name }}</strong><span>{{ props.row.email }}</span></div>
      <a href="/account">
        <i class="p-icon p-i-account_circle" aria-hidden="true"></i>{{ props.row.own_account }}
      </a>
      <a href="/switch"><i class="p-icon p-i-swap_horiz" aria-hidden="true"></i>{{ props.row.switch }}</a>
      <form method="post" :action="props.row.end_path">
        <input type="hidden" name="page" :value="props.row.page">
        <input v-if="props.row.sign_in" type="hidden" name="sign_in_id" :value="props.row.sign_in">
        <button type="submit"><i class="p-icon p-i-logout" aria-hidden="true"></i>{{ props.row.end }}</button>
      </form>
    </div>
  </template>
</div>
"""
ERROR = """
<p class="p-error-text" role="status">
  <i class="p-icon p-i-error" aria-hidden="true"></i><span>{{ props.row.text }}</span>
</p>
"""
FIRST_RUN = """
<h2 id="first-run-title">{{ props.row.title }}</h2><p>{{ props.row.text }}</p>
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Whose page it is, for the account menu."""

    name: str
    email: str
    preferences: Preferences
    role: Role = Role.DRIVER
    acting: timedelta | None = None
    """How long it lasts that an operator acts as them, if one does (P23)."""
    sign_in_id: int = 0
    """That the page belongs to, whoever is current at the browser by the time that somebody clicks."""
    actor_language: str | None = None
    """That the operator has chosen, for their banner."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Places in the frame for what a page puts there."""

    title: Element
    """The row of the h1; what is drawn in it stands at its right, such as the counts pill."""
    heading: ui.label
    """The h1 itself, for pages of what can be called otherwise while they are open."""


@contextmanager
def page(
    reader: Reader,
    title: str,
    person: Person | None = None,
    on_preferences: Callable[[Preferences], object] | None = None,
    *,
    colours: Theme | None = None,
) -> Iterator[Frame]:
    """Draw the frame of a page headed *title*; what is drawn inside the block are its cards.

    Cards flow in rows: those two thirds wide and those one third wide share one, and a card whose
    neighbour is missing takes the row. A wrapper around a card needs the class ``p-slot``.

    *person* gets the account menu; without one nobody is signed in. *on_preferences* is called with what
    was chosen in the settings (store it, then load the page again); without it there are none.
    """
    if colours is None:
        colours = person.preferences.theme if person is not None else Theme.SYSTEM
    theme.dress(reader, colours)
    ui.page_title(f"{title} · {reader.text('brand')}")
    client = ui.context.client
    with client.layout, Element("header").classes("p-head") as header:
        Drawn(HEADER, _header(reader, person)).classes("p-bar")
        if person is not None and on_preferences is not None:
            # An element of its own: what is clicked is told by NiceGUI, not by a template.
            settings = Element("button").classes("p-round p-settings p-i-tune").props("type=button")
            settings.props["aria-label"] = settings.props["title"] = reader.text("shell.settings")
            settings.on("click", lambda: _settings(reader, person, on_preferences), args=[])
    if person is not None and person.acting is not None:
        acting.draw(reader, person.name, person.acting, person.actor_language)
    header.move(target_index=0)
    client.content.classes("p-content")
    with Element("q-card").classes("p-title").props("flat") as row:
        heading = ui.label(title).props("id=content tabindex=-1")
        heading.tag = "h1"
    yield Frame(row, heading)


def card_error(reader: Reader) -> Card:
    """Draw, instead of a card, the sentence that it could not be loaded (P5)."""
    with Card("p-error-card") as card:
        Drawn(ERROR, {"text": reader.text("card.error")})
    return card


def first_run(reader: Reader, *, again: bool = False) -> Card:
    """Draw the note for a driver whose operator has still something to do (P4).

    *again*: a card was linked once, and is no more.
    """
    with Card("p-first-run", "first-run-title") as card:
        which = "first_run.again" if again else "first_run"
        texts = {"title": reader.text(f"{which}.title"), "text": reader.text(f"{which}.text")}
        Drawn(FIRST_RUN, texts)
    return card


def _header(reader: Reader, person: Person | None) -> dict[str, object]:
    values: dict[str, object] = {
        "skip": reader.text("shell.skip"),
        "home": reader.text("shell.home"),
        "brand": reader.text("brand"),
        "name": "",
    }
    if person is None:
        return values
    is_acting = person.acting is not None
    if person.role is Role.OPERATOR:
        values["home"] = reader.text("shell.home.operator")
    places, more = PLACES[person.role], MORE[person.role]
    rare = places[ON_PHONES:] if more else ()
    # The longest address that this page's begins with: `/admin/drivers/7` is below `/admin/drivers`.
    path = ui.context.client.request.url.path
    current = max((one for one, _, _ in (*places, *more) if _is_below(path, one)), key=len, default=None)

    def told(these: Sequence[tuple[str, str, str]]) -> tuple[dict[str, object], ...]:
        return tuple(
            {
                "path": one,
                "icon": icon,
                "text": reader.text(text),
                "current": one == current,
                "rare": (one, icon, text) in rare,
            }
            for one, icon, text in these
        )

    return values | {
        "name": person.name,
        "email": person.email,
        "account": reader.text("shell.account", name=person.name),
        "menu": reader.text("shell.menu"),
        "places": told(places),
        "more": told((*rare, *more)),
        "more_text": reader.text("shell.more"),
        "more_current": current in [one for one, _, _ in more],
        "own_account": reader.text("shell.own_account"),
        "switch": reader.text("shell.switch"),
        # Whoever acts as a driver does not sign them out, but goes back to where they came from.
        "end": reader.text("acting.back" if is_acting else "shell.sign_out"),
        "end_path": acting.END if is_acting else SIGN_OUT,
        "sign_in": "" if is_acting or not person.sign_in_id else str(person.sign_in_id),
        # So that it is shown the answer, while all others are sent to sign-in.
        "page": ui.context.client.id,
    }


def _is_below(path: str, place: str) -> bool:
    return path == place or (place != "/" and path.startswith(place + "/"))


def _settings(reader: Reader, person: Person, on_preferences: Callable[[Preferences], object]) -> None:
    """Open the settings; they are drawn only now, so that a page costs nothing for them."""
    with ui.context.client.content:
        place = ui.element().classes("p-slot")
    with place, ui.dialog() as dialog, Element("q-card").classes("p-dialog"):
        dialog.props("aria-labelledby=settings-title")
        ui.label(reader.text("settings.title")).props("id=settings-title").tag = "h2"
        if person.acting is not None:
            ui.label(reader.text("acting.nothing_changes", name=person.name)).classes("p-note").tag = "p"
        fields = Fields(reader, person.preferences)

        def save() -> object:
            dialog.close()
            return on_preferences(fields.chosen)

        with ui.element("div").classes("p-actions"):
            cancel = ui.button(reader.text("settings.cancel"), on_click=dialog.close, color=None)
            cancel.classes("p-button").props("flat")
            ui.button(reader.text("settings.save"), on_click=save, color=None).classes("p-button is-main")

    def gone() -> None:
        dialog.delete()
        place.delete()

    # Not before the browser says so: what was chosen may still be on its way into the account.
    dialog.on("hide", gone, args=[])
    dialog.open()
