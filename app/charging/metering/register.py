"""One session's energy, counted reading by reading (M2–M4, M12, M16, M17). Pure.

Most sessions are a register that rises from meterStart. Beside that: a first reading below
meterStart counts from the session's beginning (M2, M4); a reading that is impossible, or that
falls, is held back until the next one tells whether it was a glitch or a new register (M3, M12,
M16). Nothing that was counted is ever taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

JITTER = 5
"""Wh that a register may fall by rounding alone."""
SPIKE = 1_000_000
"""A step beyond these Wh is never energy (M16)."""
LARGE = 200_000
"""A step beyond these Wh must at least be possible in its time."""
POSSIBLE_W = 1_000_000
PLACEHOLDER = 10_000
"""A step beyond these Wh from a register of 0, faster than `PLACEHOLDER_W`: that 0 meant unknown (M3)."""
PLACEHOLDER_W = 400_000
USUAL_W = 22_000
"""Until a session shows more, twice this is usual."""
MICRO = 1_000_000
TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
HOUR_TICKS = 3_600_000_000


class Flag(StrEnum):
    """Why an operator should look at a session's energy."""

    RELATIVE = "register_is_session_relative"
    """Readings below meterStart, counted from the session's beginning (M2, M4)."""
    JUMPED = "register_jumped"
    """Went on from an impossible value, which was taken as a new beginning (M3)."""
    FELL = "register_fell"
    """Fell in mid-session; the positive steps are counted (M12)."""
    SPIKE = "spike_dropped"
    """An impossible reading was left out (M16)."""
    IMPLAUSIBLE = "energy_implausible"
    """Energy and measured power × time disagree, or a step was faster than any charger (M5)."""
    UNREADABLE = "value_unreadable"
    """An energy value that is no number or has another unit (M11)."""
    STOP_BELOW = "stop_below_last_reading"
    """meterStop is lower than what was read before; the reading stands (C11)."""


@dataclass(frozen=True, slots=True)
class Step:
    """``energy_wh`` > 0 that flowed evenly from ``started_at`` to ``ended_at``, which is later."""

    started_at: datetime
    ended_at: datetime
    energy_wh: int


def rate(step: int, time: timedelta) -> int:
    """*step* Wh over *time*, in W."""
    return step * HOUR_TICKS // max(1, time // TICK)


def impossible(step: int, since: int, time: timedelta, final: bool = False) -> bool:
    """True if a register can't have gone on by *step* from *since* in *time* (M3, M16).

    A burst after an outage may bring an hour in a millisecond (M13), so a step is only measured by
    its time if it is large, and one from 0 if some time passed. *final*: nothing follows that could
    tell what a 0 meant.
    """
    if step > SPIKE:
        return True
    if step <= PLACEHOLDER:
        return False
    power = rate(step, time)
    if step > LARGE and power > POSSIBLE_W:
        return True
    return not final and since == 0 and power > PLACEHOLDER_W and time >= SECOND


@dataclass(slots=True)
class Held:
    """A reading held back until the next one."""

    value: int
    at: datetime
    jumped: bool
    """Up, impossibly; otherwise it fell."""


