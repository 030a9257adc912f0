"""What the address of the list of all sessions asks for, and the address of what is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Connection
from starlette.requests import Request

from app.pages import asked_list, places
from app.pages.row_id import row_id
from components.words import Reader
from data.periods import day_start
from data.queries import accounts
from data.queries.listed_sessions import State
from data.queries.session_list import Place, Sort, Wanted
from data.types import Role

PATH, FILE = "/admin/sessions", "/admin/sessions.csv"
MOST_DRIVERS = 20
"""Drivers that a search among them lists the sessions of."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for, as it stands there."""

    site: str = ""
    charger: str = ""
    driver: str = ""
    """The number of one, from the driver's page."""
    who: str = ""
    """Words of names or e-mail addresses of drivers."""
    state: str = ""
    since: str = ""
    """Local days."""
    until: str = ""
    sort: str = ""
    after: str = ""
    before: str = ""

    @classmethod
    def of(cls, request: Request) -> Asked:
        """Read out of *request*; what has no name here is not looked at."""
        names = ("site", "charger", "driver", "who", "state", "from", "to", "sort", "after", "before")
        site, charger, driver, who, *rest = asked_list.given(request, names)
        return cls(site, charger, driver, accounts.cleaned(who), *rest)

    def address(self, path: str = PATH, **more: str) -> str:
        """Where this is."""
        given = {
            "site": self.site,
            "charger": self.charger,
            "driver": self.driver,
            "who": self.who,
            "state": self.state,
            "from": self.since,
            "to": self.until,
            "sort": self.sort,
            "after": self.after,
            "before": self.before,
            **more,
        }
        return asked_list.address(path, given)

    def ordered(self, sort: Sort, ascending: bool) -> str:
        """Where the same is from the start, in another order."""
        named = ("" if ascending else "-") + sort.value
        return replace(self, sort="" if named == "-start" else named, after="", before="").address()

    def turned(self, way: str, place: Place) -> str:
        """Where the page *after* or *before* a place is."""
        named = places.named(place)
        other = (
            replace(self, after=named, before="") if way == "after" else replace(self, after="", before=named)
        )
        return other.address()

    def wanted(self, db: Connection, reader: Reader) -> tuple[Wanted, int]:
        """What is to be listed, and how many drivers match. What is not understood lists nothing (T5)."""
        wrong = False

        def number(text: str) -> int | None:
            nonlocal wrong
            if not text:
                return None
            found = row_id(text)
            wrong = wrong or found is None
            return found

        def day(text: str, after: int) -> datetime | None:
            nonlocal wrong
            if not text:
                return None
            try:
                return day_start(date.fromisoformat(text) + timedelta(days=after), reader.tz)
            except (ValueError, OverflowError):
                wrong = True
                return None

        site, charger, driver = number(self.site), number(self.charger), number(self.driver)
        drivers: tuple[int, ...] | None = None if driver is None else (driver,)
        matching = 0
        if self.who:
            found = accounts.listed(db, Role.DRIVER, self.who, limit=MOST_DRIVERS)
            matching = found.matching
            named = tuple(one.id for one in found.shown)
            drivers = named if drivers is None else tuple(set(named) & set(drivers))
        since, until = day(self.since, 0), day(self.until, 1)
        state = State(self.state) if self.state in set(State) else None
        by = self.sort.removeprefix("-")
        wanted = Wanted(
            site=site,
            charger=charger,
            drivers=drivers,
            state=state,
            since=since,
            until=until,
            nothing=wrong or (state is None and self.state != ""),
        )
        sort = Sort(by) if by in set(Sort) and Sort(by) in wanted.sorts else Sort.START
        ascending = by == sort.value and not self.sort.startswith("-")
        return replace(wanted, sort=sort, ascending=ascending), matching
