"""`/admin/audit`, `/admin/audit.csv`: who did what to what, when, from where, why (T30)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import nicegui
from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import StreamingResponse

from app.access.visitor import Operator
from app.pages import asked_list, downloads
from app.pages.console import Console
from app.pages.row_id import row_id
from components import audit_words, forms, words
from components.bound import Show
from components.filters import Filters
from components.listing import Cell, Column, Line, Listing, Page
from components.people import PATHS
from components.words import UNKNOWN, Reader
from data.periods import day_start
from data.queries import accounts, audit_log
from data.queries.audit_log import PROGRAM, REFUSED, LoggedAction, LogPage, Wanted

if TYPE_CHECKING:
    from app.portal import Portal

PATH = "/admin/audit"
CSV = "/admin/audit.csv"
FAMILIES: dict[str, tuple[str, ...]] = {
    "people": ("account.", "own_account.", "person."),
    "access": ("sign_in.", "password.", "identity."),
    "acting": ("acting.",),
    "cards": ("card.",),
    "plans": ("plan.", "subscription."),
    "sessions": ("session.", "quarantine."),
    "reservations": ("reservation.",),
    "chargers": ("charger.",),
    "sites": ("site.", "group."),
    "downloads": ("own_data.", "sessions.", "audit."),
}
"""What can be chosen among, by how the names of actions begin."""
REST = "other"
"""Whatever begins in no such way."""
REFUSALS = "refused"


def install(portal: Portal) -> None:
    """Install the page and its download."""

    @ui.page(PATH)
    async def audit(request: Request, operator: Operator) -> None:
        await AuditPage(Console(portal, operator, request), Asked.of(request)).draw()

    @nicegui.app.get(CSV)
    async def file(request: Request, operator: Operator) -> StreamingResponse:
        reader = words.reader(operator.language, operator.time_zone)
        wanted = await portal.database.ask(Asked.of(request).wanted, reader)
        pieces = await portal.audit_log.csv(operator.caller, wanted, reader)
        return downloads.download(pieces, "polaris-express-audit.csv", downloads.CSV)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for, as it stands there."""

    who: str = ""
    """Number of an account, or 0 for the program."""
    what: str = ""
    """A family of actions."""
    about: str = ""
    """Words of the name or address of whom it concerns, or ``#12``."""
    since: str = ""
    """Local days."""
    until: str = ""
    after: str = ""
    """The row that the page before ended with, or ``before``, the one that the page after began with."""
    before: str = ""

    @classmethod
    def of(cls, request: Request) -> Asked:
        """Read out of *request*; what has no name here is not looked at."""
        names = ("who", "what", "about", "from", "to", "after", "before")
        who, what, about, *rest = asked_list.given(request, names)
        return cls(who, what, accounts.cleaned(about), *rest)

    @property
    def filters(self) -> dict[str, str]:
        """By the names that the address has for them."""
        return {
            "who": self.who,
            "what": self.what,
            "about": self.about,
            "from": self.since,
            "to": self.until,
        }

    def address(self, path: str = PATH, **more: str) -> str:
        """Where this is, from its first page on unless *more* names another."""
        return asked_list.address(path, {**self.filters, **more})

    def wanted(self, db: Connection, reader: Reader) -> Wanted:
        """What is to be listed. What is not understood lists nothing (T5)."""
        wrong = False

        def day(text: str, after: int) -> datetime | None:
            nonlocal wrong
            if not text:
                return None
            try:
                return day_start(date.fromisoformat(text) + timedelta(days=after), reader.tz)
            except (ValueError, OverflowError):
                wrong = True
                return None

        actor = row_id(self.who)
        wrong = self.who != "" and actor is None
        wanted = Wanted(
            actor_id=actor,
            actions=None if not self.what else _actions(db, self.what),
            subjects=None if not self.about else audit_log.found(db, self.about),
            since=day(self.since, 0),
            until=day(self.until, 1),
        )
        return replace(wanted, actions=()) if wrong else wanted


def _actions(db: Connection, what: str) -> tuple[str, ...]:
    """Those that the log has of the family *what*; none of what is no family."""
    known = audit_log.actions(db)
    if what == REFUSALS:
        return tuple(one for one in known if one.endswith(REFUSED))
    if what == REST:
        every = tuple(beginning for family in FAMILIES.values() for beginning in family)
        return tuple(one for one in known if not one.startswith(every))
    beginnings = FAMILIES.get(what)
    return () if beginnings is None else tuple(one for one in known if one.startswith(beginnings))


@dataclass(frozen=True, slots=True)
class Answer:
    """The page of the log, and what it is the answer to."""

    asked: Asked
    log: LogPage
    operators: tuple[tuple[int, str], ...]


