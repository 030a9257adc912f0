"""Every service that changes something refuses by itself while somebody acts as somebody (T4, T24, T25)."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select
from starlette.responses import Response

import app
from app import clock
from app.access.identities import Identities
from app.access.identity import Person, Provider
from app.billing.plans import Terms
from app.changing import CHANGING
from app.charging import quarantine
from app.portal import Portal
from components import words
from data.caller import Caller, NotAllowed, ReadOnly
from data.database import Change
from data.models import (
    AuditEntry,
    ChargerGroup,
    Connector,
    Identity,
    Pairing,
    QuarantinedMessage,
    SignIn,
)
from data.models.base import Base
from data.queries import audit_log
from data.queries.session_list import Wanted
from data.types import HowSignedIn, Orientation, Role
from tests import world
from tests.app.window import WHY, Window, window

NEW = "another good password"
CODE = "ABCDEFGH"
PROVIDER = Provider(
    key="test",
    label="Test",
    issuer="https://id.example.org",
    client_id="polaris",
    client_secret=None,
    token_auth_method=None,
    scopes="openid email",
    operator_claim=None,
    operator_value=None,
    unknown_drivers=False,
    link_by_email=False,
    hosts=frozenset(),
)
PERSON = Person(
    provider="test",
    issuer=PROVIDER.issuer,
    subject="1234",
    email="dana@example.org",
    email_verified=True,
    name="Dana",
    is_operator=False,
    session=None,
    auth_time=None,
    language=None,
    time_zone=None,
)


@dataclass
class Stage:
    """The portal, its people, and the browser of an operator."""

    portal: Portal
    here: Window
    identities: Identities
    dana: int
    """A driver, whom the operator acts as; signed in twice on her own."""
    eve: int
    """Another driver, signed in."""
    gus: int
    """A disabled one."""
    ina: int
    """One who has not come yet."""
    paul: int
    """Another operator."""
    dana_here: int
    dana_elsewhere: int
    """Her sign-ins."""
    identity: int
    """One of hers."""
    site: int
    empty_site: int
    charger: int
    spare: int
    """A charger without sessions."""
    connector: int
    group: int
    running: int
    over: int
    """Sessions of the driver's."""
    kept: int
    """A quarantined message."""
    card: int
    held: int
    moved: int
    refused: int
    """The driver's, and reservations for it: two that are to come, and one that its charger refused."""
    display: int
    """One at the site; another screen waits with `CODE`."""

    async def caller(self) -> Caller:
        """Whoever is current at the operator's browser."""
        visitor = await self.portal.sign_ins.visitor(self.here.request())
        assert visitor is not None
        return visitor.caller


@dataclass(frozen=True)
class Try:
    """One changing method: whoever may use it, and how it is called."""

    by: str
    call: Callable[[Stage, Caller], Any]
    writes: bool = True
    """Whether it leaves anything behind when it is allowed."""


