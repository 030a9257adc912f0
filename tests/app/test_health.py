"""How the portal is: for people, for probes, for Prometheus; closed to the world."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import nicegui
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select, text

from app import clock
from app.about import VERSION
from app.operating import backups, health
from app.portal import Portal
from app.settings import Settings, WrongSettings, load
from data.migrate import revision
from data.models import AuditEntry
from data.types import Role
from tests import world
from tests.app.test_admin_people import press
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


async def ask(
    path: str,
    *,
    address: str = "127.0.0.1",
    headers: Mapping[str, str | bytes] | None = None,
    host: str = "127.0.0.1:8080",
) -> httpx.Response:
    """Ask the app itself, from *address*."""
    transport = httpx.ASGITransport(app=nicegui.app, client=(address, 5), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        return await client.get(path, headers=dict(headers or {}))


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
async def test_closed_to_the_world(portal: Portal, path: str) -> None:
    """Only for addresses that the settings name; for others it is as if there were nothing."""
    assert (await ask(path)).status_code == 200
    nothing = await ask("/nothing-here", address="192.0.2.7")
    elsewhere = await ask(path, address="192.0.2.7")
    assert (elsewhere.status_code, len(elsewhere.content)) == (404, len(nothing.content))
    # A proxy on this machine that is not trusted: nobody knows for whom it asks.
    assert (await ask(path, headers={"X-Forwarded-For": "192.0.2.7"})).status_code == 404
    assert (await ask(path, headers={"X-Forwarded-For": "127.0.0.1"})).status_code == 404


SIGNS = (
    "Via",
    "CF-Connecting-IP",
    "True-Client-IP",
    "X-Real-IP",
    "X-Forwarded-Proto",
    "Forwarded",
    "CDN-Loop",
)
TOKEN = "k7Jq2-9fLw0s_Xb3T8"


@pytest.mark.parametrize("sign", SIGNS)
async def test_a_proxy_is_known_by_any_of_its_headers(portal: Portal, sign: str) -> None:
    """Whatever says that somebody else asks: this machine then only passes it on."""
    assert (await ask("/metrics", headers={sign: "192.0.2.7"})).status_code == 404


@pytest.mark.parametrize("portal", [{"public_url": "https://charge.example.org"}], indirect=True)
@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
async def test_closed_behind_a_proxy_that_says_nothing(portal: Portal, path: str) -> None:
    """A proxy's visitors are not this machine: nginx as delivered passes neither name nor address on."""
    for host in ("127.0.0.1:8080", "localhost:8080", "charge.example.org"):
        for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            assert (await ask(path, host=host, address=address)).status_code == 404, (host, address)


@pytest.mark.parametrize(
    "portal",
    [
        {
            "public_url": "https://charge.example.org",
            "trusted_proxies": "127.0.0.1, 10.0.0.2",
            "machines": "10.0.0.0/8, 192.0.2.0/24, 0.0.0.0/0",
        }
    ],
    indirect=True,
)
async def test_what_a_trusted_proxy_brings_counts_as_who_asks(portal: Portal) -> None:
    """Its own address and this machine's are nobody's; a named visitor's is theirs."""
    by = {"X-Forwarded-For": "192.0.2.7"}
    assert (await ask("/healthz", headers=by)).status_code == 200
    assert (await ask("/healthz", address="10.1.1.1")).status_code == 200
    for address in ("127.0.0.1", "10.0.0.2"):
        assert (await ask("/healthz", address=address)).status_code == 404
        assert (await ask("/healthz", address=address, headers={"Via": "1.1 proxy"})).status_code == 404
    assert (await ask("/healthz", headers={"X-Forwarded-For": "127.0.0.1"})).status_code == 404
    assert (await ask("/healthz", address="10.0.0.9", headers=by)).status_code == 404  # not trusted


