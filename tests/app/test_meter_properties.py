"""What holds for every session, however strange (P7, M18, M20)."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from app.charging.metering.meter import Meter, OutOfOrder, Progress, Step, rebuild
from app.charging.reports import INTERVAL, POWER, REGISTER, Sample

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
CONTEXTS = ["Sample.Periodic", "Sample.Clock", "Transaction.Begin", "Transaction.End", "Other"]

honest = st.integers(0, 400_000)
values = st.one_of(
    honest.map(str),
    st.integers(0, 200).map(str),
    st.floats(0, 400).map(lambda value: f"{value:.3f}"),
    st.sampled_from(["0", "4294967295", "909948", "910031", "", "nan", "1e999", "-1", "string"]),
)
samples = st.builds(
    Sample,
    at=st.integers(-60, 7200).map(lambda seconds: START + timedelta(seconds=seconds)),
    value=values,
    measurand=st.sampled_from([REGISTER, REGISTER, REGISTER, INTERVAL, POWER, "SoC"]),
    unit=st.sampled_from(["", "Wh", "kWh", "W", "Fahrenheit"]),
    context=st.sampled_from(CONTEXTS),
    location=st.sampled_from(["Outlet", "Outlet", "Inlet", "EV"]),
    phase=st.sampled_from(["", "", "", "L1", "L2", "L3", "L1-N", "N"]),
)
sessions = st.lists(
    samples, max_size=40, unique_by=lambda s: (s.at, s.measurand, s.phase, s.context, s.location)
)
starts = st.one_of(st.none(), st.integers(-1, 500_000))


def state(progress: Progress) -> tuple[object, ...]:
    return (
        progress.energy_wh,
        progress.power_w,
        progress.power_derived,
        progress.reading_at,
        progress.energy_started_at,
        progress.energy_ended_at,
        progress.flags,
    )


def check(steps: list[Step], progress: Progress) -> None:
    assert sum(step.energy_wh for step in steps) == (progress.energy_wh or 0)
    for step in steps:
        assert step.energy_wh > 0
        assert step.ended_at > step.started_at >= START
    for before, after in pairwise(steps):
        assert before.ended_at <= after.started_at
    assert progress.energy_started_at == (steps[0].started_at if steps else None)
    assert progress.energy_ended_at == (steps[-1].ended_at if steps else None)


@settings(max_examples=400, deadline=None)
@given(starts, sessions, st.randoms(use_true_random=False))
def test_m18_m20_one_by_one_gives_what_a_rebuild_from_any_order_gives(
    start: int | None, session: list[Sample], random: Random
) -> None:
    shuffled = random.sample(session, len(session))
    _, rebuilt = rebuild(START, start, shuffled)
    meter = Meter(START, start)
    steps: list[Step] = []
    progress = meter.add([])
    shown = 0
    moments: dict[datetime, list[Sample]] = {}
    for sample in shuffled:
        moments.setdefault(sample.at, []).append(sample)
    for _, group in sorted(moments.items()):
        progress = meter.add(group)
        steps += progress.steps
        assert (progress.energy_wh or 0) >= shown, "P7: never falling"
        shown = progress.energy_wh or 0
        check(steps, progress)
    assert tuple(steps) == rebuilt.steps
    assert state(progress) == state(rebuilt)


@settings(max_examples=400, deadline=None)
@given(starts, sessions, st.randoms(use_true_random=False), st.integers(1, 7200), starts)
def test_m20_any_batches_in_any_order_with_repeats_give_the_same(
    start: int | None, session: list[Sample], random: Random, stopped_after: int, meter_stop: int | None
) -> None:
    """As the caller does it: take what comes, rebuild from all that is stored when told to."""
    meter, progress = rebuild(START, start, [])
    stored: list[Sample] = []
    steps: tuple[Step, ...] = ()
    waiting = sorted(session, key=lambda sample: (sample.at, random.random()))
    for _ in range(len(waiting) // 6):  # some come late
        waiting.append(waiting.pop(random.randrange(len(waiting))))
    while waiting:
        size = random.randint(1, 4)
        batch, waiting = waiting[:size], waiting[size:]
        if random.random() < 0.2 and stored:
            batch.append(random.choice(stored))
        stored += [sample for sample in batch if sample not in stored]
        try:
            progress = meter.add(batch)
            steps += progress.steps
        except OutOfOrder:
            meter, progress = rebuild(START, start, stored)
            steps = progress.steps
    assert (steps, state(progress)) == ((whole := rebuild(START, start, session)[1]).steps, state(whole))
    at = START + timedelta(seconds=stopped_after)
    _, whole = rebuild(START, start, session, (at, meter_stop))
    try:
        progress = meter.stop(at, meter_stop)
        steps += progress.steps
    except OutOfOrder:
        meter, progress = rebuild(START, start, stored, (at, meter_stop))
        steps = progress.steps
    assert (steps, state(progress)) == (whole.steps, state(whole))
    check(list(steps), progress)
    late = Sample(START + timedelta(hours=9), "450000")
    assert (meter.add([late]).steps, meter.add([]).energy_wh) == ((), whole.energy_wh), "M7"


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10_000_000),
    st.lists(st.tuples(st.integers(1, 900), st.integers(0, 22)), min_size=1, max_size=60),
    st.sampled_from(["Wh", "kWh"]),
)
def test_an_honest_meter_is_counted_to_the_wh_and_never_flagged(
    start: int, stretches: list[tuple[int, int]], unit: str
) -> None:
    meter = Meter(START, start)
    register, at = start, START
    for seconds, kilowatts in stretches:
        at += timedelta(seconds=seconds)
        register += seconds * kilowatts * 1000 // 3600
        value = str(register) if unit == "Wh" else f"{register / 1000:.3f}"
        progress = meter.add([Sample(at, value, unit=unit)])
        assert progress.energy_wh == register - start
    assert meter.stop(at, register).energy_wh == register - start
    assert not progress.flags


def test_ten_hours_of_readings_every_two_seconds_stay_small_and_fast() -> None:
    """A meter holds numbers, not readings; the bound on time is ten times what it takes."""
    meter = Meter(START, 1_000)
    batches = []
    for n in range(1, 18_001):
        at = START + timedelta(seconds=2 * n)
        batches.append(
            [
                Sample(at, str(1_000 + 6 * n), unit="Wh"),
                Sample(at, "11000", POWER, "W"),
                Sample(at, "16", "Current.Import", "A", phase="L1"),
                Sample(at, "230", "Voltage", "V", phase="L1-N"),
                Sample(at, "55", "SoC", "Percent", location="EV"),
            ]
        )
    began = time.process_time()
    for batch in batches:
        progress = meter.add(batch)
    assert (time.process_time() - began) / len(batches) < 200e-6
    assert progress.energy_wh == 108_000
    assert _size(meter) < 10_000


def _size(thing: object, seen: set[int] | None = None) -> int:
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, (type, type(UTC))):
        return 0
    seen.add(id(thing))
    size = sys.getsizeof(thing)
    if isinstance(thing, (list, tuple, set, frozenset)):
        size += sum(_size(part, seen) for part in thing)
    for name in getattr(thing, "__slots__", ()):
        size += _size(getattr(thing, name), seen)
    return size
