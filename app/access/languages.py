"""The language that a browser asks for (P25, RFC 9110 §12.5.4)."""

from __future__ import annotations

import contextlib

from components.texts import FALLBACK, languages


def preferred(header: str | None) -> str:
    """The best of our languages for an ``Accept-Language`` *header*, which may be missing or nonsense."""
    best, weight = FALLBACK, 0.0
    for part in (header or "")[:1000].split(","):
        name, _, parameters = part.partition(";")
        language, quality = name.strip().lower().split("-")[0], 1.0
        if parameters.strip().startswith("q="):
            quality = 0.0
            with contextlib.suppress(ValueError):
                quality = float(parameters.strip()[2:])
        if language in languages() and weight < quality <= 1:
            best, weight = language, quality
    return best