@pytest.mark.parametrize(
    "portal", [{"public_url": "https://charge.example.org", "machines_token": TOKEN}], indirect=True
)
async def test_who_has_the_token_may_ask(portal: Portal) -> None:
    """From anywhere, also by the proxy; a wrong one is nobody, and the right one is told nowhere."""
    for host, address in (("127.0.0.1:8080", "127.0.0.1"), ("charge.example.org", "192.0.2.7")):
        for given, status in (
            (f"Bearer {TOKEN}", 200),
            (f"bearer {TOKEN}", 200),
            (f"Bearer {TOKEN}x", 404),
            (f"Bearer {TOKEN[:-1]}", 404),
            ("Bearer ", 404),
            ("Bearer \u00e9", 404),
            (f"Basic {TOKEN}", 404),
            (TOKEN, 404),
        ):
            headers = {"Authorization": given.encode("latin-1"), "X-Forwarded-For": "192.0.2.7"}
            answer = await ask("/healthz", host=host, address=address, headers=headers)
            assert answer.status_code == status, (given, host)
    assert TOKEN not in repr(portal.settings)


@pytest.mark.parametrize("portal", [{"machines": "192.0.2.0/24"}], indirect=True)
async def test_the_settings_say_who_may_ask(portal: Portal) -> None:
    assert (await ask("/healthz", address="192.0.2.7")).status_code == 200
    assert (await ask("/healthz", address="127.0.0.1")).status_code == 404


@pytest.mark.parametrize("token", ["short", "with spaces in it, at length", "pässword-of-sixteen"])
def test_a_token_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """T62: and the refusal does not tell it."""
    monkeypatch.setenv("POLARIS_MACHINES_TOKEN", token)
    with pytest.raises(WrongSettings, match=r"POLARIS_MACHINES_TOKEN.*at least 16") as refused:
        load()
    assert token not in str(refused.value)


def test_this_machine_behind_a_proxy_is_no_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said at the start, instead of a probe that finds nothing."""
    monkeypatch.setenv("POLARIS_PUBLIC_URL", "https://charge.example.org")
    monkeypatch.setenv("POLARIS_MACHINES", "192.0.2.1, 127.0.0.1")
    with pytest.raises(WrongSettings, match=r"POLARIS_MACHINES.*POLARIS_MACHINES_TOKEN"):
        load()
    monkeypatch.delenv("POLARIS_PUBLIC_URL")
    assert load().machines


def test_machines_are_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARIS_MACHINES", "monitoring.example.org")
    with pytest.raises(WrongSettings, match=r"POLARIS_MACHINES.*addresses or networks"):
        load()


async def test_healthz_says_what_is_wrong(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 while all is well; 503 with one word for what is not."""
    assert (await ask("/healthz")).json() == {"status": "ok", "version": VERSION}
    await portal.database.change(
        lambda change: change.execute(text("UPDATE alembic_version SET version_num='9'"))
    )
    wrong = await ask("/healthz")
    assert (wrong.status_code, wrong.json()["failing"]) == (503, "migrations")
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.1)
    with portal.database.engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    portal.database.engine.dispose()
    portal.watch.follow(lambda: {"presence": False, "commands": True})
    wrong = await ask("/healthz")
    assert (wrong.status_code, wrong.json()["failing"]) == (503, "migrations, tasks")


@asynccontextmanager
async def blocked(portal: Portal) -> AsyncIterator[None]:
    """A database that answers nobody inside the block, for half a minute at most."""
    block = threading.Event()
    held = [asyncio.create_task(portal.database.ask(lambda db: block.wait(30))) for _ in range(4)]
    await asyncio.sleep(0)  # they are the first in the queue of those who read
    try:
        yield
    finally:
        block.set()
        await asyncio.gather(*held)


@pytest.mark.alone
async def test_a_database_that_hangs_is_down_in_time(portal: Portal, visit: Callable[..., Any]) -> None:
    """Page, probe and metrics come although the database does not."""
    olga = portal.database.change_now(world.add_account, "Olga Operator", Role.OPERATOR)
    with clock.at(clock.now()):
        user = await visit(olga, "/admin/health")
        await user.should_see("All is well")
        portal.watch._counts = None
        async with blocked(portal):
            begun = time.monotonic()
            probe, metrics, _ = await asyncio.gather(
                ask("/healthz"), ask("/metrics"), visit(olga, "/admin/health", browser=user)
            )
            assert time.monotonic() - begun < 3
            assert probe.status_code == 503
            assert '"failing":"database"' in probe.text
            assert metrics.status_code == 200
            assert "polaris_database_up 0.0" in metrics.text
            await user.should_see("Needs a look")
            await user.should_see("The database does not answer")
        assert (await ask("/healthz")).status_code == 200


