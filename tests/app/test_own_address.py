"""Where our links lead: T20."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from app.access.own_address import own_address
from app.settings import Settings


@pytest.mark.parametrize(
    ("host", "server", "public", "leads"),
    [
        ("localhost:1", ("127.0.0.1", 8080), None, "http://localhost:8080"),
        ("[::1]:9", ("::1", 8080), None, "http://[::1]:8080"),
        ("localhost:8080", ("127.0.0.1", 80), None, "http://localhost"),
        ("localhost", ("/run/socket", None), None, "http://localhost"),
        ("localhost:1", ("127.0.0.1", 8080), "https://charge.example", "https://charge.example"),
    ],
)
def test_t20_the_port_is_ours_whatever_was_asked_for(
    host: str, server: Any, public: str | None, leads: str
) -> None:
    """T20: a link goes to somebody else than who asks; the port that they name may be another program's."""
    options: Any = {"public_url": public, "_env_file": None}
    scope = {"type": "http", "scheme": "http", "method": "GET", "path": "/x", "query_string": b""}
    request = Request({**scope, "headers": [(b"host", host.encode())], "server": server})
    assert own_address(Settings(**options), request) == leads
