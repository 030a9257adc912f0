"""What a display at a site shows of its chargers: nothing that is about anybody (K8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, select

from data.models import Charger, ChargingSession, Connector, Site
from data.queries.chargers import ChargerState, ChargerStatus, natural_key, states, types
from data.types import Admission


@dataclass(frozen=True, slots=True)
class Bay:
    """One tile of a board: a charger with its plugs. Moments and numbers that are unknown are ``None``."""

    name: str
    status: ChargerStatus
    """Broken and silent ones are both `OFFLINE`: a board blames nobody."""
    since: datetime | None
    """in_use: since when."""
    until: datetime | None
    """reserved: until when."""
    connector_types: tuple[str, ...]
    """Distinct, in the order of the connectors."""
    max_power_w: int | None
    """Of the free connectors; of all where none is."""
    connectors: int
    free: int
    """Connectors that are ready to use now (P20)."""
    energy_wh: int | None
    """Of the charges that run here now, together; ``None`` unless the site shows it."""
    free_types: tuple[str, ...]
    """As `connector_types`, of the free connectors."""


@dataclass(frozen=True, slots=True)
class SiteBoard:
    """All bays of a site, in natural order of their names, and how many are free (P21)."""

    name: str
    time_zone: str
    bays: tuple[Bay, ...]
    free: int
    """Bays with status online."""


@dataclass(frozen=True, slots=True)
class Look:
    """A site's board, and of which rows it tells: what is said of them makes it out of date."""

    board: SiteBoard
    chargers: frozenset[int]
    """All chargers of the site, those too that it does not show."""
    sessions: frozenset[int]
    """Sessions whose energy it tells, or will when their first reading comes."""


def site_board(db: Connection, site_id: int, now: datetime) -> SiteBoard | None:
    """As `look`, without what it was made of."""
    seen = look(db, site_id, now)
    return None if seen is None else seen.board


def look(db: Connection, site_id: int, now: datetime) -> Look | None:
    """The board of *site_id* as P20 says that it stands *now*; ``None`` if there is no such site.

    Chargers that only groups see are shown too: whoever stands before the board sees them anyway.
    Those that wait to be accepted, or are blocked, are not (C2), nor are those that were never heard of:
    most of them still have to be put up, and a board counts what is there.
    """
    site = db.execute(
        select(Site.name, Site.time_zone, Site.board_energy).where(Site.id == site_id)
    ).one_or_none()
    if site is None:
        return None
    running = _running(db, site_id) if site.board_energy else []
    energy: dict[int, int] = {}
    for charge in running:
        if charge.has_reading:
            energy[charge.charger_id] = energy.get(charge.charger_id, 0) + charge.energy_wh
    here = states(db, now, site_id=site_id)
    there = select(Charger.id).where(
        Charger.site_id == site_id,
        Charger.admission == Admission.ACCEPTED,
        Charger.last_seen_at.is_not(None),
    )
    known = set(db.execute(there).scalars())
    shown = sorted(
        (state for state in here.values() if state.id in known),
        key=lambda state: (natural_key(state.name), state.id),
    )
    bays = tuple(_bay(state, energy.get(state.id)) for state in shown)
    free = sum(bay.status is ChargerStatus.ONLINE for bay in bays)
    board = SiteBoard(site.name, site.time_zone, bays, free)
    return Look(board, frozenset(here), frozenset(charge.id for charge in running))


def _bay(state: ChargerState, energy_wh: int | None) -> Bay:
    plugs = state.plugs
    free = [plug for plug in plugs if plug.is_free] if state.free else []
    return Bay(
        name=state.name,
        status=state.status,
        since=state.since,
        until=state.until,
        connector_types=types(plugs),
        max_power_w=max((plug.max_power_w for plug in free or plugs if plug.max_power_w), default=None),
        connectors=len(plugs),
        free=state.free,
        energy_wh=energy_wh,
        free_types=types(free),
    )


def _running(db: Connection, site_id: int) -> Sequence[Row[int, int, int, bool]]:
    """The charges that run at the site, with their chargers and Wh."""
    plugs = (
        select(Connector.id)
        .join(Charger, Charger.id == Connector.charger_id)
        .where(Charger.site_id == site_id)
    )
    return db.execute(
        select(
            ChargingSession.id,
            ChargingSession.charger_id,
            ChargingSession.energy_wh,
            ChargingSession.has_reading,
        ).where(
            ChargingSession.ended_at.is_(None),
            ChargingSession.replayed.is_(False),
            # By connector: the index of what runs has them.
            ChargingSession.connector_id.in_(plugs),
        )
    ).all()
