"""The portal of this process: its parts, put together once and taken apart in the reverse order."""

from __future__ import annotations

import asyncio
import gc
import logging
from dataclasses import dataclass

import nicegui

from app import alone, pages, pushes
from app.access import surface
from app.access.account_forms import AccountForms
from app.access.acting import ActingAs
from app.access.acting_forms import ActingForms
from app.access.all_sessions import AllSessions
from app.access.audit_log import AuditLog
from app.access.by_provider import ByProvider, configured
from app.access.displays import Displays
from app.access.one_time_links import Links
from app.access.own_account import OwnAccount
from app.access.own_data import OwnData
from app.access.own_password import Passwords
from app.access.people import People
from app.access.sign_ins import SignIns
from app.billing.plans import Plans
from app.boards.screens import Screens
from app.charging.care import Care
from app.charging.commands import Commands
from app.charging.ocpp.endpoint import Endpoint
from app.charging.presence import Presence
from app.charging.reservations import Reservations
from app.charging.sessions import Sessions
from app.charging.settling import Settlement
from app.mail import Mail
from app.operating.backups import Backups
from app.operating.cards import Cards
from app.operating.charger_import import ChargerImport
from app.operating.chargers import Chargers
from app.operating.erasing import Erasing
from app.operating.groups import Groups
from app.operating.health import Watch
from app.operating.machines import Machines
from app.operating.sites import Sites
from app.settings import Settings, open_database
from data.database import Database
from data.live import Live
from data.migrate import migrate

log = logging.getLogger("polaris")

COLLECT_EVERY = 20.0
"""Seconds between looks at whether closed pages have left cycles behind."""


@dataclass(frozen=True)
class Portal:
    """What pages and commands reach the rest by."""

    settings: Settings
    database: Database
    live: Live
    sessions: Sessions
    care: Care
    settlement: Settlement
    presence: Presence
    endpoint: Endpoint
    commands: Commands
    reservations: Reservations
    sign_ins: SignIns
    displays: Displays
    acting_as: ActingAs
    by_provider: ByProvider
    links: Links
    passwords: Passwords
    people: People
    cards: Cards
    erasing: Erasing
    own_account: OwnAccount
    own_data: OwnData
    all_sessions: AllSessions
    plans: Plans
    audit_log: AuditLog
    sites: Sites
    chargers: Chargers
    charger_import: ChargerImport
    groups: Groups
    backups: Backups
    watch: Watch
    screens: Screens


def install(settings: Settings) -> Portal:
    """Open the database, bring it up to date, and install pages, sockets and routes into NiceGUI's app.

    Everything but the server itself. Raises `data.engines.DatabaseUnavailable` and, for a file of identity
    providers that can't be used, `app.settings.WrongSettings`.
    """
    providers = configured(settings)
    database = open_database(settings)
    let_go = alone.hold(database)
    migrate(database)
    live = Live()
    live.failed = _failed
    database.announce = live.announce
    sessions = Sessions(database, live, settings)
    presence = Presence(database, live, settings, sessions)
    sign_ins = SignIns(database, settings)
    passwords = Passwords(database, settings, Mail(settings))
    endpoint = Endpoint(settings, database, sessions, presence)
    watch = Watch(settings, database, endpoint)
    logging.getLogger().addHandler(watch.errors)
    commands = Commands(database, settings, endpoint)
    care = Care(database, sessions, settings)
    portal = Portal(
        settings=settings,
        database=database,
        live=live,
        sessions=sessions,
        care=care,
        settlement=Settlement(database, settings),
        presence=presence,
        endpoint=endpoint,
        commands=commands,
        reservations=Reservations(database, commands),
        sign_ins=sign_ins,
        displays=Displays(database, settings),
        acting_as=ActingAs(sign_ins),
        by_provider=ByProvider(sign_ins, providers, passwords),
        links=Links(passwords),
        passwords=passwords,
        people=People(database),
        cards=Cards(database, care, commands.patience),
        erasing=Erasing(database, settings, commands.patience),
        own_account=OwnAccount(database),
        own_data=OwnData(database),
        all_sessions=AllSessions(database),
        plans=Plans(database, settings),
        audit_log=AuditLog(database),
        sites=Sites(database),
        chargers=Chargers(database, settings),
        charger_import=ChargerImport(database),
        groups=Groups(database),
        backups=Backups(database, watch.backup_folder),
        watch=watch,
        screens=Screens(database),
    )
    pushes.install()
    surface.install(nicegui.app, settings, sign_ins, portal.by_provider, portal.links)
    ActingForms(sign_ins, portal.acting_as).install(nicegui.app)
    AccountForms(sign_ins, portal.own_account, passwords, portal.by_provider.identities).install(nicegui.app)
    portal.endpoint.install(nicegui.app)
    Machines(settings, watch).install(nicegui.app)
    pages.install(portal)
    parts = portal.sign_ins, portal.displays, portal.endpoint, portal.commands, portal.reservations
    stops = tuple(part.listen(live) for part in (*parts, portal.settlement, portal.screens))
    tasks: list[asyncio.Task[None]] = []

    def begin() -> None:
        database.start()
        tasks.append(asyncio.create_task(presence.run(), name="presence"))
        tasks.append(asyncio.create_task(portal.commands.run(), name="commands"))
        tasks.append(asyncio.create_task(portal.settlement.run(), name="settlement"))
        tasks.append(asyncio.create_task(portal.reservations.run(), name="reservations"))
        tasks.append(asyncio.create_task(portal.screens.run(), name="screens"))
        tasks.append(asyncio.create_task(_collect_garbage(), name="garbage"))
        tasks.append(asyncio.create_task(watch.run(), name="watch"))
        watch.follow(lambda: {task.get_name(): not task.done() for task in tasks})

    async def end() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stop in stops:
            stop()
        await portal.endpoint.close()
        database.close()
        logging.getLogger().removeHandler(watch.errors)
        let_go()

    nicegui.app.on_startup(begin)
    nicegui.app.on_shutdown(end)
    return portal


def _failed(error: Exception) -> None:
    log.error("a listener failed", exc_info=error)


async def _collect_garbage() -> None:
    """Collect rarely and when it hurts least.

    Python's default thresholds stop the loop for up to 0.7 s with 1,000 pages open; high ones alone
    leave the cycles of closed pages in memory. So: high ones, and a collection when pages have gone.
    """
    gc.set_threshold(50_000, 20, 100)
    seen = 0
    while True:
        await asyncio.sleep(COLLECT_EVERY)
        gone = max(0, seen - len(nicegui.Client.instances))
        seen = len(nicegui.Client.instances)
        if gone >= 50 or (gone and seen < 50):
            gc.collect()
