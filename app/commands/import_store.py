"""Storing imported sessions: a batch a commit, so that what was reported is there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from app.charging import sightings
from app.commands.import_rows import FLAGS, Noted, Refused, Row
from app.commands.opening import inserted
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.models import Account, Charger, ChargingSession, Connector, Mapping, Site
from data.types import Admission, Role

NO_MAIL = "import.invalid"
"""Domain of drivers whose e-mail the list does not tell (RFC 6761: never delivered). They can't sign in."""


class Unknown(StrEnum):
    """What becomes of sessions whose charger or driver is unknown."""

    CREATE = "create"
    KEEP = "keep"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Policy:
    """How to import."""

    source: str
    drivers: Unknown
    """KEEP: the session belongs to nobody until its card is linked (C10)."""
    chargers: Unknown
    """CREATE or REFUSE."""
    site: str | None
    """Site of chargers that are made, where the list tells none."""
    zone: str
    """Of sites and drivers that are made."""
    dry_run: bool = False


class NoSite(ValueError):
    """A charger is to be made and nobody said where."""


@dataclass(slots=True)
class Stored:
    """What became of a batch."""

    sessions: int = 0
    energy_wh: int = 0
    known: int = 0
    """Rows that were stored before, or stand in the file twice."""
    refused: list[tuple[Row, Refused]] = field(default_factory=list)
    noted: list[tuple[Row, Noted]] = field(default_factory=list)
    made_sites: dict[str, int] = field(default_factory=dict)
    made_chargers: dict[str, int] = field(default_factory=dict)
    made_connectors: dict[tuple[int, int], int] = field(default_factory=dict)
    made_cards: dict[str, tuple[int, int]] = field(default_factory=dict)
    made_drivers: set[int | str] = field(default_factory=set)


class _Undo(Exception):
    """Rolls a dry run back."""

    def __init__(self, stored: Stored) -> None:
        super().__init__()
        self.stored = stored


