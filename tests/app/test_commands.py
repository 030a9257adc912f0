"""The commands that set a portal up: what they store, what they print once, and how they refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner, Result
from sqlalchemy import Connection, select

from app import clock
from app.access import sign_in_rows
from app.access.lifetimes import lifetime
from app.access.sign_in_rows import Arrival
from app.commands import commands
from app.commands.chargers import ocpp_address
from app.settings import Settings
from data.database import Database
from data.engines import DatabaseUnavailable
from data.models import (
    Account,
    AuditEntry,
    Charger,
    Connector,
    GroupAccount,
    GroupCharger,
    Mapping,
    Plan,
    SignIn,
    Subscription,
)
from data.types import HowSignedIn, Role
from tests.world import NOW, add_charger, add_driver, add_site

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def run(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on the test's database; its output as one line of words."""
    monkeypatch.setenv("POLARIS_DATABASE_URL", sqlite_database.url.render_as_string(hide_password=False))
    return lambda *words, **more: CliRunner().invoke(commands(print), list(words), **more)


def _rows(database: Database, *columns: object) -> list[tuple[object, ...]]:
    def ask(db: Connection) -> list[tuple[object, ...]]:
        return [tuple(row) for row in db.execute(select(*columns))]  # type: ignore[call-overload]

    return database.ask_now(ask)


def _refused(result: Result, sentence: str) -> None:
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert re.fullmatch(r"(Database: .*\n)?Error: .*\n", result.output), result.output
    assert sentence in result.output


def test_a_driver_is_added_once(run: Run, sqlite_database: Database) -> None:
    """T22: no default password; the one made is printed once and stored as argon2."""
    said = run("add-driver", " Ada@Example.org", "--name", "Ada", "--language", "de", "--group", "Staff")
    assert said.exit_code == 0, said.output
    password = said.output.split("password  ")[1].split()[0]
    ((email, name, hashed, language),) = _rows(
        sqlite_database, Account.email, Account.name, Account.password_hash, Account.language
    )
    assert (email, name, language) == ("ada@example.org", "Ada", "de")
    assert PasswordHasher().verify(str(hashed), password)
    assert len(_rows(sqlite_database, GroupAccount.account_id)) == 1
    _refused(run("add-driver", "ADA@example.org"), "There is a driver ada@example.org already.")
    _refused(run("add-driver", "ada"), "is no e-mail address")
    _refused(
        run("add-driver", "b@example.org", "--password-stdin", input="short\n"), "from 12 to 1000 characters"
    )


def test_a_password_can_come_by_standard_input(run: Run, sqlite_database: Database) -> None:
    """It is not printed then: no list of processes and no screen shows it."""
    said = run("add-driver", "ada@example.org", "--password-stdin", input="correct horse\n")
    assert "correct" not in said.output
    ((hashed,),) = _rows(sqlite_database, Account.password_hash)
    assert PasswordHasher().verify(str(hashed), "correct horse")


def test_a_driver_gets_a_new_password_and_old_sign_ins_end(run: Run, sqlite_database: Database) -> None:
    """T16: whoever signed in with the old one is out; an imported driver gets an address at the same time."""
    account = sqlite_database.change_now(add_driver, "Dana Driver")
    arrival = Arrival(account, HowSignedIn.PASSWORD)
    lasts = lifetime(Settings(_env_file=None), Role.DRIVER, remember=False)
    sqlite_database.change_now(
        sign_in_rows.arrive, arrival, NOW, lambda _role: lasts, None, "hash of a token"
    )
    said = run("new-driver-password", "dana@example.org", "--new-email", "D@Example.org")
    assert said.exit_code == 0, said.output
    password = said.output.split("password  ")[1].split()[0]
    ((email, hashed),) = _rows(sqlite_database, Account.email, Account.password_hash)
    assert email == "d@example.org"
    assert PasswordHasher().verify(str(hashed), password)
    assert _rows(sqlite_database, SignIn.id) == []
    told = _rows(sqlite_database, AuditEntry.action, AuditEntry.subject_id, AuditEntry.actor_name)
    assert told == [
        ("person.password", account, "command line"),
        ("sign_in.end", account, "command line"),
    ]
    sqlite_database.change_now(add_driver, "Eva Else")
    _refused(run("new-driver-password", "eva@example.org", "--new-email", "d@example.org"), "another driver")
    _refused(run("new-driver-password", "nobody@example.org"), "There is no driver")


