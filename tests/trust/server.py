"""The portal as `main.py` makes it, with a clock that jumps: ``python -m tests.trust.server CLOCK_FILE``.

Its settings come from the environment, as always.
"""

from __future__ import annotations

import sys
from pathlib import Path

from app import clock, serve
from app.settings import load
from tests.trust.moved_clock import MovedClock


def main(file: Path) -> None:
    """Serve until SIGINT or SIGTERM."""
    clock.now = MovedClock(file).now
    serve.serve(load())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
