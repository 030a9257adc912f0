"""The console's page of the audit log, and its file: who, what, when, why (T5, T30, T41, T46, T63)."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import nicegui
import pytest
from nicegui.testing.user import User
from sqlalchemy import select

from app import clock
from app.portal import Portal
from components import audit_words, words
from components.drawn import Drawn
from components.filters import Filters
from data import audit
from data.caller import COMMAND_LINE, Caller
from data.database import Change
from data.models import AuditEntry
from data.types import Role
from tests.hostile import PAYLOADS
from tests.waiting import until
from tests.world import add_account, add_driver

Visit = Callable[..., Awaitable[User]]


class Log:
    """Olga, Dana, and what was done."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.olga = portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR)
        self.dana = portal.database.change_now(add_driver, "Dana Driver")
        self.eve = portal.database.change_now(add_driver, "Eve Other")

    def note(self, action: str, caller: Caller = COMMAND_LINE, **values: Any) -> None:
        def write(change: Change) -> None:
            audit.record(change, caller, action, clock.now(), **values)

        self.portal.database.change_now(write)

    @property
    def by_olga(self) -> Caller:
        return Caller(self.olga, Role.OPERATOR, self.olga, address="192.0.2.7")


@pytest.fixture
def log(portal: Portal) -> Log:
    return Log(portal)


def rows(user: User) -> list[list[dict[str, str]]]:
    """The cells of the list, row by row."""
    assert user.client is not None
    for one in user.client.elements.values():
        if isinstance(one, Drawn) and one.values and "lines" in one.values:
            return [line["cells"] for line in one.values["lines"]]
    raise AssertionError("there is no list")


def links(user: User) -> tuple[str, str]:
    assert user.client is not None
    for one in user.client.elements.values():
        if isinstance(one, Drawn) and one.values and "lines" in one.values:
            return one.values["previous"], one.values["next"]
    raise AssertionError("there is no list")


def did(user: User) -> list[str]:
    return [cells[2]["text"] for cells in rows(user)]


async def test_a_row_says_who_did_what_to_whom_from_where_and_why(visit: Visit, log: Log) -> None:
    log.note("account.disable", log.by_olga, subject_id=log.dana, reason="Contract ended")
    log.note("plan.change.refused", Caller(log.dana, Role.DRIVER, log.olga), reason="acting as")
    details = {"changed": {"price_per_kwh": [2_800, 3_100], "currency": ["CHF", "EUR"]}, "version": 2}
    log.note("plan.change", about="Home", details=details)
    user = await visit(log.olga, "/admin/audit")
    when, who, what, about, why = rows(user)[2]
    assert len(when["meta"]) == 8
    assert who == {"text": "Olga Operator", "meta": "operator · 192.0.2.7"}
    assert what["text"] == "Disabled"
    assert about == {"text": "Dana Driver", "href": f"/admin/drivers/{log.dana}"}
    assert why == {"text": "Contract ended"}
    refused = rows(user)[1][2]
    assert (refused["text"], refused["kind"]) == ("Refused: Plan changed", "fault")
    _, who, what, about, _ = rows(user)[0]
    assert (who["text"], about["text"]) == ("command line", "Home")
    assert what["meta"] == "version: 2 · price per kWh: €0.28 → €0.31 · currency: CHF → EUR"


async def test_filters_are_in_the_address_and_never_widen(visit: Visit, log: Log) -> None:
    """T5: each narrows, all together too; what is not understood lists nothing."""
    log.note("account.disable", log.by_olga, subject_id=log.dana)
    log.note("account.enable", log.by_olga, subject_id=log.eve)
    log.note("card.link", subject_id=log.dana)
    log.note("card.link.refused", log.by_olga, subject_id=log.dana)
    for query, found in {
        "": ["Refused: Card linked", "Card linked", "Enabled", "Disabled"],
        f"?who={log.olga}": ["Refused: Card linked", "Enabled", "Disabled"],
        "?who=0": ["Card linked"],
        "?what=cards": ["Refused: Card linked", "Card linked"],
        "?what=refused": ["Refused: Card linked"],
        "?what=other": [],
        "?about=dana": ["Refused: Card linked", "Card linked", "Disabled"],
        f"?about=%23{log.eve}": ["Enabled"],
        f"?about=dana&what=people&who={log.olga}": ["Disabled"],
        "?from=2001-01-01": ["Refused: Card linked", "Card linked", "Enabled", "Disabled"],
        "?to=2001-01-01": [],
        "?who=x": [],
        "?who=4711": [],
        "?what=everything": [],
        "?about=nobody": [],
        "?from=never": [],
        "?to=9999-12-31": [],
        "?after=4711": ["Refused: Card linked", "Card linked", "Enabled", "Disabled"],
        "?before=x": ["Refused: Card linked", "Card linked", "Enabled", "Disabled"],
    }.items():
        user = await visit(log.olga, f"/admin/audit{query}")
        assert did(user) == found, query
    user = await visit(log.olga, "/admin/audit")
    assert user.client is not None
    choices = next(one for one in user.client.elements.values() if isinstance(one, Filters))
    with user.client:
        choices._changed("what", "cards")
    await until(lambda: did(user) == ["Refused: Card linked", "Card linked"])
    download = next(one for one in user.client.elements.values() if one.props.get("download"))
    assert download.props["href"] == "/admin/audit.csv?what=cards"


