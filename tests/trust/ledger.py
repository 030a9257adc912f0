"""Money and energy: each session of the chargers is there once, with its Wh, and is billed for them once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, select

from data.models import Charger, ChargingSession, EnergyStep
from data.queries.charges import lines_of
from tests.trust.place import PRICE
from tests.trust.traffic import Charge

LATER = 60.0
"""Seconds by which messages may come later than they were said, and clocks be set later than they jumped."""


def unsettled(db: Connection) -> int:
    """How many sessions are not finalized."""
    waiting = ChargingSession.finalized_at.is_(None)
    return int(db.execute(select(func.count()).select_from(ChargingSession).where(waiting)).scalar_one())


def wrong_energy(
    db: Connection, charges: Iterable[Charge], set_back: Sequence[float] = ()
) -> tuple[list[str], list[str]]:
    """Where the sessions of the database are not those of the chargers; and which are short, but flagged.

    Those are of OCPP 2.0.1 and went on while the clock was *set back*: without registers of start and stop
    beside the readings, whose times run backwards, they are counted as if the register had fallen (M12).
    """
    rows = db.execute(
        select(
            ChargingSession.id,
            Charger.identity,
            ChargingSession.meter_start,
            ChargingSession.ocpp_transaction_id,
            ChargingSession.energy_wh,
            ChargingSession.ended_at,
            ChargingSession.id_tag,
            ChargingSession.flags,
        ).join(Charger, Charger.id == ChargingSession.charger_id)
    ).all()
    stored = defaultdict(list)
    for row in rows:
        stored[row.identity, row.ocpp_transaction_id or row.meter_start].append(row)
    wrong: list[str] = []
    flagged: list[str] = []
    for charge in charges:
        found = stored.pop((charge.identity, charge.transaction or charge.meter_start), [])
        what = f"{charge.identity} {charge.meter_start}–{charge.meter_stop} Wh"
        if len(found) != 1:
            wrong.append(f"{what}: {len(found)} sessions instead of one")
            continue
        (row,) = found
        expected = None if charge.meter_stop is None else charge.meter_stop - charge.meter_start
        if row.ended_at is None:
            wrong.append(f"{what}: session {row.id} has not ended")
        elif row.energy_wh != expected:
            meanwhile = charge.transaction is not None and any(
                charge.began - LATER <= at <= (charge.ended or at) + LATER for at in set_back
            )
            told = flagged if meanwhile and row.flags else wrong
            told.append(f"{what}: session {row.id} has {row.energy_wh} Wh, {row.flags}")
        steps = db.execute(
            select(func.sum(EnergyStep.energy_wh)).where(EnergyStep.session_id == row.id)
        ).scalar()
        if (steps or 0) != row.energy_wh:
            wrong.append(f"{what}: session {row.id} has {row.energy_wh} Wh, and {steps} Wh in steps")
    wrong += [f"session {row.id}: no charger had it ({key})" for key, some in stored.items() for row in some]
    return wrong, flagged


def wrong_money(db: Connection) -> tuple[list[str], int]:
    """Where what was billed is not what was drawn, and how many minor units were billed in all."""
    wrong, total = [], 0
    for id_, account, energy_wh in db.execute(
        select(ChargingSession.id, ChargingSession.account_id, ChargingSession.energy_wh)
    ).all():
        lines = lines_of(db, id_)
        billed_wh = sum(line.energy_wh for line in lines)
        if billed_wh != energy_wh:
            wrong.append(f"session {id_} has {energy_wh} Wh, and {billed_wh} Wh are billed")
        amount = sum(line.amount or 0 for line in lines)
        total += amount
        exact = energy_wh * PRICE / 100_000  # Wh times 1/10,000 EUR a kWh, in cents
        if abs(amount - exact) > 0.5 * max(1, len(lines)) + 1e-6:
            wrong.append(f"session {id_} of {energy_wh} Wh cost {amount} instead of {exact:.2f}")
        if any(line.account_id != account for line in lines):
            wrong.append(f"session {id_} is billed to somebody else")
    return wrong, total
