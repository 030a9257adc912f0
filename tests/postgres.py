"""Starts a PostgreSQL server for one test run: own data folder, free port, loopback, no password."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes that must be free for a server to live in memory, where a copy of a database costs a tenth."""


class PostgresMissing(RuntimeError):
    """No server can be started here; the text says why."""


@dataclass
class Postgres:
    """A running server; `database` makes an empty database in it."""

    binaries: Path
    folder: Path
    port: int
    _count: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def start(cls) -> Postgres:
        """Start a server. Raises `PostgresMissing`."""
        if not BINARIES:
            raise PostgresMissing("PostgreSQL's server is not installed (Debian: postgresql)")
        in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM
        folder = Path(tempfile.mkdtemp(prefix="polaris-pg-", dir=MEMORY if in_memory else None))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = cls(BINARIES[-1], folder, port)
        if os.getuid() == 0:  # the server refuses to run as root
            try:
                owner = pwd.getpwnam("postgres")
            except KeyError as error:
                raise PostgresMissing("PostgreSQL can't run as root and has no account of its own") from error
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = str(folder / "data")
        server._run(
            "initdb", "-D", data, "-A", "trust", "-U", "polaris", "--no-sync", "-E", "UTF8", "--locale=C"
        )
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
        # No statistics come to a database in the middle of a test, and the log stays small.
        options += " -c autovacuum=off -c max_wal_size=128MB"
        server._run("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        return server

    def stop(self) -> None:
        """End the server and remove its files."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self, template: str = "template1") -> tuple[str, str]:
        """Make a database, a copy of *template*; its name and its address."""
        name = f"polaris_{next(self._count)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name, f"postgresql://polaris@127.0.0.1:{self.port}/{name}"

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The address of a new database; dropped afterwards."""
        name, url = self.create(template)
        yield url
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        address = f"postgresql://polaris@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        user = {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.getuid() == 0 else {}
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            check=False,
            **user,
        )
        if done.returncode:
            raise PostgresMissing(f"PostgreSQL's {program} failed with {done.returncode}")
