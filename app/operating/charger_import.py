"""Many chargers at once, from a table of text: looked at first, then written in one go, and repeatable.

A table has the columns identity, name, site, connectors (``Type 2:22|CCS:150``) and group (``A|B``), in this
order or in that of a first line with their names; parted by commas, semicolons or tabs, as spreadsheets do.
"""

from __future__ import annotations

import asyncio
import csv
import io
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from app import clock
from app.changing import changing
from app.operating.chargers import (
    PASSWORD_BYTES,
    IdentityTaken,
    NewCharger,
    add_charger,
    plug,
    proper_identity,
)
from app.operating.kept_tables import KeptPasswords, KeptTables
from app.operating.sites import CannotKeep, NoSuchSite, named
from data.caller import Caller
from data.database import Change, Database
from data.models import Charger, ChargerGroup, Site
from data.types import Role

COLUMNS = ("identity", "name", "site", "connectors", "group")
LINES_AT_MOST = 2_000
LONGEST = 2_000_000
"""Characters of a table."""
AT_ONCE = 25
"""Passwords that are hashed before the progress is told."""

# Argon2 as for everybody else's, with little work: that is there to slow down guessing, and nobody guesses
# 128 random bits. People's way 500 passwords take a processor half a minute, and later each charger's
# first connection its share of that again.
_hasher = PasswordHasher(time_cost=1, memory_cost=1_024, parallelism=1)


class TooMany(CannotKeep):
    """A table has `LINES_AT_MOST` lines at most."""

    why = "too_many"


class SiteMissing(CannotKeep):
    """There are several sites, and the line names none."""

    why = "site_missing"


class Repeated(CannotKeep):
    """An earlier line has the same identity."""

    why = "repeated"


class NoIdentity(CannotKeep):
    """The first line names columns, and none of them is the identity."""

    why = "no_identity"


class UnknownColumns(CannotKeep):
    """The first line names columns that there are not, or one twice: what they hold would be lost."""

    why = "columns"


class WasLeft(CannotKeep):
    """Nobody is there any more to be told the passwords: nothing was written."""

    why = "left"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table, and what would become of it."""

    number: int
    """In the text, from 1."""
    cells: tuple[str, ...]
    """As given, one for each of `COLUMNS`."""
    row: dict[str, Any] | None
    """Identity, name and site of the charger; ``None`` if something is wrong."""
    plugs: tuple[tuple[str | None, int | None], ...] = ()
    groups: tuple[str, ...] = ()
    new_groups: tuple[str, ...] = ()
    """Those of them that would be made."""
    exists: bool = False
    """There is such a charger: it stays as it is."""
    problem: str = ""
    """The ``why`` of what is wrong."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do. Nothing is written by it."""

    lines: tuple[Line, ...]
    text: str = field(default="", repr=False)
    unknown: tuple[str, ...] = ()
    """Columns that there are not, or are twice; as given. While there are any, nothing is imported."""

    @property
    def new(self) -> tuple[Line, ...]:
        """The chargers that would be added."""
        return tuple(line for line in self.lines if line.row is not None and not line.exists)

    @property
    def known(self) -> int:
        """Lines whose charger is there already."""
        return sum(line.exists for line in self.lines)

    @property
    def wrong(self) -> int:
        """Lines that nothing can be made of."""
        return sum(bool(line.problem) for line in self.lines)


