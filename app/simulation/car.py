"""A simulated car: how much it takes from a plug while its battery fills."""

from __future__ import annotations

from dataclasses import dataclass

KNEE = 0.55
"""State of charge from which a fast charge tapers: constant voltage instead of constant current."""
LAST = 0.12
"""Part of its best power that a car still takes when it is full by fast charging."""


@dataclass(slots=True)
class Car:
    """A battery and what goes into it. Powers in W, energy in Wh, ``soc`` from 0 to 1."""

    battery_wh: float = 77_000
    soc: float = 0.2
    ac_w: float = 11_000
    dc_w: float = 135_000

    def power_w(self, plug_w: float, *, dc: bool) -> int:
        """What it takes now from a plug that can give *plug_w*."""
        if self.soc >= 1:
            return 0
        if not dc:  # flat until the cells are balanced
            most = min(plug_w, self.ac_w)
            return round(most if self.soc < 0.97 else most * 0.35)
        # Constant current: the power rises a little with the voltage; then it falls with the current.
        best = self.dc_w * (0.88 + 0.12 * min(self.soc, KNEE) / KNEE)
        if self.soc > KNEE:
            best *= 1 - (1 - LAST) * (self.soc - KNEE) / (1 - KNEE)
        return round(min(plug_w, best))

    def charge(self, seconds: float, plug_w: float, *, dc: bool) -> float:
        """Charge for *seconds*; the Wh that flowed."""
        energy = min(self.power_w(plug_w, dc=dc) * seconds / 3600, max(0.0, (1 - self.soc) * self.battery_wh))
        self.soc += energy / self.battery_wh
        return energy


def is_dc(plug_type: str) -> bool:
    """True for plugs that bypass the car's own charger."""
    return plug_type in ("CCS", "CHAdeMO", "NACS")