async def test_while_the_database_hangs_every_page_says_so(portal: Portal, visit: Callable[..., Any]) -> None:
    """However long that lasts: in its visitor's language, and a screen asks again. T7: past ten minutes, or
    once anything has changed, the last answer lets nobody see the page about it either.
    """
    olga = portal.database.change_now(world.add_account, "Olga Operator", Role.OPERATOR)
    begun_at = clock.now()
    with clock.at(begun_at):
        user = await visit(olga, "/admin/health")
        portal.watch._counts = None
        async with blocked(portal):
            await visit(olga, "/admin/health", browser=user)  # who asks is remembered

            async def get(path: str, signed_in: bool = True) -> httpx.Response:
                brought = [f"{name}={value}" for name, value in user.http_client.cookies.items()]
                brought = brought if signed_in else [f"{portal.displays.cookie.name}={'k' * 43}"]
                headers = {"Accept": "text/html", "Accept-Language": "de", "Cookie": "; ".join(brought)}
                return await asyncio.wait_for(ask(path, headers=headers), PATIENCE)

            with clock.at(begun_at + timedelta(seconds=30)):
                about, *others = await asyncio.gather(
                    get("/admin/health"), get("/admin"), get("/account"), get("/kiosk", signed_in=False)
                )
                assert about.status_code == 200
                assert "The database does not answer" in about.text
                for silent in others:
                    assert (silent.status_code, silent.headers["retry-after"]) == (503, "10")
                    assert "Das Portal erreicht seine Daten gerade nicht." in silent.text
                    for name in (portal.sign_ins.cookie, portal.displays.cookie.name):
                        assert name not in silent.headers.get("set-cookie", "")
                assert others[-1].headers["refresh"] == "3"
                portal.sign_ins._forget(by_time=True)
                assert (await get("/admin/health")).status_code == 200
                portal.sign_ins._forget()
                assert (await get("/admin/health")).status_code == 503
        assert (await ask("/healthz")).status_code == 200


