"""What a row tells of a session: who, where, how much, how far it has come and what was billed for it.

For any sessions whose ids are known: a page of a list, one that is looked at, a piece of a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, and_, bindparam, case, cast, func, select

from data.live import Reading
from data.models import Account, Charge, Charger, ChargingSession, Connector, Site
from data.queries.sessions import place_number

_s = ChargingSession


class State(StrEnum):
    """How far a session has come, and what else lists are narrowed to."""

    CHARGING = "charging"
    SETTLING = "settling"
    """Ended, with a driver, and not finalized: what the overview and health count by this name."""
    FINALIZED = "finalized"
    NOBODY = "nobody"
    """Of no driver: with a card that was not mapped."""
    REVIEW = "review"
    """With flags that no operator has seen to."""


class Unbilled(StrEnum):
    """Why a finalized session has no amount."""

    NOBODY = "nobody"
    NO_PLAN = "no_plan"
    """Its driver had none, or one without a price."""
    IMPORTED = "imported"
    BEFORE = "before"
    """Finalized before charges were written at all."""


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A row of the list. Unknown is ``None``."""

    id: int
    started_at: datetime
    """When it was plugged in: what the list is sorted by."""
    ended_at: datetime | None
    """``None`` while it is in progress."""
    finalized_at: datetime | None
    energy_wh: int | None
    """``None`` while it is in progress and without a reading."""
    power_w: int | None
    power_derived: bool
    reading_at: datetime | None
    account_id: int | None
    driver_name: str | None
    id_tag: str
    charger_id: int
    charger_name: str
    connector: int
    """The number that stands on the plug."""
    site_name: str
    flags: tuple[str, ...]
    reviewed_at: datetime | None
    billed: tuple[tuple[int, str], ...] = ()
    """Minor units and their currency; empty if nothing was."""
    source: str = "ocpp"
    """Where it came from; another one: an import."""
    has_lines: bool = False
    """Settlement has written lines for it, be it without an amount."""
    energy_started_at: datetime | None = None
    energy_ended_at: datetime | None = None
    """Between them energy flowed at the charger (P10); meaningless while it is in progress."""

    @property
    def unbilled(self) -> Unbilled | None:
        """Why nothing was billed; ``None`` if something was, or may be yet."""
        if self.billed or self.finalized_at is None:
            return None
        if self.account_id is None:
            return Unbilled.NOBODY
        if self.has_lines:
            return Unbilled.NO_PLAN
        return Unbilled.BEFORE if self.source == "ocpp" else Unbilled.IMPORTED

    @property
    def state(self) -> State:
        """How far it has come. One that has ended and is nobody's waits for its tag, not for settlement."""
        if self.finalized_at is not None:
            return State.FINALIZED
        if self.ended_at is None:
            return State.CHARGING
        return State.NOBODY if self.account_id is None else State.SETTLING

    @property
    def reading(self) -> Reading:
        """As stored; its cost is unknown here."""
        return Reading(self.id, self.energy_wh, self.power_w, self.power_derived, self.reading_at, None, None)


_ROW = (
    select(
        _s.id,
        _s.started_at,
        _s.ended_at,
        _s.finalized_at,
        case((_s.has_reading | (_s.energy_wh > 0) | _s.ended_at.is_not(None), _s.energy_wh)),
        _s.power_w,
        _s.power_derived,
        _s.reading_at,
        _s.account_id,
        Account.name,
        _s.id_tag,
        _s.charger_id,
        Charger.name,
        place_number,
        Site.name,
        _s.flags,
        _s.reviewed_at,
        _s.source,
        _s.energy_started_at,
        _s.energy_ended_at,
    )
    .join(Charger, Charger.id == _s.charger_id)
    .join(Site, Site.id == Charger.site_id)
    .join(Connector, Connector.id == _s.connector_id)
    .outerjoin(Account, Account.id == _s.account_id)
    .where(_s.id.in_(bindparam("ids", expanding=True, type_=Integer)))
)
# What another driver had been billed for it, and got back, is none of this one's.
_BILLED = (
    select(Charge.session_id, cast(func.sum(Charge.amount), BigInteger), Charge.currency)
    .join(_s, and_(_s.id == Charge.session_id, _s.account_id == Charge.account_id))
    .where(Charge.session_id.in_(bindparam("ids", expanding=True, type_=Integer)))
    .group_by(Charge.session_id, Charge.currency)
    .order_by(Charge.session_id, Charge.currency)
)


def many(db: Connection, ids: Sequence[int]) -> tuple[ListedSession, ...]:
    """The sessions with these *ids* that there are, in their order."""
    if not ids:
        return ()
    billed: dict[int, tuple[tuple[int, str], ...]] = {}
    for id_, amount, currency in db.execute(_BILLED, {"ids": ids}):
        told = billed.setdefault(id_, ())
        if amount is not None:
            billed[id_] = (*told, (amount, currency or ""))
    rows = {row[0]: tuple(row) for row in db.execute(_ROW, {"ids": ids})}
    return tuple(_listed(rows[id_], billed.get(id_)) for id_ in ids if id_ in rows)


def _listed(row: tuple[Any, ...], billed: tuple[tuple[int, str], ...] | None) -> ListedSession:
    found = *row[:15], tuple(row[15]), row[16], billed or (), row[17], billed is not None, *row[18:]
    return ListedSession(*found)
