"""What happens to the rows of displays and of waiting screens: each function runs inside one change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change
from data.models import Display, Pairing, Site
from data.queries import displays
from data.queries.displays import Waiting

LASTS = timedelta(minutes=10)
"""How long a code is good (K1)."""
AT_AN_ADDRESS = 50
"""Screens that wait at one address at most: more than one company mounts in ten minutes."""
IN_ALL = 5_000
"""Screens that wait at most. Nobody is ever pushed out for another."""
PAIRED, CHANGED, REVOKED, ADDRESS = "paired", "changed", "revoked", "address"
"""What happened to a display, as an announcement's ``what`` tells it."""


class CannotShow(Exception):
    """Why a display is not as somebody wants it; ``why`` is a word that pages have a sentence for."""

    why = ""

    def __init__(self) -> None:
        super().__init__(self.why)


class NoSuchCode(CannotShow):
    """No screen shows this code now: mistyped, used, or older than ten minutes."""

    why = "code"


class NoSuchDisplay(CannotShow):
    """There is no display with this id (any more)."""

    why = "no_display"


class NoSiteOfThis(CannotShow):
    """There is no site with this id."""

    why = "no_site"


class TooManyWait(Exception):
    """So many screens wait already that there is no code for one more."""


class IsPaired(Exception):
    """The screen has become a display meanwhile: it needs no code but its page."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen that asks for a code."""

    token_hash: str
    address: str
    """What counts as its network address."""
    browser: str
    """In words."""


def wait(change: Change, screen: Screen, code: Callable[[], str], now: datetime, *, anew: bool) -> Waiting:
    """The code that *screen* shows: the one that it has, or another if it has none or wants it *anew*.

    Raises `IsPaired` or `TooManyWait`. What is over goes on the way.
    """
    if displays.by_token(change.connection, screen.token_hash) is not None:
        raise IsPaired
    change.execute(delete(Pairing).where(Pairing.expires_at <= now))
    known = displays.waiting(change.connection, screen.token_hash, now)
    # A clock that was set back makes no code good for longer.
    if known is not None and not anew and known.expires_at <= now + LASTS:
        return known
    new, until = code(), now + LASTS
    if known is not None:
        change.execute(update(Pairing).where(Pairing.id == known.id).values(code=new, expires_at=until))
        return Waiting(known.id, new, known.address, until)
    here, in_all = displays.crowd(change.connection, screen.address)
    if here >= AT_AN_ADDRESS or in_all >= IN_ALL:
        raise TooManyWait
    row = {
        "code": new,
        "token_hash": screen.token_hash,
        "address": screen.address,
        "browser": screen.browser,
        "created_at": now,
        "expires_at": until,
    }
    made = change.execute(insert(Pairing).returning(Pairing.id), row)
    return Waiting(made.scalar_one(), new, screen.address, until)


def confirm(change: Change, caller: Caller, code: str, row: dict[str, Any], now: datetime) -> int:
    """Make the screen that shows *code* a display; the code is used up.

    Raises `NoSuchCode` or `NoSiteOfThis`.
    """
    site = _site(change, row["site_id"])
    found = change.execute(
        delete(Pairing)
        .where(Pairing.code == code, Pairing.expires_at > now)
        .returning(Pairing.id, Pairing.token_hash, Pairing.browser)
    ).one_or_none()
    if found is None:
        raise NoSuchCode
    given = {**row, "token_hash": found.token_hash, "browser": found.browser, "created_at": now}
    display_id = int(change.execute(insert(Display).returning(Display.id), given).scalar_one())
    details = {**{key: row[key] for key in SHOWN}, "site": site}
    audit.record(change, caller, "display.confirm", now, about=_about(row["name"]), details=details)
    change.announce(_told(display_id, PAIRED, pairing=found.id))
    return display_id


def edit(change: Change, caller: Caller, display_id: int, row: dict[str, Any], now: datetime) -> None:
    """Change what a display shows. Raises `NoSuchDisplay` or `NoSiteOfThis`."""
    before = _display(change, display_id)
    changed = {key: [before[key], value] for key, value in row.items() if before[key] != value}
    if not changed:
        return
    if "site_id" in changed:
        changed["site"] = [before["site"], _site(change, row["site_id"])]
    change.execute(update(Display).where(Display.id == display_id).values(row))
    audit.record(change, caller, "display.edit", now, about=_about(row["name"]), details=changed)
    change.announce(_told(display_id, CHANGED))


def revoke(change: Change, caller: Caller, display_id: int, now: datetime) -> None:
    """Take a display's right away, and with it its row. Raises `NoSuchDisplay`."""
    before = _display(change, display_id)
    change.execute(delete(Display).where(Display.id == display_id))
    audit.record(change, caller, "display.revoke", now, about=_about(before["name"]), details=before)
    change.announce(_told(display_id, REVOKED))


def new_address(change: Change, caller: Caller, display_id: int, address_hash: str, now: datetime) -> None:
    """Give a display a start address; the one that it had opens nothing more. Raises `NoSuchDisplay`."""
    before = _display(change, display_id)
    change.execute(update(Display).where(Display.id == display_id).values(address_hash=address_hash))
    audit.record(change, caller, "display.address", now, about=_about(before["name"]))
    change.announce(_told(display_id, ADDRESS))


SHOWN = ("site_id", "name", "orientation", "languages", "bays_per_page")
"""What an operator says of a display."""


def _display(change: Change, display_id: int) -> dict[str, Any]:
    found = change.execute(
        select(*(getattr(Display, name) for name in SHOWN), Site.name.label("site"))
        .join(Site, Site.id == Display.site_id)
        .where(Display.id == display_id)
        .with_for_update(of=Display)
    ).mappings()
    if (row := found.one_or_none()) is None:
        raise NoSuchDisplay
    return dict(row)


def _site(change: Change, site_id: int) -> str:
    name = change.execute(select(Site.name).where(Site.id == site_id)).scalar_one_or_none()
    if name is None:
        raise NoSiteOfThis
    return str(name)


def _about(name: str) -> str:
    return f"display {name}"


def _told(display_id: int, what: str, **more: int) -> Announcement:
    return Announcement(Topic.DISPLAYS, display_id, {"what": what, **more})
