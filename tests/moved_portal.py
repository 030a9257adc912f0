"""The portal as another version, with a clock that a test moves: `python -m tests.moved_portal FILE VERSION`.

FILE is of `tests.trust.moved_clock`. Settings come from the environment, as always.
"""

from __future__ import annotations

import sys
from pathlib import Path

from app import about, clock, serve
from app.settings import load
from tests.trust.moved_clock import MovedClock


def main(file: Path, version: str) -> None:
    """Serve until SIGINT or SIGTERM."""
    clock.now = MovedClock(file).now
    about.VERSION = version
    serve.serve(load())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
