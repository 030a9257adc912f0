"""What a plain form has posted, and the redirect that answers it."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse

from app.access.tries import neighbourhood


async def form(request: Request) -> FormData:
    """The fields of *request*; no files."""
    return await request.form(max_files=0, max_fields=20)


def text(fields: FormData, name: str, longest: int) -> str:
    """The field *name*; a longer one is cut one character after *longest*, and so still too long."""
    value = fields.get(name, "")
    return value[: longest + 1] if isinstance(value, str) else ""


def number(fields: FormData, name: str) -> int | None:
    """The id that is given as *name*; ``None`` for whatever can't be one."""
    value = fields.get(name)
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()) or len(value) > 9:
        return None
    return int(value)


def client(request: Request) -> str:
    """The network address that *request* came from."""
    return request.client.host if request.client else ""


def address(request: Request) -> str:
    """What counts as one address where tries are counted (T19)."""
    return neighbourhood(client(request))


def redirect(path: str, **query: str | None) -> RedirectResponse:
    """See *path* instead, with those of *query* that have a value."""
    given = {name: value for name, value in query.items() if value}
    if given:
        path = f"{path}?{urlencode(given)}"
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})
