"""Samples → energy of one session: pure functions, no database, no clock (M1–M20).

A `Meter` takes the samples of a session in the order of device time and keeps a few numbers and
the samples of its newest moment, no others. What it says depends on the samples alone, not on how
they were batched: taking them one by one gives what `rebuild` gives from all of them.
`readings` makes one value of the samples of a moment, `register` counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.charging.metering import readings
from app.charging.metering.readings import Key, Value
from app.charging.metering.register import HOUR_TICKS, MICRO, SECOND, TICK, Flag, Register, Step, rate
from app.charging.reports import INTERVAL, POWER, REGISTER, Sample

__all__ = ["Flag", "Meter", "OutOfOrder", "Progress", "Step", "rebuild"]

POWER_AGE = timedelta(minutes=5)
"""A measured power older than this against the newest energy reading gives way to a derived one."""
DERIVED_OVER = timedelta(seconds=30)
"""A derived power is taken over at least this long: over 2 s whole Wh would make it jump."""
COMPARED = timedelta(hours=1)
"""Power × time says nothing over longer gaps (M5)."""
STEADY = timedelta(minutes=5)
"""Over longer gaps power may have been higher than at both ends."""
COMPARED_WH = 250
"""Wh below which energy and power × time are not compared."""
END_AFTER = timedelta(minutes=5)
"""How long after a stop without a value the reading of its end may be dated."""


class OutOfOrder(Exception):
    """A sample belongs before one that was used already; the meter is unchanged. `rebuild` helps."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What one call added, and the state after it. All steps of a session add up to ``energy_wh``."""

    steps: tuple[Step, ...]
    """New ones, to be appended; they don't overlap. From `rebuild`: all of the session."""
    energy_wh: int | None
    """Since the session's start, never falling; ``None`` before the first reading (P8)."""
    power_w: int | None
    """``None`` where it is unknown, and after the stop."""
    power_derived: bool
    """True if the power follows from two register readings."""
    reading_at: datetime | None
    """Device time of the newest reading of energy or power."""
    energy_started_at: datetime | None
    """When energy first flowed, and last; ``None`` if none did."""
    energy_ended_at: datetime | None
    flags: frozenset[str]
    """Words of `Flag`."""


