"""How the portal is: process, database, sockets, queues, last errors. For people, probes and Prometheus."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import shutil
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Generic, TypeVar

import nicegui

from app import clock, logs
from app.about import VERSION
from app.charging.ocpp.endpoint import Endpoint
from app.settings import Settings
from data.database import Database
from data.migrate import current, revision
from data.queries import health as queries
from data.queries.health import Counts

T = TypeVar("T")
LOOK_EVERY = 1.0
"""Seconds between two measurements of how late the event loop is."""
LAGS = 60
"""Measurements that are kept: a minute."""
LATE = 0.25
"""Seconds of lateness of the event loop from which on drivers notice."""
LATE_TIMES = 3
"""Late measurements of a minute from which on the process has more to do than it can; one is a hiccup."""
ANSWER_SECONDS = 2.0
"""After which a database that has not answered counts as down, and what else is not known yet as unknown.

Less than a page may take to be built: the one that tells of trouble has to come while there is some.
"""
ANEW_SECONDS = 30.0
"""After which the database is asked again while an answer is still waited for: that may never come, though
others would by now.
"""
COUNTS_SECONDS = 10.0
"""For which what was counted in the database is told again instead of counted anew."""
NEARLY_FULL = 0.05
"""Part of the disk that has to be free, and..."""
LEAST_FREE = 512 * 1024**2
"""...bytes, below which it counts as nearly full, whichever is less."""
ERRORS = 50
"""Lines of the log that are kept: warnings and errors."""


class Question(Generic[T]):
    """Something that may take its time to be found out, asked once at a time.

    What hangs holds one thread, not one more with each look: who asks meanwhile waits for the same answer.
    After *anew* seconds it is asked again; never, if that is not given.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], anew: float | None = None) -> None:
        self._ask = ask
        self._anew = anew
        self._begun = 0.0
        self._task: asyncio.Task[T] | None = None

    async def within(self, seconds: float) -> tuple[T | None, float]:
        """The answer, and for how many seconds it was waited; ``None`` if it failed, or takes longer."""
        if self._anew is not None and time.monotonic() - self._begun >= self._anew:
            self.give_up()
        if self._task is None or self._task.done():
            self._begun = time.monotonic()
            self._task = asyncio.create_task(self._answered(), name="health question")
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        task = self._task
        await asyncio.wait((task,), timeout=seconds)
        failed = not task.done() or task.cancelled() or task.exception() is not None
        return None if failed else task.result(), time.monotonic() - self._begun

    async def _answered(self) -> T:
        return await self._ask()

    def give_up(self) -> None:
        """Nobody waits for this answer any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """A warning or an error as the log has it: without secrets (T63)."""

    at: datetime
    level: str
    text: str


class LastErrors(logging.Handler):
    """Keeps the last warnings and errors, as they were logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(logs.OneLine())
        self.lines: deque[ErrorLine] = deque(maxlen=ERRORS)
        self.counts = {"WARNING": 0, "ERROR": 0, "CRITICAL": 0}
        """Since the start, by level."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep *record*."""
        self.counts[record.levelname] = self.counts.get(record.levelname, 0) + 1
        self.lines.append(ErrorLine(clock.now(), record.levelname, self.format(record)[:2_000]))


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """How the database is. Bytes are ``None`` where nobody can tell."""

    answers: bool
    seconds: float
    """That a question took; of one that was not answered, how long was waited."""
    revision: str | None
    up_to_date: bool
    size: int | None
    free: int | None
    """Bytes left on its disk."""
    disk: int | None
    nearly_full: bool
    backlog: int
    """Changes that wait for the writer."""


@dataclass(frozen=True, slots=True)
class Health:
    """All of it at one moment."""

    at: datetime
    version: str
    started_at: datetime
    memory: int | None
    """Bytes that are resident."""
    cpu_seconds: float
    lag: float
    """Seconds that the event loop was late at worst in the last minute."""
    late_times: int
    """How often in the last minute it was late by `LATE` or more."""
    pages: int
    """Open pages, with a socket or waiting for one."""
    connected_pages: int
    chargers: int
    """Connected to this process."""
    stopped: tuple[str, ...]
    """Tasks that should run and don't."""
    database: DatabaseState
    counts: Counts | None
    """``None`` while the database does not answer."""

    @property
    def is_late(self) -> bool:
        """True if pages are answered late again and again."""
        return self.late_times >= LATE_TIMES

    @property
    def is_well(self) -> bool:
        """True if the portal does what it is there for."""
        return self.database.answers and self.database.up_to_date and not self.stopped


