"""``make trust``: a board that is left alone through a brutal hour shows at its end what the database says.

``make trust ARGS="--minutes 5 --seed 7"`` is a shorter one; the same seed brings the same trouble.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from data.database import Database
from data.migrate import migrate
from tests.trust import board_check, ledger, place
from tests.trust.line import Line
from tests.trust.moved_clock import MovedClock
from tests.trust.portal import PortalProcess
from tests.trust.screen import Screen
from tests.trust.traffic import Bay, Done
from tests.trust.trouble import HANG, Trouble

CHANGES_AN_HOUR = 1_000
GROWTH = 1.2
"""How much more memory the browser may hold at the end than at its start."""
IDLE = 60.0
"""Seconds for which the board stands still until the browser's start counts as over."""
PART = 300.0
"""Seconds from one check to the next."""
OVERTIME = 900.0
"""Seconds that it may take beyond its time; then something hangs that should not."""
SETTLED = 180.0
TOLD = 400
"""Characters of a finding that the table has room for."""


class Hour:
    """Everything that takes part."""

    def __init__(self, folder: Path, minutes: float, seed: int) -> None:
        self.folder = folder
        self.seconds = minutes * 60
        self._began = time.monotonic()
        self._seed = seed
        self.clock = MovedClock(folder / "clock")
        self.database = Database(f"sqlite:///{folder / 'polaris.db'}")
        migrate(self.database)
        self.place = self.database.change_now(place.make, self.clock.now())
        self.portal = PortalProcess(folder, folder / "polaris.db", folder / "clock")
        self.line = Line(self.portal.port)
        self.screen = Screen(folder)
        self.done = Done()
        self.bays = [
            Bay(self.portal.ocpp, number, random.Random(f"{seed} {number}"), self.done)
            for number in range(1, place.BAYS + 1)
        ]
        self.trouble = Trouble(
            self.portal,
            self.line,
            self.clock,
            self.database,
            self.place,
            random.Random(f"{seed} trouble"),
            self.tell,
        )
        self.rows: list[tuple[str, str, str, bool]] = []
        """What, what was to be reached, what came out, whether it was reached."""

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def tell(self, text: str) -> None:
        """A line of what happens."""
        minutes, seconds = divmod(int(self.elapsed), 60)
        print(f"{minutes:3}:{seconds:02}  {text}", flush=True)

    async def run(self) -> bool:
        """True if everything was kept."""
        await self.line.begin()
        self.portal.address = self.line.address
        await self.portal.start()
        await asyncio.to_thread(self.screen.start, f"{self.line.address}/kiosk/{self.place.token}")
        await asyncio.sleep(IDLE)
        memory = [await self._memory("at its start")]
        self._began = time.monotonic()
        at_work = [asyncio.create_task(bay.run()) for bay in self.bays]
        try:
            parts = max(2, round(self.seconds / PART))
            for part in range(1, parts + 1):
                until = self.seconds * part / parts - board_check.CALM - board_check.WATCHED
                await self.trouble.run(self._began + until, min(HANG[1], self.seconds / 16))
                memory.append(await self._check(part))
                for task in at_work:
                    if task.done():
                        task.result()
            self._compare(memory)
            await self._account_for()
        finally:
            for task in at_work:
                task.cancel()
            await asyncio.gather(*at_work, return_exceptions=True)
        failures, late = failed(self.portal.said())
        too_late = f"; besides {late} of pages that were being built when it hung" if late else ""
        self._row("tracebacks in the portal's log", "0", f"{failures}{too_late}", not failures)
        return all(kept for *_, kept in self.rows)

    async def _check(self, part: int) -> int:
        """Let all calm down, compare, and go on; returns the browser's memory."""
        self.tell("everything rests")
        for bay in self.bays:
            bay.rest()
        picture = self.folder / f"part-{part}.png"
        outcome = await board_check.check(
            self.screen, self.database, self.clock, self.place, self.bays, picture
        )
        came_out = f"right after {outcome.after:.0f} s" if outcome.kept else "; ".join(outcome.why)
        self._row(f"the board after part {part}", "what the database says, ≤ 30 s", came_out, outcome.kept)
        self.tell(came_out)
        memory = await self._memory(f"after part {part}")
        for bay in self.bays:
            bay.go_on()
        return memory

    async def _memory(self, when: str) -> int:
        memory = await asyncio.to_thread(self.screen.memory)
        self.tell(f"the browser holds {memory} {when}")
        return memory.total

    def _compare(self, memory: list[int]) -> None:
        """*memory* is what the browser held at its start, and after each part."""
        growth, later = memory[-1] / memory[0], memory[-1] / memory[1]
        megabytes = ", ".join(f"{bytes_ / 1e6:.0f}" for bytes_ in memory)
        self._row(
            "the browser's memory at the end",
            f"≤ {GROWTH} × at its start, {IDLE:.0f} s after it was loaded",
            f"{growth:.2f} ×; {later:.2f} × after part 1 ({megabytes} MB)",
            growth <= GROWTH,
        )
        wanted = math.ceil(CHANGES_AN_HOUR * self.seconds / 3600)
        changes = self.done.statuses
        self._row("changes of status, answered", f"≥ {wanted}", str(changes), changes >= wanted)

    async def _account_for(self) -> None:
        """Money and energy, when all has ended and been settled."""
        for bay in self.bays:
            bay.rest()
        async with asyncio.timeout(SETTLED):
            await asyncio.gather(*(bay.finish() for bay in self.bays))
        self.clock.move(timedelta(hours=25))  # what is incomplete is billed after a day, and flagged
        deadline = time.monotonic() + SETTLED
        while waiting := await asyncio.to_thread(self.database.ask_now, ledger.unsettled):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(1)
        self._row("sessions that are not settled", "0", str(waiting), waiting == 0)
        energy = await asyncio.to_thread(self.database.ask_now, ledger.wrong_energy, self.done.charges)
        drawn = sum((charge.meter_stop or 0) - charge.meter_start for charge in self.done.charges)
        what = f"{len(self.done.charges)} sessions, {drawn / 1000:.1f} kWh, none lost, none double"
        self._row("sessions and energy", "as the chargers had them", "; ".join(energy) or what, not energy)
        money, total = await asyncio.to_thread(self.database.ask_now, ledger.wrong_money)
        self._row("the ledger", "adds up", "; ".join(money) or f"{total / 100:.2f} EUR billed", not money)
        refused = sorted(set(self.done.refused))
        self._row("messages of chargers that were refused", "none", "; ".join(refused) or "none", not refused)

    def _row(self, what: str, goal: str, came_out: str, kept: bool) -> None:
        if len(came_out) > TOLD:
            self.tell(came_out)
            came_out = came_out[:TOLD] + " …"
        self.rows.append((what, goal, came_out, kept))

    def report(self) -> None:
        """Print what was done and what was found."""
        done = {
            **dict(sorted(self.trouble.done.items())),
            "chargers that vanished": self.done.vanished,
            "starts of the portal": self.portal.starts,
        }
        print(f"\nseed {self._seed}, {self.seconds / 60:g} minutes\n\n| done | times |\n|---|---|")
        for kind, times in done.items():
            print(f"| {kind} | {times} |")
        print("\n| what | to keep | came out | |\n|---|---|---|---|")
        for what, goal, came_out, kept in self.rows:
            print(f"| {what} | {goal} | {came_out} | {'✓' if kept else 'NOT KEPT'} |")

    async def close(self) -> None:
        """End all that was started."""
        await asyncio.to_thread(self.screen.close)
        await self.line.end()
        await asyncio.to_thread(self.portal.close)
        self.database.close()