def test_a_charger_is_added_with_its_password(run: Run, sqlite_database: Database) -> None:
    """T50: at least 16 random bytes, printed once with the OCPP address, stored as argon2."""
    _refused(run("add-charger", "CP1"), "There is no site yet; add-site makes one.")
    assert run("add-site", "Harbour", "--time-zone", "Europe/Lisbon").exit_code == 0
    _refused(run("add-site", "Harbour"), "There is a site Harbour already.")
    said = run("add-charger", "CP 1".replace(" ", "-"), "--connector", "CCS:150", "--connector", "Type 2:22")
    assert said.exit_code == 0, said.output
    assert "ws://127.0.0.1:8080/ocpp/CP-1" in said.output
    password = said.output.split("password      ")[1].split()[0]
    assert len(password) >= 22
    ((hashed, visible),) = _rows(sqlite_database, Charger.password_hash, Charger.visible_to_all)
    assert visible
    assert PasswordHasher().verify(str(hashed), password)
    plugs = _rows(sqlite_database, Connector.number, Connector.type, Connector.max_power_w)
    assert plugs == [(1, "CCS", 150_000), (2, "Type 2", 22_000)]
    _refused(run("add-charger", "CP-1"), "There is a charger CP-1 already; new-password gives it another")
    _refused(run("add-charger", "CP:1"), "can't be a charger's identity")
    run("add-site", "Airport")
    _refused(run("add-charger", "CP2"), "There are several sites: say with --site which one.")
    _refused(run("add-charger", "CP2", "--site", "Moon"), "There is no site Moon; add-site makes one.")

    again = run("new-password", "CP-1")
    assert password not in again.output
    ((renewed,),) = _rows(sqlite_database, Charger.password_hash)
    assert PasswordHasher().verify(str(renewed), again.output.split("password      ")[1].split()[0])
    _refused(run("new-password", "CP9"), "There is no charger CP9")


def test_a_charger_of_a_group_is_hidden_from_others(run: Run, sqlite_database: Database) -> None:
    """P19: visible to everybody or to named groups; the group is made once."""
    run("add-site", "Harbour")
    run("add-charger", "CP1", "--group", "Staff")
    run("add-charger", "CP2", "--group", "Staff")
    assert _rows(sqlite_database, Charger.visible_to_all) == [(False,), (False,)]
    assert len(set(_rows(sqlite_database, GroupCharger.group_id))) == 1


def test_a_card_has_one_driver(run: Run, sqlite_database: Database) -> None:
    """C10: upper and lower case are the same; an active duplicate is refused; a moved card is a new row."""
    for name in ("Ada A", "Ben B"):
        sqlite_database.change_now(lambda change, name=name: add_driver(change, name))
    assert run("add-mapping", "04a2ff", "ada@example.org").exit_code == 0
    _refused(
        run("add-mapping", "04A2Ff", "ben@example.org"),
        "The card 04A2FF is linked to ada@example.org already",
    )
    _refused(
        run("add-mapping", "04A2Ff", "ada@example.org", "--move"), "is linked to ada@example.org already."
    )
    _refused(run("add-mapping", "1", "eve@example.org"), "There is no driver eve@example.org")
    _refused(run("add-mapping", " ", "ada@example.org"), "is no id tag")
    assert run("add-mapping", "04A2FF", "ben@example.org", "--move").exit_code == 0
    rows = _rows(sqlite_database, Mapping.id_tag, Mapping.account_id, Mapping.active)
    assert rows == [("04A2FF", 1, False), ("04A2FF", 2, True)]


def test_a_plan_has_whole_numbers(run: Run, sqlite_database: Database) -> None:
    """P25: minor units by the currency (0, 2, 3 decimals), prices a kWh in 1/10,000, included Wh."""
    for name, currency, fee in (
        ("Home", "EUR", "19.00"),
        ("Tokyo", "JPY", "1900"),
        ("Kuwait", "KWD", "1.234"),
    ):
        said = run("add-plan", name, "--currency", currency, "--base-fee", fee, "--price", "0.2855")
        assert said.exit_code == 0, said.output
    run("add-plan", "Full", "--included", "200.5")
    run("add-plan", "All", "--unlimited")
    rows = _rows(sqlite_database, Plan.base_fee, Plan.price_per_kwh, Plan.included_wh, Plan.unlimited)
    assert rows == [
        (1_900, 2_855, None, False),
        (1_900, 2_855, None, False),
        (1_234, 2_855, None, False),
        (None, None, 200_500, False),
        (None, None, None, True),
    ]
    _refused(run("add-plan", "Home"), "There is a plan Home already.")
    _refused(
        run("add-plan", "X", "--currency", "JPY", "--base-fee", "1.5"),
        "--base-fee 1.5 has more than 0 decimals",
    )
    _refused(
        run("add-plan", "X", "--unlimited", "--included", "1"), "either --unlimited or has an --included"
    )
    assert "is no amount" in run("add-plan", "X", "--price", "-1").output
    assert "is no ISO 4217 currency" in run("add-plan", "X", "--currency", "EURO").output


