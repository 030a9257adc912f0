"""Cards: whose an id tag is, and what becomes of its sessions when that changes.

A mapping is never changed into another driver's: a moved card is a new row, and sessions stay with whom
they belong to unless the operator says which go along (P4). Sessions that nobody has become the driver's
with the mapping (C10). Each change is in the audit log, which never holds a whole tag (T63).
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.access.account_rules import LONGEST_REASON, proper_reason
from app.billing.charges import lock_accounts
from app.changing import changing
from app.charging import reservation_rows, tags
from app.charging.care import Care
from app.charging.command_rows import Patience
from app.logs import masked
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import Account, ChargingSession, Mapping, Reservation, TagSighting
from data.queries import cards_along
from data.types import ReservationStatus, Role

log = logging.getLogger("polaris.operating")

PROPER = re.compile(r"[A-Z0-9*_=:+|@.-]{1,36}")
"""Id tags as OCPP has them (``identifierString``)."""


def can_be_linked(id_tag: str, is_seen: bool) -> bool:
    """Whether *id_tag* can become somebody's; *is_seen*: a charger has reported it, whatever it is."""
    tag = tags.normal(id_tag.strip())
    return bool(tag) and ((is_seen and tag == id_tag) or PROPER.fullmatch(tag) is not None)


class CardStays(Exception):
    """Why a card stays as it is; ``why`` is a word that pages have a sentence for."""

    why = ""

    def __init__(self) -> None:
        super().__init__(self.why)


class NoTag(CardStays):
    """An id tag that is typed is `PROPER`; what a charger has reported is what it is."""

    why = "tag"


class NoSuchDriver(CardStays):
    """There is no such driver (any more) (T2, T3)."""

    why = "driver"


class NoSuchCard(CardStays):
    """There is no such mapping, or it is not active any more."""

    why = "card"


class Already(CardStays):
    """The card is this driver's already."""

    why = "already"


class Taken(CardStays):
    """The card is somebody else's: moving it is asked for by another name (`Cards.move`)."""

    why = "taken"

    def __init__(self, account_id: int | None = None, name: str = "") -> None:
        """*account_id* and *name* of whoever has it; unknown if they came in the same moment."""
        super().__init__()
        self.account_id = account_id
        self.name = name


class TooMany(CardStays):
    """More than `cards_along.MOST` sessions of the driver before would go along."""

    why = "too_many"


@dataclass(frozen=True, slots=True)
class Along:
    """Which past sessions of a card go along to its new driver."""

    of_nobody: bool = True
    """Those that belong to nobody, of times in which the card did too (C10)."""
    since: datetime | None = None
    """From this start on, also those of the driver who had the card last; what was billed is billed anew."""


