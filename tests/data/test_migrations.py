"""Upgrades: what an older version wrote is there after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import text

from data.database import Database
from data.migrate import config, migrate

BEFORE = "2026-11-01 12:00:00+00:00"
ROWS = (
    "INSERT INTO accounts (id, role, email, name, password_hash, theme, created_at) "
    f"VALUES (1, 'driver', 'dana@example.org', 'Dana Driver', 'hash', 'dark', '{BEFORE}')",
    "INSERT INTO sign_ins (id, token_hash, account_id, created_at, last_seen_at, expires_at) "
    f"VALUES (1, 'hash', 1, '{BEFORE}', '{BEFORE}', '{BEFORE}')",
    "INSERT INTO one_time_links (id, token_hash, purpose, created_at, expires_at) "
    f"VALUES (1, 'hash', 'first operator', '{BEFORE}', '{BEFORE}')",
    "INSERT INTO mappings (id, id_tag, account_id, active, blocked, created_at) "
    f"VALUES (1, '04AABBCC', 1, true, false, '{BEFORE}')",
)


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def empty(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database without a table."""
    database = Database(request.getfixturevalue(request.param))
    yield database
    database.close()


def test_the_first_version_s_people_are_kept(empty: Database) -> None:
    """From 0001: accounts, cards and links stay; whoever was signed in signs in once more."""
    with empty.engine.begin() as connection:
        command.upgrade(config(connection), "0001")
        for row in ROWS:
            connection.execute(text(row))
    assert migrate(empty) == "0001"

    def rows(table: str) -> list[tuple[object, ...]]:
        found = text(f"SELECT * FROM {table}")
        return empty.ask_now(lambda db: [tuple(row) for row in db.execute(found)])

    assert [row[:5] for row in rows("accounts")] == [(1, "driver", "dana@example.org", "Dana Driver", "hash")]
    assert [row[:2] for row in rows("mappings")] == [(1, "04AABBCC")]
    assert [row[:2] for row in rows("one_time_links")] == [(1, "hash")]
    assert rows("sign_ins") == []
