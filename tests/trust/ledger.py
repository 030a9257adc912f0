"""Money and energy: each session of the chargers is there once, with its Wh, and is billed for them once.

There is no excuse: of either OCPP version, and while the clocks of server and chargers were set to and fro.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from data.models import Charger, ChargingSession, EnergyStep
from data.queries.charges import lines_of
from tests.trust.place import PRICE
from tests.trust.traffic import Charge


def unsettled(db: Connection) -> int:
    """How many sessions are not finalized."""
    waiting = ChargingSession.finalized_at.is_(None)
    return int(db.execute(select(func.count()).select_from(ChargingSession).where(waiting)).scalar_one())


def wrong_energy(db: Connection, charges: Iterable[Charge]) -> list[str]:
    """Where the sessions of the database are not those of the chargers, to the Wh."""
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
            wrong.append(f"{what}: session {row.id} has {row.energy_wh} Wh, {row.flags}")
        steps = db.execute(
            select(func.sum(EnergyStep.energy_wh)).where(EnergyStep.session_id == row.id)
        ).scalar()
        if (steps or 0) != row.energy_wh:
            wrong.append(f"{what}: session {row.id} has {row.energy_wh} Wh, and {steps} Wh in steps")
    wrong += [f"session {row.id}: no charger had it ({key})" for key, some in stored.items() for row in some]
    return wrong


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
