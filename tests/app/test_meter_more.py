"""Spikes, intervals, restarts, pauses, repeats (M16–M20), and the power that is shown (P7)."""

from __future__ import annotations

import pytest

from app.charging.metering.meter import Flag, Meter, OutOfOrder, Progress, Step, rebuild
from app.charging.reports import Sample
from tests.app.test_meter import START, after, each, interval, minutely, power, register


@pytest.mark.parametrize("spike", [5_000_000, 4_294_967_295, 1_001_101])
def test_m16_a_spike_is_dropped_and_flagged(spike: int) -> None:
    meter = Meter(START, 1_000)
    during = each(meter, register(60, 1_100), register(120, spike))
    assert during.energy_wh == 100
    assert during.flags == {Flag.SPIKE}
    afterwards = meter.add([register(180, 1_300)])
    assert afterwards.energy_wh == 300
    assert afterwards.steps == (Step(after(60), after(180), 200),)
    assert afterwards.flags == {Flag.SPIKE}


def test_m16_a_spike_of_over_1000_kwh_however_much_time_passed() -> None:
    meter = Meter(START, 1_000)
    progress = each(meter, register(60, 1_100), register(36_000, 1_001_101), register(36_060, 1_300))
    assert progress.energy_wh == 300


def test_m16_what_is_possible_in_its_time_is_no_spike() -> None:
    progress = each(Meter(START, 1_000), register(3600, 301_000), register(7200, 601_000))
    assert (progress.energy_wh, progress.flags) == (600_000, frozenset())


def test_m16_a_spike_that_repeats_itself() -> None:
    progress = minutely(1_000, 1_100, 4_294_967_295, 4_294_967_295, 1_300)
    assert progress.energy_wh == 300


def test_m16_a_jump_that_goes_on_is_a_new_beginning() -> None:
    progress = minutely(1_000, 1_100, 5_000_000, 5_000_150, 5_000_300)
    assert progress.energy_wh == 100 + 300
    assert progress.flags == {Flag.JUMPED}


def test_m16_a_spike_as_the_stop_value() -> None:
    meter = Meter(START, 1_000)
    meter.add([register(60, 1_100)])
    progress = meter.stop(after(120), 9_000_000)
    assert progress.energy_wh == 100
    assert progress.flags == {Flag.SPIKE}


def test_m17_intervals_add_up_each_timestamp_once() -> None:
    meter = Meter(START, None)
    meter.add([interval(60, 100), interval(60, 100), interval(60, 99, context="Sample.Clock")])
    meter.add([interval(60, 100)])
    progress = meter.add([interval(120, "0.150", "kWh")])
    assert progress.energy_wh == 250
    assert progress.steps == (Step(after(60), after(120), 150),)


def test_m17_fractions_of_intervals_are_not_rounded_one_by_one() -> None:
    meter = Meter(START, None)
    assert each(meter, *[interval(2 * n, "6.1") for n in range(1, 101)]).energy_wh == 610


def test_m17_a_register_is_preferred() -> None:
    meter = Meter(START, 1_000)
    meter.add([interval(60, 100)])
    progress = each_after(meter, [register(120, 1_230), interval(120, 100)], [interval(180, 100)])
    assert progress.energy_wh == 230


def each_after(meter: Meter, *batches: list[Sample]) -> Progress:
    for batch in batches:
        progress = meter.add(batch)
    return progress


def test_m17_clock_aligned_intervals_beside_periodic_ones_do_not_count_twice() -> None:
    meter = Meter(START, None)
    progress = each(meter, interval(60, 100), interval(90, 140, context="Sample.Clock"), interval(120, 100))
    assert progress.energy_wh == 200


def test_m17_a_stop_value_stands_over_intervals() -> None:
    meter = Meter(START, 1_000)
    meter.add([interval(60, 100)])
    assert meter.stop(after(120), 1_250).energy_wh == 250


def test_m17_a_spike_among_intervals_is_dropped() -> None:
    progress = each(Meter(START, None), interval(60, 100), interval(120, 1_000_001), interval(180, 100))
    assert progress.energy_wh == 200
    assert progress.flags == {Flag.SPIKE}


def test_m18_after_a_restart_the_total_goes_on() -> None:
    samples = [register(60 * n, 1_000 + 100 * n) for n in range(1, 11)]
    lasting = Meter(START, 1_000)
    for sample in samples[:5]:
        lasting.add([sample])
    restarted, progress = rebuild(START, 1_000, samples[:5])
    assert progress.energy_wh == 500
    for sample in samples[5:]:
        assert restarted.add([sample]) == lasting.add([sample])


def test_m19_a_pause_is_without_energy() -> None:
    progress = rebuild(START, 0, [register(60 * n, v) for n, v in enumerate((100, 200, 200, 200, 300), 1)])[1]
    assert progress.energy_wh == 300
    assert progress.steps == (
        Step(START, after(60), 100),
        Step(after(60), after(120), 100),
        Step(after(240), after(300), 100),
    )


def test_m20_duplicates_count_once_and_the_first_wins() -> None:
    meter = Meter(START, 1_000)
    first = meter.add([register(60, 1_500), register(60, 1_700), power(60, 7000), power(60, 9000)])
    again = meter.add([register(60, 1_500), register(60, 1_700), power(60, 9000)])
    assert (first.energy_wh, again.energy_wh) == (500, 500)
    assert again.power_w == 7000
    assert not again.steps


