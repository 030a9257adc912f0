"""One portal for one SQLite file: a second one would not hear what the first announces.

PostgreSQL carries announcements between processes, so there any number may run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from data.database import Database
from data.engines import DatabaseUnavailable

try:
    import fcntl
except ImportError:  # not on Windows, where nothing guards against it
    fcntl = None  # type: ignore[assignment]


def hold(database: Database) -> Callable[[], None]:
    """Hold *database* for this process, until it ends or calls what is returned.

    The lock is the operating system's: it can't be left behind. Raises `DatabaseUnavailable`.
    """
    if database.dialect != "sqlite" or not database.url.database or fcntl is None:
        return lambda: None
    path = Path(f"{database.url.database}.lock")
    try:
        file = path.open("ab")
    except OSError as error:
        raise DatabaseUnavailable(
            f"{path} can't be written ({error.strerror}); give the folder to this user"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise DatabaseUnavailable(
            f"another portal runs on {database.url.database}; end it, name another file by "
            "POLARIS_DATABASE_URL, or use PostgreSQL for several processes"
        ) from error
    return file.close