# In an order in which each of them can be done by whoever may.
TRIES = {
    "backup.make": Try("operator", lambda s, c: s.portal.backups.make(c)),
    "charger.command": Try(
        "driver", lambda s, c: s.portal.commands.ask(c, s.charger, "stop", session_id=s.running)
    ),
    "reservation.create": Try(
        "driver",
        lambda s, c: s.portal.reservations.create(
            c, s.card, s.charger, None, clock.now() + timedelta(hours=1), clock.now() + timedelta(hours=2)
        ),
    ),
    "reservation.change": Try(
        "driver",
        lambda s, c: s.portal.reservations.move(
            c,
            s.moved,
            s.card,
            s.charger,
            None,
            clock.now() + timedelta(hours=3),
            clock.now() + timedelta(hours=4),
        ),
    ),
    "reservation.send": Try("driver", lambda s, c: s.portal.reservations.ask_again(c, s.refused)),
    "reservation.cancel": Try("driver", lambda s, c: s.portal.reservations.cancel(c, s.held)),
    "account.prefer": Try("driver", lambda s, c: s.portal.sign_ins.prefer(c, language="de")),
    "own_account.rename": Try("driver", lambda s, c: s.portal.own_account.rename(c, "Dana New")),
    "own_account.email": Try("driver", lambda s, c: s.portal.own_account.change_email(c, "d@example.org")),
    "own_account.deletion.request": Try("driver", lambda s, c: s.portal.own_account.request_deletion(c)),
    "own_account.deletion.withdraw": Try("driver", lambda s, c: s.portal.own_account.withdraw_deletion(c)),
    "own_data.json": Try("driver", lambda s, c: s.portal.own_data.json(c)),
    "own_data.csv": Try("driver", lambda s, c: s.portal.own_data.csv(c, words.reader("en", None))),
    "identity.link.begin": Try("driver", lambda s, c: s.identities.begin_link(c), writes=False),
    "identity.link": Try("driver", lambda s, c: s.identities.link(c, PERSON)),
    "identity.prove": Try("driver", lambda s, c: s.identities.prove(c, PERSON)),
    "identity.unlink": Try("driver", lambda s, c: s.identities.unlink(c, s.identity)),
    "sign_in.end": Try("driver", lambda s, c: s.portal.sign_ins.end_own(c, s.dana_elsewhere)),
    "sign_in.end_others": Try("driver with two", lambda s, c: s.portal.sign_ins.end_others(c)),
    "password.change": Try("driver", lambda s, c: s.portal.passwords.change_password(c, world.PASSWORD, NEW)),
    "person.invite": Try(
        "operator",
        lambda s, c: s.portal.links.invite(c, name="New One", email="new@example.org", role=Role.DRIVER),
    ),
    "person.invite_again": Try("operator", lambda s, c: s.portal.links.invite_again(c, s.ina)),
    "person.reset": Try("operator", lambda s, c: s.portal.links.reset(c, s.eve)),
    "person.sign_in_link": Try("operator", lambda s, c: s.portal.links.sign_in_link(c, s.paul)),
    "sign_in.end_of_account": Try("operator", lambda s, c: s.portal.sign_ins.end_of_account(c, s.eve)),
    "sessions.csv": Try(
        "operator", lambda s, c: s.portal.all_sessions.csv(c, Wanted(), words.reader("en", None))
    ),
    "card.link": Try("operator", lambda s, c: s.portal.cards.map(c, "C1", s.eve)),
    "card.move": Try("operator", lambda s, c: s.portal.cards.move(c, "C1", s.dana)),
    "card.block": Try("operator", lambda s, c: s.portal.cards.block(c, s.card + 2)),
    "card.unblock": Try("operator", lambda s, c: s.portal.cards.unblock(c, s.card + 2)),
    "card.deactivate": Try("operator", lambda s, c: s.portal.cards.deactivate(c, s.card + 2)),
    "card.ignore": Try("operator", lambda s, c: s.portal.cards.ignore(c, "SEEN")),
    "card.unignore": Try("operator", lambda s, c: s.portal.cards.unignore(c, "SEEN")),
    "account.rename": Try(
        "operator", lambda s, c: s.portal.people.rename(c, s.eve, name="Eve New", email="e@example.org")
    ),
    "account.role": Try("operator", lambda s, c: s.portal.people.change_role(c, s.eve, Role.OPERATOR)),
    "account.erase": Try("operator", lambda s, c: s.portal.erasing.erase(c, s.ina, WHY)),
    "account.disable": Try("operator", lambda s, c: s.portal.people.disable(c, s.paul, WHY)),
    "account.enable": Try("operator", lambda s, c: s.portal.people.enable(c, s.gus)),
    "site.add": Try("operator", lambda s, c: s.portal.sites.add(c, "Airport", "Europe/Berlin")),
    "site.edit": Try(
        "operator",
        lambda s, c: s.portal.sites.edit(
            c, s.empty_site, name="Lot", time_zone="UTC", address=None, currency="EUR"
        ),
    ),
    "site.remove": Try("operator", lambda s, c: s.portal.sites.remove(c, s.empty_site)),
    "charger.add": Try("operator", lambda s, c: s.portal.chargers.add(c, "CP9", "New", s.site)),
    "charger.password": Try("operator", lambda s, c: s.portal.chargers.renew_password(c, s.charger)),
    "charger.block": Try("operator", lambda s, c: s.portal.chargers.block(c, s.charger)),
    "charger.accept": Try("operator", lambda s, c: s.portal.chargers.accept(c, s.charger)),
    "charger.edit": Try(
        "operator",
        lambda s, c: s.portal.chargers.edit(
            c, s.charger, name="Left", site_id=s.site, visible_to_all=False, groups=["Staff"]
        ),
    ),
    "charger.connector": Try(
        "operator",
        lambda s, c: s.portal.chargers.edit_connector(c, s.connector, kind="CCS", max_power_w=50_000),
    ),
    "group.add": Try("operator", lambda s, c: s.portal.groups.add(c, "Guests")),
    "group.edit": Try(
        "operator",
        lambda s, c: s.portal.groups.edit(c, s.group, name="Club", chargers=[s.charger], drivers=[s.dana]),
    ),
    "group.of_driver": Try("operator", lambda s, c: s.portal.groups.of_driver(c, s.dana, ["Friends"])),
    "group.remove": Try("operator", lambda s, c: s.portal.groups.remove(c, s.group)),
    "charger.import": Try(
        "operator", lambda s, c: s.portal.charger_import.add(c, "identity,site\nCP-IMPORTED,Harbour car park")
    ),
    "charger.remove": Try("operator", lambda s, c: s.portal.chargers.remove(c, s.spare)),
    "session.end": Try("operator", lambda s, c: s.portal.care.end(c, s.running, WHY)),
    "session.correct": Try("operator", lambda s, c: s.portal.care.correct(c, s.over, 9_000, WHY)),
    "session.assign": Try("operator", lambda s, c: s.portal.care.assign(c, s.over, s.gus, WHY)),
    "session.review": Try("operator", lambda s, c: s.portal.care.review(c, s.over)),
    "quarantine.resolve": Try("operator", lambda s, c: s.portal.care.resolve(c, s.kept)),
    "audit.csv": Try(
        "operator", lambda s, c: s.portal.audit_log.csv(c, audit_log.Wanted(), words.reader("en", None))
    ),
    "plan.add": Try("operator", lambda s, c: s.portal.plans.add(c, Terms("Home", "EUR"))),
    "subscription.begin": Try("operator", lambda s, c: s.portal.plans.subscribe(c, s.dana, 1)),
    "plan.change": Try("operator", lambda s, c: s.portal.plans.change(c, 1, Terms("Home", "CHF"))),
    "plan.move": Try("operator", lambda s, c: s.portal.plans.move_subscribers(c, 1, 2)),
    "subscription.end": Try("operator", lambda s, c: s.portal.plans.unsubscribe(c, s.dana)),
    "plan.retire": Try("operator", lambda s, c: s.portal.plans.retire(c, 2)),
    "display.confirm": Try("operator", lambda s, c: s.portal.displays.confirm(c, CODE, s.site, "Entrance")),
    "display.edit": Try(
        "operator",
        lambda s, c: s.portal.displays.edit(
            c,
            s.display,
            site_id=s.site,
            name="Exit",
            orientation=Orientation.LEFT,
            languages=("de",),
            bays_per_page=12,
        ),
    ),
    "display.address": Try("operator", lambda s, c: s.portal.displays.new_address(c, s.display)),
    "display.revoke": Try("operator", lambda s, c: s.portal.displays.revoke(c, s.display)),
    "acting.begin": Try(
        "operator",
        lambda s, c: s.portal.acting_as.begin(c, s.here.request(), Response(), s.dana, WHY),
    ),
}


