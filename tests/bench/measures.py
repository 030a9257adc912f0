"""The measurements, one function each: what was measured, what to reach, what came out."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from app.serve import free_port
from tests.bench import world
from tests.bench.clients import ChargerClient, PageClient, http_session, meter_values, percentile

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Result:
    """One row of the report."""

    what: str
    goal: str
    measured: str
    reached: bool
    skipped: bool = False
    """There was nothing to measure."""


class Process:
    """The measured process, seen from outside."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.url = url
        self._log = log
        self._process = psutil.Process(process.pid)

    def cpu(self) -> float:
        """CPU seconds that it has used, all threads."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-2000:]

    def memory(self) -> int:
        """Bytes that it alone holds."""
        return int(self._process.memory_full_info().uss)


@asynccontextmanager
async def portal(pairs: int, cpu: int | None = None) -> AsyncIterator[tuple[Process, aiohttp.ClientSession]]:
    """A portal with *pairs* drivers and chargers; *cpu* pins it to one core."""
    with tempfile.TemporaryDirectory(prefix="polaris-bench-") as folder:
        file = Path(folder) / "polaris.db"
        world.make(file, pairs).close()
        with serve(file, cpu) as process:
            async with http_session() as http:
                await until_up(http, process.url)
                yield process, http


@contextmanager
def serve(file: Path, cpu: int | None) -> Iterator[Process]:
    """The portal on the database in *file*, in a process of its own; *cpu* pins it to one core."""
    port = free_port("127.0.0.1", 0)
    arguments = [sys.executable, "-m", "tests.bench.server", str(port), str(file)]
    if cpu is not None:
        arguments.append(str(cpu))
    with (file.parent / "server.log").open("wb") as log:
        started = subprocess.Popen(arguments, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            process = Process(started, f"http://127.0.0.1:{port}", file.parent / "server.log")
            yield process
            if started.poll() is not None:
                raise RuntimeError(process.said())
        finally:
            started.send_signal(signal.SIGINT)
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


async def until_up(http: aiohttp.ClientSession, url: str) -> None:
    """Wait until it answers. Raises ``RuntimeError`` if it does not."""
    for _ in range(200):
        try:
            async with http.get(url + "/sign-in") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError("the measured process did not come up")


async def cookies(http: aiohttp.ClientSession, process: Process, account: int) -> dict[str, str]:
    """The cookie of a sign-in of *account*."""
    async with http.get(f"{process.url}/bench/sign-in/{account}") as answer:
        signed_in: dict[str, str] = await answer.json()
        return signed_in


async def page_cpu() -> list[Result]:
    """Server CPU of one demo dashboard (50 chargers, 5 rows, chart) and of an empty page, in turns."""
    async with portal(world.VISIBLE) as (process, http):
        cookie = await cookies(http, process, 1)
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookie.items()), "Accept-Encoding": "gzip"}

        async def load(path: str, times: int) -> float:
            before = process.cpu()
            for _ in range(times):
                async with http.get(process.url + path, headers=headers, allow_redirects=False) as answer:
                    await answer.read()
                    if answer.status != 200:
                        raise RuntimeError(f"{path}: {answer.status}")
            return (process.cpu() - before) / times * 1000

        await load("/", 20)
        await load("/bench/empty", 20)
        full, empty = [], []
        for _ in range(5):
            full.append(await load("/", 40))
            empty.append(await load("/bench/empty", 80))
        cost, base = statistics.median(full), statistics.median(empty)
        return [
            Result(
                "server CPU to serve the dashboard (50 chargers, 5 rows, chart)",
                "≤ 25 ms and ≤ 6 × an empty page",
                f"{cost:.1f} ms, {cost / base:.1f} × an empty page ({base:.1f} ms)",
                cost <= 25 and cost / base <= 6,
            )
        ]


async def page_memory(pages: int = 300, seconds: int = 60) -> list[Result]:
    """Memory of one more connected dashboard: *pages* opened, left alone for *seconds*."""
    async with portal(world.VISIBLE) as (process, http):
        cookie = await cookies(http, process, 1)

        async def open_some(count: int) -> list[PageClient]:
            opened = []
            for _ in range(count):
                opened.append(await PageClient(http, process.url, cookie).open())
            return opened

        first = await open_some(20)
        await asyncio.sleep(5)
        before = process.memory()
        cpu = process.cpu()
        rest = await open_some(pages)
        await asyncio.sleep(seconds)
        each = (process.memory() - before) / pages / 1000
        idle = process.cpu()
        await asyncio.sleep(10)
        idle = (process.cpu() - idle) / 10
        for page in first + rest:
            await page.close()
        return [
            Result(
                f"memory of one more connected dashboard ({pages} pages, after {seconds} s)",
                "≤ 350 kB",
                f"{each:.0f} kB (idle: {idle * 100:.1f} % of a core for {pages + 20} pages; "
                f"opening them: {(process.cpu() - cpu) * 1000 / pages:.0f} ms each)",
                each <= 350,
            )
        ]


async def one_push(pages: int = 50) -> list[Result]:
    """CPU of one live kWh to one page against a raw Socket.IO emit, in turns in the same process."""
    async with portal(pages) as (process, http):
        chargers, opened = await _charging(process, http, pages)
        await asyncio.sleep(2)
        ratios, cost = [], []
        for _ in range(5):
            figures = {}
            for kind in ("raw", "live"):
                async with http.get(f"{process.url}/bench/push/{kind}/60") as answer:
                    told = await answer.json()
                figures[kind] = told["cpu"] / 60 / told["pages"] * 1000
                if told["pages"] != pages or told["sessions"] != pages:
                    raise RuntimeError(f"expected {pages} pages and sessions: {told}")
            cost.append(figures["live"])
            ratios.append(figures["live"] / figures["raw"])
        await _hang_up(chargers, opened)
        ratio = statistics.median(ratios)
        return [
            Result(
                "one live kWh to one page",
                "≤ 1.5 × a raw Socket.IO emit",
                f"{ratio:.2f} × ({statistics.median(cost):.2f} ms)",
                ratio <= 1.5,
            )
        ]


async def live_dashboards(pages: int = 1000, seconds: int = 30) -> list[Result]:
    """*pages* dashboards, each with a reading a second: from the charger's frame to the page's socket."""
    async with portal(pages) as (process, http):
        chargers, opened = await _charging(process, http, pages)
        await asyncio.sleep(10)
        sent: list[float] = [0.0] * pages
        latencies: list[float] = []

        def hear(index: int) -> None:
            def heard(moment: float, frame: str) -> None:
                if sent[index] and '["update"' in frame:
                    latencies.append(moment - sent[index])
                    sent[index] = 0.0

            opened[index].heard = heard

        for index in range(pages):
            hear(index)
        end = time.perf_counter() + seconds

        async def charge(index: int) -> None:
            charger, transaction = chargers[index]
            wh = 1000
            due = time.perf_counter() + index / pages
            while due < end:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                wh += 20
                sent[index] = time.perf_counter()
                await charger.call("MeterValues", meter_values(transaction, wh))
                due += 1

        cpu, started = process.cpu(), time.perf_counter()
        await asyncio.gather(*(charge(index) for index in range(pages)))
        elapsed = time.perf_counter() - started
        share = (process.cpu() - cpu) / elapsed
        await _hang_up(chargers, opened)
        p50, p99 = percentile(latencies, 0.5) * 1000, percentile(latencies, 0.99) * 1000
        return [
            Result(
                f"{pages} dashboards with a reading a second: charger's frame to page's socket",
                "p99 ≤ 50 ms, ≤ 60 % of a core",
                f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, {share * 100:.0f} % of a core "
                f"({len(latencies) / elapsed:.0f} readings/s seen)",
                p99 <= 50 and share <= 0.6,
            )
        ]


async def readings(chargers_count: int = 200) -> list[Result]:
    """Five-sample MeterValues answered after their commit, on one core."""
    async with portal(chargers_count, cpu=0) as (process, http):
        os.sched_setaffinity(0, {os.cpu_count() - 1 if os.cpu_count() else 0})
        try:
            chargers, _opened = await _charging(process, http, chargers_count, pages=0)
            wh = [1000] * chargers_count

            async def as_fast_as_possible(index: int, end: float) -> int:
                charger, transaction = chargers[index]
                count = 0
                while time.perf_counter() < end:
                    wh[index] += 20
                    await charger.call("MeterValues", meter_values(transaction, wh[index], 5))
                    count += 1
                return count

            started = time.perf_counter()
            counts = await asyncio.gather(
                *(as_fast_as_possible(index, started + 10) for index in range(chargers_count))
            )
            rate = sum(counts) / (time.perf_counter() - started)
            latencies: list[float] = []

            async def steadily(index: int, end: float) -> None:
                charger, transaction = chargers[index]
                due = time.perf_counter() + index / chargers_count
                while due < end:
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))
                    wh[index] += 20
                    before = time.perf_counter()
                    await charger.call("MeterValues", meter_values(transaction, wh[index], 5))
                    latencies.append(time.perf_counter() - before)
                    due += chargers_count / 200

            end = time.perf_counter() + 15
            await asyncio.gather(*(steadily(index, end) for index in range(chargers_count)))
            p99 = percentile(latencies, 0.99) * 1000
            await _hang_up(chargers, [])
        finally:
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
        return [
            Result(
                "five-sample MeterValues, answered after commit, one core",
                "≥ 800/s; at 200/s p99 ≤ 100 ms",
                f"{rate:.0f}/s; at 200/s p99 {p99:.0f} ms",
                rate >= 800 and p99 <= 100,
            )
        ]


async def _charging(
    process: Process, http: aiohttp.ClientSession, count: int, pages: int | None = None
) -> tuple[list[tuple[ChargerClient, int]], list[PageClient]]:
    """*count* chargers with a session each, and each one's driver before an open dashboard."""
    chargers = []
    for n in range(1, count + 1):
        charger = await ChargerClient(http, process.url.replace("http", "ws", 1), f"CP{n}").connect()
        await charger.call("BootNotification", {"chargePointVendor": "Bench", "chargePointModel": "Load"})
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        started = await charger.call(
            "StartTransaction", {"connectorId": 1, "idTag": f"TAG{n}", "meterStart": 0, "timestamp": stamp}
        )
        await charger.call("MeterValues", meter_values(started["transactionId"], 10))
        chargers.append((charger, int(started["transactionId"])))
    opened = []
    for n in range(1, (count if pages is None else pages) + 1):
        opened.append(await PageClient(http, process.url, await cookies(http, process, n)).open())
    return chargers, opened


async def _hang_up(chargers: list[tuple[ChargerClient, int]], pages: list[PageClient]) -> None:
    for page in pages:
        await page.close()
    for charger, _ in chargers:
        await charger.close()
