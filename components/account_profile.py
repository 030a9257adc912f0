"""The account page's first cards: who one is, and how one's pages look (P25)."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from components import forms
from components.drawn import Card
from components.preferences import Fields, Preferences
from components.words import Reader
from data.types import Role

NAME, EMAIL = "/auth/account/name", "/auth/account/email"
"""Where the forms are posted to."""
CONFIRM = "/confirm?next=/account"
"""Where one proves again who one is, and comes back from."""


def draw(
    reader: Reader,
    name: str,
    email: str,
    role: Role,
    drawn_for: int,
    *,
    fresh: bool,
    read_only: bool,
    said: Callable[[], object],
) -> Card:
    """Name and e-mail address, each with its own form; without a *fresh* sign-in the address is text.

    *drawn_for* is the sign-in whose page it is; *said* draws what became of the last change; *read_only*:
    somebody acts as this person (P24).
    """
    with Card("p-half p-account-form", "profile-title") as card:
        forms.text("h2", reader.text("account.profile")).props("id=profile-title")
        said()
        with forms.form(NAME, drawn_for=drawn_for, read_only=read_only):
            box = forms.field(reader.text("account.name"), name)
            box.props("type=text name=name autocomplete=name required maxlength=200")
            forms.submit(reader.text("account.name.save"))
        if fresh or read_only:
            with forms.form(EMAIL, drawn_for=drawn_for, read_only=read_only):
                box = forms.field(reader.text("account.email"), email)
                box.props("type=email name=email autocomplete=email inputmode=email required maxlength=254")
                forms.submit(reader.text("account.email.save"))
        else:
            with ui.element("dl").classes("p-account-facts"):
                forms.text("dt", reader.text("account.email"))
                forms.text("dd", email)
            link = forms.text("a", reader.text("account.email.confirm")).classes("p-link")
            link.props["href"] = CONFIRM
        forms.text("p", reader.text("account.role." + role.value)).classes("p-muted p-small")
    return card


def draw_preferences(
    reader: Reader,
    now: Preferences,
    on_preferences: Callable[[Preferences], object],
    *,
    read_only: bool,
    said: Callable[[], object],
) -> Card:
    """Language, appearance and time zone, as in the settings; *said* draws what became of the last choice."""
    with Card("p-half p-account-form p-fields", "preferences-title") as card:
        forms.text("h2", reader.text("account.preferences")).props("id=preferences-title")
        said()
        fields = Fields(reader, now)
        save = ui.button(
            reader.text("settings.save"), on_click=lambda: on_preferences(fields.chosen), color=None
        )
        save.classes("p-button is-main")
        if read_only:
            fields.disable()
            save.disable()
    return card
