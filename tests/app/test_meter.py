"""Each case of the field's list that is about values, by its number; M16–M20 are in `test_meter_more`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.charging.metering.meter import Flag, Meter, OutOfOrder, Progress, Step, rebuild
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