def failed(log: str) -> tuple[int, int]:
    """Lines of the portal's *log* with a traceback: of what failed, and of pages whose time was over.

    A page has ten seconds; one that is being built when the portal hangs has used them up when that goes on.
    """
    lines = [line for line in log.splitlines() if "Traceback" in line]
    late = sum("/time_limit.py" in line and "TimeoutError" in line for line in lines)
    return len(lines) - late, late


async def hour(folder: Path, minutes: float, seed: int) -> bool:
    """One run; True if all was kept."""
    print(f"seed {seed}, from {datetime.now(UTC):%H:%M} UTC for {minutes:g} minutes and a few", flush=True)
    taking_part = Hour(folder, minutes, seed)
    try:
        async with asyncio.timeout(minutes * 60 + OVERTIME):
            kept = await taking_part.run()
    finally:
        await taking_part.close()
        taking_part.report()
    return kept


def main(arguments: list[str]) -> int:
    """0 if all was kept, else 1; then the folder with the logs, the database and the pictures stays."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    wanted = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it, it ends what it started
    folder = Path(tempfile.mkdtemp(prefix="polaris-trust-"))
    kept = False
    try:
        kept = asyncio.run(hour(folder, wanted.minutes, wanted.seed))
    finally:
        if kept:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"\nNot kept. Logs, database and pictures are in {folder}.")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