class Store:
    """Stores batches and remembers which sites, chargers and cards there are."""

    def __init__(self, database: Database, policy: Policy, now: datetime) -> None:
        self._database = database
        self._policy = policy
        self._now = now
        self._sites: dict[str, int] = {}
        self._chargers: dict[str, int] = {}
        self._connectors: dict[tuple[int, int], int] = {}
        self._cards: dict[str, tuple[int, int]] = {}
        self._seen: dict[str, tuple[datetime, int]] = {}
        """Dry runs only: what earlier batches would have stored."""
        database.ask_now(self._learn)

    def add(self, rows: Sequence[Row]) -> Stored:
        """Store *rows* and commit. Raises `NoSite`, and stores nothing of them then."""
        try:
            stored = self._database.change_now(self._store, rows)
        except _Undo as undone:
            stored = undone.stored
        else:
            self._sites.update(stored.made_sites)
            self._chargers.update(stored.made_chargers)
            self._connectors.update(stored.made_connectors)
            self._cards.update(stored.made_cards)
        if self._policy.dry_run:
            self._seen.update((row.source_id, (row.started_at, row.energy_wh)) for row in rows)
        return stored

    def _learn(self, db: Connection) -> None:
        self._sites.update({name: site for site, name in db.execute(select(Site.id, Site.name))})
        chargers = select(Charger.id, Charger.identity)
        self._chargers.update({identity: charger for charger, identity in db.execute(chargers)})
        # OCPP 1.6 numbers connectors through (evse 0); 2.0.1 lists usually count EVSEs with one plug each.
        places = select(Connector.charger_id, Connector.number, Connector.evse, Connector.id)
        for charger, number, evse, connector in db.execute(places.order_by(Connector.evse.desc())):
            self._connectors[charger, evse or number] = connector
        cards = select(Mapping.id_tag, Mapping.id, Mapping.account_id).where(Mapping.active)
        self._cards.update({tag: (mapping, account) for tag, mapping, account in db.execute(cards)})

    def _store(self, change: Change, rows: Sequence[Row]) -> Stored:
        # A unit of work may run twice: it changes nothing but the database and what it returns.
        stored = Stored()
        fresh = self._fresh(change, rows, stored)
        sessions = []
        for row in fresh:
            place = self._place(change, row, stored)
            card = self._card(change, row, stored) if place else None
            if place is None or card is None:
                continue
            sessions.append(self._session(row, place, card))
            stored.energy_wh += row.energy_wh
            stored.noted += [(row, note) for note in row.notes]
            if card == (None, None) and row.id_tag:
                stored.noted.append((row, Noted.UNMAPPED))
        stored.sessions = len(sessions)
        if sessions:
            change.execute(insert(ChargingSession), sessions)
            sightings.note_past(change, sessions)
            owners = {session["account_id"] for session in sessions} - {None}
            change.announce(*(Announcement(Topic.SESSIONS, owner) for owner in sorted(owners)))
        if self._policy.dry_run:
            raise _Undo(stored)
        return stored

    def _fresh(self, change: Change, rows: Sequence[Row], stored: Stored) -> list[Row]:
        """The rows that are not stored yet."""
        same = ChargingSession.source_id.in_([row.source_id for row in rows])
        columns = ChargingSession.source_id, ChargingSession.started_at, ChargingSession.energy_wh
        found = change.execute(select(*columns).where(ChargingSession.source == self._policy.source, same))
        before = {known.source_id: (known.started_at, known.energy_wh) for known in found}
        mine = {row.source_id: self._seen[row.source_id] for row in rows if row.source_id in self._seen}
        fresh = []
        for row in rows:
            content = (row.started_at, row.energy_wh)
            if row.source_id in before or row.source_id in mine:
                if content == before.get(row.source_id, mine.get(row.source_id)):
                    stored.known += 1
                elif row.source_id in before:
                    stored.refused.append((row, Refused.OTHER_CONTENT))
                else:
                    stored.refused.append((row, Refused.TWICE))
                continue
            mine[row.source_id] = content
            fresh.append(row)
        return fresh

    def _place(self, change: Change, row: Row, stored: Stored) -> tuple[int, int] | None:
        charger = self._chargers.get(row.charger) or stored.made_chargers.get(row.charger)
        if charger is None:
            if self._policy.chargers is Unknown.REFUSE:
                stored.refused.append((row, Refused.UNKNOWN_CHARGER))
                return None
            charger = stored.made_chargers[row.charger] = _key(
                change,
                Charger,
                identity=row.charger,
                name=row.charger_name or row.charger,
                site_id=self._site(change, row, stored),
                # Known by hearsay: it may not connect, and no driver sees it, until an operator lets it.
                admission=Admission.BLOCKED,
                visible_to_all=False,
            )
        key = (charger, row.connector)
        connector = self._connectors.get(key) or stored.made_connectors.get(key)
        if connector is None:
            connector = _key(change, Connector, charger_id=charger, number=row.connector)
            stored.made_connectors[key] = connector
        return charger, connector

    def _site(self, change: Change, row: Row, stored: Stored) -> int:
        name = row.site or self._policy.site
        if name is None:
            if len(self._sites) != 1:
                raise NoSite("say with --site where the chargers are that the import makes")
            return next(iter(self._sites.values()))
        site = self._sites.get(name) or stored.made_sites.get(name)
        if site is None:
            site = stored.made_sites[name] = _key(change, Site, name=name, time_zone=self._policy.zone)
        return site

    def _card(self, change: Change, row: Row, stored: Stored) -> tuple[int | None, int | None] | None:
        """Mapping and account; both ``None`` if it belongs to nobody; ``None`` if it is refused."""
        card = self._cards.get(row.id_tag) or stored.made_cards.get(row.id_tag)
        if card is not None:
            return card
        if self._policy.drivers is Unknown.REFUSE:
            stored.refused.append((row, Refused.UNKNOWN_DRIVER))
            return None
        if self._policy.drivers is Unknown.KEEP or not row.id_tag:
            return None, None
        email = row.email or _made_address(row.id_tag)
        known = select(Account.id).where(Account.email == email, Account.role == Role.DRIVER)
        account = change.execute(known).scalar()
        if account is None:
            account = _key(
                change,
                Account,
                role=Role.DRIVER,
                email=email,
                name=row.driver_name or f"Card {row.id_tag}"[:200],
                time_zone=self._policy.zone,
                created_at=self._now,
            )
            stored.made_drivers.add(row.id_tag if self._policy.dry_run else account)
        mapping = _key(change, Mapping, id_tag=row.id_tag, account_id=account, created_at=self._now)
        stored.made_cards[row.id_tag] = (mapping, account)
        return mapping, account

    def _session(
        self, row: Row, place: tuple[int, int], card: tuple[int | None, int | None]
    ) -> dict[str, Any]:
        return {
            "charger_id": place[0],
            "connector_id": place[1],
            "id_tag": row.id_tag,
            "mapping_id": card[0],
            "account_id": card[1],
            "started_at": row.started_at,
            "received_at": self._now,
            "ended_at": row.ended_at,
            "stop_received_at": self._now,
            "finalized_at": self._now,
            "energy_wh": row.energy_wh,
            "has_reading": True,
            # No steps: all that a list tells is that the energy flowed in that time.
            "energy_started_at": row.started_at,
            "energy_ended_at": row.ended_at,
            "reading_at": row.ended_at,
            "flags": sorted(FLAGS[note] for note in row.notes if note in FLAGS),
            "source": self._policy.source,
            "source_id": row.source_id,
        }


def _key(change: Change, table: type[Any], **values: Any) -> int:
    return inserted(change, table, values)


def _made_address(tag: str) -> str:
    """An address for the owner of *tag* that no other tag gets."""
    plain = re.sub(r"[^a-z0-9]+", "-", tag.lower()).strip("-")[:60]
    if plain != tag.lower():
        plain += "-" + hashlib.sha256(tag.encode()).hexdigest()[:10]
    return f"card-{plain}@{NO_MAIL}"