class Register:
    """What has been counted, and the last good value to count from. Units: Wh, moments in UTC."""

    __slots__ = (
        "_finest",
        "at",
        "energy",
        "first",
        "first_flow_at",
        "flags",
        "held",
        "intervals",
        "last",
        "last_flow_at",
        "peak_w",
        "relative",
        "start",
        "started_at",
        "steps",
    )

    def __init__(self, started_at: datetime, start: int | None) -> None:
        """Count from *start* at *started_at*; ``None``: from the first reading."""
        self.started_at = started_at
        self.start = start
        self.last = start
        self.at = started_at
        """Until when it is counted."""
        self.first = True
        """No reading yet beside the start."""
        self.relative = False
        self.held: Held | None = None
        self.energy: int | None = None
        self.intervals: int | None = None
        """Millionths of a Wh, so that rounding does not add up (M17)."""
        self._finest: int | None = None
        self.peak_w = USUAL_W
        self.first_flow_at: datetime | None = None
        self.last_flow_at: datetime | None = None
        self.flags: set[str] = set()
        self.steps: list[Step] = []
        """Since they were taken last."""

    @property
    def counted(self) -> int:
        """Wh so far; 0 too before the first reading."""
        return self.energy or 0

    @property
    def quantum(self) -> int:
        """Wh of the register's last digit; 0 where that is 1 Wh or less."""
        return self._finest or 0

    def refine(self, quantum: int) -> None:
        """A reading was sent in units of *quantum* Wh; the finest counts, for "13" may be a short 13.000."""
        self._finest = quantum if self._finest is None else min(quantum, self._finest)

    @property
    def slack(self) -> int:
        """Wh that rounding explains."""
        return JITTER + self.quantum

    def begin(self, value: int, at: datetime) -> None:
        """A reading that marks the start (`Transaction.Begin`)."""
        if self.last is not None:
            self.read(value, at)
            return
        self.start = self.last = value
        self.at = max(self.at, at)
        self.energy = self.counted

    def read(self, value: int, at: datetime, final: bool = False) -> None:
        """The next reading of the register; *final*: meterStop, after which there is none."""
        at = max(at, self.at)
        if self.last is None:
            self.last, self.at, self.energy, self.first = value, at, self.counted, False
            if self.start is None:
                self.start = value
            return
        if self.held is not None and not self._resolve(self.held, value, at):
            return
        step = value - self.last
        if step >= 0:
            if self._in_lifetime(value, at, step):
                return
            if impossible(step, self.last, at - self.at, final):
                self.held = Held(value, at, jumped=True)
            else:
                self._accept(value, step, at)
        elif step >= -self.slack:
            self._accept(self.last, 0, at)
        elif self.first and not final and not impossible(value, 1, at - self.started_at):
            self.relative = True
            self.flags.add(Flag.RELATIVE)
            self._accept(value, max(0, value - self.counted), at)
        elif self.relative and (more := value - self.counted) >= 0 and not self._unusual(more, at):
            self._accept(value, more, at)
        elif final:
            self.flags.add(Flag.STOP_BELOW)
        else:
            self.flags.add(Flag.FELL)
            self.held = Held(value, at, jumped=False)

    def replace(self) -> None:
        """Another register is read from here on: its first value is where counting goes on."""
        self.last = None
        self.held = None

    def go_on_from_intervals(self) -> None:
        """A register is read after intervals were: it stands at the start plus what they told."""
        if self.start is not None:
            self.last = self.start + self.counted

    def interval(self, micro_wh: int, at: datetime) -> None:
        """Energy since the interval before, in millionths of a Wh (M17)."""
        if micro_wh > SPIKE * MICRO:
            self.flags.add(Flag.SPIKE)
            return
        self.intervals = (self.intervals or 0) + micro_wh
        self.energy = self.counted
        self._count(max(0, (self.intervals + MICRO // 2) // MICRO - self.energy), max(at, self.at))

    def stop(self, at: datetime, value: int | None) -> None:
        """The session ended with *value*; ``None``: the last reading (M10)."""
        at = max(at, self.at)
        if value is None or self.last is None:
            pass
        elif self.relative:
            self._stop_relative(value, at)
        else:
            self.read(value, at, final=True)
            self.energy = self.counted
        if self.held is not None and self.held.jumped:
            self.flags.add(Flag.SPIKE)
        self.held = None

    def _stop_relative(self, value: int, at: datetime) -> None:
        """M4: the stop may be the lifetime register, or count from the session's beginning."""
        assert self.start is not None
        steps = [
            max(0, counted - self.counted)
            for counted in (value - self.start, value)
            if counted >= self.counted - self.slack
            and not impossible(counted - self.counted, 1, at - self.at, final=True)
        ]
        if steps:
            self._accept(value, min(steps), at)
        else:
            self.flags.add(Flag.STOP_BELOW)

    def _resolve(self, held: Held, value: int, at: datetime) -> bool:
        """Decide about the reading held back; false if *value* takes its place."""
        assert self.last is not None
        step = value - self.last
        goes_on = step >= -self.slack and not impossible(step, self.last, at - self.at)
        if held.jumped:
            if goes_on or step < -self.slack:
                self.flags.add(Flag.SPIKE)
            elif value > held.value and not impossible(value - held.value, held.value, at - held.at):
                self.flags.add(Flag.JUMPED)
                self._go_on_from(held)
            else:
                # Standing still proves nothing yet: a broken register repeats itself.
                self.held = Held(value, at, jumped=True)
                return False
        elif goes_on and rate(value - held.value, at - held.at) > 2 * self.peak_w:
            pass  # a fall to nothing and back is a glitch
        elif value >= held.value - self.slack:
            self._go_on_from(held)
        else:
            self.held = Held(value, at, jumped=False)
            return False
        self.held = None
        return True

    def _go_on_from(self, held: Held) -> None:
        self.last, self.at, self.energy, self.first = held.value, held.at, self.counted, False

    def _in_lifetime(self, value: int, at: datetime, step: int) -> bool:
        """Take a sudden step as the lifetime register between session-relative values, if it fits."""
        if (
            self.start is None
            or not (self.relative or Flag.FELL in self.flags)
            or not self._unusual(step, at)
        ):
            return False
        more = value - self.start - self.counted
        if more < -self.slack or self._unusual(more, at):
            return False
        self._accept(value, max(0, more), at)
        return True

    def _unusual(self, step: int, at: datetime) -> bool:
        return rate(step, at - self.at) > 2 * self.peak_w

    def _accept(self, value: int, step: int, at: datetime) -> None:
        time = at - self.at
        if step and time >= SECOND:
            power = rate(step, time)
            self.peak_w = max(self.peak_w, min(power, POSSIBLE_W))
            if power > POSSIBLE_W and step > PLACEHOLDER:
                self.flags.add(Flag.IMPLAUSIBLE)
        self.last = value
        self.first = False
        self.energy = self.counted
        self._count(step, at)

    def _count(self, step: int, at: datetime) -> None:
        if step > 0:
            # Energy takes time: what came in none gets the shortest there is.
            since, at = self.at, max(at, self.at + TICK)
            self.steps.append(Step(since, at, step))
            self.energy = self.counted + step
            self.first_flow_at = self.first_flow_at or since
            self.last_flow_at = at
        self.at = at