class ChargerImport:
    """Adds the chargers of a table."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.kept = KeptTables()
        self.made = KeptPasswords()

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    async def plan(self, text: str) -> Plan:
        """What importing *text* would do, line by line. Raises `TooMany` and `NoIdentity`."""
        return await self._database.ask(plan, text)

    @changing("charger.import", role=Role.OPERATOR)
    async def add(
        self,
        caller: Caller,
        text: str,
        progress: Callable[[int, int], None] = lambda done, all_: None,
        is_awaited: Callable[[], bool] = lambda: True,
    ) -> tuple[NewCharger, ...]:
        """Add those chargers of *text* that can be added, all or none; with their passwords, told this once.

        *progress* is called with how many of the passwords are made. Chargers that are there already, also
        since a moment ago, stay as they are. *is_awaited* is asked right before anything is written.
        Raises `TooMany`, `NoIdentity`, `UnknownColumns`, `WasLeft` or `IdentityTaken`.
        """
        plan = await self.plan(text)
        if plan.unknown:
            raise UnknownColumns
        wanted = plan.new
        passwords = [_password() for _ in wanted]
        hashes = await _hashed(passwords, progress)
        if not is_awaited():
            raise WasLeft
        try:
            return await self._database.change(_write, caller, wanted, passwords, hashes)
        except IntegrityError as error:  # somebody has added one of them at this moment
            raise IdentityTaken from error


def plan(db: Connection, text: str) -> Plan:
    """See `ChargerImport.plan`."""
    rows, unknown = _read(text)
    sites = {name.casefold(): id_ for id_, name in db.execute(select(Site.id, Site.name))}
    groups = set(db.execute(select(ChargerGroup.name)).scalars())
    known = set(db.execute(select(Charger.identity)).scalars())
    seen: set[str] = set()
    lines = []
    for number, cells in rows:
        line = _line(number, cells, sites, groups)
        if line.row is not None:
            identity = line.row["identity"]
            if identity in seen:
                line = Line(number, cells, None, problem=Repeated.why)
            elif identity in known:
                line = Line(number, cells, line.row, exists=True)
            seen.add(identity)
        lines.append(line)
    return Plan(tuple(lines), text, unknown)


def _read(text: str) -> tuple[list[tuple[int, tuple[str, ...]]], tuple[str, ...]]:
    """The lines that hold something, each with its number and a cell for each column; and unknown columns.

    A first line that holds the name of any column is one of heads. Raises `NoIdentity` and `TooMany`.
    """
    text = text.lstrip("\ufeff")
    if len(text) > LONGEST:
        raise TooMany
    first = text.lstrip().partition("\n")[0]
    between = max("\t;,", key=first.count)
    rows: list[tuple[int, tuple[str, ...]]] = []
    order: Sequence[str] = COLUMNS
    unknown: tuple[str, ...] = ()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, skipinitialspace=True)
    try:
        for cells in reader:
            told = [cell.strip() for cell in cells]
            if not any(told):
                continue
            if not rows and order is COLUMNS and {*COLUMNS} & {*(heads := [one.casefold() for one in told])}:
                if COLUMNS[0] not in heads:
                    raise NoIdentity
                order = heads
                unknown = tuple(
                    cell
                    for place, cell in enumerate(told)
                    if cell and (heads[place] not in COLUMNS or heads[place] in heads[:place])
                )
                continue
            if len(rows) == LINES_AT_MOST:
                raise TooMany
            by_name = dict(zip(order, told, strict=False))
            rows.append((reader.line_num, tuple(by_name.get(column, "") for column in COLUMNS)))
    except csv.Error:
        rows.append((reader.line_num, ("", "", "", "", "")))
    return rows, unknown


def _line(number: int, cells: tuple[str, ...], sites: dict[str, int], groups: set[str]) -> Line:
    identity, name, site, connectors, group = cells
    try:
        row = {"identity": proper_identity(identity), "name": named(name or identity)}
        if site:
            if (site_id := sites.get(site.casefold())) is None:
                raise NoSuchSite
        elif len(sites) == 1:
            (site_id,) = sites.values()
        else:
            raise SiteMissing
        plugs = tuple(_plug(one) for one in connectors.split("|") if one.strip())
        wanted = tuple(dict.fromkeys(named(one) for one in group.split("|") if one.strip()))
    except CannotKeep as error:
        return Line(number, cells, None, problem=error.why)
    made = tuple(one for one in wanted if one not in groups)
    return Line(number, cells, {**row, "site_id": site_id}, plugs, wanted, made)


def _plug(text: str) -> tuple[str | None, int | None]:
    """Type and W of ``Type 2:22``; a decimal comma is one too. Raises `NoPlug`."""
    kind, colon, power = text.partition(":")
    try:
        watts = (
            round(float(power.strip().casefold().removesuffix("kw").replace(",", ".")) * 1000)
            if colon
            else None
        )
    except (ValueError, OverflowError):
        watts = 0
    return plug(kind.strip(), watts)


def _password() -> str:
    """A password that no spreadsheet takes for a formula: it would be changed on its way (T46)."""
    while (password := secrets.token_urlsafe(PASSWORD_BYTES)).startswith("-"):
        pass
    return password


async def _hashed(passwords: Sequence[str], progress: Callable[[int, int], None]) -> list[str]:
    """The hashes of *passwords*, a few at a time and off the event loop."""
    hashes: list[str] = []
    for first in range(0, len(passwords), AT_ONCE):
        some = passwords[first : first + AT_ONCE]
        hashes += await asyncio.to_thread(lambda some=some: [_hasher.hash(one) for one in some])  # type: ignore[misc]
        progress(len(hashes), len(passwords))
    return hashes


def _write(
    change: Change, caller: Caller, wanted: Sequence[Line], passwords: Sequence[str], hashes: Sequence[str]
) -> tuple[NewCharger, ...]:
    now = clock.now()
    made = []
    known = set(change.execute(select(Charger.identity)).scalars())
    for line, password, hashed in zip(wanted, passwords, hashes, strict=True):
        assert line.row is not None
        if line.row["identity"] in known:
            continue
        row = {
            **line.row,
            "password_hash": hashed,
            "visible_to_all": not line.groups,
            "created_at": now,
        }
        plugs = list(line.plugs) or [(None, None)]
        charger_id = add_charger(change, caller, row, plugs, set(line.groups), now)
        made.append(NewCharger(charger_id, line.row["identity"], password))
    return tuple(made)
