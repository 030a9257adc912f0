"""OCPP 2.0.1 transactions: one message for start, readings and stop, in whatever order they come (C14)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from app.charging import quarantine, rows, sightings, tags
from app.charging.beginning import tell
from app.charging.connectors import connector
from app.charging.ledger import Action, Ledger, late_after_final
from app.charging.metering.order import Told
from app.charging.reports import Place, Start, Stop, TransactionEvent
from app.charging.running import Note, Running
from app.charging.sightings import Sightings
from data.database import Change
from data.models import ChargingSession, Connector
from data.models import TransactionEvent as EventRow
from data.types import Authorization

_TOLD = select(EventRow.at, EventRow.event_type).where(
    EventRow.session_id == bindparam("session_id"), EventRow.seq_no == bindparam("seq_no")
)
_PLACES = (
    select(Connector.evse, Connector.number)
    .where(Connector.charger_id == bindparam("charger_id"), Connector.number > 0)
    .limit(2)
)
_OWNER = (
    update(ChargingSession)
    .where(ChargingSession.id == bindparam("session"))
    .values(
        id_tag=bindparam("tag"),
        authorization=bindparam("answer"),
        mapping_id=bindparam("mapping"),
        account_id=bindparam("account"),
    )
)
_SESSION = select(ChargingSession.id_tag, ChargingSession.account_id, ChargingSession.ended_at).where(
    ChargingSession.id == bindparam("session")
)
_PLUG = (
    update(ChargingSession)
    .where(ChargingSession.id == bindparam("session"))
    .values(connector_id=bindparam("to"))
)
_BUSY = select(ChargingSession.id).where(
    ChargingSession.connector_id == bindparam("plug"), ChargingSession.ended_at.is_(None)
)
UNKNOWN_PLACE = Place(0)
"""Of a transaction whose first event did not arrive, on a charger with several connectors."""


class Events:
    """Takes the events of transactions. Whoever calls takes those of one charger one after another."""

    def __init__(self, ledger: Ledger, seen: Sightings) -> None:
        self._ledger = ledger
        self._sightings = seen
        self._memory = ledger.memory

    async def take(self, charger_id: int, event: TransactionEvent) -> Authorization | None:
        """Apply *event*; the answer is about its tag, if it has one."""
        running = await self._memory.of_transaction(charger_id, event.transaction_id)
        if running is None:
            running = await self._begun(charger_id, event)
        elif not running.is_closed:
            running = await self._completed(running, event)
        answer = await self._answer(running, event)
        actions: list[Action] = []
        samples = event.samples
        is_end = event.type == "Ended" and not running.has_own_stop
        told: Told | None = Told(event.seq_no, event.at, event.received_at, is_end)
        if event.seq_no in running.events:
            if await self._is_told(running, event):
                return answer
            # Another event under a used number (some always send 0): its energy counts all the same.
            actions.append(_kept(running, event, "sequence number used twice"))
            told = None
        elif event.type == "Ended" and running.has_own_stop:
            actions.append(_kept(running, event, "ended twice"))
            samples = ()  # kept with it: a second closing value would count as the first one's
        elif event.type == "Ended" and running.is_closed:
            actions.append(_kept(running, event, "ended after it was finalized"))
            actions.append(late_after_final(running, event.received_at))
        actions.append((rows.EVENT, self._row(running, event)))
        running.events.add(event.seq_no)
        if event.type == "Ended" and not running.has_own_stop and not running.is_closed:
            try:
                await self._ledger.finish(running, _stop(event), actions, told)
            except rows.Finalized:
                return await self.take(charger_id, event)
            return answer
        started = event.type == "Started" and Note.START_MISSING in running.notes
        await self._ledger.add(
            running,
            samples,
            event.received_at,
            event.flags,
            actions,
            at=event.at,
            alive=running.offline and not event.offline,
            start=min(event.at, running.started_at) if started else None,
            told=told,
        )
        return answer

    async def _begun(self, charger_id: int, event: TransactionEvent) -> Running:
        """The session of a transaction that was not known, from whichever event came first."""
        place = event.place
        if place is None:
            place = await self._memory.database.ask(_only_place, charger_id)
        missing = () if event.type == "Started" else (Note.START_MISSING.value,)
        start = Start(
            place,
            event.id_tag or "",
            event.at,
            event.received_at,
            None,
            event.transaction_id,
            event.reservation_id,
            (*event.flags, *missing),
            event.connected_at,
        )
        begun = await self._ledger.begin(charger_id, start, offline=event.offline, over=event.type == "Ended")
        running = await self._memory.known(charger_id, begun.session_id)
        assert running is not None
        running.offline = event.offline
        return running

    async def _completed(self, running: Running, event: TransactionEvent) -> Running:
        """What an earlier event could not tell: the tag, and the connector."""
        tag = event.id_tag if running.authorization is not Authorization.ACCEPTED else None
        place = event.place if running.connector_number == UNKNOWN_PLACE.number else None
        if not tag and place is None:
            return running
        await self._memory.change(_complete, running.id, running.charger_id, tag, place, event.received_at)
        offline = running.offline
        self._memory.drop(running.id)
        again = await self._memory.known(running.charger_id, running.id)
        assert again is not None
        again.offline = offline
        return again

    async def _answer(self, running: Running, event: TransactionEvent) -> Authorization | None:
        if event.id_tag is None:
            return None
        if tags.normal(event.id_tag) == running.id_tag:
            return running.authorization
        answer = (await self._memory.database.ask(tags.bearer, event.id_tag)).authorization
        await self._sightings.held(running.charger_id, event.id_tag, answer)
        return answer

    async def _is_told(self, running: Running, event: TransactionEvent) -> bool:
        key = {"session_id": running.id, "seq_no": event.seq_no}
        told = await self._memory.database.ask(lambda db: db.execute(_TOLD, key).one_or_none())
        return told is not None and (told.at, told.event_type) == (event.at, event.type)

    def _row(self, running: Running, event: TransactionEvent) -> dict[str, Any]:
        moment = self._ledger.moment
        return {
            "session_id": running.id,
            "seq_no": event.seq_no,
            "event_type": event.type,
            "trigger_reason": event.trigger_reason,
            "at": moment(event.at),
            "received_at": moment(event.received_at),
            "offline": event.offline,
        }


def _kept(running: Running, event: TransactionEvent, reason: str) -> Action:
    row = quarantine.row(
        charger_id=running.charger_id,
        session_id=running.id,
        received_at=event.received_at,
        action="TransactionEvent",
        payload=event.payload or _told(event),
        reason=reason,
    )
    return quarantine.KEEP, row


def _told(event: TransactionEvent) -> dict[str, Any]:
    """What tells *event* from others, where its message is not at hand."""
    return {
        "eventType": event.type,
        "timestamp": event.at.isoformat(),
        "transactionInfo": {"transactionId": event.transaction_id},
        "seqNo": event.seq_no,
    }


def _stop(event: TransactionEvent) -> Stop:
    return Stop(
        event.at,
        event.received_at,
        None,
        transaction_id=event.transaction_id,
        reason=event.stopped_reason,
        samples=event.samples,
        flags=event.flags,
    )


def _only_place(db: Connection, charger_id: int) -> Place:
    """The connector of a charger that has one; else `UNKNOWN_PLACE`."""
    found = db.execute(_PLACES, {"charger_id": charger_id}).all()
    return Place(found[0].number, found[0].evse) if len(found) == 1 else UNKNOWN_PLACE


def _complete(
    change: Change, session_id: int, charger_id: int, id_tag: str | None, place: Place | None, at: datetime
) -> None:
    """Give the session its tag, if it has none or that one is accepted, and its connector, if free."""
    row = change.execute(_SESSION, {"session": session_id}).one()
    account_id = row.account_id
    if id_tag:
        sightings.note(change, id_tag, charger_id, at, None if place is None else place.number)
        bearer = tags.bearer(change.connection, id_tag)
        if not row.id_tag or bearer.authorization is Authorization.ACCEPTED:
            account_id = bearer.account_id
            owner = {
                "session": session_id,
                "tag": tags.normal(id_tag),
                "answer": bearer.authorization,
                "mapping": bearer.mapping_id,
                "account": account_id,
            }
            change.execute(_OWNER, owner)
    if place is not None:
        plug = connector(change, charger_id, place)
        if row.ended_at is not None or change.execute(_BUSY, {"plug": plug}).first() is None:
            change.execute(_PLUG, {"session": session_id, "to": plug})
    tell(change, charger_id, account_id)
