"""Two logs of a real charger, replayed through the real socket with their outages and retries."""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app import clock
from app.charging.reports import REGISTER
from data.database import Change, Database
from data.models import ChargingSession, Connector, EnergyStep, MeterSample, QuarantinedMessage
from data.queries.sessions import active
from data.types import Authorization
from tests.conftest import shared
from tests.ocpp_server import OcppServer, ocpp_server
from tests.world import add_charger, add_driver, add_mapping, add_site

LOST_ANSWER = "real-charger-lost-answer.log"
OUTAGE = "real-charger-outage-replay.log"
PASSWORD = "a charger's password"
TOLD_AGAIN = {"StartTransaction", "MeterValues", "StopTransaction"}
"""What the firmware keeps until it is answered."""


@dataclass
class Frame:
    """One request of the charger."""

    number: int
    """Its line in the log."""
    id: str
    action: str
    payload: dict[str, Any]
    at: datetime
    """When it came, as far as the log tells."""
    reconnects: bool
    """The connection was lost before it."""


def frames(name: str) -> Iterator[Frame]:
    """The requests in the log *name*, in order."""
    lines = shared(name).read_text().splitlines()
    now: datetime | None = None
    reconnects = False
    for number, line in enumerate(lines, start=1):
        if line.startswith("---"):
            reconnects = reconnects or "CSMS" in line
            continue
        way, text = line.split(" ", 1)
        message = json.loads(text)
        if way != "recv" or message[0] != 2:
            if way == "send" and message[0] == 3 and "currentTime" in message[2]:
                now = max(filter(None, (now, datetime.fromisoformat(message[2]["currentTime"]))))
            continue
        _, id_, action, payload = message
        times = [datetime.fromisoformat(time) for time in re.findall(r'"timestamp": ?"([^"]+)"', text)]
        lost = reconnects or (action == "BootNotification" and number > 1)
        if now is None or lost or (times and action == "StatusNotification" and min(times) < now):
            # What was told late came with what follows it: the next answer that has a time has ours.
            late = (re.search(r'"currentTime":"([^"]+)"', later) for later in lines[number:])
            found = [datetime.fromisoformat(match[1]) for match in late if match]
            now = max(filter(None, (now, found[0] if found else None)))
        else:
            now = max([now, *times])
        yield Frame(number, id_, action, payload, now, lost)
        reconnects = False


def given(name: str, frame: Frame) -> int:
    """The transaction id that the log *name* has as the answer to the StartTransaction *frame*."""
    lines = shared(name).read_text().splitlines()
    then = next(line for line in lines if line.startswith(f'send [3,"{frame.id}"'))
    return int(json.loads(then[5:])[2]["transactionId"])


LIFETIME_WH = 4_076_000
BASE = datetime.fromisoformat("2026-11-22T08:00:00+00:00")


def ramp(timestamp: str) -> int:
    """What is added to the registers at *timestamp*: no two stretches are alike."""
    seconds = int((datetime.fromisoformat(timestamp) - BASE).total_seconds())
    return LIFETIME_WH + 2 * seconds + seconds * seconds // 1000


def raised(payload: dict[str, Any]) -> dict[str, Any]:
    """*payload* with its registers, and nothing else, raised by the ramp."""
    payload = copy.deepcopy(payload)
    for key in ("meterStart", "meterStop"):
        if key in payload:
            payload[key] += ramp(payload["timestamp"])
    for value in payload.get("meterValue", []):
        for sampled in value["sampledValue"]:
            if sampled["measurand"] == REGISTER:
                assert sampled["unit"] == "Wh"
                sampled["value"] = str(int(sampled["value"]) + ramp(value["timestamp"]))
    return payload


