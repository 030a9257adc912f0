"""``make bench``: measure, print a table, and write it to docs/benchmarks.md.

``make bench ARGS="page_cpu one_push"`` measures only these, and leaves the others' rows as they are.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import time
from pathlib import Path

from tests.bench import boards, console, history, measures, visit

MEASURES = {
    "page_cpu": measures.page_cpu,
    "page_memory": measures.page_memory,
    "one_push": measures.one_push,
    "live_dashboards": measures.live_dashboards,
    "readings": measures.readings,
    "history": history.history,
    "console": console.console,
    "boards": boards.boards,
    "first_visit": visit.first_visit,
}
REPORT = Path(__file__).resolve().parent.parent.parent / "docs" / "benchmarks.md"
HEAD = "| what | to reach | measured | |\n|---|---|---|---|"
NOTES = "<!-- what the figures mean -->"


def main(names: list[str]) -> int:
    """Run the measures *names* (none: all); 2 if there is no such measure, else 0, goals missed or not."""
    unknown = set(names) - set(MEASURES)
    if unknown:
        print(f"There is no measure {', '.join(sorted(unknown))}; there are: {', '.join(MEASURES)}.")
        return 2
    results: list[measures.Result] = []
    measured: dict[str, list[measures.Result]] = {}
    for name in names or MEASURES:
        started = time.monotonic()
        print(f"{name} …", end=" ", flush=True)
        measured[name] = asyncio.run(MEASURES[name]())
        results += measured[name]
        print(f"{time.monotonic() - started:.0f} s")
    table = "\n".join([HEAD, *(_row("", result, "") for result in results)])
    print("\n" + table)
    _report(measured)
    return 0


def _report(measured: dict[str, list[measures.Result]]) -> None:
    """Write *measured* into the report; the rows of other measures stay as they are."""
    text = REPORT.read_text() if REPORT.exists() else NOTES
    notes = text[text.index(NOTES) :] if NOTES in text else NOTES
    rows: dict[str, list[str]] = {name: [] for name in MEASURES}
    for line in text.splitlines():
        name = line.removeprefix("| ").partition(" |")[0]
        if line.startswith("| ") and name in rows:
            rows[name].append(line)
    for name, results in measured.items():
        rows[name] = [_row(name, result, time.strftime("%Y-%m-%d")) for result in results]
    lines = [f"| measure {HEAD.splitlines()[0]} run |", "|---|---|---|---|---|---|"]
    lines += [line for name in MEASURES for line in rows[name]]
    REPORT.write_text(
        "# Benchmarks\n\nWritten by `make bench`, or for some measures by "
        '`make bench ARGS="console boards"`; ratios are taken within one run.\n\n'
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, "
        f"{platform.system()}.\n\n" + "\n".join(lines) + f"\n\n{notes}"
    )


def _row(name: str, result: measures.Result, day: str) -> str:
    line = f"| {result.what} | {result.goal} | {result.measured} | {_came_out(result)} |"
    return f"| {name} {line} {day} |" if name else line


def _came_out(result: measures.Result) -> str:
    if result.skipped:
        return "skipped"
    return "✓" if result.reached else "missed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
