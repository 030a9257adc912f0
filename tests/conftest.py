"""Fixtures for all tests: real databases, the real app, a real server where a test wants one."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import hypothesis
import nicegui
import pytest
from nicegui import ui
from nicegui.testing.general import nicegui_reset_globals

from app.settings import Settings
from data.database import Database
from data.migrate import migrate
from tests import schedule
from tests.postgres import Postgres, PostgresMissing
from tests.visitor import Visitor

if TYPE_CHECKING:
    from app.portal import Portal

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
"""Real input that is not part of the project; a test that needs it is skipped without it."""


def shared(name: str) -> Path:
    """The file *name* of the shared real input; skips the test if it is not there."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"needs {name}, which is not beside this checkout")
    return path


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Up to two workers more than cores: half of their time, tests wait for pages, processes and browsers."""
    cores = yield
    return cores if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") else cores + min(cores, 2)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks of these tests known, and their schedule a plugin."""
    config.addinivalue_line("markers", "alone: measures time, so other workers' tests wait meanwhile")
    config.pluginmanager.register(schedule)
    schedule.start_quickly()


@pytest.fixture(autouse=True)
def _turn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Beside the tests of other workers, unless the test is marked `alone`; `schedule` ends it."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        schedule.room.enter(tmp_path_factory.getbasetemp().parent, alone=schedule.is_alone(request.node))


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Gives a turn alone to the part of a test that measures time, where its rest only waits.

    It begins when the tests that the other workers run just then have ended.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return contextlib.nullcontext
    return lambda: schedule.room.alone(tmp_path_factory.getbasetemp().parent)


@pytest.fixture(scope="module", autouse=True)
def _what_is_loaded_is_no_garbage() -> None:
    """NiceGUI's simulation looks for garbage before and after each test; what has come before this module
    (libraries, 100 000s of objects) need not be looked through each time.
    """
    assert hypothesis.__version__  # loaded, for loading it asks who refers to an object: none that is frozen
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this test run's own; skips where none can be started."""
    try:
        server = Postgres.start()
    except PostgresMissing as error:
        if os.environ.get("TESTS_NEED_POSTGRES"):
            raise
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'polaris.db'}"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy: a migration costs more than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "polaris.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    path.chmod(0o600)
    return path


@pytest.fixture
def sqlite_database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite database."""
    path = tmp_path / "polaris.db"
    shutil.copy(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture(scope="session")
def migrated_template(postgres: Postgres) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    name, url = postgres.create()
    database = Database(url)
    migrate(database)
    database.close()
    return name


@pytest.fixture
def postgres_database(postgres: Postgres, migrated_template: str) -> Iterator[Database]:
    """A migrated PostgreSQL database."""
    with postgres.database(migrated_template) as url:
        database = Database(url)
        yield database
        database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated database: the same test runs on SQLite and on PostgreSQL."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    made: Database = request.getfixturevalue(name)
    return made


@pytest.fixture
async def portal(
    migrated_file: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Portal]:
    """The whole portal inside this process, on a SQLite file of its own, as `main.py` puts it together.

    Settings of its own come by ``indirect`` parameters.
    """
    from app.portal import install

    path = tmp_path / "polaris.db"
    shutil.copy(migrated_file, path)
    own_settings = getattr(request, "param", {})
    settings = Settings(database_url=f"sqlite:///{path}", _env_file=None, **own_settings)
    with nicegui_reset_globals():
        gc.freeze()  # FastAPI's caches keep the portals of earlier tests; the simulation has just collected
        os.environ["NICEGUI_USER_SIMULATION"] = "true"
        own = [route for route in nicegui.app.routes if not _is_nicegui(route)]
        for route in own:  # NiceGUI takes away pages only, not websockets and mounts
            nicegui.app.routes.remove(route)
        portal = install(settings)
        ui.run(storage_secret="unused by us, wanted by the simulation")
        try:
            async with nicegui.core.app.router.lifespan_context(nicegui.core.app):
                yield portal
        finally:
            os.environ.pop("NICEGUI_USER_SIMULATION", None)
            nicegui.app.exception_handlers.clear()
            nicegui.app.exception_handlers.update(_handlers)


_handlers = dict(nicegui.app.exception_handlers)


def _is_nicegui(route: object) -> bool:
    return str(getattr(route, "path", "")).startswith("/_nicegui")


Visit = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def visit(portal: Portal) -> AsyncIterator[Visit]:
    """Open pages as an account, in a browser of its own, as ``await open(account_id, "/path")`` would.

    ``account_id`` ``None`` visits signed out; ``browser=user`` opens it in the browser of an earlier visit.
    """
    clients: list[httpx.AsyncClient] = []

    async def visit(account_id: int | None, path: str = "/", *, browser: Visitor | None = None) -> Visitor:
        if browser is None:
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(nicegui.core.app), base_url="http://127.0.0.1"
            )
            clients.append(client)
            if account_id is not None:
                token = await portal.sign_ins.issue(account_id)
                client.cookies.set(portal.sign_ins.cookie, token)
            browser = Visitor(client)
        await browser.open(path)
        return browser

    yield visit
    for client in clients:
        await client.aclose()