def steps_told(name: str) -> dict[str, list[tuple[datetime, datetime, int]]]:
    """The steps of energy, by the time of the transaction's start, that its registers tell once raised."""
    registers: dict[str, dict[str, int]] = {}
    started: dict[int, str] = {}  # one of the logs' servers gives the same id again
    for frame in frames(name):
        payload = raised(frame.payload)
        if frame.action == "StartTransaction":
            started[given(name, frame)] = payload["timestamp"]
            registers[payload["timestamp"]] = {payload["timestamp"]: payload["meterStart"]}
        elif frame.action == "StopTransaction":
            registers[started[payload["transactionId"]]][payload["timestamp"]] = payload["meterStop"]
        for value in payload.get("meterValue", []):
            (register,) = (s["value"] for s in value["sampledValue"] if s["measurand"] == REGISTER)
            registers[started[payload["transactionId"]]][value["timestamp"]] = int(register)
    return {
        start_at: [
            (datetime.fromisoformat(start), datetime.fromisoformat(end), after - before)
            for (start, before), (end, after) in pairwise(sorted(values.items()))
        ]
        for start_at, values in registers.items()
    }


@dataclass
class Replay:
    """A charger that says what the log says, and what came of it."""

    server: OcppServer
    driver: int
    lossy: bool
    """Each answer to what the firmware would keep is lost once, and the message comes again."""
    charges: bool = False
    """The registers, which stand still in the log, are raised."""
    ids: dict[int, int] = field(default_factory=dict)
    """Transaction ids of the log → those that we gave."""
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Answers to each StartTransaction, by its time."""
    seen: list[tuple[int, int]] = field(default_factory=list)
    """(line, session) that were in the banner after a frame."""

    async def run(self, name: str) -> None:
        """Replay the log."""
        said = list(frames(name))
        with clock.at(said[0].at):
            socket = await self._connect()
            for frame in said:
                clock.advance(max(frame.at - clock.now(), frame.at - frame.at))
                if frame.reconnects:
                    socket.transport.abort()
                    socket = await self._connect()
                if self.lossy and frame.action in TOLD_AGAIN:
                    await self._say(socket, frame, "lost-" + frame.id)
                    socket.transport.abort()
                    socket = await self._connect()
                self._learn(name, frame, await self._say(socket, frame, frame.id))
                await self.server.presence.tick(clock.now())
                shown = await self.server.database.ask(active, self.driver)
                self.seen += [(frame.number, session.id) for session in shown]
            await socket.close()

    async def _connect(self) -> ClientConnection:
        credentials = base64.b64encode(f"CP1:{PASSWORD}".encode()).decode()
        return await connect(
            f"{self.server.url}/CP1",
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers={"Authorization": f"Basic {credentials}"},
            compression=None,
            proxy=None,
        )

    async def _say(self, socket: ClientConnection, frame: Frame, id_: str) -> dict[str, Any]:
        payload = raised(frame.payload) if self.charges else dict(frame.payload)
        if "transactionId" in payload:
            payload["transactionId"] = self.ids[payload["transactionId"]]
        await socket.send(json.dumps([2, id_, frame.action, payload]))
        kind, answered, answer = json.loads(await socket.recv())
        assert (kind, answered) == (3, id_)
        if frame.action == "StartTransaction":
            self.answers.setdefault(payload["timestamp"], []).append(answer)
        return dict(answer)

    def _learn(self, name: str, frame: Frame, answer: dict[str, Any]) -> None:
        if frame.action == "StartTransaction":
            self.ids[given(name, frame)] = answer["transactionId"]

    async def rows(self, table: Any) -> list[Any]:
        return await self.server.database.ask(
            lambda db: list(db.execute(select(table.__table__).order_by(*table.__table__.primary_key)))
        )


@asynccontextmanager
async def replay(
    database: Database, name: str, lossy: bool, *, charges: bool = False
) -> AsyncIterator[Replay]:
    """The log *name*, replayed on *database*."""
    shared(name)

    def place(change: Change) -> int:
        add_charger(
            change, "CP1", site=add_site(change), connectors=2, password=PASSWORD, seen=None, booted_at=None
        )
        driver = add_driver(change, tag="CARD1")
        for tag in ("CARD2", "CARD3"):
            add_mapping(change, driver, tag)
        return driver

    driver = database.change_now(place)
    async with ocpp_server(database) as server:
        replayed = Replay(server, driver, lossy, charges)
        await replayed.run(name)
        yield replayed


LOSSY = pytest.mark.parametrize("lossy", [False, True], ids=["as recorded", "every answer lost once"])


@LOSSY
async def test_the_answer_to_a_start_is_lost(sqlite_database: Database, lossy: bool) -> None:
    """C8, C9, C13, M20: one session each, the same id and idTagInfo on the retry, all values, no flash."""
    async with replay(sqlite_database, LOST_ANSWER, lossy) as log:
        first, second = await log.rows(ChargingSession)
        assert [first.id_tag, second.id_tag] == ["CARD1", "CARD2"]
        for session, start, end in (
            (first, "2026-11-22T08:14:33.325+00:00", "2026-11-22T08:15:23.350+00:00"),
            (second, "2026-11-22T08:15:36.412+00:00", "2026-11-22T08:16:01.431+00:00"),
        ):
            assert session.started_at == datetime.fromisoformat(start)
            assert session.ended_at == datetime.fromisoformat(end)
            assert (session.energy_wh, session.has_reading, session.flags) == (0, True, [])
            assert (session.stop_reason, session.account_id) == ("EVDisconnected", log.driver)
        answers = log.answers["2026-11-22T08:14:33.325Z"]
        assert len(answers) == (4 if lossy else 2)
        assert all(
            answer == {"transactionId": first.id, "idTagInfo": {"status": "Accepted"}} for answer in answers
        )
        samples = await log.rows(MeterSample)
        assert [sum(s.session_id == session.id for s in samples) for session in (first, second)] == [14, 8]
        # The first was in the banner from its start to its stop; the second was over when it was told.
        assert {session for _, session in log.seen} == {first.id}
        assert log.seen[0] == (18, first.id)
        kept = await log.rows(QuarantinedMessage)
        assert [row.reason for row in kept] == (["stopped twice"] * 2 if lossy else [])


@LOSSY
async def test_a_charge_through_an_outage(sqlite_database: Database, lossy: bool) -> None:
    """C9, C12, C13: the stop comes after the outage with its own time; a power cut ends no session."""
    async with replay(sqlite_database, OUTAGE, lossy) as log:
        first, second = await log.rows(ChargingSession)
        assert [first.id_tag, second.id_tag] == ["CARD1", "CARD3"]
        assert first.started_at == datetime.fromisoformat("2026-11-22T08:04:04.593+00:00")
        assert first.ended_at == datetime.fromisoformat("2026-11-22T08:04:24.798+00:00")
        assert (first.energy_wh, first.flags, first.stop_reason) == (0, [], "EVDisconnected")
        assert first.stop_received_at > first.ended_at
        assert (second.ended_at, second.authorization) == (None, Authorization.ACCEPTED)
        for answers in log.answers.values():
            assert all(answer == answers[0] for answer in answers)
        assert first.id != second.id
        plugs = {plug.number: plug for plug in await log.rows(Connector)}
        assert plugs[1].status == "Charging"  # the stale ones came before, the boot's came last
        assert log.seen[-1][1] == second.id


@LOSSY
@pytest.mark.parametrize(
    ("name", "wh"), [(LOST_ANSWER, [189, 97]), (OUTAGE, [50, 0])], ids=["lost answer", "outage"]
)
async def test_the_energy_of_a_log_whose_meter_counts(
    sqlite_database: Database, name: str, wh: list[int], lossy: bool
) -> None:
    """C8, C9, C13, M20: all energy counts once and at its time, through the outages and retries."""
    told = steps_told(name)
    assert [sum(step[2] for step in steps) for steps in told.values()] == wh
    async with replay(sqlite_database, name, lossy, charges=True) as log:
        sessions = await log.rows(ChargingSession)
        assert [session.id for session in sessions] == [log.answers[at][0]["transactionId"] for at in told]
        stored = await log.rows(EnergyStep)
        for session, steps, energy_wh in zip(sessions, told.values(), wh, strict=True):
            assert session.energy_wh == energy_wh
            found = [(s.started_at, s.ended_at, s.energy_wh) for s in stored if s.session_id == session.id]
            assert found == steps