class Watch:
    """Watches this process. `run` belongs on the event loop from start to end."""

    def __init__(self, settings: Settings, database: Database, endpoint: Endpoint) -> None:
        self.errors = LastErrors()
        self.started_at = clock.now()
        self.backup_folder = backup_folder(settings)
        self._settings = settings
        self._database = database
        self._endpoint = endpoint
        self._lags: deque[float] = deque(maxlen=LAGS)
        self._counts: tuple[float, Counts] | None = None
        self._revision = Question(self._ask_revision, ANEW_SECONDS)
        self._counting = Question(self._count, ANEW_SECONDS)
        self._disks = Question(lambda: asyncio.to_thread(self._disk))
        self._tasks: Callable[[], Mapping[str, bool]] = dict

    def follow(self, tasks: Callable[[], Mapping[str, bool]]) -> None:
        """*tasks* tells of each task that should run whether it does."""
        self._tasks = tasks

    async def run(self) -> None:
        """Measure how late the loop is; an idle one is within a few milliseconds."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                due = loop.time() + LOOK_EVERY
                await asyncio.sleep(LOOK_EVERY)
                self._lags.append(max(0.0, loop.time() - due))
        finally:
            for question in (self._revision, self._counting, self._disks):
                question.give_up()

    async def health(self) -> Health:
        """How the portal is now, after `ANSWER_SECONDS` at most. Raises nothing: what can't be known says so.

        All is asked at the same time: what hangs keeps nobody from telling the rest.
        """
        database, counts = await asyncio.gather(self._database_state(), self._counted())
        instances = list(nicegui.Client.instances.values())
        return Health(
            at=clock.now(),
            version=VERSION,
            started_at=self.started_at,
            memory=resident(),
            cpu_seconds=time.process_time(),
            lag=max(self._lags, default=0.0),
            late_times=sum(1 for lag in self._lags if lag >= LATE),
            pages=len(instances),
            connected_pages=sum(1 for client in instances if client.has_socket_connection),
            chargers=len(self._endpoint.connected()),
            stopped=tuple(sorted(name for name, runs in self._tasks().items() if not runs)),
            database=database,
            counts=counts if database.answers else None,
        )

    async def _database_state(self) -> DatabaseState:
        (asked, seconds), (disks, _) = await asyncio.gather(
            self._revision.within(ANSWER_SECONDS), self._disks.within(ANSWER_SECONDS)
        )
        had, size, free, disk = None, None, None, None
        if asked is not None:
            (had,) = asked
        if disks is not None:
            size, free, disk = disks
        nearly = _is_scarce(free, disk)
        return DatabaseState(
            asked is not None,
            seconds,
            had,
            had == revision(),
            size,
            free,
            disk,
            nearly,
            self._database.backlog,
        )

    def scarce(self) -> int | None:
        """Bytes left on the disk of the database, if it is nearly full. Called in any thread."""
        _, free, disk = self._disk()
        return free if _is_scarce(free, disk) else None

    async def _ask_revision(self) -> tuple[str | None]:
        return (await self._database.ask(current),)

    async def _counted(self) -> Counts | None:
        if self._counts is not None and time.monotonic() - self._counts[0] < COUNTS_SECONDS:
            return self._counts[1]
        counts, _ = await self._counting.within(ANSWER_SECONDS)
        return counts

    async def _count(self) -> Counts:
        counts = await self._database.ask(queries.counts, clock.now())
        self._counts = (time.monotonic(), counts)
        return counts

    def _disk(self) -> tuple[int | None, int | None, int | None]:
        """Bytes of the database file, free ones and all of its disk; ``None`` for a server elsewhere."""
        if self._database.dialect != "sqlite" or not self._database.url.database:
            return None, None, None
        file = Path(self._database.url.database)
        try:
            size = sum(path.stat().st_size for path in (file, Path(f"{file}-wal")) if path.exists())
            usage = shutil.disk_usage(file.parent)
        except OSError:
            return None, None, None
        return size, usage.free, usage.total


def _is_scarce(free: int | None, disk: int | None) -> bool:
    return free is not None and disk is not None and free < min(LEAST_FREE, disk * NEARLY_FULL)


def backup_folder(settings: Settings) -> Path:
    """Where the console's button puts backups."""
    if settings.backup_folder:
        return Path(settings.backup_folder).absolute()
    prefix = "sqlite:///"
    if settings.database_url.startswith(prefix):
        return Path(settings.database_url.removeprefix(prefix)).absolute().parent / "backups"
    return Path("polaris-data/backups").absolute()


def resident() -> int | None:
    """Bytes of memory that the process holds; ``None`` where the system does not tell as Linux does."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def diagnostics(health: Health, errors: LastErrors, settings: Settings) -> str:
    """All that helps somebody else to help, as text: no secret, no name, no id tag (T62, T63)."""
    database, counts = health.database, health.counts
    lines = [
        f"Polaris Express {health.version}, {health.at.isoformat(timespec='seconds')}",
        f"Python {platform.python_version()}, {platform.system()} {platform.release()} {platform.machine()}",
        *(f"{name} {metadata.version(name)}" for name in ("nicegui", "sqlalchemy", "uvicorn", "ocpp")),
        f"started {health.started_at.isoformat(timespec='seconds')}, cpu {health.cpu_seconds:.0f} s, "
        f"memory {_mb(health.memory)}, loop late by {health.lag * 1000:.0f} ms at most",
        f"pages {health.connected_pages} of {health.pages} connected, chargers {health.chargers} connected",
        f"stopped tasks: {', '.join(health.stopped) or 'none'}",
        f"database {settings.database_url.partition(':')[0]}, revision {database.revision}"
        f"{'' if database.up_to_date else ' (not up to date)'}, answers: {database.answers} "
        f"in {database.seconds * 1000:.0f} ms, size {_mb(database.size)}, free {_mb(database.free)}, "
        f"waiting changes {database.backlog}",
        "counts: " + ("unknown" if counts is None else counts.told()),
        "settings that are not as delivered: " + (", ".join(_changed(settings)) or "none"),
        f"log since the start: {errors.counts}",
        *(line.text for line in errors.lines),
    ]
    return logs.clean("\n".join(lines)).replace("\\n", "\n") + "\n"


def _changed(settings: Settings) -> list[str]:
    """Names of settings with another value than delivered; no values, which can be secret."""
    fields = type(settings).model_fields
    return sorted(name for name in fields if getattr(settings, name) != fields[name].default)


def _mb(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 1024**2:.1f} MB"
