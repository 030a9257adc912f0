"""P15 on a summer of real sessions: each driver's bars add up to the driver's total."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from data.energy import EnergySpan, by_day
from data.periods import Window

FILE = Path(__file__).parents[3] / "shared" / "data" / "dundee-2018-06-to-09.csv"
ZONE = ZoneInfo("Europe/London")


def _moment(day: str, time: str) -> datetime:
    local = datetime.strptime(f"{day} {time}", "%d/%m/%Y %H:%M").replace(tzinfo=ZONE)
    return local.astimezone(UTC)


def _read() -> tuple[dict[str, list[EnergySpan]], set[str]]:
    """The usable sessions of each user, and all users."""
    users = defaultdict(list)
    everybody = set()
    with FILE.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if not row["User ID"]:
                continue
            everybody.add(row["User ID"])
            if not row["End Date"] or not row["End Time"]:
                continue
            energy = round(float(row["Total kWh"]) * 1000)
            start = _moment(row["Start Date"], row["Start Time"])
            end = _moment(row["End Date"], row["End Time"])
            if 0 <= energy <= 1_000_000 and start <= end:
                users[row["User ID"]].append(EnergySpan(start, end, energy))
    return users, everybody


@pytest.mark.skipif(not FILE.exists(), reason="the Dundee sessions are not there (../shared/data)")
def test_p15_the_bars_of_each_of_827_users_add_up_to_the_total() -> None:
    users, everybody = _read()
    assert len(everybody) == 827
    assert sum(len(spans) for spans in users.values()) > 19_000
    for user, spans in users.items():
        first = min(span.started_at for span in spans).astimezone(ZONE).date()
        last = max(span.ended_at for span in spans).astimezone(ZONE).date()
        whole = Window(first, date.fromordinal(last.toordinal() + 2), "Europe/London")
        assert sum(by_day(spans, whole)) == sum(span.energy_wh for span in spans), user
