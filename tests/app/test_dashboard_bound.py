"""What a page's cards are bound with, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, select, text

from components.answers import Failed, together
from data.database import Database
from data.models import Site
from tests.world import add_site


def names(db: Connection) -> list[str]:
    return list(db.execute(select(Site.name)).scalars())


def broken(db: Connection) -> None:
    db.execute(text("SELECT * FROM nowhere"))


def wrong(db: Connection) -> int:
    return 1 // 0


@pytest.mark.parametrize("failing", [broken, wrong])
def test_p5_a_question_that_fails_leaves_the_others_unharmed(database: Database, failing: object) -> None:
    """PostgreSQL answers nothing more in a transaction that has failed, unless it is ended."""
    database.change_now(add_site)
    first, failed, second = database.ask_now(together, [names, failing, names])
    assert first == second == ["Harbour car park"]
    assert isinstance(failed, Failed)
