"""Where to go back to after sign-in: one of our own pages, or nowhere (P1, T18)."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from nicegui import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Match

LONGEST = 2_000
"""Characters; longer addresses than browsers agree on are not ours."""
NOT_BACK = (
    "/sign-in",
    "/welcome",
    "/invitation",
    "/password",
    "/forgot",
    "/enter",
    "/auth",
    "/_nicegui",
)
"""Nobody goes back to where they sign in."""


def here(request: Request) -> str:
    """The address that *request* asked for: its path, with its query."""
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else str(path)


def safe(app: Starlette, address: str | None) -> str | None:
    r"""*address* if it is a path of one of the pages of *app*, else ``None``.

    Browsers read ``/\evil.example`` and ``/<tab>/evil.example`` as the address of another site, so a
    look at the first characters is not enough: nothing but printable characters without a backslash,
    no scheme, no host, and the path has to be one that a page of ours answers to.
    """
    if not address or len(address) > LONGEST or not address.startswith("/") or address.startswith("//"):
        return None  # browsers take any number of slashes for the start of a host; urlsplit does not
    if any(character <= " " or character == "\\" or "\x7f" <= character <= "\x9f" for character in address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    path = unquote(parts.path)
    if parts.scheme or parts.netloc or "//" in path or "\\" in path or any(c <= "\x1f" for c in path):
        return None
    if path.startswith(NOT_BACK) or not _is_page(app, path):
        return None
    return address


def _is_page(app: Starlette, path: str) -> bool:
    pages = set(Client.page_routes.values())
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    return any(
        getattr(route, "path", None) in pages and route.matches(scope)[0] is Match.FULL
        for route in app.routes
    )
