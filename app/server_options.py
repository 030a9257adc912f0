"""What the server is told, here and in tests that start one of their own."""

from __future__ import annotations

from typing import Any

from app.settings import Settings

BROWSER_FRAME_LIMIT = 131_072
"""Bytes of the largest frame that any socket takes (T35); chargers have their own, lower limit."""


def server_options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told: nothing is believed or told that was not asked for (T20, T39).

    Pings go out every 20 s, and nobody is hung up for not answering them: a charger that talks is alive
    (C4). A socket whose other end has vanished still ends: what a ping sends is never acknowledged, and
    the kernel gives up on it after some minutes; until then a newer connection replaces it (C3).
    """
    return {
        "access_log": False,
        "log_config": None,  # uvicorn's own would go past `app.logs`
        "server_header": False,
        "proxy_headers": False,
        "ws_max_size": max(BROWSER_FRAME_LIMIT, settings.charger_frame_limit),
        "ws_per_message_deflate": False,
        "ws_ping_interval": 20.0,
        "ws_ping_timeout": None,
        "timeout_graceful_shutdown": 3,
    }