class Cards:
    """The cards, as operators look after them."""

    def __init__(
        self, database: Database, care: Care | None = None, patience: Patience | None = None
    ) -> None:
        """*care* hands sessions over: without it only those of nobody can go along. See `Patience`."""
        self._database = database
        self._care = care
        self._patience = patience or Patience()

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    @changing("card.link", role=Role.OPERATOR)
    async def map(self, caller: Caller, id_tag: str, account_id: int, along: Along = Along()) -> int:
        """Link a card that nobody has to a driver; the id of the mapping.

        Raises `NoTag`, `NoSuchDriver`, `Already` or `Taken` if somebody else has it.
        """
        return await self._give(caller, "card.link", id_tag, account_id, along, take=False, owner_id=None)

    @changing("card.move", role=Role.OPERATOR)
    async def move(
        self,
        caller: Caller,
        id_tag: str,
        account_id: int,
        along: Along = Along(),
        *,
        owner_id: int | None = None,
    ) -> int:
        """Link a card to a driver, whoever has it now; the id of the new mapping.

        With *owner_id* only if that driver has it: what was asked for before somebody else's change is
        `Taken`. Raises what `map` does besides, and `TooMany`. The card and its
        sessions move together; reservations with the card before are cancelled.
        """
        return await self._give(caller, "card.move", id_tag, account_id, along, take=True, owner_id=owner_id)

    @changing("card.deactivate", role=Role.OPERATOR)
    async def deactivate(self, caller: Caller, mapping_id: int, reason: str = "") -> None:
        """Let nobody charge with the card any more; its sessions stay the driver's (P4).

        One in progress goes on. Coming reservations with it are cancelled. Raises `NoSuchCard`.
        """
        reason, now = proper_reason(reason)[:LONGEST_REASON], clock.now()
        await self._database.change(_deactivate, caller, mapping_id, reason, now, self._patience)

    @changing("card.block", role=Role.OPERATOR)
    async def block(self, caller: Caller, mapping_id: int, reason: str = "") -> None:
        """Have chargers refuse the card, which stays the driver's: a lost one. Raises `NoSuchCard`."""
        reason = proper_reason(reason)[:LONGEST_REASON]
        await self._database.change(_block, caller, mapping_id, True, reason, clock.now())

    @changing("card.unblock", role=Role.OPERATOR)
    async def unblock(self, caller: Caller, mapping_id: int) -> None:
        """Have chargers accept the card again. Raises `NoSuchCard`."""
        await self._database.change(_block, caller, mapping_id, False, "", clock.now())

    @changing("card.ignore", role=Role.OPERATOR)
    async def ignore(self, caller: Caller, id_tag: str) -> None:
        """Say that nothing is to be done about an unknown tag. Raises `NoSuchCard`: no charger told of it."""
        await self._database.change(_ignore, caller, id_tag, clock.now(), True)

    @changing("card.unignore", role=Role.OPERATOR)
    async def unignore(self, caller: Caller, id_tag: str) -> None:
        """Have the tag among what needs attention again. Raises `NoSuchCard`."""
        await self._database.change(_ignore, caller, id_tag, clock.now(), False)

    async def _give(
        self,
        caller: Caller,
        action: str,
        id_tag: str,
        account_id: int,
        along: Along,
        *,
        take: bool,
        owner_id: int | None,
    ) -> int:
        tag = tags.normal(id_tag.strip())
        if not tag:
            raise NoTag
        give = partial(_link, care=self._care, patience=self._patience, now=clock.now())
        try:
            mapping_id = await self._database.change(
                lambda change: give(change, caller, action, tag, account_id, along, take, owner_id)
            )
        except IntegrityError as error:  # the database decides, whoever comes at the same moment
            raise Taken from error
        log.info("card linked card=%s account=%s", masked(tag), account_id)
        return mapping_id


def _link(
    change: Change,
    caller: Caller,
    action: str,
    tag: str,
    account_id: int,
    along: Along,
    take: bool,
    owner_id: int | None,
    *,
    care: Care | None,
    now: datetime,
    patience: Patience,
) -> int:
    before = _last(change, tag)
    # In their order, so that two operators never wait for each other.
    lock_accounts(change, (account_id, None if before is None else before.account_id))
    _driver(change, account_id)
    seen = change.execute(select(TagSighting.id_tag).where(TagSighting.id_tag == tag)).first() is not None
    if not (seen or PROPER.fullmatch(tag)):
        raise NoTag
    last = _last(change, tag)
    if last is not None and (before is None or last.account_id != before.account_id):
        raise Taken(last.account_id, last.name)  # at this moment
    has = last if last is not None and last.active else None
    if has is not None and has.account_id == account_id:
        raise Already
    if has is not None and (not take or owner_id not in (None, has.account_id)):
        raise Taken(has.account_id, has.name)
    if has is None and owner_id is not None:
        raise NoSuchCard
    if has is not None:
        _end(change, caller, has.id, now, patience)
        _told(change, caller, "card.deactivate", has.id, has.account_id, tag, now)
    row = {"id_tag": tag, "account_id": account_id, "active": True, "blocked": False, "created_at": now}
    inserted = change.execute(insert(Mapping), row).inserted_primary_key
    assert inserted is not None
    mapping_id = int(inserted[0])
    claimed = 0
    if along.of_nobody:
        owner = {"account_id": account_id, "mapping_id": mapping_id}
        of_nobody = cards_along.nobodys_sessions(tag, along.since, but=mapping_id)
        claimed = change.execute(update(ChargingSession).where(*of_nobody).values(owner)).rowcount
    others: tuple[int, ...] = ()
    if along.since is not None and last is not None and last.account_id != account_id:
        others = _since(change, tag, last.account_id, along.since)
    for session_id in others:
        if care is None:
            raise RuntimeError("nobody here hands sessions over")
        care.hand_over(change, caller, session_id, account_id, "the card has moved", now)
    details = {"sessions": claimed + len(others)}
    if has is not None:
        details["from"] = has.account_id
    _told(change, caller, action, mapping_id, account_id, tag, now, details=details)
    if claimed:
        change.announce(Announcement(Topic.SESSIONS, account_id))
    return mapping_id


