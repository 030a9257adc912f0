"""`/account`: who one is, how and where one signs in, who looked, what is stored (P24, P25)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request

from app import clock
from app.access.own_account import is_fresh
from app.access.passwords import SHORTEST
from app.access.visitor import Somebody, Visitor
from app.pages import preferences
from app.settings import password_sign_in
from components import account_access, account_data, account_profile, forms, shell, words
from components.words import Reader
from data.queries.own_account import OwnAccount, own_account
from data.types import Role

if TYPE_CHECKING:
    from app.portal import Portal

PROFILE, PREFERENCES, PASSWORD = "profile", "preferences", "password"
SIGN_INS, IDENTITIES, LEAVING = "sign-ins", "identities", "leaving"
PREFERENCES_SAVED = "preferences-saved"
SAID = {
    PROFILE: ("name-saved", "email-saved"),
    PREFERENCES: (PREFERENCES_SAVED,),
    PASSWORD: ("password-saved",),
    SIGN_INS: ("ended", "others-ended"),
    IDENTITIES: ("unlinked",),
    LEAVING: ("deletion-asked", "deletion-withdrawn"),
}
"""What came of a form, by the card that tells it."""
PROBLEMS = {
    PROFILE: ("name", "email", "taken", "many"),
    PREFERENCES: (),
    PASSWORD: ("wrong", "many-passwords", "password", "common", "own", "off"),
    IDENTITIES: ("only-way-in",),
}
"""What was wrong with one."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/account")
    async def account(request: Request, somebody: Somebody, said: str = "", before: str = "") -> None:
        older_than = int(before) if before.isascii() and before.isdecimal() and len(before) < 16 else None
        found = await portal.database.ask(own_account, somebody.id, clock.now(), older_than)
        Page(portal, somebody, found, said, older_than is None).draw(request)


@dataclass(frozen=True)
class Page:
    """One person's account page. It is drawn once: its forms load it anew."""

    portal: Portal
    visitor: Visitor
    found: OwnAccount
    told: str
    """What came of the form that was posted last, if one was."""
    newest: bool
    """Whether the newest support visits are among what was found."""

    @property
    def reader(self) -> Reader:
        """Who reads it."""
        return words.reader(self.visitor.language, self.visitor.time_zone)

    @property
    def read_only(self) -> bool:
        """Whether it is somebody else who looks (P24)."""
        return self.visitor.actor is not None

    def draw(self, request: Request) -> None:
        """Draw all cards."""
        reader, visitor, found = self.reader, self.visitor, self.found
        now, read_only = clock.now(), self.read_only
        person = preferences.person(visitor)
        keep = preferences.keeper(self.portal, visitor, request, self.saved)
        labels = {one.key: one.label for one in self.portal.by_provider.choices()}
        with shell.page(reader, reader.text("account.title"), person, keep):
            ui.add_head_html('<link rel="stylesheet" href="/look/access.css">')
            account_profile.draw(
                reader,
                visitor.name,
                visitor.email,
                visitor.role,
                visitor.sign_in_id,
                fresh=is_fresh(visitor, now),
                read_only=read_only,
                said=lambda: self.tell(PROFILE),
            )
            account_profile.draw_preferences(
                reader,
                person.preferences,
                keep,
                read_only=read_only,
                said=lambda: self.tell(PREFERENCES),
            )
            self.draw_ways_in(labels)
            account_access.draw_sign_ins(
                reader, found.sign_ins, visitor.sign_in_id, now, read_only=read_only, said=self.said(SIGN_INS)
            )
            if visitor.role is Role.DRIVER or found.visits:  # nobody acts as an operator (T26)
                account_data.draw_visits(reader, found.visits, now, newest=self.newest)
            drives = visitor.role is Role.DRIVER
            account_data.draw_downloads(reader, found.sessions, read_only=read_only, drives=drives)
            # Operators are asked, and don't ask themselves; who was a driver then can withdraw it still.
            if visitor.role is Role.DRIVER or found.deletion_requested_at is not None:
                account_data.draw_leaving(
                    reader,
                    found.deletion_requested_at,
                    visitor.sign_in_id,
                    read_only=read_only,
                    said=self.said(LEAVING),
                )

    def draw_ways_in(self, labels: dict[str, str]) -> None:
        """Password, and identities where there are providers to have one at."""
        reader, found = self.reader, self.found
        usable = [one for one in found.identities if one.provider in labels]
        by_password = found.has_password and password_sign_in(self.portal.settings)
        if by_password:
            account_access.draw_password(
                reader,
                self.visitor.email,
                SHORTEST,
                self.visitor.sign_in_id,
                read_only=self.read_only,
                said=lambda: self.tell(PASSWORD),
            )
        else:
            names = [labels[one.provider] for one in usable]
            account_access.draw_no_password(reader, names, switched_off=found.has_password)
        if labels or found.identities:
            account_access.draw_identities(
                reader,
                found.identities,
                labels,
                clock.now(),
                self.visitor.sign_in_id,
                can_unlink=by_password or len(usable) > 1,
                read_only=self.read_only,
                said=self.said(IDENTITIES),
                problem=self.problem(IDENTITIES),
            )

    def saved(self) -> None:
        """The page anew, in what was chosen, where it says that it is saved."""
        if self.told == PREFERENCES_SAVED:
            ui.navigate.reload()  # going to the address that one is at already loads nothing
        else:
            ui.navigate.to(f"/account?said={PREFERENCES_SAVED}#preferences-title")

    def said(self, card: str) -> str:
        """What *card* tells of the form that was posted last, if it went well."""
        return self.reader.text(f"account.said.{self.told}") if self.told in SAID[card] else ""

    def problem(self, card: str) -> str:
        """What *card* tells of it, if it did not."""
        if self.told not in PROBLEMS[card]:
            return ""
        return self.reader.text(f"account.problem.{self.told}", n=SHORTEST)

    def tell(self, card: str) -> None:
        """Draw either."""
        if problem := self.problem(card):
            forms.alert(problem)
        elif said := self.said(card):
            forms.text("p", said).props("role=status").classes("p-note")
