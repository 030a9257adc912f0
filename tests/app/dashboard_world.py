"""What the dashboard's tests start from: a site, two drivers with cards, and short words for rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from app.portal import Portal
from data.announcements import Announcement, Topic
from data.database import Change
from data.live import Reading
from data.models import ChargingSession, Connector
from tests.world import NOW, add_charger, add_driver, add_mapping, add_reservation, add_session, add_site

HOUR = timedelta(hours=1)


class World:
    """Rows are stored and told as the domain does it: in one change, announced after the commit."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.database = portal.database
        self.site = self.database.change_now(add_site)
        self.dana = self.driver("Dana Driver")
        self.eve = self.driver("Eve Other")
        self.left = self.charger("Garage left")
        self.right = self.charger("Garage right")

    def driver(self, name: str, **values: Any) -> int:
        return self.database.change_now(lambda change: add_driver(change, name, **values))

    def card(self, account: int) -> int:
        """Link a card to *account*, told to its pages."""

        def link(change: Change) -> int:
            change.announce(Announcement(Topic.PEOPLE, account))
            return add_mapping(change, account, f"TAG{account}")

        return self.database.change_now(link)

    def charger(self, name: str, **values: Any) -> int:
        return self.database.change_now(
            lambda change: add_charger(change, f"CP {name}", site=self.site, name=name, **values)
        )

    def begin(self, account: int, charger: int | None = None, **values: Any) -> int:
        """A session in progress, begun an hour ago."""
        charger = charger or self.left

        def begin(change: Change) -> int:
            connector = change.connection.execute(
                select(Connector.id).where(Connector.charger_id == charger).limit(1)
            ).scalar_one()
            change.announce(Announcement(Topic.SESSIONS, account), Announcement(Topic.CHARGERS, charger))
            arguments = {"started_at": NOW - HOUR, "ended": False, "minutes": 60, **values}
            return add_session(change, charger=charger, connector=connector, account=account, **arguments)

        return self.database.change_now(begin)

    def session(self, account: int, started_at: datetime, **values: Any) -> int:
        """A session that is over."""
        return self.begin(account, started_at=started_at, **{"ended": True, **values})

    def change(self, session: int, account: int, **values: Any) -> None:
        """Change the row of *session*, told to the pages of *account*."""

        def set_(change: Change) -> None:
            change.execute(update(ChargingSession).where(ChargingSession.id == session).values(**values))
            change.announce(Announcement(Topic.SESSIONS, account))

        self.database.change_now(set_)

    def read(self, session: int, account: int, energy_wh: int, **values: Any) -> None:
        """A reading: stored, and told as the domain tells it."""

        def store(change: Change) -> None:
            change.execute(
                update(ChargingSession).where(ChargingSession.id == session).values(energy_wh=energy_wh)
            )
            known = {"power_w": None, "power_derived": False, "cost": None, "currency": None, **values}
            reading = Reading(session_id=session, energy_wh=energy_wh, reading_at=NOW, **known)
            change.announce(reading.announcement(account))

        self.database.change_now(store)

    def reserve(self, account: int, mapping: int, starts_at: datetime, **values: Any) -> int:
        def reserve(change: Change) -> int:
            charger = values.pop("charger", self.left)
            change.announce(Announcement(Topic.RESERVATIONS, account))
            return add_reservation(
                change, account=account, mapping=mapping, charger=charger, starts_at=starts_at, **values
            )

        return self.database.change_now(reserve)

    def tell(self, topic: Topic, about: int | None = None) -> None:
        """Announce without a change, as the passing of time does."""
        self.portal.live.announce([Announcement(topic, about)])
