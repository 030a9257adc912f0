"""The commands that make links: T22, and what they write into the audit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, select

from app import clock
from app.access import tokens
from app.access.link_rows import Purpose
from app.commands import commands
from data.database import Database
from data.models import Account, AuditEntry
from data.queries import people
from data.types import Role
from tests.data.test_queries_accounts import add_identity
from tests.world import NOW, add_account, add_driver

Run = Callable[..., Result]


@pytest.fixture
def run(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command on the test's database, at noon."""
    monkeypatch.setenv("POLARIS_DATABASE_URL", sqlite_database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("POLARIS_PUBLIC_URL", "https://charge.example.org")
    with clock.at(NOW):
        yield lambda *words: CliRunner().invoke(commands(print), list(words))


def open_link(database: Database, said: Result, purpose: Purpose) -> people.Recipient:
    """Whom the link that was printed is for, which has to be open for *purpose*."""
    assert said.exit_code == 0, said.output
    path = {"invitation": "invitation", "password reset": "password", "sign in": "enter"}[purpose]
    found = re.search(rf"^  https://charge\.example\.org/{path}/([\w-]{{43}})$", said.output, re.MULTILINE)
    assert found is not None, said.output
    to = database.ask_now(people.of_link, tokens.hashed(found[1]), purpose, NOW)
    assert to is not None
    return to


def test_people_are_invited_and_get_new_links(run: Run, sqlite_database: Database) -> None:
    """T22: an invitation, another one until it is accepted, then a new password; which account is clear."""
    said = run("invite", "operator", "Olga@Example.org", "--name", "Olga O")
    to = open_link(sqlite_database, said, Purpose.INVITATION)
    assert (to.name, to.email, to.role) == ("Olga O", "olga@example.org", Role.OPERATOR)
    assert "until 2026-11-29 12:00 UTC" in said.output
    assert "mailed" not in said.output
    for words, sentence in (
        (("invite", "operator", "olga@example.org"), "There is an account of this role with this e-mail"),
        (("invite", "driver", "olga"), "is no e-mail address"),
        (("new-link", "nobody@example.org"), "There is no account nobody@example.org; invite makes one."),
        (("new-link", "olga@example.org", "--role", "driver"), "There is no driver olga@example.org"),
    ):
        refused = run(*words)
        assert refused.exit_code == 1
        assert sentence in refused.output
    open_link(sqlite_database, run("new-link", "olga@example.org"), Purpose.INVITATION)
    sqlite_database.change_now(add_driver, "Olga Driver")
    assert "say with --role which one" in run("new-link", "olga@example.org").output
    said = run("new-link", "olga@example.org", "--role", "driver")
    assert open_link(sqlite_database, said, Purpose.PASSWORD_RESET).role is Role.DRIVER

    def told(db: Connection) -> list[tuple[str, str, str]]:
        columns = AuditEntry.action, AuditEntry.subject_name, AuditEntry.actor_name
        return [tuple(row) for row in db.execute(select(*columns).order_by(AuditEntry.id))]  # type: ignore[misc]

    assert sqlite_database.ask_now(told) == [
        ("person.invite", "Olga O", "command line"),
        ("person.invite_again", "Olga O", "command line"),
        ("person.reset", "Olga Driver", "command line"),
    ]


def test_an_operator_can_always_be_let_in(
    run: Run, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T22: whatever passwords and providers do, for fifteen minutes; never mailed, and no driver."""
    sqlite_database.change_now(add_account, "Olga Operator", Role.OPERATOR)
    sqlite_database.change_now(add_driver)
    sqlite_database.change_now(add_account, "Gone Operator", Role.OPERATOR, disabled_at=NOW)
    monkeypatch.setenv("POLARIS_PASSWORD_SIGN_IN", "off")
    monkeypatch.setenv("POLARIS_SMTP_URL", "smtp://127.0.0.1:9")
    monkeypatch.setenv("POLARIS_MAIL_FROM", "charge@example.org")
    said = run("operator-sign-in", "olga@example.org")
    assert open_link(sqlite_database, said, Purpose.SIGN_IN).name == "Olga Operator"
    assert "until 2026-11-22 12:15 UTC" in said.output
    assert "mailed" not in said.output
    assert "There is no operator dana@example.org" in run("operator-sign-in", "dana@example.org").output
    assert "This account is disabled." in run("operator-sign-in", "gone@example.org").output
    # A password is no way in now: whoever has nothing else is invited again.
    open_link(sqlite_database, run("new-link", "dana@example.org"), Purpose.INVITATION)
    sqlite_database.change_now(lambda change: add_identity(change, add_driver(change, "Pia Provider")))
    assert "Nobody signs in with a password here" in run("new-link", "pia@example.org").output
    said = run("invite", "driver", "eva@example.org", "--language", "de")  # nobody listens at that server
    eva = open_link(sqlite_database, said, Purpose.INVITATION)
    assert (eva.name, eva.language) == ("eva", "de")
    assert "It could not be mailed: Connection refused." in said.output
    assert len(sqlite_database.ask_now(lambda db: db.execute(select(Account.id)).all())) == 5
