"""`ask` and `change`: the only doors to the database.

Reads run in threads, each in a transaction of its own. Changes go through one writer thread, and
all that wait share one commit (group commit): with ``synchronous=FULL`` a commit costs a flush to
the disk, a row does not. Whoever awaits `change` goes on only after the commit (C8).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, CursorResult, Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import Insert

from data import engines, news, notices
from data.announcements import Announcement

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 512
"""Changes that share a commit at most; more would only make the first of them wait."""
GATHER_SECONDS = 0.01
"""Between commits while several callers come at once: a commit costs as much as ten readings in it."""
RETRIES = 3


class Change:
    """A unit of work inside a transaction: what it executes and what it announces, if it commits.

    A unit can be run a second time (when a neighbour in its batch fails, or PostgreSQL restarts), so
    it changes nothing but the database: what follows from it is returned or announced.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[int, tuple[Executable, list[Mapping[str, Any]]]] = {}
        self.announcements: list[Announcement] = []

    @property
    def connection(self) -> Connection:
        """For the queries of `data.queries`, which read what this unit wrote."""
        self.flush()
        return self._connection

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Execute *statement* now."""
        self.flush()
        return self._connection.execute(statement, parameters)

    def later(self, statement: Executable, row: Mapping[str, Any]) -> None:
        """Execute *statement* with *row* before the commit, or before anything else is executed.

        The rows of one statement (the same object: keep it in a module constant) travel together,
        those of other units of the batch included. For writes on the hot path that nobody reads back.
        """
        self._waiting.setdefault(id(statement), (statement, []))[1].append(row)

    def flush(self) -> None:
        """Execute what `later` collected."""
        while self._waiting:
            statement, rows = self._waiting.pop(next(iter(self._waiting)))
            self._connection.execute(statement, rows)

    def announce(self, *announcements: Announcement) -> None:
        """Tell *announcements* to everybody after the commit."""
        self.announcements.extend(announcements)

    def insert_once(self, table: type[Any]) -> Insert:
        """An INSERT into *table* that skips a row whose key is there already."""
        return insert_once(self._connection.dialect.name, table)


def insert_once(dialect: str, table: type[Any]) -> Insert:
    """See `Change.insert_once`; *dialect* is ``Database.dialect``. Made once a table and dialect."""
    key = (dialect, table)
    if key not in _insert_once:
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        _insert_once[key] = insert(table).on_conflict_do_nothing()
    return _insert_once[key]


_insert_once: dict[tuple[str, type[Any]], Insert] = {}


@dataclass(slots=True)
class _Unit:
    work: Callable[[Change], Any]
    future: Future[Any] | asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop | None = None
    """The loop of an asyncio future; ``None`` for one that a thread waits for."""
    result: Any = None
    error: BaseException | None = None
    announcements: list[Announcement] = field(default_factory=list)


class Database:
    """The database of this process.

    *announce* is called with what was committed: on the event loop that called `start`, else in
    the thread that made the change.
    """

    def __init__(self, url: str | URL, *, readers: int = 4) -> None:
        """Open the engine for *url* (``sqlite:///file.db``, ``postgresql://…``), without a connection yet."""
        self.url = engines.address(url)
        self.dialect = self.url.get_backend_name()
        self.announce: Callable[[list[Announcement]], None] = lambda announcements: None
        self.origin = uuid.uuid4().hex[:12]
        """Tells this one's announcements from those of other processes."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="ask")
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._listener: notices.Listener | None = None
        self._lock = threading.Lock()
        self.engine = engines.engine(self.url, readers + 2)
        self._write_engine = engines.for_writing(self.engine)

    async def ask(
        self, query: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The answer of *query*, run in a thread with a connection and these arguments."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: self.ask_now(query, *args, **kwargs))

    def ask_now(
        self, query: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `ask`, in the calling thread: for start-up and the command line."""
        for left in reversed(range(RETRIES)):
            try:
                with self.engine.connect() as connection:
                    return query(connection, *args, **kwargs)
            except DBAPIError as error:
                if not (error.connection_invalidated and left):
                    raise
        raise AssertionError

    async def change(
        self, work: Callable[Concatenate[Change, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What *work* returns, after its commit. What it raises undoes it alone and is raised here."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._submit(_Unit(lambda change: work(change, *args, **kwargs), answer, loop))
        return await answer

    def change_now(
        self, work: Callable[Concatenate[Change, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `change`, waiting in the calling thread: for start-up and the command line."""
        future: Future[T] = Future()
        # Running from the first moment, so that a caller who is cancelled can't undo it half-way.
        future.set_running_or_notify_cancel()
        self._submit(_Unit(lambda change: work(change, *args, **kwargs), future))
        return future.result()

    def start(self) -> None:
        """Deliver announcements on the running event loop from now on, those of other processes too."""
        self._loop = asyncio.get_running_loop()
        if self.dialect == "postgresql" and self._listener is None:
            self._listener = notices.Listener(self.url, self.origin, self._deliver)
            self._listener.start()

    def close(self) -> None:
        """Finish what is queued and let go of all connections."""
        if self._listener is not None:
            self._listener.stop()
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            self._queue.put(None)
            writer.join()
        self._readers.shutdown()
        self.engine.dispose()
        self._loop = None

    @property
    def backlog(self) -> int:
        """How many changes wait for the writer."""
        return self._queue.qsize()

    def _submit(self, unit: _Unit) -> None:
        if self._writer is None:
            with self._lock:
                if self._writer is None:
                    self._writer = threading.Thread(target=self._write, name="change", daemon=True)
                    self._writer.start()
        self._queue.put(unit)

    def _write(self) -> None:
        ended = crowded = False
        committed = 0.0
        while not ended:
            batch: list[_Unit] = []
            taken = self._queue.get()
            if crowded:
                time.sleep(max(0.0, committed + GATHER_SECONDS - time.monotonic()))
            while taken is not None:
                batch.append(taken)
                if len(batch) == BATCH:
                    break
                try:
                    taken = self._queue.get_nowait()
                except queue.Empty:
                    break
            ended = taken is None
            if batch:
                self._commit(batch)
                committed = time.monotonic()
            # One caller after another never waits: only those who come together share a commit.
            crowded = len(batch) > 1 or not self._queue.empty()

    def _commit(self, batch: list[_Unit]) -> None:
        try:
            results = self._transact(batch)
        except BaseException as error:
            if len(batch) == 1:
                batch[0].error = error
                _answer(batch)
                return
            for unit in batch:  # each alone: only what fails by itself fails
                self._commit([unit])
            return
        announcements = [announcement for unit in batch for announcement in unit.announcements]
        # The announcements first: who awaits the change finds the world told of it.
        self._deliver(announcements)
        for unit, result in zip(batch, results, strict=True):
            unit.result = result
        _answer(batch)

    def _transact(self, batch: list[_Unit]) -> list[Any]:
        for left in reversed(range(RETRIES)):
            try:
                with self._write_engine.begin() as connection:
                    change = Change(connection)
                    results = []
                    for unit in batch:
                        change.announcements = []
                        results.append(unit.work(change))
                        unit.announcements = change.announcements
                    change.flush()
                    if self.dialect == "postgresql":
                        notices.send(
                            connection, self.origin, [a for unit in batch for a in unit.announcements]
                        )
                    elif self._loop is None:
                        # A command, then: the portal that may run beside it looks here for news.
                        news.write(connection, self.origin, [a for unit in batch for a in unit.announcements])
                return results
            except DBAPIError as error:
                if not (error.connection_invalidated and left):
                    raise
        raise AssertionError

    def _deliver(self, announcements: list[Announcement]) -> None:
        if not announcements:
            return
        if self._loop is None:
            self.announce(announcements)
        else:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to be told
                self._loop.call_soon_threadsafe(self.announce, announcements)


def _answer(units: list[_Unit]) -> None:
    """Let those go on who wait for *units*: a loop is woken once for all of its own."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Unit]] = {}
    for unit in units:
        if unit.loop is None:
            _resolve([unit])
        else:
            by_loop.setdefault(unit.loop, []).append(unit)
    for loop, waiting in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            loop.call_soon_threadsafe(_resolve, waiting)


def _resolve(units: list[_Unit]) -> None:
    for unit in units:
        if unit.future.done():
            continue  # whoever waited was cancelled; the change stands all the same
        if unit.error is not None:
            unit.future.set_exception(unit.error)
        else:
            unit.future.set_result(unit.result)
