"""What a plain form has posted, and the redirect that answers it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse

from app.access.tries import neighbourhood
from app.access.visitor import Elsewhere, SignedOut, Visitor
from components.forms import DRAWN_FOR

if TYPE_CHECKING:
    from app.access.sign_ins import SignIns
from data.row_id import row_id

OTHER_ACCOUNT = "/switch?problem=other-account"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""No database takes them; what is compared or stored in their place is nobody's."""


async def form(request: Request) -> FormData:
    """The fields of *request*; no files. What is not encoded as forms are has got 415 at the door."""
    return await request.form(max_files=0, max_fields=20)


async def by_visitor(request: Request, sign_ins: SignIns, page: str) -> tuple[Visitor, FormData]:
    """Who posts a form from *page*, and its fields.

    A form can take its time, so who is there is asked when all of it has come: a sign-in that has ended
    meanwhile changes nothing (T7, T16). Raises `SignedOut`, and `Elsewhere` as `check_drawn_for` does.
    """
    fields = await form(request)
    visitor = await sign_ins.visitor(request)
    if visitor is None:
        raise SignedOut(page)
    check_drawn_for(visitor, fields.get(DRAWN_FOR))
    return visitor, fields


def check_drawn_for(visitor: Visitor, drawn_for: object) -> None:
    """Raises `Elsewhere`: the page was drawn for another sign-in than the one that is current now (P3).

    Somebody has switched in another tab: what they see there is not what they would change.
    """
    if drawn_for is not None and drawn_for != str(visitor.sign_in_id):
        raise Elsewhere(OTHER_ACCOUNT)


def text(fields: FormData, name: str, longest: int) -> str:
    """The field *name*; a longer one is cut one character after *longest*, and so still too long.

    Without NUL and halves of characters: U+FFFD stands where one was, so that it equals nothing else.
    """
    value = fields.get(name, "")
    return _UNSTORABLE.sub("\ufffd", value[: longest + 1]) if isinstance(value, str) else ""


def number(fields: FormData, name: str) -> int | None:
    """The id that is given as *name*; ``None`` for whatever can't be one."""
    value = fields.get(name)
    return row_id(value) if isinstance(value, str) else None


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