class Meter:
    """The small state of one session's energy."""

    __slots__ = (
        "_anchors",
        "_compared",
        "_cutoff",
        "_interval_context",
        "_late_end",
        "_location",
        "_newest",
        "_phases",
        "_point",
        "_power",
        "_power_samples",
        "_reading_at",
        "_register",
        "_registers",
        "_seen",
        "_stopped",
        "_used",
    )

    def __init__(self, started_at: datetime, meter_start: int | None) -> None:
        """A session that began at *started_at* with *meter_start* Wh; ``None`` or negative is unknown."""
        start = None if meter_start is None or meter_start < 0 else meter_start
        self._register = Register(started_at, start)
        self._registers = False
        """A register was read; intervals count no more."""
        self._interval_context = ""
        self._location = 9
        self._phases = 0
        self._newest: datetime | None = None
        self._seen: set[Key] = set()
        """The samples of the newest moment, and the energy used of them."""
        self._used: Value | None = None
        self._power_samples: list[Sample] = []
        self._power: tuple[datetime, int] | None = None
        self._point: tuple[datetime, int, int] | None = None
        """The last finished moment with power: when, W, Wh counted."""
        self._compared = (0, 0, 0)
        """What power × time allows at least and at most (W × µs), and the Wh counted in that time."""
        self._anchors = None if start is None else ((started_at, 0), (started_at, 0))
        self._reading_at: datetime | None = None
        self._stopped = False
        self._cutoff: datetime | None = None
        self._late_end: datetime | None = None

    def add(self, samples: Sequence[Sample]) -> Progress:
        """Take *samples*; raises `OutOfOrder` if one belongs before what was used already.

        Samples of the newest moment that were met before are left out (M20); of two that differ in
        their value alone the first wins. After a stop later samples change nothing (M7).
        """
        self._take([sample for sample in samples if readings.relevant(sample)])
        return self._progress()

    def stop(self, at: datetime, meter_stop: int | None, samples: Sequence[Sample] = ()) -> Progress:
        """The session ended at *at* with *meter_stop* Wh; ``None`` or negative: the last reading (M10).

        *samples* came with the stop. Raises `OutOfOrder` as `add` does, and if readings later than the
        stop were used already. A second stop changes nothing.
        """
        if self._stopped:
            return self._progress()
        known = [sample for sample in samples if readings.relevant(sample)]
        value = None if meter_stop is None or meter_stop < 0 else meter_stop
        cutoff = self._until(at, value, known)
        if self._newest is not None and self._newest > cutoff:
            raise OutOfOrder
        self._take([sample for sample in known if sample.at <= cutoff])
        self._cutoff = cutoff
        self._late_end = None if value is not None else at + END_AFTER
        self._finish_moment()
        self._stopped = True
        if value is not None:
            self._reading_at = max(at, self._register.at)
            if self._register.intervals is not None and not self._registers:
                self._register.go_on_from_intervals()
        self._register.stop(at, value)
        return self._progress()

    def _until(self, at: datetime, value: int | None, samples: list[Sample]) -> datetime:
        """Until when samples belong to a session that stopped at *at*.

        With a stop value that one stands (M7). Without, the reading of the end is the stop value, and
        chargers date it up to some seconds after the stop (OCPP 2.0.1); a stop dated before all
        readings is a clock that went wrong, and they stand.
        """
        if value is not None:
            return at
        late = at + END_AFTER
        ends = [sample.at for sample in samples if sample.context == readings.END and sample.at <= late]
        until = max(at, *ends) if ends else at
        if self._newest is None and samples and min(sample.at for sample in samples) > until:
            return max(sample.at for sample in samples)
        return until

    def _take(self, samples: list[Sample]) -> None:
        if self._cutoff is not None:
            samples = [sample for sample in samples if self._belongs(sample)]
        if not samples:
            return
        at = samples[0].at
        if all(sample.at == at for sample in samples):
            moments = [(at, samples)]
        else:
            by_moment: dict[datetime, list[Sample]] = {}
            for sample in samples:
                by_moment.setdefault(sample.at, []).append(sample)
            moments = sorted(by_moment.items())
        if self._newest is not None and moments[0][0] <= self._newest:
            if moments[0][0] < self._newest:
                raise OutOfOrder
            self._again(moments.pop(0)[1])
        elif self._stopped:
            raise OutOfOrder
        for at, group in moments:
            self._moment(at, group)

    def _belongs(self, sample: Sample) -> bool:
        assert self._cutoff is not None
        if sample.at <= self._cutoff:
            return True
        return self._late_end is not None and sample.context == readings.END and sample.at <= self._late_end

    def _again(self, samples: list[Sample]) -> None:
        """More samples of the newest moment. Raises `OutOfOrder` if what was used was not the best."""
        fresh = [sample for sample in samples if readings.key(sample) not in self._seen]
        if not fresh:
            return
        energies = [sample for sample in fresh if sample.measurand != POWER]
        value, is_register, junk = self._energy(energies)
        if value is not None and (is_register or not self._registers):
            used = self._used
            if self._stopped or value.phases or (used is not None and is_register != self._registers):
                raise OutOfOrder
            if used is None:
                self._use(samples[0].at, value, is_register)
            elif value.rank <= used.rank and value.energy != used.energy:
                raise OutOfOrder
        if junk:
            self._register.flags.add(Flag.UNREADABLE)
        self._seen.update(readings.key(sample) for sample in fresh)
        self._take_power(samples[0].at, [sample for sample in fresh if sample.measurand == POWER])

    def _moment(self, at: datetime, samples: list[Sample]) -> None:
        self._finish_moment()
        self._newest = at
        self._used = None
        self._power_samples = []
        self._seen = seen = set()
        energies: list[Sample] = []
        powers: list[Sample] = []
        for sample in samples:
            key = readings.key(sample)
            if key not in seen:
                seen.add(key)
                (powers if sample.measurand == POWER else energies).append(sample)
        self._take_power(at, powers)
        if energies:
            value, is_register, junk = self._energy(energies)
            if junk:
                self._register.flags.add(Flag.UNREADABLE)
            if value is not None:
                self._use(at, value, is_register)

    def _energy(self, samples: list[Sample]) -> tuple[Value | None, bool, bool]:
        """The register that *samples* tell, else the interval; whether it is a register; junk met."""
        registers = [sample for sample in samples if sample.measurand == REGISTER]
        value, junk = readings.energy_of(registers, 1) if registers else (None, False)
        if value is not None or len(registers) == len(samples):
            return value, True, junk
        value, more = readings.energy_of((s for s in samples if s.measurand == INTERVAL), MICRO)
        return value, False, junk or more

    def _take_power(self, at: datetime, samples: list[Sample]) -> None:
        if not samples:
            return
        self._power_samples += samples
        power = readings.power_of(self._power_samples)
        if power is not None:
            self._power = (at, power)
            self._reading_at = at

    def _use(self, at: datetime, value: Value, is_register: bool) -> None:
        """Count one value of energy."""
        if not (self._use_register(at, value) if is_register else self._use_interval(at, value)):
            return
        self._used = value
        self._reading_at = at
        if self._register.held is None:
            now = (self._register.at, self._register.counted)
            if self._anchors is None:
                self._anchors = (now, now)
            elif now[0] - self._anchors[1][0] >= DERIVED_OVER:
                self._anchors = (self._anchors[1], now)

    def _use_interval(self, at: datetime, value: Value) -> bool:
        """M17: each timestamp once; clock-aligned intervals beside periodic ones would overlap."""
        if self._registers:
            return False
        context = value.context or readings.PERIODIC
        if context in (readings.PERIODIC, readings.CLOCK):
            if self._interval_context not in ("", context):
                return False
            self._interval_context = context
        self._register.interval(value.energy, at)
        return True

    def _use_register(self, at: datetime, value: Value) -> bool:
        register = self._register
        location, phased, _ = value.rank
        if location > self._location:
            return False  # another meter than the one nearer to the outlet
        if phased and self._registers and not self._phases:
            return False  # the unphased register is the better one (M8)
        if phased and value.phases & self._phases == value.phases != self._phases:
            return False  # a phase is missing: no sum
        if self._registers and (location < self._location or value.phases & ~self._phases):
            register.replace()
        elif not self._registers and register.intervals is not None:
            register.go_on_from_intervals()
        self._location = location
        self._phases = value.phases
        self._registers = True
        register.refine(value.quantum)
        if value.context == readings.BEGIN:
            register.begin(value.energy, at)
        else:
            register.read(value.energy, at)
        return True

    def _finish_moment(self) -> None:
        """Nothing more comes for the newest moment: compare its energy with its power (M5)."""
        if self._newest is None or self._power is None or self._power[0] != self._newest:
            return
        self._compared = self._compare()
        if self._register.energy is None or self._register.held is not None:
            self._point = None
        else:
            self._point = (self._newest, self._power[1], self._register.energy)

    def _compare(self) -> tuple[int, int, int]:
        if self._point is None or self._power is None or self._power[0] != self._newest:
            return self._compared
        since, before, counted_before = self._point
        at, power = self._power
        time = at - since
        if time > COMPARED or self._register.held is not None:
            return self._compared
        least, most, counted = self._compared
        high = max(power, before) if time <= STEADY else max(power, before, self._register.peak_w)
        micros = time // TICK
        return (
            least + min(power, before) * micros,
            most + high * micros,
            counted + self._register.counted - counted_before,
        )

    def _power_now(self) -> tuple[int | None, bool]:
        if self._stopped:
            return None, False
        read = self._registers or self._register.intervals is not None
        if self._power is not None and not (read and self._register.at - self._power[0] > POWER_AGE):
            return self._power[1], False
        if self._anchors is None or not read:
            return None, False
        since, before = self._anchors[0]
        time = self._register.at - since
        return (rate(self._register.counted - before, time), True) if time >= SECOND else (None, False)

    def _progress(self) -> Progress:
        register = self._register
        steps: tuple[Step, ...] = ()
        if register.steps:
            steps, register.steps = tuple(register.steps), []
        flags = frozenset(register.flags)
        if register.held is not None and register.held.jumped:
            flags |= {Flag.SPIKE}
        # Not for good: a register that is refreshed every few minutes catches up.
        if _disagree(self._compared if self._stopped else self._compare(), register.quantum):
            flags |= {Flag.IMPLAUSIBLE}
        power, derived = self._power_now()
        return Progress(
            steps,
            register.energy,
            power,
            derived,
            self._reading_at,
            register.first_flow_at,
            register.last_flow_at,
            flags,
        )


def rebuild(
    started_at: datetime,
    meter_start: int | None,
    samples: Iterable[Sample],
    stopped: tuple[datetime, int | None] | None = None,
) -> tuple[Meter, Progress]:
    """A meter from all samples of a session in any order, and what it says (M18, M20).

    *stopped* is its stop: when, and meterStop. ``Progress.steps`` are all steps: they replace the
    stored ones. Of samples that differ in their value alone the first wins.
    """
    meter = Meter(started_at, meter_start)
    known = [sample for sample in samples if readings.relevant(sample)]
    if stopped is None:
        return meter, meter.add(known)
    at, meter_stop = stopped
    return meter, meter.stop(at, meter_stop, known)


def _disagree(compared: tuple[int, int, int], quantum: int) -> bool:
    """True if the Wh counted are a tenth of what power × time says, or five times as much (M5)."""
    least, most, counted = compared
    if not most and not counted:
        return False
    margin = COMPARED_WH + 3 * quantum
    if least > margin * HOUR_TICKS and counted * 10 * HOUR_TICKS < least:
        return True
    return (counted - 4 * margin) * HOUR_TICKS > 5 * most
