"""``make bench``: measure, print a table, and write it to docs/benchmarks.md.

``make bench ARGS="page_cpu one_push"`` measures only these and writes nothing.
"""

from __future__ import annotations

import asyncio
import platform
import sys
import time
from pathlib import Path

from tests.bench import console, history, measures, visit

MEASURES = {
    "page_cpu": measures.page_cpu,
    "page_memory": measures.page_memory,
    "one_push": measures.one_push,
    "live_dashboards": measures.live_dashboards,
    "readings": measures.readings,
    "history": history.history,
    "console": console.console,
    "first_visit": visit.first_visit,
}
REPORT = Path(__file__).resolve().parent.parent.parent / "docs" / "benchmarks.md"
NOTES = "<!-- what the figures mean -->"


def main(names: list[str]) -> int:
    """Run the measures *names* (none: all); 2 if there is no such measure, else 0, goals missed or not."""
    unknown = set(names) - set(MEASURES)
    if unknown:
        print(f"There is no measure {', '.join(sorted(unknown))}; there are: {', '.join(MEASURES)}.")
        return 2
    results: list[measures.Result] = []
    for name in names or MEASURES:
        started = time.monotonic()
        print(f"{name} …", end=" ", flush=True)
        results += asyncio.run(MEASURES[name]())
        print(f"{time.monotonic() - started:.0f} s")
    table = "\n".join(
        [
            "| what | to reach | measured | |",
            "|---|---|---|---|",
            *(f"| {r.what} | {r.goal} | {r.measured} | {_came_out(r)} |" for r in results),
        ]
    )
    print("\n" + table)
    if not names:
        text = REPORT.read_text() if REPORT.exists() else NOTES
        notes = text[text.index(NOTES) :] if NOTES in text else NOTES
        REPORT.write_text(
            "# Benchmarks\n\nWritten by `make bench`; ratios are taken within one run.\n\n"
            f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {platform.machine()}, "
            f"{platform.system()}.\n\n{table}\n\n{notes}"
        )
    return 0


def _came_out(result: measures.Result) -> str:
    if result.skipped:
        return "skipped"
    return "✓" if result.reached else "missed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
