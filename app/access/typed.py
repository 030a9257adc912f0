"""What somebody typed into a form that was refused goes back to it, so that nobody types it twice.

By a cookie of that page alone, for two minutes; never a password, and nothing in the address.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "polaris-typed-in"
LASTS = 120
"""Seconds."""
LARGEST = 3_000
"""Characters; browsers take 4,096 with the name, and may drop all that is longer."""


def keep(response: Response, page: str, *, secure: bool, **fields: str) -> Response:
    """*response*, which brings *fields* back to the form at *page*; without them if they are too long."""
    kept = urlencode(fields)
    if len(kept) <= LARGEST:
        response.set_cookie(COOKIE, kept, LASTS, path=page, secure=secure, httponly=True, samesite="strict")
    return response


def found(request: Request, name: str, longest: int) -> str:
    """What was typed as *name* into the form of this page before; "" if nothing was."""
    kept = request.cookies.get(COOKIE, "")[:LARGEST]
    return parse_qs(kept, max_num_fields=10).get(name, [""])[0][:longest] if kept.count("&") < 10 else ""