async def test_what_hangs_is_asked_once_at_a_time(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred looks at a database that hangs hold two of its threads: pages are the first it answers."""
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.02)
    async with blocked(portal):
        await asyncio.gather(*(portal.watch.health() for _ in range(100)))
        assert portal.database._readers._work_queue.qsize() < 10


async def test_what_hangs_for_long_is_asked_anew() -> None:
    """A connection that is lost never answers; the next one does."""
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(60 if asked == 1 else 0)
        return asked

    question = health.Question(ask, 0.1)
    assert (await question.within(0.01))[0] is None
    await asyncio.sleep(0.1)
    assert (await question.within(5))[0] == 2


@pytest.mark.alone
async def test_counts_and_disks_that_are_slow_are_unknown(
    portal: Portal, visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is told meanwhile, and they as soon as they have come."""
    olga = portal.database.change_now(world.add_account, "Olga Operator", Role.OPERATOR)
    slow = threading.Event()
    count = health.queries.counts
    monkeypatch.setattr(health.queries, "counts", lambda db, now: (slow.wait(10), count(db, now))[1])
    monkeypatch.setattr(health.shutil, "disk_usage", lambda path: slow.wait(10))
    monkeypatch.setattr(backups, "listed", lambda folder: (slow.wait(10), [])[1])
    try:
        begun = time.monotonic()
        user = await visit(olga, "/admin/health")
        assert time.monotonic() - begun < 3
        await user.should_see("All is well")  # neither is the database's answer
        await user.should_see("The folder of the backups does not answer.")
        await user.should_see("Not known: the database has not answered in time.")
    finally:
        slow.set()
    monkeypatch.undo()

    async def counted() -> bool:
        return (await portal.watch.health()).counts is not None

    await until(counted)
    user = await visit(olga, "/admin/health")
    await user.should_see("No backup has been made by this button yet.")


async def test_metrics_are_what_prometheus_reads(portal: Portal) -> None:
    """Its own parser takes them, and they say what is so."""

    def fill(change: Any) -> None:
        site = world.add_site(change)
        world.add_charger(change, site=site)
        world.add_display(change, "Silent", site=site)
        world.add_display(change, "Here", site=site, last_seen_at=clock.now())

    await portal.database.change(fill)
    logging.getLogger("polaris").warning("one for the count")
    answer = await ask("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    values = {name: family.samples[0].value for name, family in families.items() if family.samples}
    assert values["polaris_up"] == 1
    assert values["polaris_chargers"] == 1
    assert (values["polaris_displays"], values["polaris_seen_displays"]) == (2, 1)
    assert values["polaris_database_up"] == 1
    assert families["polaris_info"].samples[0].labels["version"] == VERSION
    logged = {sample.labels["level"]: sample.value for sample in families["polaris_logged"].samples}
    assert logged["warning"] >= 1
    assert "process_cpu_seconds" in families


async def test_diagnostics_hold_no_secret(portal: Portal) -> None:
    """T62, T63: neither a setting's value nor what a careless line of the log said."""
    canary = "hunter2-canary-9f31"
    settings = Settings.model_construct(
        **{**portal.settings.model_dump(), "smtp_url": f"smtp://user:{canary}@mail.example.org"}
    )
    logging.getLogger("polaris").error("it broke password=%s", canary)
    told = health.diagnostics(await portal.watch.health(), portal.watch.errors, settings)
    assert canary not in told
    assert "smtp_url" in told
    assert "it broke" in told
    assert VERSION in told


async def test_a_late_loop_is_noticed(portal: Portal) -> None:
    """The lag is measured, not guessed."""
    watching = asyncio.create_task(portal.watch.run())
    await asyncio.sleep(0.1)
    time.sleep(1.5)  # noqa: ASYNC251  # what it is about
    await asyncio.sleep(0.2)
    watching.cancel()
    assert (await portal.watch.health()).lag >= 0.3


async def test_one_hiccup_is_no_alarm(portal: Portal, visit: Callable[..., Any]) -> None:
    """The worst of a minute is told; only a loop that is late again and again needs a look."""
    olga = portal.database.change_now(world.add_account, "Olga Operator", Role.OPERATOR)
    portal.watch._lags.extend([0.01] * 30 + [0.9] + [0.01] * 29)
    user = await visit(olga, "/admin/health")
    await user.should_see("All is well")
    await user.should_see("Event loop delay (worst of a minute)")
    await user.should_see("CPU since start (one core = 100 %)")
    await user.should_see("900 ms")
    portal.watch._lags.extend([0.3, 0.3])
    user = await visit(olga, "/admin/health")
    await user.should_see("Needs a look")
    await user.should_see("pages are answered late")


async def test_the_page(portal: Portal, visit: Callable[..., Any]) -> None:
    """It tells how things are, and makes a backup that is listed, audited, and opens."""
    olga = portal.database.change_now(world.add_account, "Olga Operator", Role.OPERATOR)
    logging.getLogger("polaris").warning("a charger talks nonsense")
    user = await visit(olga, "/admin/health")
    await user.should_see("All is well")
    await user.should_see("a charger talks nonsense")
    await user.should_see("No backup has been made by this button yet.")
    press(user, "Back up now")
    await user.should_see("is written.")
    (made,) = portal.backups.listed()
    await user.should_see(str(made.path))
    assert backups.checked(made.path) == revision()
    audited = portal.database.ask_now(lambda db: list(db.scalars(select(AuditEntry.action))))
    assert "backup.make" in audited
    press(user, "Copy diagnostics")
    await user.should_see("For whoever helps you")
    portal.watch.follow(lambda: {"presence": False})
    user = await visit(olga, "/admin/health")
    await user.should_see("Stopped although it should run: presence.")
    await user.should_see("Needs a look")
