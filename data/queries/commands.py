"""Requests to chargers and what became of them (C16), for the page of a charger."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select

from data.models import ChargerCommand, Connector
from data.queries.sessions import place_number
from data.types import CommandState


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a charger's configuration; ``value`` is None where it is kept secret."""

    key: str
    value: str | None
    read_only: bool


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a charger said of its configuration."""

    entries: tuple[Entry, ...]
    unknown: tuple[str, ...]
    """Keys that were asked for and that it does not know."""
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Command:
    """One request, without what is secret in it."""

    id: int
    charger_id: int
    kind: str
    connector_id: int | None
    connector_number: int | None
    """The number that people read on the plug."""
    state: CommandState
    outcome: str | None
    """A word of `app.charging.ocpp.calls.Outcome`; None as long as nothing is known."""
    said: str | None
    """The charger's word as it came."""
    parameters: dict[str, Any]
    """As in `app.charging.commands.Commands.ask`; the id tag is left out (T63)."""
    session_id: int | None
    """To stop, or what a start has led to."""
    reservation_id: int | None
    asked_by_id: int | None
    asked_by: str
    requested_at: datetime
    deadline: datetime
    """When the present state is given up."""
    answered_at: datetime | None
    finished_at: datetime | None
    configuration: Configuration | None = None
    """Only by `one` and `configuration`."""

    @property
    def is_open(self) -> bool:
        """Whether something may still come of it."""
        return self.finished_at is None


_SECRETS = re.compile(
    r"authorizationkey|password|passwd|passphrase|passcode|secret|privatekey|presharedkey|apikey|accesskey"
    r"|encryptionkey|credential|token(?!reader)|psk$|(?:^|sim|user|puk)pin$"
)


def is_secret(key: str) -> bool:
    """Whether the value of a configuration *key* is one that nobody should read (T62), by its name."""
    plain = [re.sub(r"[\s_.-]", "", part).lower() for part in (key, *key.split("."))]
    return any(_SECRETS.search(part) for part in plain)


_c = ChargerCommand
_columns = (
    _c.id,
    _c.charger_id,
    _c.kind,
    _c.connector_id,
    place_number,
    _c.state,
    _c.outcome,
    _c.said,
    _c.parameters,
    _c.session_id,
    _c.reservation_id,
    _c.asked_by_id,
    _c.asked_by,
    _c.requested_at,
    _c.deadline,
    _c.answered_at,
    _c.finished_at,
)
_commands = select(*_columns).outerjoin(Connector, Connector.id == _c.connector_id)
_latest = (
    _commands.where(_c.charger_id == bindparam("charger_id")).order_by(_c.id.desc()).limit(bindparam("count"))
)
_with_answer: Select[Any] = select(*_columns, _c.answer).outerjoin(Connector, Connector.id == _c.connector_id)
_one = _with_answer.where(_c.id == bindparam("command_id"))
_configuration = (
    _with_answer.where(
        _c.charger_id == bindparam("charger_id"),
        _c.kind == "get_configuration",
        _c.state == CommandState.DONE,
    )
    .order_by(_c.id.desc())
    .limit(1)
)


def latest(db: Connection, charger_id: int, n: int = 10) -> tuple[Command, ...]:
    """The *n* latest requests to the charger, the newest first."""
    return tuple(_command(row) for row in db.execute(_latest, {"charger_id": charger_id, "count": n}))


def one(db: Connection, command_id: int) -> Command | None:
    """The request *command_id* with what it brought of a configuration; None if there is none."""
    row = db.execute(_one, {"command_id": command_id}).one_or_none()
    return None if row is None else _command(row, _read(row))


def configuration(db: Connection, charger_id: int) -> Configuration | None:
    """What the charger has last said of its configuration; None if it was never asked."""
    row = db.execute(_configuration, {"charger_id": charger_id}).one_or_none()
    return None if row is None else _read(row)


def _command(row: Row[Any], read: Configuration | None = None) -> Command:
    columns: list[Any] = list(row[: len(_columns)])
    parameters = {key: value for key, value in columns[8].items() if key != "id_tag"}
    if is_secret(str(parameters.get("key", ""))):
        parameters["value"] = "…"
    columns[8] = parameters
    return Command(*[*columns, read])


def _read(row: Row[Any]) -> Configuration | None:
    if row.answer is None:
        return None
    entries = tuple(Entry(**entry) for entry in row.answer.get("entries", ()))
    return Configuration(entries, tuple(row.answer.get("unknown", ())), row.answered_at)
