"""Where a link that we hand out leads: to us, whatever the request says of that (T20)."""

from __future__ import annotations

from starlette.requests import Request

from app.settings import Settings

_DEFAULT_PORT = {"http": 80, "https": 443}


def own_address(settings: Settings, request: Request) -> str:
    """The public address; without one, the name that was asked for, at the port that we listen on.

    The door has let in only names that are ours. The port that somebody asked for may be another program's,
    and a link is for somebody else.
    """
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    scheme, name = request.url.scheme, request.url.hostname or settings.host
    port = (request.scope.get("server") or (None, None))[1]
    where = f"[{name}]" if ":" in name else name
    return f"{scheme}://{where}" + ("" if port in (None, _DEFAULT_PORT.get(scheme)) else f":{port}")