async def test_pages_are_links_to_turn_over(visit: Visit, log: Log) -> None:
    for n in range(120):
        log.note("plan.add", about=str(n))
    user = await visit(log.olga, "/admin/audit?what=plans")
    seen = [cells[3]["text"] for cells in rows(user)]
    previous, following = links(user)
    assert previous == ""
    while following:
        user = await visit(log.olga, following)
        seen += [cells[3]["text"] for cells in rows(user)]
        previous, following = links(user)
    assert seen == [str(n) for n in reversed(range(120))]
    user = await visit(log.olga, previous)
    assert [cells[3]["text"] for cells in rows(user)] == seen[50:100]


async def test_t46_the_file_has_the_same_rows_and_no_formulas(portal: Portal, log: Log) -> None:
    """T46, T63: streamed with the filters of the page, formulas neutralised, cards in part; and audited."""
    for n in range(600):
        log.note("plan.add", about=f"=cmd|{n}")
    log.note("card.link", about="x", details={"id_tag": "04A2FF77B1", "tags": ["04A2FF77B1", "04A2…B1"]})
    transport = httpx.ASGITransport(nicegui.core.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        client.cookies.set(portal.sign_ins.cookie, await portal.sign_ins.issue(log.olga))
        answer = await client.get("/admin/audit.csv?what=plans")
        assert answer.headers["content-disposition"] == 'attachment; filename="polaris-express-audit.csv"'
        assert answer.headers["cache-control"] == "no-store"
        read = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert [row["About what"] for row in read] == [f"'=cmd|{n}" for n in reversed(range(600))]
        assert {row["What"] for row in read} == {"Plan added"}
        answer = await client.get("/admin/audit.csv?what=cards")
        assert "04A2FF77B1" not in answer.text
        assert answer.text.count("04…B1") == 2
    told = portal.database.ask_now(lambda db: list(db.scalars(select(AuditEntry.action))))
    assert told[-2:] == ["audit.csv", "audit.csv"]


async def test_t41_hostile_texts_are_text(visit: Visit, log: Log) -> None:
    """T41: whatever was written down once."""
    everything = " ".join(PAYLOADS)
    log.note(everything[:64], about=everything, reason=everything, details={everything: [everything, {}]})
    user = await visit(log.olga, "/admin/audit")
    assert rows(user)[0][4]["text"] == everything[:1_000]
    assert rows(user)[0][2]["text"] == everything[:64]


async def test_an_empty_log_says_so(visit: Visit, log: Log) -> None:
    user = await visit(log.olga, "/admin/audit")
    await user.should_see("Nothing has been written down yet.")
    user = await visit(log.olga, "/admin/audit?what=plans")
    await user.should_see("Nothing matches these filters.")


def test_details_are_readable_in_each_language_and_never_too_long() -> None:
    english, german = words.reader("en", None), words.reader("de", None)
    details = {
        "email": ["a@example.org", None],
        "unlimited": True,
        "energy_wh": [1_000, 2_500],
        "x_y": {"id_tag": "1234567890"},
    }
    assert audit_words.details(details, english) == (
        "e-mail: a@example.org → — · unlimited: yes · energy: 1.00 kWh → 2.50 kWh · x y: (card 12…90)"
    )
    assert "Energie: 1,00 kWh → 2,50 kWh" in audit_words.details(details, german)
    assert audit_words.details({"x": "y" * 5_000}, english).endswith("…")
    assert audit_words.details(None, english) == ""
    assert audit_words.without_tags({"tag": "04A2FF", "name": "04A2FF77"}) == {"tag": "…", "name": "04A2FF77"}


def test_what_settlement_and_reservations_write_is_told_in_words_and_in_the_zone_of_the_reader() -> None:
    """A bill as its line adds up, and no moment of UTC."""
    english = words.reader("en", "Europe/Berlin")
    line = {"energy_wh": 24_750, "amount": 965, "currency": "EUR"}
    told = audit_words.details({"complete": True, "lines": [line]}, english)
    assert told == "all of its messages came · billed: 24.75 kWh for €9.65"
    told = audit_words.details({"complete": False, "lines": [{**line, "amount": None}]}, english)
    assert told == "messages of it are missing · energy: 24.75 kWh", "nothing was billed"
    german = words.reader("de", None)
    assert audit_words.who(None, "settlement", german) == "Abrechnung"
    assert audit_words.who(7, "settlement", german) == "settlement", "that is what somebody is called"
    assert audit_words.who(None, "identity provider x", german) == "identity provider x"
    assert audit_words.about("session 352", german) == "Ladevorgang 352"
    assert [audit_words.about(one, german) for one in ("session", "Home", "")] == ["session", "Home", ""]
    times = {"from": "2026-11-21T23:30:00+00:00", "ended_on": "2026-12-01", "name": "2026-11 and more"}
    assert audit_words.details(times, english) == (
        "from: Nov 22, 2026, 00:30 · ends on: Dec 1, 2026 · name: 2026-11 and more"
    )
    assert audit_words.details({"windows": [{"from_minute": 1_320}]}, english) == "times of day: (from 22:00)"
