"""A session's course over time when its energy is corrected: the same shape, another sum. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.charging.metering.register import TICK, Step
from data.energy import EnergySpan


def scaled(steps: Sequence[EnergySpan], whole: EnergySpan, energy_wh: int) -> list[Step]:
    """*steps* with *energy_wh* in all; without any energy in them, *whole* evenly.

    What has flowed until the end of each step is scaled and rounded half up once, and a step is the
    difference of two such numbers: so days and sums still add up to the Wh.
    """
    before = sum(step.energy_wh for step in steps)
    if before == 0:
        if energy_wh == 0:
            return []
        ended_at = max(whole.ended_at, whole.started_at + TICK)  # energy takes time
        return [Step(whole.started_at, ended_at, energy_wh)]
    made, flowed, told = [], 0, 0
    for step in steps:
        flowed += step.energy_wh
        until = (2 * flowed * energy_wh + before) // (2 * before)
        made.append(Step(step.started_at, step.ended_at, until - told))
        told = until
    return [step for step in made if step.energy_wh]