class AuditPage:
    """The list."""

    def __init__(self, console: Console, asked: Asked) -> None:
        self.console = console
        self.asked = asked
        self.cards = console.cards()
        self.found = self.cards.bind(self.ask, tells_time=True)

    def ask(self, db: Connection) -> Answer:
        """Asked in a thread."""
        asked = self.asked
        wanted = asked.wanted(db, self.console.reader)
        after, before = (
            None if (number := row_id(text)) is None else audit_log.place(db, number)
            for text in (asked.after, asked.before)
        )
        log = audit_log.page(db, wanted, after=after, before=before)
        return Answer(asked, log, audit_log.operators(db))

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        reader = self.console.reader
        with self.console.page(reader.text("audit.title")) as frame:
            with frame.title:
                self.found.draw(self.draw_download, silent=True)
            self.found.draw(self.draw_filters, silent=True)
            self.found.draw(self.draw_log)

    def draw_download(self, answer: Answer) -> Show[Answer]:
        """The link to the file with the same filters."""
        link = forms.text("a", self.console.reader.text("audit.download")).classes("p-act")
        link.props("download")

        def show(answer: Answer) -> None:
            link.props["href"] = answer.asked.address(CSV)

        show(answer)
        return show

    def draw_filters(self, answer: Answer) -> Show[Answer]:
        """Who, what, about whom, from when to when."""
        reader = self.console.reader
        row = Filters(reader, answer.asked.filters, self.look)
        row.search("about", reader.text("audit.about.search"))
        who = {str(PROGRAM): reader.text("audit.who.program")}
        who |= {str(id_): name for id_, name in answer.operators}
        asked = answer.asked.who
        if asked and asked not in who:
            named = next((one.actor_name for one in answer.log.rows if one.actor_name), asked)
            who[asked] = named
        row.choice("who", reader.text("audit.who"), who, everything=reader.text("audit.anybody"))
        what = {one: reader.text(f"audit.what.{one}") for one in (*FAMILIES, REST, REFUSALS)}
        row.choice("what", reader.text("audit.what"), what, everything=reader.text("audit.anything"))
        row.day("from", reader.text("audit.from"))
        row.day("to", reader.text("audit.to"))
        return lambda answer: None

    def look(self, values: dict[str, str]) -> None:
        """Show what is asked for from its newest row on; the address follows."""
        self.asked = Asked(
            values.get("who", ""),
            values.get("what", ""),
            accounts.cleaned(values.get("about", "")),
            values.get("from", ""),
            values.get("to", ""),
        )
        ui.navigate.history.replace(self.asked.address())
        self.found.ask()

    def draw_log(self, answer: Answer) -> Show[Answer]:
        """The rows."""
        reader = self.console.reader
        card = Listing(reader, reader.text("audit.title"), classes="p-audit")

        def show(answer: Answer) -> None:
            card.show(listed(answer, reader))

        show(answer)
        return show


def listed(answer: Answer, reader: Reader) -> Page:
    """The rows as a table."""
    asked, rows = answer.asked, answer.log.rows
    filtered = any(asked.filters.values())
    return Page(
        [
            Column(reader.text("audit.at")),
            Column(reader.text("audit.who")),
            Column(reader.text("audit.what")),
            Column(reader.text("audit.about")),
            Column(reader.text("audit.why")),
        ],
        [_line(one, reader) for one in rows],
        told=reader.text("audit.zone", zone=reader.zone.replace("_", " ")) if rows else "",
        empty=reader.text("audit.no_match" if filtered or asked.after or asked.before else "audit.empty"),
        previous=asked.address(before=str(rows[0].id)) if answer.log.newer and rows else "",
        next=asked.address(after=str(rows[-1].id)) if answer.log.older and rows else "",
    )


def _line(row: LoggedAction, reader: Reader) -> Line:
    local = reader.local(row.at)
    role = reader.text(f"people.role.{row.actor_role.value}") if row.actor_role is not None else ""
    refused = row.action.endswith(REFUSED)
    href = ""
    if row.subject_role is not None and row.subject_id is not None:
        href = f"{PATHS[row.subject_role]}{row.subject_id}"
    about = audit_words.about(row.about, reader)
    who = audit_words.who(row.actor_id, row.actor_name, reader)
    return Line(
        row.id,
        (
            Cell(reader.full_date(local.date()), meta=local.strftime("%H:%M:%S")),
            Cell(who or UNKNOWN, meta=" · ".join(one for one in (role, row.address) if one)),
            Cell(
                audit_words.action(row.action, row.about, reader),
                meta=audit_words.details(row.details, reader),
                kind="fault" if refused else "",
                icon="block" if refused else "",
            ),
            Cell(row.subject_name or about, meta=about if row.subject_name else "", href=href),
            row.reason,
        ),
    )
