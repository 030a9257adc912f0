"""Each case of the field's list (M1–M20) that is about values, by its number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.charging.meter import Flag, Meter, OutOfOrder, Progress, Step, rebuild
from app.charging.reports import INTERVAL, POWER, Sample

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def register(seconds: float, value: object, unit: str = "", **more: str) -> Sample:
    return Sample(after(seconds), str(value), unit=unit, **more)


def power(seconds: float, value: object, unit: str = "W", **more: str) -> Sample:
    return Sample(after(seconds), str(value), POWER, unit, **more)


def interval(seconds: float, value: object, unit: str = "Wh", **more: str) -> Sample:
    return Sample(after(seconds), str(value), INTERVAL, unit, **more)


def each(meter: Meter, *samples: Sample) -> Progress:
    """Samples that come one by one; the steps of all of them."""
    steps: list[Step] = []
    for sample in samples:
        progress = meter.add([sample])
        steps += progress.steps
    assert sum(step.energy_wh for step in steps) == (progress.energy_wh or 0)
    return progress


def minutely(meter_start: int | None, *values: object, unit: str = "", **more: str) -> Progress:
    samples = [register(60 * n, value, unit, **more) for n, value in enumerate(values, 1)]
    return each(Meter(START, meter_start), *samples)


def test_m1_a_bare_number_is_a_register_in_wh() -> None:
    progress = Meter(START, 12_000).add([Sample(after(60), "12345")])
    assert progress.energy_wh == 345
    assert progress.steps == (Step(START, after(60), 345),)
    assert progress.reading_at == after(60)
    assert not progress.flags


@pytest.mark.parametrize(
    ("value", "unit", "wh"),
    [
        ("12.345", "kWh", 12_345),
        ("12.345", "kwh", 12_345),
        ("0.012345", "MWh", 12_345),
        (" 12345.4 ", "Wh", 12_345),
    ],
)
def test_m2_units_are_normalised(value: str, unit: str, wh: int) -> None:
    progress = each(Meter(START, 12_000), register(60, 12_100), register(120, value, unit))
    assert progress.energy_wh == wh - 12_000


def test_m2_a_register_below_meter_start_is_relative_to_the_session() -> None:
    progress = minutely(20_000_000, "0.345", "0.445", unit="kWh")
    assert progress.energy_wh == 445
    assert progress.flags == {Flag.RELATIVE}


def test_m2_kwh_with_few_decimals_just_below_meter_start_is_rounding_not_relative() -> None:
    progress = minutely(4_076_450, "4076.4", "4076.7", unit="kWh")
    assert progress.energy_wh == 250
    assert not progress.flags


def test_m2_kwh_without_trailing_zeros_are_as_fine_as_the_finest() -> None:
    progress = minutely(4_000_000, "4000.123", "4001", "4000.2", "4000.5", unit="kWh")
    assert progress.energy_wh == 1_000 + 300
    assert progress.flags == {Flag.FELL}


@pytest.mark.parametrize("meter_start", [None, 0])
def test_m3_begin_0_is_a_placeholder(meter_start: int | None) -> None:
    meter = Meter(START, meter_start)
    progress = each(
        meter,
        register(0, 0, context="Transaction.Begin"),
        register(60, 909_948),
        register(120, 910_031),
    )
    assert progress.energy_wh == 83
    assert Flag.JUMPED in progress.flags
    assert meter.stop(after(180), None).energy_wh == 83


def test_m3_meter_start_0_is_a_placeholder_too() -> None:
    progress = minutely(0, 909_948, 909_948, 910_031)
    assert progress.energy_wh == 83


def test_m3_a_placeholder_before_the_register_of_a_young_meter() -> None:
    progress = minutely(0, 45_000, 45_100)
    assert progress.energy_wh == 100


def test_m3_a_stop_that_follows_the_placeholder_confirms_it() -> None:
    meter = Meter(START, 0)
    meter.add([register(60, 909_948)])
    assert meter.stop(after(120), 910_031).energy_wh == 83


def test_m3_without_any_reading_between_the_placeholder_is_not_billed() -> None:
    progress = Meter(START, 0).stop(after(600), 909_948)
    assert progress.energy_wh == 0
    assert progress.flags == {Flag.SPIKE}


def test_m3_a_late_lifetime_begin_replaces_meter_start_0() -> None:
    meter = Meter(START, 0)
    progress = each(meter, register(1, 909_948, context="Transaction.Begin"), register(60, 910_031))
    assert progress.energy_wh == 83


def test_m3_a_session_register_that_begins_at_0_counts() -> None:
    progress = minutely(0, 183, 366, 549)
    assert progress.energy_wh == 549
    assert not progress.flags


def test_m4_session_relative_values_between_lifetime_start_and_stop() -> None:
    meter = Meter(START, 4_076_000)
    first = meter.add([register(60, "0.104", "kWh")])
    second = meter.add([register(120, "0.228", "kWh")])
    last = meter.stop(after(180), 4_076_301)
    assert (first.energy_wh, second.energy_wh, last.energy_wh) == (104, 228, 301)
    assert last.flags == {Flag.RELATIVE}
    assert first.steps + second.steps + last.steps == (
        Step(START, after(60), 104),
        Step(after(60), after(120), 124),
        Step(after(120), after(180), 73),
    )


def test_m4_a_stop_that_is_relative_as_well() -> None:
    meter = Meter(START, 4_076_000)
    meter.add([register(60, 104)])
    assert meter.stop(after(180), 301).energy_wh == 301


def test_m4_a_lifetime_stop_below_what_was_shown_is_never_negative() -> None:
    meter = Meter(START, 4_076_000)
    meter.add([register(60, 228)])
    progress = meter.stop(after(180), 4_076_100)
    assert progress.energy_wh == 228
    assert Flag.STOP_BELOW in progress.flags


def test_m4_lifetime_values_between_relative_ones() -> None:
    samples = [
        register(60, 104),
        register(120, 4_076_228, context="Sample.Clock"),
        register(180, 350),
        register(240, 500),
    ]
    assert each(Meter(START, 4_076_000), *samples).energy_wh == 500


def test_m5_kwh_labelled_wh_is_flagged_by_power_and_time() -> None:
    meter = Meter(START, 3)
    for minute in range(1, 14):
        progress = meter.add([register(60 * minute, 3 + minute * 9.4 // 60, "Wh"), power(60 * minute, 9400)])
    assert progress.flags == {Flag.IMPLAUSIBLE}


def test_m5_wh_labelled_kwh_is_flagged_by_power_and_time() -> None:
    meter = Meter(START, 0)
    for minute in range(1, 8):
        progress = meter.add([register(60 * minute, minute * 9.4, "kWh"), power(60 * minute, 564)])
    assert Flag.IMPLAUSIBLE in progress.flags


@pytest.mark.parametrize(("unit", "divisor"), [("Wh", 1), ("kWh", 1_000)])
def test_m5_an_honest_meter_is_not_flagged(unit: str, divisor: int) -> None:
    meter = Meter(START, 500_000)
    for minute in range(1, 121):
        value = (500_000 + 157 * minute) // divisor
        progress = meter.add([register(60 * minute, value, unit), power(60 * minute, 9_420)])
    assert not progress.flags
    assert progress.energy_wh == (500_000 + 157 * 120) // divisor * divisor - 500_000


def test_m5_a_register_that_is_refreshed_seldom_is_not_flagged_for_good() -> None:
    meter = Meter(START, 0)
    for minute in range(1, 11):
        progress = meter.add([register(60 * minute, minute // 10 * 1_833), power(60 * minute, 11_000)])
    assert not progress.flags


def test_m5_power_at_both_ends_of_a_long_time_says_little() -> None:
    meter = Meter(START, 0)
    for n in range(1, 6):  # a car that takes its energy in between
        progress = meter.add([register(900 * n, 2_500 * n), power(900 * n, 0)])
    assert not progress.flags
    meter = Meter(START, 0)
    for n in range(1, 4):  # hours of silence in which it may have paused
        progress = meter.add([register(7_200 * n, n), power(7_200 * n, 11_000)])
    assert not progress.flags


def test_m5_the_flag_outlives_the_stop() -> None:
    meter = Meter(START, 3)
    for minute in range(1, 14):
        meter.add([register(60 * minute, 3 + minute // 6, "Wh"), power(60 * minute, 9400)])
    assert meter.stop(after(900), 6).flags == {Flag.IMPLAUSIBLE}


def test_t58_a_step_faster_than_any_charger_is_flagged() -> None:
    progress = each(Meter(START, 1_000), register(60, 1_100), register(62, 51_100))
    assert progress.energy_wh == 50_100
    assert progress.flags == {Flag.IMPLAUSIBLE}


def test_m6_a_batch_without_energy_leaves_the_total() -> None:
    meter = Meter(START, 1_000)
    before = meter.add([register(60, 1_500)])
    after_it = meter.add(
        [
            Sample(after(120), "55", "SoC", "Percent", location="EV"),
            Sample(after(120), "16", "Current.Import", "A", phase="L1"),
            Sample(after(120), "230", "Voltage", "V", phase="L1-N"),
        ]
    )
    assert (after_it.energy_wh, after_it.steps, after_it.reading_at) == (500, (), before.reading_at)


def test_m7_a_closing_value_after_the_stop_leaves_the_stop_value() -> None:
    meter = Meter(START, 1_000)
    meter.add([register(60, 1_500)])
    meter.stop(after(90), 1_600)
    progress = meter.add([register(95, 1_612)])
    assert (progress.energy_wh, progress.steps) == (600, ())
    stored = [register(95, 1_612), register(60, 1_500)]
    assert rebuild(START, 1_000, stored, (after(90), 1_600))[1].energy_wh == 600


def test_m7_the_next_session_is_not_negative() -> None:
    """The closing value stands above the next meterStart, and came to it by mistake."""
    progress = each(Meter(START, 1_600), register(5, 1_612), register(60, 1_600), register(120, 1_700))
    assert progress.energy_wh is not None
    assert 88 <= progress.energy_wh <= 112


def test_m8_the_unphased_register_wins() -> None:
    phases = [register(60, 50_000 + n, phase=f"L{n}") for n in (1, 2, 3)]
    progress = Meter(START, 150_000).add([*phases, register(60, 150_700)])
    assert progress.energy_wh == 700


@pytest.mark.parametrize("names", [("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N")])
def test_m8_else_the_sum_of_phases(names: tuple[str, ...]) -> None:
    meter = Meter(START, 150_000)
    meter.add([register(60, 50_100, phase=name) for name in names])
    progress = meter.add([register(120, 50_200, phase=name) for name in names])
    assert progress.energy_wh == 600


def test_m8_a_sum_with_a_phase_missing_is_no_reading() -> None:
    meter = Meter(START, 150_000)
    meter.add([register(60, 50_100, phase=f"L{n}") for n in (1, 2, 3)])
    meter.add([register(120, 50_200, phase=f"L{n}") for n in (1, 3)])
    progress = meter.add([register(180, 50_300, phase=f"L{n}") for n in (1, 2, 3)])
    assert progress.energy_wh == 900
    assert not progress.flags


def test_m8_phases_alone_do_not_replace_an_unphased_register() -> None:
    meter = Meter(START, 150_000)
    meter.add([register(60, 150_100)])
    between = meter.add([register(120, 60_000, phase=f"L{n}") for n in (1, 2, 3)])
    assert between.energy_wh == 100
    assert meter.add([register(180, 150_300)]).energy_wh == 300


def test_m8_a_further_phase_goes_on_from_where_it_stands() -> None:
    meter = Meter(START, 50_000)
    meter.add([register(60, 50_100, phase="L1")])
    meter.add([register(120, 50_200, phase=f"L{n}") for n in (1, 2)])
    progress = meter.add([register(180, 50_300, phase=f"L{n}") for n in (1, 2)])
    assert (progress.energy_wh, progress.flags) == (300, frozenset())


def test_m8_phases_that_come_in_messages_of_their_own_are_put_together() -> None:
    meter = Meter(START, 150_000)
    samples = [register(60, 50_100, phase=f"L{n}") for n in (1, 2, 3)]
    meter.add(samples[:1])
    with pytest.raises(OutOfOrder):
        meter.add(samples[1:2])
    assert rebuild(START, 150_000, samples)[1].energy_wh == 300


@pytest.mark.parametrize("stop", [-1, None])
def test_m10_without_a_stop_value_the_last_reading_stands(stop: int | None) -> None:
    meter = Meter(START, 1_000)
    meter.add([register(60, 1_500)])
    assert meter.stop(after(120), stop).energy_wh == 500


def test_m10_the_reading_of_the_end_may_be_dated_after_the_stop() -> None:
    end = register(121.5, 1_700, context="Transaction.End")
    meter = Meter(START, 1_000)
    meter.add([register(60, 1_500)])
    assert meter.stop(after(120), None, [end]).energy_wh == 700
    late = Meter(START, 1_000)
    late.add([register(60, 1_500)])
    late.stop(after(120), None)
    with pytest.raises(OutOfOrder):
        late.add([end])
    assert rebuild(START, 1_000, [end, register(60, 1_500)], (after(120), None))[1].energy_wh == 700


def test_m10_a_stop_without_value_dated_before_all_readings_loses_none() -> None:
    samples = [register(60, 1_500), register(120, 1_600)]
    assert rebuild(START, 1_000, samples, (after(-7200), None))[1].energy_wh == 600


JUNK = [
    register(120, ""),
    register(120, "string"),
    register(120, "nan"),
    register(120, "1e999"),
    register(120, "-5"),
    register(120, "1_600"),
    register(120, "1600", "Fahrenheit"),
    register(120, "1" * 400),
    register(120, "9" * 30),
]


@pytest.mark.parametrize("sample", JUNK, ids=lambda sample: f"{sample.value[:10]}{sample.unit}")
def test_m11_junk_is_ignored_for_energy(sample: Sample) -> None:
    progress = each(Meter(START, 1_000), register(60, 1_500), sample, register(180, 1_700))
    assert progress.energy_wh == 700
    assert progress.flags == {Flag.UNREADABLE}


def test_m11_signed_data_is_ignored() -> None:
    signed = register(60, "T0NNRnx7IkZWIjoiMS4wIn0", format="SignedData")
    progress = Meter(START, 1_000).add([signed, register(60, 1_500, format="Raw")])
    assert (progress.energy_wh, progress.flags) == (500, frozenset())


@pytest.mark.parametrize("value", ["", "abc", "nan", "1e999", "1e9"])
def test_m11_junk_power_is_unknown(value: str) -> None:
    assert Meter(START, None).add([power(60, value)]).power_w is None


def test_m12_a_fall_counts_the_positive_steps() -> None:
    progress = minutely(1_000_000, 1_000_500, 200, 700, 900)
    assert progress.energy_wh == 500 + 500 + 200
    assert progress.flags == {Flag.FELL}


def test_m12_positive_steps_count_beyond_the_old_value_too() -> None:
    samples = [register(900 * n, value) for n, value in enumerate((1_500, 200, 1_900), 1)]
    assert each(Meter(START, 1_000), *samples).energy_wh == 500 + 1_700


def test_m12_a_rollover() -> None:
    progress = minutely(9_999_400, 9_999_900, 100, 600)
    assert progress.energy_wh == 500 + 500


def test_m12_a_glitch_to_nothing_and_back_is_not_energy() -> None:
    values = enumerate((150_183, 0, 150_549), 1)
    progress = rebuild(START, 150_000, [register(60 * n, value) for n, value in values])[1]
    assert progress.steps == (Step(START, after(60), 183), Step(after(60), after(180), 366))
    assert progress.flags == {Flag.FELL}


def test_m12_a_glitch_after_a_reset_is_not_energy() -> None:
    progress = minutely(900_000, 900_183, 60_000, 60_183, 0, 60_549)
    assert progress.energy_wh == 183 + 183 + 366


def test_m12_the_lifetime_register_comes_back_after_a_fall() -> None:
    progress = minutely(50_000, 50_183, 0, 10, 50_720)
    assert progress.energy_wh == 720


def test_m12_rounding_is_no_fall() -> None:
    progress = minutely(1_000, 1_500, 1_499, 1_500, 1_498, 1_600)
    assert progress.energy_wh == 600
    assert not progress.flags


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
