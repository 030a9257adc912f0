"""The order of a transaction's messages where the charger numbers them (OCPP 2.0.1). Pure.

Device time orders readings (C13), unless the charger's clock is set back during the session: then the
times of its events contradict their numbers, and by their times the register would seem to fall and
energy would be lost. The numbers decide then, and the times are moved so that they go forward (C14, M14).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.charging.metering.readings import relevant
from app.charging.reports import INTERVAL, REGISTER, Sample

NOTICED = timedelta(seconds=10)
"""A clock that is set back by no more is one that is kept right."""
SET_BACK = "clock_set_back"
"""The session's flag: its times after that follow from the order and the receipt of its messages."""
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Told:
    """A message about a transaction: its number, its device time (corrected, M13–M15), its receipt."""

    seq_no: int
    at: datetime
    received_at: datetime
    is_end: bool = False


class Order:
    """Takes the messages of one session by rising number, and gives the times to count them by."""

    __slots__ = (
        "_at",
        "_has_registers",
        "_last",
        "_newest",
        "_received_at",
        "by_time",
        "ended_at",
        "is_back",
        "is_noticed",
    )

    def __init__(self) -> None:
        self.by_time = False
        """The numbers are the ones that are wrong: times are left alone."""
        self.is_back = False
        """The clock was set back: later times may have been moved."""
        self.is_noticed = False
        """By more than `NOTICED`."""
        self.ended_at: datetime | None = None
        """When the session ended, if the clock was set back before."""
        self._last: int | None = None
        self._at: datetime | None = None
        self._received_at: datetime | None = None
        self._newest: datetime | None = None
        """Of all samples counted."""
        self._has_registers = False

    def go_by_time(self) -> None:
        """The charger's numbers are wrong, and its times are right."""
        self.by_time, self.is_back, self.is_noticed, self.ended_at = True, False, False, None

    def follows(self, told: Told) -> bool:
        """True if *told* has a higher number than all before; only then it may be taken."""
        return self._last is None or told.seq_no > self._last

    def take(self, told: Told, samples: Sequence[Sample]) -> tuple[datetime, Sequence[Sample]]:
        """The moment of the next message and its samples to be counted, at the times to count them by."""
        at = told.at if self.by_time else self._moment(told)
        self._last, self._at, self._received_at = told.seq_no, at, told.received_at
        if self.is_back:
            samples = self._moved(at - told.at, samples)
        for sample in samples:
            if sample.measurand == REGISTER:
                self._has_registers = True
            if (self._newest is None or sample.at > self._newest) and relevant(sample):
                self._newest = sample.at
        if self.is_back and told.is_end:
            at = at if self._newest is None else max(at, self._newest)
            self.ended_at = self.ended_at or at
        return at, samples

    def stored(self, told: Told, samples: Sequence[Sample]) -> Sequence[Sample]:
        """*samples* as they are to be stored: a time that comes twice must not hide a later reading (M20)."""
        goes_on = self._at is None or (told.at >= self._at) == self.follows(told)
        if self.by_time or (goes_on and not self.is_back):
            return samples
        apart = told.seq_no % 1_000_000 * _TICK
        return [s if s.measurand == INTERVAL else replace(s, at=s.at + apart) for s in samples]

    def _moment(self, told: Told) -> datetime:
        if self._at is None or self._received_at is None or told.at >= self._at:
            return told.at
        # It goes on at the pace of the receipts, and not beyond them: a burst tells no times.
        gone = max(told.received_at - self._received_at, timedelta(0))
        at = max(self._at, min(self._at + gone, told.received_at))
        self.is_back = True
        self.is_noticed = self.is_noticed or at - told.at > NOTICED
        return at

    def _moved(self, by: timedelta, samples: Sequence[Sample]) -> list[Sample]:
        """*samples* after all that was counted before.

        Of a message that lists older readings beside its newest they can't be told from what was counted
        already: they add nothing to the newest register. Intervals need no order, and keep their times (M17).
        """
        moments: dict[datetime, list[Sample]] = {}
        moved: list[Sample] = []
        registers = [sample.at for sample in samples if sample.measurand == REGISTER and relevant(sample)]
        has_registers = self._has_registers or bool(registers)
        for sample in samples:
            if sample.measurand == INTERVAL:
                if not has_registers:
                    moved.append(sample)
            elif relevant(sample):
                moments.setdefault(sample.at, []).append(sample)
        last = max(registers or moments, default=None)
        newest = self._newest
        for at, group in sorted(moments.items()):
            to = at + by
            if newest is not None and to <= newest:
                if last is not None and at < last:
                    continue
                to = newest + _TICK
            newest = to
            moved += [replace(sample, at=to) for sample in group]
        return moved


def in_order(
    told: Iterable[Told], samples: Mapping[int | None, Sequence[Sample]]
) -> tuple[Order, list[Sample]]:
    """All messages of a session in whatever order, and its samples by their message's number.

    Returned are the samples to be counted, at the times to count them by; those without number as they are.
    """
    order = Order()
    counted: list[Sample] = list(samples.get(None, ()))
    for one in sorted(told, key=lambda one: one.seq_no):
        counted += order.take(one, samples.get(one.seq_no, ()))[1]
    return order, counted
