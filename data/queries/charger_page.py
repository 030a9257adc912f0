"""One charger as operators see it: what it is, its connectors, and what runs at them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from data.live import Reading
from data.models import (
    Account,
    Charger,
    ChargerGroup,
    ChargingSession,
    Connector,
    GroupCharger,
    Mapping,
    Site,
)
from data.queries.charger_list import ConsoleStatus, console_status, fault, product
from data.queries.chargers import states
from data.queries.sessions import place_number
from data.types import Admission, ConnectorStatus, Role

CARDS_AT_MOST = 1_000
"""Cards to choose from; others can be typed."""


@dataclass(frozen=True, slots=True)
class ChargerFacts:
    """What a charger is. What is unknown is ``None``."""

    id: int
    identity: str
    name: str
    site_id: int
    site_name: str
    admission: Admission
    visible_to_all: bool
    groups: tuple[str, ...]
    has_password: bool
    protocol: str | None
    product: str
    serial_number: str | None
    firmware: str | None
    booted_at: datetime | None
    last_seen_at: datetime | None
    reading_interval: int
    clock_skew: int
    created_at: datetime | None
    status: ConsoleStatus
    since: datetime | None
    until: datetime | None
    trouble: str | None
    is_heard: bool
    """Within the last hour."""
    free: int
    connectors: int


@dataclass(frozen=True, slots=True)
class RunningHere:
    """A session in progress at a connector."""

    reading: Reading
    started_at: datetime
    account_id: int | None
    account_name: str | None
    """``None`` where its card is nobody's."""

    @property
    def id(self) -> int:
        """Of the session."""
        return self.reading.session_id


@dataclass(frozen=True, slots=True)
class ConnectorFacts:
    """One connector; with *number* 0 the charger as a whole, as far as it reports on itself."""

    id: int
    number: int
    """As people read it on the plug."""
    own_number: int
    """As the charger counts it within an EVSE (OCPP 2.0.1), else the same."""
    type: str | None
    max_power_w: int | None
    status: ConnectorStatus
    since: datetime | None
    error_code: str | None
    info: str | None
    session: RunningHere | None = None


@dataclass(frozen=True, slots=True)
class CardToUse:
    """An active card to start or reserve with."""

    mapping_id: int
    id_tag: str
    account_id: int
    account_name: str


_facts = (
    select(
        Charger.id,
        Charger.identity,
        Charger.name,
        Charger.site_id,
        Site.name.label("site_name"),
        Charger.admission,
        Charger.visible_to_all,
        Charger.password_hash.is_not(None).label("has_password"),
        Charger.protocol,
        Charger.vendor,
        Charger.model,
        Charger.serial_number,
        Charger.firmware,
        Charger.booted_at,
        Charger.last_seen_at,
        Charger.reading_interval,
        Charger.clock_skew,
        Charger.created_at,
    )
    .join(Site, Site.id == Charger.site_id)
    .where(Charger.id == bindparam("charger_id"))
)
_groups = (
    select(ChargerGroup.name)
    .join(GroupCharger, GroupCharger.group_id == ChargerGroup.id)
    .where(GroupCharger.charger_id == bindparam("charger_id"))
    .order_by(ChargerGroup.name)
)
_connectors = (
    select(
        Connector.id,
        place_number,
        Connector.number,
        Connector.type,
        Connector.max_power_w,
        Connector.status,
        Connector.status_since,
        Connector.error_code,
        Connector.info,
    )
    .where(Connector.charger_id == bindparam("charger_id"))
    .order_by(Connector.evse, Connector.number)
)
_running = (
    select(
        ChargingSession.connector_id,
        ChargingSession.id,
        ChargingSession.energy_wh,
        ChargingSession.has_reading,
        ChargingSession.power_w,
        ChargingSession.power_derived,
        ChargingSession.reading_at,
        ChargingSession.started_at,
        ChargingSession.account_id,
        Account.name.label("account_name"),
    )
    .outerjoin(Account, Account.id == ChargingSession.account_id)
    # By connector: the index of what runs has them, that of a charger's sessions has its whole history.
    .where(
        ChargingSession.connector_id.in_(bindparam("connectors", expanding=True)),
        ChargingSession.ended_at.is_(None),
    )
)
_cards = (
    select(Mapping.id, Mapping.id_tag, Account.id, Account.name)
    .join(Account, Account.id == Mapping.account_id)
    .where(
        Mapping.active, Mapping.blocked.is_(False), Account.disabled_at.is_(None), Account.role == Role.DRIVER
    )
    .order_by(Account.name, Mapping.id)
    .limit(CARDS_AT_MOST)
)


def facts(db: Connection, charger_id: int, now: datetime) -> ChargerFacts | None:
    """The charger, as it is at *now*; ``None`` if there is none."""
    asked = {"charger_id": charger_id}
    row = db.execute(_facts, asked).one_or_none()
    if row is None:
        return None
    state = states(db, now, charger_id)[charger_id]
    admission: Admission = row.admission
    return ChargerFacts(
        id=row.id,
        identity=row.identity,
        name=row.name,
        site_id=row.site_id,
        site_name=row.site_name,
        admission=admission,
        visible_to_all=row.visible_to_all,
        groups=tuple(db.execute(_groups, asked).scalars()),
        has_password=row.has_password,
        protocol=row.protocol,
        product=product(row.vendor, row.model),
        serial_number=row.serial_number,
        firmware=row.firmware,
        booted_at=row.booted_at,
        last_seen_at=row.last_seen_at,
        reading_interval=row.reading_interval,
        clock_skew=row.clock_skew,
        created_at=row.created_at,
        status=console_status(state, admission.value),
        since=state.since,
        until=state.until,
        trouble=fault(state) or state.out_of_service,
        is_heard=state.heard,
        free=state.free,
        connectors=len(state.plugs),
    )


def connectors(db: Connection, charger_id: int) -> tuple[ConnectorFacts, ...]:
    """The charger's connectors with what runs at them, number 0 first if it has reported on itself."""
    rows = db.execute(_connectors, {"charger_id": charger_id}).all()
    running = {}
    if rows:
        for one in db.execute(_running, {"connectors": [row[0] for row in rows]}):
            reading = Reading(
                session_id=one.id,
                energy_wh=one.energy_wh if one.has_reading else None,
                power_w=one.power_w,
                power_derived=one.power_derived,
                reading_at=one.reading_at,
                cost=None,
                currency=None,
            )
            running[one.connector_id] = RunningHere(reading, one.started_at, one.account_id, one.account_name)
    return tuple(replace(ConnectorFacts(*row), session=running.get(row[0])) for row in rows)


def cards(db: Connection) -> tuple[CardToUse, ...]:
    """Active cards by their drivers' names."""
    return tuple(CardToUse(*row) for row in db.execute(_cards))


def sites(db: Connection) -> tuple[tuple[int, str], ...]:
    """All sites by name."""
    return tuple((row.id, row.name) for row in db.execute(select(Site.id, Site.name).order_by(Site.name)))


def groups(db: Connection) -> tuple[str, ...]:
    """All groups by name."""
    return tuple(db.execute(select(ChargerGroup.name).order_by(ChargerGroup.name)).scalars())
