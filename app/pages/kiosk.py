"""`/kiosk`: the board of a screen that has been paired, else the code to pair it with (K1–K3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.access.door import AGAIN
from app.access.shares import TooManyLoads
from app.access.tries import TooManyTries
from app.access.visitor import not_found
from app.pages import doorway, errors, kiosk_board, kiosk_pairing

if TYPE_CHECKING:
    from app.portal import Portal


def install(portal: Portal) -> None:
    """Install the page and the start addresses that lead to it."""

    @ui.page("/kiosk")
    async def kiosk(request: Request) -> Response | None:
        display = await portal.displays.known(request)
        if display is not None:
            await kiosk_board.board(portal, request, display)
        elif _keeps_nothing(request):
            said = errors.plain(doorway.stranger(request), "pairing.cookies")
            return HTMLResponse(said, headers={"Refresh": AGAIN})
        else:
            kiosk_pairing.draw(portal, request)
        return None

    @ui.page("/kiosk/{token}")
    async def start(request: Request, token: str) -> Response:
        # The token leaves the address before anything is shown: no history, no Referer has it (T61).
        response = RedirectResponse("/kiosk", 303, headers={"Referrer-Policy": "no-referrer"})
        try:
            is_known = await portal.displays.enter(request, token, response)
        except TooManyTries as many:
            raise TooManyLoads(many.seconds) from None
        if not is_known:
            raise not_found()
        return response


def _keeps_nothing(request: Request) -> bool:
    """True if a browser loads the page again without the cookie that it was given: its socket was refused,
    and would be for ever. It is asked again each 20 s, in case that somebody has only deleted them.
    """
    return not request.cookies and request.headers.get("cache-control") == "max-age=0"
