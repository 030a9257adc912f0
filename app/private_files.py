"""Files that nobody else on the machine may read (T62): the one with the secrets, and the database."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

_SECRET = re.compile(r"://[^/@\s]*:(?P<password>[^@\s]*)@")
"""A setting that holds one is an address with a password, or called a token."""
_EXAMPLES = frozenset({"change-me", "changeme", "password", "secret"})
"""Passwords that stand in examples; whoever copied one has none."""


def complaints(path: Path, settings: Mapping[str, str | None]) -> list[str]:
    """What is wrong with the file *path* of *settings*, if it holds secrets: a line each, with the remedy."""
    secrets = sorted(name for name, value in settings.items() if value and _holds(name, value))
    mode = path.stat().st_mode
    if not secrets or os.name != "posix" or not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return []
    return [
        f"{path}: {name} holds a secret, and others on this machine may open the file "
        f"(mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}"
        for name in secrets
    ]


def examples(settings: Mapping[str, str | None]) -> list[str]:
    """A line for each of *settings* whose password is that of an example."""
    found = {name: _SECRET.search(value) for name, value in settings.items() if value}
    return [
        f"{name}: the password is the one of an example; give it a random one"
        for name, match in sorted(found.items())
        if match is not None and match["password"].lower() in _EXAMPLES
    ]


def _holds(name: str, value: str) -> bool:
    return name.upper().endswith("_TOKEN") or _SECRET.search(value) is not None


def make(path: Path) -> None:
    """Make the file *path*, and its folder, for this user alone; what is there stays as it is.

    SQLite gives the files that it puts beside its database the database's own mode. Raises ``OSError``.
    """
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.parent.mkdir(mode=0o700)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def is_open(path: Path) -> bool:
    """True if others on this machine can read *path*."""
    return os.name == "posix" and bool(path.stat().st_mode & stat.S_IROTH)