@asynccontextmanager
async def stage(portal: Portal) -> AsyncIterator[Stage]:
    dana, eve, gus, ina, olga, paul = portal.database.change_now(
        lambda change: (
            world.add_driver(change, "Dana Driver"),
            world.add_driver(change, "Eve Other"),
            world.add_driver(change, "Gus Gone", disabled_at=datetime.now(UTC)),
            world.add_driver(change, "Ina Invited", password_hash=None),
            world.add_account(change, "Olga Operator", Role.OPERATOR),
            world.add_account(change, "Paul Operator", Role.OPERATOR),
        )
    )
    row = {
        "account_id": dana,
        "provider": "test",
        "issuer": PROVIDER.issuer,
        "subject": "0",
        "created_at": clock.now(),
        "last_used_at": clock.now(),
    }
    identity = portal.database.change_now(lambda change: world.key(change.execute(insert(Identity), row)))
    placed = portal.database.change_now(_places)
    charged = portal.database.change_now(_charged, placed, dana)
    for account in (dana, dana, eve):
        await portal.sign_ins.issue(account)
    danas = portal.database.ask_now(
        lambda db: list(db.scalars(select(SignIn.id).where(SignIn.account_id == dana).order_by(SignIn.id)))
    )
    async with window(portal) as here:
        await here.enter(olga)
        identities = Identities(portal.sign_ins, {"test": PROVIDER}, portal.passwords)
        yield Stage(
            portal,
            here,
            identities,
            dana,
            eve,
            gus,
            ina,
            paul,
            danas[0],
            danas[1],
            identity,
            *placed,
            *charged,
            *portal.database.change_now(_held, placed[2], dana),
            portal.database.change_now(_hung, placed[0]),
        )