def test_m20_the_first_wins_even_if_it_is_junk_as_only_the_first_is_stored() -> None:
    progress = Meter(START, 1_000).add([register(60, ""), register(60, 1_500)])
    assert progress.energy_wh is None


def test_m20_out_of_order_is_told_and_changes_nothing() -> None:
    meter = Meter(START, 1_000)
    before = meter.add([register(120, 1_500)])
    with pytest.raises(OutOfOrder):
        meter.add([register(60, 1_200), register(180, 1_800)])
    now = meter.add([])
    assert (now.energy_wh, now.reading_at, now.steps) == (before.energy_wh, before.reading_at, ())
    progress = rebuild(START, 1_000, [register(120, 1_500), register(60, 1_200)])[1]
    assert progress.steps == (Step(START, after(60), 200), Step(after(60), after(120), 300))


def test_m20_of_one_moment_the_better_context_wins_in_any_order() -> None:
    meter = Meter(START, 1_000)
    meter.add([register(60, 1_500)])
    progress = meter.add([register(60, 1_490, context="Sample.Clock")])
    assert progress.energy_wh == 500


def test_m20_a_better_value_of_the_newest_moment_is_out_of_order() -> None:
    meter = Meter(START, 1_000)
    meter.add([register(60, 1_490, context="Sample.Clock")])
    with pytest.raises(OutOfOrder):
        meter.add([register(60, 1_500)])
    assert meter.add([register(60, 1_490)]).energy_wh == 490


def test_m20_a_stop_before_what_was_used_is_out_of_order() -> None:
    meter = Meter(START, 1_000)
    meter.add([register(60, 1_500)])
    with pytest.raises(OutOfOrder):
        meter.stop(after(30), 1_400)
    assert meter.add([register(90, 1_600)]).energy_wh == 600


def test_another_meter_than_the_outlets_does_not_count() -> None:
    meter = Meter(START, 1_000)
    progress = each(meter, register(60, 1_500), register(120, 88_000, location="Inlet"), register(180, 1_700))
    assert progress.energy_wh == 700


def test_the_outlets_meter_goes_on_from_where_it_stands() -> None:
    samples = [register(60, 1_500, location="Inlet"), register(120, 7_000), register(180, 7_200)]
    progress = each(Meter(START, 1_000), *samples)
    assert (progress.energy_wh, progress.flags) == (700, frozenset())


def test_a_reading_at_the_very_start_takes_the_shortest_time_there_is() -> None:
    progress = rebuild(START, 1_000, [register(0, 1_003), register(60, 1_100)])[1]
    assert [step.energy_wh for step in progress.steps] == [3, 97]
    assert all(step.ended_at > step.started_at for step in progress.steps)
    assert progress.steps[0].ended_at <= progress.steps[1].started_at


def test_p8_energy_is_unknown_before_the_first_reading() -> None:
    progress = Meter(START, 1_000).add([power(10, 7000)])
    assert progress.energy_wh is None
    assert (progress.power_w, progress.reading_at) == (7000, after(10))


@pytest.mark.parametrize(
    ("samples", "watts"),
    [
        ([power(60, "7.2", "kW")], 7_200),
        ([power(60, 2_400, phase=f"L{n}") for n in (1, 2, 3)], 7_200),
        ([power(60, 2_400, phase="L1"), power(60, 7_000)], 7_000),
        ([power(60, -3)], 0),
    ],
    ids=["kW", "phases", "unphased", "negative"],
)
def test_power_as_measured(samples: list[Sample], watts: int) -> None:
    progress = Meter(START, 1_000).add(samples)
    assert (progress.power_w, progress.power_derived) == (watts, False)


def test_power_is_derived_from_two_registers_and_marked() -> None:
    progress = minutely(1_000, 1_100, 1_220)
    assert (progress.power_w, progress.power_derived) == (7_200, True)


def test_power_derived_from_readings_every_two_seconds_is_steady() -> None:
    meter = Meter(START, 0)
    shown = [meter.add([register(2 * n, n * 6.1)]).power_w for n in range(1, 200)]
    assert all(power is not None and abs(power - 10_980) < 250 for power in shown[20:])


def test_power_measured_long_ago_gives_way() -> None:
    meter = Meter(START, 1_000)
    meter.add([register(60, 1_100), power(60, 6_000)])
    progress = each_after(meter, [register(600, 1_100)], [register(660, 1_200)])
    assert (progress.power_w, progress.power_derived) == (6_000, True)


def test_power_is_unknown_after_the_stop() -> None:
    meter = Meter(START, 1_000)
    meter.add([register(60, 1_100), power(60, 6_000)])
    assert meter.stop(after(90), 1_150).power_w is None


def test_p10_energy_flowed_from_the_first_step_to_the_last() -> None:
    progress = minutely(1_000, 1_000, 1_100, 1_200, 1_200)
    assert (progress.energy_started_at, progress.energy_ended_at) == (after(60), after(180))


def test_m12_shown_energy_never_falls_at_the_stop() -> None:
    meter = Meter(START, 1_000)
    meter.add([register(60, 1_500)])
    progress = meter.stop(after(120), 1_300)
    assert progress.energy_wh == 500
    assert progress.flags == {Flag.STOP_BELOW}


def test_c11_a_stop_below_the_start_is_never_negative() -> None:
    progress = Meter(START, 1_000).stop(after(60), 400)
    assert (progress.energy_wh, progress.steps) == (0, ())
    assert progress.flags == {Flag.STOP_BELOW}