def test_a_driver_has_one_subscription(run: Run, sqlite_database: Database) -> None:
    """P13: the anchor day; a second subscription only in place of the first."""
    sqlite_database.change_now(lambda change: add_driver(change, "Ada A"))
    _refused(run("subscribe", "ada@example.org", "Home"), "There is no plan Home; add-plan makes one.")
    run("add-plan", "Home")
    run("add-plan", "Away")
    assert run("subscribe", "ada@example.org", "Home", "--from", "2026-01-31").exit_code == 0
    _refused(
        run("subscribe", "ada@example.org", "Away"), "is subscribed to Home already; --replace ends that one."
    )
    _refused(
        run("subscribe", "ada@example.org", "Away", "--replace", "--from", "2026-12-05"),
        "give --from 2026-11-30 or --from 2026-12-31.",
    )
    assert run("subscribe", "ada@example.org", "Away", "--replace", "--anchor-day", "5").exit_code == 0
    rows = _rows(sqlite_database, Subscription.plan_id, Subscription.anchor_day, Subscription.ended_on)
    assert rows == [(1, 31, date(2026, 11, 30)), (2, 5, None)]


def test_help_tells_every_command_option_and_setting(run: Run) -> None:
    """`--help` is enough to find one's way: no option without words, no setting left out."""
    said = run("--help").output
    for name in Settings.model_fields:
        assert f"POLARIS_{name.upper()}" in said
        assert f"POLARIS_{name.upper()}" in run("settings").output
    for name, command in commands(print).commands.items():
        assert name in said
        assert command.help, name
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_no_command_runs_the_portal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The settings reach it; what it raises in our words is one sentence, and Ctrl-C is no failure."""
    monkeypatch.setenv("POLARIS_PORT", "8123")
    ran: list[int] = []
    assert CliRunner().invoke(commands(lambda settings: ran.append(settings.port)), []).exit_code == 0
    assert ran == [8123]

    def unreachable(settings: Settings) -> None:
        raise DatabaseUnavailable("the database is away")

    _refused(CliRunner().invoke(commands(unreachable), []), "the database is away")

    def interrupted(settings: Settings) -> None:
        raise KeyboardInterrupt

    assert CliRunner().invoke(commands(interrupted), []).exit_code == 0

    def broken(settings: Settings) -> None:
        raise RuntimeError("a fault of ours")

    assert isinstance(CliRunner().invoke(commands(broken), []).exception, RuntimeError)
    monkeypatch.setenv("POLARIS_PORT", "99999")
    wrong = CliRunner().invoke(commands(print), [])
    assert (wrong.exit_code, "POLARIS_PORT='99999'" in wrong.output) == (1, True)


def test_a_database_that_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No traceback when the file can't be opened."""
    (tmp_path / "polaris.db").write_text("this is no database, and long enough to look at " * 20)
    monkeypatch.setenv("POLARIS_DATABASE_URL", f"sqlite:///{tmp_path / 'polaris.db'}")
    result = CliRunner().invoke(commands(print), ["add-site", "Harbour"])
    assert isinstance(result.exception, SystemExit)
    assert "not a database" in result.output


def test_the_address_that_chargers_get() -> None:
    """The public one, over TLS where that is; the identity as part of an address."""
    assert ocpp_address(Settings(_env_file=None), "CP1") == "ws://127.0.0.1:8080/ocpp/CP1"
    public = Settings(public_url="https://charge.example.org", _env_file=None)
    assert ocpp_address(public, "Säule 1") == "wss://charge.example.org/ocpp/S%C3%A4ule%201"


def test_commands_on_both_databases(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole set-up of a portal, on SQLite and PostgreSQL alike; what concerns people is audited (T63)."""
    monkeypatch.setenv("POLARIS_DATABASE_URL", database.url.render_as_string(hide_password=False))
    for words in (
        ("add-driver", "ada@example.org"),
        ("add-site", "Harbour"),
        ("add-charger", "CP1"),
        ("add-mapping", "A1", "ada@example.org"),
        ("add-plan", "Home"),
        ("subscribe", "ada@example.org", "Home"),
        ("new-password", "CP1"),
    ):
        result = CliRunner().invoke(commands(print), list(words))
        assert result.exit_code == 0, result.output
    columns = AuditEntry.action, AuditEntry.subject_name, AuditEntry.about, AuditEntry.actor_name
    assert _rows(database, *columns) == [
        ("person.add", "ada", "ada@example.org", "command line"),
        ("site.add", "", "site Harbour", "command line"),
        ("charger.add", "", "charger CP1", "command line"),
        ("card.link", "ada", "mapping 1", "command line"),
        ("plan.add", "", "Home", "command line"),
        ("subscription.begin", "ada", "Home", "command line"),
        ("charger.password", "", "charger CP1", "command line"),
    ]
    database.change_now(lambda change: add_charger(change, "CP2", site=add_site(change, "Airport")))