def _charged(
    change: Change, placed: tuple[int, int, int, int, int, int], account: int
) -> tuple[int, int, int]:
    where = {"charger": placed[2], "connector": placed[4], "account": account, "started_at": world.NOW}
    running, over = (world.add_session(change, ended=ended, **where) for ended in (False, True))
    message = quarantine.row(
        charger_id=placed[2], action="Odd", payload={}, reason="odd", received_at=world.NOW
    )
    change.execute(quarantine.KEEP, message)
    return running, over, change.execute(select(QuarantinedMessage.id)).scalar_one()


def _held(change: Change, charger: int, account: int) -> tuple[int, int, int, int]:
    card = world.add_mapping(change, account, "DANAS-OWN")
    where = {"account": account, "mapping": card, "charger": charger}
    one, two = (
        world.add_reservation(change, starts_at=clock.now() + timedelta(days=days), **where)
        for days in (1, 2)
    )
    refused = world.add_reservation(change, starts_at=clock.now(), minutes=30, status="refused", **where)
    return card, one, two, refused


def _hung(change: Change, site: int) -> int:
    waits = {"code": CODE, "token_hash": "1" * 64, "created_at": clock.now()}
    change.execute(insert(Pairing), {**waits, "expires_at": clock.now() + timedelta(minutes=10)})
    return world.add_display(change, "Hall", site=site)


def _places(change: Change) -> tuple[int, int, int, int, int, int]:
    site, empty = world.add_site(change), world.add_site(change, "Empty")
    charger, spare = (world.add_charger(change, one, site=site) for one in ("CP1", "CP2"))
    of_charger = select(Connector.id).where(Connector.charger_id == charger)
    world.add_sighting(change, "SEEN", charger)
    group = world.key(change.execute(insert(ChargerGroup), {"name": "Night"}))
    return site, empty, charger, spare, change.execute(of_charger).scalar_one(), group


def everything(db: Connection) -> dict[str, list[Any]]:
    """The rows of all tables but the audit log."""
    return {
        table.name: [tuple(row) for row in db.execute(select(table).order_by(*table.primary_key))]
        for table in Base.metadata.sorted_tables
        if table.name != AuditEntry.__tablename__
    }


def told(db: Connection) -> list[str]:
    """The actions of the audit log, the latest last."""
    return list(db.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_t25_each_changing_service_is_tried() -> None:
    """One that is new has to be tried below."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        importlib.import_module(module.name)
    assert set(TRIES) == set(CHANGING)


async def test_t25_nothing_is_changed_while_acting_as_somebody(portal: Portal) -> None:
    """T4, T25, P24: each refuses by itself, the refusal is written down, and nothing else is."""
    database = portal.database
    async with stage(portal) as it:
        await it.here.act(it.dana)
        caller = await it.caller()
        assert (caller.subject_id, caller.role) == (it.dana, Role.DRIVER)
        await asyncio.sleep(0.1)  # that the browser was here is noted in the background
        before = await database.ask(everything)
        seen = len(await database.ask(told))
        done = []
        for action, one in TRIES.items():
            try:
                await one.call(it, caller)
            except ReadOnly:
                continue
            except Exception as error:  # looked at something else first
                done.append((action, repr(error)))
            else:
                done.append((action, "done"))
        assert done == []
        assert (await database.ask(told))[seen:] == [f"{action}.refused" for action in TRIES]
        assert await database.ask(everything) == before


async def test_t4_whoever_may_does_each_of_them(portal: Portal) -> None:
    """So that the refusals above are not those of calls that would have come to nothing anyway.

    T4: a driver's own caller is refused what takes an operator, whatever page it came from.
    """
    database = portal.database
    async with stage(portal) as it:
        operator = await it.caller()
        driver = Caller(it.dana, Role.DRIVER, it.dana, it.dana_here)
        for action, one in TRIES.items():
            if one.by == "operator":
                try:
                    await one.call(it, driver)
                except NotAllowed:
                    pass
                else:
                    raise AssertionError(f"{action} was done by a driver")
            if one.by == "driver with two":
                await portal.sign_ins.issue(it.dana, how=HowSignedIn.LINK)
            before = await database.ask(everything), len(await database.ask(told))
            await one.call(it, operator if one.by == "operator" else driver)
            after = await database.ask(everything), len(await database.ask(told))
            assert (after != before) == one.writes, action