def _deactivate(
    change: Change, caller: Caller, mapping_id: int, reason: str, now: datetime, patience: Patience
) -> None:
    row = _active(change, mapping_id)
    _end(change, caller, mapping_id, now, patience)
    _told(change, caller, "card.deactivate", mapping_id, row.account_id, row.id_tag, now, reason=reason)


def _block(
    change: Change, caller: Caller, mapping_id: int, blocked: bool, reason: str, now: datetime
) -> None:
    row = _active(change, mapping_id)
    if row.blocked == blocked:
        return
    change.execute(update(Mapping).where(Mapping.id == mapping_id).values(blocked=blocked))
    action = "card.block" if blocked else "card.unblock"
    _told(change, caller, action, mapping_id, row.account_id, row.id_tag, now, reason=reason)


def _ignore(change: Change, caller: Caller, id_tag: str, now: datetime, ignored: bool) -> None:
    tag = tags.normal(id_tag)
    which = TagSighting.id_tag == tag
    known = change.execute(select(TagSighting.ignored_at).where(which).with_for_update()).one_or_none()
    if known is None:
        raise NoSuchCard
    if (known.ignored_at is not None) == ignored:
        return
    change.execute(update(TagSighting).where(which).values(ignored_at=now if ignored else None))
    action = "card.ignore" if ignored else "card.unignore"
    audit.record(change, caller, action, now, about=f"card {masked(tag)}")
    _announce(change, tag)


def _driver(change: Change, account_id: int) -> None:
    """Raises `NoSuchDriver`; nobody takes the account away before the commit."""
    which = [Account.id == account_id, Account.role == Role.DRIVER, Account.erased_at.is_(None)]
    if change.execute(select(Account.id).where(*which).with_for_update()).first() is None:
        raise NoSuchDriver


def _last(change: Change, tag: str) -> Any:
    """The mapping of *tag* that is active, or was last."""
    return change.execute(
        select(Mapping.id, Mapping.account_id, Mapping.active, Account.name)
        .join(Account, Account.id == Mapping.account_id)
        .where(Mapping.id_tag == tag)
        .order_by(Mapping.active.desc(), Mapping.id.desc())
        .limit(1)
    ).one_or_none()


def _active(change: Change, mapping_id: int) -> Any:
    row = change.execute(
        select(Mapping.account_id, Mapping.id_tag, Mapping.blocked)
        .where(Mapping.id == mapping_id, Mapping.active)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NoSuchCard
    return row


def _end(change: Change, caller: Caller, mapping_id: int, now: datetime, patience: Patience) -> None:
    """End the mapping, and cancel its reservations that are not over; one that is charged on goes on."""
    change.execute(update(Mapping).where(Mapping.id == mapping_id).values(active=False, deactivated_at=now))
    coming = [
        Reservation.mapping_id == mapping_id,
        Reservation.ends_at > now,
        Reservation.cancelled_at.is_(None),
        Reservation.status != ReservationStatus.USED,
    ]
    for held in (
        change.execute(select(Reservation.id).where(*coming).order_by(Reservation.id)).scalars().all()
    ):
        reservation_rows.cancel(change, caller, held, now, patience)


def _since(change: Change, tag: str, account_id: int, since: datetime) -> tuple[int, ...]:
    which = cards_along.their_sessions(tag, account_id, since)
    some = select(ChargingSession.id).where(*which).order_by(ChargingSession.id).limit(cards_along.MOST + 1)
    found = tuple(change.execute(some).scalars())
    if len(found) > cards_along.MOST:
        raise TooMany
    return found


def _told(
    change: Change,
    caller: Caller,
    action: str,
    mapping_id: int,
    account_id: int,
    tag: str,
    now: datetime,
    *,
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    details = {"card": masked(tag)} | (details or {})
    about = f"mapping {mapping_id}"
    audit.record(
        change, caller, action, now, about=about, subject_id=account_id, reason=reason, details=details
    )
    change.announce(Announcement(Topic.PEOPLE, account_id))
    _announce(change, tag)


def _announce(change: Change, tag: str) -> None:
    change.announce(Announcement(Topic.TAGS, values={"id_tag": tag}), Announcement(Topic.ATTENTION))
